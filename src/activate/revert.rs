//! The way back in the same process: the host ends on the generation it had, with the units that ran then.
//!
//! Judges by what is seen, units' states before and now, and not by how far the switch believed to have come.

use std::collections::BTreeSet;

use super::diff::Action;
use super::failure::Failure;
use super::generation;
use super::kernel;
use super::observed::{Observed, Seen, plan_observed};
use super::perform::{Host, Progress, perform, stop_all};
use super::request::Options;
use super::stamps::Stamp;
use super::steps::Stop;
use super::switch::render_content;
use super::systemd::UnitState;
use super::transaction::{Switch, settle};
use crate::store::{Closure, Manifest};

/// Goes back, does as much of it as can be done, and returns what could not.
pub(super) fn revert(host: &mut Host<'_>, switch: &mut Switch) -> Vec<Failure> {
    let touched = touched(host, switch);
    let was_up = |name: &str| switch.before.get(name).is_some_and(UnitState::is_up);
    let old = switch.from.as_ref().map(|it| &it.closure);
    let mut problems = Vec::new();

    // A unit stops properly under its own definition only, so this comes before the trial ends.
    let stops = stops(host, switch, &touched);
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
    if let Some(old) = old {
        problems.extend(come_up(host, switch, old, &touched, was_up));
    }
    problems
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
    touched: &BTreeSet<String>,
    was_up: impl Fn(&str) -> bool,
) -> Vec<Failure> {
    // What containers read was rendered when they first started; this is for a folder that somebody removed.
    let unrendered = render_content(host.layout, host.tools, &host.vault, old).into_iter();
    let mut problems: Vec<Failure> =
        unrendered.map(|error| Failure::Render { source: Box::new(error) }).collect();
    let observed = observe(host, switch, &old.manifest, touched);
    let is_wanted = |name: &str| touched.contains(name) && was_up(name);
    // No task of the generation that holds is left to do, and what was stopped comes back whatever it is.
    let done = old.manifest.tasks.keys().map(|name| (name.clone(), Stamp::Done)).collect();
    let options = Options { allow_dataplane: true, ..Options::default() };
    let plan = plan_observed(&observed, &[&switch.to.manifest], &old.manifest, is_wanted, &done, &options);
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
        let seen = if is_up { Seen::Up { restart, reload } } else { Seen::Down };
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
fn stops(host: &mut Host<'_>, switch: &Switch, touched: &BTreeSet<String>) -> Vec<Stop> {
    let manifest = &switch.to.manifest;
    let stop = |name: &String| {
        let unit = manifest.units.get(name)?;
        let is_there =
            host.systemd.state(name).map_or(true, |state| state.is_up() || state.active == "deactivating");
        let (reason, stop_secs) = ("going back".to_owned(), unit.stop_secs);
        let stop = Stop { unit: name.clone(), reason, is_container: unit.container.is_some(), stop_secs };
        is_there.then_some(stop)
    };
    touched.iter().rev().filter_map(stop).collect()
}
