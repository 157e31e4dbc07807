//! Fields and entries of the tree: read once, remembered, and what was given whole above them. Who wins is in `leaf`.

use super::frame::Frame;
use super::leaf::Candidate;
use super::memo::*;
use super::pass::Pass;
use super::state::{Instances, Location, Open};
use crate::live::{NodeId, Value};
use crate::merge::trie::{StarId, TrieId};
use crate::source::Span;
use crate::syntax::ast::Op;
use crate::types::hir::{DefId, Given, TypedExpr};
use crate::types::ty::{RecId, RefinedType, TyId};
use std::sync::Arc;

impl Pass<'_> {
    /// The path of a location as it is written.
    pub fn location_path(&self, location: Location<'_>) -> String {
        match location {
            Location::Field(node, field) => self.field_path(node, field),
            Location::Entry(node, key) => self.entry_path(node, key),
        }
    }

    /// A field of a record of the tree: a leaf's value, or the node below.
    pub fn field(&mut self, id: NodeId, field: u32) -> Value {
        let id = self.canon(id);
        if self.watch.is_some() {
            self.watched(Location::Field(id, field));
        }
        match self.field_slot(id, field) {
            Slot::Value(value, src) => {
                let (value, src) = (value.clone(), *src);
                if self.is_observed() {
                    self.traced(Location::Field(id, field));
                    self.note(Location::Field(id, field), &value, src);
                }
                return value;
            }
            Slot::Child(child) => return Value::Node(*child),
            Slot::Busy => return Value::Error(self.cycle(Open::Field(id, field), None)),
            Slot::Unset => {}
        }
        let Kind::Record(rec, plan, _) = &self.node(id).kind else {
            return self.failed(self.first_at(id), &[]);
        };
        let (rec, plan) = (*rec, plan.clone());
        self.fill_field(id, field, rec, &plan);
        match self.field_slot(id, field) {
            Slot::Value(value, _) => value.clone(),
            Slot::Child(child) => Value::Node(*child),
            Slot::Unset | Slot::Busy => self.failed(self.first_at(id), &[]),
        }
    }

    /// Finds a field of a record that nobody has read yet.
    pub(super) fn fill_field(&mut self, id: NodeId, field: u32, rec: RecId, plan: &Plan) {
        self.traced(Location::Field(id, field));
        if let Some((value, src)) = &plan.fields[field as usize].fixed
            && self.has_no_wholes(id)
        {
            let value = self.constant(value, src.at);
            self.set_field(id, field, Slot::Value(value, *src));
            return;
        }
        self.set_field(id, field, Slot::Busy);
        self.open.push(Open::Field(id, field));
        let slot = self.deeper(id, |pass| pass.find_field(id, field, rec, plan));
        self.open.pop();
        self.set_field(id, field, slot);
    }

    /// An entry of a map or Tree of the tree that is known to be there.
    pub fn entry(&mut self, id: NodeId, key: &Arc<str>) -> Value {
        let id = self.canon(id);
        if self.watch.is_some() {
            self.watched(Location::Entry(id, key));
        }
        match self.entry_slot(id, key) {
            Slot::Value(value, src) => {
                let (value, src) = (value.clone(), *src);
                if self.is_observed() {
                    self.traced(Location::Entry(id, key));
                    self.note(Location::Entry(id, key), &value, src);
                }
                return value;
            }
            Slot::Child(child) => return Value::Node(self.canon(*child)),
            Slot::Busy => return Value::Error(self.cycle(Open::Entry(id, 0), Some(key))),
            Slot::Unset => {}
        }
        self.traced(Location::Entry(id, key));
        self.set_entry(id, key, Slot::Busy);
        self.open.push(Open::Entry(id, self.open_names.len() as u32));
        self.open_names.push(key.clone());
        let slot = self.deeper(id, |pass| pass.find_entry(id, key));
        self.open.pop();
        self.open_names.pop();
        let value = match &slot {
            Slot::Value(value, _) => value.clone(),
            Slot::Child(child) => Value::Node(*child),
            Slot::Unset | Slot::Busy => self.failed(self.first_at(id), &[]),
        };
        self.set_entry(id, key, slot);
        value
    }

    #[inline]
    pub(super) fn traced(&mut self, location: Location<'_>) {
        if self.trace.is_some() {
            let (path, key, depth) = (self.location_path(location), self.spot_key(location), self.open.len());
            if let Some(trace) = &mut self.trace {
                trace.reads.push(super::state::Traced { depth, node: location.node(), key, path });
            }
        }
    }

    /// Remembers, while it is traced, that a definition, a loop or a guard was evaluated.
    pub(super) fn involve(&mut self, at: Span) {
        if let Some(trace) = &mut self.trace {
            trace.involved.insert(at);
        }
    }

    /// Runs one level deeper, on a stack that grows as it must.
    pub(super) fn deeper(&mut self, id: NodeId, find: impl FnOnce(&mut Self) -> Slot) -> Slot {
        let before = self.unsure.take();
        let found = self.waiting(|pass| pass.first_at(id), find);
        let slot = found.unwrap_or_else(|reported| {
            Slot::Value(Value::Error(reported), Src { def: NO_DEF, at: self.first_at(id) })
        });
        // What failed may have been stronger than what was found.
        let unsure = std::mem::replace(&mut self.unsure, before);
        match slot {
            Slot::Value(_, src) if let Some(reported) = unsure => Slot::Value(Value::Error(reported), src),
            slot => slot,
        }
    }

    fn find_field(&mut self, id: NodeId, field: u32, rec: RecId, plan: &Plan) -> Slot {
        let program = &self.eng.program;
        let def = &program.types.record(rec).fields[field as usize];
        let fields = &plan.fields[field as usize];
        if !self.is_leaf(def.place.ty) {
            let below: Vec<(Cursor, TrieId)> = {
                let cursors = &self.node(id).cursors;
                fields.below.iter().map(|(i, t)| (cursors[*i as usize], *t)).collect()
            };
            let default = def.default.as_ref().map(|d| (d.clone(), d.at));
            return self.child(Location::Field(id, field), &def.name, &def.place, &below, default);
        }
        let location = Location::Field(id, field);
        if let Some((value, src)) = self.quick_leaf(location, id, &def.place, fields, def.default.as_ref()) {
            return Slot::Value(value, src);
        }
        let wholes = self.parts(id, &def.name);
        let mut ends = Vec::with_capacity(fields.ends.len());
        {
            let cursors = &self.node(id).cursors;
            ends.extend(fields.ends.iter().map(|(i, d)| (cursors[*i as usize], *d)));
        }
        let (value, src) = self.leaf(location, &def.place, &ends, &wholes, fields.adds, def.default.as_ref());
        Slot::Value(value, src)
    }

    /// The frequent case: nothing given whole, nothing replaced or added, and one candidate of the greatest strength.
    pub(super) fn quick_leaf(
        &mut self,
        location: Location<'_>,
        id: NodeId,
        place: &RefinedType,
        fields: &FieldPlan,
        default: Option<&Arc<TypedExpr>>,
    ) -> Option<(Value, Src)> {
        if !fields.simple || !self.node(id).cuts.is_empty() {
            return None;
        }
        if !self.has_no_wholes(id) && !self.wholes(id).is_empty() {
            return None;
        }
        let defs = &self.eng.program.defs;
        let mut found: Option<(DefId, EnvId, Rule)> = None;
        let mut weaker = fields.ends.len();
        for (i, (cursor, def)) in fields.ends.iter().enumerate() {
            let (strength, to) = (defs[def.0 as usize].strength, defs[def.0 as usize].group);
            if let Some((stronger, ..)) = found
                && defs[stronger.0 as usize].strength != strength
            {
                weaker = i;
                break;
            }
            let cursor = self.node(id).cursors[*cursor as usize];
            if cursor.star.is_some() {
                return None;
            }
            match self.extend_one(cursor.group, cursor.env, to) {
                Instances::None => {}
                Instances::One(env) if found.is_none() => found = Some((*def, env, cursor.rule)),
                // Who wins of several is not decided here.
                Instances::One(_) | Instances::Several => return None,
            }
        }
        let Some((def, env, rule)) = found else { return Some(self.default_leaf(location, place, default)) };
        self.note_weaker(def, fields.ends[weaker..].iter().map(|(_, d)| *d));
        Some(self.eval_candidate(location, place, &Candidate::Def(def, env, rule)))
    }

    /// The parts of the values given whole that lie at one key or field.
    pub(super) fn parts(&mut self, id: NodeId, key: &Arc<str>) -> Vec<Composite> {
        if self.has_no_wholes(id) {
            return Vec::new();
        }
        let wholes = self.wholes(id);
        let mut out = Vec::new();
        for whole in wholes.iter() {
            match &whole.value {
                Value::Dict(dict) => {
                    if let Some(entry) = dict.get(key) {
                        let src = Src { def: whole.src.def, at: entry.at };
                        out.push(Composite { src, value: entry.value.clone(), ..*whole });
                    }
                }
                Value::Node(other) => {
                    let other = self.canon(*other);
                    if self.open_parts.iter().any(|(node, name)| *node == id && name == key) {
                        // Two places that are each the other say nothing.
                        let known = self.broken_wholes.get(&id).copied();
                        let reported = known.unwrap_or_else(|| self.cycle(Open::Wholes(id), None));
                        self.broken_wholes.insert(id, reported);
                        out.push(Composite { value: Value::Error(reported), ..whole.clone() });
                        continue;
                    }
                    self.open_parts.push((id, key.clone()));
                    self.open.push(Open::Wholes(id));
                    let written = self.waiting(|pass| pass.first_at(id), |pass| pass.written(other, key));
                    self.open.pop();
                    self.open_parts.pop();
                    let written = written.unwrap_or_else(|over| Some((Value::Error(over), whole.src.at)));
                    if let Some((value, at)) = written {
                        out.push(Composite { src: Src { def: whole.src.def, at }, value, ..*whole });
                    }
                }
                Value::Thunk(_) => {
                    if let Some((value, at)) = self.part_at(&whole.value, key) {
                        out.push(Composite { src: Src { def: whole.src.def, at }, value, ..*whole });
                    }
                }
                Value::Error(_) => out.push(whole.clone()),
                _ => {}
            }
        }
        out
    }

    /// The value of a field or entry of another node and where it was written, if it was and is no default of its own.
    pub fn written(&mut self, id: NodeId, key: &Arc<str>) -> Option<(Value, Span)> {
        let written = self.written_at(id, key);
        self.note_taken(id, key);
        written
    }

    fn written_at(&mut self, id: NodeId, key: &Arc<str>) -> Option<(Value, Span)> {
        self.look_at_whole(id);
        match &self.node(id).kind {
            Kind::Record(rec, plan, _) => {
                let (rec, plan) = (*rec, plan.clone());
                let field = self.eng.program.types.record(rec).find(key)?;
                let by_whole = !self.parts(id, key).is_empty();
                if let Some(reported) = self.broken_wholes.get(&id) {
                    return Some((Value::Error(*reported), self.first_at(id)));
                }
                if !by_whole && !self.is_given_below(id, &plan.fields[field as usize].below) {
                    return None;
                }
                let value = self.field(id, field);
                match self.field_slot(id, field) {
                    Slot::Value(_, src) => Some((value, src.at)),
                    Slot::Child(child) => Some((value, self.first_at(*child))),
                    _ => Some((value, self.first_at(id))),
                }
            }
            _ => {
                let keys = self.keys(id);
                if keys.has(key) {
                    let value = self.entry(id, key);
                    Some((value, self.entry_origin(id, key)))
                } else if keys.lost(key) {
                    Some((Value::None, self.first_at(id)))
                } else {
                    None
                }
            }
        }
    }

    /// Whether a definition whose loops and guards let it be ends at a field of a node or goes through it.
    fn is_given_below(&mut self, id: NodeId, below: &[(u32, TrieId)]) -> bool {
        let (cursors, key, cuts) =
            (self.node(id).cursors.clone(), self.node(id).key.clone(), self.node(id).cuts.clone());
        let mut found = Vec::new();
        for (cursor, place) in below {
            let cursor = cursors[*cursor as usize];
            let mut instances = Vec::new();
            self.instances(cursor, &key, &mut instances);
            for (group, env) in instances {
                self.defs_below(*place, group, env, &mut found);
            }
            let uses = &self.eng.program.uses;
            found.retain(|(def, _)| !cuts.iter().any(|cut| cut.drops(self.rank(*def), cursor.rule, uses)));
            if !found.is_empty() {
                return true;
            }
        }
        false
    }

    /// Whether it is known that nothing was given whole at or above a node.
    #[inline]
    pub(super) fn has_no_wholes(&self, id: NodeId) -> bool {
        match &self.node(id).wholes {
            Once::Done(all) => all.is_empty(),
            _ => false,
        }
    }

    /// All values given whole at or above a node, as far as they lie at it.
    pub fn wholes(&mut self, id: NodeId) -> Arc<[Composite]> {
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
        let any = node.cursors.iter().any(|c| self.eng.trie.node(c.trie).whole);
        if !any {
            let above = node.above.clone();
            self.set_wholes(id, Once::Done(above.clone()));
            return above;
        }
        self.set_wholes(id, Once::Busy);
        self.open.push(Open::Wholes(id));
        let out = self.find_wholes(id);
        self.open.pop();
        self.set_wholes(id, Once::Done(out.clone()));
        out
    }

    pub(super) fn find_wholes(&mut self, id: NodeId) -> Arc<[Composite]> {
        let (cursors, key, mut out) =
            (self.node(id).cursors.clone(), self.node(id).key.clone(), self.node(id).above.to_vec());
        let cuts = self.node(id).cuts.clone();
        for cursor in cursors.iter().filter(|c| self.eng.trie.node(c.trie).whole) {
            let mut instances = Vec::new();
            self.instances(*cursor, &key, &mut instances);
            for (group, env) in instances {
                for def_id in &self.eng.trie.node(cursor.trie).ends {
                    let def = &self.eng.program.defs[def_id.0 as usize];
                    let Given::Value(ex) = &def.given else { continue };
                    // What `:=` drops is not even evaluated.
                    if self.is_cut(&cuts, self.rank(*def_id), cursor.rule, *def_id) {
                        continue;
                    }
                    let mut envs = Vec::new();
                    let before = self.unsure.take();
                    self.extend(group, env, def.group, &mut envs);
                    let src = Src { def: *def_id, at: def.at };
                    if let Some(reported) = std::mem::replace(&mut self.unsure, before) {
                        let value = Value::Error(reported);
                        out.push(Composite { rank: self.rank(*def_id), src, value, rule: cursor.rule });
                    }
                    for env in envs {
                        let mut frame = Frame::at(self.env(env), id);
                        self.involve(def.at);
                        let value = self.eval_head(ex, &mut frame);
                        out.push(Composite { rank: self.rank(*def_id), src, value, rule: cursor.rule });
                    }
                }
            }
        }
        out.into()
    }

    /// A field of a record, evaluated again though it may be known.
    pub(super) fn field_again(&mut self, id: NodeId, field: u32) {
        if let Kind::Record(rec, plan, _) = &self.node(id).kind {
            let (rec, plan) = (*rec, plan.clone());
            self.find_field(id, field, rec, &plan);
        }
    }

    pub(super) fn find_entry(&mut self, id: NodeId, key: &Arc<str>) -> Slot {
        let node_place = self.node(id).place.clone();
        let value_ty = match &self.node(id).kind {
            Kind::Map(value, ..) => *value,
            _ => TyId::TREE,
        };
        let place = if value_ty == TyId::TREE && node_place.ty == TyId::TREE {
            RefinedType::plain(TyId::TREE)
        } else {
            node_place.item(value_ty)
        };
        let (cursors, own_key) = (self.node(id).cursors.clone(), self.node(id).key.clone());
        let mut below = Vec::new();
        let mut instances = Vec::new();
        for cursor in cursors.iter() {
            let names = self.eng.trie.node(cursor.trie).names.get(key).copied();
            let stars = &self.eng.trie.node(cursor.trie).stars;
            if names.is_none() && stars.is_empty() {
                continue;
            }
            instances.clear();
            self.instances(*cursor, &own_key, &mut instances);
            for (group, env) in instances.iter().copied() {
                let here = Cursor { trie: cursor.trie, group, env, star: None, rule: cursor.rule };
                if let Some(next) = names {
                    below.push((here, next));
                }
                for star in stars {
                    let rule = self.rule_of(id, *cursor, *star);
                    below
                        .push((Cursor { star: Some(*star), rule, ..here }, self.eng.trie.star(*star).target));
                }
            }
        }
        let location = Location::Entry(id, key);
        if !self.is_leaf(value_ty) {
            return self.child(location, key, &place, &below, None);
        }
        let (ends, adds) = self.ends(&below);
        let wholes = self.parts(id, key);
        let (value, src) = self.leaf(location, &place, &ends, &wholes, adds, None);
        Slot::Value(value, src)
    }

    /// How a computed step comes to the entries of a map.
    pub(super) fn rule_of(&self, map: NodeId, cursor: Cursor, star: StarId) -> Rule {
        if self.eng.trie.star(star).adds { cursor.rule } else { self.node(map).depth.saturating_add(1) }
    }

    /// The definitions ending at places, strongest first.
    pub(super) fn ends(&self, below: &[(Cursor, TrieId)]) -> (Vec<(Cursor, DefId)>, bool) {
        let program = &self.eng.program;
        let mut ends = Vec::new();
        let mut adds = false;
        for (cursor, place) in below {
            for def in &self.eng.trie.node(*place).ends {
                adds |= matches!(program.defs[def.0 as usize].op, Op::Add | Op::Remove);
                ends.push((*cursor, *def));
            }
        }
        ends.sort_by_key(|(_, def)| (std::cmp::Reverse(program.defs[def.0 as usize].strength), *def));
        (ends, adds)
    }
}
