//! A typed program with its index, ready to be evaluated by passes.

use super::demand;
use super::errors;
use super::memo::{Keys, Kind, Map, Memo, Once};
use super::pass::Pass;
use crate::data::Data;
use crate::diag::Problems;
use crate::live::{NodeId, Value};
use crate::merge::trie::{self, Trie};
use crate::types::hir::{DefId, Ek, Program};
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
        let (closed, deep) = (demand::closed(&program), demand::deep(&program.types));
        let patterns = patterns(&program);
        Engine { program, trie, root_ty, leaf, closed, deep, patterns }
    }

    /// Evaluates all that is not below the partition, and the checks. The memory is what the parts stand on.
    pub fn shared(&self, partition: Option<&str>) -> Shared {
        let mut pass = Pass::new(self, None);
        pass.literals();
        let root = NodeId(0);
        let record = self.program.types.record(self.program.root);
        let partition = partition.and_then(|name| record.find(name));
        pass.partition_field = partition;
        if let Some(i) = partition
            && let Value::Node(id) = pass.field(root, i)
        {
            pass.partition = Some(id);
        }
        let mut fields = Vec::new();
        for (i, field) in record.fields.iter().enumerate() {
            if Some(i as u32) == partition {
                continue;
            }
            let data = pass.force_field(root, i as u32);
            fields.push((field.name.clone(), data));
        }
        let mut parts = Arc::new(Keys::default());
        let mut map = pass.partition;
        if let Some(id) = map {
            parts = pass.keys(id);
            pass.prepare(id);
        }
        pass.checks();
        pass.add_site_lines();
        if pass.budget.over().is_some() {
            // What the parts would stand on is not whole.
            (parts, map) = (Arc::default(), None);
        }
        let Pass { memo, problems, .. } = pass;
        Shared { memo, problems, fields, parts, map }
    }

    /// One part: forced, with its reports.
    pub fn part(&self, shared: &Shared, pass: &mut Pass<'_>, name: &Arc<str>) -> Option<Data> {
        let map = shared.map?;
        pass.begin_part(name);
        pass.partition = Some(map);
        pass.adopt(map, name);
        let slot = pass.entry(map, name);
        let ty = match &pass.node(map).kind {
            Kind::Map(value, ..) => *value,
            _ => return None,
        };
        let place = pass.node(map).place.item(ty);
        let at = pass.first_at(map);
        let data = pass.force_value(&slot, &place, crate::data::Origin { at, through: None }, Some(map));
        pass.add_site_lines();
        Some(data)
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

/// The patterns that conditions name.
fn patterns(program: &Program) -> BTreeSet<Arc<str>> {
    let mut found = BTreeSet::new();
    for ex in &program.wheres {
        ex.walk(&mut |inner| {
            if let Ek::Builtin(index, args, _) = &inner.kind
                && super::builtins::get(*index).name == "matches"
                && let Some(Ek::Const(Value::Str(pattern))) = args.get(1).map(|it| &it.kind)
            {
                found.insert(pattern.clone());
            }
        });
    }
    found
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
}

impl Pass<'_> {
    /// Makes the indexes of computed steps in the partition, so that no part has to make them again.
    fn prepare(&mut self, map: NodeId) {
        let curs = self.node(map).curs.clone();
        for cur in curs.iter() {
            for star in &self.eng.trie.node(cur.trie).stars {
                let group = self.eng.trie.star(*star).group;
                if self.eng.program.groups[group.0 as usize].depth
                    > self.eng.program.groups[cur.group.0 as usize].depth
                {
                    self.star_index(*star, cur.group, cur.env);
                }
            }
        }
        self.absent_below(map);
        let keys = self.keys(map);
        self.keys_hold(map, &keys);
        for key in &keys.present {
            self.entry(map, key);
        }
    }

    /// Gives this pass a node of its own in place of the frozen one of its part.
    fn adopt(&mut self, map: NodeId, name: &Arc<str>) {
        let super::memo::Slot::Child(frozen) = self.entry_slot(map, name) else { return };
        let node = self.node(frozen).clone();
        let own =
            self.add_node(node.place, node.parent, node.key, node.entry, node.curs, node.above, node.cuts);
        // Leaves that the shared pass evaluated stay as they are; what lies deeper is this pass's own.
        if let Kind::Record(_, _, slots) = &node.kind {
            for (i, slot) in slots.iter().enumerate() {
                if let super::memo::Slot::Value(..) = slot {
                    self.set_field(own, i as u32, slot.clone());
                }
            }
        }
        if let Once::Done(wholes) = node.wholes {
            self.set_wholes(own, Once::Done(wholes));
        }
        self.own_part = Some((frozen, own));
    }
}
