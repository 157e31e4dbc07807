//! The timer of PID 1 that takes a host back when a switch does not end: how long it waits, and how it is set and ended.
//!
//! Takes nothing back itself: it starts the program that does.

use std::path::Path;
use std::time::Duration;

use super::host::{ArmedTimer, Host};
use crate::failure::Failure;
use crate::machine::systemd::{RevertTimer, Systemd};
use crate::plan::steps::Plan;
use crate::records::journal::Record;

/// The service that a switch runs as.
pub const SWITCH_SERVICE: &str = "kolla-lang-switch.service";
/// What a switch needs beside the units it waits for: rendering, two reloads of systemd, the way to the disk.
const OVERHEAD: u64 = 180;
/// What each step may take beyond the unit's own limit before systemd is held to have lost it.
const MARGIN: u64 = 15;
/// How long a timer is not set anew: each time is a unit of PID 1.
const POSTPONE_EVERY: Duration = Duration::from_secs(15);
/// How much later than the switch itself the timer gives up on a word that does not come.
const GRACE: u64 = 15;

/// Returns the service that takes a host back from a switch; a timer of the same name starts it.
pub fn revert_service(tx: &str) -> String {
    format!("kolla-lang-revert-{tx}.service")
}

/// Says whether somebody is at a switch, or will be, and writes its journal.
pub fn is_attended(systemd: &mut dyn Systemd, tx: Option<&str>) -> bool {
    let revert = tx.map(revert_service);
    let timer = revert.as_ref().map(|name| name.replace(".service", ".timer"));
    let mut names = revert.into_iter().chain(timer).chain([SWITCH_SERVICE.to_owned()]);
    // Without systemd's word somebody may still be at it; the journal will tell.
    names.any(|name| systemd.state(&name).map_or(true, |state| state.is_up()))
}

/// Returns the longest time in which a switch must have ended, in seconds, by the deadlines of its steps.
pub fn deadline(plan: &Plan, confirm_within: Option<u64>) -> u64 {
    let stop = plan.stops.iter().map(|it| it.stop_secs + MARGIN).max().unwrap_or(0);
    let mut ends: Vec<u64> = Vec::new();
    for act in &plan.acts {
        let begins = act.after.iter().filter_map(|idx| ends.get(*idx)).copied().max().unwrap_or(0);
        ends.push(begins + act.start_secs + act.stop_secs + MARGIN);
    }
    OVERHEAD + stop + ends.into_iter().max().unwrap_or(0) + confirm_within.map_or(0, |it| it + GRACE)
}

/// Sets the timer of a whole switch.
pub fn arm(host: &mut Host<'_>, engine: &Path, secs: u64) -> Result<(), Failure> {
    let timer = format!("kolla-lang-revert-{}.timer", host.tx);
    let since = host.systemd.now();
    host.armed_timer = Some(ArmedTimer { engine: engine.to_owned(), secs, n_times: 1, since });
    set(host, engine, timer, secs)
}

/// Sets the timer of a switch anew, because something that it waits for comes further. The old one ends when the new one is set.
pub fn postpone(host: &mut Host<'_>) -> Result<(), Failure> {
    let now = host.systemd.now();
    let Some(mut armed_timer) = host.armed_timer.clone().filter(|it| now >= it.since + POSTPONE_EVERY) else {
        return Ok(());
    };
    let old = std::mem::take(&mut host.alarms);
    armed_timer.n_times += 1;
    armed_timer.since = now;
    let timer = format!("kolla-lang-revert-{}-{}.timer", host.tx, armed_timer.n_times);
    let set = set(host, &armed_timer.engine, timer, armed_timer.secs);
    host.armed_timer = Some(armed_timer);
    let mut left = Vec::new();
    let mut ended = set;
    for timer in old {
        // Without a new timer the old one must stay.
        let end = if ended.is_ok() { host.systemd.disarm(&timer).map_err(Failure::from) } else { Ok(()) };
        if ended.is_err() || end.is_err() {
            left.push(timer);
        }
        ended = ended.and(end);
    }
    host.alarms.extend(left);
    ended
}

/// Sets a second timer, for the time in which somebody must confirm. The first one stays.
pub fn arm_for_confirmation(host: &mut Host<'_>, engine: &Path, secs: u64) -> Result<(), Failure> {
    let timer = format!("kolla-lang-revert-{}-confirm.timer", host.tx);
    set(host, engine, timer, secs + GRACE)
}

fn set(host: &mut Host<'_>, engine: &Path, timer: String, secs: u64) -> Result<(), Failure> {
    host.journal.tell(&Record::Arming { timer: timer.clone(), secs })?;
    host.alarms.push(timer.clone());
    let command = [engine.to_string_lossy().as_ref(), "activate", "recover"].map(str::to_owned).to_vec();
    let conflicts = SWITCH_SERVICE.to_owned();
    Ok(host.systemd.arm(&RevertTimer { timer, command, secs, conflicts })?)
}

/// Ends all timers of this switch, and returns what could not be done.
pub fn disarm(host: &mut Host<'_>) -> Vec<Failure> {
    let timers = std::mem::take(&mut host.alarms);
    timers.iter().filter_map(|timer| host.systemd.disarm(timer).err()).map(Failure::from).collect()
}

/// Waits until somebody confirms this switch.
pub fn wait_for_word(host: &mut Host<'_>, secs: u64) -> Result<(), Failure> {
    host.journal.tell(&Record::Waiting { secs })?;
    let until = host.systemd.now() + Duration::from_secs(secs);
    let path = host.layout.confirmation();
    loop {
        if std::fs::read_to_string(&path).is_ok_and(|text| text.trim() == host.tx) {
            host.journal.tell(&Record::Confirmed)?;
            return Ok(());
        }
        if host.is_interrupted() {
            return Err(Failure::Interrupted);
        }
        if host.systemd.now() >= until {
            return Err(Failure::Unconfirmed { secs });
        }
        // The ends of jobs that others asked for are none of ours.
        let _others = host.systemd.wait(Duration::from_millis(200))?;
    }
}
