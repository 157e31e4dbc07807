//! Expressions to values.

use super::budget::within;
use super::errors;
use super::memo::Once;
use super::pass::{Open, Pass};
use crate::data::{Encode, SecretPart};
use crate::diag::Reported;
use crate::live::{Dict, Items, NodeId, Value, to_set};
use crate::source::Span;
use crate::types::hir::*;
use crate::types::ty::{KeyOf, RecId, Ty, TyId};
use std::cmp::Ordering;
use std::sync::Arc;

/// Variables: those of the loops around, then those of the expression itself.
#[derive(Clone, Debug)]
pub struct Frame {
    env: Arc<[Value]>,
    locals: Vec<Value>,
    /// `self`.
    pub this: Option<Value>,
    /// The node in which the value lies, for `key`.
    pub node: Option<NodeId>,
    /// `it`.
    pub it: Option<Value>,
}

impl Frame {
    /// Nothing but the loops around.
    pub fn of(env: Arc<[Value]>) -> Frame {
        Frame { env, locals: Vec::new(), this: None, node: None, it: None }
    }

    /// The same for a value that lies in a node.
    pub fn at(env: Arc<[Value]>, node: NodeId) -> Frame {
        Frame { node: Some(node), ..Frame::of(env) }
    }

    fn get(&self, slot: u32) -> Option<Value> {
        let slot = slot as usize;
        let value = match slot.checked_sub(self.env.len()) {
            None => self.env.get(slot),
            Some(local) => self.locals.get(local),
        };
        value.cloned()
    }

    /// Binds a slot.
    pub fn set(&mut self, slot: u32, value: Value) {
        if let Some(local) = (slot as usize).checked_sub(self.env.len()) {
            if self.locals.len() <= local {
                self.locals.resize(local + 1, Value::None);
            }
            self.locals[local] = value;
        }
    }

    /// The frame of a `let`: the first `n` slots and nothing more.
    fn first(&self, n: u32) -> Frame {
        let env: Arc<[Value]> = (0..n).map(|slot| self.get(slot).unwrap_or(Value::None)).collect();
        Frame { env, locals: Vec::new(), this: self.this.clone(), node: self.node, it: self.it.clone() }
    }
}

impl Pass<'_> {
    /// The value of an expression.
    pub fn eval(&mut self, ex: &Ex, frame: &mut Frame) -> Value {
        if let Err(reported) = self.step(ex.at) {
            return Value::Error(reported);
        }
        let at = ex.at;
        match &ex.kind {
            Ek::Error(reported) => Value::Error(*reported),
            Ek::Const(value) => self.constant(value, at),
            Ek::Demand(inner, demand) => {
                let value = self.eval(inner, frame);
                self.demand_of(&demand.of, &demand.place, value, at)
            }
            Ek::Local(slot) => match frame.get(*slot) {
                Some(Value::Node(id)) => Value::Node(self.canon(id)),
                Some(value) => value,
                None => self.failed(at, &[]),
            },
            Ek::Global(id) => self.global(*id),
            Ek::Shared(inner, n) => self.eval(inner, &mut frame.first(*n)),
            Ek::Root(field) => self.field(NodeId(0), *field),
            Ek::This => frame.this.clone().unwrap_or_else(|| self.failed(at, &[])),
            Ek::Key => match frame.node.and_then(|n| self.nearest_key(n)) {
                Some(key) => Value::Str(key),
                None => self.fail(errors::bad_text(at, "`key` is read where no key is around", None)),
            },
            Ek::It => frame.it.clone().unwrap_or_else(|| self.failed(at, &[])),
            Ek::Field(inner, rec, field) => {
                let record = self.eval(inner, frame);
                self.field_of(&record, *rec, *field, at)
            }
            Ek::MapGet(map, key, known) => {
                let found = self.eval(map, frame);
                let key = self.eval(key, frame);
                self.map_get(&found, &key, *known, at, map.at)
            }
            Ek::TreeGet(tree, key) => {
                let found = self.eval(tree, frame);
                let key = self.eval(key, frame);
                self.map_get(&found, &key, false, at, tree.at)
            }
            Ek::ListGet(list, index) => {
                let list = self.eval(list, frame);
                let index = self.eval(index, frame);
                match (&list, &index) {
                    (Value::List(all), Value::Int(i)) => {
                        match usize::try_from(*i).ok().and_then(|i| all.get(i)) {
                            Some(item) => item.clone(),
                            None => self.fail(errors::arithmetic(
                                at,
                                format!("index {i} in a list of {}", all.len()),
                            )),
                        }
                    }
                    _ => self.failed(at, &[&list, &index]),
                }
            }
            Ek::KeyName(key, name) => {
                let name = self.eval(name, frame);
                self.key_name(key, name, at)
            }
            Ek::Variant(_, index, args) => {
                let payload: Vec<Value> = args.iter().map(|a| self.eval(a, frame)).collect();
                if let Some(reported) = payload.iter().find_map(Value::failed) {
                    return Value::Error(reported);
                }
                within!(self.make(payload.len() as u64, at));
                self.made(Value::Enum(*index, (!payload.is_empty()).then(|| payload.into())), at)
            }
            Ek::Text(pieces, secret) => self.text(pieces, *secret, frame, at),
            Ek::List(items) => {
                within!(self.make(items.len() as u64, at));
                // Each is asked, so that every mistake is told.
                let items: Vec<Value> = items.iter().map(|item| self.eval(item, frame)).collect();
                self.made(Value::list(items), at)
            }
            Ek::ListFor(each, item) => {
                let mut out = Vec::new();
                let all = self.rounds(each, frame, &mut |pass, frame| {
                    // When there is no more room, no round follows.
                    if pass.make(1, at).is_ok() {
                        out.push(pass.eval(item, frame));
                    }
                });
                match all {
                    Ok(()) => self.made(Value::list(out), at),
                    Err(reported) => Value::Error(reported),
                }
            }
            Ek::ToSet(inner) => match self.eval(inner, frame) {
                Value::List(all) => {
                    within!(self.make(all.len() as u64, at).and_then(|()| self.walk(all.measure(), at)));
                    to_set(all.to_vec())
                }
                other => self.failed(at, &[&other]),
            },
            Ek::Body(_, entries) => {
                let value = self.body(entries, frame);
                self.made(value, at)
            }
            Ek::ToTree(inner, ty) => {
                let value = self.eval(inner, frame);
                self.to_tree(&value, *ty, at)
            }
            Ek::Not(inner) => match self.eval(inner, frame) {
                Value::Bool(b) => Value::Bool(!b),
                other => self.failed(at, &[&other]),
            },
            Ek::Neg(inner) => {
                let value = self.eval(inner, frame);
                self.negate(&value, at)
            }
            Ek::And(a, b) => match self.eval(a, frame) {
                Value::Bool(false) => Value::Bool(false),
                Value::Bool(true) => self.eval(b, frame),
                other => self.failed(at, &[&other]),
            },
            Ek::Or(a, b) => match self.eval(a, frame) {
                Value::Bool(true) => Value::Bool(true),
                Value::Bool(false) => self.eval(b, frame),
                other => self.failed(at, &[&other]),
            },
            Ek::Bin(op, a, b, ty) => {
                let a = self.eval(a, frame);
                let b = self.eval(b, frame);
                self.binary(*op, &a, &b, *ty, at)
            }
            Ek::In(kind, item, all) => {
                let item = self.eval(item, frame);
                let all = self.eval(all, frame);
                self.is_in(*kind, &item, &all, at)
            }
            Ek::InRange(item, from, to) => {
                match (self.eval(item, frame), self.eval(from, frame), self.eval(to, frame)) {
                    (Value::Int(i), Value::Int(a), Value::Int(b)) => Value::Bool((a..=b).contains(&i)),
                    (i, a, b) => self.failed(at, &[&i, &a, &b]),
                }
            }
            Ek::Else(a, b) => match self.eval(a, frame) {
                Value::None => self.eval(b, frame),
                value => value,
            },
            Ek::Merge(a, b) => {
                let a = self.eval(a, frame);
                let b = self.eval(b, frame);
                self.merge(&a, &b, at)
            }
            Ek::If(cond, then, otherwise) => match self.eval(cond, frame) {
                Value::Bool(true) => self.eval(then, frame),
                Value::Bool(false) => self.eval(otherwise, frame),
                other => self.failed(at, &[&other]),
            },
            Ek::Match(subject, arms) => self.matched(subject, arms, frame, at),
            Ek::Call(id, args) => self.call(*id, args, frame, at),
            Ek::Builtin(index, args, types) => {
                let values: Vec<Value> = args.iter().map(|arg| self.eval(arg, frame)).collect();
                if let Some(reported) = values.iter().find_map(Value::failed) {
                    return Value::Error(reported);
                }
                self.run_builtin(*index, &values, types, at)
            }
            Ek::BuiltinFor(index, each, item, ty) => self.builtin_for(*index, each, item, *ty, frame, at),
        }
    }

    fn global(&mut self, id: u32) -> Value {
        if let Some(Once::Done(value)) = self.base.and_then(|b| b.globals.get(&id)) {
            return value.clone();
        }
        match self.memo.globals.get(&id) {
            Some(Once::Done(value)) => return value.clone(),
            Some(Once::Busy) => return Value::Error(self.cycle(Open::Global(id), None)),
            _ => {}
        }
        let ex = &self.eng.program.globals[id as usize];
        self.memo.globals.insert(id, Once::Busy);
        self.open.push(Open::Global(id));
        let value = self.waiting(|_| ex.at, |pass| pass.eval(ex, &mut Frame::of(pass.nothing.clone())));
        let value = value.unwrap_or_else(Value::Error);
        self.open.pop();
        self.memo.globals.insert(id, Once::Done(value.clone()));
        value
    }

    /// A field of a record, in the tree or not. A field that was not written reads as its default.
    pub fn field_of(&mut self, record: &Value, rec: RecId, field: u32, at: Span) -> Value {
        match record {
            Value::Node(id) => self.field(*id, field),
            Value::Dict(dict) => {
                let def = &self.eng.program.types.record(rec).fields[field as usize];
                if let Some(entry) = dict.get(&def.name) {
                    return entry.value.clone();
                }
                match &def.default {
                    Some(default) => {
                        let value = self.default_of(record, dict, rec, field, default);
                        match &default.kind {
                            Ek::Const(_) => value,
                            _ => self.demand_of(&def.name, &def.place, value, default.at),
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
            other => self.failed(at, &[other]),
        }
    }

    /// The default of a field of a record that is not in the tree. It is evaluated whenever it is read.
    fn default_of(
        &mut self,
        record: &Value,
        dict: &Arc<Dict>,
        rec: RecId,
        field: u32,
        default: &Ex,
    ) -> Value {
        if let Ek::Const(value) = &default.kind {
            return self.constant(value, default.at);
        }
        let open = Open::Default(Arc::as_ptr(dict) as usize, rec, field);
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
            other => self.failed(at, &[other]),
        }
    }

    fn map_get(&mut self, map: &Value, key: &Value, known: bool, at: Span, map_at: Span) -> Value {
        let Value::Str(key) = key else { return self.failed(at, &[key, map]) };
        match map {
            Value::Node(id) => {
                if !known {
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
            other => Err(self.failure(at, &[other])),
        }
    }

    fn text(&mut self, pieces: &[Piece], secret: bool, frame: &mut Frame, at: Span) -> Value {
        if secret {
            return self.secret_text(pieces, frame, at);
        }
        let mut out = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    within!(self.make_text(text.len() as u64, at));
                    out.push_str(text);
                }
                Piece::Hole(ex, ty) => {
                    let value = self.eval(ex, frame);
                    if value.is_error() {
                        return value;
                    }
                    within!(self.make_text(written_bytes(&value), at));
                    self.write(&value, *ty, &mut out);
                }
            }
        }
        Value::Str(out.into())
    }

    fn secret_text(&mut self, pieces: &[Piece], frame: &mut Frame, at: Span) -> Value {
        let mut parts: Vec<SecretPart> = Vec::new();
        let mut plain = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    within!(self.make_text(text.len() as u64, at));
                    plain.push_str(text);
                }
                Piece::Hole(ex, ty) => match self.eval(ex, frame) {
                    failed @ Value::Error(_) => return failed,
                    Value::Secret(inner) => {
                        within!(self.make(1 + inner.len() as u64, at));
                        if !plain.is_empty() {
                            parts.push(SecretPart::Text(std::mem::take(&mut plain).into()));
                        }
                        parts.extend(inner.iter().cloned());
                    }
                    value => {
                        within!(self.make_text(written_bytes(&value), at));
                        self.write(&value, *ty, &mut plain);
                    }
                },
            }
        }
        if !plain.is_empty() {
            parts.push(SecretPart::Text(plain.into()));
        }
        Value::Secret(parts.into())
    }

    /// The text of a value in a hole.
    pub fn write(&self, value: &Value, ty: TyId, out: &mut String) {
        match (value, self.eng.program.types.get(ty)) {
            (Value::Str(text), _) | (Value::Version(text), _) => out.push_str(text),
            (Value::Enum(index, _), Ty::Enum(id)) => {
                out.push_str(&self.eng.program.types.enumeration(*id).variants[*index as usize].0);
            }
            _ => out.push_str(&super::settle::plain(value)),
        }
    }

    /// Runs something for every round of a generator. One round whose source or condition failed is none, and the whole is
    /// not what it should be.
    pub fn rounds(
        &mut self,
        each: &Gen,
        frame: &mut Frame,
        run: &mut dyn FnMut(&mut Self, &mut Frame),
    ) -> Result<(), Reported> {
        self.rounds_from(each, 0, frame, run)
    }

    fn rounds_from(
        &mut self,
        each: &Gen,
        level: usize,
        frame: &mut Frame,
        run: &mut dyn FnMut(&mut Self, &mut Frame),
    ) -> Result<(), Reported> {
        let Some(bind) = each.binds.get(level) else {
            match each.cond.as_ref().map(|cond| (self.eval(cond, frame), cond.at)) {
                None | Some((Value::Bool(true), _)) => run(self, frame),
                Some((Value::Bool(false), _)) => {}
                Some((other, at)) => return Err(self.failure(at, &[&other])),
            }
            return Ok(());
        };
        let source = self.eval(&bind.source, frame);
        let mut result = source.failed().or_else(|| self.keys_failed(&source)).map_or(Ok(()), Err);
        let two = matches!(bind.kind, BindKind::Indexed | BindKind::Entries);
        let before = self.n_noted();
        // A list that nobody else holds is gone after the rounds.
        let passing = source.items().filter(|it| !it.is_shared()).map_or(0, |it| it.len() as u64);
        for (first, second) in self.bound(bind.kind, &source, &bind.source)? {
            if let Some(reported) = self.budget.over() {
                return Err(reported);
            }
            self.forget(before);
            if bind.kind == BindKind::Entries {
                self.note_round(&source, &first);
            }
            frame.set(bind.slot, first);
            if two {
                frame.set(bind.slot + 1, second);
            }
            result = result.and(self.rounds_from(each, level + 1, frame, run));
        }
        self.forget(before);
        self.unmake(passing);
        result
    }

    fn body(&mut self, entries: &[BodyEntry], frame: &mut Frame) -> Value {
        let mut dict = Dict::default();
        match self.body_entries(entries, frame, &mut dict) {
            Ok(()) => Value::Dict(Arc::new(dict)),
            Err(reported) => Value::Error(reported),
        }
    }

    fn body_entries(
        &mut self,
        entries: &[BodyEntry],
        frame: &mut Frame,
        dict: &mut Dict,
    ) -> Result<(), Reported> {
        let mut fine = Ok(());
        for entry in entries {
            match entry {
                BodyEntry::For(each, inner) => {
                    let mut all_fine = Ok(());
                    let rounds = self.rounds(each, frame, &mut |pass, frame| {
                        all_fine = all_fine.and(pass.body_entries(inner, frame, dict));
                    });
                    fine = fine.and(all_fine).and(rounds);
                }
                BodyEntry::If(cond, then, otherwise) => {
                    let inner = match self.eval(cond, frame) {
                        Value::Bool(true) => self.body_entries(then, frame, dict),
                        Value::Bool(false) => self.body_entries(otherwise, frame, dict),
                        other => Err(self.failure(cond.at, &[&other])),
                    };
                    fine = fine.and(inner);
                }
                BodyEntry::Failed(reported) => fine = fine.and(Err(*reported)),
                BodyEntry::Set(path, value, at) => {
                    let mut keys = Vec::with_capacity(path.len());
                    for step in path {
                        match step {
                            StepH::Name(name) => keys.push(name.clone()),
                            StepH::Computed(key, _) => match self.eval(key, frame) {
                                Value::Str(name) => keys.push(name),
                                other => return Err(self.failure(key.at, &[&other])),
                            },
                        }
                    }
                    let value = self.eval(value, frame);
                    // If one entry failed and was reported, the rest still counts.
                    self.put(dict, &keys, value, *at);
                }
            }
        }
        fine
    }

    /// Puts a value at a path below a dict.
    fn put(&mut self, dict: &mut Dict, keys: &[Arc<str>], value: Value, at: Span) {
        let Some((first, rest)) = keys.split_first() else { return };
        // Another entry moves those behind it.
        let room = self.make(2, at).and_then(|()| self.work(dict.entries.len() as u64 / 64, at));
        if let Err(reported) = room {
            dict.slot(first, at).value = Value::Error(reported);
            return;
        }
        if rest.is_empty() {
            let known = dict.get(first).map(|e| (e.value.clone(), e.at));
            let new = match (known, &value) {
                (None, _) => value,
                (Some((old @ (Value::Dict(_) | Value::Node(_)), _)), Value::Dict(_) | Value::Node(_)) => {
                    self.merge(&old, &value, at)
                }
                (Some((old, first_at)), _) => {
                    if old.is_error() || value.is_error() || old.order(&value) == Ordering::Equal {
                        value
                    } else {
                        let strength = crate::rank::SITE;
                        self.fail(errors::conflict(first, &[(first_at, strength), (at, strength)]))
                    }
                }
            };
            let entry = dict.slot(first, at);
            entry.value = new;
            return;
        }
        // Taken out, so that only what somebody else holds, too, is copied.
        let known = std::mem::replace(&mut dict.slot(first, at).value, Value::None);
        let known = match known {
            node @ Value::Node(_) => self.merge(&node, &Value::Dict(Arc::default()), at),
            other => other,
        };
        let mut inner = match known {
            Value::Dict(inner) => match Arc::try_unwrap(inner) {
                Ok(own) => own,
                Err(shared) if self.make(2 * shared.entries.len() as u64, at).is_ok() => (*shared).clone(),
                Err(_) => Dict::default(),
            },
            _ => Dict::default(),
        };
        self.put(&mut inner, rest, value, at);
        dict.slot(first, at).value = Value::Dict(Arc::new(inner));
    }

    fn matched(&mut self, subject: &Ex, arms: &[ArmH], frame: &mut Frame, at: Span) -> Value {
        let value = self.eval(subject, frame);
        if value.is_error() {
            return value;
        }
        for arm in arms {
            let hit = match (&arm.pattern, &value) {
                (PatH::None, Value::None) => true,
                (PatH::Variant(index, first, positions), Value::Enum(found, payload)) if index == found => {
                    for (i, position) in positions.iter().enumerate() {
                        let item = match position {
                            Ok(at) => payload.as_ref().and_then(|p| p.get(*at as usize)).cloned(),
                            Err(reported) => Some(Value::Error(*reported)),
                        };
                        let item = item.unwrap_or_else(|| self.failed(at, &[]));
                        frame.set(first + i as u32, item);
                    }
                    true
                }
                (PatH::Any(slot), _) => {
                    frame.set(*slot, value.clone());
                    true
                }
                (PatH::Error(reported), _) => return Value::Error(*reported),
                _ => false,
            };
            if hit {
                return self.eval(&arm.value, frame);
            }
        }
        self.failed(at, &[])
    }

    fn call(&mut self, id: FnId, args: &[Ex], frame: &mut Frame, at: Span) -> Value {
        let values: Vec<Value> = args.iter().map(|arg| self.eval(arg, frame)).collect();
        if let Some(reported) = values.iter().find_map(Value::failed) {
            return Value::Error(reported);
        }
        let memo_key = super::settle::scalar_key(&values).map(|bytes| (id.0, bytes));
        if let Some((_, bytes)) = &memo_key {
            within!(self.make_text(bytes.len() as u64, at));
        }
        if let Some(key) = &memo_key {
            // A trace must see what happens inside; what this pass itself remembers it has seen.
            let base = if self.trace.is_some() || self.looks_deep() { None } else { self.base };
            let of_base = base.and_then(|b| b.calls.get(key)).cloned();
            let is_own = of_base.is_none();
            if let Some(known) = of_base.or_else(|| self.memo.calls.get(key).cloned()) {
                if is_own {
                    self.watch_recall(key);
                }
                if known.is_error() {
                    self.called_again(key, at);
                }
                return known;
            }
        }
        let watched = self.n_watched();
        let func = &self.eng.program.funcs[id.0 as usize];
        let value = self.waiting(
            |_| at,
            |pass| {
                pass.calling(memo_key.as_ref(), at, |pass| {
                    let mut inner = Frame::of(pass.nothing.clone());
                    inner.locals = values;
                    let n = func.params.len() as u32;
                    for (i, ex) in func.lets.iter().enumerate() {
                        let value = pass.eval(ex, &mut inner);
                        inner.set(n + i as u32, value);
                    }
                    pass.eval(&func.value, &mut inner)
                })
            },
        );
        let value = value.unwrap_or_else(Value::Error);
        if let Some(key) = memo_key {
            within!(self.make(4, at));
            self.watch_call(watched, &key);
            self.memo.calls.insert(key, value.clone());
        }
        value
    }

    /// Runs a builtin, after what it walks was counted.
    fn run_builtin(&mut self, index: u16, args: &[Value], types: &[TyId], at: Span) -> Value {
        let builtin = super::builtins::get(index);
        if builtin.walks {
            for arg in args {
                within!(self.walk(arg.measure(), at));
            }
        }
        let value = (builtin.run)(self, args, types, at);
        self.made(value, at)
    }

    fn builtin_for(
        &mut self,
        index: u16,
        each: &Gen,
        item: &Ex,
        ty: TyId,
        frame: &mut Frame,
        at: Span,
    ) -> Value {
        let (wants_evidence, before) = (self.wants_evidence(), self.n_noted());
        let mut items = Vec::new();
        let mut labels: Vec<String> = Vec::new();
        let mut reads = Vec::new();
        let all = self.rounds(each, frame, &mut |pass, frame| {
            // When there is no more room, no round follows.
            if pass.make(1, at).is_err() {
                return;
            }
            items.push(pass.eval(item, frame));
            if wants_evidence {
                labels.push(pass.round_label(each, frame));
                reads.push(pass.noted_since(before));
            }
        });
        if let Some(reported) = all.err().or_else(|| items.iter().find_map(Value::failed)) {
            return Value::Error(reported);
        }
        let items: Items = items.into();
        let value = self.run_builtin(index, &[Value::List(items.clone())], &[ty], at);
        // They are gone after this.
        self.unmake(items.len() as u64);
        if wants_evidence && matches!(value, Value::Bool(false)) {
            let found = super::builtins::witnesses(super::builtins::get(index).name, &items, &labels);
            self.testify(found, &reads, at);
        }
        value
    }

    /// `h = ctl01, p = http`: what a round has bound.
    fn round_label(&mut self, each: &Gen, frame: &Frame) -> String {
        let mut out = Vec::new();
        for bind in &each.binds {
            let two = [Some((&bind.names.0, bind.slot)), bind.names.1.as_ref().map(|n| (n, bind.slot + 1))];
            for (name, slot) in two.into_iter().flatten() {
                let Some(value) = frame.get(slot) else { continue };
                if matches!(value, Value::Node(_) | Value::Dict(_)) || name.as_ref() == "_" {
                    continue;
                }
                out.push(format!("{name} = {}", super::settle::plain(&value)));
            }
        }
        out.join(", ")
    }

    /// A secret by name.
    pub fn secret_value(name: &Arc<str>, part: Option<Arc<str>>) -> Value {
        Value::Secret(Arc::from([SecretPart::Name {
            name: name.clone(),
            part,
            encode: Encode::Plain,
            limits: Arc::from([]),
        }]))
    }
}

/// The most bytes that a value takes in a text.
fn written_bytes(value: &Value) -> u64 {
    match value {
        Value::Str(text) | Value::Version(text) => text.len() as u64,
        other => {
            let measure = other.measure();
            measure.n_bytes.saturating_add(measure.n_values.saturating_mul(32))
        }
    }
}
