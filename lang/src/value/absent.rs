//! What definitions say of a place that is not there, or that is no leaf: who takes it away, who would give it, and what keeps
//! them from it.

use super::engine::Engine;
use super::memo::{Cursor, EnvId};
use super::pass::Pass;
use super::why::{Claim, Says};
use crate::merge::trie::TrieId;
use crate::syntax::ast::Op;
use crate::types::hir::{DefId, Given, GroupId, GroupKind};
use std::cmp::Reverse;
use std::sync::Arc;

/// A place in the index on the way, and what keeps definitions there from having instances.
#[derive(Clone, Copy)]
struct Reached {
    trie: TrieId,
    group: GroupId,
    env: EnvId,
    blocked: Option<Says>,
}

impl Engine {
    /// What definitions say of a place: the active ones first, each kind from strong to weak.
    pub(super) fn claims(&self, pass: &mut Pass<'_>, steps: &[String]) -> Vec<Claim> {
        let mut out: Vec<(DefId, Says)> = Vec::new();
        let mut places = vec![Reached { trie: TrieId(0), group: GroupId(0), env: EnvId(0), blocked: None }];
        for (i, step) in steps.iter().enumerate() {
            let is_last = i + 1 == steps.len();
            let key: Arc<str> = step.as_str().into();
            let mut next = Vec::new();
            for place in places {
                if let Some(below) = self.trie.node(place.trie).names.get(&key) {
                    next.push(Reached { trie: *below, ..place });
                }
                self.starred(pass, place, &key, is_last, &mut next);
            }
            for place in &next {
                for id in &self.trie.node(place.trie).ends {
                    if is_last || self.program.defs[id.0 as usize].op == Op::Replace {
                        out.extend(self.says(pass, *place, *id, is_last).map(|says| (*id, says)));
                    }
                }
            }
            places = next;
        }
        let strength = |id: DefId| self.program.defs[id.0 as usize].strength;
        out.sort_by_key(|(id, says)| {
            let is_idle = matches!(says, Says::Unless(_) | Says::Beside(_));
            (is_idle, Reverse(strength(*id)), self.program.defs[id.0 as usize].at)
        });
        out.dedup();
        out.into_iter().map(|(id, says)| Claim { line: self.line(id), says }).collect()
    }

    /// Goes one computed step down.
    fn starred(
        &self,
        pass: &mut Pass<'_>,
        place: Reached,
        key: &Arc<str>,
        is_last: bool,
        out: &mut Vec<Reached>,
    ) {
        let Reached { trie, group, env, blocked } = place;
        for id in &self.trie.node(trie).stars {
            let star = self.trie.star(*id);
            if blocked.is_some() {
                out.push(Reached { trie: star.target, ..place });
                continue;
            }
            let mut found = Vec::new();
            pass.instances(Cursor { trie, group, env, star: Some(*id), rule: 0 }, key, &mut found);
            let reached = |(group, env)| Reached { trie: star.target, group, env, blocked: None };
            out.extend(found.iter().copied().map(reached));
            // A key that a loop does not come to is another key; only what lies below a key that is meant is told.
            if found.is_empty() && !is_last {
                let why =
                    self.blocked(pass, group, env, star.group).or_else(|| self.innermost_loop(star.group));
                out.push(Reached { trie: star.target, group, env, blocked: why });
            }
        }
    }

    fn says(&self, pass: &mut Pass<'_>, place: Reached, id: DefId, is_last: bool) -> Option<Says> {
        let def = &self.program.defs[id.0 as usize];
        if let Some(blocked) = place.blocked {
            return (is_last && !matches!(def.given, Given::None)).then_some(blocked);
        }
        let mut envs = Vec::new();
        pass.extend(place.group, place.env, def.group, &mut envs);
        if envs.is_empty() {
            let gives = is_last && !matches!(def.given, Given::None);
            return gives.then(|| self.blocked(pass, place.group, place.env, def.group)).flatten();
        }
        Some(match (&def.given, def.op) {
            (Given::None, _) => Says::Takes,
            (_, Op::Replace) if !is_last => Says::Replaces,
            _ => Says::Gives,
        })
    }

    /// The first loop or guard of a chain that leaves nothing.
    fn blocked(&self, pass: &mut Pass<'_>, from: GroupId, env: EnvId, to: GroupId) -> Option<Says> {
        let groups = &self.program.groups;
        let mut chain = Vec::new();
        let mut at = to;
        while at != from && groups[at.0 as usize].depth > groups[from.0 as usize].depth {
            chain.push(at);
            at = groups[at.0 as usize].parent;
        }
        let mut envs = vec![env];
        for group in chain.into_iter().rev() {
            let parent = groups[group.0 as usize].parent;
            let mut next = Vec::new();
            for env in envs {
                pass.extend(parent, env, group, &mut next);
            }
            if next.is_empty() {
                let at = groups[group.0 as usize].at;
                return Some(match groups[group.0 as usize].kind {
                    GroupKind::Guard(..) => Says::Unless(at),
                    GroupKind::Loop(_) | GroupKind::Top => Says::Beside(at),
                });
            }
            envs = next;
        }
        None
    }

    fn innermost_loop(&self, mut group: GroupId) -> Option<Says> {
        let groups = &self.program.groups;
        loop {
            match groups[group.0 as usize].kind {
                GroupKind::Top => return None,
                GroupKind::Loop(_) => return Some(Says::Beside(groups[group.0 as usize].at)),
                GroupKind::Guard(..) => group = groups[group.0 as usize].parent,
            }
        }
    }
}
