//! Which slots of nodes are filled: those of frozen nodes are kept beside them.

use super::memo::{Composite, Keys, Kind, Once, Slot};
use super::pass::Pass;
use crate::live::NodeId;
use std::sync::Arc;

impl Pass<'_> {
    /// The slot of a record's field.
    #[inline]
    pub fn field_slot(&self, id: NodeId, field: u32) -> &Slot {
        let Kind::Record(_, _, slots) = &self.node(id).kind else { return &Slot::Unset };
        match slots.get(field) {
            Slot::Unset if self.is_frozen(id) => self.over_fields.get(&(id.0, field)).unwrap_or(&Slot::Unset),
            slot => slot,
        }
    }

    /// Fills the slot of a record's field.
    #[inline]
    pub fn set_field(&mut self, id: NodeId, field: u32, slot: Slot) {
        if self.is_frozen(id) {
            self.over_fields.insert((id.0, field), slot);
        } else if let Kind::Record(_, _, slots) = &mut self.node_mut(id).kind {
            slots.set(field, slot);
        }
    }

    /// The slot of an entry of a map or Tree.
    pub fn entry_slot(&self, id: NodeId, key: &Arc<str>) -> &Slot {
        let (Kind::Map(_, _, children) | Kind::Tree(_, children)) = &self.node(id).kind else {
            return &Slot::Unset;
        };
        match children.get(key) {
            Some(slot) => slot,
            None if self.is_frozen(id) => self.over_entries.get(&(id.0, key.clone())).unwrap_or(&Slot::Unset),
            None => &Slot::Unset,
        }
    }

    /// Fills the slot of an entry.
    pub fn set_entry(&mut self, id: NodeId, key: &Arc<str>, slot: Slot) {
        if self.is_frozen(id) {
            self.over_entries.insert((id.0, key.clone()), slot);
            return;
        }
        if let Kind::Map(_, _, children) | Kind::Tree(_, children) = &mut self.node_mut(id).kind {
            children.insert(key.clone(), slot);
        }
    }

    /// What is known of the keys of a map or Tree.
    pub fn keys_state(&self, id: NodeId) -> Once<Arc<Keys>> {
        let (Kind::Map(_, keys, _) | Kind::Tree(keys, _)) = &self.node(id).kind else { return Once::Unset };
        match keys {
            Once::Unset if self.is_frozen(id) => self.over_keys.get(&id.0).cloned().unwrap_or_default(),
            known => known.clone(),
        }
    }

    /// Remembers the keys of a map or Tree.
    pub fn set_keys(&mut self, id: NodeId, state: Once<Arc<Keys>>) {
        if self.is_frozen(id) {
            self.over_keys.insert(id.0, state);
        } else if let Kind::Map(_, keys, _) | Kind::Tree(keys, _) = &mut self.node_mut(id).kind {
            *keys = state;
        }
    }

    /// What is known of the values given whole at a node.
    #[inline]
    pub fn wholes_state(&self, id: NodeId) -> Once<Arc<[Composite]>> {
        match &self.node(id).wholes {
            Once::Unset if self.is_frozen(id) => self.over_wholes.get(&id.0).cloned().unwrap_or_default(),
            known => known.clone(),
        }
    }

    /// Remembers them.
    pub fn set_wholes(&mut self, id: NodeId, state: Once<Arc<[Composite]>>) {
        if self.is_frozen(id) {
            self.over_wholes.insert(id.0, state);
        } else {
            self.node_mut(id).wholes = state;
        }
    }
}
