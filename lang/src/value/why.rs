//! Who set a leaf, who lost, what it read: found by evaluating that one leaf again, with tracing.

use super::engine::Engine;
use super::memo::{Kind, NO_DEF, Slot, Src};
use super::pass::Pass;
use crate::live::{NodeId, Value};
use crate::merge::trie::TrieId;
use crate::rank::strength_name;
use crate::source::Span;
use crate::types::hir::{DefId, Given};
use crate::types::ty::TyId;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What tracing collects.
#[derive(Debug, Default)]
pub struct Trace {
    /// Paths of leaves that were read.
    pub reads: BTreeSet<String>,
    /// Inside `&`: what won and what lost.
    pub merged: Vec<(Span, Span)>,
    /// Leaves of the tree that became part of a value: where they were written, and their paths.
    pub settled: Vec<(Span, Vec<String>)>,
}

/// A definition of a leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Where it stands.
    pub at: Span,
    /// Its strength in words.
    pub strength: &'static str,
}

/// Why a leaf has its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Why {
    /// The path as it is written.
    pub path: String,
    /// The value in plain text.
    pub value: String,
    /// Where the value was written.
    pub written_at: Span,
    /// The winning definition; the default of the type when `strength` is "default".
    pub winner: Line,
    /// The definition that brought the value here whole, where the winner stands at another path.
    pub through: Option<Line>,
    /// The others, strongest first.
    pub losers: Vec<Line>,
    /// The leaves that were read for it.
    pub reads: Vec<String>,
}

/// Why a path could not be followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoPath {
    /// There is nothing of this name here; the nearest name.
    Nothing {
        /// How far the path goes.
        until: String,
        /// The step that is not there.
        step: String,
        /// A name that is near.
        near: Option<String>,
    },
    /// It is no leaf: these are below.
    Below(Vec<String>),
}

impl Engine {
    /// Explains one leaf. `steps` are names of fields and keys from the root.
    ///
    /// # Errors
    /// When the path does not lead to a leaf.
    pub fn why(&self, steps: &[String]) -> Result<Why, NoPath> {
        // Nothing may be remembered from before: what is evaluated again is what can be traced.
        let mut pass = Pass::new(self, None);
        let mut at = Value::Node(NodeId(0));
        let mut at_ty = self.root_ty;
        let mut src = Src { def: NO_DEF, at: Span::default() };
        pass.trace = Some(Trace::default());
        for (i, step) in steps.iter().enumerate() {
            let key: Arc<str> = step.as_str().into();
            if let (Value::Node(_), Some(trace)) = (&at, &mut pass.trace) {
                trace.reads.clear();
            }
            let next = pass.step_to(&at, at_ty, &key, &mut src);
            let Some((value, ty)) = next else {
                let until = steps[..i].join(".");
                let names = pass.names_below(&at, at_ty);
                let near = crate::diag::nearest(step, names.iter().map(|n| &**n)).map(str::to_string);
                return Err(NoPath::Nothing { until, step: step.clone(), near });
            };
            (at, at_ty) = (value, ty);
        }
        if matches!(at, Value::Node(_) | Value::Dict(_)) {
            return Err(NoPath::Below(pass.names_below(&at, at_ty).iter().map(|n| n.to_string()).collect()));
        }
        Ok(self.explain(&mut pass, steps, &at, at_ty, src))
    }

    fn explain(&self, pass: &mut Pass<'_>, steps: &[String], value: &Value, ty: TyId, src: Src) -> Why {
        let path = written(steps);
        let here = match src.def {
            NO_DEF => Line { at: src.at, strength: strength_name(crate::rank::DEFAULT) },
            def => self.line(def),
        };
        let trace = pass.trace.take().unwrap_or_default();
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
        for (_, elsewhere) in trace.settled.iter().filter(|(at, _)| *at == src.at && src.at != here.at) {
            for def in self.claimants(pass, elsewhere) {
                let line = self.line(def);
                if line.at == src.at {
                    winner = line.clone();
                    through = Some(here.clone());
                }
                lose(self.program.defs[def.0 as usize].strength, line);
            }
        }
        for (won, lost) in &trace.merged {
            if *won == src.at {
                lose(0, Line { at: *lost, strength: "left of `&`" });
            }
        }
        losers.retain(|(_, l)| l.at != winner.at && l.at != here.at);
        losers.sort_by_key(|(strength, line)| (std::cmp::Reverse(*strength), line.at));
        let reads =
            trace.reads.into_iter().filter(|r| *r != path && !path.starts_with(&format!("{r}."))).collect();
        let value = pass.shown(value, ty);
        let losers = losers.into_iter().map(|(_, l)| l).collect();
        Why { path, value, written_at: src.at, winner, through, losers, reads }
    }

    fn line(&self, def: DefId) -> Line {
        let def = &self.program.defs[def.0 as usize];
        Line { at: def.at, strength: strength_name(def.strength) }
    }

    /// Every definition that gives this path, itself or by a value at a place above, whose guards hold.
    pub(super) fn claimants(&self, pass: &mut Pass<'_>, steps: &[String]) -> Vec<DefId> {
        let mut out = Vec::new();
        // Places of the index and the instances that lead to them.
        let mut places = vec![(TrieId(0), crate::types::hir::GroupId(0), super::memo::EnvId(0))];
        for (i, step) in steps.iter().enumerate() {
            let key: Arc<str> = step.as_str().into();
            let mut next = Vec::new();
            for (trie, group, env) in places {
                let node = self.trie.node(trie);
                if let Some(below) = node.names.get(&key) {
                    next.push((*below, group, env));
                }
                for star in &node.stars {
                    let cur = super::memo::Cur { trie, group, env, star: Some(*star), rule: 0 };
                    let mut found = Vec::new();
                    pass.instances(cur, &key, &mut found);
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
    fn gives(
        &self,
        pass: &mut Pass<'_>,
        given: &Given,
        envs: &[super::memo::EnvId],
        rest: &[String],
    ) -> bool {
        let (Given::Value(ex), Some(env)) = (given, envs.first()) else { return false };
        let mut value = pass.eval(ex, &mut super::eval::Frame::of(pass.env(*env)));
        for step in rest {
            value = match &value {
                Value::Dict(dict) => match dict.get(step) {
                    Some(entry) => entry.value.clone(),
                    None => return false,
                },
                Value::Node(id) => match pass.written(*id, &step.as_str().into()) {
                    Some(value) => value,
                    None => return false,
                },
                _ => return false,
            };
        }
        true
    }
}

/// A path as it is written.
fn written(steps: &[String]) -> String {
    let mut path = String::new();
    steps.iter().for_each(|s| super::pass::push_step(&mut path, s));
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

    /// One step down, remembering where the value comes from.
    fn step_to(&mut self, at: &Value, ty: TyId, key: &Arc<str>, src: &mut Src) -> Option<(Value, TyId)> {
        use crate::types::ty::Ty;
        let types = &self.eng.program.types;
        match (at, types.get(types.unwrap(ty)).clone()) {
            (Value::Node(id), Ty::Record(rec)) => {
                let field = types.record(rec).find(key)?;
                let value = self.field(*id, field);
                if let Slot::Value(_, found) = self.field_slot(self.canon(*id), field) {
                    *src = found;
                }
                Some((value, types.record(rec).fields[field as usize].place.ty))
            }
            (Value::Node(id), other) => {
                if !self.keys(*id).has(key) {
                    return None;
                }
                let value = self.entry(*id, key);
                if let Slot::Value(_, found) = self.entry_slot(self.canon(*id), key) {
                    *src = found;
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

    /// Evaluates a path and all below it.
    pub fn data_at(&mut self, steps: &[String]) -> Result<crate::data::Data, NoPath> {
        let mut at = Value::Node(NodeId(0));
        let mut at_ty = self.eng.root_ty;
        let mut around = NodeId(0);
        let mut src = Src { def: NO_DEF, at: Span::default() };
        for (i, step) in steps.iter().enumerate() {
            if let Value::Node(id) = &at {
                around = *id;
            }
            let key: Arc<str> = step.as_str().into();
            let Some((value, ty)) = self.step_to(&at, at_ty, &key, &mut src) else {
                let names = self.names_below(&at, at_ty);
                let near = crate::diag::nearest(step, names.iter().map(|n| &**n)).map(str::to_string);
                return Err(NoPath::Nothing { until: steps[..i].join("."), step: step.clone(), near });
            };
            (at, at_ty) = (value, ty);
        }
        let origin = crate::data::Origin { at: src.at, through: None };
        let place = crate::types::ty::Place::plain(at_ty);
        Ok(self.force_value(&at, &place, origin, Some(around)))
    }
}
