//! Loops and guards around definitions: which instances there are, found from the front or backwards by key.

use super::frame::Frame;
use super::memo::*;
use super::pass::Pass;
use super::state::{Instances, Open};
use crate::diag::Reported;
use crate::live::{NodeId, Value};
use crate::merge::trie::StarId;
use crate::types::hir::{BindKind, GroupId, GroupKind};
use std::sync::Arc;

impl Pass<'_> {
    /// The instances of a chain that extend one of its prefixes, if there is at most one.
    pub(super) fn extend_one(&mut self, from: GroupId, env: EnvId, to: GroupId) -> Instances {
        let groups = &self.eng.program.groups;
        let depth = groups[from.0 as usize].depth;
        let group = &groups[to.0 as usize];
        if from == to || group.depth <= depth {
            return Instances::One(env);
        }
        let count = |envs: &[EnvId]| match envs {
            [] => Instances::None,
            [env] => Instances::One(*env),
            _ => Instances::Several,
        };
        // One guard or loop, or none: by far the most.
        let found = match &group.kind {
            GroupKind::Guard(..) if group.parent == from => match self.guard(to, env) {
                true => Instances::One(env),
                false => Instances::None,
            },
            GroupKind::Loop(_) if group.parent == from => {
                let rounds = self.run_loop(to, env);
                match self.work(rounds.len() as u64, group.at) {
                    Ok(()) => count(&rounds),
                    Err(_) => Instances::None,
                }
            }
            _ => {
                let mut envs = Vec::new();
                self.extend(from, env, to, &mut envs);
                return count(&envs);
            }
        };
        self.unsure = self.unsure.or(self.group_failed(to, env));
        found
    }

    /// The instances of a chain that extend one of its prefixes, appended to `out`. Errors make none.
    pub fn extend(&mut self, from: GroupId, env: EnvId, to: GroupId, out: &mut Vec<EnvId>) {
        if from == to {
            out.push(env);
            return;
        }
        let groups = &self.eng.program.groups;
        let group = &groups[to.0 as usize];
        if group.depth <= groups[from.0 as usize].depth {
            // The prefix is already longer than what is asked for.
            out.push(env);
            return;
        }
        let mut outer = Vec::new();
        self.extend(from, env, group.parent, &mut outer);
        for env in outer {
            match &group.kind {
                GroupKind::Top => out.push(env),
                GroupKind::Guard(..) => {
                    if self.guard(to, env) {
                        out.push(env);
                    }
                    self.unsure = self.unsure.or(self.group_failed(to, env));
                }
                GroupKind::Loop(_) => {
                    let rounds = self.run_loop(to, env);
                    if self.work(rounds.len() as u64, group.at).is_ok() {
                        out.extend(rounds.iter());
                    }
                    self.unsure = self.unsure.or(self.group_failed(to, env));
                }
            }
        }
    }

    /// That it is not known what a guard or a loop makes, if it is not.
    fn group_failed(&self, id: GroupId, env: EnvId) -> Option<Reported> {
        let failed = |memo: &Memo| match memo.failed_groups.is_empty() {
            true => None,
            false => memo.failed_groups.get(&(id, env)).copied(),
        };
        failed(&self.memo).or_else(|| self.base.and_then(failed))
    }

    /// Whether a guard holds.
    fn guard(&mut self, id: GroupId, env: EnvId) -> bool {
        let base = if self.looks_deep() { None } else { self.base };
        if let Some(Once::Done(known)) = base.and_then(|b| b.guards.get(&(id, env))) {
            return *known;
        }
        match self.memo.guards.get(&(id, env)) {
            Some(Once::Done(known)) => return *known,
            Some(Once::Busy) => {
                self.unsure = Some(self.cycle(Open::Guard(id, env), None));
                return false;
            }
            _ => {}
        }
        let GroupKind::Guard(cond, expect) = &self.eng.program.groups[id.0 as usize].kind else {
            return true;
        };
        let (known, _) = self.memo.guards.insert_full((id, env), Once::Busy);
        self.involve(self.eng.program.groups[id.0 as usize].at);
        self.open.push(Open::Guard(id, env));
        let value = self.guarding(|pass| pass.eval(cond, &mut Frame::of(pass.env(env))));
        self.open.pop();
        self.memo.is_unsure |= value.is_error();
        if let Some(reported) = value.failed() {
            self.memo.failed_groups.insert((id, env), reported);
        }
        let holds = matches!(value, Value::Bool(b) if b == *expect);
        // Whatever was decided in between stands after it.
        self.memo.guards[known] = Once::Done(holds);
        holds
    }

    /// The environments that a loop makes.
    fn run_loop(&mut self, id: GroupId, env: EnvId) -> Arc<[EnvId]> {
        if let Some(Once::Done(known)) = self.base.and_then(|b| b.loops.get(&(id, env))) {
            return known.clone();
        }
        match self.memo.loops.get(&(id, env)) {
            Some(Once::Done(known)) => return known.clone(),
            Some(Once::Busy) => {
                self.unsure = Some(self.cycle(Open::Loop(id, env), None));
                return Arc::from([]);
            }
            _ => {}
        }
        let GroupKind::Loop(bind) = &self.eng.program.groups[id.0 as usize].kind else {
            return Arc::from([]);
        };
        let (known, _) = self.memo.loops.insert_full((id, env), Once::Busy);
        self.involve(self.eng.program.groups[id.0 as usize].at);
        self.open.push(Open::Loop(id, env));
        let outer = self.env(env);
        let source = self.eval_head(&bind.source, &mut Frame::of(outer.clone()));
        self.memo.is_unsure |= source.is_error();
        let items = self.bound(bind.kind, &source, &bind.source);
        self.open.pop();
        if let Some(reported) = source.failed() {
            self.memo.failed_groups.insert((id, env), reported);
        }
        // Each round has an environment of its own, with all that is bound around it.
        let made = items.and_then(|items| {
            let each = 2 + outer.len() as u64;
            self.make((items.len() as u64).saturating_mul(each), bind.source.at).map(|()| items)
        });
        // When there is no more room, no round follows.
        let items = made.unwrap_or_default();
        let two = matches!(bind.kind, BindKind::Indexed | BindKind::Entries);
        let mut made = Vec::with_capacity(items.len());
        for (first, second) in items {
            let mut values = Vec::with_capacity(outer.len() + 2);
            values.extend_from_slice(&outer);
            // A chain binds its slots in order, so a let or a value before it leaves no gap.
            values.resize(bind.slot as usize, Value::None);
            values.push(first);
            if two {
                values.push(second);
            }
            made.push(self.add_env(values.into()));
        }
        let made: Arc<[EnvId]> = made.into();
        self.memo.loops[known] = Once::Done(made.clone());
        made
    }

    /// What a loop binds for each round.
    pub fn bound(
        &mut self,
        kind: BindKind,
        source: &Value,
        ex: &crate::types::hir::TypedExpr,
    ) -> Result<Vec<(Value, Value)>, Reported> {
        if let Value::List(all) = source {
            self.work(all.len() as u64, ex.at)?;
        }
        Ok(match (kind, source) {
            (_, Value::Error(_)) => Vec::new(),
            (BindKind::Items, Value::List(all)) => all.iter().map(|v| (v.clone(), Value::None)).collect(),
            (BindKind::Indexed, Value::List(all)) => {
                all.iter().enumerate().map(|(i, v)| (Value::Int(i as i64), v.clone())).collect()
            }
            (BindKind::Optional, Value::None) => Vec::new(),
            (BindKind::Optional, value) => vec![(value.clone(), Value::None)],
            (BindKind::Keys | BindKind::Entries, _) => {
                let keys = self.counted_keys(source, ex.at)?;
                self.unmake(keys.len() as u64);
                let with_values = kind == BindKind::Entries;
                keys.iter()
                    .map(|k| {
                        let value = if with_values { self.entry_of(source, k, ex.at) } else { Value::None };
                        (Value::Str(k.clone()), value)
                    })
                    .collect()
            }
            _ => Vec::new(),
        })
    }

    /// The instances of a cursor at a node with this key: itself, or those of its computed step that give the key.
    pub fn instances(&mut self, cursor: Cursor, key: &Arc<str>, out: &mut Vec<(GroupId, EnvId)>) {
        let Some(star) = cursor.star else {
            out.push((cursor.group, cursor.env));
            return;
        };
        let groups = &self.eng.program.groups;
        let star_group = self.eng.trie.star(star).group;
        if groups[star_group.0 as usize].depth <= groups[cursor.group.0 as usize].depth {
            let value = self.star_key(star, cursor.group, cursor.env);
            self.unsure = self.unsure.or(value.failed());
            if value.as_str().is_some_and(|v| v == key) {
                out.push((cursor.group, cursor.env));
            }
            return;
        }
        let index = self.star_index(star, cursor.group, cursor.env);
        if let Some(found) = index.get(key) {
            out.extend(found.iter().map(|env| (star_group, *env)));
        }
    }

    /// The instances of a cursor's open step that give a key, if they were found before.
    pub fn known_instances(&self, cursor: Cursor, key: &Arc<str>) -> Option<(GroupId, &[EnvId])> {
        let star = cursor.star?;
        // Of a step that failed it is not known to which keys it leads: whoever reads below it asks again.
        let failed = |memo: &Memo| memo.failed_stars.contains_key(&(star, cursor.env));
        if failed(&self.memo) || self.base.is_some_and(failed) {
            return None;
        }
        let known = self
            .base
            .and_then(|b| b.stars.get(&(star, cursor.env)))
            .or_else(|| self.memo.stars.get(&(star, cursor.env)))?;
        let Once::Done(index) = known else { return None };
        Some((self.eng.trie.star(star).group, index.get(key).map_or(&[], Vec::as_slice)))
    }

    /// The key of a computed step in an environment. It is nobody's leaf, whoever asks. It is asked before the guards around it,
    /// as it decides whether these matter at all; but where they do not hold, a key that cannot be told is none and no mistake.
    pub(super) fn star_key(&mut self, id: StarId, group: GroupId, env: EnvId) -> Value {
        let n_told = self.problems.len();
        let star = self.eng.trie.star(id);
        self.open.push(Open::Star(id.0, env));
        let key = self.eval(&star.key, &mut Frame::of(self.env(env)));
        self.open.pop();
        if !key.is_error() {
            return key;
        }
        let before = self.unsure.take();
        let mut live = Vec::new();
        self.defs_below(star.target, group, env, &mut live);
        if !live.is_empty() || std::mem::replace(&mut self.unsure, before).is_some() {
            self.unsure = before;
            return key;
        }
        let mut own = Vec::new();
        star.key.walk(&mut |ex| own.push(ex.at));
        self.problems.take_back(n_told, |report| own.contains(&report.at));
        Value::None
    }

    /// The instances of a computed step, by key.
    pub fn star_index(&mut self, id: StarId, group: GroupId, env: EnvId) -> Arc<StarIndex> {
        let failed = |memo: &Memo| memo.failed_stars.get(&(id, env)).copied();
        self.unsure = self.unsure.or_else(|| failed(&self.memo)).or_else(|| self.base.and_then(failed));
        if let Some(Once::Done(known)) = self.base.and_then(|b| b.stars.get(&(id, env))) {
            return known.clone();
        }
        match self.memo.stars.get(&(id, env)) {
            Some(Once::Done(known)) => return known.clone(),
            Some(Once::Busy) => {
                self.unsure = Some(self.cycle(Open::Star(id.0, env), None));
                return Arc::default();
            }
            _ => {}
        }
        let star = self.eng.trie.star(id);
        self.memo.stars.insert((id, env), Once::Busy);
        self.open.push(Open::Star(id.0, env));
        let before = self.unsure.take();
        let mut envs = Vec::new();
        self.extend(group, env, star.group, &mut envs);
        let mut index = StarIndex::default();
        if self.make(envs.len() as u64, star.key.at).is_err() {
            envs.clear();
        }
        for env in envs {
            let key = self.star_key(id, star.group, env);
            self.unsure = self.unsure.or(key.failed());
            match key {
                Value::Str(key) => index.entry(key).or_default().push(env),
                Value::None => {}
                _ => self.memo.is_unsure = true,
            }
        }
        self.open.pop();
        if let Some(reported) = self.unsure {
            self.memo.failed_stars.insert((id, env), reported);
        }
        self.unsure = self.unsure.or(before);
        let index = Arc::new(index);
        self.memo.stars.insert((id, env), Once::Done(index.clone()));
        index
    }

    /// The nodes' frozen parent chain up to the root, for `key`.
    pub fn nearest_key(&self, mut id: NodeId) -> Option<Arc<str>> {
        loop {
            let node = self.node(id);
            if node.entry {
                return Some(node.key.clone());
            }
            if node.parent == id {
                return None;
            }
            id = node.parent;
        }
    }
}
