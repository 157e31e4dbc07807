//! One pass of evaluation: the shared part of the tree, or one part of the partition on top of it.

use super::budget::{self, Budget, Cost};
use super::engine::Engine;
use super::errors;
use super::memo::*;
use crate::diag::{Diagnostic, Problems, Reported};
use crate::live::{NodeId, Value};
use crate::merge::trie::{StarId, TrieId};
use crate::source::{FileId, Span};
use crate::syntax::ast::Op;
use crate::types::hir::{DefId, Ek, GroupId};
use crate::types::ty::{Place, RecId, Ty, TyId};
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

/// What a node takes, in elements, besides its fields.
const NODE_ELEMENTS: u64 = 8;

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
    pub over_wholes: Map<u32, Once<Arc<[Whole]>>>,
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
    pub evidence: Option<super::check::Evidence>,
    /// Calls that are being evaluated, the innermost last.
    pub calling: Vec<super::context::Calling>,
    /// Reports for which lines of the site are to be found, by position, and what was being evaluated or was read.
    pub later: Vec<(usize, Vec<super::context::Doing>)>,
    /// The map whose entries are the parts.
    pub partition: Option<NodeId>,
    /// The field of the root that is the partition: it is a place of its own whatever gives it.
    pub partition_field: Option<u32>,
    /// That a guard or a loop failed which may have something to say of what is being found.
    pub unsure: Option<Reported>,
    /// When `why` asks: the leaves read, and what lost inside `&`.
    pub trace: Option<super::why::Trace>,
    /// When readers are asked for: what is watched.
    pub watch: Option<super::readers::Watch>,
    /// While a test's expectations are evaluated: what only the caller answers.
    pub asked: Option<super::expect::Asked<'p>>,
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
            own_part: None,
            open: Vec::new(),
            n_open_defaults: 0,
            open_names: Vec::new(),
            open_parts: Vec::new(),
            broken_wholes: Map::default(),
            problems: Problems::default(),
            part: None,
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
            watch: None,
            asked: None,
        };
        if base.is_none() {
            pass.memo.envs.push(Arc::from([]));
            let root = Place::plain(eng.root_ty);
            let top = Cur { trie: TrieId(0), group: GroupId(0), env: EnvId(0), star: None, rule: 0 };
            pass.add_node(root, NodeId(0), "".into(), false, Arc::from([top]), Arc::from([]), Arc::from([]));
        }
        pass
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
    }

    fn base_nodes(&self) -> u32 {
        self.base.map_or(0, |b| b.nodes.len() as u32)
    }

    /// Whether a node belongs to the frozen memory.
    pub fn is_frozen(&self, id: NodeId) -> bool {
        id.0 < self.base_nodes()
    }

    /// The node itself, or this pass's own in place of the frozen node of its part.
    pub fn canon(&self, id: NodeId) -> NodeId {
        match self.own_part {
            Some((frozen, own)) if frozen == id => own,
            _ => id,
        }
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        let n = self.base_nodes();
        match self.base {
            Some(base) if id.0 < n => &base.nodes[id.0 as usize],
            _ => &self.memo.nodes[(id.0 - n) as usize],
        }
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        let n = self.base_nodes();
        &mut self.memo.nodes[(id.0 - n) as usize]
    }

    /// The values of an environment.
    pub fn env(&self, id: EnvId) -> Arc<[Value]> {
        let n = self.base.map_or(0, |b| b.envs.len() as u32);
        match self.base {
            Some(base) if id.0 < n => base.envs[id.0 as usize].clone(),
            _ => self.memo.envs[(id.0 - n) as usize].clone(),
        }
    }

    /// A new environment.
    pub fn add_env(&mut self, values: Arc<[Value]>) -> EnvId {
        let n = self.base.map_or(0, |b| b.envs.len() as u32);
        self.memo.envs.push(values);
        EnvId(n + self.memo.envs.len() as u32 - 1)
    }

    /// A new node.
    #[allow(clippy::too_many_arguments, reason = "each is a part of a node, taken apart nowhere else")]
    pub fn add_node(
        &mut self,
        place: Place,
        parent: NodeId,
        key: Arc<str>,
        entry: bool,
        curs: Arc<[Cur]>,
        above: Arc<[Whole]>,
        cuts: Arc<[Cut]>,
    ) -> NodeId {
        let kind = match self.eng.program.types.get(place.ty) {
            Ty::Record(rec) => {
                let plan = self.plan(*rec, &curs);
                let n = plan.fields.len();
                let mut slots = Vec::new();
                slots.resize_with(n, Slot::default);
                Kind::Record(*rec, plan, slots)
            }
            Ty::Map(_, value) => Kind::Map(*value, Once::Unset, Map::default()),
            _ => Kind::Tree(Once::Unset, Map::default()),
        };
        let n_slots = match &kind {
            Kind::Record(_, _, slots) => slots.len(),
            _ => 0,
        };
        // A node takes as much as some items; when there is no more room, the next step fails.
        let _ = self.make_for(NODE_ELEMENTS + n_slots as u64, parent);
        let id = NodeId(self.base_nodes() + self.memo.nodes.len() as u32);
        let depth = if parent == id { 0 } else { self.node(parent).depth.saturating_add(1) };
        self.memo.nodes.push(Node {
            place,
            parent,
            key,
            entry,
            curs,
            above,
            cuts,
            depth,
            wholes: Once::Unset,
            kind,
        });
        id
    }

    /// Which definitions give the fields of a record with these places.
    fn plan(&mut self, rec: RecId, curs: &[Cur]) -> Arc<Plan> {
        let places: Vec<TrieId> = curs.iter().map(|c| c.trie).collect();
        let key = (rec, places);
        if let Some(plan) = self.plans.get(&key) {
            return plan.clone();
        }
        let program = &self.eng.program;
        let mut plan = Plan::default();
        for field in &program.types.record(rec).fields {
            let mut out = FieldPlan::default();
            for (i, place) in key.1.iter().enumerate() {
                if let Some(below) = self.eng.trie.node(*place).names.get(&field.name) {
                    out.below.push((i as u32, *below));
                    for def in &self.eng.trie.node(*below).ends {
                        out.ends.push((i as u32, *def));
                        out.adds |= matches!(program.defs[def.0 as usize].op, Op::Add | Op::Remove);
                    }
                }
            }
            out.ends.sort_by_key(|(_, def)| (std::cmp::Reverse(program.defs[def.0 as usize].strength), *def));
            let strength = |d: &(u32, DefId)| program.defs[d.1.0 as usize].strength;
            out.simple = !out.adds && out.ends.windows(2).all(|w| strength(&w[0]) != strength(&w[1]));
            if out.below.is_empty()
                && program.types.is_leaf(field.place.ty)
                && let Some(default) = &field.default
                && let Ek::Const(value) = &default.kind
            {
                out.fixed = Some((value.clone(), Src { def: NO_DEF, at: default.at }));
            }
            plan.fields.push(out);
        }
        let plan = Arc::new(plan);
        self.plans.insert(key, plan.clone());
        plan
    }

    /// The slot of a record's field.
    pub fn field_slot(&self, id: NodeId, field: u32) -> Slot {
        if let Kind::Record(_, _, slots) = &self.node(id).kind {
            match &slots[field as usize] {
                Slot::Unset if self.is_frozen(id) => {
                    self.over_fields.get(&(id.0, field)).cloned().unwrap_or(Slot::Unset)
                }
                slot => slot.clone(),
            }
        } else {
            Slot::Unset
        }
    }

    /// Fills the slot of a record's field.
    pub fn set_field(&mut self, id: NodeId, field: u32, slot: Slot) {
        if self.is_frozen(id) {
            self.over_fields.insert((id.0, field), slot);
        } else if let Kind::Record(_, _, slots) = &mut self.node_mut(id).kind {
            slots[field as usize] = slot;
        }
    }

    /// The slot of an entry of a map or Tree.
    pub fn entry_slot(&self, id: NodeId, key: &Arc<str>) -> Slot {
        let (Kind::Map(_, _, children) | Kind::Tree(_, children)) = &self.node(id).kind else {
            return Slot::Unset;
        };
        match children.get(key) {
            Some(slot) => slot.clone(),
            None if self.is_frozen(id) => {
                self.over_entries.get(&(id.0, key.clone())).cloned().unwrap_or(Slot::Unset)
            }
            None => Slot::Unset,
        }
    }

    /// Fills the slot of an entry.
    pub fn set_entry(&mut self, id: NodeId, key: &Arc<str>, slot: Slot) {
        if self.is_frozen(id) {
            self.over_entries.insert((id.0, key.clone()), slot);
            return;
        }
        if let Kind::Map(_, _, children) | Kind::Tree(_, children) = &mut self.node_mut(id).kind {
            children.insert(key.clone(), slot);
        }
    }

    /// What is known of the keys of a map or Tree.
    pub fn keys_state(&self, id: NodeId) -> Once<Arc<Keys>> {
        let (Kind::Map(_, keys, _) | Kind::Tree(keys, _)) = &self.node(id).kind else { return Once::Unset };
        match keys {
            Once::Unset if self.is_frozen(id) => self.over_keys.get(&id.0).cloned().unwrap_or_default(),
            known => known.clone(),
        }
    }

    /// Remembers the keys of a map or Tree.
    pub fn set_keys(&mut self, id: NodeId, state: Once<Arc<Keys>>) {
        if self.is_frozen(id) {
            self.over_keys.insert(id.0, state);
        } else if let Kind::Map(_, keys, _) | Kind::Tree(keys, _) = &mut self.node_mut(id).kind {
            *keys = state;
        }
    }

    /// What is known of the values given whole at a node.
    pub fn wholes_state(&self, id: NodeId) -> Once<Arc<[Whole]>> {
        match &self.node(id).wholes {
            Once::Unset if self.is_frozen(id) => self.over_wholes.get(&id.0).cloned().unwrap_or_default(),
            known => known.clone(),
        }
    }

    /// Remembers them.
    pub fn set_wholes(&mut self, id: NodeId, state: Once<Arc<[Whole]>>) {
        if self.is_frozen(id) {
            self.over_wholes.insert(id.0, state);
        } else {
            self.node_mut(id).wholes = state;
        }
    }

    /// Adds a report, with what was going on.
    pub fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        // What is found after evaluation was stopped follows from that.
        if let Some(over) = self.budget.over() {
            return over;
        }
        let diagnostic = self.in_context(diagnostic);
        self.look_for_site(&diagnostic);
        self.problems.push(diagnostic)
    }

    /// Reports and fails.
    pub fn fail(&mut self, diagnostic: Diagnostic) -> Value {
        Value::Error(self.report(diagnostic))
    }

    /// The failure of one of some values; if none failed, they are not what the checker promised.
    pub fn failure(&mut self, at: Span, values: &[&Value]) -> Reported {
        match values.iter().find_map(|value| value.failed()) {
            Some(reported) => reported,
            None => self.report(Diagnostic::bug(at, "a value is not of its type")),
        }
    }

    /// The same, as a value.
    pub fn failed(&mut self, at: Span, values: &[&Value]) -> Value {
        Value::Error(self.failure(at, values))
    }

    /// The path of a node as it is written.
    pub fn path(&self, id: NodeId) -> String {
        let mut parts = Vec::new();
        let mut at = id;
        loop {
            let node = self.node(at);
            if node.parent == at {
                break;
            }
            parts.push(node.key.clone());
            at = node.parent;
        }
        let mut out = String::new();
        for part in parts.iter().rev() {
            push_step(&mut out, part);
        }
        out
    }

    /// The path of a field of a record.
    pub fn field_path(&self, id: NodeId, field: u32) -> String {
        let mut out = self.path(id);
        if let Kind::Record(rec, ..) = &self.node(id).kind {
            push_step(&mut out, &self.eng.program.types.record(*rec).fields[field as usize].name);
        }
        out
    }

    /// The path of an entry of a map.
    pub fn entry_path(&self, id: NodeId, key: &str) -> String {
        let mut out = self.path(id);
        push_step(&mut out, key);
        out
    }

    /// Reports the cycle that begins at something that is already being evaluated.
    pub fn cycle(&mut self, what: Open, name: Option<&Arc<str>>) -> Reported {
        let first = self.open.iter().position(|o| match (o, what) {
            (Open::Entry(n, i), Open::Entry(m, _)) => *n == m && Some(&self.open_names[*i as usize]) == name,
            (a, b) => *a == b,
        });
        let open = &self.open[first.unwrap_or(0)..];
        let describe = |(i, o): (usize, &Open)| match (o, open.get(i + 1)) {
            // Which keys there are is asked by the definition whose computed key is being found.
            (Open::Keys(node), Some(Open::Star(star, _))) => {
                let target = self.eng.trie.node(self.eng.trie.star(StarId(*star)).target);
                let def = target.ends.first().map(|def| self.eng.program.defs[def.0 as usize].at);
                Some((format!("keys({})", self.path(*node)), def.unwrap_or_else(|| self.first_at(*node))))
            }
            _ => self.describe(*o),
        };
        let mut chain: Vec<(String, Span)> = open.iter().enumerate().filter_map(describe).collect();
        if chain.is_empty() {
            chain.extend(open.iter().filter_map(|open| self.describe_hidden(*open)));
        }
        if chain.is_empty() {
            chain.extend(self.describe_hidden(what));
        }
        let Some((closes, at)) = chain.first().cloned() else {
            return self.report(Diagnostic::bug(Span::default(), "a cycle of nothing"));
        };
        self.report(errors::cycle(at, &closes, &chain))
    }

    /// What is told of only where a cycle is made of nothing else.
    fn describe_hidden(&self, open: Open) -> Option<(String, Span)> {
        match open {
            Open::Wholes(node) => Some((self.path(node), self.first_at(node))),
            Open::Star(star, _) => {
                let at = self.eng.trie.star(crate::merge::trie::StarId(star)).key.at;
                Some((format!("the key in {}", self.eng.program.sources.place(at.start)), at))
            }
            _ => self.describe(open),
        }
    }

    pub(super) fn describe(&self, open: Open) -> Option<(String, Span)> {
        let program = &self.eng.program;
        Some(match open {
            Open::Field(node, field) => (self.field_path(node, field), self.field_at(node, field)),
            Open::Entry(node, i) => {
                let name = &self.open_names[i as usize];
                (self.entry_path(node, name), self.entry_at(node, name))
            }
            Open::Keys(node) => (format!("keys({})", self.path(node)), self.first_at(node)),
            Open::Guard(group, _) | Open::Loop(group, _) => {
                let at = program.groups[group.0 as usize].at;
                let word = if matches!(open, Open::Guard(..)) { "if" } else { "for" };
                (format!("the `{word}` in {}", program.sources.place(at.start)), at)
            }
            Open::Star(..) | Open::Wholes(_) => return None,
            Open::Default(_, rec, field) => {
                let field = &program.types.record(rec).fields[field as usize];
                (format!("the default of `{}`", field.name), field.default.as_ref()?.at)
            }
            Open::Global(id) => {
                let at = program.globals[id as usize].at;
                (format!("the `let` in {}", program.sources.place(at.start)), at)
            }
        })
    }

    /// A definition of a field, or where it is declared.
    fn field_at(&self, node: NodeId, field: u32) -> Span {
        let Kind::Record(rec, plan, _) = &self.node(node).kind else { return Span::default() };
        let def = plan.fields[field as usize].ends.first().map(|(_, def)| *def);
        let declared = &self.eng.program.types.record(*rec).fields[field as usize];
        match (def, &declared.default) {
            (Some(def), _) => self.eng.program.defs[def.0 as usize].at,
            (None, Some(default)) => declared.at.to(default.at),
            (None, None) => declared.at,
        }
    }

    pub(super) fn entry_at(&self, node: NodeId, key: &str) -> Span {
        for cur in self.node(node).curs.iter() {
            if let Some(below) = self.eng.trie.node(cur.trie).names.get(key)
                && let Some(def) = self.eng.trie.node(*below).ends.first()
            {
                return self.eng.program.defs[def.0 as usize].at;
            }
        }
        self.first_at(node)
    }

    /// The first definition at or below a node, or the declaration of the option around it.
    pub fn first_at(&self, id: NodeId) -> Span {
        let mut todo: Vec<TrieId> = self.node(id).curs.iter().map(|c| c.trie).collect();
        while let Some(next) = todo.pop() {
            let place = self.eng.trie.node(next);
            if let Some(def) = place.ends.first() {
                return self.eng.program.defs[def.0 as usize].at;
            }
            todo.extend(place.stars.iter().map(|s| self.eng.trie.star(*s).target));
            todo.extend(place.names.values().rev());
        }
        let node = self.node(id);
        match &self.node(node.parent).kind {
            Kind::Record(rec, ..) => {
                let record = self.eng.program.types.record(*rec);
                record.find(&node.key).map_or(record.at, |i| record.fields[i as usize].at)
            }
            _ if node.parent != id => self.first_at(node.parent),
            _ => Span::default(),
        }
    }

    /// Whether the type of a place is a leaf.
    pub fn is_leaf(&self, ty: TyId) -> bool {
        self.eng.leaf[ty.index()]
    }

    /// The rank of a definition.
    pub fn rank(&self, def: DefId) -> crate::rank::Rank {
        let def = &self.eng.program.defs[def.0 as usize];
        crate::rank::Rank { strength: def.strength, file: def.file }
    }
}

/// Adds a step to a written path.
pub fn push_step(out: &mut String, part: &str) {
    let word = !part.is_empty()
        && part
            .split('-')
            .all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        && !part.starts_with(|c: char| c.is_ascii_digit());
    if !out.is_empty() {
        out.push('.');
    }
    if word {
        out.push_str(part);
    } else {
        out.push('"');
        out.push_str(&part.replace('\\', "\\\\").replace('"', "\\\""));
        out.push('"');
    }
}
