//! Braces as values, and the rounds of generators.

use super::errors;
use super::frame::Frame;
use super::pass::Pass;
use crate::diag::Reported;
use crate::live::{Dict, Value};
use crate::source::Span;
use crate::types::hir::{BindKind, BodyEntry, Gen, StepH};
use std::cmp::Ordering;
use std::sync::Arc;

impl Pass<'_> {
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

    pub(super) fn body(&mut self, entries: &[BodyEntry], frame: &mut Frame) -> Value {
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
        // Another entry moves those after it.
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
}
