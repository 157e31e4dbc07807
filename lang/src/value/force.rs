//! Reads a whole part of the tree: every leaf becomes [`Data`] with its origin, every path that goes nowhere is
//! reported.

use super::errors;
use super::memo::{Cursor, Keys, Kind, NO_DEF, Plan, Slot, Src};
use super::pass::Pass;
use super::plain::plain_kind;
use crate::data::{Data, DataKind, Origin, TemplateCall};
use crate::diag::Reported;
use crate::live::{NodeId, Value};
use crate::merge::trie::TrieId;
use crate::source::{Point, Span};
use crate::types::ty::{KeyOf, RecId, RefinedType, Ty, TyId};
use std::sync::Arc;

impl Pass<'_> {
    /// The origin of a value's source.
    fn origin(&self, src: Src) -> Origin {
        let through = (src.def != NO_DEF)
            .then(|| self.eng.program.defs[src.def.0 as usize].at)
            .filter(|at| *at != src.at);
        Origin { at: src.at, through }
    }

    /// A field of a record of the tree, with all below.
    pub fn force_field(&mut self, id: NodeId, field: u32) -> Data {
        let Kind::Record(rec, plan, _) = &self.node(id).kind else {
            let at = self.first_at(id);
            let reported = self.failure(at, &[]);
            return self.error_data(reported, Origin { at, through: None });
        };
        let (rec, plan) = (*rec, plan.clone());
        self.force_field_of(id, field, rec, &plan)
    }

    fn force_field_of(&mut self, id: NodeId, field: u32, rec: RecId, plan: &Plan) -> Data {
        if !self.has_no_wholes(id) {
            self.wholes(id);
        }
        if let Some(data) = &plan.fields[field as usize].fixed_data
            && !(self.any_broken || self.is_observed())
            && self.has_no_wholes(id)
        {
            return data.clone();
        }
        if self.is_observed() {
            self.field(id, field);
        } else if matches!(self.field_slot(id, field), Slot::Unset) {
            self.fill_field(id, field, rec, plan);
        }
        let program = &self.eng.program;
        let def = &program.types.record(rec).fields[field as usize];
        let (value, origin) = match self.field_slot(id, field) {
            Slot::Value(value, src) => {
                let origin = self.origin(*src);
                if let Some(kind) = plain_kind(&program.types, value, def.place.ty, &self.no_payload) {
                    return Data { kind, origin };
                }
                (value.clone(), origin)
            }
            Slot::Child(child) => (Value::Node(*child), Origin { at: self.first_at(*child), through: None }),
            _ => (self.field(id, field), Origin { at: def.at, through: None }),
        };
        self.force_value(&value, &def.place, origin, Some(id))
    }

    /// Data that failed.
    fn error_data(&mut self, reported: Reported, origin: Origin) -> Data {
        self.failed_at.get_or_insert(origin.at);
        Data { kind: DataKind::Error(reported), origin }
    }

    fn force_entry(&mut self, id: NodeId, key: &Arc<str>, place: &RefinedType) -> Data {
        let value = self.entry(id, key);
        let origin = match self.entry_slot(id, key) {
            Slot::Value(_, src) => self.origin(*src),
            Slot::Child(child) => Origin { at: self.first_at(*child), through: None },
            _ => Origin { at: self.first_at(id), through: None },
        };
        self.force_value(&value, place, origin, Some(id))
    }

    /// A value of a place, with all below. `around` is the node in which it lies.
    pub fn force_value(
        &mut self,
        value: &Value,
        place: &RefinedType,
        origin: Origin,
        around: Option<NodeId>,
    ) -> Data {
        self.force_in::<false>(value, place, origin, around)
    }

    /// Counts what lies in a value, which becomes data too, and forces it one level deeper.
    #[inline(never)]
    fn force_deep(
        &mut self,
        value: &Value,
        place: &RefinedType,
        origin: Origin,
        around: Option<NodeId>,
    ) -> Data {
        let n_inner = match value {
            Value::List(items) => items.len(),
            Value::Dict(dict) => dict.entries.len(),
            _ => 0,
        };
        let forced = self.make(2 * n_inner as u64, origin.at).and_then(|()| {
            self.nested(|_| origin.at, |pass| pass.force_in::<true>(value, place, origin, around))
        });
        forced.unwrap_or_else(|reported| self.error_data(reported, origin))
    }

    fn force_in<const COUNTED: bool>(
        &mut self,
        value: &Value,
        place: &RefinedType,
        origin: Origin,
        around: Option<NodeId>,
    ) -> Data {
        if !COUNTED && !is_scalar(value) {
            return self.force_deep(value, place, origin, around);
        }
        let types = &self.eng.program.types;
        let ty = types.unwrap(place.ty);
        let inner = RefinedType { ty, refine: place.refine.clone() };
        let kind = match (value, types.get(ty)) {
            (Value::Error(reported), _) => return self.error_data(*reported, origin),
            (Value::None, _) => DataKind::None,
            (Value::Str(text), Ty::Key(key)) => {
                if let (KeyOf::Nominal(rec, field), Some(around)) = (key, around) {
                    self.landed_key(*rec, field, text, around, origin);
                }
                DataKind::Key(text.clone())
            }
            (Value::Str(text), _) => DataKind::Str(text.clone()),
            (Value::Enum(index, payload), Ty::Enum(id)) => {
                let (name, fields) = &types.enumeration(*id).variants[*index as usize];
                let payload = payload.as_deref().unwrap_or(&[]);
                let all = fields
                    .iter()
                    .zip(payload)
                    .map(|(f, v)| (f.name.clone(), self.force_value(v, &f.place, origin, around)))
                    .collect();
                DataKind::Enum(name.clone(), all)
            }
            (Value::List(items), Ty::Set(item)) => {
                let place = inner.item(*item);
                DataKind::Set(items.iter().map(|i| self.force_value(i, &place, origin, around)).collect())
            }
            (Value::List(items), Ty::List(item)) => {
                let place = inner.item(*item);
                DataKind::List(items.iter().map(|i| self.force_value(i, &place, origin, around)).collect())
            }
            (Value::List(items), _) => {
                let place = RefinedType::plain(TyId::TREE);
                DataKind::List(items.iter().map(|i| self.force_value(i, &place, origin, around)).collect())
            }
            (Value::Node(id), _) => return self.force_node(*id, origin),
            (Value::Dict(dict), Ty::Record(rec)) => {
                let rec = *rec;
                let fields = &types.record(rec).fields;
                let mut all = Vec::with_capacity(fields.len());
                for (i, field) in fields.iter().enumerate() {
                    let value = self.field_of(value, rec, i as u32, origin.at);
                    let at = dict.get(&field.name).map_or(field.at, |e| e.at);
                    let through = Some(origin.through.unwrap_or(origin.at)).filter(|t| *t != at);
                    let origin = Origin { at, through };
                    all.push((field.name.clone(), self.force_value(&value, &field.place, origin, around)));
                }
                DataKind::Record(all.into())
            }
            (Value::Dict(dict), _) => {
                let (item, is_map) = match types.get(ty) {
                    Ty::Map(_, item) => (inner.item(*item), true),
                    _ => (RefinedType::plain(TyId::TREE), false),
                };
                let of = types.keys_of_another(ty).cloned();
                let mut all = Vec::with_capacity(dict.entries.len());
                for entry in dict.entries.iter().filter(|e| !matches!(e.value, Value::None)) {
                    let through = Some(origin.through.unwrap_or(origin.at)).filter(|t| *t != entry.at);
                    let origin = Origin { at: entry.at, through };
                    if let Some(of) = &of {
                        self.key_of(of, &entry.key, entry.at);
                    }
                    all.push((entry.key.clone(), self.force_value(&entry.value, &item, origin, around)));
                }
                if is_map { DataKind::Map(all.into()) } else { DataKind::Tree(all.into()) }
            }
            (Value::Template(call), _) => {
                let at = Origin { at: call.at, through: None };
                let value = self.force_value(&call.value, &RefinedType::plain(TyId::TREE), at, around);
                let call =
                    TemplateCall { name: call.name.clone(), text: call.text.clone(), file: call.file, value };
                DataKind::Template(Arc::new(call))
            }
            (other, _) => self.scalar(other, origin.at),
        };
        // A template is asked for where it is called, wherever the helper stands that made a file of it.
        let origin = match value {
            Value::Template(call) => {
                Origin { at: call.at, through: Some(origin.through.unwrap_or(origin.at)) }
            }
            _ => origin,
        };
        Data { kind, origin }
    }

    fn scalar(&mut self, value: &Value, at: Span) -> DataKind {
        match value {
            Value::Bool(b) => DataKind::Bool(*b),
            Value::Int(n) => DataKind::Int(*n),
            Value::Float(n) => DataKind::Float(*n),
            Value::Str(text) | Value::Version(text) => DataKind::Str(text.clone()),
            Value::Ip(ip) => DataKind::Ip(*ip),
            Value::Cidr(net) => DataKind::Cidr(**net),
            Value::Duration(ms) => DataKind::Duration(*ms),
            Value::Size(bytes) => DataKind::Size(*bytes),
            Value::Secret(parts) => DataKind::Secret(parts.clone()),
            Value::None => DataKind::None,
            other => {
                self.failed_at.get_or_insert(at);
                DataKind::Error(self.failure(at, &[other]))
            }
        }
    }

    fn force_node(&mut self, id: NodeId, origin: Origin) -> Data {
        let id = self.canon(id);
        let kind = match &self.node(id).kind {
            Kind::Record(rec, plan, _) => {
                let (rec, plan) = (*rec, plan.clone());
                self.look_at_whole(id);
                if let Err(reported) = self.make(2 * plan.fields.len() as u64, origin.at) {
                    return self.error_data(reported, origin);
                }
                let all: Arc<[(Arc<str>, Data)]> = (0..plan.fields.len())
                    .map(|i| (plan.fields[i].name.clone(), self.force_field_of(id, i as u32, rec, &plan)))
                    .collect();
                self.whole_holds(id, "this record");
                DataKind::Record(all)
            }
            Kind::Map(value, ..) => {
                let value = *value;
                let keys = self.keys(id);
                if let Err(reported) = self.make(2 * keys.present.len() as u64, origin.at) {
                    return self.error_data(reported, origin);
                }
                self.keys_hold(id, &keys);
                self.absent_below(id);
                let place = self.node(id).place.item(value);
                DataKind::Map(
                    keys.present.iter().map(|k| (k.clone(), self.force_entry(id, k, &place))).collect(),
                )
            }
            Kind::Tree(..) => {
                let keys = self.keys(id);
                if let Err(reported) = self.make(2 * keys.present.len() as u64, origin.at) {
                    return self.error_data(reported, origin);
                }
                let place = RefinedType::plain(TyId::TREE);
                DataKind::Tree(
                    keys.present.iter().map(|k| (k.clone(), self.force_entry(id, k, &place))).collect(),
                )
            }
        };
        Data { kind, origin }
    }

    /// A key of a map of the record in which a value lies: the nearest such record around it, or the one that a
    /// record on the way names by a key.
    fn landed_key(
        &mut self,
        rec: crate::types::ty::RecId,
        field: &Arc<str>,
        key: &Arc<str>,
        around: NodeId,
        origin: Origin,
    ) {
        let Some(owner) = self.owner(rec, around) else { return };
        let Some(index) = self.eng.program.types.record(rec).find(field) else { return };
        let map = self.field(owner, index);
        if let Ok(false) = self.has_key(&map, key, origin.at) {
            let path = self.field_path(owner, index);
            let report = self.absent_in(origin.at, &map, &path, key);
            self.report(match origin.through {
                Some(through) => report.label(through, "it comes in here"),
                None => report,
            });
        }
    }

    fn owner(&mut self, rec: crate::types::ty::RecId, around: NodeId) -> Option<NodeId> {
        let mut at = self.canon(around);
        loop {
            if let Kind::Record(found, ..) = &self.node(at).kind {
                let found = *found;
                if self.eng.program.types.extends(found, rec) {
                    return Some(at);
                }
                if let Some(named) = self.named_owner(rec, found, at) {
                    return Some(named);
                }
            }
            let parent = self.node(at).parent;
            if parent == at {
                return None;
            }
            at = self.canon(parent);
        }
    }

    /// The record that a field `x : key of M` names, where M holds records of the wanted type.
    fn named_owner(
        &mut self,
        rec: crate::types::ty::RecId,
        found: crate::types::ty::RecId,
        at: NodeId,
    ) -> Option<NodeId> {
        let types = &self.eng.program.types;
        for (i, field) in types.record(found).fields.iter().enumerate() {
            let Ty::Key(KeyOf::Root(path)) = types.get(field.place.ty) else { continue };
            let is_wanted = |ty| matches!(types.get(ty), Ty::Record(found) if types.extends(*found, rec));
            let holds = self.eng.program.map_value(path).is_some_and(is_wanted);
            if !holds {
                continue;
            }
            let Value::Str(key) = self.field(at, i as u32) else { continue };
            let Value::Node(map) = self.root_map(path, Span::default()) else { continue };
            if self.keys(map).has(&key)
                && let Value::Node(owner) = self.entry(map, &key)
            {
                return Some(self.canon(owner));
            }
        }
        None
    }

    /// Reports every definition that goes through a key that is not there.
    pub fn absent_below(&mut self, id: NodeId) {
        let keys = self.keys(id);
        if keys.failed.is_some() {
            return;
        }
        let (cursors, own_key) = (self.node(id).cursors.clone(), self.node(id).key.clone());
        let mut instances = Vec::new();
        for cursor in cursors.iter() {
            let place = self.eng.trie.node(cursor.trie);
            if place.names.is_empty() && place.stars.is_empty() {
                continue;
            }
            instances.clear();
            self.instances(*cursor, &own_key, &mut instances);
            for (group, env) in instances.clone() {
                for (name, below) in &place.names {
                    if !keys.has(name) {
                        self.report_through(
                            id,
                            name,
                            *below,
                            Cursor { group, env, ..*cursor },
                            (&keys, false),
                        );
                    }
                }
                for star in &place.stars {
                    self.star_through(id, *star, Cursor { group, env, ..*cursor }, &keys);
                }
            }
        }
    }

    fn star_through(&mut self, id: NodeId, star: crate::merge::trie::StarId, cursor: Cursor, keys: &Keys) {
        let (star_group, target) = {
            let star = self.eng.trie.star(star);
            (star.group, star.target)
        };
        let cursor = Cursor { rule: self.rule_of(id, cursor, star), ..cursor };
        let Cursor { group, env, .. } = cursor;
        let groups = &self.eng.program.groups;
        if groups[star_group.0 as usize].depth <= groups[group.0 as usize].depth {
            let value = self.star_key(star, group, env);
            if let Value::Str(key) = value
                && !keys.has(&key)
            {
                self.report_through(id, &key, target, cursor, (keys, false));
            }
            return;
        }
        let index = self.star_index(star, group, env);
        if self.work(index.len() as u64, self.eng.trie.star(star).key.at).is_err() {
            return;
        }
        for (key, envs) in index.iter() {
            if !keys.has(key) {
                for env in envs {
                    self.report_through(
                        id,
                        key,
                        target,
                        Cursor { group: star_group, env: *env, ..cursor },
                        (keys, false),
                    );
                }
            }
        }
    }

    /// Reports what goes through a key that is not there. What ends at an optional gives it or says itself that it is not there.
    pub(super) fn report_through(
        &mut self,
        id: NodeId,
        key: &Arc<str>,
        below: TrieId,
        cursor: Cursor,
        (keys, is_optional): (&Keys, bool),
    ) {
        let mut found = Vec::new();
        self.defs_below(below, cursor.group, cursor.env, &mut found);
        let path = self.path(id);
        let defs = &self.eng.program.defs;
        found.sort_by_key(|(def, _)| {
            let at = defs[def.0 as usize].at;
            (at.first(), std::cmp::Reverse(at.end))
        });
        let mut until = Point::default();
        let cuts = self.node(id).cuts.clone();
        for (def, gone) in found {
            // What `:=` replaced refines nothing, nor what a stronger `none` took away; that itself refines nothing either.
            let (rank, uses) = (self.rank(def), &self.eng.program.uses);
            let ends = self.eng.trie.node(below).ends.contains(&def);
            let takes = ends && (is_optional || gone && keys.lost(key));
            let is_taken = keys.taken_by(key).iter().any(|by| by.beats(rank, uses));
            if takes || is_taken || cuts.iter().any(|cut| cut.drops(rank, cursor.rule, uses)) {
                continue;
            }
            let def = &defs[def.0 as usize];
            // What was taken apart from one definition is one mistake.
            if def.at.after() <= until {
                continue;
            }
            until = def.at.after();
            // A definition that ends at the key itself adds it, unless it comes by a key of this very map.
            let names = keys.present.iter().map(|k| &**k);
            let (at, report) = (def.at, errors::absent_on_path(def.at, &path, key, names));
            let replaced_at = self.replaced_at(id, key).filter(|replaced| *replaced != at);
            self.report(match replaced_at {
                Some(replaced) => errors::replaced_on_path(report, &path, replaced),
                None => report,
            });
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Node(_) | Value::Dict(_) | Value::List(_) | Value::Template(_) | Value::None)
}
