//! The shared part of the tree, and the parts of the partition on top of it.

use super::engine::{Engine, Shared};
use super::memo::{Keys, Kind, Once, Slot};
use super::pass::Pass;
use crate::data::{Data, Origin};
use crate::live::{NodeId, Value};
use std::sync::Arc;

impl Engine {
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
        let Pass { memo, problems, looked, .. } = pass;
        Shared { memo, problems, fields, parts, map, looked }
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
        let data = pass.force_value(&slot, &place, Origin { at, through: None }, Some(map));
        pass.add_site_lines();
        Some(data)
    }
}

impl Pass<'_> {
    /// Makes the indexes of computed steps in the partition, so that no part has to make them again.
    fn prepare(&mut self, map: NodeId) {
        let cursors = self.node(map).cursors.clone();
        for cursor in cursors.iter() {
            for star in &self.eng.trie.node(cursor.trie).stars {
                let group = self.eng.trie.star(*star).group;
                if self.eng.program.groups[group.0 as usize].depth
                    > self.eng.program.groups[cursor.group.0 as usize].depth
                {
                    self.star_index(*star, cursor.group, cursor.env);
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
        let &Slot::Child(frozen) = self.entry_slot(map, name) else { return };
        let node = self.node(frozen).clone();
        let own =
            self.add_node(node.place, node.parent, node.key, node.entry, node.cursors, node.above, node.cuts);
        // Leaves that the shared pass evaluated stay as they are; what lies deeper is this pass's own.
        if let Kind::Record(_, _, slots) = &node.kind {
            for field in 0..slots.len() as u32 {
                if let slot @ Slot::Value(..) = slots.get(field) {
                    self.set_field(own, field, slot.clone());
                }
            }
        }
        if let Once::Done(wholes) = node.wholes {
            self.set_wholes(own, Once::Done(wholes));
        }
        self.own_part = Some((frozen, own));
    }
}
