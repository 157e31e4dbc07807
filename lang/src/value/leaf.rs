//! One leaf: which definition wins, and its value at its place.

use super::errors;
use super::frame::Frame;
use super::memo::*;
use super::pass::Pass;
use super::state::Location;
use crate::live::{NodeId, Value};
use crate::rank::{self, Rank};
use crate::source::Span;
use crate::types::hir::{DefId, Given, TypedExpr, TypedKind};
use crate::types::ty::{RefinedType, Ty, TyId};
use std::cmp::Ordering;
use std::sync::Arc;

/// A definition that may give a leaf: itself in an environment, or the part of a value given whole.
#[derive(Clone, Debug)]
pub enum Candidate {
    /// A definition ending here.
    Def(DefId, EnvId, Rule),
    /// A part of a value.
    Composite(Composite),
}

/// Candidates that no other beats, among definitions that are sorted by strength.
#[derive(Clone, Debug, Default)]
pub struct Winners {
    /// Those that won; none leaves the default.
    pub all: Vec<Candidate>,
    /// From where on definitions have less strength.
    pub weaker: usize,
}

impl Pass<'_> {
    /// The value on which equally strong definitions agree, or a report that they do not.
    pub(super) fn resolve(&mut self, location: Location<'_>, tops: Vec<(Rank, Src, Value)>) -> (Value, Src) {
        // Which of equal ones is told as the origin does not depend on the order in which files were read.
        let sources = &self.eng.program.sources;
        let place = |at: Span| (&sources.file(at.file).name, at.start);
        let (_, src, first) = tops.iter().min_by_key(|top| place(top.1.at)).unwrap_or(&tops[0]).clone();
        // What failed was told; whether the rest agrees with it nobody knows.
        if let Some(reported) = tops.iter().find_map(|(_, _, value)| value.failed()) {
            return (Value::Error(reported), src);
        }
        for (_, _, other) in &tops {
            if first.order(other) != Ordering::Equal {
                let path = self.location_path(location);
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
        location: Location<'_>,
        place: &RefinedType,
        ends: &[(Cursor, DefId)],
        wholes: &[Composite],
        adds: bool,
        default: Option<&Arc<TypedExpr>>,
    ) -> (Value, Src) {
        if adds {
            return self.grown(location, place, ends, wholes, default);
        }
        let winners = self.winners(location, ends, wholes);
        self.agreed(location, place, &winners, ends, default)
    }

    /// Those that no other beats, of the definitions ending at a leaf and the parts of values given whole.
    pub(super) fn winners(
        &mut self,
        location: Location<'_>,
        ends: &[(Cursor, DefId)],
        wholes: &[Composite],
    ) -> Winners {
        let program = &self.eng.program;
        let cuts_empty = self.node(location.node()).cuts.is_empty();
        let mut i = 0;
        let mut strength = rank::FORCE + 1;
        loop {
            // The next class of equal strength, among definitions and parts of whole values.
            let next_end = ends.get(i).map(|(_, d)| program.defs[d.0 as usize].strength);
            let next_whole = wholes.iter().map(|w| w.rank.strength).filter(|s| *s < strength).max();
            let Some(class) = next_end.max(next_whole) else { return Winners::default() };
            strength = class;
            let mut all: Vec<Candidate> = Vec::new();
            while let Some((cursor, def)) = ends.get(i) {
                if program.defs[def.0 as usize].strength != class {
                    break;
                }
                i += 1;
                if cursor.star.is_none() && cursor.group == program.defs[def.0 as usize].group {
                    all.push(Candidate::Def(*def, cursor.env, cursor.rule));
                    continue;
                }
                let key = self.leaf_key(location, *cursor, *def);
                let mut instances = Vec::new();
                self.instances(*cursor, &key, &mut instances);
                let to = program.defs[def.0 as usize].group;
                let mut envs = Vec::new();
                for (group, env) in instances {
                    self.extend(group, env, to, &mut envs);
                }
                all.extend(envs.into_iter().map(|env| Candidate::Def(*def, env, cursor.rule)));
            }
            all.extend(wholes.iter().filter(|w| w.rank.strength == class).cloned().map(Candidate::Composite));
            if !cuts_empty {
                let cuts = self.node(location.node()).cuts.clone();
                all.retain(|c| !self.is_cut(&cuts, self.cand_rank(c), cand_rule(c), candidate_def(c)));
            }
            if all.is_empty() {
                continue;
            }
            if all.len() > 1 {
                let top = rank::strongest(all.iter().map(|c| self.cand_rank(c)), &program.uses);
                let (won, lost): (Vec<Candidate>, Vec<Candidate>) =
                    all.into_iter().partition(|c| top.contains(&self.cand_rank(c)));
                self.note_by_use(&won, &lost);
                all = won;
            }
            return Winners { all, weaker: i };
        }
    }

    /// The value of the winners, on which they have to agree; of none, the default.
    pub(super) fn agreed(
        &mut self,
        location: Location<'_>,
        place: &RefinedType,
        winners: &Winners,
        ends: &[(Cursor, DefId)],
        default: Option<&Arc<TypedExpr>>,
    ) -> (Value, Src) {
        let Some(first) = winners.all.first() else { return self.default_leaf(location, place, default) };
        for won in &winners.all {
            self.note_losers(won, &ends[winners.weaker..]);
        }
        if winners.all.len() == 1 {
            return self.eval_candidate(location, place, first);
        }
        let mut values = Vec::with_capacity(winners.all.len());
        for candidate in &winners.all {
            let (value, src) = self.eval_candidate(location, place, candidate);
            values.push((self.cand_rank(candidate), src, self.settled_for_compare(value, place.ty, src.at)));
        }
        self.resolve(location, values)
    }

    /// Which key a cursor's open step is matched with: the record's own, or the entry's.
    pub(super) fn leaf_key(&self, location: Location<'_>, cursor: Cursor, def: DefId) -> Arc<str> {
        match location {
            Location::Field(node, _) => self.node(node).key.clone(),
            Location::Entry(node, key) => {
                let own = cursor
                    .star
                    .is_some_and(|s| self.eng.trie.node(self.eng.trie.star(s).target).ends.contains(&def));
                if own { key.clone() } else { self.node(node).key.clone() }
            }
        }
    }

    /// Notes which candidates won only because their file happens to use that of another one.
    fn note_by_use(&mut self, won: &[Candidate], lost: &[Candidate]) {
        for candidate in lost {
            let (rank, def) = (self.cand_rank(candidate), candidate_def(candidate));
            for by in won {
                if !self.is_by_use(self.cand_rank(by), rank) {
                    continue;
                }
                let agree = match (self.plain_value(by), self.plain_value(candidate)) {
                    (Some(a), Some(b)) => a.order(b) == Ordering::Equal,
                    _ => false,
                };
                // Of several one is told.
                if !agree {
                    self.memo.by_use.insert((candidate_def(by), def), ());
                    break;
                }
            }
        }
    }

    /// Whether a `:=` drops a definition; notes when it does so only by a `use`.
    pub(super) fn is_cut(&mut self, cuts: &[Cut], rank: Rank, rule: Rule, def: DefId) -> bool {
        let uses = &self.eng.program.uses;
        let Some(cut) = cuts.iter().find(|cut| cut.drops(rank, rule, uses)) else { return false };
        if self.is_by_use(cut.rank, rank) {
            self.memo.by_use.insert((cut.def, def), ());
        }
        true
    }

    /// Whether one of two ranks beats the other only because its file happens to use that of the other.
    pub(super) fn is_by_use(&mut self, winner: Rank, loser: Rank) -> bool {
        let uses = &self.eng.program.uses;
        // Defaults are of no file: one beats another by where it is written.
        winner.strength >= rank::SITE_SUGGEST
            && winner.strength == loser.strength
            && winner.beats(loser, uses)
            && *self
                .beside
                .entry((winner.file, loser.file))
                .or_insert_with(|| uses.is_beside(winner.file, loser.file))
    }

    /// The value of a candidate where nothing has to be evaluated for it.
    fn plain_value<'c>(&'c self, candidate: &'c Candidate) -> Option<&'c Value> {
        match candidate {
            Candidate::Def(id, ..) => match &self.eng.program.defs[id.0 as usize].given {
                Given::Value(ex) => match &ex.kind {
                    TypedKind::Const(value) => Some(value),
                    _ => None,
                },
                Given::None => Some(&Value::None),
                Given::Exists => None,
            },
            Candidate::Composite(whole) => Some(&whole.value),
        }
    }

    pub(super) fn cand_rank(&self, candidate: &Candidate) -> Rank {
        match candidate {
            Candidate::Def(def, ..) => self.rank(*def),
            Candidate::Composite(whole) => whole.rank,
        }
    }

    /// Remembers which definitions of the winner's own file lost, for the warning about dead ones.
    pub(super) fn note_losers(&mut self, winner: &Candidate, weaker: &[(Cursor, DefId)]) {
        let Candidate::Def(winner, ..) = winner else { return };
        self.note_weaker(*winner, weaker.iter().map(|(_, def)| *def));
    }

    pub(super) fn note_weaker(&mut self, winner: DefId, weaker: impl Iterator<Item = DefId>) {
        self.win(winner);
        let defs = &self.eng.program.defs;
        let file = defs[winner.0 as usize].file;
        for def in weaker {
            if defs[def.0 as usize].file == file {
                let known = self.memo.lost.entry(def).or_insert(winner);
                *known = winner.min(*known);
            }
        }
    }

    /// The value of a candidate at its place, its conditions tried.
    pub(super) fn eval_candidate(
        &mut self,
        location: Location<'_>,
        place: &RefinedType,
        candidate: &Candidate,
    ) -> (Value, Src) {
        match candidate {
            Candidate::Def(id, env, _) => {
                let def = &self.eng.program.defs[id.0 as usize];
                self.win(*id);
                self.involve(def.at);
                let src = Src { def: *id, at: def.at };
                let value = match &def.given {
                    Given::Value(ex) => match &ex.kind {
                        TypedKind::Const(value) => self.constant(value, ex.at),
                        _ => {
                            let mut frame = Frame::at(self.env(*env), location.node());
                            let value = self.eval_head(ex, &mut frame);
                            self.forced(value)
                        }
                    },
                    Given::None => Value::None,
                    Given::Exists => self.failed(def.at, &[]),
                };
                if def.known_good {
                    return (value, src);
                }
                (self.check_refinement(location, place, value, def.value_at, None), src)
            }
            Candidate::Composite(whole) => {
                let value = self.forced(whole.value.clone());
                let through =
                    (whole.src.def != NO_DEF).then(|| self.eng.program.defs[whole.src.def.0 as usize].at);
                self.win(whole.src.def);
                let value = self.check_refinement(location, place, value, whole.src.at, through);
                (value, whole.src)
            }
        }
    }

    pub(super) fn default_leaf(
        &mut self,
        location: Location<'_>,
        place: &RefinedType,
        default: Option<&Arc<TypedExpr>>,
    ) -> (Value, Src) {
        let Some(default) = default else {
            let at = self.first_at(location.node());
            let src = Src { def: NO_DEF, at };
            match self.eng.program.types.get(place.ty) {
                Ty::Opt(_) => return (Value::None, src),
                // Its declaration could not be read, which was reported.
                Ty::Error(reported) => return (Value::Error(*reported), src),
                _ => {}
            }
            let path = self.location_path(location);
            let (declared_at, used_at) = match location {
                Location::Field(node, field) => {
                    let Kind::Record(rec, ..) = &self.node(node).kind else {
                        return (self.failed(at, &[]), src);
                    };
                    let declared_at = self.eng.program.types.record(*rec).fields[field as usize].at;
                    // An option is missing as a whole: no definition around it says more than its declaration.
                    (declared_at, if node == NodeId(0) { declared_at } else { self.first_at(node) })
                }
                Location::Entry(node, _) => (at, self.first_at(node)),
            };
            let broken = self.wholes(location.node()).iter().find_map(|w| w.value.failed());
            let reported =
                broken.unwrap_or_else(|| self.report(errors::missing(&path, used_at, declared_at)));
            return (Value::Error(reported), src);
        };
        let src = Src { def: NO_DEF, at: default.at };
        self.involve(default.at);
        let value = match &default.kind {
            TypedKind::Const(value) => return (self.constant(value, default.at), src),
            _ => {
                let mut frame = Frame::at(self.nothing.clone(), location.node());
                frame.this = Some(Value::Node(location.node()));
                self.eval(default, &mut frame)
            }
        };
        (self.check_refinement(location, place, value, default.at, None), src)
    }

    pub(super) fn settled_for_compare(&mut self, value: Value, ty: TyId, at: Span) -> Value {
        if self.is_leaf(ty) { value } else { self.materialize(&value, ty, at) }
    }
}

/// The definition of a candidate.
fn candidate_def(candidate: &Candidate) -> DefId {
    match candidate {
        Candidate::Def(def, ..) => *def,
        Candidate::Composite(whole) => whole.src.def,
    }
}

/// How a candidate came to its place.
fn cand_rule(candidate: &Candidate) -> Rule {
    match candidate {
        Candidate::Def(.., rule) => *rule,
        Candidate::Composite(whole) => whole.rule,
    }
}
