//! What a switch asks of systemd.
//!
//! Decides nothing: which unit, when, and what its state means is said elsewhere.

mod bus;
pub mod lazy_systemd;
mod systemctl;

use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use child::{ChildError, run_within};

/// What a switch asks of systemd. Tests have one of their own that records and fails.
pub trait Systemd {
    /// Begins a job and returns what names it.
    fn submit(&mut self, job: Job, unit: &str) -> Result<JobId, SystemdError>;
    /// Waits until a job ended or the time is over, and returns those that ended, oldest first.
    fn wait(&mut self, at_most: Duration) -> Result<Vec<(JobId, String)>, SystemdError>;
    /// Returns what systemd knows of a unit.
    fn state(&mut self, unit: &str) -> Result<UnitState, SystemdError>;
    /// Has all generators run again and all units read again.
    fn reload(&mut self) -> Result<(), SystemdError>;
    /// Forgets that a unit failed, so that a later start is not counted against it.
    fn forget_failure(&mut self, unit: &str) -> Result<(), SystemdError>;
    /// Has a unit file of the host start at boot, or not any more.
    fn enable(&mut self, unit: &str, enabled: bool) -> Result<(), SystemdError>;
    /// Returns the last lines that a unit logged.
    fn log(&mut self, unit: &str) -> Vec<String> {
        log_of(unit, &self.state(unit).unwrap_or_default())
    }
    /// Returns the time since some moment in the past: by one clock, whoever answers, so that no deadline jumps.
    fn now(&mut self) -> Duration {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGAN.elapsed()
    }
    /// Starts a service that is in no file and belongs to no session.
    fn launch(&mut self, service: &Launch) -> Result<(), SystemdError>;
    /// Starts a timer that runs a service unless it is disarmed before.
    fn arm(&mut self, revert_timer: &RevertTimer) -> Result<(), SystemdError>;
    /// Ends a timer, if there is one, and returns when it is gone.
    fn disarm(&mut self, timer: &str) -> Result<(), SystemdError>;
}

/// A service that is in no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Its name, with `.service`.
    pub name: String,
    /// What `systemctl status` says it is.
    pub description: String,
    /// The program, an absolute path, and its arguments.
    pub command: Vec<String>,
    /// The service that is started if this one fails or is killed.
    pub on_failure: String,
    /// Exit statuses that are no failure, besides 0.
    pub honest: Vec<i32>,
    /// Seconds between a polite end and a hard one.
    pub stop_secs: u64,
}

/// A timer and the service that it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevertTimer {
    /// Its name, with `.timer`. The service is made with it and has the same name but for the end.
    pub timer: String,
    /// The program, an absolute path, and its arguments.
    pub command: Vec<String>,
    /// Seconds until then.
    pub secs: u64,
    /// The service that is stopped first: one that hangs cannot keep this one from running.
    pub conflicts: String,
}

impl RevertTimer {
    /// Returns the name of the service that the timer starts.
    pub fn service(&self) -> String {
        self.timer.replace(".timer", ".service")
    }
}

/// The jobs a switch asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are systemd's")]
pub enum Job {
    Start,
    Stop,
    Restart,
    TryRestart,
    Reload,
}

impl Job {
    /// Returns the method of systemd's manager.
    pub fn method(self) -> &'static str {
        match self {
            Self::Start => "StartUnit",
            Self::Stop => "StopUnit",
            Self::Restart => "RestartUnit",
            Self::TryRestart => "TryRestartUnit",
            Self::Reload => "ReloadUnit",
        }
    }
}

/// Names a job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub String);

/// The result of a job that did what it should.
pub const DONE: &str = "done";

/// What systemd knows of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `not-found`, `bad-setting` and so on.
    pub load: String,
    /// `active`, `activating`, `failed` and so on.
    pub active: String,
    /// The finer state, like `auto-restart`.
    pub sub: String,
    /// How often systemd restarted it by itself.
    pub n_restarts: u32,
    /// Names this run of the unit; empty if it never ran.
    pub invocation: String,
    /// The file that defines it.
    pub fragment: String,
    /// Whether that file changed since it was read.
    pub is_stale: bool,
    /// Why its last run ended, like `exit-code`.
    pub result: String,
    /// Its main process; 0 if it has none.
    pub main_pid: u32,
    /// The exit status of its last main process.
    pub exit_status: i32,
    /// Files that change its definition without being it.
    pub drop_ins: Vec<String>,
    /// Whether it starts at boot: `enabled`, `disabled`, `generated` and so on.
    pub enabled: String,
}

impl UnitState {
    /// Says whether the unit runs, is starting, or would start again by itself.
    pub fn is_up(&self) -> bool {
        matches!(self.active.as_str(), "active" | "activating" | "reloading" | "refreshing")
    }

    /// Says in a few words how the unit is.
    pub fn words(&self) -> String {
        let mut words = format!("{} ({})", self.active, self.sub);
        if !matches!(self.result.as_str(), "" | "success") {
            words = format!("{words}, {}", self.result);
        }
        if self.exit_status != 0 {
            words = format!("{words}, status {}", self.exit_status);
        }
        if self.n_restarts > 0 {
            words = format!("{words}, restarted {} times", self.n_restarts);
        }
        words
    }
}

/// What systemd did not do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SystemdError {
    #[error("cannot reach systemd over the system bus")]
    Connect(#[source] zbus::Error),
    #[error("systemd did not do `{call}`")]
    Call { call: String, source: zbus::Error },
    #[error("a unit `{name}` is there already")]
    Exists { name: String },
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error("`{command}` failed: {complaint}")]
    Failed { command: String, complaint: String },
    #[error("the system bus went away and did not come back")]
    Gone,
}

/// How long systemd may take to answer: longer than its generators may run, which it waits for when it reads all units again.
pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// Returns the last lines that a unit logged.
fn log_of(unit: &str, state: &UnitState) -> Vec<String> {
    // Of this run alone, where systemd knows it: an earlier failure is not this one's reason.
    let which = match state.invocation.as_str() {
        "" => vec!["-u".to_owned(), unit.to_owned()],
        id => vec![format!("_SYSTEMD_INVOCATION_ID={id}"), "+".to_owned(), format!("INVOCATION_ID={id}")],
    };
    let mut command = Command::new("journalctl");
    command.args(["--no-pager", "--quiet", "-o", "cat", "-n", "60"]).args(which);
    match run_within(&mut command, LOG) {
        Ok(output) => last_words(&String::from_utf8_lossy(&output.stdout)),
        // The log only explains a failure that is reported anyway.
        Err(error) => vec![format!("(no log: {error})")],
    }
}

/// How long the journal may take to tell them.
const LOG: Duration = Duration::from_secs(20);
/// How many lines of a log are shown with a failure.
const N_LOG_LINES: usize = 12;

/// Returns the last lines of a log that the service itself wrote.
fn last_words(log: &str) -> Vec<String> {
    let lines: Vec<&str> =
        log.lines().filter(|line| !line.trim().is_empty() && !is_podman_event(line)).collect();
    lines[lines.len().saturating_sub(N_LOG_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Says whether a line tells of podman's own doings, as podman logs them in a unit's name.
fn is_podman_event(line: &str) -> bool {
    let is_id = line.len() == 64 && line.bytes().all(|it| it.is_ascii_hexdigit());
    // The monotonic clock after the time is how Go prints a time, and podman its events.
    is_id
        || line.starts_with("conmon ")
        || (line.contains(" m=+") && line.contains("(image="))
        || line.contains(" image pull ")
}

#[cfg(test)]
mod tests {
    use super::last_words;

    #[test]
    fn a_log_is_shown_without_podmans_own_events() {
        let log = "2026-11-21 13:13:54.07 +0000 UTC m=+0.13 container remove a4 (image=x, name=web)\n\
                   conmon a451c6 <nwarn>: Failed\n\
                   ERROR no such option\nMain process exited\n";
        assert_eq!(last_words(log), ["ERROR no such option", "Main process exited"]);
    }
}
