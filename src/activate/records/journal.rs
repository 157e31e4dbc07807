//! The journal of a switch: each action is written down and synced before it is done, so that whoever comes after a crash knows.
//!
//! Decides nothing. One file per switch: `open.journal` until it ended, then renamed to its own name. A line is a number,
//! a checksum and a record; what a power cut left of the last one is not read.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::error_report::ErrorReport;
use super::history::Kind;
use super::verdict::Verdict;
use crate::machine::layout::Layout;
use crate::machine::systemd::UnitState;
use store::Digest;
use store::files::{self, FileError, failed};

/// The version of these records; a reader refuses a higher one.
pub const VERSION: u32 = 2;

/// One line of a journal. Those that are no news of something done are intents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// A switch was asked for; nothing is touched yet.
    Asked {
        /// The version of these records, [`VERSION`].
        version: u32,
        /// Names the switch.
        tx: String,
        /// The boot it runs in.
        boot_id: String,
        /// Seconds since 1970.
        time: u64,
    },
    /// Intent: an image that is missing is got. It stays, whatever comes of the switch.
    Pulling {
        /// The image.
        image: String,
    },
    /// All was checked. From here on the host is in transit.
    Begin(Begin),
    /// Intent: a timer of PID 1 that takes the host back is started.
    Arming {
        /// The timer.
        timer: String,
        /// Seconds until then.
        secs: u64,
    },
    /// Intent: a unit is stopped under its old definition.
    Stopping {
        /// The unit.
        unit: String,
        /// Why.
        reason: String,
    },
    /// Intent: a generation goes on trial.
    Trial {
        /// Its number.
        number: u64,
    },
    /// Intent: a kernel setting gets a value or a module is loaded.
    Kernel {
        /// Its key or name.
        key: String,
        /// The value, or `loaded`.
        value: String,
        /// The value before; absent for a module.
        old: Option<String>,
    },
    /// A unit whose turn it is waits until units of other hosts are over.
    Held {
        /// The unit.
        unit: String,
    },
    /// Intent: a unit is started, restarted, reloaded or run.
    Acting {
        /// The unit.
        unit: String,
        /// What is done.
        verb: String,
        /// Why.
        reason: String,
        /// Whether a job of systemd does it, which may leave the unit running anew.
        job: bool,
        /// Whether its live files are replaced first.
        live: bool,
    },
    /// A unit is up, or a task done.
    Up {
        /// The unit.
        unit: String,
        /// Thousandths of a second since it was begun.
        millis: u64,
    },
    /// A task was completed; its completion record is on disk.
    Task {
        /// The task.
        name: String,
    },
    /// Everything is up, and the commit waits for a word.
    Waiting {
        /// Seconds until the host goes back.
        secs: u64,
    },
    /// The word came.
    Confirmed,
    /// Intent: the generation is committed.
    Committing {
        /// Its number.
        number: u64,
    },
    /// Intent: the host goes back.
    Reverting {
        /// The generation that holds; none if there is none yet.
        to: Option<u64>,
        /// Why.
        failure: ErrorReport,
    },
    /// Somebody else goes on with a switch whose process is gone.
    Recovering {
        /// Seconds since 1970.
        time: u64,
    },
    /// Intent: the generation that was never committed is removed.
    Discarding {
        /// Its number.
        number: u64,
    },
    /// It ended.
    End(Verdict),
}

/// What a switch is about, and how the host was before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// What was asked for.
    pub kind: Kind,
    /// The committed generation; none if there is none yet.
    pub from: Option<u64>,
    /// The generation asked for.
    pub to: u64,
    /// Names its closure.
    pub closure: Digest,
    /// The units that ran, by name.
    pub before: BTreeMap<String, UnitSnapshot>,
}

/// How a unit was before a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitSnapshot {
    /// `active`, `activating` and so on.
    pub active: String,
    /// Names that run of the unit.
    pub invocation: String,
}

impl From<&UnitState> for UnitSnapshot {
    fn from(state: &UnitState) -> Self {
        Self { active: state.active.clone(), invocation: state.invocation.clone() }
    }
}

impl Record {
    /// Says whether a action follows that must not happen before this is on disk.
    fn is_intent(&self) -> bool {
        !matches!(self, Self::Asked { .. } | Self::Held { .. } | Self::Up { .. } | Self::Waiting { .. })
    }
}

/// A journal that is written, or none.
#[derive(Debug, Default)]
pub struct Journal {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    next: u64,
    /// How long it is up to its last whole line.
    length: u64,
    /// Whether actions go on where nothing can be written any more.
    ignores_errors: bool,
}

impl Journal {
    /// Begins a journal. Its name is on disk when this returns.
    pub fn begin(layout: &Layout, tx: &str) -> Result<Self, FileError> {
        let path = layout.journal();
        let folder = layout.journals();
        files::make_folder(&folder)?;
        let mut options = OpenOptions::new();
        // It has the last words of units that failed.
        options.create_new(true).append(true).mode(0o600);
        let file = options.open(&path).map_err(failed!(Write, path))?;
        let mut journal =
            Self { open: Some(Open { path: path.clone(), file, next: 0, length: 0, ignores_errors: false }) };
        let begun = files::sync_folder(&folder).and_then(|()| journal.tell(&asked(layout, tx)));
        if let Err(error) = begun {
            // A switch that could not begin must not look like one that was cut off.
            let _left = files::remove_file(&path);
            return Err(error);
        }
        Ok(journal)
    }

    /// Opens the journal of a switch that did not end, and returns it with what it tells. Half a last line is cut off.
    pub fn reopen(layout: &Layout) -> Result<Option<(Self, Vec<Record>)>, FileError> {
        let path = layout.journal();
        let mut options = OpenOptions::new();
        // A link is none of ours, and what it leads to must not be cut.
        options.read(true).append(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let mut file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(FileError::Read { path, source }),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed!(Read, path))?;
        let mut reader = Reader::default();
        reader.feed(&bytes);
        let records: Vec<Record> = std::iter::from_fn(|| reader.next_record()).collect();
        if reader.read < bytes.len() {
            file.set_len(reader.read as u64).map_err(failed!(Write, path))?;
        }
        Ok(Some((
            Self {
                open: Some(Open {
                    path,
                    file,
                    next: reader.seq,
                    length: reader.read as u64,
                    ignores_errors: true,
                }),
            },
            records,
        )))
    }

    /// Lets actions go on from now where nothing can be written any more: the way back, and what follows a commit.
    pub fn ignore_write_errors(&mut self) {
        if let Some(open) = &mut self.open {
            open.ignores_errors = true;
        }
    }

    /// Writes a record; an intent is on disk when this returns.
    pub fn tell(&mut self, record: &Record) -> Result<(), FileError> {
        let ignores_errors = self.open.as_ref().is_some_and(|open| open.ignores_errors);
        let told = self.write(record);
        if ignores_errors { Ok(()) } else { told }
    }

    fn write(&mut self, record: &Record) -> Result<(), FileError> {
        let Some(Open { path, file, next, length, ignores_errors: _ }) = &mut self.open else {
            return Ok(());
        };
        let text = line(*next, record);
        // In one write, so that only a power cut or a full disk can leave half of it.
        if let Err(source) = file.write_all(text.as_bytes()) {
            // What follows must not be glued to half a line: nothing behind that would be believed.
            let _as_it_is = file.set_len(*length);
            return Err(FileError::Write { path: path.clone(), source });
        }
        *length += text.len() as u64;
        *next += 1;
        if record.is_intent() {
            file.sync_data().map_err(failed!(Sync, path))?;
        }
        Ok(())
    }

    /// Ends the journal: it gets its own name, and there is no open one any more.
    pub fn close(&mut self, layout: &Layout, tx: &str, verdict: &Verdict) -> Result<(), FileError> {
        let told = self.write(&Record::End(verdict.clone()));
        self.open = None;
        let rename = || files::rename(&layout.journal(), &layout.closed_journal(tx));
        // Twice: what failed for a moment must not leave a switch open that has told its end.
        rename().or_else(|_| rename())?;
        files::sync_folder(&layout.journals())?;
        told
    }
}

/// Returns the journals of switches that ended, the one that ended last at the end.
pub fn closed(layout: &Layout) -> Result<Vec<PathBuf>, FileError> {
    let mut found = Vec::new();
    for name in files::names(&layout.journals())? {
        let path = layout.journals().join(name);
        if path.extension().is_some_and(|it| it == "journal") && path != layout.journal() {
            let metadata = path.metadata().map_err(failed!(Read, path))?;
            found.push((metadata.modified().map_err(failed!(Read, path))?, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Says whether the journal that is open is this switch's own.
pub fn is_open(layout: &Layout, tx: &str) -> bool {
    let records = read_open(layout).ok().flatten().unwrap_or_default();
    name_of(&records) == Some(tx)
}

/// Reads the journal that is open, up to its last whole line, and leaves it as it is.
pub fn read_open(layout: &Layout) -> Result<Option<Vec<Record>>, FileError> {
    let Some(bytes) = files::read_if_there(&layout.journal())? else { return Ok(None) };
    let mut reader = Reader::default();
    reader.feed(&bytes);
    Ok(Some(std::iter::from_fn(|| reader.next_record()).collect()))
}

/// Returns what the switch is called that a journal tells of.
pub fn name_of(records: &[Record]) -> Option<&str> {
    match records.first()? {
        Record::Asked { tx, .. } => Some(tx),
        _ => None,
    }
}

/// Writes a journal that was over before it began: nobody else's is in the way.
pub fn write_closed(layout: &Layout, tx: &str, verdict: &Verdict) -> Result<(), FileError> {
    files::make_folder(&layout.journals())?;
    let text = line(0, &asked(layout, tx)) + &line(1, &Record::End(verdict.clone()));
    files::write_synced(&layout.closed_journal(tx), text.as_bytes(), 0o600)
}

fn asked(layout: &Layout, tx: &str) -> Record {
    let time = super::history::seconds_now();
    Record::Asked { version: VERSION, tx: tx.to_owned(), boot_id: boot_id(layout), time }
}

/// Returns the name of this boot; without one, two boots look alike, and recovery takes the longer way.
pub fn boot_id(layout: &Layout) -> String {
    files::read_text(&layout.boot_id()).unwrap_or_default().trim().to_owned()
}

fn line(seq: u64, record: &Record) -> String {
    // Writing plain structs into memory cannot fail.
    let text = serde_json::to_string(record).unwrap_or_default();
    format!("{seq} {} {text}\n", sum(seq, &text))
}

fn sum(seq: u64, text: &str) -> String {
    Digest::of(format!("{seq} {text}").as_bytes()).as_str().chars().take(16).collect()
}

/// Reads records as they come, and nothing behind the first line that is not one.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    /// How many bytes were understood.
    read: usize,
    seq: u64,
}

impl Reader {
    /// Adds what was read of a file.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes up what a file has grown by. Half a line that was read before may have been cut off since.
    pub fn feed_from(&mut self, file: &mut File) -> std::io::Result<usize> {
        self.bytes.truncate(self.read);
        file.seek(SeekFrom::Start(self.read as u64))?;
        file.read_to_end(&mut self.bytes)
    }

    /// Returns the next whole record.
    pub fn next_record(&mut self) -> Option<Record> {
        let rest = &self.bytes[self.read..];
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (seq, rest) = std::str::from_utf8(&rest[..end]).ok()?.split_once(' ')?;
        let (found, text) = rest.split_once(' ')?;
        if seq.parse() != Ok(self.seq) || found != sum(self.seq, text) {
            return None;
        }
        let record = serde_json::from_str(text).ok()?;
        self.read += end + 1;
        self.seq += 1;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> (tempfile::TempDir, Layout, Vec<u8>) {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let layout = Layout::new(root.path());
        let mut journal = Journal::begin(&layout, "1").unwrap_or_else(|error| panic!("{error}"));
        for number in [7, 8] {
            journal.tell(&Record::Trial { number }).unwrap_or_else(|error| panic!("{error}"));
        }
        let bytes = files::read(&layout.journal()).unwrap_or_default();
        (root, layout, bytes)
    }

    fn numbers(records: &[Record]) -> Vec<u64> {
        records
            .iter()
            .filter_map(|it| if let Record::Trial { number } = it { Some(*number) } else { None })
            .collect()
    }

    #[test]
    fn every_prefix_of_a_journal_is_read_up_to_its_last_whole_line_and_written_on() {
        let (_root, layout, bytes) = written();
        let lines = |length: usize| bytes[..length].iter().filter(|byte| **byte == b'\n').count();
        for length in 0..=bytes.len() {
            std::fs::write(layout.journal(), &bytes[..length]).unwrap_or_else(|error| panic!("{error}"));
            let opened = Journal::reopen(&layout).unwrap_or_else(|error| panic!("{error}"));
            let (mut journal, records) = opened.unwrap_or_else(|| panic!("it is there"));
            assert_eq!(records.len(), lines(length));
            journal.tell(&Record::Trial { number: 9 }).unwrap_or_else(|error| panic!("{error}"));
            let again = Journal::reopen(&layout).ok().flatten().map(|it| it.1).unwrap_or_default();
            assert_eq!(again.len(), records.len() + 1);
            assert_eq!(numbers(&again).last(), Some(&9));
        }
    }

    #[test]
    fn nothing_behind_a_changed_byte_is_believed() {
        let (_root, layout, bytes) = written();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(layout.journal(), &changed).unwrap_or_else(|error| panic!("{error}"));
            let records = Journal::reopen(&layout).ok().flatten().map(|it| it.1).unwrap_or_default();
            let whole = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(records.len(), whole, "with byte {at} changed");
        }
    }
}
