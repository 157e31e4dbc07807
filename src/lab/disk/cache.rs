//! A disk that has a cache: what was written is there to be read at once, and there after a power cut only if it was flushed.
//!
//! Knows neither file systems nor FUSE; a file is the disk.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use fastrand::Rng;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// How much a disk holds back at most. Beyond it the oldest writes are safe, as they are on a disk whose cache is full.
const LIMIT: usize = 256 << 20;

/// A file that stands for a disk, and what would be undone in it by a power cut now.
#[derive(Debug)]
pub(super) struct CachedDisk {
    file: File,
    /// Oldest first.
    unflushed: VecDeque<Write>,
    held: usize,
    limit: usize,
    lost: Option<PowerLoss>,
}

/// A write that was not flushed.
#[derive(Debug)]
struct Write {
    at: u64,
    /// What was there before.
    before: Vec<u8>,
}

/// What a power cut did to the writes that were not flushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerLoss {
    /// What its fate was drawn from: the same writes and the same seed give the same disk.
    pub seed: u64,
    /// What the disk writes whole or not at all, in bytes.
    pub sector: usize,
    /// Writes that were not flushed.
    pub writes: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Those of them that reached the disk whole.
    pub kept: usize,
    /// Those of which some sectors did.
    pub torn: usize,
}

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Torn,
    Lost,
}

/// Which writes a power cut takes. Disks differ, so each cut draws one.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// All of them.
    Nothing,
    /// None.
    Everything,
    /// Those from one on, which is torn.
    Until(usize),
    /// Any.
    Any,
}

impl CachedDisk {
    /// Returns the disk that a file stands for.
    pub fn new(file: File) -> Self {
        Self { file, unflushed: VecDeque::new(), held: 0, limit: LIMIT, lost: None }
    }

    /// Returns its size in bytes.
    pub fn size(&self) -> io::Result<u64> {
        self.file.metadata().map(|it| it.len())
    }

    /// Returns what the power cut did, if there was one.
    pub fn lost(&self) -> Option<&PowerLoss> {
        self.lost.as_ref()
    }

    /// Reads what was written last, flushed or not.
    pub fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        self.powered()?;
        read(&self.file, at, len)
    }

    /// Writes, for now.
    pub fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.powered()?;
        let before = read(&self.file, at, bytes.len())?;
        if before.len() < bytes.len() {
            return Err(Errno::NOSPC.into());
        }
        self.file.write_all_at(bytes, at)?;
        self.held += before.len();
        self.unflushed.push_back(Write { at, before });
        while self.held > self.limit {
            let Some(oldest) = self.unflushed.pop_front() else { break };
            self.held -= oldest.before.len();
        }
        Ok(())
    }

    /// Makes all that was written survive power cuts.
    pub fn flush(&mut self) -> io::Result<()> {
        self.powered()?;
        self.unflushed.clear();
        self.held = 0;
        Ok(())
    }

    /// Cuts the power: of what was not flushed only a part remains, drawn by the seed. The disk answers nothing from then on.
    pub fn cut(&mut self, seed: u64) -> io::Result<PowerLoss> {
        self.powered()?;
        let mut rng = Rng::with_seed(seed);
        let sector = if rng.bool() { 512 } else { 4096 };
        let writes = self.unflushed.len();
        let mut loss = PowerLoss { seed, sector, writes, bytes: self.held, kept: 0, torn: 0 };
        self.lost = Some(loss.clone());

        // Back to the last flush; what each write had written is in the file once those after it are undone.
        let mut redo = Vec::with_capacity(writes);
        while let Some(Write { at, before }) = self.unflushed.pop_back() {
            redo.push((at, read(&self.file, at, before.len())?));
            self.file.write_all_at(&before, at)?;
        }
        self.held = 0;

        let order = match rng.u8(..4) {
            0 => Order::Nothing,
            1 => Order::Everything,
            2 => Order::Until(rng.usize(..=writes)),
            _ => Order::Any,
        };
        for (nth, (at, after)) in redo.into_iter().rev().enumerate() {
            match fate(order, nth, &mut rng) {
                Fate::Lost => {}
                Fate::Kept => {
                    self.file.write_all_at(&after, at)?;
                    loss.kept += 1;
                }
                Fate::Torn => {
                    for (at, bytes) in sectors(at, &after, sector) {
                        if rng.bool() {
                            self.file.write_all_at(bytes, at)?;
                        }
                    }
                    loss.torn += 1;
                }
            }
        }
        self.lost = Some(loss.clone());
        Ok(loss)
    }

    fn powered(&self) -> io::Result<()> {
        if self.lost.is_some() { Err(Errno::IO.into()) } else { Ok(()) }
    }
}

fn fate(order: Order, nth: usize, rng: &mut Rng) -> Fate {
    match order {
        Order::Nothing => Fate::Lost,
        Order::Everything => Fate::Kept,
        Order::Until(end) if nth < end => Fate::Kept,
        Order::Until(end) if nth == end => Fate::Torn,
        Order::Until(_) => Fate::Lost,
        Order::Any => [Fate::Kept, Fate::Torn, Fate::Lost][rng.usize(..3)],
    }
}

/// Cuts a write at the bounds of the disk's sectors.
fn sectors(at: u64, bytes: &[u8], sector: usize) -> impl Iterator<Item = (u64, &[u8])> {
    let (mut at, mut rest) = (at, bytes);
    std::iter::from_fn(move || {
        let room = sector - usize::try_from(at % sector as u64).unwrap_or_default();
        let (here, after) = rest.split_at(room.min(rest.len()));
        let found = (at, here);
        at += here.len() as u64;
        rest = after;
        (!here.is_empty()).then_some(found)
    })
}

/// Reads up to the end of the file.
fn read(file: &File, at: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut done = 0;
    while done < len {
        match file.read_at(&mut bytes[done..], at + done as u64)? {
            0 => break,
            n => done += n,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 64 << 10;

    fn disk() -> CachedDisk {
        let file = tempfile::tempfile().expect("a file");
        file.set_len(SIZE as u64).expect("it grows");
        CachedDisk::new(file)
    }

    fn content(disk: &CachedDisk) -> Vec<u8> {
        read(&disk.file, 0, SIZE).expect("the file is read")
    }

    #[test]
    fn what_was_written_is_read_and_nothing_lies_past_the_end() {
        let mut disk = disk();
        disk.write(700, b"hello").expect("there is room");
        assert_eq!(disk.read(700, 5).expect("it is read"), b"hello");
        assert!(disk.write(SIZE as u64 - 2, b"hello").is_err());
        assert_eq!(disk.read(SIZE as u64 - 2, 5).expect("it is read"), [0, 0]);
    }

    #[test]
    fn what_was_flushed_survives_every_cut() {
        for seed in 0..50 {
            let mut disk = disk();
            disk.write(0, &[1; 8192]).expect("there is room");
            disk.flush().expect("it is flushed");
            disk.write(16384, &[2; 8192]).expect("there is room");
            disk.cut(seed).expect("it is cut");
            assert_eq!(content(&disk)[..8192], [1; 8192], "seed {seed}");
        }
    }

    #[test]
    fn a_sector_is_what_one_of_its_writes_made_it_or_what_was_flushed() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut disk = disk();
            let mut rng = Rng::with_seed(seed);
            let mut writes = Vec::new();
            for nth in 1..=20_u8 {
                let (at, len) = (rng.u64(..8) * 4096, rng.usize(1..=4) * 4096);
                disk.write(at, &vec![nth; len]).expect("there is room");
                writes.push((at, len, nth));
            }
            let loss = disk.cut(seed).expect("it is cut");
            for (idx, sector) in content(&disk).chunks(loss.sector).enumerate() {
                assert!(
                    sector.iter().all(|it| *it == sector[0]),
                    "seed {seed}: sector {idx} is torn in itself"
                );
                let at = (idx * loss.sector) as u64;
                let may = |&(from, len, nth): &(u64, usize, u8)| {
                    nth == sector[0] && (from..from + len as u64).contains(&at)
                };
                assert!(sector[0] == 0 || writes.iter().any(may), "seed {seed}: sector {idx} was never that");
            }
            assert_eq!((loss.writes, loss.seed), (20, seed));
            seen.insert((loss.kept.min(1), loss.torn.min(1), usize::from(loss.kept == 20)));
        }
        // All lost, all kept, up to a point, any.
        assert!(seen.is_superset(&[(0, 0, 0), (1, 0, 1), (1, 1, 0)].into()), "{seen:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_disk() {
        let after = |seed| {
            let mut disk = disk();
            (0..9).for_each(|nth| disk.write(nth * 4096, &[7; 4096]).expect("there is room"));
            disk.cut(seed).expect("it is cut");
            content(&disk)
        };
        assert_eq!(after(5), after(5));
        assert!((0..20).any(|seed| after(seed) != after(5)));
    }

    #[test]
    fn after_a_cut_the_disk_is_dead() {
        let mut disk = disk();
        disk.cut(1).expect("it is cut");
        assert!(disk.read(0, 1).is_err() && disk.write(0, b"x").is_err());
        assert!(disk.flush().is_err() && disk.cut(2).is_err());
    }

    #[test]
    fn a_full_cache_lets_the_oldest_writes_go_to_the_disk() {
        for seed in 0..20 {
            let mut disk = CachedDisk { limit: 8192, ..disk() };
            (0..3).for_each(|nth| disk.write(nth * 4096, &[9; 4096]).expect("there is room"));
            assert_eq!(disk.cut(seed).expect("it is cut").writes, 2);
            assert_eq!(content(&disk)[..4096], [9; 4096], "seed {seed}");
        }
    }

    #[test]
    fn writes_are_cut_at_the_bounds_of_sectors() {
        let cut: Vec<_> = sectors(500, &[0; 600], 512).map(|(at, it)| (at, it.len())).collect();
        assert_eq!(cut, [(500, 12), (512, 512), (1024, 76)]);
    }
}
