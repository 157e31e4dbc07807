//! Stops units, and leaves those alone that are the host's own by now.

use std::collections::BTreeMap;
use std::time::Duration;

use super::host::{Host, Progress};
use crate::failure::Failure;
use crate::machine::layout::Layout;
use crate::machine::owner::{is_of_others, other_process};
use crate::machine::systemd::{DONE, Job, JobId, UnitState};
use crate::plan::diff::Action;
use crate::plan::steps::{Left, Plan, Stop};
use crate::records::journal::Record;

/// How long one look waits for jobs to end.
pub const POLL: Duration = Duration::from_millis(200);
/// What a job may take beyond the unit's own limit before systemd is held to have lost it.
pub const MARGIN: Duration = Duration::from_secs(10);

/// Leaves units out of what a plan stops that are the host's by now, and returns the words for each.
pub fn spare(layout: &Layout, plan: &mut Plan, states: &BTreeMap<String, UnitState>) -> Vec<Failure> {
    let check = |stop: &Stop| check_stop(layout, stop, states.get(&stop.unit)?).err();
    let spared: BTreeMap<String, Failure> =
        plan.stops.iter().filter_map(|stop| Some((stop.unit.clone(), check(stop)?))).collect();
    plan.stops.retain(|stop| !spared.contains_key(&stop.unit));
    plan.left.extend(spared.iter().map(|(unit, failure)| Left {
        unit: unit.clone(),
        action: Action::Keep,
        reason: failure.to_string(),
    }));
    spared.into_values().collect()
}

/// Stops units, all at once, and waits for each. One that the host has by another file than a generation's goes on.
pub fn stop_all(host: &mut Host<'_>, stops: &[Stop], progress: &mut Progress) -> Vec<Failure> {
    let mut problems = Vec::new();
    let mut open: BTreeMap<JobId, (&Stop, Duration)> = BTreeMap::new();
    for stop in stops {
        // One whose state cannot be asked cannot be stopped either, which is told below.
        let state = host.systemd.state(&stop.unit).unwrap_or_default();
        if let Err(failure) = check_stop(host.layout, stop, &state) {
            progress.spared.push(failure);
            continue;
        }
        let told = Record::Stopping { unit: stop.unit.clone(), reason: stop.reason.clone() };
        if let Err(error) = host.journal.tell(&told) {
            problems.push(error.into());
            continue;
        }
        progress.touched.insert(stop.unit.clone());
        let deadline = host.systemd.now() + Duration::from_secs(stop.stop_secs) + MARGIN;
        match host.systemd.submit(Job::Stop, &stop.unit) {
            Ok(job) => {
                open.insert(job, (stop, deadline));
            }
            Err(error) => problems.push(error.into()),
        }
    }
    while !open.is_empty() {
        let ended = match host.systemd.wait(POLL) {
            Ok(ended) => ended,
            Err(error) => {
                problems.push(error.into());
                return problems;
            }
        };
        for (job, result) in ended {
            if let Some((stop, _)) = open.remove(&job)
                && result != DONE
            {
                let (unit, log) = (stop.unit.clone(), host.systemd.log(&stop.unit));
                problems.push(Failure::Job { unit, done: "stopped", result, log });
            }
        }
        let now = host.systemd.now();
        let late: Vec<JobId> =
            open.iter().filter(|(_, (_, at))| *at < now).map(|(job, _)| job.clone()).collect();
        for (stop, _) in late.iter().filter_map(|job| open.remove(job)) {
            let state = host.systemd.state(&stop.unit).map(|it| it.words()).unwrap_or_default();
            let (unit, secs, log) = (stop.unit.clone(), stop.stop_secs, host.systemd.log(&stop.unit));
            problems.push(Failure::Late { unit, wanted: "stopped", secs, state, log });
        }
    }
    problems
}

/// Says that a unit is the host's by now, so that nothing is done to it.
pub fn check_ours(layout: &Layout, unit: &str, state: &UnitState) -> Result<(), Failure> {
    if is_of_others(layout, state) {
        return Err(Failure::NotOurs { unit: unit.to_owned(), path: state.fragment.clone() });
    }
    Ok(())
}

/// Says that a unit is the host's by now, or that what runs in it is no container of ours.
fn check_stop(layout: &Layout, stop: &Stop, state: &UnitState) -> Result<(), Failure> {
    check_ours(layout, &stop.unit, state)?;
    match other_process(layout, state).filter(|_| stop.is_container) {
        Some(process) => Err(Failure::OtherProcess { unit: stop.unit.clone(), process }),
        None => Ok(()),
    }
}
