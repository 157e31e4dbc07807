//! Whether a started unit counts as up: active and not restarted since, its main process that of the container that it is described
//! with, healthy, all its probes answered well.
//!
//! A gate only looks; what follows a closed one, and until when it may stay closed, is said by `perform`.

use std::time::Duration;

use super::host::Host;
use crate::failure::Failure;
use crate::machine::ask::Answer;
use crate::machine::podman::{Health, Inspected};
use crate::machine::systemd::UnitState;
use crate::plan::steps::Act;

/// How long a container is not asked again: each time is a process of podman, or a connection.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long a container is not asked again how far it has come.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// What was seen of a unit since its job was done.
#[derive(Debug)]
pub struct Watch {
    /// How often systemd had restarted it when its job was done.
    n_restarts: u32,
    /// When its job was done.
    pub active_since: Duration,
    /// When it was asked last, if ever.
    asked: Option<Duration>,
    /// What it answered last, where that was no good answer.
    said: Option<String>,
    /// How far it had come when it was asked last, and when that was.
    progress: Option<(Option<f64>, Duration)>,
    /// Since when its deadline counts: since it began, or since it came further last.
    pub since: Duration,
}

/// What a look saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateState {
    /// The gate is not open yet.
    Closed,
    /// It is.
    Open,
    /// The unit ran to its end with success, as a oneshot does.
    Over,
}

impl Watch {
    /// Begins to watch a unit whose job is done now and was begun at `since`.
    pub fn new(n_restarts: u32, since: Duration, now: Duration) -> Self {
        Self { n_restarts, active_since: now, asked: None, said: None, progress: None, since }
    }

    /// Looks once.
    pub fn look(&mut self, host: &mut Host<'_>, act: &Act) -> Result<GateState, Failure> {
        let state = self.stayed_up(host, act)?;
        if is_over(act, &state) {
            return Ok(GateState::Over);
        }
        if state.active != "active" {
            return Ok(GateState::Closed);
        }
        let now = host.systemd.now();
        if self.asked.is_some_and(|asked| now < asked + ASK_EVERY) {
            return Ok(GateState::Closed);
        }
        self.said = first_bad(host, act, &state)?;
        self.asked = Some(host.systemd.now());
        if self.said.is_none() {
            return Ok(GateState::Open);
        }
        self.look_for_progress(host, act);
        Ok(GateState::Closed)
    }

    /// Moves the deadline when the unit says that it came further.
    fn look_for_progress(&mut self, host: &mut Host<'_>, act: &Act) {
        let Some(container) = act.container.as_deref().filter(|_| !act.gate.progress.is_empty()) else {
            return;
        };
        let now = host.systemd.now();
        let before = match self.progress {
            Some((_, asked)) if now < asked + PROGRESS_EVERY => return,
            Some((before, _)) => before,
            None => None,
        };
        let found = host.tools.progress(container, &act.gate.progress);
        if let (Some(before), Some(found)) = (before, found)
            && found > before
        {
            self.since = now;
        }
        // What went back, as after a restart of the counting, is not counted as progress when it comes up again.
        let highest = before.into_iter().chain(found).reduce(f64::max);
        self.progress = Some((highest, now));
    }

    /// Returns the state of a unit that was not restarted and did not fail since its job was done.
    pub fn stayed_up(&self, host: &mut Host<'_>, act: &Act) -> Result<UnitState, Failure> {
        let state = host.systemd.state(&act.unit)?;
        let is_down = matches!(state.active.as_str(), "failed" | "inactive" | "deactivating")
            || state.sub == "auto-restart";
        if (is_down && !is_over(act, &state)) || state.n_restarts > self.n_restarts {
            let (unit, log) = (act.unit.clone(), host.systemd.log(&act.unit));
            return Err(Failure::Died { unit, state: state.words(), log });
        }
        Ok(state)
    }

    /// Says in words how a unit is whose gate is closed.
    pub fn words(&self, host: &mut Host<'_>, act: &Act) -> String {
        let state = host.systemd.state(&act.unit).map(|it| it.words()).unwrap_or_default();
        let progress = match self.progress {
            Some((Some(progress), _)) => format!(", progress at {progress}"),
            _ => String::new(),
        };
        match &self.said {
            Some(said) => format!("{state}, {said}{progress}"),
            None => state,
        }
    }
}

/// Asks all that a gate asks, and returns what the first bad answer was.
fn first_bad(host: &mut Host<'_>, act: &Act, state: &UnitState) -> Result<Option<String>, Failure> {
    let container = act.container.as_deref();
    if let Some(container) = container {
        let Inspected { unit, pids, health } = host.tools.inspect(container)?;
        // A unit that ran before under this name is active, too, and has no container.
        if unit != container || !pids.contains(&state.main_pid) {
            return Ok(Some(format!("its main process is not that of the container {container}")));
        }
        if act.gate.healthy && health != Health::Healthy {
            return Ok(Some(format!("its container {}", health.word())));
        }
    }
    for (name, probe) in &act.gate.probes {
        if let Answer::Bad(why) = host.tools.probe(container, probe)? {
            return Ok(Some(format!("probe {name} ({}): {why}", probe.ask.words())));
        }
    }
    Ok(None)
}

/// Says whether a unit without a container ran to its end with success, as a oneshot does.
fn is_over(act: &Act, state: &UnitState) -> bool {
    act.container.is_none() && state.active == "inactive" && matches!(state.result.as_str(), "success" | "")
}
