//! Calls of functions and builtins.

use super::budget::within;
use super::builtins::{self, Call, Failure, Function, Made, Question, Run};
use super::engine::Engine;
use super::errors;
use super::format;
use super::frame::Frame;
use super::pass::Pass;
use super::witness;
use crate::diag::Reported;
use crate::live::{Items, Value};
use crate::source::Span;
use crate::types::hir::{FnId, Gen, TypedExpr};
use crate::types::ty::TyId;
use std::sync::Arc;

impl Pass<'_> {
    pub(super) fn call(&mut self, id: FnId, args: &[TypedExpr], frame: &mut Frame, at: Span) -> Value {
        let values: Vec<Value> = args.iter().map(|arg| self.eval(arg, frame)).collect();
        if let Some(reported) = values.iter().find_map(Value::failed) {
            return Value::Error(reported);
        }
        let memo_key = format::scalar_key(&values).map(|bytes| (id.0, bytes));
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
    pub(super) fn run_builtin(&mut self, index: u16, args: &[Value], types: &[TyId], at: Span) -> Value {
        let builtin = builtins::get(index);
        if builtin.walks {
            for arg in args {
                within!(self.walk(arg.measure(), at));
            }
        }
        let made = match builtin.run {
            Run::Plain(run) => self.run_plain(run, args, types, at),
            Run::Composite(run) => self.run_whole(run, args, types, types.first().copied(), at),
            Run::Tree(run) => self.run_whole(run, args, types, Some(TyId::TREE), at),
            Run::Asked(question) => return self.answer(question, args, types, at),
        };
        let value = made.unwrap_or_else(|failure| Value::Error(self.builtin_failed(failure, at)));
        self.made(value, at)
    }

    fn run_plain(&mut self, run: Function, args: &[Value], of: &[TyId], at: Span) -> Made {
        let Engine { program, patterns, .. } = self.eng;
        run(&mut Call { budget: &mut self.budget, types: &program.types, of, patterns, at }, args)
    }

    /// Runs a builtin with its first argument read with all that lies in it.
    fn run_whole(
        &mut self,
        run: Function,
        args: &[Value],
        of: &[TyId],
        first: Option<TyId>,
        at: Span,
    ) -> Made {
        let Some(first) = first else { return self.run_plain(run, args, of, at) };
        let mut args = args.to_vec();
        args[0] = self.materialize(&args[0], first, at);
        self.run_plain(run, &args, of, at)
    }

    fn builtin_failed(&mut self, failure: Failure, at: Span) -> Reported {
        let report = match failure {
            Failure::NotOfType => return self.failure(at, &[]),
            Failure::Exceeded(exceeded) => return self.exceeded(at, exceeded),
            Failure::Arithmetic(why) => errors::arithmetic(at, why),
            Failure::Text(why, help) => errors::bad_text(at, why, help),
            Failure::LargePattern(most_mib) => errors::large_pattern(at, most_mib),
        };
        self.report(report)
    }

    /// What only evaluation itself can answer.
    fn answer(&mut self, question: Question, args: &[Value], types: &[TyId], at: Span) -> Value {
        let value = match (question, args) {
            (Question::Get, [map, Value::Str(key)]) => match self.has_key(map, key, at) {
                Ok(true) => self.entry_of(map, key, at),
                Ok(false) => Value::None,
                Err(reported) => Value::Error(reported),
            },
            (Question::Count, [Value::List(all)]) => Value::Int(all.len() as i64),
            (Question::Count, [Value::Str(text)]) => Value::Int(text.chars().count() as i64),
            (Question::Count, [map]) => Value::Int(within!(self.all_keys(map, at)).len() as i64),
            (Question::Keys, [map]) => {
                Value::List(within!(self.all_keys(map, at)).into_iter().map(Value::Str).collect())
            }
            (Question::Values, [map]) => {
                let keys = within!(self.all_keys(map, at));
                Value::list(keys.iter().map(|key| self.entry_of(map, key, at)).collect())
            }
            (Question::Rendered, [file]) => self.ask_rendered(file, types[0], at),
            (Question::Built, [part, Value::Str(file)]) => self.ask_built(part, file, at),
            (Question::Fails, [Value::Str(title)]) => self.ask_fails(title, at),
            (Question::Reports, [Value::Str(code)]) => self.ask_reports(code, "", at),
            (Question::Reports, [Value::Str(code), Value::Str(text)]) => self.ask_reports(code, text, at),
            _ => self.failed(at, &[]),
        };
        self.made(value, at)
    }

    /// The keys of a map, counted as elements that are made. If not all are known, there are none.
    fn all_keys(&mut self, map: &Value, at: Span) -> Result<Vec<Arc<str>>, Reported> {
        match self.keys_failed(map) {
            Some(reported) => Err(reported),
            None => self.counted_keys(map, at),
        }
    }

    pub(super) fn builtin_for(
        &mut self,
        index: u16,
        each: &Gen,
        item: &TypedExpr,
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
            let found = witness::witnesses(builtins::get(index).name, &items, &labels);
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
                out.push(format!("{name} = {}", format::plain(&value)));
            }
        }
        out.join(", ")
    }
}
