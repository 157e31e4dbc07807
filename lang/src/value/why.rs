//! Why a leaf has its value, or why there is none: who set it, who lost, what it read.

use crate::diag::Problems;
use crate::source::Span;
use std::collections::BTreeSet;

/// A definition of a leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Where it stands.
    pub at: Span,
    /// Its strength in words.
    pub strength: &'static str,
}

/// A `+=` or `-=`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Where it stands.
    pub line: Line,
    /// Whether it takes away.
    pub takes: bool,
    /// The items that it gave or took, as they are written.
    pub items: String,
}

/// A leaf that was read, and what was read for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// Its path as it is written.
    pub path: String,
    /// Its value, if that is short.
    pub value: Option<String>,
    /// What was read for it, if it was not known already.
    pub reads: Vec<Read>,
}

/// Why a leaf has its value.
#[derive(Clone, Debug)]
pub struct Why {
    /// The path as it is written.
    pub path: String,
    /// The value in the language.
    pub value: String,
    /// Where the value was written.
    pub written_at: Span,
    /// The winning definition; the default of the type when `strength` is "default". Of what is made by `+=` and `-=`, the base.
    pub winner: Line,
    /// The definition that brought the value here whole, where the winner stands at another path.
    pub through: Option<Line>,
    /// The `+=` and `-=` in the order in which they count.
    pub parts: Vec<Part>,
    /// The others, strongest first.
    pub losers: Vec<Line>,
    /// The leaves that were read for it.
    pub reads: Vec<Read>,
    /// Whether these are what gave this leaf alone. Of one that failed they are also what gave its neighbours.
    pub is_narrow: bool,
    /// What went wrong on the way to it.
    pub concerns: Concerns,
}

/// The mistakes that concern a value, and what it depends on: a mistake at one of these places concerns it too.
#[derive(Clone, Debug, Default)]
pub struct Concerns {
    /// The mistakes of its own evaluation.
    pub problems: Problems,
    /// The definitions, loops and guards that were evaluated for it.
    pub involved: BTreeSet<Span>,
}

/// Why a path could not be followed.
#[derive(Clone, Debug)]
pub enum NoPath {
    /// There is nothing of this name here.
    Nothing(Box<Nothing>),
    /// It is no leaf.
    Below(Box<Below>),
}

/// A path that leads nowhere.
#[derive(Clone, Debug)]
pub struct Nothing {
    /// How far the path goes.
    pub until: String,
    /// The step that is not there.
    pub step: String,
    /// The path to it, as it is written.
    pub path: String,
    /// A name that is near.
    pub near: Option<String>,
    /// The definitions that say something of it.
    pub claims: Vec<Claim>,
    /// What went wrong on the way.
    pub concerns: Concerns,
}

/// A path that leads to a record, a map or a document.
#[derive(Clone, Debug)]
pub struct Below {
    /// The path as it is written.
    pub path: String,
    /// The names below it.
    pub names: Vec<String>,
    /// The definitions that end there.
    pub claims: Vec<Claim>,
    /// What went wrong on the way.
    pub concerns: Concerns,
}

/// A definition that ends at a place, or replaces what is around it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Where it stands.
    pub line: Line,
    /// What it says.
    pub says: Says,
}

/// What a definition says of a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Says {
    /// `none`: it takes the place away.
    Takes,
    /// `:=`: it drops what is weaker, here or around the place.
    Replaces,
    /// It gives the place.
    Gives,
    /// It would give the place, but this guard does not hold.
    Unless(Span),
    /// It would give the place, but this loop does not come to it.
    Beside(Span),
}
