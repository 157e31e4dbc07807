//! A typed program with its index, ready to be evaluated by passes.

use super::conditions;
use super::errors;
use super::memo::{Keys, Map, Memo};
use crate::data::Data;
use crate::diag::Problems;
use crate::live::NodeId;
use crate::merge::trie::{self, Trie};
use crate::types::hir::{DefId, Program};
use crate::types::ty::{Ty, TyId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A typed program with its index.
pub struct Engine {
    /// The program.
    pub program: Program,
    /// The index of its definitions.
    pub trie: Trie,
    /// The type of the root.
    pub root_ty: TyId,
    /// Whether a type is a leaf, by type.
    pub leaf: Vec<bool>,
    /// Whether a condition reads nothing but `it`, by condition.
    pub closed: Vec<bool>,
    /// Whether conditions lie in the values of a type, by type.
    pub deep: Vec<bool>,
    /// The patterns that conditions name.
    pub patterns: BTreeSet<Arc<str>>,
}

impl Engine {
    /// Makes the index.
    pub fn new(mut program: Program) -> Engine {
        let root_ty = program.types.intern(Ty::Record(program.root));
        let leaf = program.types.ids().map(|id| program.types.is_leaf(id)).collect();
        let trie = trie::index(&program);
        let (closed, deep) = (conditions::closed(&program), conditions::deep(&program.types));
        let patterns = conditions::patterns(&program);
        Engine { program, trie, root_ty, leaf, closed, deep, patterns }
    }

    /// The warnings about definitions that won only by a `use`.
    pub fn won_by_use(&self, all: &Map<(DefId, DefId), ()>, problems: &mut Problems) {
        for (winner, loser) in all.keys() {
            let all = &self.program.defs;
            let (Some(winner), Some(loser)) = (all.get(winner.0 as usize), all.get(loser.0 as usize)) else {
                continue;
            };
            let said_at = self.program.uses.said_at(winner.file, loser.file);
            problems.push(errors::won_by_use(winner.at, loser.at, said_at));
        }
    }

    /// The warnings about definitions that never won, from all passes.
    pub fn dead(&self, won: &[bool], lost: &Map<DefId, DefId>, problems: &mut Problems) {
        for (loser, winner) in lost {
            if !won[loser.0 as usize] {
                let (at, by) =
                    (self.program.defs[loser.0 as usize].at, self.program.defs[winner.0 as usize].at);
                problems.push(errors::dead(at, by));
            }
        }
    }
}

/// What all parts share.
pub struct Shared {
    /// The frozen memory.
    pub memo: Memo,
    /// Reports so far.
    pub problems: Problems,
    /// The fields of the root but the partition.
    pub fields: Vec<(Arc<str>, Data)>,
    /// The parts' names.
    pub parts: Arc<Keys>,
    /// The node of the partition.
    pub map: Option<NodeId>,
    /// Records that were looked at as a whole.
    pub looked: Map<NodeId, ()>,
}
