//! Strength: which of two definitions beats the other, and in which order those that add to a list are read.
//!
//! "Beats" is a strict partial order: two files of which neither uses the other are not ordered. So it picks winners, and
//! nothing is ever sorted by it; what has to stand in a row is sorted by [`Rank::order`], which is total and agrees with it.

use crate::source::{FileId, Span};
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
    /// The file; of a default, how deep in the tree the record is whose type has it.
    pub file: FileId,
}

/// Which file uses which.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    /// `closure[a][b]`: `a` uses `b`, through any chain.
    closure: Vec<Vec<bool>>,
    /// The longest chain of site files below a site file; 0 for the library.
    levels: Vec<u32>,
    /// What each file uses itself, and where it says so.
    direct: Vec<Vec<(FileId, Span)>>,
    /// The files that the description was asked for by.
    entries: Vec<FileId>,
}

impl Uses {
    /// From what each file uses itself, which has no cycle. Only chains between files of the site make levels.
    pub fn new(direct: Vec<Vec<(FileId, Span)>>, is_site: &[bool], entries: Vec<FileId>) -> Uses {
        let closure: Vec<Vec<bool>> = (0..direct.len()).map(|i| reach(&direct, i, None)).collect();
        // A file that uses another uses all that the other does, so it comes after it by this count.
        let mut by_size: Vec<usize> = (0..direct.len()).collect();
        by_size.sort_by_key(|i| closure[*i].iter().filter(|used| **used).count());
        let mut levels = vec![0; direct.len()];
        for i in by_size.into_iter().filter(|i| is_site[*i]) {
            let below = direct[i].iter().map(|(f, _)| f.0 as usize).filter(|f| is_site[*f]);
            levels[i] = below.map(|f| levels[f] + 1).max().unwrap_or(0);
        }
        Uses { closure, levels, direct, entries }
    }

    /// Whether one file uses another, through any chain. None uses itself, and a text that is read by `file` or `template` is used by none.
    pub fn uses(&self, a: FileId, b: FileId) -> bool {
        let used = self.closure.get(a.0 as usize).and_then(|used| used.get(b.0 as usize));
        a != b && used == Some(&true)
    }

    /// Whether a file has definitions: others are texts that are read by `file` and `template`, or what was asked for.
    pub fn is_module(&self, file: FileId) -> bool {
        (file.0 as usize) < self.direct.len()
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
        out.direct.resize(n + 1, Vec::new());
        out.entries.push(top);
        out
    }

    /// All that a file uses, by file.
    pub fn all_of(&self, file: FileId) -> &[bool] {
        &self.closure[file.0 as usize]
    }

    /// Whether the description has a file by another way than through one that uses it: the two stand beside each other, and
    /// the one wins over the other only because it happens to use it. What was asked for by its name stands above all.
    pub fn is_beside(&self, user: FileId, used: FileId) -> bool {
        let entries = || self.entries.iter().filter(|entry| **entry != used);
        !self.entries.contains(&user)
            && entries().any(|entry| reach(&self.direct, entry.0 as usize, Some(user))[used.0 as usize])
    }

    /// Where a file says that it uses another, or one that does.
    pub fn said_at(&self, user: FileId, used: FileId) -> Option<Span> {
        let leads = |next: FileId| next == used || self.uses(next, used);
        self.direct[user.0 as usize].iter().find(|(next, _)| leads(*next)).map(|(_, at)| *at)
    }
}

/// What a file uses through any chain, or through any chain without one file.
fn reach(direct: &[Vec<(FileId, Span)>], from: usize, without: Option<FileId>) -> Vec<bool> {
    let mut seen = vec![false; direct.len()];
    let mut todo: Vec<usize> = vec![from];
    while let Some(next) = todo.pop() {
        let more =
            direct[next].iter().filter(|(file, _)| Some(*file) != without).map(|(file, _)| file.0 as usize);
        for file in more {
            if !std::mem::replace(&mut seen[file], true) {
                todo.push(file);
            }
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
            // A default that is written further out writes what lies in it.
            Ordering::Equal if self.strength == DEFAULT => self.file < other.file,
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
