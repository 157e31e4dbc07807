//! One leaf: which definition wins, and its value at its place.

use super::errors;
use super::eval::Frame;
use super::memo::*;
use super::pass::Pass;
use super::slot::Spot;
use crate::live::{NodeId, Value, to_set};
use crate::rank::{self, Rank};
use crate::source::{FileId, Span};
use crate::syntax::ast::Op;
use crate::types::hir::{DefId, Ek, Ex, Given};
use crate::types::ty::{Place, Ty, TyId};
use std::cmp::Ordering;
use std::sync::Arc;

/// A definition that may give a leaf: itself in an environment, or the part of a value given whole.
#[derive(Clone, Debug)]
pub enum Cand {
    /// A definition ending here.
    Def(DefId, EnvId),
    /// A part of a value.
    Whole(Whole),
}

impl Pass<'_> {
    /// The value on which equally strong definitions agree, or a report that they do not.
    pub(super) fn agree(&mut self, spot: Spot<'_>, tops: Vec<(Rank, Src, Value)>) -> (Value, Src) {
        let (_, src, first) = tops[0].clone();
        for (_, _, other) in &tops[1..] {
            if first.is_error() || other.is_error() {
                return (Value::Error, src);
            }
            if first.order(other) != Ordering::Equal {
                let path = self.spot_path(spot);
                let places: Vec<(Span, u8)> =
                    tops.iter().map(|(rank, src, _)| (src.at, rank.strength)).collect();
                self.report(errors::conflict(&path, &places));
                return (Value::Error, src);
            }
        }
        (first, src)
    }

    /// A leaf.
    pub(super) fn leaf(
        &mut self,
        spot: Spot<'_>,
        place: &Place,
        ends: &[(Cur, DefId)],
        wholes: &[Whole],
        adds: bool,
        default: Option<&Arc<Ex>>,
    ) -> (Value, Src) {
        if adds {
            return self.added(spot, place, ends, wholes, default);
        }
        let program = &self.eng.program;
        let cuts_empty = self.node(spot.node()).cuts.is_empty();
        let mut i = 0;
        let mut strength = rank::FORCE + 1;
        loop {
            // The next class of equal strength, among definitions and parts of whole values.
            let next_end = ends.get(i).map(|(_, d)| program.defs[d.0 as usize].strength);
            let next_whole = wholes.iter().map(|w| w.rank.strength).filter(|s| *s < strength).max();
            let Some(class) = next_end.max(next_whole) else { break };
            strength = class;
            let mut cands: Vec<Cand> = Vec::new();
            while let Some((cur, def)) = ends.get(i) {
                if program.defs[def.0 as usize].strength != class {
                    break;
                }
                i += 1;
                if cur.star.is_none() && cur.group == program.defs[def.0 as usize].group {
                    cands.push(Cand::Def(*def, cur.env));
                    continue;
                }
                let key = self.leaf_key(spot, *cur, *def);
                let mut instances = Vec::new();
                self.instances(*cur, &key, &mut instances);
                let to = program.defs[def.0 as usize].group;
                let mut envs = Vec::new();
                for (group, env) in instances {
                    self.extend(group, env, to, &mut envs);
                }
                cands.extend(envs.into_iter().map(|env| Cand::Def(*def, env)));
            }
            cands.extend(wholes.iter().filter(|w| w.rank.strength == class).cloned().map(Cand::Whole));
            if !cuts_empty {
                let cuts = self.node(spot.node()).cuts.clone();
                cands.retain(|c| !cuts.iter().any(|cut| cut.beats(self.cand_rank(c), &program.uses)));
            }
            if cands.is_empty() {
                continue;
            }
            if let [only] = cands.as_slice() {
                let only = only.clone();
                self.note_losers(&only, &ends[i..]);
                return self.landed(spot, place, &only);
            }
            let uses = &program.uses;
            let ranks: Vec<Rank> = cands.iter().map(|c| self.cand_rank(c)).collect();
            let tops: Vec<Cand> = cands
                .iter()
                .zip(&ranks)
                .filter(|(_, rank)| !ranks.iter().any(|other| other.beats(**rank, uses)))
                .map(|(c, _)| c.clone())
                .collect();
            let values: Vec<(Rank, Src, Value)> = tops
                .iter()
                .map(|c| {
                    let (value, src) = self.landed(spot, place, c);
                    (self.cand_rank(c), src, self.settled_for_compare(value, place.ty))
                })
                .collect();
            self.note_losers(&tops[0], &ends[i..]);
            return self.agree(spot, values);
        }
        self.default_leaf(spot, place, default)
    }

    /// Which key a cursor's open step is matched with: the record's own, or the entry's.
    pub(super) fn leaf_key(&self, spot: Spot<'_>, cur: Cur, def: DefId) -> Arc<str> {
        match spot {
            Spot::Field(node, _) => self.node(node).key.clone(),
            Spot::Entry(node, key) => {
                let own = cur
                    .star
                    .is_some_and(|s| self.eng.trie.node(self.eng.trie.star(s).target).ends.contains(&def));
                if own { key.clone() } else { self.node(node).key.clone() }
            }
        }
    }

    pub(super) fn cand_rank(&self, cand: &Cand) -> Rank {
        match cand {
            Cand::Def(def, _) => self.rank(*def),
            Cand::Whole(whole) => whole.rank,
        }
    }

    /// Remembers which definitions of the winner's own file lost, for the warning about dead ones.
    pub(super) fn note_losers(&mut self, winner: &Cand, weaker: &[(Cur, DefId)]) {
        let Cand::Def(winner, _) = winner else { return };
        self.note_weaker(*winner, weaker.iter().map(|(_, d)| *d));
    }

    pub(super) fn note_weaker(&mut self, winner: DefId, weaker: impl Iterator<Item = DefId>) {
        self.win(winner);
        let defs = &self.eng.program.defs;
        let file = defs[winner.0 as usize].file;
        for def in weaker {
            if defs[def.0 as usize].file == file {
                self.memo.lost.entry(def).or_insert(winner);
            }
        }
    }

    /// The value of a candidate at its place, its conditions tried.
    pub(super) fn landed(&mut self, spot: Spot<'_>, place: &Place, cand: &Cand) -> (Value, Src) {
        match cand {
            Cand::Def(id, env) => {
                let def = &self.eng.program.defs[id.0 as usize];
                self.win(*id);
                let src = Src { def: *id, at: def.at };
                let value = match &def.given {
                    Given::Value(ex) => match &ex.kind {
                        Ek::Const(value) => value.clone(),
                        _ => {
                            let mut frame = Frame::at(self.env(*env), spot.node());
                            self.eval(ex, &mut frame)
                        }
                    },
                    Given::None => Value::None,
                    Given::Exists => Value::Error,
                };
                if def.known_good || place.refine.is_none() {
                    return (value, src);
                }
                (self.demand(spot, place, value, def.value_at, None), src)
            }
            Cand::Whole(whole) => {
                let value = whole.value.clone();
                let through =
                    (whole.src.def != NO_DEF).then(|| self.eng.program.defs[whole.src.def.0 as usize].at);
                self.win(whole.src.def);
                let value = self.demand(spot, place, value, whole.src.at, through);
                (value, whole.src)
            }
        }
    }

    pub(super) fn default_leaf(
        &mut self,
        spot: Spot<'_>,
        place: &Place,
        default: Option<&Arc<Ex>>,
    ) -> (Value, Src) {
        let Some(default) = default else {
            let at = self.first_at(spot.node());
            let src = Src { def: NO_DEF, at };
            match self.eng.program.types.get(place.ty) {
                Ty::Opt(_) => return (Value::None, src),
                // Its declaration could not be read, which was reported.
                Ty::Error => return (Value::Error, src),
                _ => {}
            }
            let path = self.spot_path(spot);
            let (declared_at, used_at) = match spot {
                Spot::Field(node, field) => {
                    let Kind::Record(rec, ..) = &self.node(node).kind else { return (Value::Error, src) };
                    let declared_at = self.eng.program.types.record(*rec).fields[field as usize].at;
                    // An option is missing as a whole: no definition around it says more than its declaration.
                    (declared_at, if node == NodeId(0) { declared_at } else { self.first_at(node) })
                }
                Spot::Entry(node, _) => (at, self.first_at(node)),
            };
            let broken = self.wholes(spot.node()).iter().any(|w| w.value.is_error());
            if !broken {
                self.report(errors::missing(&path, used_at, declared_at));
            }
            return (Value::Error, src);
        };
        let src = Src { def: NO_DEF, at: default.at };
        let value = match &default.kind {
            Ek::Const(value) => return (value.clone(), src),
            _ => {
                let mut frame = Frame::at(self.nothing.clone(), spot.node());
                frame.this = Some(Value::Node(spot.node()));
                self.eval(default, &mut frame)
            }
        };
        (self.demand(spot, place, value, default.at, None), src)
    }

    /// A list or set with `+=` and `-=`.
    pub(super) fn added(
        &mut self,
        spot: Spot<'_>,
        place: &Place,
        ends: &[(Cur, DefId)],
        wholes: &[Whole],
        default: Option<&Arc<Ex>>,
    ) -> (Value, Src) {
        let program = &self.eng.program;
        let is_add = |d: DefId| matches!(program.defs[d.0 as usize].op, Op::Add | Op::Remove);
        let base_ends: Vec<(Cur, DefId)> = ends.iter().filter(|(_, d)| !is_add(*d)).copied().collect();
        let (base, base_src) = self.leaf(spot, place, &base_ends, wholes, false, default);
        let base_rank = match base_src.def {
            NO_DEF => Rank { strength: rank::DEFAULT, file: FileId(0) },
            def => self.rank(def),
        };
        if base.is_error() {
            return (base, base_src);
        }
        let set = matches!(program.types.get(program.types.unwrap(place.ty)), Ty::Set(_));
        let mut live: Vec<(DefId, EnvId)> = Vec::new();
        for (cur, def) in ends.iter().filter(|(_, d)| is_add(*d)) {
            let key = self.leaf_key(spot, *cur, *def);
            let mut instances = Vec::new();
            self.instances(*cur, &key, &mut instances);
            let mut envs = Vec::new();
            for (group, env) in instances {
                self.extend(group, env, program.defs[def.0 as usize].group, &mut envs);
            }
            if base_rank.beats(self.rank(*def), &program.uses) {
                if !envs.is_empty() {
                    let (at, base_at) = (program.defs[def.0 as usize].at, base_src.at);
                    self.report(errors::dropped(at, base_at));
                }
                continue;
            }
            live.extend(envs.into_iter().map(|env| (*def, env)));
        }
        // Weakest first; among equals by module path and line.
        let sources = &program.sources;
        let order = |d: &DefId| {
            let def = &program.defs[d.0 as usize];
            (def.strength, sources.file(def.file).name.clone(), def.at.start)
        };
        live.sort_by(|(a, e), (b, f)| {
            let (x, y) = (self.rank(*a), self.rank(*b));
            if x.beats(y, &program.uses) {
                return Ordering::Greater;
            }
            if y.beats(x, &program.uses) {
                return Ordering::Less;
            }
            (order(a), e.0).cmp(&(order(b), f.0))
        });
        let mut items: Vec<Value> = base.items().map(|l| l.to_vec()).unwrap_or_default();
        let mut last = base_src;
        for wanted in [Op::Add, Op::Remove] {
            for (id, env) in live.iter().filter(|(d, _)| program.defs[d.0 as usize].op == wanted) {
                let def = &program.defs[id.0 as usize];
                let Given::Value(ex) = &def.given else { continue };
                let mut frame = Frame::at(self.env(*env), spot.node());
                let value = self.eval(ex, &mut frame);
                let value = self.demand(spot, place, value, def.value_at, None);
                let Value::List(more) = value else { return (Value::Error, base_src) };
                self.win(*id);
                last = Src { def: *id, at: def.at };
                match wanted {
                    Op::Add => items.extend(more.iter().cloned()),
                    _ => items.retain(|i| !more.iter().any(|m| m.order(i) == Ordering::Equal)),
                }
            }
        }
        let value = if set { to_set(items) } else { Value::List(items.into()) };
        (value, last)
    }

    /// Tries the conditions of a place on a value; a value that breaks one is an error.
    pub fn demand(
        &mut self,
        spot: Spot<'_>,
        place: &Place,
        value: Value,
        at: Span,
        through: Option<Span>,
    ) -> Value {
        let Some(refine) = &place.refine else { return value };
        if matches!(value, Value::Error | Value::None) {
            return value;
        }
        for cond in &refine.wheres {
            let ex = &self.eng.program.wheres[cond.0 as usize];
            match self.holds(*cond, &value) {
                true => {}
                false => {
                    let shown = self.shown(&value, place.ty);
                    let path = self.spot_path(spot);
                    return self.fail(errors::broken_where(at, &path, &shown, ex.at, through));
                }
            }
        }
        if let (Some(item), Value::List(items)) = (&refine.item, &value) {
            let item_ty = match self.eng.program.types.get(self.eng.program.types.unwrap(place.ty)) {
                Ty::List(x) | Ty::Set(x) => *x,
                _ => return value,
            };
            let item_place = Place { ty: item_ty, refine: Some(item.clone()) };
            for item in items.iter() {
                if self.demand(spot, &item_place, item.clone(), at, through).is_error() {
                    return Value::Error;
                }
            }
        }
        value
    }

    /// Whether a value meets a condition. What reads nothing but `it` is remembered for texts, which recur.
    pub(super) fn holds(&mut self, cond: crate::types::hir::WhereId, value: &Value) -> bool {
        let ex = &self.eng.program.wheres[cond.0 as usize];
        let text = match value {
            Value::Str(text) if self.eng.closed[cond.0 as usize] => Some(text),
            _ => None,
        };
        if let Some(text) = text
            && let Some(known) = self.tried.get(&(cond, text.clone()))
        {
            return *known;
        }
        let mut frame = Frame::of(self.nothing.clone());
        frame.it = Some(value.clone());
        let holds = !matches!(self.eval(ex, &mut frame), Value::Bool(false));
        if let Some(text) = text {
            self.tried.insert((cond, text.clone()), holds);
        }
        holds
    }

    pub(super) fn settled_for_compare(&mut self, value: Value, ty: TyId) -> Value {
        if self.is_leaf(ty) { value } else { self.settle(&value, ty) }
    }
}
