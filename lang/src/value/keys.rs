//! Shape: which keys a map or Tree has. Depends on the definitions that end in it and on nothing below.

use super::errors;
use super::memo::*;
use super::pass::Pass;
use super::state::{Instances, Open};
use super::taken::Missed;
use crate::live::{NodeId, Value};
use crate::merge::trie::{Star, TrieId};
use crate::rank::{self, Rank};
use crate::source::Span;
use crate::types::hir::{DefId, Given, GroupId};
use std::sync::Arc;

/// Who says that a key is there or is not.
#[derive(Clone, Debug)]
struct Claim {
    rank: Rank,
    rule: Rule,
    at: Span,
    def: DefId,
    gone: bool,
}

/// What a claim takes, in elements.
const CLAIM_ELEMENTS: usize = 4;

impl Pass<'_> {
    /// The keys of a map or Tree of the tree.
    pub fn keys(&mut self, id: NodeId) -> Arc<Keys> {
        let id = self.canon(id);
        match self.keys_state(id) {
            Once::Done(keys) => return keys,
            Once::Busy => {
                let reported = self.cycle(Open::Keys(id), None);
                self.broken_keys.push((id, reported));
                return Arc::new(Keys { failed: Some(reported), ..Keys::default() });
            }
            Once::Unset => {}
        }
        self.set_keys(id, Once::Busy);
        self.open.push(Open::Keys(id));
        let before = self.unsure.take();
        let mut keys = self.find_keys(id);
        let broken = self.broken_keys.iter().find(|(broken, _)| *broken == id);
        let unsure = std::mem::replace(&mut self.unsure, before);
        keys.failed = keys.failed.or(broken.map(|(_, reported)| *reported)).or(unsure);
        let keys = Arc::new(keys);
        self.open.pop();
        self.set_keys(id, Once::Done(keys.clone()));
        keys
    }

    /// Where a key of a map or Tree is added.
    pub(super) fn added_at(&mut self, id: NodeId, key: &Arc<str>) -> Span {
        let claims = self.claims(id);
        let added = claims.get(key).and_then(|all| all.iter().find(|c| !c.gone));
        added.map_or_else(|| self.first_at(id), |claim| claim.at)
    }

    /// The `:=` that drops a key, if there is one that would be there without it.
    pub(super) fn replaced_at(&mut self, id: NodeId, key: &Arc<str>) -> Option<Span> {
        let cuts = self.node(id).cuts.clone();
        let (uses, defs) = (&self.eng.program.uses, &self.eng.program.defs);
        if cuts.is_empty() {
            return None;
        }
        let claims = self.claims(id);
        let given = claims.get(key)?.iter().filter(|c| !c.gone);
        let mut by = given.filter_map(|c| cuts.iter().find(|cut| cut.drops(c.rank, c.rule, uses)));
        by.next().map(|cut| defs[cut.def.0 as usize].at)
    }

    /// Who says what of the keys of a map or Tree.
    fn claims(&mut self, id: NodeId) -> Map<Arc<str>, Vec<Claim>> {
        let tree = matches!(self.node(id).kind, Kind::Tree(..));
        let (cursors, key) = (self.node(id).cursors.clone(), self.node(id).key.clone());
        let wholes = self.wholes(id);
        let mut claims: Map<Arc<str>, Vec<Claim>> = Map::default();
        for whole in wholes.iter() {
            match &whole.value {
                Value::Dict(dict) => {
                    for entry in &dict.entries {
                        claims.entry(entry.key.clone()).or_default().push(Claim {
                            rank: whole.rank,
                            rule: whole.rule,
                            at: entry.at,
                            def: whole.src.def,
                            gone: matches!(entry.value, Value::None),
                        });
                    }
                }
                Value::Node(other) => {
                    let keys = self.keys(*other);
                    for (all, gone) in [(&keys.present, false), (&keys.removed, true)] {
                        for key in all {
                            let claim = Claim {
                                rank: whole.rank,
                                rule: whole.rule,
                                at: whole.src.at,
                                def: whole.src.def,
                                gone,
                            };
                            claims.entry(key.clone()).or_default().push(claim);
                        }
                    }
                }
                Value::Thunk(_) => {
                    for (key, value, at) in self.parts_of(&whole.value) {
                        let gone = self.takes_away(value);
                        let claim =
                            Claim { rank: whole.rank, rule: whole.rule, at, def: whole.src.def, gone };
                        claims.entry(key).or_default().push(claim);
                    }
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        for cursor in cursors.iter() {
            found.clear();
            self.instances(*cursor, &key, &mut found);
            for (group, env) in found.clone() {
                self.claims_below(id, Cursor { group, env, ..*cursor }, tree, &mut claims);
            }
        }
        // Whoever tells of one key asks for those of all.
        if self.work_for(claims.len() as u64, id).is_err() {
            claims.clear();
        }
        claims
    }

    pub(super) fn find_keys(&mut self, id: NodeId) -> Keys {
        let tree = matches!(self.node(id).kind, Kind::Tree(..));
        let mut claims = self.claims(id);
        // Whoever failed may have given any key.
        let failed = self.wholes(id).iter().find_map(|whole| whole.value.failed());
        self.memo.is_unsure |= failed.is_some();
        let n_claims: usize = claims.values().map(Vec::len).sum();
        if self.make_for((claims.len() + CLAIM_ELEMENTS * n_claims) as u64, id).is_err() {
            claims.clear();
        }
        let mut keys = Keys { failed, ..Keys::default() };
        let given = |(key, all): (&Arc<str>, &Vec<Claim>)| all.iter().any(|c| !c.gone).then(|| key.clone());
        let all: Vec<Arc<str>> = match claims.values().flatten().any(|c| c.gone) {
            true => claims.iter().filter_map(given).collect(),
            false => Vec::new(),
        };
        let cuts = self.node(id).cuts.clone();
        for (key, claims) in claims {
            if !tree {
                self.taken_keys(id, &key, &claims, &all);
            }
            // By far the most: one says that it is there, and nobody replaces anything.
            if let ([Claim { gone: false, .. }], true) = (claims.as_slice(), cuts.is_empty()) {
                keys.present.push(key);
                continue;
            }
            let live: Vec<&Claim> =
                claims.iter().filter(|c| !self.is_cut(&cuts, c.rank, c.rule, c.def)).collect();
            let uses = &self.eng.program.uses;
            let strongest = rank::strongest(live.iter().map(|c| c.rank), uses);
            let top: Vec<&&Claim> = live.iter().filter(|c| strongest.contains(&c.rank)).collect();
            let beaten = live.iter().filter(|c| !strongest.contains(&c.rank));
            for (won, lost) in opposed(top.iter().map(|c| **c), beaten.copied()) {
                if self.is_by_use(won.rank, lost.rank) {
                    self.memo.by_use.insert((won.def, lost.def), ());
                }
            }
            let (gone, there) = (top.iter().find(|c| c.gone), top.iter().find(|c| !c.gone));
            match (gone, there) {
                (Some(gone), Some(there)) => {
                    let path = self.entry_path(id, &key);
                    let places = [(gone.at, "taken away here"), (there.at, "given here")];
                    self.report(errors::presence(&path, &places));
                    keys.present.push(key);
                }
                (Some(gone), None) => {
                    self.win(gone.def);
                    keys.removed_by.push(strongest.clone());
                    keys.removed.push(key);
                }
                (None, Some(_)) => keys.present.push(key),
                (None, None) => {}
            }
        }
        keys.present.sort();
        let mut removed: Vec<_> = keys.removed.into_iter().zip(keys.removed_by).collect();
        removed.sort();
        (keys.removed, keys.removed_by) = removed.into_iter().unzip();
        keys
    }

    /// Marks a definition as one that won somewhere.
    pub fn win(&mut self, def: DefId) {
        if let Some(won) = self.memo.won.get_mut(def.0 as usize) {
            *won = true;
        }
    }

    fn claims_below(
        &mut self,
        id: NodeId,
        cursor: Cursor,
        tree: bool,
        claims: &mut Map<Arc<str>, Vec<Claim>>,
    ) {
        let Cursor { group, env, .. } = cursor;
        let place = self.eng.trie.node(cursor.trie);
        for (key, below) in &place.names {
            let below_node = self.eng.trie.node(*below);
            for def in &below_node.ends {
                self.claim(key, *def, cursor, claims);
            }
            // In a Tree every path adds, whether or not something ends at the key.
            if tree {
                self.claim_through(key, *below, cursor, claims);
            }
        }
        for star in &place.stars {
            let star_def = self.eng.trie.star(*star);
            let target = self.eng.trie.node(star_def.target);
            if target.ends.is_empty() && !tree {
                continue;
            }
            // A key of this very map adds none; it can take away.
            if !star_def.adds && !target.takes_away {
                continue;
            }
            let rule = self.rule_of(id, cursor, *star);
            let here = Cursor { rule, ..cursor };
            let groups = &self.eng.program.groups;
            if groups[star_def.group.0 as usize].depth <= groups[group.0 as usize].depth {
                match self.star_key(*star, group, env) {
                    Value::Str(key) => self.claims_of(star_def, &key, here, tree, claims),
                    other => self.unsure = self.unsure.or(other.failed()),
                }
                continue;
            }
            let index = self.star_index(*star, group, env);
            for (key, envs) in index.iter() {
                for env in envs {
                    let here = Cursor { group: star_def.group, env: *env, ..here };
                    self.claims_of(star_def, key, here, tree, claims);
                }
            }
        }
    }

    /// What the definitions after a computed step say of a key that it gives.
    fn claims_of(
        &mut self,
        star: &Star,
        key: &Arc<str>,
        cursor: Cursor,
        tree: bool,
        claims: &mut Map<Arc<str>, Vec<Claim>>,
    ) {
        if tree {
            self.claim_through(key, star.target, cursor, claims);
        }
        for def in &self.eng.trie.node(star.target).ends {
            let takes = matches!(self.eng.program.defs[def.0 as usize].given, Given::None);
            if star.adds || takes {
                self.claim(key, *def, cursor, claims);
            }
        }
    }

    /// Notes for the definitions that take a key away whether somebody gives it.
    fn taken_keys(&mut self, id: NodeId, key: &Arc<str>, claims: &[Claim], given: &[Arc<str>]) {
        if self.broken_keys.iter().any(|(broken, _)| *broken == id) {
            return;
        }
        let found = claims.iter().any(|c| !c.gone);
        for claim in claims.iter().filter(|c| c.gone) {
            let def = self.eng.program.defs.get(claim.def.0 as usize);
            if def.is_some_and(|def| matches!(def.given, Given::None)) {
                self.takes(claim.def, key.clone(), found, |pass| {
                    let path = pass.path(id);
                    let help = errors::known_keys(&path, key, given.iter().map(|k| &**k));
                    Missed { part: None, path, help: Some(help), is_key: true }
                });
            }
        }
    }

    fn claim(&mut self, key: &Arc<str>, id: DefId, cursor: Cursor, claims: &mut Map<Arc<str>, Vec<Claim>>) {
        let def = &self.eng.program.defs[id.0 as usize];
        if !matches!(self.extend_one(cursor.group, cursor.env, def.group), Instances::None) {
            let gone = matches!(def.given, Given::None);
            claims.entry(key.clone()).or_default().push(Claim {
                rank: self.rank(id),
                rule: cursor.rule,
                at: def.at,
                def: id,
                gone,
            });
        }
    }

    fn claim_through(
        &mut self,
        key: &Arc<str>,
        below: TrieId,
        cursor: Cursor,
        claims: &mut Map<Arc<str>, Vec<Claim>>,
    ) {
        let mut all = Vec::new();
        self.defs_below(below, cursor.group, cursor.env, &mut all);
        for (id, gone) in all {
            if !gone {
                let def = &self.eng.program.defs[id.0 as usize];
                claims.entry(key.clone()).or_default().push(Claim {
                    rank: self.rank(id),
                    rule: cursor.rule,
                    at: def.at,
                    def: id,
                    gone: false,
                });
            }
        }
    }

    /// The definitions below a place whose loops and guards let them be, and whether each takes away.
    pub fn defs_below(&mut self, place: TrieId, group: GroupId, env: EnvId, out: &mut Vec<(DefId, bool)>) {
        let node = self.eng.trie.node(place);
        for id in &node.ends {
            let def = &self.eng.program.defs[id.0 as usize];
            let mut found = Vec::new();
            self.extend(group, env, def.group, &mut found);
            if !found.is_empty() {
                out.push((*id, matches!(def.given, Given::None)));
            }
        }
        for below in node.names.values() {
            self.defs_below(*below, group, env, out);
        }
        for star in &node.stars {
            self.defs_below(self.eng.trie.star(*star).target, group, env, out);
        }
    }
}

/// Who won over whom, of those that say the opposite: one for each rank.
fn opposed<'c>(
    won: impl Iterator<Item = &'c Claim>,
    lost: impl Iterator<Item = &'c Claim>,
) -> Vec<(&'c Claim, &'c Claim)> {
    let by_rank = |all: &mut Vec<&'c Claim>, claim: &'c Claim| {
        if !all.iter().any(|c| c.rank == claim.rank && c.gone == claim.gone) {
            all.push(claim);
        }
    };
    let (mut winners, mut losers) = (Vec::new(), Vec::new());
    won.for_each(|claim| by_rank(&mut winners, claim));
    lost.for_each(|claim| by_rank(&mut losers, claim));
    let pairs = winners.iter().flat_map(|w| losers.iter().map(|l| (*w, *l)));
    pairs.filter(|(w, l)| w.gone != l.gone && w.rank.strength == l.rank.strength).collect()
}
