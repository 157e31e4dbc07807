//! Carries out acts on units: each when what it waits for is over, each with a deadline, then a look whether all stayed up.
//!
//! Decides neither what is done nor what follows a failure.

pub mod contents;
pub mod contracts;
pub mod fetch;
mod gates;
pub mod host;
pub mod kernel;
pub mod pending;
pub mod release;
pub mod revert_timer;
pub mod stop;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::failure::Failure;
use super::machine::systemd::{DONE, Job, JobId};
use super::plan::steps::{Act, Verb};
use super::records::journal::Record;
use super::records::{completions, formats};
use contents::{has_live, render_live};
use gates::{GateState, Watch};
use host::{Host, Progress};
use stop::{MARGIN, POLL, check_ours};
use store::Closure;
use store::manifest::Wait;

/// How long units that must stay up are not looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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
                    revert_timer::postpone(host)?;
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
            Phase::Held(_) => revert_timer::postpone(host)?,
            _ => {
                host.journal.tell(&Record::Held { unit: unit.clone() })?;
                self.phases[idx] = Phase::Held(now);
            }
        }
        Ok(false)
    }

    /// Lets an act through its gate, if that was seen open.
    fn pass(&mut self, idx: usize, seen: GateState) {
        let phase = std::mem::replace(&mut self.phases[idx], Phase::Waiting);
        self.phases[idx] = match (phase, seen) {
            (Phase::Gate(watch), GateState::Open) => Phase::Up(watch),
            (Phase::Gate(_), GateState::Over) => Phase::Over,
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
            _ => host.systemd.state(&act.unit).map(|it| it.words()).unwrap_or_default(),
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
    if let Verb::Task { task, .. } = &act.verb
        && let Some(spec) = closure.manifest.tasks.get(task)
    {
        completions::forget_others(host.layout, task, spec)?;
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
        formats::note(host.layout, host.tools, &closure.manifest, &act.unit)?;
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
        let how = state.words();
        // A result other than this, like `dependency` or `canceled`, says what no state does.
        let result = if result == "failed" { how } else { format!("{result}, it is {how}") };
        let (unit, log) = (act.unit.clone(), host.systemd.log(&act.unit));
        return Err(Failure::Job { unit, done: done_word(&act.verb), result, log });
    }
    match &act.verb {
        Verb::Task { task, .. } => {
            if let Some(spec) = closure.manifest.tasks.get(task) {
                let volumes = if spec.volumes.is_empty() { BTreeMap::new() } else { host.tools.volumes()? };
                completions::set_done(host.layout, task, spec, &volumes)?;
            }
            host.journal.tell(&Record::Task { name: task.clone() })?;
            progress.tasks.push(task.clone());
            Ok(Phase::Over)
        }
        Verb::RestartIfUp => Ok(Phase::Over),
        Verb::Start | Verb::Restart | Verb::Reload { .. } => {
            let mut watch = Watch::new(state.n_restarts, began, host.systemd.now());
            Ok(match watch.look(host, act)? {
                GateState::Closed => Phase::Gate(watch),
                GateState::Open => Phase::Up(watch),
                GateState::Over => Phase::Over,
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

fn done_word(verb: &Verb) -> &'static str {
    match verb {
        Verb::Start => "started",
        Verb::Restart | Verb::RestartIfUp => "restarted",
        Verb::Reload { .. } => "reloaded",
        Verb::Task { .. } => "run to its end",
    }
}
