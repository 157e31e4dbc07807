//! What is noted of what definitions take away by `none` and by `-=`.

use super::map::Map;
use crate::types::hir::DefId;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What one definition takes away under one name, in all its rounds.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Whether it was there somewhere.
    pub found: bool,
    /// Where it was not, first by the name of the part.
    pub missed: Option<Missed>,
    /// The parts in which it was not.
    pub parts: BTreeSet<Arc<str>>,
}

/// A place where something should be taken away that is not there.
#[derive(Clone, Debug)]
pub struct Missed {
    /// The part.
    pub part: Option<Arc<str>>,
    /// The map or list, as it is written.
    pub path: String,
    /// What to do next.
    pub help: Option<String>,
    /// Whether it is a key of a map.
    pub is_key: bool,
}

/// All that definitions take away, by definition and name.
pub type AllTaken = Map<(DefId, Arc<str>), Taken>;

/// Takes over what another pass found.
pub fn join(all: &mut AllTaken, more: AllTaken) {
    for (key, taken) in more {
        let known = all.entry(key).or_default();
        known.found |= taken.found;
        known.parts.extend(taken.parts);
        let part = |missed: &Option<Missed>| missed.as_ref().and_then(|m| m.part.clone());
        if known.missed.is_none() || (taken.missed.is_some() && part(&taken.missed) < part(&known.missed)) {
            known.missed = taken.missed;
        }
    }
}

/// Why a definition does not add what is taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Elsewhere {
    /// Its guards and loops let it add nothing.
    Off,
    /// It adds to other entries than those from which is taken away.
    OtherKeys,
}
