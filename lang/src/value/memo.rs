//! What a pass remembers: nodes of the tree, environments of loops, guards that were decided. Grows only; the
//! shared one is frozen before the passes of the parts begin.

use super::fields::Fields;
use crate::data::Data;
use crate::diag::{Diagnostic, Reported};
use crate::live::{NodeId, Value};
use crate::merge::trie::{StarId, TrieId};
use crate::rank::{Rank, Uses};
use crate::source::Span;
use crate::types::hir::{DefId, GroupId};
use crate::types::ty::{RecId, RefinedType, TyId};
use std::sync::Arc;

pub use super::map::Map;

/// The values that the loops around a definition have bound.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EnvId(pub u32);

/// Stands for "no definition: the default of the type".
pub const NO_DEF: DefId = DefId(u32::MAX);

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Src {
    /// The winning definition.
    pub def: DefId,
    /// Where the value was written.
    pub at: Span,
}

/// A place in the index of definitions as seen from one node.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    /// The place.
    pub trie: TrieId,
    /// How much of the chain is bound.
    pub group: GroupId,
    /// With which values.
    pub env: EnvId,
    /// A computed step that still has to be matched with the node's key.
    pub star: Option<StarId>,
    /// How it came here, for `:=`.
    pub rule: Rule,
}

/// How deep the entry lies to which a definition came last by a key of the very map, as in `for h in hosts { hosts[h]… }`; 0 if
/// it names all its keys. What is said of every entry holds for those that replace the others, too.
pub type Rule = u16;

/// A `:=` at or above a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cut {
    /// Its rank.
    pub rank: Rank,
    /// How deep the node lies that it replaces.
    pub depth: u16,
    /// The definition.
    pub def: DefId,
}

impl Cut {
    /// Whether it drops a definition.
    pub fn drops(self, rank: Rank, rule: Rule, uses: &Uses) -> bool {
        self.depth >= rule && self.rank.beats(rank, uses)
    }
}

/// A value given whole at a node or above it, as far as it lies at this node.
#[derive(Clone, Debug)]
pub struct Composite {
    /// Its rank.
    pub rank: Rank,
    /// Where it comes from.
    pub src: Src,
    /// The part of it.
    pub value: Value,
    /// How it came here, for `:=`.
    pub rule: Rule,
}

/// The state of one leaf or child.
#[derive(Clone, Debug, Default)]
pub enum Slot {
    /// Not read yet.
    #[default]
    Unset,
    /// Being evaluated.
    Busy,
    /// A leaf, or an absent optional.
    Value(Value, Src),
    /// A record, map or Tree.
    Child(NodeId),
}

/// The keys of a map.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Present, sorted.
    pub present: Vec<Arc<str>>,
    /// Taken away by `none`, sorted.
    pub removed: Vec<Arc<str>>,
    /// The ranks of those that took each away.
    pub removed_by: Vec<Vec<Rank>>,
    /// That they could not be found was reported: nobody complains of a key that is not among them.
    pub failed: Option<Reported>,
}

impl Keys {
    /// Whether a key is present.
    pub fn has(&self, key: &str) -> bool {
        self.present.binary_search_by(|k| (**k).cmp(key)).is_ok()
    }

    /// Whether a key was taken away.
    pub fn lost(&self, key: &str) -> bool {
        self.removed.binary_search_by(|k| (**k).cmp(key)).is_ok()
    }

    /// The ranks of those that took a key away.
    pub fn taken_by(&self, key: &str) -> &[Rank] {
        match self.removed.binary_search_by(|k| (**k).cmp(key)) {
            Ok(i) => &self.removed_by[i],
            Err(_) => &[],
        }
    }
}

/// A state that can be being found.
#[derive(Clone, Debug, Default)]
pub enum Once<T> {
    /// Not asked for yet.
    #[default]
    Unset,
    /// Being found.
    Busy,
    /// Known.
    Done(T),
}

/// A record, map or Tree of the one tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its type and conditions; never optional.
    pub place: RefinedType,
    /// What it lies in; the root lies in itself.
    pub parent: NodeId,
    /// Its field's name or key.
    pub key: Arc<str>,
    /// Whether `key` is the key of a map.
    pub entry: bool,
    /// The definitions at and below it.
    pub cursors: Arc<[Cursor]>,
    /// Values given whole above it.
    pub above: Arc<[Composite]>,
    /// `:=` at or above it.
    pub cuts: Arc<[Cut]>,
    /// How many nodes it lies in.
    pub depth: u16,
    /// All values given whole, those at it among them.
    pub wholes: Once<Arc<[Composite]>>,
    /// What is below.
    pub kind: Kind,
}

/// What is below a node.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A record.
    Record(RecId, Arc<Plan>, Fields),
    /// A map; the type of its values.
    Map(TyId, Once<Arc<Keys>>, Map<Arc<str>, Slot>),
    /// A Tree.
    Tree(Once<Arc<Keys>>, Map<Arc<str>, Slot>),
}

/// Which definitions give a field: shared by all records of one type with the same places in the index.
#[derive(Debug, Default)]
pub struct Plan {
    /// By field.
    pub fields: Vec<FieldPlan>,
}

/// The definitions of one field.
#[derive(Debug)]
pub struct FieldPlan {
    /// Its name, which only this pass holds: two threads that count who holds one text wait for each other.
    pub name: Arc<str>,
    /// Cursor and the place of the field below it.
    pub below: Vec<(u32, TrieId)>,
    /// Cursor and definition ending at the field, strongest first.
    pub ends: Vec<(u32, DefId)>,
    /// Whether an operator other than `=` and its like is among them.
    pub adds: bool,
    /// Whether none of them adds.
    pub simple: bool,
    /// A leaf that nobody defines: its constant default.
    pub fixed: Option<(Value, Src)>,
    /// What nobody defines and has a default of literals, read: what whoever reads all fields gets at once.
    pub fixed_data: Option<Data>,
}

/// The instances of a computed step by key.
pub type StarIndex = Map<Arc<str>, Vec<EnvId>>;

/// A function and its arguments, in bytes that are equal where they are.
pub type CallKey = (u32, Arc<[u8]>);

/// All that is remembered.
#[derive(Debug, Default)]
pub struct Memo {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The environments.
    pub envs: Vec<Arc<[Value]>>,
    /// Loops: the environments that each instance of a loop makes.
    pub loops: Map<(GroupId, EnvId), Once<Arc<[EnvId]>>>,
    /// Guards.
    pub guards: Map<(GroupId, EnvId), Once<bool>>,
    /// Computed steps.
    pub stars: Map<(StarId, EnvId), Once<Arc<StarIndex>>>,
    /// `let`s of files.
    pub globals: Map<u32, Once<Value>>,
    /// Calls whose arguments are scalars.
    pub calls: Map<CallKey, Value>,
    /// Literals that break their conditions.
    pub broken: Vec<(Span, Reported)>,
    /// What calls that failed reported.
    pub failed_calls: Map<CallKey, Arc<[Diagnostic]>>,
    /// Guards and loops that failed: whether and how often they hold is not known.
    pub failed_groups: Map<(GroupId, EnvId), Reported>,
    /// Computed steps of which not all keys are known.
    pub failed_stars: Map<(StarId, EnvId), Reported>,
    /// Definitions that won somewhere.
    pub won: Vec<bool>,
    /// Definitions that won over others of one strength only by a `use`, and those.
    pub by_use: Map<(DefId, DefId), ()>,
    /// What was taken away, and whether it was there.
    pub taken: super::taken::AllTaken,
    /// Whether a loop, a guard or a computed key failed, so that nobody knows what is there.
    pub is_unsure: bool,
    /// Definitions that lost to another of their own file, and to which.
    pub lost: Map<DefId, DefId>,
}

impl Memo {
    /// An empty memory for a program with so many definitions.
    pub fn new(n_defs: usize) -> Memo {
        Memo { won: vec![false; n_defs], ..Memo::default() }
    }
}
