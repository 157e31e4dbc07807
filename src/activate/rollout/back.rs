//! The way back of a host in a rollout, to what it was before: what is to be done about it, if anything.
//!
//! Does nothing: what goes back is a switch like any other, to a generation that the host has.

use std::collections::BTreeSet;

use crate::failure::{NotBegun, Refusal};
use crate::machine::layout::Layout;
use crate::records::generation::{self, committed_closure};
use crate::records::part::{Enrolled, Part};
use crate::records::request::{Options, Target};

/// What takes a host back.
#[derive(Debug)]
pub enum Back {
    /// It is there: the committed generation, if it is to have one.
    There(Option<u64>),
    /// A switch does it.
    Switch(Target, Box<Options>),
}

/// Finds out what takes a host back on which no switch is open.
pub fn way_back(layout: &Layout, enrolled: &Enrolled) -> Result<Back, NotBegun> {
    let Enrolled { lead, from, to, cloud, time: _ } = enrolled;
    let number = generation::booted(layout)?;
    let committed = number.map(|it| committed_closure(layout, it)).transpose()?;
    if committed == *from {
        return Ok(Back::There(number));
    }
    // Data of a later format go on there, and no way back leads further.
    let held = number.map(|it| generation::load_record(layout, it)).transpose()?.and_then(|it| it.forward);
    if from.is_some() && held.map(|it| it.base) == *from {
        return Ok(Back::There(number));
    }
    let Some(former) = from else { return Err(Refusal::NoFormer.into()) };
    if committed.as_ref() != Some(to) {
        return Err(Refusal::NotFrom { wanted: Some(to.clone()), found: committed }.into());
    }
    let part = Part { lead: lead.clone(), from: committed, waits: BTreeSet::new(), finish: false };
    let options = Options { part: Some(part), ..Options::default() };
    let target = Target::Again { closure: former.clone(), cloud: cloud.clone() };
    Ok(Back::Switch(target, Box::new(options)))
}
