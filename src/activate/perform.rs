//! Carries out acts on units: each when what it waits for is over, each with a deadline, then a look whether all stayed up.
//!
//! Decides neither what is done nor what follows a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::alarm::{self, Standing};
use super::diff::Action;
use super::failure::Failure;
use super::gates::{Seen, Watch};
use super::journal::{Journal, Record};
use super::layout::Layout;
use super::memory::{Memory, hold};
use super::names::{is_of_others, other_process};
use super::podman::Tools;
use super::release;
use super::request::Options;
use super::stamps;
use super::steps::{Act, Left, Plan, Stop, Verb};
use super::systemd::{DONE, Job, JobId, Systemd, UnitState};
use crate::secrets::{Vault, deliver};
use crate::store::Closure;
use crate::store::manifest::{Delivery, Wait};

/// How long one look waits for jobs to end.
const POLL: Duration = Duration::from_millis(200);
/// How long units that must stay up are not looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What a job may take beyond the unit's own limit before systemd is held to have lost it.
const MARGIN: Duration = Duration::from_secs(10);

/// The host that is acted on.
pub struct Host<'a> {
    /// Its paths.
    pub layout: &'a Layout,
    /// Its systemd.
    pub systemd: &'a mut dyn Systemd,
    /// Its programs.
    pub tools: &'a mut dyn Tools,
    /// What opens its secrets. Its keys are read once in a switch.
    pub vault: Vault,
    /// Names the switch.
    pub tx: String,
    /// How the switch is to be done.
    pub options: Options,
    /// Where deeds are written down before they are done.
    pub journal: Journal,
    /// Timers that take the host back, to be ended when the switch is.
    pub alarms: Vec<String>,
    /// The timer of the whole switch, once it is set.
    pub standing: Option<Standing>,
    /// Set when somebody wants it to end before it is done; then it goes back.
    pub interrupted: &'a AtomicBool,
}

impl Host<'_> {
    /// Says whether somebody wants it to end.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// What was done so far, true also after a failure.
#[derive(Debug, Default)]
pub struct Progress {
    /// Units that a job was asked for, stops included.
    pub touched: BTreeSet<String>,
    /// Units whose live files were replaced.
    pub reloaded: BTreeSet<String>,
    /// Tasks that were completed.
    pub tasks: Vec<String>,
    /// Units that were to be stopped and are the host's own by now, each with the words for it.
    pub spared: Vec<Failure>,
}

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
            let state = host.systemd.state(&stop.unit).map(|it| describe(&it)).unwrap_or_default();
            let (unit, secs, log) = (stop.unit.clone(), stop.stop_secs, host.systemd.log(&stop.unit));
            problems.push(Failure::Late { unit, wanted: "stopped", secs, state, log });
        }
    }
    problems
}

/// Where an act stands.
enum Phase {
    /// It waits for others.
    Waiting,
    /// It waits for other hosts, since then.
    Held(Duration),
    /// Its job runs.
    Job(JobId),
    /// Its job is done, its gate is not open yet.
    Gate(Watch),
    /// It is up, and must stay so for a while.
    Up(Watch),
    /// It is done and nothing runs that could be looked at.
    Over,
}

/// Performs acts in their order. On a failure returns at once; what is under way is left for the way back to stop. What the
/// failure tells of a unit's log may have secrets in it.
pub fn perform(
    host: &mut Host<'_>,
    acts: &[Act],
    closure: &Closure,
    progress: &mut Progress,
) -> Result<(), Failure> {
    perform_until(host, acts, closure, progress, &BTreeSet::new(), None)
}

/// Performs acts like [`perform`], those on units that wait for other hosts not before they are released, and stops with a
/// failure when it is told to.
pub fn perform_until(
    host: &mut Host<'_>,
    acts: &[Act],
    closure: &Closure,
    progress: &mut Progress,
    waits: &BTreeSet<String>,
    interrupted: Option<&AtomicBool>,
) -> Result<(), Failure> {
    let mut run = Run {
        phases: acts.iter().map(|_| Phase::Waiting).collect(),
        began: vec![Duration::ZERO; acts.len()],
        acts,
        waits,
    };
    loop {
        for (idx, act) in acts.iter().enumerate() {
            if run.may_begin(idx) && run.is_released(host, idx)? {
                run.began[idx] = host.systemd.now();
                run.phases[idx] = begin(host, act, closure, progress)?;
            }
        }
        if run.phases.iter().all(|phase| matches!(phase, Phase::Up(_) | Phase::Over)) {
            return soak(host, &run, interrupted);
        }
        check_interrupted(interrupted)?;
        for (job, result) in host.systemd.wait(POLL)? {
            let is_it = |phase: &Phase| matches!(phase, Phase::Job(id) if *id == job);
            if let Some(idx) = run.phases.iter().position(is_it) {
                run.phases[idx] = after_job(host, &acts[idx], &result, run.began[idx], closure, progress)?;
                run.tell_if_up(host, idx);
            }
        }
        for (idx, act) in acts.iter().enumerate() {
            if let Phase::Gate(watch) = &mut run.phases[idx] {
                let since = watch.since;
                let seen = watch.look(host, act)?;
                if watch.since != since {
                    alarm::postpone(host)?;
                }
                run.pass(idx, seen);
                run.tell_if_up(host, idx);
            }
            run.check_deadline(host, idx)?;
        }
    }
}

fn check_interrupted(interrupted: Option<&AtomicBool>) -> Result<(), Failure> {
    match interrupted {
        Some(flag) if flag.load(Ordering::Relaxed) => Err(Failure::Interrupted),
        _ => Ok(()),
    }
}

/// All acts with where they stand.
struct Run<'a> {
    acts: &'a [Act],
    phases: Vec<Phase>,
    began: Vec<Duration>,
    waits: &'a BTreeSet<String>,
}

impl Run<'_> {
    /// Says whether an act has not begun and all that it waits for is over, each in the sense it asked for.
    fn may_begin(&self, idx: usize) -> bool {
        let is_to_begin = matches!(self.phases[idx], Phase::Waiting | Phase::Held(_));
        let mut after = self.acts[idx].after.iter();
        is_to_begin
            && after.all(|before| match (&self.phases[*before], self.acts[*before].wait) {
                (Phase::Up(_) | Phase::Over, _) => true,
                (Phase::Gate(_), wait) => wait == Wait::Started,
                (Phase::Waiting | Phase::Held(_) | Phase::Job(_), _) => false,
            })
    }

    /// Says whether other hosts are as far as an act needs. While they are not, the whole switch has time.
    fn is_released(&mut self, host: &mut Host<'_>, idx: usize) -> Result<bool, Failure> {
        let unit = &self.acts[idx].unit;
        if !self.waits.contains(unit) || release::is_there(host.layout, unit, &host.tx) {
            return Ok(true);
        }
        let now = host.systemd.now();
        match self.phases[idx] {
            Phase::Held(since) if now.saturating_sub(since) > release::LONGEST => {
                return Err(Failure::Unreleased { unit: unit.clone(), secs: release::LONGEST.as_secs() });
            }
            Phase::Held(_) => alarm::postpone(host)?,
            _ => {
                host.journal.tell(&Record::Held { unit: unit.clone() })?;
                self.phases[idx] = Phase::Held(now);
            }
        }
        Ok(false)
    }

    /// Lets an act through its gate, if that was seen open.
    fn pass(&mut self, idx: usize, seen: Seen) {
        let phase = std::mem::replace(&mut self.phases[idx], Phase::Waiting);
        self.phases[idx] = match (phase, seen) {
            (Phase::Gate(watch), Seen::Open) => Phase::Up(watch),
            (Phase::Gate(_), Seen::Over) => Phase::Over,
            (phase, _) => phase,
        };
    }

    fn tell_if_up(&self, host: &mut Host<'_>, idx: usize) {
        if matches!(self.phases[idx], Phase::Up(_) | Phase::Over) {
            let took = host.systemd.now().saturating_sub(self.began[idx]);
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            // That it is up can be seen, and need not be told.
            let _untold = host.journal.tell(&Record::Up { unit: self.acts[idx].unit.clone(), millis });
        }
    }

    fn check_deadline(&self, host: &mut Host<'_>, idx: usize) -> Result<(), Failure> {
        let act = &self.acts[idx];
        let (wanted, since, spare) = match &self.phases[idx] {
            Phase::Job(_) => {
                (done_word(&act.verb), self.began[idx], Duration::from_secs(act.stop_secs) + MARGIN)
            }
            Phase::Gate(watch) => {
                let wanted = match (act.gate.healthy, act.gate.probes.is_empty()) {
                    (true, _) => "healthy",
                    (false, false) => "up",
                    (false, true) => "active",
                };
                (wanted, watch.since, Duration::ZERO)
            }
            Phase::Waiting | Phase::Held(_) | Phase::Up(_) | Phase::Over => return Ok(()),
        };
        if host.systemd.now().saturating_sub(since) <= Duration::from_secs(act.start_secs) + spare {
            return Ok(());
        }
        let mut log = host.systemd.log(&act.unit);
        let state = match &self.phases[idx] {
            Phase::Gate(watch) => {
                if let Some(container) = act.container.as_deref().filter(|_| act.gate.healthy) {
                    log.extend(host.tools.health_words(container));
                }
                watch.words(host, act)
            }
            _ => host.systemd.state(&act.unit).map(|it| describe(&it)).unwrap_or_default(),
        };
        Err(Failure::Late { unit: act.unit.clone(), wanted, secs: act.start_secs, state, log })
    }
}

/// Begins an act; what reads live files finds its new ones.
fn begin(
    host: &mut Host<'_>,
    act: &Act,
    closure: &Closure,
    progress: &mut Progress,
) -> Result<Phase, Failure> {
    let state = host.systemd.state(&act.unit)?;
    check_ours(host.layout, &act.unit, &state)?;
    // What does not run takes up its files by a start.
    let reloads = matches!(act.verb, Verb::Reload { .. }) && state.is_up();
    host.journal.tell(&Record::Acting {
        unit: act.unit.clone(),
        verb: act.verb.word().to_owned(),
        reason: act.reason.clone(),
        job: !reloads,
        live: has_live(closure, &act.unit),
    })?;
    if render_live(host.layout, host.tools, &host.vault, closure, &act.unit)? {
        progress.reloaded.insert(act.unit.clone());
    }
    let job = match &act.verb {
        Verb::Start | Verb::Task { .. } => Job::Start,
        Verb::Restart => Job::Restart,
        Verb::RestartIfUp => Job::TryRestart,
        Verb::Reload { .. } if !reloads => Job::Start,
        Verb::Reload { command } => match &act.container {
            Some(container) if !command.is_empty() => {
                host.tools.exec(container, command, Duration::from_secs(act.start_secs))?;
                let now = host.systemd.now();
                return after_job(host, act, DONE, now, closure, progress);
            }
            _ => Job::Reload,
        },
    };
    if job != Job::Reload {
        progress.touched.insert(act.unit.clone());
    }
    Ok(Phase::Job(host.systemd.submit(job, &act.unit)?))
}

fn after_job(
    host: &mut Host<'_>,
    act: &Act,
    result: &str,
    began: Duration,
    closure: &Closure,
    progress: &mut Progress,
) -> Result<Phase, Failure> {
    let state = host.systemd.state(&act.unit)?;
    if result != DONE {
        let how = describe(&state);
        // A result other than this, like `dependency` or `canceled`, says what no state does.
        let result = if result == "failed" { how } else { format!("{result}, it is {how}") };
        let (unit, log) = (act.unit.clone(), host.systemd.log(&act.unit));
        return Err(Failure::Job { unit, done: done_word(&act.verb), result, log });
    }
    match &act.verb {
        Verb::Task { task, .. } => {
            if let Some(spec) = closure.manifest.tasks.get(task) {
                let volumes = if spec.volumes.is_empty() { BTreeMap::new() } else { host.tools.volumes()? };
                stamps::set_done(host.layout, task, spec, &volumes)?;
            }
            host.journal.tell(&Record::Task { name: task.clone() })?;
            progress.tasks.push(task.clone());
            Ok(Phase::Over)
        }
        Verb::RestartIfUp => Ok(Phase::Over),
        Verb::Start | Verb::Restart | Verb::Reload { .. } => {
            let mut watch = Watch::new(state.n_restarts, began, host.systemd.now());
            Ok(match watch.look(host, act)? {
                Seen::Closed => Phase::Gate(watch),
                Seen::Open => Phase::Up(watch),
                Seen::Over => Phase::Over,
            })
        }
    }
}

/// Waits until each unit stayed up for as long as it must, and looks at all of them a last time.
fn soak(host: &mut Host<'_>, run: &Run<'_>, interrupted: Option<&AtomicBool>) -> Result<(), Failure> {
    let up = || {
        run.acts.iter().zip(&run.phases).filter_map(|(act, phase)| match phase {
            Phase::Up(watch) => Some((act, watch)),
            _ => None,
        })
    };
    let until = up().map(|(act, watch)| watch.active_since + Duration::from_secs(act.gate.soak_secs)).max();
    let mut looked = host.systemd.now();
    while until.is_some_and(|until| host.systemd.now() < until) {
        check_interrupted(interrupted)?;
        // The ends of jobs that others asked for are none of ours.
        let _others = host.systemd.wait(POLL)?;
        if host.systemd.now() >= looked + LOOK_EVERY {
            up().try_for_each(|(act, watch)| watch.stayed_up(host, act).map(drop))?;
            looked = host.systemd.now();
        }
    }
    up().try_for_each(|(act, watch)| watch.stayed_up(host, act).map(drop))?;
    check_interrupted(interrupted)
}

/// Says that a unit is the host's by now, so that nothing is done to it.
fn check_ours(layout: &Layout, unit: &str, state: &UnitState) -> Result<(), Failure> {
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

fn has_live(closure: &Closure, unit: &str) -> bool {
    closure.manifest.folders.iter().any(|it| it.owner == unit && matches!(it.delivery, Delivery::Live(_)))
}

/// Replaces the live files of a unit, if it has any.
pub fn render_live(
    layout: &Layout,
    memory: &mut dyn Memory,
    vault: &Vault,
    closure: &Closure,
    unit: &str,
) -> Result<bool, Failure> {
    let mut any = false;
    for folder in closure.manifest.folders.iter().filter(|it| it.owner == unit) {
        if let Delivery::Live(_) = folder.delivery {
            hold(layout, memory, &closure.manifest)?;
            deliver::render_live(&layout.folder(folder), closure, folder, vault)?;
            any = true;
        }
    }
    Ok(any)
}

fn done_word(verb: &Verb) -> &'static str {
    match verb {
        Verb::Start => "started",
        Verb::Restart | Verb::RestartIfUp => "restarted",
        Verb::Reload { .. } => "reloaded",
        Verb::Task { .. } => "run to its end",
    }
}

/// Says in a few words how a unit is.
pub fn describe(state: &UnitState) -> String {
    let mut words = format!("{} ({})", state.active, state.sub);
    if !matches!(state.result.as_str(), "" | "success") {
        words = format!("{words}, {}", state.result);
    }
    if state.exit_status != 0 {
        words = format!("{words}, status {}", state.exit_status);
    }
    if state.n_restarts > 0 {
        words = format!("{words}, restarted {} times", state.n_restarts);
    }
    words
}
