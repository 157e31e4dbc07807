//! The way back in the same process: the host ends on the generation it had, with the units that ran then.
//!
//! Judges by what is seen, units' states before and now, and not by how far the switch believed to have come.

use std::collections::BTreeSet;

use super::diff::Action;
use super::failure::Failure;
use super::generation;
use super::kernel;
use super::perform::{Host, Progress, perform, stop_all};
use super::steps::{Stop, plan_return};
use super::switch::render_content;
use super::systemd::UnitState;
use super::transaction::{Switch, settle};
use crate::store::Closure;
use crate::store::manifest::UnitKind;

/// Goes back, does as much of it as can be done, and returns what could not.
pub(super) fn revert(host: &mut Host<'_>, switch: &mut Switch) -> Vec<Failure> {
    let touched = touched(host, switch);
    let was_up = |name: &String| switch.before.get(name).is_some_and(UnitState::is_up);
    let old = switch.from.as_ref().map(|it| &it.closure);
    let mut problems = Vec::new();

    // A unit stops properly under its own definition only, so this comes before the trial ends.
    let stops = stops(host, switch, &touched);
    problems.extend(stop_all(host, &stops, &mut Progress::default()));
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

fn come_up(
    host: &mut Host<'_>,
    switch: &Switch,
    old: &Closure,
    touched: &BTreeSet<String>,
    was_up: impl Fn(&String) -> bool,
) -> Vec<Failure> {
    let is_kept =
        |name: &String| old.manifest.units.get(name).is_some_and(|unit| unit.kind != UnitKind::Task);
    let up: BTreeSet<String> = touched.iter().filter(|name| was_up(name) && is_kept(name)).cloned().collect();
    let reloaded = switch.progress.reloaded.iter().filter(|name| was_up(name)).cloned().collect();
    // What containers read was rendered when they first started; this is for a folder that somebody removed.
    let unrendered = render_content(host.layout, host.tools, old).into_iter();
    let mut problems: Vec<Failure> =
        unrendered.map(|error| Failure::Render { source: Box::new(error) }).collect();
    problems.extend(
        perform(host, &plan_return(&old.manifest, &up, &reloaded), old, &mut Progress::default()).err(),
    );
    problems
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
        let stop = Stop { unit: name.clone(), reason: "going back".to_owned(), stop_secs: unit.stop_secs };
        is_there.then_some(stop)
    };
    touched.iter().rev().filter_map(stop).collect()
}
