//! What the records, maps and Trees of a lazy pass hold: at one key, without a look at those beside it, or at all of them.

use super::frame::Frame;
use super::memo::Kind;
use super::pass::Pass;
use super::thunk::{AtKey, Part, Set, Thunk};
use crate::diag::Reported;
use crate::live::Value;
use crate::source::Span;
use crate::types::hir::{BindKind, BodyEntry, Gen, StepH, TypedKind};
use crate::types::ty::{RecId, Ty};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What braces give at each key, in order.
type ByKey<'p> = BTreeMap<Arc<str>, Vec<Set<'p>>>;

impl<'p> Pass<'p> {
    /// What a value with parts gives at a key, and where it was written.
    pub(super) fn part_at(&mut self, value: &Value, key: &Arc<str>) -> AtKey {
        match value {
            Value::Dict(dict) => dict.get(key).map(|entry| (entry.value.clone(), entry.at)),
            Value::Node(id) => {
                let id = self.canon(*id);
                self.written(id, key)
            }
            Value::Thunk(id) => self.part_at_thunk(*id, key),
            _ => None,
        }
    }

    fn part_at_thunk(&mut self, id: u32, key: &Arc<str>) -> AtKey {
        let thunks = self.thunks.as_ref()?;
        if let Some(known) = thunks.keys.get(&(id, key.clone())) {
            return known.clone();
        }
        let thunk = thunks.all[id as usize].clone();
        let found = match thunk {
            Thunk::Body(parts) => {
                let mut found = ByKey::new();
                self.sets_of(&parts, Some(key), &mut found);
                let sets = found.remove(key)?;
                self.joined(sets)
            }
            Thunk::Merged(left, right) => self.merged_at(&left, &right, key),
            Thunk::Tree(value, ty, at) => {
                let types = &self.eng.program.types;
                let value = self.head(value);
                match types.get(types.unwrap(ty)) {
                    Ty::Record(rec) => {
                        let field = types.record(*rec).find(key)?;
                        let def = &types.record(*rec).fields[field as usize];
                        let inner = self.field_of(&value, *rec, field, at);
                        Some((self.delay(Thunk::Tree(inner, def.place.ty, at)), def.at))
                    }
                    Ty::Map(_, item) => {
                        let (inner, written_at) = self.part_at(&value, key)?;
                        Some((self.delay(Thunk::Tree(inner, *item, at)), written_at))
                    }
                    _ => None,
                }
            }
            Thunk::Expr(..) => None,
        };
        if let Some(thunks) = &mut self.thunks {
            thunks.keys.insert((id, key.clone()), found.clone());
        }
        found
    }

    fn merged_at(&mut self, left: &Value, right: &Value, key: &Arc<str>) -> AtKey {
        let (left, right) = (self.head(left.clone()), self.head(right.clone()));
        let Some((over, at)) = self.part_at(&right, key) else { return self.part_at(&left, key) };
        let over = self.head(over);
        if over.has_parts()
            && let Some((under, _)) = self.part_at(&left, key)
        {
            let under = self.head(under);
            if under.has_parts() {
                return Some((self.delay(Thunk::Merged(under, over)), at));
            }
        }
        if let Some(thunks) = &mut self.thunks {
            thunks.beaten.push((at, left, key.clone()));
        }
        Some((over, at))
    }

    /// What several entries of braces give at one key: one after the other, as they stand.
    fn joined(&mut self, sets: Vec<Set<'p>>) -> AtKey {
        let at = sets.first()?.at;
        let is_one = sets.len() == 1;
        let mut all: Option<Value> = None;
        for set in sets {
            let value = match set.path {
                [] => self.delayed(set.value, &set.frame),
                _ => self.delay(Thunk::Body(vec![Part::Below(set)])),
            };
            // Leaves that are given twice are equal, and each of them has a say in that.
            let value = if is_one { value } else { self.head(value) };
            all = Some(match all {
                Some(before) if before.has_parts() && value.has_parts() => {
                    self.delay(Thunk::Merged(before, value))
                }
                _ => value,
            });
        }
        all.map(|value| (value, at))
    }

    /// All that a value with parts gives, in the order of its keys.
    pub(super) fn parts_of(&mut self, value: &Value) -> Vec<(Arc<str>, Value, Span)> {
        let keys: Vec<Arc<str>> = match value {
            Value::Dict(dict) => dict.entries.iter().map(|entry| entry.key.clone()).collect(),
            Value::Node(id) => {
                let id = self.canon(*id);
                match &self.node(id).kind {
                    Kind::Record(rec, ..) => {
                        let fields = &self.eng.program.types.record(*rec).fields;
                        fields.iter().map(|field| field.name.clone()).collect()
                    }
                    _ => {
                        let keys = self.keys(id);
                        keys.present.iter().chain(&keys.removed).cloned().collect()
                    }
                }
            }
            Value::Thunk(id) => return self.parts_of_thunk(*id),
            _ => Vec::new(),
        };
        self.parts_at(value, keys)
    }

    fn parts_of_thunk(&mut self, id: u32) -> Vec<(Arc<str>, Value, Span)> {
        let Some(thunks) = &self.thunks else { return Vec::new() };
        let value = Value::Thunk(id);
        match thunks.all[id as usize].clone() {
            Thunk::Body(parts) => {
                let mut found = ByKey::new();
                self.sets_of(&parts, None, &mut found);
                let mut out = Vec::new();
                for (key, sets) in found {
                    let known = self.thunks.as_ref().and_then(|it| it.keys.get(&(id, key.clone())).cloned());
                    let made = known.unwrap_or_else(|| self.joined(sets));
                    if let Some(thunks) = &mut self.thunks {
                        thunks.keys.insert((id, key.clone()), made.clone());
                    }
                    out.extend(made.map(|(value, at)| (key, value, at)));
                }
                out
            }
            Thunk::Merged(left, right) => {
                let (left, right) = (self.head(left), self.head(right));
                let both = [self.parts_of(&left), self.parts_of(&right)].concat();
                self.parts_at(&value, both.into_iter().map(|(key, ..)| key).collect())
            }
            Thunk::Tree(inner, ty, _) => {
                let types = &self.eng.program.types;
                let keys = match types.get(types.unwrap(ty)) {
                    Ty::Record(rec) => types.record(*rec).fields.iter().map(|it| it.name.clone()).collect(),
                    _ => {
                        let inner = self.head(inner);
                        self.parts_of(&inner).into_iter().map(|(key, ..)| key).collect()
                    }
                };
                self.parts_at(&value, keys)
            }
            Thunk::Expr(..) => Vec::new(),
        }
    }

    fn parts_at(&mut self, value: &Value, mut keys: Vec<Arc<str>>) -> Vec<(Arc<str>, Value, Span)> {
        keys.sort();
        keys.dedup();
        let mut out = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some((inner, at)) = self.part_at(value, &key) {
                out.push((key, inner, at));
            }
        }
        out
    }

    /// What the parts of braces give; of one key, if only that one is wanted: then no guard or loop is evaluated that has nothing to say
    /// of it.
    fn sets_of(&mut self, parts: &[Part<'p>], wanted: Option<&Arc<str>>, out: &mut ByKey<'p>) {
        for part in parts {
            match part {
                Part::Entries(entries, frame) => {
                    self.sets_in(entries, &mut frame.clone(), wanted, out);
                }
                Part::Below(set) => self.add_set(set.clone(), wanted, out),
            }
        }
    }

    fn sets_in(
        &mut self,
        entries: &'p [BodyEntry],
        frame: &mut Frame,
        wanted: Option<&Arc<str>>,
        out: &mut ByKey<'p>,
    ) {
        let says = |entries: &[BodyEntry]| wanted.is_none_or(|key| may_give(entries, key));
        for entry in entries {
            match entry {
                BodyEntry::Set(path, value, at) => {
                    let set = Set { path, value, frame: frame.clone(), at: *at };
                    self.add_set(set, wanted, out);
                }
                BodyEntry::If(cond, then, otherwise) if says(then) || says(otherwise) => {
                    match self.eval(cond, frame) {
                        Value::Bool(true) => self.sets_in(then, frame, wanted, out),
                        Value::Bool(false) => self.sets_in(otherwise, frame, wanted, out),
                        _ => {}
                    }
                }
                BodyEntry::For(each, inner) if says(inner) => {
                    // A source that failed was told when everything was evaluated.
                    let _ = self.lazy_rounds(each, 0, frame, &mut |pass, frame| {
                        pass.sets_in(inner, frame, wanted, out);
                    });
                }
                BodyEntry::If(..) | BodyEntry::For(..) | BodyEntry::Failed(_) => {}
            }
        }
    }

    fn add_set(&mut self, mut set: Set<'p>, wanted: Option<&Arc<str>>, out: &mut ByKey<'p>) {
        let Some((first, rest)) = set.path.split_first() else { return };
        let key = match first {
            StepH::Name(name) => name.clone(),
            StepH::Computed(key, _) => match self.eval(key, &mut set.frame) {
                Value::Str(key) => key,
                _ => return,
            },
        };
        if wanted.is_none_or(|wanted| *wanted == key) {
            out.entry(key).or_default().push(Set { path: rest, ..set });
        }
    }

    /// As [`Pass::rounds`], with sources whose entries are not evaluated.
    fn lazy_rounds(
        &mut self,
        each: &'p Gen,
        level: usize,
        frame: &mut Frame,
        run: &mut dyn FnMut(&mut Self, &mut Frame),
    ) -> Result<(), Reported> {
        let Some(bind) = each.binds.get(level) else {
            let holds =
                each.cond.as_ref().is_none_or(|cond| matches!(self.eval(cond, frame), Value::Bool(true)));
            if holds {
                run(self, frame);
            }
            return Ok(());
        };
        let source = self.eval_head(&bind.source, frame);
        let two = matches!(bind.kind, BindKind::Indexed | BindKind::Entries);
        for (first, second) in self.bound(bind.kind, &source, &bind.source)? {
            if let Some(reported) = self.budget.over() {
                return Err(reported);
            }
            frame.set(bind.slot, first);
            if two {
                frame.set(bind.slot + 1, second);
            }
            self.lazy_rounds(each, level + 1, frame, run)?;
        }
        Ok(())
    }

    /// A field of a record that is a thunk; one that was not written reads as its default.
    pub(super) fn field_of_thunk(&mut self, record: &Value, rec: RecId, field: u32, at: Span) -> Value {
        let def = &self.eng.program.types.record(rec).fields[field as usize];
        match self.part_at(record, &def.name) {
            Some((value, _)) => self.head(value),
            None => self.default_of_field(record, rec, field, at),
        }
    }

    /// The keys of a map or Tree that is a thunk.
    pub(super) fn keys_of_thunk(&mut self, map: &Value) -> Vec<Arc<str>> {
        let mut out = Vec::new();
        for (key, value, _) in self.parts_of(map) {
            if !self.takes_away(value) {
                out.push(key);
            }
        }
        out
    }

    /// Whether a value is `none`. What cannot be is not evaluated for that.
    pub(super) fn takes_away(&mut self, value: Value) -> bool {
        if let (Value::Thunk(id), Some(thunks)) = (&value, &self.thunks)
            && let Thunk::Expr(ex, _) = &thunks.all[*id as usize]
        {
            let is_a_value = matches!(
                ex.kind,
                TypedKind::Body(..)
                    | TypedKind::Text(..)
                    | TypedKind::List(_)
                    | TypedKind::ListFor(..)
                    | TypedKind::ToSet(_)
                    | TypedKind::Variant(..)
                    | TypedKind::Bin(..)
                    | TypedKind::KeyName(..)
            );
            if is_a_value {
                return false;
            }
        }
        matches!(self.head(value), Value::None)
    }

    /// What lost inside `&` to what was written at a place: it is looked at last, as it gives nothing.
    pub(super) fn beaten_by(&mut self, winner: Span) -> Vec<Span> {
        let mut out = Vec::new();
        let beaten = self.thunks.as_mut().map(|it| std::mem::take(&mut it.beaten)).unwrap_or_default();
        for (_, left, key) in beaten.into_iter().filter(|(won, ..)| *won == winner) {
            let left = self.head(left);
            out.extend(self.part_at(&left, &key).map(|(_, lost)| lost));
        }
        out
    }
}

/// Whether entries of braces may say something of a key, whatever their guards and loops come to.
fn may_give(entries: &[BodyEntry], key: &str) -> bool {
    entries.iter().any(|entry| match entry {
        BodyEntry::Set(path, ..) => match path.first() {
            Some(StepH::Name(name)) => **name == *key,
            Some(StepH::Computed(..)) => true,
            None => false,
        },
        BodyEntry::If(_, then, otherwise) => may_give(then, key) || may_give(otherwise, key),
        BodyEntry::For(_, inner) => may_give(inner, key),
        BodyEntry::Failed(_) => false,
    })
}
