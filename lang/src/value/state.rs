//! What a pass keeps while it evaluates: what is open, what is noted for reports, and what is watched for those who ask.

use super::memo::{EnvId, Map, Src};
use crate::diag::Diagnostic;
use crate::live::{NodeId, Value};
use crate::source::Span;
use crate::syntax::ast::Op;
use crate::types::hir::{DefId, GroupId};
use crate::types::ty::RecId;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Something that is being evaluated, for the report of a cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Open {
    /// A leaf or child of a record.
    Field(NodeId, u32),
    /// An entry of a map or Tree, by the position of its key in `names`.
    Entry(NodeId, u32),
    /// The keys of a map.
    Keys(NodeId),
    /// A guard.
    Guard(GroupId, EnvId),
    /// A loop.
    Loop(GroupId, EnvId),
    /// A computed step.
    Star(u32, EnvId),
    /// Values given whole at a node.
    Wholes(NodeId),
    /// A `let` of a file.
    Global(u32),
    /// The default of a field of a record that is not in the tree, which is told by its address.
    Default(usize, RecId, u32),
}

/// How many instances of a chain extend one of its prefixes.
pub(super) enum Instances {
    /// None.
    None,
    /// This one.
    One(EnvId),
    /// More than one.
    Several,
}

/// Where a leaf is, for its reports.
#[derive(Clone, Copy, Debug)]
pub enum Location<'a> {
    /// A field of a record.
    Field(NodeId, u32),
    /// An entry of a map or Tree.
    Entry(NodeId, &'a Arc<str>),
}

impl Location<'_> {
    pub(super) fn node(self) -> NodeId {
        match self {
            Location::Field(node, _) | Location::Entry(node, _) => node,
        }
    }
}

/// Something that can be evaluated again to see what it reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doing {
    /// A field of a record.
    Field(NodeId, u32),
    /// An entry of a map or Tree.
    Entry(NodeId, Arc<str>),
    /// The keys of a map.
    Keys(NodeId),
    /// Values given whole at a node.
    Wholes(NodeId),
    /// A guard.
    Guard(GroupId, EnvId),
    /// The collection of a loop.
    Loop(GroupId, EnvId),
    /// A `let` of a file.
    Global(u32),
}

/// A call that is being evaluated.
#[derive(Debug)]
pub struct Calling {
    /// Where it is written.
    pub(super) at: Span,
    /// How much was open when it began: what is opened below it is evaluated for whoever reads it.
    pub(super) n_open: usize,
    /// What was reported in it, as far as it would be reported again.
    pub(super) made: Vec<Diagnostic>,
}

/// What is noted while a check that failed is evaluated again.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Whether calls and guards that are remembered are evaluated again too, and no read is forgotten.
    pub(super) deep: bool,
    /// How many guards are being evaluated.
    pub(super) n_guards: usize,
    /// Leaves that were read in the rounds that are open, the last one last.
    pub(super) reads: Vec<Read>,
    /// Rounds of a generator that prove the check wrong, in words, and where the generator is.
    pub(super) rounds: Vec<(String, Span)>,
}

impl Evidence {
    /// Evidence of all that is read.
    pub(super) fn deep() -> Evidence {
        Evidence { deep: true, ..Evidence::default() }
    }

    /// The leaves that were read, in order.
    pub(super) fn into_reads(self) -> Vec<Read> {
        self.reads
    }

    /// What was read, in words.
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// Rounds of a generator that prove it, in words.
    pub fn rounds(&self) -> &[(String, Span)] {
        &self.rounds
    }
}

/// A leaf that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Where its value was written.
    pub at: Span,
    /// Its path and its value, in words.
    pub text: String,
    /// It.
    pub leaf: Doing,
    /// Whether it was read to find out whether a definition counts.
    pub guarded: bool,
}

/// Something that proves a check wrong.
#[derive(Debug)]
pub struct Witness {
    /// It in words.
    pub text: String,
    /// The rounds of the generator that it is made of.
    pub rounds: Vec<usize>,
}

/// What tracing collects.
#[derive(Debug, Default)]
pub struct Trace {
    /// What was read, in that order.
    pub reads: Vec<Traced>,
    /// Inside `&`: what won and what lost.
    pub merged: Vec<(Span, Span)>,
    /// Leaves of the tree that became part of a value.
    pub taken: Vec<Taken>,
    /// Lists and sets that `+=` and `-=` make, by path.
    pub grown: Vec<(String, Grown)>,
    /// The definitions, loops and guards that were evaluated.
    pub involved: BTreeSet<Span>,
}

/// A leaf of the tree that became part of a value elsewhere.
#[derive(Debug)]
pub struct Taken {
    /// The definition that gave it, and where it was written.
    pub src: Src,
    /// Its path.
    pub steps: Vec<String>,
}

/// A field or an entry that was read.
#[derive(Debug)]
pub struct Traced {
    /// How deep evaluation was.
    pub depth: usize,
    /// The node that it lies in.
    pub node: NodeId,
    /// Its name or key.
    pub key: Arc<str>,
    /// Its path as it is written.
    pub path: String,
}

/// What a list or a set is made of.
#[derive(Debug)]
pub struct Grown {
    /// Where the base comes from.
    pub base: Src,
    /// The `+=` and `-=` in the order in which they count, and the items that each gave or took.
    pub parts: Vec<(DefId, Op, Value)>,
}

/// Something that reads a value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reader {
    /// Where it is written.
    pub at: Span,
    /// The path of the leaf, or the loop, guard, `let` or check in words.
    pub what: String,
}

/// What is noted while everything is evaluated.
#[derive(Debug, Default)]
pub struct Watch {
    pub(super) path: String,
    pub(super) key: Arc<str>,
    /// The readers, each once.
    pub(super) readers: Map<Reader, ()>,
    /// All reads.
    pub(super) n_reads: usize,
    /// Calls in which it was read: who calls again what is remembered reads it, too.
    pub(super) calls: Map<(u32, Arc<[u8]>), ()>,
    /// The check that is being evaluated.
    pub(super) check: Option<Reader>,
}
