//! What is taken away by `none` and by `-=`: whether it was there, in any round of its definition and in any part. What a
//! definition takes away nowhere is reported when all parts are known. Documents are open, and no part of this.

use super::engine::{Engine, Shared};
use super::errors;
use super::memo::{EnvId, Map};
use super::pass::Pass;
use super::taken::{AllTaken, Elsewhere, Missed, Taken};
use crate::diag::Problems;
use crate::merge::trie::TrieId;
use crate::rank;
use crate::source::Span;
use crate::types::hir::{DefId, Given, GroupId, StepH};
use std::sync::Arc;

impl Pass<'_> {
    /// Notes that a definition takes something away, and whether it was there.
    pub(super) fn takes(
        &mut self,
        def: DefId,
        name: Arc<str>,
        found: bool,
        miss: impl FnOnce(&Self) -> Missed,
    ) {
        if self.eng.program.defs[def.0 as usize].strength < rank::SITE_SUGGEST {
            // A module takes away what others may have taken away already.
            return;
        }
        let part = self.part.clone();
        let missed = (!found).then(|| miss(self));
        let known = self.memo.taken.entry((def, name)).or_default();
        known.found |= found;
        if let Some(missed) = missed {
            known.parts.extend(part.clone());
            known.missed.get_or_insert(Missed { part, ..missed });
        }
    }
}

impl Engine {
    /// Reports the definitions that take away what is nowhere.
    pub fn taken_in_vain(&self, shared: &Shared, all: &AllTaken, problems: &mut Problems) {
        let mut by_def: Map<DefId, Vec<(&Arc<str>, &Taken)>> = Map::default();
        for ((def, name), taken) in all.iter().filter(|(_, taken)| !taken.found) {
            by_def.entry(*def).or_default().push((name, taken));
        }
        for (id, mut names) in by_def {
            names.sort_by_key(|(name, taken)| (taken.missed.as_ref().and_then(|m| m.part.clone()), *name));
            let Some((name, Taken { missed: Some(missed), parts, .. })) = names.first() else { continue };
            let def = &self.program.defs[id.0 as usize];
            let elsewhere = match missed.is_key {
                true => self.giver(shared, id, name),
                false => None,
            };
            let mut report = errors::nothing_taken(def.at, missed, name, names.len() - 1, elsewhere);
            report.parts = parts.iter().map(|part| part.to_string()).collect();
            problems.push(report);
        }
    }

    /// A definition that adds a key of this name at this path, but in none of the rounds in which it is taken away; whether
    /// it has rounds at all.
    fn giver(&self, shared: &Shared, gone: DefId, name: &Arc<str>) -> Option<(Span, Elsewhere)> {
        let path = &self.program.defs[gone.0 as usize].path;
        let mut places = vec![TrieId(0)];
        for (i, step) in path.iter().enumerate() {
            let is_last = i + 1 == path.len();
            let mut next = Vec::new();
            for place in places {
                let node = self.trie.node(place);
                match step {
                    StepH::Name(key) => next.extend(node.names.get(key)),
                    StepH::Computed(..) if is_last => next.extend(node.names.get(name)),
                    StepH::Computed(..) => next.extend(node.names.values()),
                }
                if !is_last {
                    next.extend(node.stars.iter().map(|s| self.trie.star(*s).target));
                }
            }
            next.sort();
            next.dedup();
            places = next;
        }
        let mut pass = Pass::over(self, shared);
        let mut found = None;
        for id in places.iter().flat_map(|place| &self.trie.node(*place).ends) {
            let def = &self.program.defs[id.0 as usize];
            if matches!(def.given, Given::None) {
                continue;
            }
            let mut rounds = Vec::new();
            pass.extend(GroupId(0), EnvId(0), def.group, &mut rounds);
            if rounds.is_empty() {
                return Some((def.at, Elsewhere::Off));
            }
            found.get_or_insert((def.at, Elsewhere::OtherKeys));
        }
        found
    }
}
