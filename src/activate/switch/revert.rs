//! The way back in the same process: the host ends on the generation it had, with the units that ran then.
//!
//! Judges by what is seen, units' states before and now, and not by how far the switch believed to have come.

use std::collections::BTreeSet;

use super::forward::{HeldForward, Later, Tried, hold};
use super::transaction::{Switch, set_links, settle};
use crate::failure::Failure;
use crate::machine::systemd::UnitState;
use crate::perform::contents::render_content;
use crate::perform::host::{Host, Progress};
use crate::perform::stop::stop_all;
use crate::perform::{kernel, perform};
use crate::plan::diff::Action;
use crate::plan::observed::{Observed, ObservedUnit, plan_observed};
use crate::plan::steps::Stop;
use crate::records::completions;
use crate::records::generation::{self, LaterVolume};
use crate::records::request::Options;
use store::manifest::UnitKind;
use store::{Closure, Manifest};

/// Goes back, does as much of it as can be done, and returns what could not, and the generation in which data of a later format go on.
pub(super) fn revert(host: &mut Host<'_>, switch: &mut Switch) -> (Vec<Failure>, Option<HeldForward>) {
    let touched = touched(host, switch);
    let mut problems = Vec::new();
    let later = match later(host, switch, &touched) {
        Ok(later) => Some(later),
        // Where that cannot be told, nothing starts; what is committed by now the next run knows.
        Err(error) => {
            problems.push(error);
            None
        }
    };
    let (held, down) = match later {
        None => (None, None),
        Some(Later::None) => (None, Some(BTreeSet::new())),
        Some(Later::Held(held)) => (Some(*held), Some(BTreeSet::new())),
        Some(Later::Down(volumes, why)) => {
            let mut down = BTreeSet::new();
            for LaterVolume { volume, has, reads, units } in volumes {
                down.extend(units.iter().cloned());
                let (units, why) = (units.join(", "), why.clone());
                problems.push(Failure::Outgrown { units, volume, has, reads, why });
            }
            (None, Some(down))
        }
    };
    let old = held.as_ref().map(|it| &it.closure).or_else(|| switch.from.as_ref().map(|it| &it.closure));

    // A unit stops properly under its own definition only, so this comes before the trial ends.
    let goes_on = |unit: &str| held.as_ref().is_some_and(|it| goes_on(it, switch, unit));
    let stops = stops(host, switch, &touched, goes_on);
    problems.extend(stop(host, &stops));
    // Each twice: what failed for a moment must not leave the host between two generations.
    let drop_trial = || generation::drop_trial(host.layout);
    problems.extend(drop_trial().or_else(|_| drop_trial()).err().map(Failure::from));
    problems.extend(host.systemd.reload().or_else(|_| host.systemd.reload()).err().map(Failure::from));
    problems.extend(kernel::restore(host.layout, &switch.saved));
    for unit in &touched {
        // That a unit has no failure to forget is no problem of ours.
        let _none = host.systemd.forget_failure(unit);
    }
    problems.extend(settle(host, old.map(|it| &it.manifest)).err());
    if let (Some(old), Some(down)) = (old, down) {
        let is_wanted = |name: &str| {
            let was_up = switch.before.get(name).is_some_and(UnitState::is_up);
            touched.contains(name) && (was_up || goes_on(name)) && !down.contains(name)
        };
        let mut observed = observe(host, switch, &old.manifest, &touched);
        // What goes on is not taken for up until its gate says so.
        observed
            .iter_mut()
            .filter(|(name, _)| goes_on(name))
            .for_each(|(_, seen)| *seen = ObservedUnit::Down);
        problems.extend(come_up(host, switch, old, &observed, is_wanted));
    }
    if let Some(held) = &held {
        // A link that could not be set is drift, which `status` tells.
        let _told = set_links(host.layout, switch.from.as_ref().map(|it| &it.closure), &held.closure);
    }
    (problems, held)
}

/// Finds out what is to be done about data of a later format.
fn later(host: &mut Host<'_>, switch: &Switch, touched: &BTreeSet<String>) -> Result<Later, Failure> {
    let Some(from) = &switch.from else { return Ok(Later::None) };
    hold(host.layout, host.tools, &Tried { from, to: &switch.to, number: switch.number, touched })
}

/// Says whether a unit goes on as the generation that was tried has it, where the one before has another.
fn goes_on(held: &HeldForward, switch: &Switch, unit: &str) -> bool {
    let of = |closure: &Closure| closure.manifest.units.get(unit).map(|it| it.digests.restart.clone());
    let is_task = held.closure.manifest.units.get(unit).is_some_and(|it| it.kind == UnitKind::Task);
    let is = of(&held.closure);
    !is_task
        && is.is_some()
        && is == of(&switch.to)
        && is != switch.from.as_ref().and_then(|it| of(&it.closure))
}

/// Stops units, and returns what went wrong; that one of them is the host's by now, somebody must see.
fn stop(host: &mut Host<'_>, stops: &[Stop]) -> Vec<Failure> {
    let mut progress = Progress::default();
    let mut problems = stop_all(host, stops, &mut progress);
    problems.append(&mut progress.spared);
    problems
}

fn come_up(
    host: &mut Host<'_>,
    switch: &Switch,
    old: &Closure,
    observed: &Observed,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<Failure> {
    // What containers read was rendered when they first started; this is for a folder that somebody removed.
    let unrendered = render_content(host.layout, host.tools, &host.vault, old).into_iter();
    let mut problems: Vec<Failure> =
        unrendered.map(|error| Failure::Render { source: Box::new(error) }).collect();
    // What was stopped comes back whatever it is.
    let done = completions::of_committed(host.layout, &old.manifest);
    let options = Options { allow_dataplane: true, ..Options::default() };
    let plan = plan_observed(observed, &[&switch.to.manifest], &old.manifest, is_wanted, &done, &options);
    problems.extend(stop(host, &plan.stops));
    problems.extend(perform(host, &plan.acts, old, &mut Progress::default()).err());
    problems
}

/// Looks at the units of both generations: which of them run, and by which definition. What was not touched runs by the old one.
fn observe(host: &mut Host<'_>, switch: &Switch, old: &Manifest, touched: &BTreeSet<String>) -> Observed {
    let new = &switch.to.manifest;
    let mut observed = Observed::new();
    for name in old.units.keys().chain(new.units.keys()) {
        let by = |is_new: bool| if is_new { new.units.get(name) } else { old.units.get(name) };
        // One of which nothing can be seen is left as it is, unless it was touched.
        let is_up = host.systemd.state(name).map_or(!touched.contains(name), |state| state.is_up());
        let restart = by(touched.contains(name)).map(|unit| unit.digests.restart.clone());
        let has_new_files = touched.contains(name) || switch.progress.reloaded.contains(name);
        let reload = by(has_new_files).map(|unit| unit.digests.reload.clone());
        let seen = if is_up { ObservedUnit::Up { restart, reload } } else { ObservedUnit::Down };
        observed.insert(name.clone(), seen);
    }
    observed
}

/// Returns units that a job was asked for, and those of the difference that run anew since: a crash may have restarted them.
fn touched(host: &mut Host<'_>, switch: &Switch) -> BTreeSet<String> {
    let mut touched = switch.progress.touched.clone();
    for (name, change) in &switch.difference.units {
        let may_have_run = matches!(
            change.action,
            Action::Start | Action::Restart | Action::Stop | Action::StopStart | Action::Recreate
        );
        let before = switch.before.get(name).map(|state| state.invocation.clone()).unwrap_or_default();
        let is_new = |state: UnitState| state.is_up() && state.invocation != before;
        if may_have_run && host.systemd.state(name).is_ok_and(is_new) {
            touched.insert(name.clone());
        }
    }
    touched
}

/// Lists the touched units that run now, under the definition they run by; the last in the order stops first.
fn stops(
    host: &mut Host<'_>,
    switch: &Switch,
    touched: &BTreeSet<String>,
    goes_on: impl Fn(&str) -> bool,
) -> Vec<Stop> {
    let manifest = &switch.to.manifest;
    let stop = |name: &String| {
        let unit = manifest.units.get(name)?;
        let before = switch.before.get(name).map(|it| it.invocation.clone()).unwrap_or_default();
        let is_there = host.systemd.state(name).map_or(true, |state| {
            // A start that was asked for may not have happened: what runs still runs by the definition before.
            let stays = goes_on(name) && state.is_up() && state.invocation != before;
            !stays && (state.is_up() || state.active == "deactivating")
        });
        let (reason, stop_secs) = ("going back".to_owned(), unit.stop_secs);
        let stop = Stop { unit: name.clone(), reason, is_container: unit.container.is_some(), stop_secs };
        is_there.then_some(stop)
    };
    touched.iter().rev().filter_map(stop).collect()
}
