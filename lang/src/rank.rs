//! Strength: which of two definitions beats the other, and in which order those that add to a list are read.
//!
//! "Beats" is a strict partial order: two files of which neither uses the other are not ordered. So it picks winners, and
//! nothing is ever sorted by it; what has to stand in a row is sorted by [`Rank::order`], which is total and agrees with it.

use crate::source::FileId;
use std::cmp::Ordering;

/// The default in a type.
pub const DEFAULT: u8 = 0;
/// `?=` in the library.
pub const LIBRARY_SUGGEST: u8 = 1;
/// `=` in the library.
pub const LIBRARY: u8 = 2;
/// `?=` in the site.
pub const SITE_SUGGEST: u8 = 3;
/// `=` in the site.
pub const SITE: u8 = 4;
/// `force`, site only.
pub const FORCE: u8 = 5;

/// What decides between two definitions: the strength, then, in the site, which file uses which.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rank {
    /// 0 to 5.
    pub strength: u8,
    /// The file.
    pub file: FileId,
}

/// Which file uses which.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    /// `closure[a][b]`: `a` uses `b`, through any chain.
    closure: Vec<Vec<bool>>,
    /// The longest chain of site files below a site file; 0 for the library.
    levels: Vec<u32>,
}

impl Uses {
    /// From what each file uses itself, which has no cycle. Only chains between files of the site make levels.
    pub fn new(direct: &[Vec<FileId>], is_site: &[bool]) -> Uses {
        let closure: Vec<Vec<bool>> = (0..direct.len()).map(|i| reach(direct, i)).collect();
        // A file that uses another uses all that the other does, so it comes after it by this count.
        let mut by_size: Vec<usize> = (0..direct.len()).collect();
        by_size.sort_by_key(|i| closure[*i].iter().filter(|used| **used).count());
        let mut levels = vec![0; direct.len()];
        for i in by_size.into_iter().filter(|i| is_site[*i]) {
            let below = direct[i].iter().map(|f| f.0 as usize).filter(|f| is_site[*f]);
            levels[i] = below.map(|f| levels[f] + 1).max().unwrap_or(0);
        }
        Uses { closure, levels }
    }

    /// Whether one file uses another, through any chain. None uses itself, and a text that is read by `file` or `template` is used by none.
    pub fn uses(&self, a: FileId, b: FileId) -> bool {
        let used = self.closure.get(a.0 as usize).and_then(|used| used.get(b.0 as usize));
        a != b && used == Some(&true)
    }

    /// The same with one more file, which uses all others. Numbers between those that are known and its own are of files that use nothing.
    pub fn with_top(&self, top: FileId) -> Uses {
        let n = usize::from(top.0);
        let mut out = self.clone();
        out.closure.resize(n, Vec::new());
        out.closure.push(vec![true; n]);
        out.closure.iter_mut().for_each(|row| row.resize(n + 1, false));
        out.levels.resize(n, 0);
        out.levels.push(self.levels.iter().max().map_or(1, |level| level + 1));
        out
    }

    /// All that a file uses, by file.
    pub fn all_of(&self, file: FileId) -> &[bool] {
        &self.closure[file.0 as usize]
    }
}

fn reach(direct: &[Vec<FileId>], from: usize) -> Vec<bool> {
    let mut seen = vec![false; direct.len()];
    let mut todo: Vec<usize> = direct[from].iter().map(|f| f.0 as usize).collect();
    while let Some(next) = todo.pop() {
        if !std::mem::replace(&mut seen[next], true) {
            todo.extend(direct[next].iter().map(|f| f.0 as usize));
        }
    }
    seen
}

impl Rank {
    /// Whether the first wins over the second. Of two that are not ordered, neither does.
    pub fn beats(self, other: Rank, uses: &Uses) -> bool {
        match self.strength.cmp(&other.strength) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => self.strength >= SITE_SUGGEST && uses.uses(self.file, other.file),
        }
    }

    /// By what definitions that add to a list are sorted, weakest first; what is equal here follows by path and line.
    pub fn order(self, uses: &Uses) -> (u8, u32) {
        (self.strength, uses.levels[self.file.0 as usize])
    }
}

/// Those of some ranks that no other of them beats, each once.
pub fn strongest(ranks: impl IntoIterator<Item = Rank>, uses: &Uses) -> Vec<Rank> {
    let mut all: Vec<Rank> = Vec::new();
    for rank in ranks {
        match all.first().map_or(Ordering::Greater, |first| rank.strength.cmp(&first.strength)) {
            Ordering::Greater => all = vec![rank],
            // Most are of the file of the one before.
            Ordering::Equal if all.last() != Some(&rank) => all.push(rank),
            _ => {}
        }
    }
    all.sort_unstable();
    all.dedup();
    let beaten: Vec<bool> = all.iter().map(|rank| all.iter().any(|other| other.beats(*rank, uses))).collect();
    let mut beaten = beaten.into_iter();
    all.retain(|_| beaten.next() == Some(false));
    all
}

/// How a report names a strength.
pub fn strength_name(strength: u8) -> &'static str {
    match strength {
        DEFAULT => "default",
        LIBRARY_SUGGEST => "library ?=",
        LIBRARY => "library =",
        SITE_SUGGEST => "site ?=",
        SITE => "site =",
        _ => "force",
    }
}
