//! What was going on when something is reported: in which part or leaf, through which calls, and which lines of the site had been
//! read. Decides nothing about values.

use super::errors;
use super::frame::Frame;
use super::memo::{Keys, Kind};
use super::pass::Pass;
use super::state::{Calling, Doing, Evidence, Open, Read};
use crate::diag::{Code, Diagnostic, Label};
use crate::live::{NodeId, Value};
use crate::source::{Layer, Span};
use crate::types::hir::{GroupId, GroupKind};
use crate::types::ty::Ty;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many reports of one call are kept for those who call it in the same way.
const KEPT: usize = 8;
/// How many leaves are evaluated again for one report, and for all reports of a pass.
const REPEATED: usize = 64;
const REPEATED_IN_ALL: usize = 100_000;
/// A leaf that takes so many steps counts as two, and so on.
const STEPS_OF_ONE: u64 = 256;
/// How many lines of the site a report shows that it did not name itself.
const SITE_LINES: usize = 3;

impl Pass<'_> {
    /// Completes a report: where it was seen, and through which calls.
    pub(super) fn in_context(&mut self, mut diagnostic: Diagnostic) -> Diagnostic {
        match (self.part_of_open(), &self.part) {
            (Some(part), _) => diagnostic.parts = vec![part.to_string()],
            (None, Some(part)) if self.open.is_empty() => diagnostic.parts = vec![part.to_string()],
            _ => diagnostic.leaves = self.open_leaf().into_iter().collect(),
        }
        let n_open = self.n_open();
        let chain = self.calling.iter_mut().rev().take_while(|call| call.n_open == n_open);
        let mut callers = diagnostic.callers.pop().unwrap_or_default();
        for call in chain {
            if call.made.len() < KEPT
                && !call.made.iter().any(|it| it.at == diagnostic.at && it.code == diagnostic.code)
            {
                call.made.push(Diagnostic { callers: vec![callers.clone()], ..diagnostic.clone() });
            }
            callers.push(call.at);
        }
        diagnostic.callers = if callers.is_empty() { Vec::new() } else { vec![callers] };
        let layer = if self.shows_site(&diagnostic) { Layer::Site } else { Layer::Library };
        diagnostic.cause.iter_mut().for_each(|cause| cause.told_by = layer);
        diagnostic
    }

    /// Runs the body of a call; if it fails, what it reported is remembered for those who call it in the same way.
    pub(super) fn calling(
        &mut self,
        key: Option<&(u32, Arc<[u8]>)>,
        at: Span,
        run: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        self.calling.push(Calling { at, n_open: self.n_open(), made: Vec::new() });
        let value = run(self);
        let made = self.calling.pop().map(|call| call.made).unwrap_or_default();
        if let (Some(key), false) = (key, made.is_empty()) {
            self.memo.failed_calls.insert(key.clone(), made.into());
        }
        value
    }

    /// Tells again what a remembered call reported: it is called from another place.
    pub(super) fn called_again(&mut self, key: &(u32, Arc<[u8]>), at: Span) {
        let base = self.base.and_then(|base| base.failed_calls.get(key));
        let Some(made) = self.memo.failed_calls.get(key).or(base).cloned() else { return };
        for diagnostic in made.iter().cloned() {
            let mut diagnostic = diagnostic;
            if let Some(chain) = diagnostic.callers.last_mut() {
                chain.push(at);
            }
            self.report(diagnostic);
        }
    }

    /// The part that what is being evaluated belongs to.
    fn part_of_open(&self) -> Option<Arc<str>> {
        let map = self.partition?;
        self.open.iter().rev().find_map(|open| match open {
            Open::Entry(node, i) if *node == map => Some(self.open_names.get(*i as usize).cloned()),
            Open::Field(node, _) | Open::Entry(node, _) | Open::Keys(node) | Open::Wholes(node) => {
                Some(self.part_of(*node, map))
            }
            _ => None,
        })?
    }

    fn part_of(&self, mut id: NodeId, map: NodeId) -> Option<Arc<str>> {
        loop {
            let node = self.node(id);
            if node.parent == id {
                return None;
            }
            if node.parent == map {
                return Some(node.key.clone());
            }
            id = node.parent;
        }
    }

    /// How much is open that is evaluated once, whoever reads it.
    fn n_open(&self) -> usize {
        self.open.len() - self.n_open_defaults
    }

    fn innermost(&self) -> Option<&Open> {
        self.open.iter().rev().find(|open| !matches!(open, Open::Default(..)))
    }

    fn open_leaf(&self) -> Option<String> {
        match *self.innermost()? {
            Open::Field(node, field) => Some(self.field_path(node, field)),
            Open::Entry(node, i) => Some(self.entry_path(node, self.open_names.get(i as usize)?)),
            Open::Keys(node) | Open::Wholes(node) => Some(self.path(node)),
            _ => None,
        }
    }

    /// The report of a key that a map of the tree does not have. Who reads it in the library expects the site to add it.
    pub(super) fn absent(&self, at: Span, map: NodeId, key: &str, keys: &Keys) -> Diagnostic {
        // Whoever fills the map may have forgotten this one.
        let is_filled_by_site = keys.present.iter().all(|known| self.is_site(self.entry_at(map, known)));
        let to_add = (!self.is_site(at) && is_filled_by_site).then(|| self.definition_of(map, key));
        let names = keys.present.iter().map(|k| &**k);
        errors::absent_key(at, &self.path(map), key, names, to_add)
    }

    /// The same of a map that may be no node of the tree.
    pub(super) fn absent_in(&mut self, at: Span, map: &Value, path: &str, key: &str) -> Diagnostic {
        if let Value::Node(id) = map {
            let keys = self.keys(*id);
            return self.absent(at, *id, key, &keys);
        }
        let names = self.keys_of(map);
        errors::absent_key(at, path, key, names.iter().map(|k| &**k), None)
    }

    /// The definition that would add a key to a map, with the fields that it must give.
    fn definition_of(&self, map: NodeId, key: &str) -> String {
        let types = &self.eng.program.types;
        let path = self.entry_path(map, key);
        let Kind::Map(item, ..) = &self.node(map).kind else { return format!("define it: `{path} = …`") };
        let Ty::Record(rec) = types.get(types.unwrap(*item)) else {
            return format!("define it: `{path} = …`");
        };
        let fields = types.record(*rec).fields.iter();
        let wanted = fields.filter(|f| f.default.is_none() && !matches!(types.get(f.place.ty), Ty::Opt(_)));
        let wanted: Vec<String> = wanted.map(|f| format!("{} = …", f.name)).collect();
        let body = if wanted.is_empty() { "{}".to_string() } else { format!("{{ {} }}", wanted.join(", ")) };
        format!("define it: `{path} = {body}`")
    }

    /// What is being evaluated, if it can be evaluated again.
    fn doing(&self) -> Option<Doing> {
        Some(match *self.innermost()? {
            Open::Field(node, field) => Doing::Field(node, field),
            Open::Entry(node, i) => Doing::Entry(node, self.open_names.get(i as usize)?.clone()),
            Open::Keys(node) => Doing::Keys(node),
            Open::Wholes(node) => Doing::Wholes(node),
            Open::Guard(group, env) => Doing::Guard(group, env),
            Open::Loop(group, env) => Doing::Loop(group, env),
            Open::Global(id) => Doing::Global(id),
            Open::Star(..) | Open::Default(..) => return None,
        })
    }

    fn is_site(&self, at: Span) -> bool {
        let sources = &self.eng.program.sources;
        sources.file(at.file).layer == Layer::Site
    }

    pub(super) fn shows_site(&self, diagnostic: &Diagnostic) -> bool {
        let calls = diagnostic.callers.iter().flatten().copied();
        std::iter::once(diagnostic.at)
            .chain(diagnostic.labels.iter().map(|label| label.at))
            .chain(calls)
            .any(|at| self.is_site(at))
    }

    /// Remembers a report, the next one that is pushed, whose values were computed or that shows no line of the site.
    pub(super) fn look_for_site(&mut self, diagnostic: &Diagnostic) {
        let wants = diagnostic.code == Code::Where || !self.shows_site(diagnostic);
        if let (true, Some(doing)) = (wants, self.doing()) {
            self.later.push((self.problems.len(), vec![doing]));
        }
    }

    /// Adds to the reports of this pass the lines of the site that gave the values which were read for them. All that can be read was
    /// read before this is called.
    pub(super) fn add_site_lines(&mut self) {
        let mut n_left = REPEATED_IN_ALL;
        for (i, from) in std::mem::take(&mut self.later) {
            let (values, guards) = self.site_reads(from, &mut n_left);
            let Some(shows_site) = self.problems.iter().nth(i).map(|it| self.shows_site(it)) else {
                continue;
            };
            let guards = if shows_site || !values.is_empty() { Vec::new() } else { guards };
            let lines = values.into_iter().chain(guards).take(SITE_LINES);
            self.problems.amend(i, |report| {
                for Read { at, text, .. } in lines {
                    if report.at != at && !report.labels.iter().any(|label| label.at == at) {
                        report.labels.push(Label { at, text });
                    }
                }
            });
        }
    }

    /// The values of the site that were read, nearest first: those that became part of the value, and those that guards read.
    fn site_reads(&mut self, from: Vec<Doing>, n_left: &mut usize) -> (Vec<Read>, Vec<Read>) {
        let (mut values, mut guards): (Vec<Read>, Vec<Read>) = Default::default();
        let mut seen = from.clone();
        let mut todo: VecDeque<_> = from.into_iter().map(|doing| (doing, false)).collect();
        for _ in 0..REPEATED {
            let Some((next, guarded)) = todo.pop_front().filter(|_| values.len() < SITE_LINES && *n_left > 0)
            else {
                break;
            };
            for mut read in self.reads_of(&next, n_left) {
                read.guarded |= guarded;
                if self.is_site(read.at) {
                    let out = if read.guarded { &mut guards } else { &mut values };
                    if !out.contains(&read) {
                        out.push(read);
                    }
                } else if !seen.contains(&read.leaf) {
                    seen.push(read.leaf.clone());
                    todo.push_back((read.leaf, read.guarded));
                }
            }
        }
        (values, guards)
    }

    /// Evaluates something once more and returns what it read. Nothing of that is reported or counted again.
    fn reads_of(&mut self, doing: &Doing, n_left: &mut usize) -> Vec<Read> {
        let evidence = self.evidence.replace(Evidence::deep());
        let (problems, later) = (std::mem::take(&mut self.problems), std::mem::take(&mut self.later));
        let (calls, guards) = (std::mem::take(&mut self.memo.calls), std::mem::take(&mut self.memo.guards));
        let budget = self.budget;
        self.do_again(doing);
        // It was counted when it was evaluated for the first time; what is done again has a bound of its own.
        let n_steps = self.budget.since(budget.spent()).steps;
        *n_left = n_left.saturating_sub(1 + usize::try_from(n_steps / STEPS_OF_ONE).unwrap_or(usize::MAX));
        self.budget = budget;
        (self.memo.calls, self.memo.guards) = (calls, guards);
        (self.problems, self.later) = (problems, later);
        std::mem::replace(&mut self.evidence, evidence).map(Evidence::into_reads).unwrap_or_default()
    }

    fn do_again(&mut self, doing: &Doing) {
        let program = &self.eng.program;
        let group = |id: &GroupId| &program.groups[id.0 as usize].kind;
        match doing {
            Doing::Field(id, field) => self.field_again(*id, *field),
            Doing::Entry(id, key) => drop(self.find_entry(*id, key)),
            Doing::Keys(id) => drop(self.find_keys(*id)),
            Doing::Wholes(id) => drop(self.find_wholes(*id)),
            Doing::Guard(id, env) => {
                if let GroupKind::Guard(cond, _) = group(id) {
                    self.eval(cond, &mut Frame::of(self.env(*env)));
                }
            }
            Doing::Loop(id, env) => {
                if let GroupKind::Loop(bind) = group(id) {
                    self.eval(&bind.source, &mut Frame::of(self.env(*env)));
                }
            }
            Doing::Global(id) => {
                self.eval(&program.globals[*id as usize], &mut Frame::of(Arc::from([])));
            }
        }
    }
}
