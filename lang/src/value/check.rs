//! Checks of the whole tree. One that fails is evaluated once more, and what it reads then is noted: its report shows the lines
//! that the values come from. Its words are in `errors`.

use super::errors;
use super::format;
use super::frame::Frame;
use super::memo::{NO_DEF, Src};
use super::pass::Pass;
use super::state::{Doing, Evidence, Location, Read, Witness};
use crate::diag::Reported;
use crate::live::Value;
use crate::source::Span;
use crate::types::hir::{CheckDef, CheckH, TypedExpr};
use std::sync::Arc;

/// The most reads that are noted when none is forgotten.
const NOTED: usize = 1000;

impl Pass<'_> {
    /// Evaluates all checks, and reports those that fail.
    pub(super) fn checks(&mut self) {
        let eng = self.eng;
        for check in &eng.program.checks {
            self.watch_check(check);
            if !self.check_holds(check) {
                self.evidence = Some(Evidence::default());
                self.check_holds(check);
                self.evidence = None;
            }
        }
    }

    fn check_holds(&mut self, check: &CheckDef) -> bool {
        self.lines_hold(&check.body, &mut Frame::of(Arc::from([])), check)
    }

    fn lines_hold(&mut self, lines: &[CheckH], frame: &mut Frame, check: &CheckDef) -> bool {
        let mut holds = true;
        for line in lines {
            match line {
                CheckH::Let(slot, ex) => {
                    let value = self.eval(ex, frame);
                    frame.set(*slot, value);
                }
                CheckH::Require(cond, message, at) => {
                    let before = self.n_noted();
                    if matches!(self.eval(cond, frame), Value::Bool(false)) {
                        holds = false;
                        self.report_check(check, *at, message.as_ref(), frame);
                    }
                    self.forget(before);
                }
                CheckH::For(each, body) => {
                    let mut run = |pass: &mut Self, frame: &mut Frame| {
                        holds &= pass.lines_hold(body, frame, check);
                    };
                    // What failed was reported; of the rounds that are not there nothing can be said.
                    let _: Result<(), Reported> = self.rounds(each, frame, &mut run);
                }
                CheckH::If(cond, body) => {
                    if matches!(self.eval(cond, frame), Value::Bool(true)) {
                        holds &= self.lines_hold(body, frame, check);
                    }
                }
            }
        }
        holds
    }

    /// Reports a demand that does not hold, once there is evidence.
    fn report_check(&mut self, check: &CheckDef, at: Span, message: Option<&TypedExpr>, frame: &mut Frame) {
        let Some(evidence) = &mut self.evidence else { return };
        let (rounds, reads) = (std::mem::take(&mut evidence.rounds), evidence.reads.clone());
        let detail = message.map(|it| self.eval(it, frame));
        let detail = detail.as_ref().and_then(Value::as_str).map(|it| &**it);
        let diagnostic = errors::check(check, at, detail, &rounds, &reads);
        if !self.shows_site(&diagnostic) {
            let from = reads.into_iter().map(|read| read.leaf).collect();
            self.later.push((self.problems.len(), from));
        }
        self.report(diagnostic);
    }

    /// Says whether what is read is noted.
    pub(super) fn wants_evidence(&self) -> bool {
        self.evidence.is_some()
    }

    /// Says whether what is remembered of calls and guards must be evaluated again.
    pub(super) fn looks_deep(&self) -> bool {
        self.evidence.as_ref().is_some_and(|it| it.deep)
    }

    /// Evaluates what decides whether definitions count.
    pub(super) fn guarding(&mut self, run: impl FnOnce(&mut Self) -> Value) -> Value {
        self.evidence.iter_mut().for_each(|it| it.n_guards += 1);
        let value = run(self);
        self.evidence.iter_mut().for_each(|it| it.n_guards -= 1);
        value
    }

    /// Notes a leaf that was read.
    pub(super) fn note(&mut self, location: Location<'_>, value: &Value, src: Src) {
        if !self.wants_evidence() {
            return;
        }
        let path = self.location_path(location);
        let text = match value {
            Value::Bool(_) | Value::Int(_) | Value::Str(_) | Value::Ip(_) | Value::Cidr(_) => {
                format!("{path} is {}", format::plain(value))
            }
            // A default that cannot be told in a word tells nothing.
            _ if src.def == NO_DEF && !self.looks_deep() => return,
            _ => path,
        };
        let leaf = match location {
            Location::Field(id, field) => Doing::Field(id, field),
            Location::Entry(id, key) => Doing::Entry(id, key.clone()),
        };
        if let Some(evidence) = self.evidence.as_mut().filter(|it| !it.deep || it.reads.len() < NOTED) {
            let guarded = evidence.n_guards > 0;
            evidence.reads.push(Read { at: src.at, text, leaf, guarded });
        }
    }

    /// Notes the entry of a map that a round is about; all of them were read before the first round.
    pub(super) fn note_round(&mut self, map: &Value, key: &Value) {
        if let (true, Value::Node(id), Value::Str(key)) = (self.wants_evidence(), map, key) {
            self.entry(*id, key);
        }
    }

    /// How many leaves are noted.
    pub(super) fn n_noted(&self) -> usize {
        self.evidence.as_ref().map_or(0, |it| it.reads.len())
    }

    /// Forgets the leaves that were noted after the first `n`: they belong to another round.
    pub(super) fn forget(&mut self, n: usize) {
        if let Some(evidence) = self.evidence.as_mut().filter(|it| !it.deep) {
            evidence.reads.truncate(n);
        }
    }

    /// The leaves that were noted after the first `n`.
    pub(super) fn noted_since(&self, n: usize) -> Vec<Read> {
        let reads = self.evidence.as_ref().and_then(|it| it.reads.get(n..));
        reads.map(<[Read]>::to_vec).unwrap_or_default()
    }

    /// Keeps what proves a check wrong, with what its rounds read.
    pub(super) fn testify(&mut self, witnesses: Vec<Witness>, reads: &[Vec<Read>], at: Span) {
        let Some(evidence) = &mut self.evidence else { return };
        for Witness { text, rounds } in witnesses {
            let read = rounds.iter().filter_map(|it| reads.get(*it)).flatten();
            evidence.reads.extend(read.cloned());
            evidence.rounds.push((text, at));
        }
    }
}
