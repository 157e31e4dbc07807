//! Strength: which of two definitions beats the other.

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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rank {
    /// 0 to 5.
    pub strength: u8,
    /// The file.
    pub file: FileId,
}

impl Rank {
    /// Greater beats less; `None` is a tie between two that are not ordered. `uses[a][b]` says that `a` uses `b`.
    pub fn beats(self, other: Rank, uses: &[Vec<bool>]) -> bool {
        match self.strength.cmp(&other.strength) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => {
                self.strength >= SITE_SUGGEST
                    && uses[self.file.0 as usize][other.file.0 as usize]
                    && self.file != other.file
            }
        }
    }
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
