//! One pass of evaluation: the shared part of the tree, or one part of the partition on top of it.

use super::budget::{self, Budget, Cost};
use super::caller::Asked;
use super::engine::{Engine, Shared};
use super::memo::*;
use super::plain::Payload;
use super::state::{Calling, Doing, Evidence, Open, Trace, Watch};
use super::thunk::Thunks;
use crate::diag::{Problems, Reported};
use crate::live::{NodeId, Value};
use crate::merge::trie::TrieId;
use crate::source::{FileId, Span};
use crate::types::hir::{DefId, GroupId};
use crate::types::ty::{RecId, RefinedType, TyId};
use std::sync::Arc;

/// A pass.
pub struct Pass<'p> {
    /// The program and its index.
    pub eng: &'p Engine,
    /// The frozen memory below this one.
    pub base: Option<&'p Memo>,
    /// What this pass remembers.
    pub memo: Memo,
    /// Slots of frozen records that this pass filled.
    pub over_fields: Map<(u32, u32), Slot>,
    /// Slots of frozen maps that this pass filled.
    pub over_entries: Map<(u32, Arc<str>), Slot>,
    /// Keys of frozen maps.
    pub over_keys: Map<u32, Once<Arc<Keys>>>,
    /// Whole values of frozen nodes.
    pub over_wholes: Map<u32, Once<Arc<[Composite]>>>,
    /// Records that were looked at as a whole, but for those of this pass's own making.
    pub looked: Map<NodeId, ()>,
    /// The frozen node of the part, and this pass's own in its place.
    pub own_part: Option<(NodeId, NodeId)>,
    /// What is being evaluated.
    pub open: Vec<Open>,
    /// How many of `open` are defaults of records that are not in the tree, which are evaluated for whoever reads them.
    pub n_open_defaults: usize,
    /// Keys named in `open`.
    pub open_names: Vec<Arc<str>>,
    /// Places whose parts of values that are other places are being looked for.
    pub open_parts: Vec<(NodeId, Arc<str>)>,
    /// Places that were found to be made of themselves.
    pub broken_wholes: Map<NodeId, Reported>,
    /// Reports.
    pub problems: Problems,
    /// The part's name.
    pub part: Option<Arc<str>>,
    /// The first place of the part whose value failed.
    pub failed_at: Option<Span>,
    /// What variants carry that carry nothing.
    pub(super) no_payload: Payload,
    /// Values given whole where there are none.
    pub(super) no_wholes: Arc<[Composite]>,
    /// Room for the text that is being made.
    pub text: String,
    /// What may be spent, and what was.
    pub budget: Budget,
    /// Plans by record type and places; kept from part to part.
    pub plans: Map<(RecId, Vec<TrieId>), Arc<Plan>>,
    /// Whether any literal breaks its condition.
    pub any_broken: bool,
    /// Maps whose keys need themselves.
    pub broken_keys: Vec<(NodeId, Reported)>,
    /// Conditions that were tried on texts; kept from part to part.
    pub tried: Map<(crate::types::hir::WhereId, Arc<str>), (bool, Cost)>,
    /// Whether files stand beside each other of which one uses the other; kept from part to part.
    pub beside: Map<(FileId, FileId), bool>,
    /// Values of defaults that read nothing, by the address of the expression; kept from part to part.
    pub defaults: Map<usize, (Value, Cost)>,
    /// The empty environment.
    pub nothing: Arc<[Value]>,
    /// While a check that failed is evaluated again: what proves it wrong.
    pub evidence: Option<Evidence>,
    /// Calls that are being evaluated, the innermost last.
    pub calling: Vec<Calling>,
    /// Reports for which lines of the site are to be found, by position, and what was being evaluated or was read.
    pub later: Vec<(usize, Vec<Doing>)>,
    /// The map whose entries are the parts.
    pub partition: Option<NodeId>,
    /// The field of the root that is the partition: it is a place of its own whatever gives it.
    pub partition_field: Option<u32>,
    /// That a guard or a loop failed which may have something to say of what is being found.
    pub unsure: Option<Reported>,
    /// When `why` asks: the leaves read, and what lost inside `&`.
    pub trace: Option<Trace>,
    /// When `why` asks what gives a leaf: what is not evaluated until it is read.
    pub(super) thunks: Option<Thunks<'p>>,
    /// When readers are asked for: what is watched.
    pub watch: Option<Watch>,
    /// While a test's expectations are evaluated: what only the caller answers.
    pub asked: Option<Asked<'p>>,
}

impl<'p> Pass<'p> {
    /// A pass on top of a frozen memory, or the shared one itself.
    pub fn new(eng: &'p Engine, base: Option<&'p Memo>) -> Pass<'p> {
        let mut pass = Pass {
            eng,
            base,
            memo: Memo::new(eng.program.defs.len()),
            over_fields: Map::default(),
            over_entries: Map::default(),
            over_keys: Map::default(),
            over_wholes: Map::default(),
            looked: Map::default(),
            own_part: None,
            open: Vec::new(),
            n_open_defaults: 0,
            open_names: Vec::new(),
            open_parts: Vec::new(),
            broken_wholes: Map::default(),
            problems: Problems::default(),
            part: None,
            failed_at: None,
            no_payload: Arc::from([]),
            no_wholes: Arc::from([]),
            text: String::new(),
            budget: Budget::new(budget::SHARED),
            plans: Map::default(),
            any_broken: base.is_some_and(|b| !b.broken.is_empty()),
            broken_keys: Vec::new(),
            tried: Map::default(),
            beside: Map::default(),
            defaults: Map::default(),
            nothing: Arc::from([]),
            evidence: None,
            calling: Vec::new(),
            later: Vec::new(),
            partition: None,
            partition_field: None,
            unsure: None,
            trace: None,
            thunks: None,
            watch: None,
            asked: None,
        };
        if base.is_none() {
            pass.memo.envs.push(Arc::from([]));
            let root = RefinedType::plain(eng.root_ty);
            let top = Cursor { trie: TrieId(0), group: GroupId(0), env: EnvId(0), star: None, rule: 0 };
            pass.add_node(root, NodeId(0), "".into(), false, Arc::from([top]), Arc::from([]), Arc::from([]));
        }
        pass
    }

    /// A pass that knows nothing yet, and traces what it evaluates.
    pub fn apart(eng: &'p Engine) -> Pass<'p> {
        Pass { trace: Some(Trace::default()), ..Pass::new(eng, None) }
    }

    /// The same, which evaluates only what is read.
    pub(super) fn lazy(eng: &'p Engine) -> Pass<'p> {
        Pass { thunks: Some(Thunks::default()), ..Pass::apart(eng) }
    }

    /// A pass on top of the shared memory.
    pub fn over(eng: &'p Engine, shared: &'p Shared) -> Pass<'p> {
        Pass::new(eng, Some(&shared.memo))
    }

    /// Forgets one part and begins another; plans and counts of wins stay.
    pub fn begin_part(&mut self, name: &Arc<str>) {
        self.memo.nodes.clear();
        self.memo.envs.clear();
        self.memo.loops.clear();
        self.memo.guards.clear();
        self.memo.stars.clear();
        self.memo.globals.clear();
        self.memo.calls.clear();
        self.memo.failed_calls.clear();
        self.memo.failed_groups.clear();
        self.memo.failed_stars.clear();
        self.over_fields.clear();
        self.over_entries.clear();
        self.over_keys.clear();
        self.over_wholes.clear();
        self.looked.clear();
        self.own_part = None;
        self.open.clear();
        self.open_names.clear();
        self.open_parts.clear();
        self.broken_wholes.clear();
        self.broken_keys.clear();
        self.n_open_defaults = 0;
        self.calling.clear();
        self.later.clear();
        self.unsure = None;
        self.budget = Budget::new(budget::PART);
        self.part = Some(name.clone());
        self.failed_at = None;
    }

    /// Whether somebody asked to be told of what is read.
    #[inline]
    pub(super) fn is_observed(&self) -> bool {
        self.trace.is_some() || self.watch.is_some() || self.evidence.is_some()
    }

    /// Whether the type of a place is a leaf.
    #[inline]
    pub fn is_leaf(&self, ty: TyId) -> bool {
        self.eng.leaf[ty.index()]
    }

    /// The rank of a definition.
    #[inline]
    pub fn rank(&self, def: DefId) -> crate::rank::Rank {
        let def = &self.eng.program.defs[def.0 as usize];
        crate::rank::Rank { strength: def.strength, file: def.file }
    }
}
