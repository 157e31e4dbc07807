//! Conditions: a `where` holds for every value at its place, whether it was written or computed. A literal is tried once, with all
//! literals; one that breaks its condition is an error value wherever it is read, so nothing is said of it twice.

use super::budget::within;
use super::errors;
use super::format;
use super::frame::Frame;
use super::memo::*;
use super::pass::Pass;
use super::state::Location;
use crate::diag::Reported;
use crate::live::{Entry, NodeId, Value};
use crate::source::Span;
use crate::types::hir::WhereId;
use crate::types::ty::{KeyOf, RefinedType, Ty};
use std::sync::Arc;

/// What a place is called in a report.
#[derive(Clone, Copy, Debug)]
pub enum Named<'a> {
    /// A leaf of the tree.
    Leaf(Location<'a>),
    /// A parameter, a result, a `let`.
    Of(&'a str),
}

/// A value, where it was written, and the definition that brought it.
#[derive(Clone, Copy, Debug)]
struct Given<'a> {
    value: &'a Value,
    at: Span,
    through: Option<Span>,
}

impl Pass<'_> {
    /// Tries the conditions on literals, also on those that never win.
    pub(super) fn literals(&mut self) {
        let eng = self.eng;
        for (wheres, value, at) in &eng.program.literals {
            for cond in wheres {
                if !self.holds(*cond, value) {
                    let shown = format::plain(value);
                    let reported =
                        self.report(errors::broken_where(&eng.program, *at, "", &shown, *cond, None));
                    self.memo.broken.push((*at, reported));
                }
            }
        }
        self.any_broken = !self.memo.broken.is_empty();
    }

    /// The literal that breaks its condition and lies in a piece of a text, if there is one.
    fn broken(&self, at: Span) -> Option<Reported> {
        if !self.any_broken {
            return None;
        }
        let broken = self.base.map_or(&self.memo.broken, |base| &base.broken);
        broken.iter().find(|(it, _)| at.holds(*it)).map(|(_, reported)| *reported)
    }

    /// What was reported of the key of an entry, if it is a literal that breaks its condition: it stands where the entry begins.
    fn broken_key(&self, entry: &Entry) -> Option<Reported> {
        if !self.any_broken {
            return None;
        }
        let broken = self.base.map_or(&self.memo.broken, |base| &base.broken);
        let is_its =
            |it: &Span| it.file == entry.at.file && (entry.at.start..=entry.at.start + 2).contains(&it.start);
        broken.iter().find(|(it, _)| is_its(it)).map(|(_, reported)| *reported)
    }

    /// The value of a literal.
    pub(super) fn constant(&self, value: &Value, at: Span) -> Value {
        self.broken(at).map_or_else(|| value.clone(), Value::Error)
    }

    /// Tries the conditions of a leaf on a value; a value that breaks one is an error.
    pub fn check_refinement(
        &mut self,
        location: Location<'_>,
        place: &RefinedType,
        value: Value,
        at: Span,
        through: Option<Span>,
    ) -> Value {
        if place.refine.is_none() && !self.eng.deep[place.ty.index()] {
            return value;
        }
        within!(self.walk_inside(&value, at));
        let given = Given { value: &value, at, through };
        let broken = self.breaks(Named::Leaf(location), place, given);
        broken.map_or(value, Value::Error)
    }

    /// The same of a place that is no leaf of the tree.
    pub(super) fn check_refinement_of(
        &mut self,
        of: &str,
        place: &RefinedType,
        value: Value,
        at: Span,
    ) -> Value {
        if place.refine.is_none() && !self.eng.deep[place.ty.index()] {
            return value;
        }
        within!(self.walk_inside(&value, at));
        let given = Given { value: &value, at, through: None };
        let broken = self.breaks(Named::Of(of), place, given);
        broken.map_or(value, Value::Error)
    }

    /// Counts the walk through what lies in a value. Of one that holds no other, each condition is counted alone.
    fn walk_inside(&mut self, value: &Value, at: Span) -> Result<(), Reported> {
        match value {
            Value::List(_) | Value::Dict(_) | Value::Enum(_, Some(_)) => self.walk(value.measure(), at),
            _ => Ok(()),
        }
    }

    /// Reports a value that breaks the conditions of a place, or that holds one that breaks those of its own. Nodes met theirs.
    fn breaks(&mut self, named: Named<'_>, place: &RefinedType, given: Given<'_>) -> Option<Reported> {
        let Given { value, at, through } = given;
        let eng = self.eng;
        let types = &eng.program.types;
        let ty = types.unwrap(place.ty);
        if matches!(value, Value::Error(_) | Value::None) {
            return None;
        }
        for cond in place.wheres() {
            if !self.holds(*cond, value) {
                let path = match named {
                    Named::Leaf(location) => self.location_path(location),
                    Named::Of(of) => of.to_string(),
                };
                let shown = self.shown(value, ty);
                return Some(self.report(errors::broken_where(
                    &eng.program,
                    at,
                    &path,
                    &shown,
                    *cond,
                    through,
                )));
            }
        }
        let inside = place.refine.as_ref().is_some_and(|r| r.key.is_some() || r.item.is_some());
        if !inside && !eng.deep[ty.index()] {
            return None;
        }
        let mut broken = None;
        match (types.get(ty), value) {
            (Ty::List(item) | Ty::Set(item), Value::List(all)) => {
                let item = place.item(*item);
                for value in all.iter() {
                    broken = self.breaks(named, &item, Given { value, ..given }).or(broken);
                }
            }
            (Ty::Map(key, item), Value::Dict(dict)) => {
                let (key, item) = (place.key(*key), place.item(*item));
                for entry in dict.entries.iter().filter(|e| !matches!(e.value, Value::None)) {
                    let of = inside_of(given, entry);
                    // A key that is written is a literal, and was tried.
                    let value = &Value::Str(entry.key.clone());
                    let tried = self.broken_key(entry);
                    broken = tried.or_else(|| self.breaks(named, &key, Given { value, ..of })).or(broken);
                    broken = self.breaks(named, &item, of).or(broken);
                }
            }
            (Ty::Record(rec), Value::Dict(dict)) => {
                for entry in &dict.entries {
                    let record = types.record(*rec);
                    let Some(field) = record.find(&entry.key) else { continue };
                    let place = &record.fields[field as usize].place;
                    broken = self.breaks(named, place, inside_of(given, entry)).or(broken);
                }
            }
            (Ty::Enum(id), Value::Enum(index, Some(payload))) => {
                // Each was tried where the variant was made; what lies in it was not.
                let (_, fields) = &types.enumeration(*id).variants[*index as usize];
                for (field, value) in fields.iter().zip(payload.iter()) {
                    let place = RefinedType::plain(field.place.ty);
                    broken = self.breaks(named, &place, Given { value, ..given }).or(broken);
                }
            }
            _ => {}
        }
        broken
    }

    /// Whether a value meets a condition. What reads nothing but `it` is remembered for texts, which recur.
    fn holds(&mut self, cond: WhereId, value: &Value) -> bool {
        let ex = &self.eng.program.wheres[cond.0 as usize];
        let text = match value {
            Value::Str(text) if self.eng.closed[cond.0 as usize] => Some(text),
            _ => None,
        };
        if let Some(text) = text
            && let Some((known, cost)) = self.tried.get(&(cond, text.clone())).copied()
        {
            // When that is too much, nothing that follows means anything.
            return self.spend(cost, ex.at).is_err() || known;
        }
        let before = self.budget.spent();
        let mut frame = Frame::of(self.nothing.clone());
        frame.it = Some(value.clone());
        let holds = !matches!(self.eval(ex, &mut frame), Value::Bool(false));
        if let Some(text) = text {
            self.tried.insert((cond, text.clone()), (holds, self.budget.since(before)));
        }
        holds
    }

    /// Conditions on a whole record or map, which see it merged.
    pub(super) fn whole_holds(&mut self, id: NodeId, what: &str) {
        for cond in self.node(id).place.wheres().to_vec() {
            if !self.holds(cond, &Value::Node(id)) {
                let (at, path) = (self.first_at(id), self.path(id));
                self.report(errors::broken_where(&self.eng.program, at, &path, what, cond, None));
            }
        }
    }

    /// Conditions on the keys of a map, and that those of another map are there.
    pub(super) fn keys_hold(&mut self, id: NodeId, keys: &Keys) {
        self.whole_holds(id, "this map");
        let place = self.node(id).place.clone();
        if let Some(refine) = place.refine.as_ref().and_then(|r| r.key.as_ref()) {
            for key in &keys.present {
                let value = Value::Str(key.clone());
                for cond in &refine.wheres {
                    if !self.holds(*cond, &value) && !self.is_written(id, key) {
                        let (at, path) = (self.added_at(id, key), self.path(id));
                        let shown = format!("the key {key:?}");
                        self.report(errors::broken_where(&self.eng.program, at, &path, &shown, *cond, None));
                    }
                }
            }
        }
        if let Some(of) = self.eng.program.types.keys_of_another(place.ty).cloned() {
            for key in &keys.present {
                if self.has_key_of(&of, key, self.first_at(id)) {
                    continue;
                }
                let at = self.added_at(id, key);
                self.key_of(&of, key, at);
            }
        }
    }

    /// Whether a key is written in a path through a map, or in a value of it: a literal, which was tried.
    fn is_written(&mut self, id: NodeId, key: &Arc<str>) -> bool {
        let by_path =
            self.node(id).cursors.iter().any(|c| self.eng.trie.node(c.trie).names.contains_key(key));
        let wholes = self.wholes(id);
        by_path
            || wholes.iter().any(|whole| match &whole.value {
                Value::Dict(dict) => dict.get(key).is_some_and(|entry| self.broken_key(entry).is_some()),
                _ => false,
            })
    }

    /// Whether the other map has a key, or failed itself.
    fn has_key_of(&mut self, of: &KeyOf, key: &str, at: Span) -> bool {
        let KeyOf::Root(path) = of else { return true };
        let map = self.root_map(path, at);
        !matches!(self.has_key(&map, key, at), Ok(false))
    }

    /// A key of a map whose keys are those of another one: it has to be there.
    pub(super) fn key_of(&mut self, of: &KeyOf, key: &Arc<str>, origin: Span) {
        if self.has_key_of(of, key, origin) {
            return;
        }
        // The key itself rather than all of its definition, where it was written.
        let names = &self.eng.program.key_names;
        let inside = |at: &Span| origin.holds(*at);
        let written = names.iter().find(|(other, name, at)| other == of && name == key && inside(at));
        let at = written.map_or(origin, |(.., at)| *at);
        self.key_name(of, Value::Str(key.clone()), at);
    }
}

/// What lies under a key of a value.
fn inside_of<'a>(given: Given<'_>, entry: &'a Entry) -> Given<'a> {
    let through = given.through.or(Some(given.at)).filter(|at| *at != entry.at);
    Given { value: &entry.value, at: entry.at, through }
}
