//! One leaf, one child: which definition wins, and its value.

use super::errors;
use super::eval::Frame;
use super::memo::*;
use super::pass::{Open, Pass};
use crate::live::{NodeId, Value, to_set};
use crate::merge::trie::TrieId;
use crate::rank::{self, Rank};
use crate::source::{FileId, Span};
use crate::syntax::ast::Op;
use crate::types::hir::{DefId, Ek, Ex, Given, GroupId};
use crate::types::ty::{Place, Ty, TyId};
use std::cmp::Ordering;
use std::sync::Arc;

/// A definition that may give a leaf: itself in an environment, or the part of a value given whole.
#[derive(Clone, Debug)]
pub enum Cand {
    /// A definition ending here.
    Def(DefId, EnvId),
    /// A part of a value.
    Whole(Whole),
}

/// Where a leaf is, for its reports.
#[derive(Clone, Copy, Debug)]
pub enum Spot<'a> {
    /// A field of a record.
    Field(NodeId, u32),
    /// An entry of a map or Tree.
    Entry(NodeId, &'a Arc<str>),
}

impl Spot<'_> {
    fn node(self) -> NodeId {
        match self {
            Spot::Field(node, _) | Spot::Entry(node, _) => node,
        }
    }
}

impl Pass<'_> {
    /// The path of a spot as it is written.
    pub fn spot_path(&self, spot: Spot<'_>) -> String {
        match spot {
            Spot::Field(node, field) => self.field_path(node, field),
            Spot::Entry(node, key) => self.entry_path(node, key),
        }
    }

    /// A field of a record of the tree: a leaf's value, or the node below.
    pub fn field(&mut self, id: NodeId, field: u32) -> Value {
        let id = self.canon(id);
        match self.field_slot(id, field) {
            Slot::Value(value, _) => {
                self.traced(Spot::Field(id, field));
                return value;
            }
            Slot::Child(child) => return Value::Node(child),
            Slot::Busy => return self.cycle(Open::Field(id, field), None),
            Slot::Unset => {}
        }
        self.traced(Spot::Field(id, field));
        if let Kind::Record(_, plan, _) = &self.node(id).kind
            && let Some((value, src)) = &plan.fields[field as usize].fixed
            && self.has_no_wholes(id)
        {
            let (value, src) = (value.clone(), *src);
            self.set_field(id, field, Slot::Value(value.clone(), src));
            return value;
        }
        self.set_field(id, field, Slot::Busy);
        self.open.push(Open::Field(id, field));
        let slot = self.deeper(id, |pass| pass.find_field(id, field));
        self.open.pop();
        self.set_field(id, field, slot.clone());
        match slot {
            Slot::Value(value, _) => value,
            Slot::Child(child) => Value::Node(child),
            _ => Value::Error,
        }
    }

    /// An entry of a map or Tree of the tree that is known to be there.
    pub fn entry(&mut self, id: NodeId, key: &Arc<str>) -> Value {
        let id = self.canon(id);
        match self.entry_slot(id, key) {
            Slot::Value(value, _) => {
                self.traced(Spot::Entry(id, key));
                return value;
            }
            Slot::Child(child) => return Value::Node(self.canon(child)),
            Slot::Busy => return self.cycle(Open::Entry(id, 0), Some(key)),
            Slot::Unset => {}
        }
        self.traced(Spot::Entry(id, key));
        self.set_entry(id, key, Slot::Busy);
        self.open.push(Open::Entry(id, self.open_names.len() as u32));
        self.open_names.push(key.clone());
        let slot = self.deeper(id, |pass| pass.find_entry(id, key));
        self.open.pop();
        self.open_names.pop();
        self.set_entry(id, key, slot.clone());
        match slot {
            Slot::Value(value, _) => value,
            Slot::Child(child) => Value::Node(child),
            _ => Value::Error,
        }
    }

    fn traced(&mut self, spot: Spot<'_>) {
        if self.trace.is_some() {
            let path = self.spot_path(spot);
            if let Some(trace) = &mut self.trace {
                trace.reads.insert(path);
            }
        }
    }

    /// Runs one level deeper, on a stack that grows as it must.
    fn deeper(&mut self, id: NodeId, find: impl FnOnce(&mut Self) -> Slot) -> Slot {
        self.depth += 1;
        if self.depth > super::pass::DEPTH_BUDGET {
            let at = self.first_at(id);
            self.exhausted(at, "nested leaves");
            self.depth -= 1;
            return Slot::Value(Value::Error, Src { def: NO_DEF, at });
        }
        let slot = stacker::maybe_grow(256 * 1024, 8 * 1024 * 1024, || find(self));
        self.depth -= 1;
        slot
    }

    fn find_field(&mut self, id: NodeId, field: u32) -> Slot {
        let program = &self.eng.program;
        let Kind::Record(rec, plan, _) = &self.node(id).kind else {
            return Slot::Value(Value::Error, Src { def: NO_DEF, at: Span::default() });
        };
        let (rec, plan) = (*rec, plan.clone());
        let def = &program.types.record(rec).fields[field as usize];
        let fields = &plan.fields[field as usize];
        if !self.is_leaf(def.place.ty) {
            let below: Vec<(Cur, TrieId)> = {
                let curs = &self.node(id).curs;
                fields.below.iter().map(|(i, t)| (curs[*i as usize], *t)).collect()
            };
            let default = def.default.as_ref().map(|d| (d.clone(), d.at));
            return self.child(Spot::Field(id, field), &def.name, &def.place, &below, default);
        }
        let spot = Spot::Field(id, field);
        if let Some((value, src)) = self.quick_leaf(spot, id, &def.place, fields, def.default.as_ref()) {
            return Slot::Value(value, src);
        }
        let wholes = self.parts(id, &def.name);
        let mut ends = Vec::with_capacity(fields.ends.len());
        {
            let curs = &self.node(id).curs;
            ends.extend(fields.ends.iter().map(|(i, d)| (curs[*i as usize], *d)));
        }
        let (value, src) = self.leaf(spot, &def.place, &ends, &wholes, fields.adds, def.default.as_ref());
        Slot::Value(value, src)
    }

    /// The frequent case: nothing given whole, nothing replaced or added, and one candidate for each strength.
    fn quick_leaf(
        &mut self,
        spot: Spot<'_>,
        id: NodeId,
        place: &Place,
        fields: &FieldPlan,
        default: Option<&Arc<Ex>>,
    ) -> Option<(Value, Src)> {
        if !fields.simple || !self.node(id).cuts.is_empty() || !self.wholes(id).is_empty() {
            return None;
        }
        for (i, (cur, def)) in fields.ends.iter().enumerate() {
            let cur = self.node(id).curs[*cur as usize];
            let to = self.eng.program.defs[def.0 as usize].group;
            let env = if cur.star.is_some() {
                return None;
            } else if cur.group == to {
                cur.env
            } else {
                let mut envs = Vec::new();
                self.extend(cur.group, cur.env, to, &mut envs);
                match envs.as_slice() {
                    [] => continue,
                    [env] => *env,
                    _ => return None,
                }
            };
            self.note_weaker(*def, fields.ends[i + 1..].iter().map(|(_, d)| *d));
            return Some(self.landed(spot, place, &Cand::Def(*def, env)));
        }
        Some(self.default_leaf(spot, place, default))
    }

    /// The parts of the values given whole that lie at one key or field.
    fn parts(&mut self, id: NodeId, key: &Arc<str>) -> Vec<Whole> {
        let wholes = self.wholes(id);
        let mut out = Vec::new();
        for whole in wholes.iter() {
            match &whole.value {
                Value::Dict(dict) => {
                    if let Some(entry) = dict.get(key) {
                        let src = Src { def: whole.src.def, at: entry.at };
                        out.push(Whole { rank: whole.rank, src, value: entry.value.clone() });
                    }
                }
                Value::Node(other) => {
                    let other = self.canon(*other);
                    if let Some(value) = self.written(other, key) {
                        out.push(Whole { rank: whole.rank, src: whole.src, value });
                    }
                }
                Value::Error => out.push(whole.clone()),
                _ => {}
            }
        }
        out
    }

    /// The value of a field or entry of another node, if it was written and is no default.
    pub fn written(&mut self, id: NodeId, key: &Arc<str>) -> Option<Value> {
        match &self.node(id).kind {
            Kind::Record(rec, plan, _) => {
                let (rec, plan) = (*rec, plan.clone());
                let field = self.eng.program.types.record(rec).find(key)?;
                let by_path = !plan.fields[field as usize].below.is_empty();
                if !by_path && self.parts(id, key).is_empty() {
                    return None;
                }
                let value = self.field(id, field);
                // A path whose guards do not hold leaves the default.
                let leaf_default =
                    matches!(self.field_slot(id, field), Slot::Value(_, Src { def: NO_DEF, .. }));
                if leaf_default { None } else { Some(value) }
            }
            _ => {
                let keys = self.keys(id);
                if keys.has(key) {
                    Some(self.entry(id, key))
                } else if keys.lost(key) {
                    Some(Value::None)
                } else {
                    None
                }
            }
        }
    }

    /// Whether it is known that nothing was given whole at or above a node.
    fn has_no_wholes(&self, id: NodeId) -> bool {
        match &self.node(id).wholes {
            Once::Done(all) => all.is_empty(),
            _ => false,
        }
    }

    /// All values given whole at or above a node, as far as they lie at it.
    pub fn wholes(&mut self, id: NodeId) -> Arc<[Whole]> {
        let id = self.canon(id);
        match self.wholes_state(id) {
            Once::Done(wholes) => return wholes,
            Once::Busy => {
                self.cycle(Open::Wholes(id), None);
                return Arc::from([]);
            }
            Once::Unset => {}
        }
        let node = self.node(id);
        let any = node.curs.iter().any(|c| self.eng.trie.node(c.trie).whole);
        if !any {
            let above = node.above.clone();
            self.set_wholes(id, Once::Done(above.clone()));
            return above;
        }
        self.set_wholes(id, Once::Busy);
        self.open.push(Open::Wholes(id));
        let (curs, key, mut out) =
            (self.node(id).curs.clone(), self.node(id).key.clone(), self.node(id).above.to_vec());
        for cur in curs.iter().filter(|c| self.eng.trie.node(c.trie).whole) {
            let mut instances = Vec::new();
            self.instances(*cur, &key, &mut instances);
            for (group, env) in instances {
                for def_id in &self.eng.trie.node(cur.trie).ends {
                    let def = &self.eng.program.defs[def_id.0 as usize];
                    let Given::Value(ex) = &def.given else { continue };
                    let mut envs = Vec::new();
                    self.extend(group, env, def.group, &mut envs);
                    for env in envs {
                        let mut frame = Frame::at(self.env(env), id);
                        let value = self.eval(ex, &mut frame);
                        let src = Src { def: *def_id, at: def.at };
                        out.push(Whole { rank: self.rank(*def_id), src, value });
                    }
                }
            }
        }
        self.open.pop();
        let out: Arc<[Whole]> = out.into();
        self.set_wholes(id, Once::Done(out.clone()));
        out
    }

    fn find_entry(&mut self, id: NodeId, key: &Arc<str>) -> Slot {
        let node_place = self.node(id).place.clone();
        let value_ty = match &self.node(id).kind {
            Kind::Map(value, ..) => *value,
            _ => TyId::TREE,
        };
        let place = if value_ty == TyId::TREE && node_place.ty == TyId::TREE {
            Place::plain(TyId::TREE)
        } else {
            node_place.item(value_ty)
        };
        let (curs, own_key) = (self.node(id).curs.clone(), self.node(id).key.clone());
        let mut below = Vec::new();
        let mut instances = Vec::new();
        for cur in curs.iter() {
            let names = self.eng.trie.node(cur.trie).names.get(key).copied();
            let stars = &self.eng.trie.node(cur.trie).stars;
            if names.is_none() && stars.is_empty() {
                continue;
            }
            instances.clear();
            self.instances(*cur, &own_key, &mut instances);
            for (group, env) in instances.iter().copied() {
                let here = Cur { trie: cur.trie, group, env, star: None };
                if let Some(next) = names {
                    below.push((here, next));
                }
                for star in stars {
                    let target = self.eng.trie.star(*star).target;
                    below.push((Cur { star: Some(*star), ..here }, target));
                }
            }
        }
        let spot = Spot::Entry(id, key);
        if !self.is_leaf(value_ty) {
            return self.child(spot, key, &place, &below, None);
        }
        let (ends, adds) = self.ends(&below);
        let wholes = self.parts(id, key);
        let (value, src) = self.leaf(spot, &place, &ends, &wholes, adds, None);
        Slot::Value(value, src)
    }

    /// The definitions ending at places, strongest first.
    fn ends(&self, below: &[(Cur, TrieId)]) -> (Vec<(Cur, DefId)>, bool) {
        let program = &self.eng.program;
        let mut ends = Vec::new();
        let mut adds = false;
        for (cur, place) in below {
            for def in &self.eng.trie.node(*place).ends {
                adds |= matches!(program.defs[def.0 as usize].op, Op::Add | Op::Remove);
                ends.push((*cur, *def));
            }
        }
        ends.sort_by_key(|(_, def)| (std::cmp::Reverse(program.defs[def.0 as usize].strength), *def));
        (ends, adds)
    }

    /// The node below a spot: a record, map or Tree; for a Tree perhaps a scalar, for an optional perhaps nothing.
    fn child(
        &mut self,
        spot: Spot<'_>,
        key: &Arc<str>,
        place: &Place,
        below: &[(Cur, TrieId)],
        default: Option<(Arc<Ex>, Span)>,
    ) -> Slot {
        let id = spot.node();
        let ty = self.eng.program.types.unwrap(place.ty);
        let optional = ty != place.ty;
        let inner = Place { ty, refine: place.refine.clone() };
        let entry = matches!(spot, Spot::Entry(..)) && inner.ty != TyId::TREE;
        let mut above = self.parts(id, key);
        if optional && !self.optional_there(spot, below, &above, default.as_ref()) {
            return Slot::Value(Value::None, Src { def: NO_DEF, at: self.first_at(id) });
        }
        above.retain(|w| !matches!(w.value, Value::None));
        if let Some((default, at)) = &default {
            let empty = matches!(&default.kind, Ek::Body(_, entries) if entries.is_empty());
            if !empty && !matches!(default.kind, Ek::Const(Value::None)) {
                let value = self.default_whole(default, id);
                let rank = Rank { strength: rank::DEFAULT, file: FileId(0) };
                above.push(Whole { rank, src: Src { def: NO_DEF, at: *at }, value });
            }
        }
        let cuts = self.cuts(id, key, below, &mut above);
        let curs = self.below_curs(id, key, below);
        if ty == TyId::TREE {
            return self.tree_child(spot, key, inner, entry, curs, above, cuts, below);
        }
        // A map that one value gives, and nothing else says anything of, is that value.
        if curs.is_empty()
            && inner.refine.is_none()
            && matches!(self.eng.program.types.get(ty), Ty::Map(_, item) if self.is_leaf(*item))
            && let [Whole { value: value @ Value::Dict(_), src, .. }] = above.as_slice()
        {
            return Slot::Value(value.clone(), *src);
        }
        let child = self.add_node(inner, id, key.clone(), entry, curs, above.into(), cuts);
        Slot::Child(child)
    }

    /// The value of the default of a record, map or Tree; evaluated once where it reads nothing.
    fn default_whole(&mut self, default: &Arc<Ex>, id: NodeId) -> Value {
        let address = Arc::as_ptr(default) as usize;
        if let Some(known) = self.defaults.get(&address) {
            return known.clone();
        }
        let mut frame = Frame::at(self.nothing.clone(), id);
        frame.this = Some(Value::Node(id));
        let value = self.eval(default, &mut frame);
        let mut closed = true;
        default.walk(&mut |ex| {
            closed &=
                matches!(ex.kind, Ek::Const(_) | Ek::Body(..) | Ek::List(_) | Ek::ToSet(_) | Ek::ToTree(..));
        });
        if closed && !value.is_error() {
            self.defaults.insert(address, value.clone());
        }
        value
    }

    /// The cursors of a child: those whose computed step was the last one stay to be matched.
    fn below_curs(&mut self, id: NodeId, key: &Arc<str>, below: &[(Cur, TrieId)]) -> Arc<[Cur]> {
        let mut out = Vec::with_capacity(below.len());
        let mut instances = Vec::new();
        for (cur, place) in below {
            match cur.star {
                // The step that led here is still open, unless its instances are known already.
                Some(star) if self.eng.trie.star(star).target == *place => match self
                    .known_instances(*cur, key)
                {
                    Some((group, envs)) => {
                        out.extend(envs.iter().map(|env| Cur { trie: *place, group, env: *env, star: None }));
                    }
                    None => out.push(Cur { trie: *place, ..*cur }),
                },
                Some(_) => {
                    instances.clear();
                    let parent_key = self.node(id).key.clone();
                    self.instances(*cur, &parent_key, &mut instances);
                    out.extend(instances.iter().map(|(group, env)| Cur {
                        trie: *place,
                        group: *group,
                        env: *env,
                        star: None,
                    }));
                }
                None => out.push(Cur { trie: *place, ..*cur }),
            }
        }
        out.into()
    }

    /// `:=` above, and those that end here.
    fn cuts(
        &mut self,
        id: NodeId,
        key: &Arc<str>,
        below: &[(Cur, TrieId)],
        above: &mut Vec<Whole>,
    ) -> Arc<[Rank]> {
        let inherited = self.node(id).cuts.clone();
        let mut cuts = Vec::new();
        for (cur, place) in below.iter().filter(|(_, p)| self.eng.trie.node(*p).replaces) {
            for def_id in &self.eng.trie.node(*place).ends {
                let def = &self.eng.program.defs[def_id.0 as usize];
                if def.op == Op::Replace && self.is_active(id, *cur, *place, key, *def_id) {
                    cuts.push(self.rank(*def_id));
                }
            }
        }
        if cuts.is_empty() && inherited.is_empty() {
            return inherited;
        }
        cuts.extend(inherited.iter());
        let uses = &self.eng.program.uses;
        above.retain(|w| !cuts.iter().any(|c| c.beats(w.rank, uses)));
        cuts.into()
    }

    /// Whether a definition ending at a place below a cursor has an instance.
    fn is_active(&mut self, id: NodeId, cur: Cur, place: TrieId, key: &Arc<str>, def: DefId) -> bool {
        !self.def_envs(id, cur, place, key, def).is_empty()
    }

    /// The environments in which a definition ending at a place below a cursor holds.
    fn def_envs(&mut self, id: NodeId, cur: Cur, place: TrieId, key: &Arc<str>, def: DefId) -> Vec<EnvId> {
        let match_key = match cur.star {
            Some(star) if self.eng.trie.star(star).target != place => self.node(id).key.clone(),
            _ => key.clone(),
        };
        let mut instances = Vec::new();
        self.instances(cur, &match_key, &mut instances);
        let to = self.eng.program.defs[def.0 as usize].group;
        let mut out = Vec::new();
        for (group, env) in instances {
            self.extend(group, env, to, &mut out);
        }
        out
    }

    fn optional_there(
        &mut self,
        spot: Spot<'_>,
        below: &[(Cur, TrieId)],
        above: &[Whole],
        default: Option<&(Arc<Ex>, Span)>,
    ) -> bool {
        let key = self.spot_key(spot);
        let cuts = self.node(spot.node()).cuts.clone();
        let uses = &self.eng.program.uses;
        let mut claims: Vec<(Rank, bool, Span)> =
            above.iter().map(|w| (w.rank, !matches!(w.value, Value::None), w.src.at)).collect();
        for (cur, place) in below {
            for def in self.eng.trie.node(*place).ends.clone() {
                if self.is_active(spot.node(), *cur, *place, &key, def) {
                    let there = match &self.eng.program.defs[def.0 as usize].given {
                        Given::None => false,
                        Given::Exists => true,
                        Given::Value(ex) => {
                            let envs = self.def_envs(spot.node(), *cur, *place, &key, def);
                            envs.first().is_none_or(|env| {
                                let mut frame = Frame::at(self.env(*env), spot.node());
                                !matches!(self.eval(ex, &mut frame), Value::None)
                            })
                        }
                    };
                    claims.push((self.rank(def), there, self.eng.program.defs[def.0 as usize].at));
                }
            }
        }
        claims.retain(|(rank, ..)| !cuts.iter().any(|c| c.beats(*rank, uses)));
        let top: Vec<&(Rank, bool, Span)> = claims
            .iter()
            .filter(|(rank, ..)| !claims.iter().any(|(other, ..)| other.beats(*rank, uses)))
            .collect();
        match (top.iter().find(|c| c.1), top.iter().find(|c| !c.1)) {
            (Some(there), Some(gone)) => {
                let path = self.spot_path(spot);
                self.report(errors::presence(&path, &[(gone.2, "taken away here"), (there.2, "given here")]));
                true
            }
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => default.is_some_and(|(d, _)| !matches!(d.kind, Ek::Const(Value::None))),
        }
    }

    /// The name or key of a spot.
    pub fn spot_key(&self, spot: Spot<'_>) -> Arc<str> {
        match spot {
            Spot::Entry(_, key) => key.clone(),
            Spot::Field(node, field) => match &self.node(node).kind {
                Kind::Record(rec, ..) => {
                    self.eng.program.types.record(*rec).fields[field as usize].name.clone()
                }
                _ => "".into(),
            },
        }
    }

    /// A Tree: a scalar, or a node of its own.
    #[allow(clippy::too_many_arguments, reason = "what a node is made of")]
    fn tree_child(
        &mut self,
        spot: Spot<'_>,
        key: &Arc<str>,
        place: Place,
        entry: bool,
        curs: Arc<[Cur]>,
        above: Vec<Whole>,
        cuts: Arc<[Rank]>,
        below: &[(Cur, TrieId)],
    ) -> Slot {
        // Nothing but one value: it is the value.
        if curs.is_empty()
            && let [only] = above.as_slice()
            && !matches!(only.value, Value::Node(_))
        {
            return Slot::Value(only.value.clone(), only.src);
        }
        let is_tree = |v: &Value| matches!(v, Value::Dict(_) | Value::Node(_));
        let uses = &self.eng.program.uses;
        // Scalars and trees at this very place, and paths through it.
        let mut scalars: Vec<(Rank, Src, Value)> = Vec::new();
        let mut trees: Vec<(Rank, Span)> = Vec::new();
        for whole in &above {
            if is_tree(&whole.value) {
                trees.push((whole.rank, whole.src.at));
            } else {
                scalars.push((whole.rank, whole.src, whole.value.clone()));
            }
        }
        for (cur, trie) in below {
            for def_id in self.eng.trie.node(*trie).ends.clone() {
                let def = &self.eng.program.defs[def_id.0 as usize];
                let envs = self.def_envs(spot.node(), *cur, *trie, key, def_id);
                for env in envs {
                    match &def.given {
                        Given::Exists => trees.push((self.rank(def_id), def.at)),
                        Given::None => {}
                        Given::Value(ex) => {
                            let mut frame = Frame::at(self.env(env), spot.node());
                            let value = self.eval(ex, &mut frame);
                            let src = Src { def: def_id, at: def.at };
                            if is_tree(&value) {
                                trees.push((self.rank(def_id), def.at));
                            } else {
                                scalars.push((self.rank(def_id), src, value));
                            }
                        }
                    }
                }
            }
        }
        scalars.retain(|(rank, ..)| !cuts.iter().any(|c| c.beats(*rank, uses)));
        if !scalars.is_empty() {
            let mut through = Vec::new();
            for (cur, trie) in below {
                let mut instances = Vec::new();
                let match_key = match cur.star {
                    Some(star) if self.eng.trie.star(star).target != *trie => {
                        self.node(spot.node()).key.clone()
                    }
                    _ => key.clone(),
                };
                self.instances(*cur, &match_key, &mut instances);
                for (group, env) in instances {
                    let node = self.eng.trie.node(*trie);
                    for next in node.names.values() {
                        self.defs_below(*next, group, env, &mut through);
                    }
                }
            }
            for (def, gone) in through {
                if !gone {
                    trees.push((self.rank(def), self.eng.program.defs[def.0 as usize].at));
                }
            }
            let top_scalars: Vec<usize> = (0..scalars.len())
                .filter(|i| !scalars.iter().any(|(other, ..)| other.beats(scalars[*i].0, uses)))
                .collect();
            let best = &scalars[top_scalars[0]];
            let beaten = trees.iter().any(|(rank, _)| rank.beats(best.0, uses));
            if !beaten {
                let tie = trees.iter().find(|(rank, _)| !best.0.beats(*rank, uses));
                if let Some((_, at)) = tie {
                    let path = self.spot_path(spot);
                    let strength = best.0.strength;
                    self.report(errors::conflict(&path, &[(best.1.at, strength), (*at, strength)]));
                    return Slot::Value(Value::Error, best.1);
                }
                let tops: Vec<(Rank, Src, Value)> = top_scalars.iter().map(|i| scalars[*i].clone()).collect();
                let (value, src) = self.agree(spot, tops);
                self.win(src.def);
                return Slot::Value(value, src);
            }
        }
        let above: Vec<Whole> =
            above.into_iter().filter(|w| is_tree(&w.value) || matches!(w.value, Value::Error)).collect();
        let child = self.add_node(place, spot.node(), key.clone(), entry, curs, above.into(), cuts);
        Slot::Child(child)
    }

    /// The value on which equally strong definitions agree, or a report that they do not.
    fn agree(&mut self, spot: Spot<'_>, tops: Vec<(Rank, Src, Value)>) -> (Value, Src) {
        let (_, src, first) = tops[0].clone();
        for (_, other_src, other) in &tops[1..] {
            if first.is_error() || other.is_error() {
                return (Value::Error, src);
            }
            if first.order(other) != Ordering::Equal {
                let path = self.spot_path(spot);
                let places: Vec<(Span, u8)> =
                    tops.iter().map(|(rank, src, _)| (self.def_at(*src), rank.strength)).collect();
                let _ = other_src;
                self.report(errors::conflict(&path, &places));
                return (Value::Error, src);
            }
        }
        (first, src)
    }

    /// Where a value's definition stands: the written place if the value came whole.
    fn def_at(&self, src: Src) -> Span {
        src.at
    }

    /// A leaf.
    fn leaf(
        &mut self,
        spot: Spot<'_>,
        place: &Place,
        ends: &[(Cur, DefId)],
        wholes: &[Whole],
        adds: bool,
        default: Option<&Arc<Ex>>,
    ) -> (Value, Src) {
        if adds {
            return self.added(spot, place, ends, wholes, default);
        }
        let program = &self.eng.program;
        let cuts_empty = self.node(spot.node()).cuts.is_empty();
        let mut i = 0;
        let mut strength = rank::FORCE + 1;
        loop {
            // The next class of equal strength, among definitions and parts of whole values.
            let next_end = ends.get(i).map(|(_, d)| program.defs[d.0 as usize].strength);
            let next_whole = wholes.iter().map(|w| w.rank.strength).filter(|s| *s < strength).max();
            let Some(class) = next_end.max(next_whole) else { break };
            strength = class;
            let mut cands: Vec<Cand> = Vec::new();
            while let Some((cur, def)) = ends.get(i) {
                if program.defs[def.0 as usize].strength != class {
                    break;
                }
                i += 1;
                if cur.star.is_none() && cur.group == program.defs[def.0 as usize].group {
                    cands.push(Cand::Def(*def, cur.env));
                    continue;
                }
                let key = self.leaf_key(spot, *cur, *def);
                let mut instances = Vec::new();
                self.instances(*cur, &key, &mut instances);
                let to = program.defs[def.0 as usize].group;
                let mut envs = Vec::new();
                for (group, env) in instances {
                    self.extend(group, env, to, &mut envs);
                }
                cands.extend(envs.into_iter().map(|env| Cand::Def(*def, env)));
            }
            cands.extend(wholes.iter().filter(|w| w.rank.strength == class).cloned().map(Cand::Whole));
            if !cuts_empty {
                let cuts = self.node(spot.node()).cuts.clone();
                cands.retain(|c| !cuts.iter().any(|cut| cut.beats(self.cand_rank(c), &program.uses)));
            }
            if cands.is_empty() {
                continue;
            }
            if let [only] = cands.as_slice() {
                let only = only.clone();
                self.note_losers(&only, &ends[i..]);
                return self.landed(spot, place, &only);
            }
            let uses = &program.uses;
            let ranks: Vec<Rank> = cands.iter().map(|c| self.cand_rank(c)).collect();
            let tops: Vec<Cand> = cands
                .iter()
                .zip(&ranks)
                .filter(|(_, rank)| !ranks.iter().any(|other| other.beats(**rank, uses)))
                .map(|(c, _)| c.clone())
                .collect();
            let values: Vec<(Rank, Src, Value)> = tops
                .iter()
                .map(|c| {
                    let (value, src) = self.landed(spot, place, c);
                    (self.cand_rank(c), src, self.settled_for_compare(value, place.ty))
                })
                .collect();
            self.note_losers(&tops[0], &ends[i..]);
            return self.agree(spot, values);
        }
        self.default_leaf(spot, place, default)
    }

    /// Which key a cursor's open step is matched with: the record's own, or the entry's.
    fn leaf_key(&self, spot: Spot<'_>, cur: Cur, def: DefId) -> Arc<str> {
        match spot {
            Spot::Field(node, _) => self.node(node).key.clone(),
            Spot::Entry(node, key) => {
                let own = cur
                    .star
                    .is_some_and(|s| self.eng.trie.node(self.eng.trie.star(s).target).ends.contains(&def));
                if own { key.clone() } else { self.node(node).key.clone() }
            }
        }
    }

    fn cand_rank(&self, cand: &Cand) -> Rank {
        match cand {
            Cand::Def(def, _) => self.rank(*def),
            Cand::Whole(whole) => whole.rank,
        }
    }

    /// Remembers which definitions of the winner's own file lost, for the warning about dead ones.
    fn note_losers(&mut self, winner: &Cand, weaker: &[(Cur, DefId)]) {
        let Cand::Def(winner, _) = winner else { return };
        self.note_weaker(*winner, weaker.iter().map(|(_, d)| *d));
    }

    fn note_weaker(&mut self, winner: DefId, weaker: impl Iterator<Item = DefId>) {
        self.win(winner);
        let defs = &self.eng.program.defs;
        let file = defs[winner.0 as usize].file;
        for def in weaker {
            if defs[def.0 as usize].file == file {
                self.memo.lost.entry(def).or_insert(winner);
            }
        }
    }

    /// The value of a candidate at its place, its conditions tried.
    fn landed(&mut self, spot: Spot<'_>, place: &Place, cand: &Cand) -> (Value, Src) {
        match cand {
            Cand::Def(id, env) => {
                let def = &self.eng.program.defs[id.0 as usize];
                self.win(*id);
                let src = Src { def: *id, at: def.at };
                let value = match &def.given {
                    Given::Value(ex) => match &ex.kind {
                        Ek::Const(value) => value.clone(),
                        _ => {
                            let mut frame = Frame::at(self.env(*env), spot.node());
                            self.eval(ex, &mut frame)
                        }
                    },
                    Given::None => Value::None,
                    Given::Exists => Value::Error,
                };
                if def.known_good || place.refine.is_none() {
                    return (value, src);
                }
                (self.demand(spot, place, value, def.value_at, None), src)
            }
            Cand::Whole(whole) => {
                let value = whole.value.clone();
                let through =
                    (whole.src.def != NO_DEF).then(|| self.eng.program.defs[whole.src.def.0 as usize].at);
                self.win(whole.src.def);
                let value = self.demand(spot, place, value, whole.src.at, through);
                (value, whole.src)
            }
        }
    }

    fn default_leaf(&mut self, spot: Spot<'_>, place: &Place, default: Option<&Arc<Ex>>) -> (Value, Src) {
        let Some(default) = default else {
            let at = self.first_at(spot.node());
            let src = Src { def: NO_DEF, at };
            if matches!(self.eng.program.types.get(place.ty), Ty::Opt(_)) {
                return (Value::None, src);
            }
            let path = self.spot_path(spot);
            let (declared_at, used_at) = match spot {
                Spot::Field(node, field) => {
                    let Kind::Record(rec, ..) = &self.node(node).kind else { return (Value::Error, src) };
                    (self.eng.program.types.record(*rec).fields[field as usize].at, self.first_at(node))
                }
                Spot::Entry(node, _) => (at, self.first_at(node)),
            };
            let broken = self.wholes(spot.node()).iter().any(|w| w.value.is_error());
            if !broken {
                self.report(errors::missing(&path, used_at, declared_at));
            }
            return (Value::Error, src);
        };
        let src = Src { def: NO_DEF, at: default.at };
        let value = match &default.kind {
            Ek::Const(value) => return (value.clone(), src),
            _ => {
                let mut frame = Frame::at(self.nothing.clone(), spot.node());
                frame.this = Some(Value::Node(spot.node()));
                self.eval(default, &mut frame)
            }
        };
        (self.demand(spot, place, value, default.at, None), src)
    }

    /// A list or set with `+=` and `-=`.
    fn added(
        &mut self,
        spot: Spot<'_>,
        place: &Place,
        ends: &[(Cur, DefId)],
        wholes: &[Whole],
        default: Option<&Arc<Ex>>,
    ) -> (Value, Src) {
        let program = &self.eng.program;
        let is_add = |d: DefId| matches!(program.defs[d.0 as usize].op, Op::Add | Op::Remove);
        let base_ends: Vec<(Cur, DefId)> = ends.iter().filter(|(_, d)| !is_add(*d)).copied().collect();
        let (base, base_src) = self.leaf(spot, place, &base_ends, wholes, false, default);
        let base_rank = match base_src.def {
            NO_DEF => Rank { strength: rank::DEFAULT, file: FileId(0) },
            def => self.rank(def),
        };
        if base.is_error() {
            return (base, base_src);
        }
        let set = matches!(program.types.get(program.types.unwrap(place.ty)), Ty::Set(_));
        let mut live: Vec<(DefId, EnvId)> = Vec::new();
        for (cur, def) in ends.iter().filter(|(_, d)| is_add(*d)) {
            let key = self.leaf_key(spot, *cur, *def);
            let mut instances = Vec::new();
            self.instances(*cur, &key, &mut instances);
            let mut envs = Vec::new();
            for (group, env) in instances {
                self.extend(group, env, program.defs[def.0 as usize].group, &mut envs);
            }
            if base_rank.beats(self.rank(*def), &program.uses) {
                if !envs.is_empty() {
                    let (at, base_at) = (program.defs[def.0 as usize].at, base_src.at);
                    self.report(errors::dropped(at, base_at));
                }
                continue;
            }
            live.extend(envs.into_iter().map(|env| (*def, env)));
        }
        // Weakest first; among equals by module path and line.
        let sources = &program.sources;
        let order = |d: &DefId| {
            let def = &program.defs[d.0 as usize];
            (def.strength, sources.file(def.file).name.clone(), def.at.start)
        };
        live.sort_by(|(a, e), (b, f)| {
            let (x, y) = (self.rank(*a), self.rank(*b));
            if x.beats(y, &program.uses) {
                return Ordering::Greater;
            }
            if y.beats(x, &program.uses) {
                return Ordering::Less;
            }
            (order(a), e.0).cmp(&(order(b), f.0))
        });
        let mut items: Vec<Value> = base.items().map(|l| l.to_vec()).unwrap_or_default();
        let mut last = base_src;
        for wanted in [Op::Add, Op::Remove] {
            for (id, env) in live.iter().filter(|(d, _)| program.defs[d.0 as usize].op == wanted) {
                let def = &program.defs[id.0 as usize];
                let Given::Value(ex) = &def.given else { continue };
                let mut frame = Frame::at(self.env(*env), spot.node());
                let value = self.eval(ex, &mut frame);
                let value = self.demand(spot, place, value, def.value_at, None);
                let Value::List(more) = value else { return (Value::Error, base_src) };
                self.win(*id);
                last = Src { def: *id, at: def.at };
                match wanted {
                    Op::Add => items.extend(more.iter().cloned()),
                    _ => items.retain(|i| !more.iter().any(|m| m.order(i) == Ordering::Equal)),
                }
            }
        }
        let value = if set { to_set(items) } else { Value::List(items.into()) };
        (value, last)
    }

    /// Tries the conditions of a place on a value; a value that breaks one is an error.
    pub fn demand(
        &mut self,
        spot: Spot<'_>,
        place: &Place,
        value: Value,
        at: Span,
        through: Option<Span>,
    ) -> Value {
        let Some(refine) = &place.refine else { return value };
        if matches!(value, Value::Error | Value::None) {
            return value;
        }
        for cond in &refine.wheres {
            let ex = &self.eng.program.wheres[cond.0 as usize];
            match self.holds(*cond, &value) {
                true => {}
                false => {
                    let shown = self.shown(&value, place.ty);
                    let path = self.spot_path(spot);
                    return self.fail(errors::broken_where(at, &path, &shown, ex.at, through));
                }
            }
        }
        if let (Some(item), Value::List(items)) = (&refine.item, &value) {
            let item_ty = match self.eng.program.types.get(self.eng.program.types.unwrap(place.ty)) {
                Ty::List(x) | Ty::Set(x) => *x,
                _ => return value,
            };
            let item_place = Place { ty: item_ty, refine: Some(item.clone()) };
            for item in items.iter() {
                if self.demand(spot, &item_place, item.clone(), at, through).is_error() {
                    return Value::Error;
                }
            }
        }
        value
    }

    /// Whether a value meets a condition. What reads nothing but `it` is remembered for texts, which recur.
    fn holds(&mut self, cond: crate::types::hir::WhereId, value: &Value) -> bool {
        let ex = &self.eng.program.wheres[cond.0 as usize];
        let text = match value {
            Value::Str(text) if self.eng.closed[cond.0 as usize] => Some(text),
            _ => None,
        };
        if let Some(text) = text
            && let Some(known) = self.tried.get(&(cond, text.clone()))
        {
            return *known;
        }
        let mut frame = Frame::of(self.nothing.clone());
        frame.it = Some(value.clone());
        let holds = !matches!(self.eval(ex, &mut frame), Value::Bool(false));
        if let Some(text) = text {
            self.tried.insert((cond, text.clone()), holds);
        }
        holds
    }

    fn settled_for_compare(&mut self, value: Value, ty: TyId) -> Value {
        if self.is_leaf(ty) { value } else { self.settle(&value, ty) }
    }

    /// Where a group of an instance stands, for reports.
    pub fn group_at(&self, group: GroupId) -> Span {
        self.eng.program.groups[group.0 as usize].at
    }
}
