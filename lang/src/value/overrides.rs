//! Which definitions of some files beat which of others, leaf by leaf, and the defaults that they take the place of.
//!
//! Decides nothing of its own: who gives a leaf is what `why` finds, who wins is the rank.

use super::engine::{Engine, Shared};
use super::pass::Pass;
use crate::merge::trie::{Trie, TrieId};
use crate::rank::Rank;
use crate::source::{FileId, Span};
use crate::syntax::ast::Op;
use crate::types::hir::{Def, DefId, Given, Program};
use crate::types::ty::Ty;

/// One of two sides: whether each file belongs to it.
pub type Side = Vec<bool>;

/// A definition of a leaf, or a default.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Claim {
    /// The path and the value, or the declaration.
    pub at: Span,
    /// The value as it is written.
    pub value_at: Span,
    /// Whether it is a default.
    pub is_default: bool,
}

/// A leaf that one side takes from the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Override {
    /// The definition that wins.
    pub winner: Claim,
    /// How it gives its value.
    pub op: Op,
    /// The strongest definition of the other side, or its default.
    pub loser: Claim,
}

/// Finds what one side overrides of another.
pub struct Overrides<'a> {
    engine: &'a Engine,
    pass: Pass<'a>,
    over: &'a Side,
    under: &'a Side,
    /// By place of the index: whether a definition of either side ends there or below.
    over_below: Vec<bool>,
    under_below: Vec<bool>,
}

impl<'a> Overrides<'a> {
    /// Gets ready to ask what `over` takes from `under`.
    pub fn new(engine: &'a Engine, shared: &'a Shared, over: &'a Side, under: &'a Side) -> Self {
        let below = |side: &Side| below(&engine.trie, &engine.program, side);
        let (over_below, under_below) = (below(over), below(under));
        Self { engine, pass: Pass::over(engine, shared), over, under, over_below, under_below }
    }

    /// Whether anything at a path or below it may be the overriding side's.
    pub fn is_touched(&self, steps: &[String]) -> bool {
        let mut places = vec![TrieId(0)];
        for step in steps {
            let is_given = |at: &TrieId| {
                let ends = &self.engine.trie.node(*at).ends;
                ends.iter().any(|id| self.is_of(self.def(*id), self.over) && is_whole(self.def(*id)))
            };
            if places.iter().any(is_given) {
                return true;
            }
            places = self.step(&places, step, false);
        }
        places.iter().any(|at| self.over_below[at.0 as usize])
    }

    /// Says what a leaf overrides.
    pub fn leaf(&mut self, steps: &[String]) -> Option<Override> {
        if !self.is_touched(steps) {
            return None;
        }
        let uses = &self.engine.program.uses;
        let mut all = self.engine.claimants(&mut self.pass, steps);
        let order = |id: &DefId| {
            let def = self.def(*id);
            (Rank { strength: def.strength, file: def.file }.order(uses), std::cmp::Reverse(def.at))
        };
        all.retain(|id| !matches!(self.def(*id).given, Given::Exists));
        all.sort_by_key(|id| std::cmp::Reverse(order(id)));
        let winner = self.def(*all.first()?);
        if !self.is_of(winner, self.over) {
            return None;
        }
        let loser = all.iter().skip(1).map(|id| self.def(*id)).find(|def| self.is_of(def, self.under));
        let loser = loser.map(claim).or_else(|| self.default_of(steps))?;
        Some(Override { winner: claim(winner), op: winner.op, loser })
    }

    /// The default that the other side declares for a leaf. What lies in an entry of a map that it did not make is none of its affairs.
    fn default_of(&self, steps: &[String]) -> Option<Claim> {
        let types = &self.engine.program.types;
        let mut ty = self.engine.root_ty;
        let mut found = None;
        for (i, step) in steps.iter().enumerate() {
            found = None;
            ty = match types.get(types.unwrap(ty)) {
                Ty::Record(rec) => {
                    let record = types.record(*rec);
                    let field = &record.fields[record.find(step)? as usize];
                    let default = field.default.as_ref().filter(|_| self.under[field.file.0 as usize]);
                    found = default.map(|ex| Claim { at: field.at, value_at: ex.at, is_default: true });
                    field.place.ty
                }
                Ty::Map(_, item) if self.is_made(&steps[..=i]) => *item,
                _ => return None,
            };
        }
        found
    }

    /// Whether the other side makes an entry of a map.
    fn is_made(&self, steps: &[String]) -> bool {
        let (last, above) = match steps.split_last() {
            Some((last, above)) => (last, above),
            None => return false,
        };
        let places = above.iter().fold(vec![TrieId(0)], |places, step| self.step(&places, step, false));
        self.step(&places, last, true).iter().any(|at| self.under_below[at.0 as usize])
    }

    /// One step down the index; by computed keys too, whatever they come to, or by those alone that add keys.
    fn step(&self, places: &[TrieId], step: &str, adding: bool) -> Vec<TrieId> {
        let trie = &self.engine.trie;
        let mut next = Vec::new();
        for at in places {
            let node = trie.node(*at);
            next.extend(node.names.get(step).copied());
            let stars = node.stars.iter().map(|star| trie.star(*star));
            next.extend(stars.filter(|star| star.adds || !adding).map(|star| star.target));
        }
        next
    }

    fn def(&self, id: DefId) -> &'a Def {
        &self.engine.program.defs[id.0 as usize]
    }

    fn is_of(&self, def: &Def, side: &Side) -> bool {
        side[def.file.0 as usize]
    }
}

/// Returns what one side takes away, in the order of the texts: `none`, `-=` and `:=`.
pub fn taken(program: &Program, over: &Side) -> Vec<Claim> {
    let takes = |def: &&Def| {
        over[def.file.0 as usize]
            && (matches!(def.given, Given::None) || matches!(def.op, Op::Remove | Op::Replace))
    };
    let mut all: Vec<Claim> = program.defs.iter().filter(takes).map(claim).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn claim(def: &Def) -> Claim {
    Claim { at: def.at, value_at: def.value_at, is_default: false }
}

fn is_whole(def: &Def) -> bool {
    matches!(def.given, Given::Value(_))
}

/// Says of each place of the index whether a definition of a side ends there or below. A place stands after that which it is below.
fn below(trie: &Trie, program: &Program, side: &Side) -> Vec<bool> {
    let mut below = vec![false; trie.nodes.len()];
    for (idx, node) in trie.nodes.iter().enumerate().rev() {
        let ends = node.ends.iter().any(|id| side[program.defs[id.0 as usize].file.0 as usize]);
        let names = node.names.values().any(|at| below[at.0 as usize]);
        let stars = node.stars.iter().any(|star| below[trie.star(*star).target.0 as usize]);
        below[idx] = ends || names || stars;
    }
    below
}

/// Names a file on its own.
pub fn only(program: &Program, file: FileId) -> Side {
    program.sources.files().map(|(id, _)| id == file).collect()
}
