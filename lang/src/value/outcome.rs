//! What evaluation found of definitions, to be told when it was found of all parts; and that of one part in a form that can be kept.

use super::looked::Looked;
use super::map::Map;
use super::memo::Memo;
use super::taken::{self, AllTaken};
use super::texts::PartTexts;
use crate::types::hir::DefId;

/// What was found of definitions.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Those that won somewhere.
    pub won: Vec<bool>,
    /// Those that lost to another of their own file, and to which.
    pub lost: Map<DefId, DefId>,
    /// Those that won over others of one strength only by a `use`, and those.
    pub by_use: Map<(DefId, DefId), ()>,
    /// What was taken away, and whether it was there.
    pub taken: AllTaken,
    /// Whether nobody knows what is there.
    pub is_unsure: bool,
}

/// What evaluating a part of which nothing was reported found, and where else it looked. It is found again where
/// [`PartTexts::digest`] is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartTrace {
    /// Places in other parts.
    pub looked: Looked,
    /// A bit for each definition that names no part, then for each that names this one: whether it won.
    pub won: Vec<u8>,
    /// The same: whether it lost and did not win.
    pub lost: Vec<u8>,
}

impl Outcome {
    /// What was found for all parts.
    pub(crate) fn of(memo: &Memo) -> Outcome {
        let Memo { won, lost, by_use, taken, is_unsure, .. } = memo;
        Outcome {
            won: won.clone(),
            lost: lost.clone(),
            by_use: by_use.clone(),
            taken: taken.clone(),
            is_unsure: *is_unsure,
        }
    }

    /// Takes what was found out of a memory.
    pub(crate) fn take(memo: &mut Memo) -> Outcome {
        let nothing = vec![false; memo.won.len()];
        Outcome {
            won: std::mem::replace(&mut memo.won, nothing),
            lost: std::mem::take(&mut memo.lost),
            by_use: std::mem::take(&mut memo.by_use),
            taken: std::mem::take(&mut memo.taken),
            is_unsure: std::mem::take(&mut memo.is_unsure),
        }
    }

    /// Adds what was found elsewhere.
    pub(crate) fn join(&mut self, more: Outcome) {
        self.won.resize(self.won.len().max(more.won.len()), false);
        self.won.iter_mut().zip(more.won).for_each(|(a, b)| *a |= b);
        for (loser, winner) in more.lost {
            let known = self.lost.entry(loser).or_insert(winner);
            *known = winner.min(*known);
        }
        taken::join(&mut self.taken, more.taken);
        self.by_use.extend(more.by_use);
        self.is_unsure |= more.is_unsure;
    }

    /// What can be kept of what was found in a part, unless it is told with that of other parts.
    pub(crate) fn trace(&self, texts: &PartTexts, part: &str, looked: Looked) -> Option<PartTrace> {
        if !self.by_use.is_empty() || !self.taken.is_empty() || self.is_unsure {
            return None;
        }
        let n = texts.n_names(part).div_ceil(8);
        let (mut won, mut lost) = (vec![0; n], vec![0; n]);
        let all = self.won.iter().enumerate().filter(|(_, won)| **won);
        for (i, _) in all {
            set(&mut won, texts.number(part, DefId(i as u32))?);
        }
        for loser in self.lost.keys().filter(|it| !self.won[it.0 as usize]) {
            set(&mut lost, texts.number(part, *loser)?);
        }
        Some(PartTrace { looked, won, lost })
    }

    /// Adds what was found in a part before.
    pub(crate) fn recall(&mut self, texts: &PartTexts, part: &str, trace: &PartTrace) {
        for (number, def) in texts.numbered(part) {
            let of = |bits: &[u8]| bits.get(number / 8).is_some_and(|byte| byte >> (number % 8) & 1 == 1);
            if let Some(won) = self.won.get_mut(def.0 as usize).filter(|_| of(&trace.won)) {
                *won = true;
            }
            if of(&trace.lost) {
                // To which is not known. If nothing else is told of it, it is told by evaluating all.
                self.lost.entry(def).or_insert(def);
            }
        }
    }
}

fn set(bits: &mut [u8], number: usize) {
    if let Some(byte) = bits.get_mut(number / 8) {
        *byte |= 1 << (number % 8);
    }
}

impl PartTexts {
    /// How many definitions name no part, or this one.
    fn n_names(&self, part: &str) -> usize {
        self.names.common.len() + self.names.own.get(part).map_or(0, Vec::len)
    }

    /// The number of a definition among those, if it is one.
    fn number(&self, part: &str, def: DefId) -> Option<usize> {
        match self.names.of.get(def.0 as usize)? {
            (None, i) => Some(*i),
            (Some(of), i) if **of == *part => Some(self.names.common.len() + i),
            (Some(_), _) => None,
        }
    }

    fn numbered(&self, part: &str) -> impl Iterator<Item = (usize, DefId)> {
        let own = self.names.own.get(part).into_iter().flatten();
        self.names.common.iter().chain(own).copied().enumerate()
    }
}
