//! One leaf: which definition wins, and its value at its place.

use super::errors;
use super::eval::Frame;
use super::memo::*;
use super::pass::Pass;
use super::slot::Spot;
use crate::diag::Reported;
use crate::live::{NodeId, Value};
use crate::rank::{self, Rank};
use crate::source::Span;
use crate::types::hir::{DefId, Ek, Ex, Given};
use crate::types::ty::{Place, Ty, TyId};
use std::cmp::Ordering;
use std::sync::Arc;

/// A definition that may give a leaf: itself in an environment, or the part of a value given whole.
#[derive(Clone, Debug)]
pub enum Cand {
    /// A definition ending here.
    Def(DefId, EnvId, Rule),
    /// A part of a value.
    Whole(Whole),
}

/// Candidates that no other beats, and the definitions that are weaker.
#[derive(Clone, Debug, Default)]
pub struct Winners {
    /// Those that won; none leaves the default.
    pub all: Vec<Cand>,
    /// Definitions of less strength.
    pub weaker: Vec<DefId>,
}

impl Pass<'_> {
    /// The value on which equally strong definitions agree, or a report that they do not.
    pub(super) fn agree(&mut self, spot: Spot<'_>, tops: Vec<(Rank, Src, Value)>) -> (Value, Src) {
        // Which of equal ones is told as the origin does not depend on the order in which files were read.
        let sources = &self.eng.program.sources;
        let place = |at: Span| (&sources.file(sources.file_of(at.start)).name, at.start);
        let (_, src, first) = tops.iter().min_by_key(|top| place(top.1.at)).unwrap_or(&tops[0]).clone();
        for (_, _, other) in &tops {
            if let Some(reported) = first.failed().or(other.failed()) {
                return (Value::Error(reported), src);
            }
            if first.order(other) != Ordering::Equal {
                let path = self.spot_path(spot);
                let places: Vec<(Span, u8)> =
                    tops.iter().map(|(rank, src, _)| (src.at, rank.strength)).collect();
                return (self.fail(errors::conflict(&path, &places)), src);
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
            return self.grown(spot, place, ends, wholes, default);
        }
        let winners = self.winners(spot, ends, wholes);
        self.agreed(spot, place, &winners, default)
    }

    /// Those that no other beats, of the definitions ending at a leaf and the parts of values given whole.
    pub(super) fn winners(&mut self, spot: Spot<'_>, ends: &[(Cur, DefId)], wholes: &[Whole]) -> Winners {
        let program = &self.eng.program;
        let cuts_empty = self.node(spot.node()).cuts.is_empty();
        let mut i = 0;
        let mut strength = rank::FORCE + 1;
        loop {
            // The next class of equal strength, among definitions and parts of whole values.
            let next_end = ends.get(i).map(|(_, d)| program.defs[d.0 as usize].strength);
            let next_whole = wholes.iter().map(|w| w.rank.strength).filter(|s| *s < strength).max();
            let Some(class) = next_end.max(next_whole) else { return Winners::default() };
            strength = class;
            let mut all: Vec<Cand> = Vec::new();
            while let Some((cur, def)) = ends.get(i) {
                if program.defs[def.0 as usize].strength != class {
                    break;
                }
                i += 1;
                if cur.star.is_none() && cur.group == program.defs[def.0 as usize].group {
                    all.push(Cand::Def(*def, cur.env, cur.rule));
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
                all.extend(envs.into_iter().map(|env| Cand::Def(*def, env, cur.rule)));
            }
            all.extend(wholes.iter().filter(|w| w.rank.strength == class).cloned().map(Cand::Whole));
            if !cuts_empty {
                let cuts = self.node(spot.node()).cuts.clone();
                all.retain(|c| {
                    let (rank, rule) = (self.cand_rank(c), cand_rule(c));
                    !cuts.iter().any(|cut| cut.drops(rank, rule, &program.uses))
                });
            }
            if all.is_empty() {
                continue;
            }
            if all.len() > 1 {
                let top = rank::strongest(all.iter().map(|c| self.cand_rank(c)), &program.uses);
                all.retain(|c| top.contains(&self.cand_rank(c)));
            }
            return Winners { all, weaker: ends[i..].iter().map(|(_, def)| *def).collect() };
        }
    }

    /// The value of the winners, on which they have to agree; of none, the default.
    pub(super) fn agreed(
        &mut self,
        spot: Spot<'_>,
        place: &Place,
        winners: &Winners,
        default: Option<&Arc<Ex>>,
    ) -> (Value, Src) {
        let Some(first) = winners.all.first() else { return self.default_leaf(spot, place, default) };
        self.note_losers(first, &winners.weaker);
        if winners.all.len() == 1 {
            return self.landed(spot, place, first);
        }
        let mut values = Vec::with_capacity(winners.all.len());
        for cand in &winners.all {
            let (value, src) = self.landed(spot, place, cand);
            values.push((self.cand_rank(cand), src, self.settled_for_compare(value, place.ty, src.at)));
        }
        self.agree(spot, values)
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
            Cand::Def(def, ..) => self.rank(*def),
            Cand::Whole(whole) => whole.rank,
        }
    }

    /// Remembers which definitions of the winner's own file lost, for the warning about dead ones.
    pub(super) fn note_losers(&mut self, winner: &Cand, weaker: &[DefId]) {
        let Cand::Def(winner, ..) = winner else { return };
        self.note_weaker(*winner, weaker.iter().copied());
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
            Cand::Def(id, env, _) => {
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
                    Given::Exists => self.failed(def.at, &[]),
                };
                if def.known_good {
                    let value = self.broken_literal(def.value_at).map_or(value, Value::Error);
                    return (value, src);
                }
                if place.refine.is_none() {
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

    /// That a literal breaks a condition of its place, if it does.
    fn broken_literal(&self, at: Span) -> Option<Reported> {
        let broken = &self.base.unwrap_or(&self.memo).broken;
        if broken.is_empty() { None } else { broken.get(&at).copied() }
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
                Ty::Error(reported) => return (Value::Error(*reported), src),
                _ => {}
            }
            let path = self.spot_path(spot);
            let (declared_at, used_at) = match spot {
                Spot::Field(node, field) => {
                    let Kind::Record(rec, ..) = &self.node(node).kind else {
                        return (self.failed(at, &[]), src);
                    };
                    let declared_at = self.eng.program.types.record(*rec).fields[field as usize].at;
                    // An option is missing as a whole: no definition around it says more than its declaration.
                    (declared_at, if node == NodeId(0) { declared_at } else { self.first_at(node) })
                }
                Spot::Entry(node, _) => (at, self.first_at(node)),
            };
            let broken = self.wholes(spot.node()).iter().find_map(|w| w.value.failed());
            let reported =
                broken.unwrap_or_else(|| self.report(errors::missing(&path, used_at, declared_at)));
            return (Value::Error(reported), src);
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
        if matches!(value, Value::Error(_) | Value::None) {
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
                let demanded = self.demand(spot, &item_place, item.clone(), at, through);
                if demanded.is_error() {
                    return demanded;
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
            && let Some((known, cost)) = self.tried.get(&(cond, text.clone())).copied()
        {
            // When that is too much, nothing that follows means anything.
            return self.spend(cost, ex.at).is_err() || known;
        }
        let before = self.budget.spent();
        let mut frame = Frame::of(self.nothing.clone());
        frame.it = Some(value.clone());
        let holds = !matches!(self.eval(ex, &mut frame), Value::Bool(false));
        if let Some(text) = text {
            self.tried.insert((cond, text.clone()), (holds, self.budget.since(before)));
        }
        holds
    }

    pub(super) fn settled_for_compare(&mut self, value: Value, ty: TyId, at: Span) -> Value {
        if self.is_leaf(ty) { value } else { self.settle(&value, ty, at) }
    }
}

/// How a candidate came to its place.
fn cand_rule(cand: &Cand) -> Rule {
    match cand {
        Cand::Def(.., rule) => *rule,
        Cand::Whole(whole) => whole.rule,
    }
}
