//! Values that hold no node any more: for comparing, merging by `&`, digests and Trees.

use super::budget::within;
use super::format::plain;
use super::memo::Kind;
use super::pass::Pass;
use crate::live::{Dict, Entry, NodeId, Value};
use crate::source::Span;
use crate::types::ty::{Ty, TyId};
use std::sync::Arc;

impl Pass<'_> {
    /// The value with every node read: records with all fields, maps with their keys. If something in it failed, it did.
    pub fn materialize(&mut self, value: &Value, ty: TyId, at: Span) -> Value {
        let materialized = self.materialized(value, ty, at);
        materialized.failed_inside().map_or(materialized, Value::Error)
    }

    fn materialized(&mut self, value: &Value, ty: TyId, at: Span) -> Value {
        if let Value::Thunk(_) = value {
            let value = self.forced(value.clone());
            return self.materialized(&value, ty, at);
        }
        if !matches!(value, Value::Node(_) | Value::Dict(_) | Value::List(_)) {
            return value.clone();
        }
        self.nested(|_| at, |pass| pass.settled_below(value, ty, at)).unwrap_or_else(Value::Error)
    }

    fn settled_below(&mut self, value: &Value, ty: TyId, at: Span) -> Value {
        let types = &self.eng.program.types;
        let ty = types.unwrap(ty);
        match (value, types.get(ty).clone()) {
            (Value::Node(_) | Value::Dict(_), Ty::Record(rec)) => {
                let fields = &types.record(rec).fields;
                within!(self.make(2 * fields.len() as u64, at));
                let mut dict = Dict::default();
                for (i, field) in fields.iter().enumerate() {
                    let inner = self.field_of(value, rec, i as u32, field.at);
                    let inner = self.materialized(&inner, field.place.ty, at);
                    dict.slot(&field.name, field.at).value = inner;
                }
                Value::Dict(Arc::new(dict))
            }
            (Value::Node(_) | Value::Dict(_), Ty::Map(_, item)) => {
                let keys = within!(self.counted_keys(value, at));
                within!(self.make(keys.len() as u64, at));
                let mut dict = Dict::default();
                for key in keys {
                    let inner = self.entry_of(value, &key, Span::default());
                    let inner = self.materialized(&inner, item, at);
                    dict.entries.push(Entry { key, value: inner, at: Span::default() });
                }
                Value::Dict(Arc::new(dict))
            }
            (Value::Node(id), _) => self.settle_tree(*id, at),
            (Value::List(items), Ty::List(item) | Ty::Set(item)) if !self.is_leaf(item) => {
                within!(self.make(items.len() as u64, at));
                Value::List(items.iter().map(|i| self.materialized(i, item, at)).collect())
            }
            _ => value.clone(),
        }
    }

    /// A Tree of the tree as what was written, `none` kept.
    fn settle_tree(&mut self, id: NodeId, used_at: Span) -> Value {
        self.nested(|_| used_at, |pass| pass.settle_tree_below(id, used_at)).unwrap_or_else(Value::Error)
    }

    fn settle_tree_below(&mut self, id: NodeId, used_at: Span) -> Value {
        let keys = self.keys(id);
        within!(self.make(2 * (keys.present.len() + keys.removed.len()) as u64, used_at));
        let mut dict = Dict::default();
        for key in &keys.present {
            let value = self.entry(id, key);
            let at = self.entry_origin(id, key);
            let value = match self.forced(value) {
                Value::Node(inner) => self.settle_tree(inner, used_at),
                value => {
                    self.note_taken(id, key);
                    value
                }
            };
            dict.slot(key, at).value = value;
        }
        for key in &keys.removed {
            dict.slot(key, self.first_at(id)).value = Value::None;
        }
        Value::Dict(Arc::new(dict))
    }

    /// Where an entry of a map or Tree was written.
    pub fn entry_origin(&self, id: NodeId, key: &Arc<str>) -> Span {
        match self.entry_slot(id, key) {
            super::memo::Slot::Value(_, src) => src.at,
            super::memo::Slot::Child(child) => self.first_at(*child),
            _ => self.first_at(id),
        }
    }

    /// A value of a type as a Tree.
    pub fn to_tree(&mut self, value: &Value, ty: TyId, at: Span) -> Value {
        if let Value::Thunk(_) = value {
            let value = self.forced(value.clone());
            return self.to_tree(&value, ty, at);
        }
        self.nested(|_| at, |pass| pass.tree_of(value, ty, at)).unwrap_or_else(Value::Error)
    }

    fn tree_of(&mut self, value: &Value, ty: TyId, at: Span) -> Value {
        let types = &self.eng.program.types;
        match (value, types.get(types.unwrap(ty)).clone()) {
            (Value::Error(_) | Value::None, _) => value.clone(),
            (Value::Enum(index, _), Ty::Enum(id)) => {
                Value::Str(types.enumeration(id).variants[*index as usize].0.clone())
            }
            (Value::List(items), Ty::List(item) | Ty::Set(item)) => {
                within!(self.make(items.len() as u64, at));
                Value::list(items.iter().map(|i| self.to_tree(i, item, at)).collect())
            }
            (_, Ty::Record(rec)) => {
                within!(self.make(2 * types.record(rec).fields.len() as u64, at));
                let mut dict = Dict::default();
                for (i, field) in types.record(rec).fields.iter().enumerate() {
                    let inner = self.field_of(value, rec, i as u32, at);
                    dict.slot(&field.name, field.at).value = self.to_tree(&inner, field.place.ty, at);
                }
                Value::Dict(Arc::new(dict))
            }
            (_, Ty::Map(_, item)) => {
                let keys = within!(self.counted_keys(value, at));
                within!(self.make(keys.len() as u64, at));
                let mut dict = Dict::default();
                for key in keys {
                    let inner = self.entry_of(value, &key, Span::default());
                    let inner = self.to_tree(&inner, item, at);
                    dict.entries.push(Entry { key, value: inner, at: Span::default() });
                }
                Value::Dict(Arc::new(dict))
            }
            _ => value.clone(),
        }
    }

    /// `a & b`: by leaf, the right wins, `none` on the right takes away.
    pub fn merge(&mut self, a: &Value, b: &Value, at: Span) -> Value {
        let (a, b) = (self.as_written(a, at), self.as_written(b, at));
        match (&a, &b) {
            (Value::Error(reported), _) | (_, Value::Error(reported)) => Value::Error(*reported),
            (Value::Dict(left), Value::Dict(right)) => self.merge_dicts(left, right, at),
            _ => b,
        }
    }

    fn merge_dicts(&mut self, left: &Arc<Dict>, right: &Arc<Dict>, at: Span) -> Value {
        if right.entries.is_empty() {
            return Value::Dict(left.clone());
        }
        if left.entries.is_empty() {
            return Value::Dict(right.clone());
        }
        within!(self.make(2 * (left.entries.len() + right.entries.len()) as u64, at));
        let mut out = (**left).clone();
        for entry in &right.entries {
            let merged = match out.get(&entry.key) {
                Some(Entry { value: old @ (Value::Dict(_) | Value::Node(_)), .. })
                    if matches!(entry.value, Value::Dict(_) | Value::Node(_)) =>
                {
                    let (old, new) = (self.as_written(&old.clone(), at), self.as_written(&entry.value, at));
                    match (&old, &new) {
                        (Value::Dict(x), Value::Dict(y)) => self.merge_dicts(x, y, at),
                        _ => new,
                    }
                }
                Some(old) => {
                    let lost = old.at;
                    if let Some(trace) = &mut self.trace {
                        trace.merged.push((entry.at, lost));
                    }
                    entry.value.clone()
                }
                None => entry.value.clone(),
            };
            let slot = out.slot(&entry.key, entry.at);
            slot.value = merged;
            slot.at = entry.at;
        }
        Value::Dict(Arc::new(out))
    }

    /// A record or Tree of the tree as the fields that were written.
    fn as_written(&mut self, value: &Value, used_at: Span) -> Value {
        let Value::Node(id) = value else { return self.forced(value.clone()) };
        let id = self.canon(*id);
        let Kind::Record(rec, ..) = &self.node(id).kind else {
            return match &self.node(id).kind {
                Kind::Tree(..) => self.settle_tree(id, used_at),
                _ => {
                    let keys = self.keys(id);
                    within!(self.make(2 * (keys.present.len() + keys.removed.len()) as u64, used_at));
                    let mut dict = Dict::default();
                    for key in &keys.present {
                        let value = self.entry(id, key);
                        dict.slot(key, self.entry_origin(id, key)).value = value;
                    }
                    // A key that was taken away stays away, whatever the default of where it goes says.
                    for key in &keys.removed {
                        dict.slot(key, self.first_at(id)).value = Value::None;
                    }
                    Value::Dict(Arc::new(dict))
                }
            };
        };
        let fields =
            self.eng.program.types.record(*rec).fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
        within!(self.make(2 * fields.len() as u64, used_at));
        let mut dict = Dict::default();
        for name in fields {
            if let Some((value, at)) = self.written(id, &name) {
                dict.slot(&name, at).value = value;
            }
        }
        Value::Dict(Arc::new(dict))
    }

    /// A value as a report prints it.
    pub fn shown(&self, value: &Value, ty: TyId) -> String {
        match (value, self.eng.program.types.get(self.eng.program.types.unwrap(ty))) {
            (Value::Str(text), _) => format!("{text:?}"),
            (Value::Enum(index, _), Ty::Enum(id)) => {
                format!(".{}", self.eng.program.types.enumeration(*id).variants[*index as usize].0)
            }
            _ => plain(value),
        }
    }
}
