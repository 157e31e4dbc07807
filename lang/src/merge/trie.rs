//! The index of definitions by path: a step is a known name or a star (a computed key).

use crate::types::hir::{Def, DefId, Given, GroupId, GroupKind, Program, StepH, TypedExpr, TypedKind};
use indexmap::IndexMap;
use std::sync::Arc;

/// A node of the index; 0 is the root.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TrieId(pub u32);

/// A computed step; shared by all definitions whose step is the same expression in the same chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StarId(pub u32);

/// A place in the index.
#[derive(Clone, Debug, Default)]
pub struct TrieNode {
    /// Steps by known name.
    pub names: IndexMap<Arc<str>, TrieId>,
    /// Computed steps.
    pub stars: Vec<StarId>,
    /// Definitions that end here.
    pub ends: Vec<DefId>,
    /// The first definition that ends here or below.
    pub first: Option<DefId>,
    /// Whether a definition ending here gives a value whole, so that anything may lie below.
    pub whole: bool,
    /// Whether a `:=` ends here.
    pub replaces: bool,
    /// Whether a `none` ends here.
    pub takes_away: bool,
}

/// A computed step.
#[derive(Clone, Debug)]
pub struct Star {
    /// The shortest chain that binds what the key reads.
    pub group: GroupId,
    /// The key.
    pub key: Arc<TypedExpr>,
    /// Whether it adds keys.
    pub adds: bool,
    /// Where it leads.
    pub target: TrieId,
}

/// The index.
#[derive(Clone, Debug)]
pub struct Trie {
    /// Its places.
    pub nodes: Vec<TrieNode>,
    /// Its computed steps.
    pub stars: Vec<Star>,
}

impl Trie {
    /// The place of an id.
    #[inline]
    pub fn node(&self, id: TrieId) -> &TrieNode {
        &self.nodes[id.0 as usize]
    }

    /// The computed step of an id.
    #[inline]
    pub fn star(&self, id: StarId) -> &Star {
        &self.stars[id.0 as usize]
    }
}

/// Makes the index of a program's definitions.
pub fn index(program: &Program) -> Trie {
    let mut trie = Trie { nodes: vec![TrieNode::default()], stars: Vec::new() };
    for (i, def) in program.defs.iter().enumerate() {
        insert(&mut trie, program, DefId(i as u32), def);
    }
    // A place is made after those above it.
    for i in (0..trie.nodes.len()).rev() {
        trie.nodes[i].first = first(&trie, &trie.nodes[i]);
    }
    trie
}

/// The first definition at or below a place, known of all places below it: by name, then by computed steps, the last one first.
fn first(trie: &Trie, place: &TrieNode) -> Option<DefId> {
    let named = || place.names.values().find_map(|it| trie.node(*it).first);
    let computed = || place.stars.iter().rev().find_map(|it| trie.node(trie.star(*it).target).first);
    place.ends.first().copied().or_else(named).or_else(computed)
}

fn insert(trie: &mut Trie, program: &Program, id: DefId, def: &Def) {
    let mut at = TrieId(0);
    for step in &def.path {
        at = match step {
            StepH::Name(name) => match trie.nodes[at.0 as usize].names.get(name) {
                Some(next) => *next,
                None => {
                    let next = push(trie);
                    trie.nodes[at.0 as usize].names.insert(name.clone(), next);
                    next
                }
            },
            StepH::Computed(key, adds) => star(trie, program, at, def.group, key, *adds),
        };
    }
    let node = &mut trie.nodes[at.0 as usize];
    node.ends.push(id);
    node.whole |= matches!(def.given, Given::Value(_));
    node.replaces |= def.op == crate::syntax::ast::Op::Replace;
    node.takes_away |= matches!(def.given, Given::None);
}

fn push(trie: &mut Trie) -> TrieId {
    trie.nodes.push(TrieNode::default());
    TrieId(trie.nodes.len() as u32 - 1)
}

fn star(
    trie: &mut Trie,
    program: &Program,
    at: TrieId,
    group: GroupId,
    key: &Arc<TypedExpr>,
    adds: bool,
) -> TrieId {
    let group = shortest(program, group, key);
    let known = trie.nodes[at.0 as usize].stars.iter().copied().find(|s| {
        let star = trie.star(*s);
        star.group == group && star.adds == adds && same_key(&star.key, key)
    });
    if let Some(known) = known {
        return trie.star(known).target;
    }
    let target = push(trie);
    let id = StarId(trie.stars.len() as u32);
    trie.stars.push(Star { group, key: key.clone(), adds, target });
    trie.nodes[at.0 as usize].stars.push(id);
    target
}

/// The shortest prefix of a chain that binds every slot that the key reads.
fn shortest(program: &Program, mut group: GroupId, key: &TypedExpr) -> GroupId {
    let wanted = max_slot(key);
    loop {
        let this = &program.groups[group.0 as usize];
        let parent = &program.groups[this.parent.0 as usize];
        let needed = match &this.kind {
            GroupKind::Top => return group,
            GroupKind::Loop(_) => wanted > parent.n_slots,
            GroupKind::Guard(..) => false,
        };
        if needed {
            return group;
        }
        group = this.parent;
    }
}

/// One past the highest slot that the key reads.
fn max_slot(key: &TypedExpr) -> u32 {
    let mut max = 0;
    key.walk(&mut |ex| {
        if let TypedKind::Local(slot) = ex.kind {
            max = max.max(slot + 1);
        }
    });
    max
}

/// Whether two keys are the same variable, or were written at the same place.
fn same_key(a: &TypedExpr, b: &TypedExpr) -> bool {
    match (&a.kind, &b.kind) {
        (TypedKind::Local(x), TypedKind::Local(y)) => x == y,
        _ => a.at == b.at,
    }
}
