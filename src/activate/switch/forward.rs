//! What a way back does about data that have a later format by now: the units that write them go on as the generation that was tried has
//! them, as part of a generation of their own, and everything else goes back.
//!
//! That generation is committed like any other, before the trial ends: a boot, `status`, `gc` and the next switch know it by its manifest.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::Failure;
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::plan::forward::compose;
use crate::records::error_report::error_chain;
use crate::records::formats;
use crate::records::generation::{self, Committed, CurrentGeneration, Draft, Forward, LaterVolume};
use crate::records::history::{self, End, Event, Kind};
use store::files::FileError;
use store::{Closure, Digest, StoreError};

/// What a host goes back to instead of the generation that it had.
pub(super) struct HeldForward {
    /// Its number on this host.
    pub number: u64,
    pub closure: Closure,
    /// Data that the generation before cannot read.
    pub volumes: Vec<LaterVolume>,
}

/// What is to be done about data of a later format.
pub(super) enum Later {
    /// There are none.
    None,
    /// This generation is committed.
    Held(Box<HeldForward>),
    /// The two generations do not fit together: these units may not start. With the reason.
    Down(Vec<LaterVolume>, String),
}

/// A switch as far as it matters here: from what to what, and what was touched.
pub(super) struct Tried<'a> {
    pub from: &'a CurrentGeneration,
    pub to: &'a Closure,
    pub number: u64,
    pub touched: &'a BTreeSet<String>,
}

/// Finds out whether data have a later format than the generation reads to which a host goes back, and commits what it goes back to
/// instead. May be killed and called again.
pub(super) fn hold(layout: &Layout, tools: &mut dyn Tools, tried: &Tried<'_>) -> Result<Later, Failure> {
    let Tried { from, to, number, touched } = tried;
    if let Some(held) = held(layout, from.number).map_err(unreadable)? {
        return Ok(Later::Held(Box::new(held)));
    }
    let mut volumes = formats::later(layout, tools, &from.closure.manifest)?;
    let writes = |it: &LaterVolume| {
        let units = to.manifest.formats.get(&it.volume).into_iter().flat_map(|format| &format.units);
        units.chain(&it.units).any(|unit| touched.contains(unit))
    };
    volumes.retain(writes);
    if volumes.is_empty() {
        return Ok(Later::None);
    }
    let versions: BTreeMap<_, _> = volumes.iter().map(|it| (it.volume.clone(), it.has)).collect();
    let closure = match compose(&from.closure, to, &versions) {
        Ok(closure) => closure,
        Err(why) => return Ok(Later::Down(volumes, why)),
    };
    let number = match commit(layout, &closure, *number, &from.closure.digest(), &volumes) {
        Ok(number) => number,
        // The generation before is committed still.
        Err(error) => return Ok(Later::Down(volumes, error_chain(&error))),
    };
    Ok(Later::Held(Box::new(HeldForward { number, closure, volumes })))
}

fn unreadable(source: StoreError) -> Failure {
    Failure::Forward { source: Box::new(source) }
}

/// Returns the committed generation, if a way back from another one has made it.
fn held(layout: &Layout, from: u64) -> Result<Option<HeldForward>, StoreError> {
    let Some(number) = generation::booted(layout)?.filter(|it| *it != from) else { return Ok(None) };
    let Some(Forward { volumes, .. }) = generation::load_record(layout, number)?.forward else {
        return Ok(None);
    };
    Ok(Some(HeldForward { number, closure: generation::load_closure(layout, number)?, volumes }))
}

/// Writes and commits a generation, made by the program that made the one that was tried.
fn commit(
    layout: &Layout,
    closure: &Closure,
    tried: u64,
    base: &Digest,
    volumes: &[LaterVolume],
) -> Result<u64, StoreError> {
    let engine = generation::load_record(layout, tried)?.engine;
    let used = history::highest_number(&history::load(layout)?);
    let forward = Forward { base: base.clone(), volumes: volumes.to_vec() };
    let draft = Draft::write(layout, closure)?;
    let number = draft.keep(layout, used, None, closure.digest(), engine, Some(forward))?;
    match generation::commit(layout, number)? {
        Committed::Synced => Ok(number),
        // It holds now, and a power cut may leave the one before, whose units the guard of its formats keeps down then.
        Committed::Unknown(_) => Ok(number),
    }
}

/// Adds the generation to history; that it was added before is well.
pub(super) fn note(layout: &Layout, tx: &str, from: u64, held: &HeldForward) -> Result<(), FileError> {
    let reason = held.volumes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let event = Event {
        version: 1,
        tx: format!("{tx}-forward"),
        time: history::seconds_now(),
        kind: Kind::Switch,
        end: End::Committed,
        from: Some(from),
        to: held.number,
        closure: held.closure.digest(),
        tasks: Vec::new(),
        reason: Some(reason),
    };
    history::add(layout, &event)
}

/// Returns what the committed generation holds forward, for a way back that had come to its end.
pub(super) fn volumes(layout: &Layout) -> Result<Vec<LaterVolume>, StoreError> {
    let Some(number) = generation::booted(layout)? else { return Ok(Vec::new()) };
    Ok(generation::load_record(layout, number)?.forward.map(|it| it.volumes).unwrap_or_default())
}
