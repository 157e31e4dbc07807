//! Expressions to values.

use super::budget::within;
use super::errors;
use super::frame::Frame;
use super::memo::Once;
use super::pass::Pass;
use super::state::Open;
use crate::diag::Reported;
use crate::live::{NodeId, Value, to_set};
use crate::source::Span;
use crate::types::hir::*;

impl Pass<'_> {
    /// The value of an expression.
    pub fn eval(&mut self, ex: &TypedExpr, frame: &mut Frame) -> Value {
        if let Err(reported) = self.step(ex.at) {
            return Value::Error(reported);
        }
        let at = ex.at;
        match &ex.kind {
            TypedKind::Error(reported) => Value::Error(*reported),
            TypedKind::Const(value) => self.constant(value, at),
            TypedKind::Refinement(inner, refinement) => {
                let value = self.eval(inner, frame);
                self.check_refinement_of(&refinement.of, &refinement.place, value, at)
            }
            TypedKind::Local(slot) => match frame.get(*slot) {
                Some(Value::Node(id)) => Value::Node(self.canon(id)),
                Some(value) => self.forced(value),
                None => self.failed(at, &[]),
            },
            TypedKind::Global(id) => self.global(*id),
            TypedKind::Shared(inner, n) => self.eval(inner, &mut frame.first(*n)),
            TypedKind::Root(field) => {
                let value = self.field(NodeId(0), *field);
                self.forced(value)
            }
            TypedKind::This => match frame.this.clone() {
                Some(value) => self.forced(value),
                None => self.failed(at, &[]),
            },
            TypedKind::Key => match frame.node.and_then(|n| self.nearest_key(n)) {
                Some(key) => Value::Str(key),
                None => self.fail(errors::bad_text(at, "`key` is read where no key is around", None)),
            },
            TypedKind::It => frame.it.clone().unwrap_or_else(|| self.failed(at, &[])),
            TypedKind::Field(inner, rec, field) => {
                let record = self.read_head(inner, frame);
                let value = self.field_of(&record, *rec, *field, at);
                self.forced(value)
            }
            TypedKind::MapGet(map, key, known) => {
                let found = self.read_head(map, frame);
                let key = self.eval(key, frame);
                let value = self.map_get(&found, &key, *known, at, map.at);
                self.forced(value)
            }
            TypedKind::TreeGet(tree, key) => {
                let found = self.read_head(tree, frame);
                let key = self.eval(key, frame);
                let value = self.map_get(&found, &key, false, at, tree.at);
                self.forced(value)
            }
            TypedKind::ListGet(list, index) => {
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
            TypedKind::KeyName(key, name) => {
                let name = self.eval(name, frame);
                self.key_name(key, name, at)
            }
            TypedKind::Variant(_, index, args) => {
                let payload: Vec<Value> = args.iter().map(|a| self.eval(a, frame)).collect();
                if let Some(reported) = payload.iter().find_map(Value::failed) {
                    return Value::Error(reported);
                }
                within!(self.make(payload.len() as u64, at));
                self.made(Value::Enum(*index, (!payload.is_empty()).then(|| payload.into())), at)
            }
            TypedKind::Text(pieces, secret) => self.text(pieces, *secret, frame, at),
            TypedKind::List(items) => {
                within!(self.make(items.len() as u64, at));
                // Each is asked, so that every mistake is told.
                let items: Vec<Value> = items.iter().map(|item| self.eval(item, frame)).collect();
                self.made(Value::list(items), at)
            }
            TypedKind::ListFor(each, item) => {
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
            TypedKind::ToSet(inner) => match self.eval(inner, frame) {
                Value::List(all) => {
                    within!(self.make(all.len() as u64, at).and_then(|()| self.walk(all.measure(), at)));
                    to_set(all.to_vec())
                }
                other => self.failed(at, &[&other]),
            },
            TypedKind::Body(_, entries) => {
                let value = self.body(entries, frame);
                self.made(value, at)
            }
            TypedKind::ToTree(inner, ty) => {
                let value = self.eval(inner, frame);
                self.to_tree(&value, *ty, at)
            }
            TypedKind::Not(inner) => match self.eval(inner, frame) {
                Value::Bool(b) => Value::Bool(!b),
                other => self.failed(at, &[&other]),
            },
            TypedKind::Neg(inner) => {
                let value = self.eval(inner, frame);
                self.negate(&value, at)
            }
            TypedKind::And(a, b) => match self.eval(a, frame) {
                Value::Bool(false) => Value::Bool(false),
                Value::Bool(true) => self.eval(b, frame),
                other => self.failed(at, &[&other]),
            },
            TypedKind::Or(a, b) => match self.eval(a, frame) {
                Value::Bool(true) => Value::Bool(true),
                Value::Bool(false) => self.eval(b, frame),
                other => self.failed(at, &[&other]),
            },
            TypedKind::Bin(op, a, b, ty) => {
                let a = self.eval(a, frame);
                let b = self.eval(b, frame);
                self.binary(*op, &a, &b, *ty, at)
            }
            TypedKind::In(kind, item, all) => {
                let item = self.eval(item, frame);
                let all = self.eval(all, frame);
                self.is_in(*kind, &item, &all, at)
            }
            TypedKind::InRange(item, from, to) => {
                match (self.eval(item, frame), self.eval(from, frame), self.eval(to, frame)) {
                    (Value::Int(i), Value::Int(a), Value::Int(b)) => Value::Bool((a..=b).contains(&i)),
                    (i, a, b) => self.failed(at, &[&i, &a, &b]),
                }
            }
            TypedKind::Else(a, b) => match self.eval(a, frame) {
                Value::None => self.eval(b, frame),
                value => value,
            },
            TypedKind::Merge(a, b) => {
                let a = self.eval(a, frame);
                let b = self.eval(b, frame);
                self.merge(&a, &b, at)
            }
            TypedKind::If(cond, then, otherwise) => match self.eval(cond, frame) {
                Value::Bool(true) => self.eval(then, frame),
                Value::Bool(false) => self.eval(otherwise, frame),
                other => self.failed(at, &[&other]),
            },
            TypedKind::Match(subject, arms) => self.matched(subject, arms, frame, at),
            TypedKind::Call(id, args) => self.call(*id, args, frame, at),
            TypedKind::Builtin(index, args, types) => {
                let values: Vec<Value> = args.iter().map(|arg| self.eval(arg, frame)).collect();
                if let Some(reported) = values.iter().find_map(Value::failed) {
                    return Value::Error(reported);
                }
                self.run_builtin(*index, &values, types, at)
            }
            TypedKind::BuiltinFor(index, each, item, ty) => {
                self.builtin_for(*index, each, item, *ty, frame, at)
            }
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

    fn matched(&mut self, subject: &TypedExpr, arms: &[ArmH], frame: &mut Frame, at: Span) -> Value {
        let value = self.eval(subject, frame);
        if value.is_error() {
            return value;
        }
        match self.matching_arm(&value, arms, frame) {
            Some(Ok(arm)) => self.eval(&arm.value, frame),
            Some(Err(reported)) => Value::Error(reported),
            None => self.failed(at, &[]),
        }
    }

    /// The arm that matches a value, with what it names bound.
    pub(super) fn matching_arm<'a>(
        &mut self,
        value: &Value,
        arms: &'a [ArmH],
        frame: &mut Frame,
    ) -> Option<Result<&'a ArmH, Reported>> {
        for arm in arms {
            let hit = match (&arm.pattern, value) {
                (PatH::None, Value::None) => true,
                (PatH::Variant(index, first, positions), Value::Enum(found, payload)) if index == found => {
                    for (i, position) in positions.iter().enumerate() {
                        let item = match position {
                            Ok(at) => payload.as_ref().and_then(|p| p.get(*at as usize)).cloned(),
                            Err(reported) => Some(Value::Error(*reported)),
                        };
                        let item = item.unwrap_or_else(|| self.failed(arm.value.at, &[]));
                        frame.set(first + i as u32, item);
                    }
                    true
                }
                (PatH::Any(slot), _) => {
                    frame.set(*slot, value.clone());
                    true
                }
                (PatH::Error(reported), _) => return Some(Err(*reported)),
                _ => false,
            };
            if hit {
                return Some(Ok(arm));
            }
        }
        None
    }
}
