//! Values evaluated only as far as somebody reads them: the results of functions, braces, `&`, `if`, `match`, arguments and `let`s. A leaf
//! that is read so reads what gives this leaf, and nothing of what lies beside it. That is what `why` wants to know and nobody else needs,
//! so no other pass has a thunk. The values are those of [`Pass::eval`].

use super::frame::Frame;
use super::pass::Pass;
use super::thunk::{Head, Part, Thunk};
use crate::live::{Dict, Entry, Value};
use crate::source::Span;
use crate::types::hir::{ArmH, TypedExpr, TypedKind};
use crate::types::ty::Ty;
use std::sync::Arc;

impl<'p> Pass<'p> {
    /// Whether it evaluates only what is read.
    #[inline]
    pub(super) fn is_lazy(&self) -> bool {
        self.thunks.is_some()
    }

    /// The value of an expression as far as its head: all of it, unless the pass is lazy.
    pub(super) fn eval_head(&mut self, ex: &'p TypedExpr, frame: &mut Frame) -> Value {
        if !self.is_lazy() {
            return self.eval(ex, frame);
        }
        let value = self.delay(Thunk::Expr(ex, frame.clone()));
        self.head(value)
    }

    /// The value with all that lies in it.
    #[inline]
    pub(super) fn forced(&mut self, value: Value) -> Value {
        match value {
            Value::Thunk(_) => self.force_thunk(value),
            value => value,
        }
    }

    fn force_thunk(&mut self, value: Value) -> Value {
        let value = self.head(value);
        let Value::Thunk(id) = value else { return value };
        // It may have been forced before.
        if let Some(Head::Known(known @ Value::Dict(_))) =
            self.thunks.as_ref().map(|it| &it.heads[id as usize])
        {
            return known.clone();
        }
        let forced = self.nested(
            |_| Span::default(),
            |pass| {
                let mut dict = Dict::default();
                for (key, value, at) in pass.parts_of(&value) {
                    let value = pass.forced(value);
                    dict.entries.push(Entry { key, value, at });
                }
                Value::Dict(Arc::new(dict))
            },
        );
        let forced = forced.unwrap_or_else(Value::Error);
        if let Some(thunks) = &mut self.thunks {
            thunks.heads[id as usize] = Head::Known(forced.clone());
        }
        forced
    }

    pub(super) fn delay(&mut self, thunk: Thunk<'p>) -> Value {
        match &mut self.thunks {
            Some(thunks) => {
                thunks.all.push(thunk);
                thunks.heads.push(Head::Unset);
                Value::Thunk(thunks.all.len() as u32 - 1)
            }
            None => self.failed(Span::default(), &[]),
        }
    }

    pub(super) fn delayed(&mut self, ex: &'p TypedExpr, frame: &Frame) -> Value {
        match &ex.kind {
            TypedKind::Const(value) => self.constant(value, ex.at),
            _ => self.delay(Thunk::Expr(ex, frame.clone())),
        }
    }

    /// The value as far as it has to be evaluated to know whether it has parts.
    pub(super) fn head(&mut self, value: Value) -> Value {
        let Value::Thunk(id) = value else { return value };
        let Some(thunks) = &mut self.thunks else { return self.failed(Span::default(), &[]) };
        match std::mem::replace(&mut thunks.heads[id as usize], Head::Busy) {
            Head::Known(value) => {
                thunks.heads[id as usize] = Head::Known(value.clone());
                return value;
            }
            Head::Busy => return self.failed(Span::default(), &[]),
            Head::Unset => {}
        }
        let thunk = thunks.all[id as usize].clone();
        let found = self.waiting(|_| Span::default(), |pass| pass.find_head(value, thunk));
        let found = found.unwrap_or_else(Value::Error);
        if let Some(thunks) = &mut self.thunks {
            thunks.heads[id as usize] = Head::Known(found.clone());
        }
        found
    }

    fn find_head(&mut self, own: Value, thunk: Thunk<'p>) -> Value {
        match thunk {
            Thunk::Expr(ex, mut frame) => {
                if let Err(reported) = self.step(ex.at) {
                    return Value::Error(reported);
                }
                let value = self.head_of(ex, &mut frame);
                self.head(value)
            }
            Thunk::Body(_) => own,
            Thunk::Merged(left, right) => {
                let (right, left) = (self.head(right), self.head(left));
                match (&left, &right) {
                    (Value::Error(_), _) => left,
                    (left, right) if left.has_parts() && right.has_parts() => own,
                    _ => right,
                }
            }
            Thunk::Tree(value, ty, at) => {
                let types = &self.eng.program.types;
                match (self.head(value), types.get(types.unwrap(ty))) {
                    (value, Ty::Record(_) | Ty::Map(..)) if value.has_parts() => own,
                    (value, Ty::Tree) => value,
                    (value, _) => self.to_tree(&value, ty, at),
                }
            }
        }
    }

    /// The value of an expression, or a thunk of it that is nearer to its head.
    fn head_of(&mut self, ex: &'p TypedExpr, frame: &mut Frame) -> Value {
        let at = ex.at;
        match &ex.kind {
            TypedKind::Refinement(inner, refinement) => {
                let inner = self.delayed(inner, frame);
                let value = self.head(inner);
                // What has parts meets its conditions: they were tried when everything was evaluated.
                if value.has_parts() {
                    return value;
                }
                self.check_refinement_of(&refinement.of, &refinement.place, value, at)
            }
            TypedKind::Local(_) | TypedKind::Root(_) | TypedKind::This => self.read_head(ex, frame),
            TypedKind::Global(id) => {
                let known = self.thunks.as_ref().and_then(|it| it.globals.get(id).cloned());
                known.unwrap_or_else(|| {
                    let global = &self.eng.program.globals[*id as usize];
                    let made = self.delayed(global, &Frame::of(self.nothing.clone()));
                    if let Some(thunks) = &mut self.thunks {
                        thunks.globals.insert(*id, made.clone());
                    }
                    made
                })
            }
            TypedKind::Shared(inner, n) => self.delayed(inner, &frame.first(*n)),
            TypedKind::Field(inner, rec, field) => {
                let inner = self.delayed(inner, frame);
                let record = self.head(inner);
                self.field_of(&record, *rec, *field, at)
            }
            TypedKind::MapGet(map, key, known) => {
                let found = self.delayed(map, frame);
                let found = self.head(found);
                let key = self.eval(key, frame);
                self.map_get(&found, &key, *known, at, map.at)
            }
            TypedKind::TreeGet(tree, key) => {
                let found = self.delayed(tree, frame);
                let found = self.head(found);
                let key = self.eval(key, frame);
                self.map_get(&found, &key, false, at, tree.at)
            }
            TypedKind::Body(_, entries) => {
                self.delay(Thunk::Body(vec![Part::Entries(entries, frame.clone())]))
            }
            TypedKind::ToTree(inner, ty) => {
                let inner = self.delayed(inner, frame);
                self.delay(Thunk::Tree(inner, *ty, at))
            }
            TypedKind::Else(a, b) => {
                let first = self.delayed(a, frame);
                match self.head(first) {
                    Value::None => self.delayed(b, frame),
                    value => value,
                }
            }
            TypedKind::Merge(a, b) => {
                let (a, b) = (self.delayed(a, frame), self.delayed(b, frame));
                self.delay(Thunk::Merged(a, b))
            }
            TypedKind::If(cond, then, otherwise) => match self.eval(cond, frame) {
                Value::Bool(true) => self.delayed(then, frame),
                Value::Bool(false) => self.delayed(otherwise, frame),
                other => self.failed(at, &[&other]),
            },
            TypedKind::Match(subject, arms) => self.matched_head(subject, arms, frame, at),
            TypedKind::Call(id, args) => {
                let mut inner = Frame::of(self.nothing.clone());
                inner.locals = args.iter().map(|arg| self.delayed(arg, frame)).collect();
                self.call_head(id.0, inner)
            }
            _ => self.eval(ex, frame),
        }
    }

    /// The result of a function whose arguments are bound.
    fn call_head(&mut self, id: u32, mut inner: Frame) -> Value {
        let func = &self.eng.program.funcs[id as usize];
        for (i, ex) in func.lets.iter().enumerate() {
            let value = self.delayed(ex, &inner);
            inner.set((func.params.len() + i) as u32, value);
        }
        self.delayed(&func.value, &inner)
    }

    fn matched_head(
        &mut self,
        subject: &'p TypedExpr,
        arms: &'p [ArmH],
        frame: &mut Frame,
        at: Span,
    ) -> Value {
        let subject = self.delayed(subject, frame);
        let value = self.head(subject);
        if value.is_error() {
            return value;
        }
        match self.matching_arm(&value, arms, frame) {
            Some(Ok(arm)) => self.delayed(&arm.value, frame),
            Some(Err(reported)) => Value::Error(reported),
            None => self.failed(at, &[]),
        }
    }

    /// The head of what is read by a chain of fields and keys, wherever the chain stands; of anything else, its value.
    pub(super) fn read_head(&mut self, ex: &TypedExpr, frame: &mut Frame) -> Value {
        if !self.is_lazy() {
            return self.eval(ex, frame);
        }
        let value = match &ex.kind {
            TypedKind::Local(slot) => match frame.get(*slot) {
                Some(Value::Node(id)) => Value::Node(self.canon(id)),
                Some(value) => value,
                None => self.failed(ex.at, &[]),
            },
            TypedKind::This => frame.this.clone().unwrap_or_else(|| self.failed(ex.at, &[])),
            TypedKind::Root(field) => self.field(crate::live::NodeId(0), *field),
            TypedKind::Field(inner, rec, field) => {
                let record = self.read_head(inner, frame);
                self.field_of(&record, *rec, *field, ex.at)
            }
            TypedKind::MapGet(map, key, known) => {
                let found = self.read_head(map, frame);
                let key = self.eval(key, frame);
                self.map_get(&found, &key, *known, ex.at, map.at)
            }
            TypedKind::TreeGet(tree, key) => {
                let found = self.read_head(tree, frame);
                let key = self.eval(key, frame);
                self.map_get(&found, &key, false, ex.at, tree.at)
            }
            TypedKind::Call(id, args) => {
                let mut inner = Frame::of(self.nothing.clone());
                inner.locals = args.iter().map(|arg| self.eval(arg, frame)).collect();
                match inner.locals.iter().find_map(Value::failed) {
                    Some(reported) => Value::Error(reported),
                    None => self.call_head(id.0, inner),
                }
            }
            _ => self.eval(ex, frame),
        };
        self.head(value)
    }
}
