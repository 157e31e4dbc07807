//! Explains a leaf or a path that leads nowhere, by evaluating it again with tracing.

use super::engine::Engine;
use super::format::push_step;
use super::frame::Frame;
use super::memo::{Cursor, EnvId, Kind, NO_DEF, Slot, Src};
use super::pass::Pass;
use super::state::{Taken, Traced};
use super::why::{Below, Concerns, Line, NoPath, Nothing, Part, Read, Why};
use crate::data::{Data, DataKind, Origin};
use crate::live::{NodeId, Value};
use crate::merge::trie::TrieId;
use crate::rank::strength_name;
use crate::source::Span;
use crate::syntax::ast::Op;
use crate::types::hir::{DefId, Given, GroupId, TypedExpr};
use crate::types::ty::{RefinedType, TyId};
use std::sync::Arc;

impl Engine {
    /// Explains one leaf. `steps` are names of fields and keys from the root.
    ///
    /// # Errors
    /// When the path does not lead to a leaf.
    pub fn why(&self, steps: &[String]) -> Result<Why, NoPath> {
        // Nothing may be remembered from before: what is evaluated again is what can be traced.
        let mut pass = Pass::apart(self);
        let (at, ty, src) = pass.follow(steps).map_err(NoPath::Nothing)?;
        if matches!(at, Value::Node(_) | Value::Dict(_)) {
            let names = pass.names_below(&at, ty).iter().map(|n| n.to_string()).collect();
            let claims = self.claims(&mut pass, steps);
            let concerns = pass.concerns();
            return Err(NoPath::Below(Box::new(Below { path: written(steps), names, claims, concerns })));
        }
        let whole = self.program.types.unwrap(ty);
        if matches!(at, Value::None) && !self.leaf[whole.index()] {
            let (step, above) = steps.split_last().map_or((String::new(), steps), |(s, a)| (s.clone(), a));
            let claims = self.claims(&mut pass, steps);
            let (until, path, concerns) = (written(above), written(steps), pass.concerns());
            return Err(NoPath::Nothing(Box::new(Nothing {
                until,
                step,
                path,
                near: None,
                claims,
                concerns,
            })));
        }
        Ok(self.explain(&mut pass, steps, &at, ty, src))
    }

    fn explain(&self, pass: &mut Pass<'_>, steps: &[String], value: &Value, ty: TyId, src: Src) -> Why {
        let path = written(steps);
        let mut trace = pass.trace.take().unwrap_or_default();
        let shown = pass.written_value(value, ty);
        let narrow = if value.is_error() { None } else { self.narrow(steps, &shown) };
        let is_narrow = narrow.is_some();
        let reads = match narrow {
            Some(narrow) => {
                (trace.merged, trace.taken) = (narrow.merged, narrow.taken);
                narrow.reads
            }
            None => pass.read_tree(&trace.reads, &path),
        };
        let made = trace.grown.iter().rev().find(|(of, _)| *of == path).map(|(_, made)| made);
        let src = made.map_or(src, |made| made.base);
        let here = match src.def {
            NO_DEF => Line { at: src.at, strength: strength_name(crate::rank::DEFAULT) },
            def => self.line(def),
        };
        let mut losers: Vec<(u8, Line)> = Vec::new();
        let mut lose = |strength: u8, line: Line| {
            if !losers.iter().any(|(_, l)| l.at == line.at) {
                losers.push((strength, line));
            }
        };
        for def in self.claimants(pass, steps) {
            lose(self.program.defs[def.0 as usize].strength, self.line(def));
        }
        // A value that came whole was itself a leaf of the tree somewhere: its own winner and losers count.
        let (mut winner, mut through) = (here.clone(), None);
        for taken in trace.taken.iter().filter(|taken| taken.src.at == src.at && src.at != here.at) {
            for def in self.claimants(pass, &taken.steps) {
                let line = self.line(def);
                if line.at == src.at {
                    winner = line.clone();
                    through = Some(here.clone());
                }
                // What handed the value on from yet another place beat others and was not beaten.
                if def != taken.src.def {
                    lose(self.program.defs[def.0 as usize].strength, line);
                }
            }
        }
        for (won, lost) in &trace.merged {
            if *won == src.at {
                lose(0, Line { at: *lost, strength: "left of `&`" });
            }
        }
        let parts: Vec<Part> = made.map_or_else(Vec::new, |made| {
            let part = |(def, op, items): &(DefId, Op, Value)| Part {
                line: self.line(*def),
                takes: *op == Op::Remove,
                items: pass.written_value(items, ty),
            };
            made.parts.iter().map(part).collect()
        });
        losers.retain(|(_, l)| {
            l.at != winner.at && l.at != here.at && !parts.iter().any(|p| p.line.at == l.at)
        });
        losers.sort_by_key(|(strength, line)| (std::cmp::Reverse(*strength), line.at));
        let losers = losers.into_iter().map(|(_, l)| l).collect();
        pass.trace = Some(trace);
        let concerns = pass.concerns();
        let (value, written_at) = (shown, src.at);
        Why { path, value, written_at, winner, through, parts, losers, reads, is_narrow, concerns }
    }

    /// What gave a leaf, and nothing of what gave its neighbours: it is evaluated once more, and only what it reads. Nothing if that comes
    /// to another value.
    fn narrow(&self, steps: &[String], shown: &str) -> Option<Narrow> {
        let mut pass = Pass::lazy(self);
        let (value, ty, src) = pass.follow(steps).ok()?;
        let value = pass.forced(value);
        let trace = pass.trace.take()?;
        let is_same = !value.is_error() && pass.written_value(&value, ty) == shown;
        let reads = pass.read_tree(&trace.reads, &written(steps));
        let merged = pass.beaten_by(src.at).into_iter().map(|lost| (src.at, lost)).collect();
        is_same.then_some(Narrow { reads, merged, taken: trace.taken })
    }

    pub(super) fn line(&self, def: DefId) -> Line {
        let def = &self.program.defs[def.0 as usize];
        Line { at: def.at, strength: strength_name(def.strength) }
    }

    /// Every definition that gives this path, itself or by a value at a place above, whose guards hold.
    pub(super) fn claimants(&self, pass: &mut Pass<'_>, steps: &[String]) -> Vec<DefId> {
        let mut out = Vec::new();
        // Places of the index and the instances that lead to them.
        let mut places = vec![(TrieId(0), GroupId(0), EnvId(0))];
        for (i, step) in steps.iter().enumerate() {
            let key: Arc<str> = step.as_str().into();
            let mut next = Vec::new();
            for (trie, group, env) in places {
                let node = self.trie.node(trie);
                if let Some(below) = node.names.get(&key) {
                    next.push((*below, group, env));
                }
                for star in &node.stars {
                    let cursor = Cursor { trie, group, env, star: Some(*star), rule: 0 };
                    let mut found = Vec::new();
                    pass.instances(cursor, &key, &mut found);
                    next.extend(found.into_iter().map(|(g, e)| (self.trie.star(*star).target, g, e)));
                }
            }
            for (trie, group, env) in &next {
                for id in &self.trie.node(*trie).ends {
                    let def = &self.program.defs[id.0 as usize];
                    let mut found = Vec::new();
                    pass.extend(*group, *env, def.group, &mut found);
                    let whole = matches!(def.given, Given::Value(_));
                    let last = i + 1 == steps.len();
                    let gives = last || (whole && self.gives(pass, &def.given, &found, &steps[i + 1..]));
                    if !found.is_empty() && gives {
                        out.push(*id);
                    }
                }
            }
            places = next;
        }
        out
    }

    /// Whether a value given whole has something at the rest of the path.
    fn gives(&self, pass: &mut Pass<'_>, given: &Given, envs: &[EnvId], rest: &[String]) -> bool {
        let (Given::Value(ex), Some(env)) = (given, envs.first()) else { return false };
        let mut value = pass.eval(ex, &mut Frame::of(pass.env(*env)));
        for step in rest {
            value = match &value {
                Value::Dict(dict) => match dict.get(step) {
                    Some(entry) => entry.value.clone(),
                    None => return false,
                },
                Value::Node(id) => match pass.written(*id, &step.as_str().into()) {
                    Some((value, _)) => value,
                    None => return false,
                },
                _ => return false,
            };
        }
        true
    }
}

/// What is known of a leaf that was evaluated alone.
struct Narrow {
    reads: Vec<Read>,
    merged: Vec<(Span, Span)>,
    taken: Vec<Taken>,
}

/// A path as it is written.
fn written(steps: &[String]) -> String {
    let mut path = String::new();
    steps.iter().for_each(|s| push_step(&mut path, s));
    path
}

impl Pass<'_> {
    /// The steps from the root to an entry.
    pub fn steps(&self, id: NodeId, key: &str) -> Vec<String> {
        let mut steps = vec![key.to_string()];
        let mut at = id;
        while self.node(at).parent != at {
            steps.push(self.node(at).key.to_string());
            at = self.node(at).parent;
        }
        steps.reverse();
        steps
    }

    /// Notes a leaf that becomes part of a value elsewhere, if this pass is traced.
    pub(super) fn note_taken(&mut self, id: NodeId, key: &Arc<str>) {
        if self.trace.is_none() {
            return;
        }
        let slot = match &self.node(id).kind {
            Kind::Record(rec, ..) => match self.eng.program.types.record(*rec).find(key) {
                Some(field) => self.field_slot(id, field),
                None => return,
            },
            _ => self.entry_slot(id, key),
        };
        let src = match slot {
            Slot::Value(value, src) if !value.has_parts() => *src,
            _ => return,
        };
        let steps = self.steps(id, key);
        if let Some(trace) = &mut self.trace {
            trace.taken.push(Taken { src, steps });
        }
    }

    /// One step down, remembering where the value comes from.
    fn step_to(&mut self, at: &Value, ty: TyId, key: &Arc<str>, src: &mut Src) -> Option<(Value, TyId)> {
        use crate::types::ty::Ty;
        let types = &self.eng.program.types;
        match (at, types.get(types.unwrap(ty)).clone()) {
            (Value::Node(id), Ty::Record(rec)) => {
                let field = types.record(rec).find(key)?;
                let value = self.field(*id, field);
                if let Slot::Value(_, found) = self.field_slot(self.canon(*id), field) {
                    *src = *found;
                }
                Some((value, types.record(rec).fields[field as usize].place.ty))
            }
            (Value::Node(id), other) => {
                if !self.keys(*id).has(key) {
                    return None;
                }
                let value = self.entry(*id, key);
                if let Slot::Value(_, found) = self.entry_slot(self.canon(*id), key) {
                    *src = *found;
                }
                let below = match other {
                    Ty::Map(_, item) => item,
                    _ => TyId::TREE,
                };
                Some((value, below))
            }
            (Value::Dict(dict), Ty::Record(rec)) => {
                let field = types.record(rec).find(key)?;
                let def = &types.record(rec).fields[field as usize];
                match dict.get(key) {
                    Some(entry) => src.at = entry.at,
                    None => *src = Src { def: NO_DEF, at: def.at },
                }
                Some((self.field_of(at, rec, field, src.at), def.place.ty))
            }
            (Value::Dict(dict), other) => {
                let entry = dict.get(key)?;
                src.at = entry.at;
                let below = match other {
                    Ty::Map(_, item) => item,
                    _ => TyId::TREE,
                };
                Some((entry.value.clone(), below))
            }
            _ => None,
        }
    }

    /// One step down in what a thunk gives, also where that is another place of the tree.
    fn step_within(&mut self, at: &Value, ty: TyId, key: &Arc<str>, src: &mut Src) -> Option<(Value, TyId)> {
        use crate::types::ty::Ty;
        let types = &self.eng.program.types;
        let ty = types.get(types.unwrap(ty)).clone();
        let found = self.part_at(at, key);
        if let Ty::Record(rec) = ty {
            let field = types.record(rec).find(key)?;
            let def = &types.record(rec).fields[field as usize];
            let Some((value, written_at)) = found else {
                *src = Src { def: NO_DEF, at: def.at };
                return Some((self.field_of(at, rec, field, def.at), def.place.ty));
            };
            src.at = written_at;
            return Some((self.head(value), def.place.ty));
        }
        let (value, written_at) = found?;
        src.at = written_at;
        let below = match ty {
            Ty::Map(_, item) => item,
            _ => TyId::TREE,
        };
        Some((self.head(value), below))
    }

    /// The names of what is below a value.
    fn names_below(&mut self, at: &Value, ty: TyId) -> Vec<Arc<str>> {
        use crate::types::ty::Ty;
        let types = &self.eng.program.types;
        match (at, types.get(types.unwrap(ty))) {
            (_, Ty::Record(rec)) => types.record(*rec).fields.iter().map(|f| f.name.clone()).collect(),
            (Value::Node(id), _) if matches!(self.node(*id).kind, Kind::Map(..) | Kind::Tree(..)) => {
                self.keys(*id).present.clone()
            }
            (Value::Dict(dict), _) => dict.entries.iter().map(|e| e.key.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Goes along a path from the root. What was read before the last step is not remembered.
    fn follow(&mut self, steps: &[String]) -> Result<(Value, TyId, Src), Box<Nothing>> {
        let mut at = Value::Node(NodeId(0));
        let mut at_ty = self.eng.root_ty;
        let mut src = Src { def: NO_DEF, at: Span::default() };
        let mut is_within = false;
        for (i, step) in steps.iter().enumerate() {
            let key: Arc<str> = step.as_str().into();
            is_within |= matches!(at, Value::Thunk(_));
            let next = if is_within {
                self.step_within(&at, at_ty, &key, &mut src)
            } else {
                if let (Value::Node(_), Some(trace)) = (&at, &mut self.trace) {
                    trace.reads.clear();
                }
                self.step_to(&at, at_ty, &key, &mut src)
            };
            let Some((value, ty)) = next else {
                let names = self.names_below(&at, at_ty);
                let near = crate::diag::nearest(step, names.iter().map(|n| &**n)).map(str::to_string);
                let claims = self.eng.claims(self, &steps[..=i]);
                return Err(Box::new(Nothing {
                    until: written(&steps[..i]),
                    step: step.clone(),
                    path: written(&steps[..=i]),
                    near,
                    claims,
                    concerns: self.concerns(),
                }));
            };
            (at, at_ty) = (value, ty);
        }
        Ok((at, at_ty, src))
    }

    /// Evaluates a path and all below it.
    pub fn data_at(&mut self, steps: &[String]) -> Result<Data, NoPath> {
        let around = match steps.split_last() {
            Some((_, above)) => match self.follow(above).map_err(NoPath::Nothing)? {
                (Value::Node(id), ..) => id,
                _ => NodeId(0),
            },
            None => NodeId(0),
        };
        let (at, ty, src) = self.follow(steps).map_err(NoPath::Nothing)?;
        let origin = Origin { at: src.at, through: None };
        Ok(self.force_value(&at, &RefinedType::plain(ty), origin, Some(around)))
    }

    /// Evaluates an expression and all below its value.
    pub fn data_of(&mut self, ex: &TypedExpr, ty: TyId) -> Data {
        let value = self.eval(ex, &mut Frame::of(Arc::from([])));
        self.force_value(&value, &RefinedType::plain(ty), Origin { at: ex.at, through: None }, None)
    }

    /// Takes what this pass found to be wrong, and what it evaluated while it was traced.
    pub(crate) fn concerns(&mut self) -> Concerns {
        let involved = self.trace.take().map(|it| it.involved).unwrap_or_default();
        Concerns { problems: std::mem::take(&mut self.problems), involved }
    }

    /// A value as it is written in the language.
    fn written_value(&mut self, value: &Value, ty: TyId) -> String {
        // Its conditions were tried where it landed.
        let before = std::mem::take(&mut self.problems);
        let origin = Origin { at: Span::default(), through: None };
        let data = self.force_value(value, &RefinedType::plain(ty), origin, None);
        self.problems = before;
        match &data.kind {
            DataKind::Template(call) => format!("template({:?}, …)", call.name),
            _ => super::show::text(&data),
        }
    }

    /// What was read for a leaf, as a tree: nearest first, each with what was read for it.
    fn read_tree(&mut self, reads: &[Traced], path: &str) -> Vec<Read> {
        let mut rest = reads.iter().peekable();
        let mut out = Vec::new();
        // The leaf itself was read first, and with it what it lies in.
        while let Some(next) = rest.peek() {
            let depth = next.depth;
            self.reads_below(&mut rest, depth, path, &mut out);
        }
        out
    }

    fn reads_below<'t>(
        &mut self,
        rest: &mut std::iter::Peekable<std::slice::Iter<'t, Traced>>,
        depth: usize,
        path: &str,
        out: &mut Vec<Read>,
    ) {
        while let Some(next) = rest.next_if(|it| it.depth >= depth) {
            let mut below = Vec::new();
            if let Some(deeper) = rest.peek().map(|it| it.depth).filter(|it| *it > next.depth) {
                self.reads_below(rest, deeper, path, &mut below);
            }
            let leaf = self.read_value(next);
            match leaf {
                // What a leaf lies in is no reason of its own; what was read on the way to it is.
                None => below.into_iter().for_each(|it| add_read(out, it)),
                Some(_) if is_around(&next.path, path) => below.into_iter().for_each(|it| add_read(out, it)),
                Some(value) => add_read(out, Read { path: next.path.clone(), value, reads: below }),
            }
        }
    }

    /// The value of a leaf that was read, if it is short; nothing if it is no leaf.
    fn read_value(&mut self, read: &Traced) -> Option<Option<String>> {
        let types = &self.eng.program.types;
        let (slot, ty) = match &self.node(read.node).kind {
            Kind::Record(rec, ..) => {
                let field = types.record(*rec).find(&read.key)?;
                let ty = types.record(*rec).fields[field as usize].place.ty;
                (self.field_slot(read.node, field), ty)
            }
            Kind::Map(value, ..) => (self.entry_slot(read.node, &read.key), *value),
            Kind::Tree(..) => (self.entry_slot(read.node, &read.key), TyId::TREE),
        };
        let Slot::Value(value, _) = slot.clone() else { return None };
        if value.has_parts() {
            return Some(None);
        }
        let text = self.written_value(&value, ty);
        Some((text.chars().count() <= 40).then_some(text))
    }
}

/// Whether a path is another one or leads to what it lies in.
fn is_around(around: &str, path: &str) -> bool {
    path.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Adds a leaf to what was read, unless it is there.
fn add_read(out: &mut Vec<Read>, read: Read) {
    match out.iter_mut().find(|it| it.path == read.path) {
        Some(known) => read.reads.into_iter().for_each(|it| add_read(&mut known.reads, it)),
        None => out.push(read),
    }
}
