//! Where a pass looked in parts other than its own: every slot of theirs that it filled itself. What it found filled was found for what
//! all parts share.

use super::engine::Shared;
use super::memo::{Kind, Memo, Once, Slot};
use super::pass::Pass;
use crate::live::NodeId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A place in a part: the first steps to it, at most [`DEPTH`]. The second is [`ANY`]: of what lies in maps, each key is looked at
/// for the same reason.
pub type Place = Vec<Arc<str>>;

/// How many steps of a place are told apart.
pub(super) const DEPTH: usize = 3;

/// Any key.
const ANY: &str = "*";

/// Places of other parts that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// The places, and of each whether what is said of places below it matters.
    pub places: BTreeMap<Place, bool>,
}

impl Looked {
    /// Adds a place.
    fn add(&mut self, place: Place, deep: bool) {
        let deep = deep || place.len() == DEPTH;
        *self.places.entry(place).or_default() |= deep;
    }

    /// Whether what is said at a place, or from there on by a step that is computed, was looked at.
    pub(super) fn concerns(&self, said: &[Arc<str>]) -> bool {
        self.places.iter().any(|(place, deep)| place.starts_with(said) || *deep && said.starts_with(place))
    }
}

/// Goes one step down. What lies deeper than is told apart stays where it is.
pub(super) fn below(mut place: Place, step: &Arc<str>) -> Place {
    match place.len() {
        1 => place.push(ANY.into()),
        len if len < DEPTH => place.push(step.clone()),
        _ => {}
    }
    place
}

impl Pass<'_> {
    /// Notes that a record was looked at as a whole: also a field that nobody gives matters then. Only what is not of the
    /// pass's own making can be another part's.
    pub(super) fn look_at_whole(&mut self, id: NodeId) {
        if self.base.is_none() || self.is_frozen(id) {
            self.looked.insert(id, ());
        }
    }

    /// The places of other parts that this pass looked at besides those that were looked at for all.
    pub(crate) fn looked(&self, shared: &Shared, own: &str) -> Looked {
        let mut out = Looked::default();
        let Some(map) = shared.map else { return out };
        let place = |id: NodeId| place_of(&shared.memo, map, id, own);
        for (id, field) in self.over_fields.keys() {
            let id = NodeId(*id);
            let Some(place) = place(id) else { continue };
            match &shared.memo.nodes[id.0 as usize].kind {
                Kind::Record(rec, ..) => {
                    let field = &self.eng.program.types.record(*rec).fields[*field as usize];
                    out.add(below(place, &field.name), true);
                }
                _ => out.add(place, true),
            }
        }
        for (id, key) in self.over_entries.keys() {
            if let Some(place) = place(NodeId(*id)) {
                out.add(below(place, key), true);
            }
        }
        for id in self.over_keys.keys() {
            out.places.extend(place(NodeId(*id)).map(|place| (place, true)));
        }
        for id in self.over_wholes.keys() {
            // What is given whole is said at a place or above it.
            if let Some(place) = place(NodeId(*id)) {
                out.add(place, false);
            }
        }
        for id in self.looked.keys() {
            out.places.extend(place(*id).map(|place| (place, true)));
        }
        out
    }
}

impl Shared {
    /// The places of parts that were looked at for what all share.
    pub(crate) fn looked(&self) -> Looked {
        let mut out = Looked::default();
        let Some(map) = self.map else { return out };
        // That there is a part is looked at always.
        out.add(Place::new(), false);
        match &self.memo.nodes[map.0 as usize].kind {
            Kind::Map(_, _, parts) => {
                parts.values().for_each(|slot| out.add_slot(&self.memo, slot, &Place::new()));
            }
            _ => out.add(Place::new(), true),
        }
        for id in self.looked.keys() {
            out.places.extend(place_of(&self.memo, map, *id, "").map(|place| (place, true)));
        }
        out
    }
}

impl Looked {
    /// Adds a slot that is filled, and those below it.
    fn add_slot(&mut self, memo: &Memo, slot: &Slot, place: &Place) {
        let child = match slot {
            Slot::Unset => return,
            Slot::Child(child) if place.len() < DEPTH => &memo.nodes[child.0 as usize],
            // A value, maybe with all that lies in it.
            _ => return self.note(place, true),
        };
        self.note(place, false);
        match &child.kind {
            Kind::Record(_, plan, slots) => {
                for (i, field) in (0..).zip(plan.fields.iter()) {
                    let slot = slots.get(i);
                    if !matches!(slot, Slot::Unset) {
                        self.add_slot(memo, slot, &below(place.clone(), &field.name));
                    }
                }
            }
            // Which fields it has is told apart from what else is said of them, of the keys of an inner map it is not.
            Kind::Map(_, keys, entries) if place.len() == 1 => {
                let any = below(place.clone(), &Arc::from(ANY));
                if !matches!(keys, Once::Unset) || !entries.is_empty() {
                    self.note(&any, false);
                }
                entries.values().for_each(|slot| self.add_slot(memo, slot, &any));
            }
            Kind::Map(..) | Kind::Tree(..) => self.note(place, true),
        }
    }

    fn note(&mut self, place: &Place, deep: bool) {
        match self.places.get_mut(place) {
            Some(known) => *known |= deep || place.len() == DEPTH,
            None => self.add(place.clone(), deep),
        }
    }
}

/// The place of a node in a part that is not the pass's own.
fn place_of(memo: &Memo, map: NodeId, id: NodeId, own: &str) -> Option<Place> {
    let node = |id: NodeId| &memo.nodes[id.0 as usize];
    let (mut at, mut steps) = (id, Vec::new());
    if at == map {
        // It holds the parts. Which there are is looked at always.
        return None;
    }
    loop {
        let parent = node(at).parent;
        if parent == at {
            return None;
        }
        if parent == map {
            break;
        }
        steps.push(&node(at).key);
        at = parent;
    }
    (*node(at).key != *own).then(|| steps.into_iter().rev().fold(Place::new(), below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(steps: &str) -> Place {
        steps.split_whitespace().map(Arc::from).fold(Place::new(), |place, step| below(place, &step))
    }

    #[test]
    fn what_is_said_concerns_who_looks_there_or_below_and_above_only_in_depth() {
        let looked = |at: &str, deep| Looked { places: BTreeMap::from([(place(at), deep)]) };
        for said in ["", "containers", "containers x"] {
            assert!(looked("containers y", false).concerns(&place(said)), "{said}");
        }
        assert!(!looked("containers y", false).concerns(&place("containers y env MODE")));
        assert!(looked("containers y", true).concerns(&place("containers y env MODE")));
        assert!(!looked("containers y listens", true).concerns(&place("containers y env MODE")));
        assert!(looked("containers y env MODE", true).concerns(&place("containers z env LEVEL")));
        assert!(!looked("files", true).concerns(&place("containers")));
        assert!(!Looked::default().concerns(&[]));
    }
}
