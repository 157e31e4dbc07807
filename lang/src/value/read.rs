//! Fields, keys and entries of records and maps, in the tree or not.

use super::errors;
use super::frame::Frame;
use super::pass::Pass;
use super::state::Open;
use crate::diag::Reported;
use crate::live::{Dict, NodeId, Value};
use crate::source::Span;
use crate::types::hir::{TypedExpr, TypedKind};
use crate::types::ty::{KeyOf, RecId, Ty};
use std::sync::Arc;

impl Pass<'_> {
    /// A field of a record, in the tree or not. A field that was not written reads as its default.
    pub fn field_of(&mut self, record: &Value, rec: RecId, field: u32, at: Span) -> Value {
        match record {
            Value::Node(id) => self.field(*id, field),
            Value::Dict(dict) => {
                let def = &self.eng.program.types.record(rec).fields[field as usize];
                if let Some(entry) = dict.get(&def.name) {
                    return entry.value.clone();
                }
                self.default_of_field(record, rec, field, at)
            }
            Value::Thunk(_) => self.field_of_thunk(record, rec, field, at),
            other => self.failed(at, &[other]),
        }
    }

    /// A field that was not written, of a record that is not in the tree.
    pub(super) fn default_of_field(&mut self, record: &Value, rec: RecId, field: u32, at: Span) -> Value {
        let def = &self.eng.program.types.record(rec).fields[field as usize];
        match &def.default {
            Some(default) => {
                let value = self.default_of(record, rec, field, default);
                match &default.kind {
                    TypedKind::Const(_) => value,
                    _ => self.check_refinement_of(&def.name, &def.place, value, default.at),
                }
            }
            None if matches!(self.eng.program.types.get(def.place.ty), Ty::Opt(_)) => Value::None,
            None => match self.eng.program.types.failed(def.place.ty) {
                Some(reported) => Value::Error(reported),
                None if self.is_leaf(def.place.ty) => {
                    // Of a definition that leaves it out the missing leaf is reported, of other braces here.
                    let (name, declared_at) = (def.name.clone(), def.at);
                    self.fail(errors::missing(&name, at, declared_at))
                }
                None => Value::Dict(Arc::new(Dict::default())),
            },
        }
    }

    /// The default of a field of a record that is not in the tree. It is evaluated whenever it is read.
    fn default_of(&mut self, record: &Value, rec: RecId, field: u32, default: &TypedExpr) -> Value {
        if let TypedKind::Const(value) = &default.kind {
            return self.constant(value, default.at);
        }
        let address = match record {
            Value::Dict(dict) => Arc::as_ptr(dict) as usize,
            Value::Thunk(id) => *id as usize,
            _ => 0,
        };
        let open = Open::Default(address, rec, field);
        if self.open.contains(&open) {
            return Value::Error(self.cycle(open, None));
        }
        self.open.push(open);
        self.n_open_defaults += 1;
        let value = self.waiting(
            |_| default.at,
            |pass| {
                let mut frame = Frame::of(pass.nothing.clone());
                frame.this = Some(record.clone());
                pass.eval(default, &mut frame)
            },
        );
        self.n_open_defaults -= 1;
        self.open.pop();
        value.unwrap_or_else(Value::Error)
    }

    /// The keys of a map or Tree, in the tree or not, counted as elements that are made.
    pub fn counted_keys(&mut self, map: &Value, at: Span) -> Result<Vec<Arc<str>>, Reported> {
        let n_keys = match map {
            Value::Node(id) => self.keys(*id).present.len(),
            Value::Dict(dict) => dict.entries.len(),
            _ => 0,
        };
        self.make(n_keys as u64, at)?;
        Ok(self.keys_of(map))
    }

    /// The keys of a map or Tree, in the tree or not.
    pub fn keys_of(&mut self, map: &Value) -> Vec<Arc<str>> {
        match map {
            Value::Node(id) => self.keys(*id).present.clone(),
            Value::Dict(dict) => dict
                .entries
                .iter()
                .filter(|e| !matches!(e.value, Value::None))
                .map(|e| e.key.clone())
                .collect(),
            Value::Thunk(_) => self.keys_of_thunk(map),
            _ => Vec::new(),
        }
    }

    /// That the keys of a map or Tree are not all known, if they are not.
    pub fn keys_failed(&mut self, map: &Value) -> Option<Reported> {
        match map {
            Value::Node(id) if !matches!(self.node(*id).kind, super::memo::Kind::Record(..)) => {
                self.keys(*id).failed
            }
            _ => None,
        }
    }

    /// The entry of a key that is there.
    pub fn entry_of(&mut self, map: &Value, key: &Arc<str>, at: Span) -> Value {
        match map {
            Value::Node(id) => self.entry(*id, key),
            Value::Dict(dict) if let Some(entry) = dict.get(key) => entry.value.clone(),
            Value::Thunk(_) if let Some((value, _)) = self.part_at(map, key) => self.head(value),
            other => self.failed(at, &[other]),
        }
    }

    pub(super) fn map_get(&mut self, map: &Value, key: &Value, known: bool, at: Span, map_at: Span) -> Value {
        let Value::Str(key) = key else { return self.failed(at, &[key, map]) };
        match map {
            Value::Thunk(_) if let Some((value, _)) = self.part_at(map, key) => self.head(value),
            Value::Node(id) => {
                let is_seen = self.is_lazy() && matches!(self.node(*id).kind, super::memo::Kind::Map(..));
                if !known && !is_seen {
                    let keys = self.keys(*id);
                    if let (Some(reported), false) = (keys.failed, keys.has(key)) {
                        return Value::Error(reported);
                    }
                    if !keys.has(key) {
                        let report = self.absent(at, *id, key, &keys);
                        return self.fail(report);
                    }
                }
                self.entry(*id, key)
            }
            Value::Dict(dict) => match dict.get(key) {
                Some(entry) if !matches!(entry.value, Value::None) => entry.value.clone(),
                _ => {
                    let names = dict.entries.iter().map(|e| &*e.key);
                    {
                        // A map that is no node has no path: it is called as it was written.
                        let written = self.eng.program.sources.text(map_at);
                        self.fail(errors::absent_key(at, written, key, names, None))
                    }
                }
            },
            other => self.failed(at, &[other]),
        }
    }

    /// A key by name: it must be there. A key of a map of the record around it is looked up where it lands.
    pub fn key_name(&mut self, key: &KeyOf, name: Value, at: Span) -> Value {
        let Value::Str(text) = &name else { return self.failed(at, &[&name]) };
        let KeyOf::Root(path) = key else { return name };
        // That it is there was seen when everything was evaluated, and says nothing of the value.
        if self.is_lazy() {
            return name;
        }
        let map = self.root_map(path, at);
        match self.has_key(&map, text, at) {
            Ok(true) => name,
            Ok(false) => {
                let report = self.absent_in(at, &map, &path.join("."), text);
                self.fail(report)
            }
            Err(reported) => Value::Error(reported),
        }
    }

    /// A map of the root, by the path of its option.
    pub fn root_map(&mut self, path: &[Arc<str>], used_at: Span) -> Value {
        let bad = |(key, _): &&(KeyOf, Reported)| matches!(key, KeyOf::Root(bad) if **bad == *path);
        if let Some((_, reported)) = self.eng.program.bad_keys.iter().find(bad) {
            return Value::Error(*reported);
        }
        let mut at = Value::Node(NodeId(0));
        for name in path {
            let Value::Node(id) = at else { return at };
            let field = match &self.node(id).kind {
                super::memo::Kind::Record(rec, ..) => self.eng.program.types.record(*rec).find(name),
                _ => None,
            };
            let Some(field) = field else { return self.failed(used_at, &[]) };
            at = self.field(id, field);
        }
        at
    }

    /// Whether a map has a key, if the map did not fail. One that is absent has none.
    pub fn has_key(&mut self, map: &Value, key: &str, at: Span) -> Result<bool, Reported> {
        match map {
            Value::Node(id) => {
                let keys = self.keys(*id);
                match keys.failed {
                    Some(reported) if !keys.has(key) => Err(reported),
                    _ => Ok(keys.has(key)),
                }
            }
            Value::Dict(dict) => Ok(dict.get(key).is_some_and(|e| !matches!(e.value, Value::None))),
            Value::None => Ok(false),
            Value::Thunk(_) => Ok(self.keys_of_thunk(map).iter().any(|it| **it == *key)),
            other => Err(self.failure(at, &[other])),
        }
    }
}
