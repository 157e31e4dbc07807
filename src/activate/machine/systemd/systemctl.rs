//! The same as over the bus, by `systemctl` and `systemd-run`, which as root need no bus: they speak to PID 1 itself.
//!
//! Slower, as each question is a process; asked only when the bus is gone for good.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use super::{DONE, Job, JobId, LIMIT, Launch, RevertTimer, Systemd, SystemdError, UnitState};
use child::run_within;

/// Speaks to systemd through its own programs.
#[derive(Debug, Default)]
pub struct Systemctl {
    /// Jobs that were asked for and did not end yet, with their units.
    open: BTreeMap<JobId, String>,
    asked: u64,
}

/// What is asked of a unit, in `systemctl`'s words.
const PROPERTIES: &str = "LoadState,ActiveState,SubState,NRestarts,InvocationID,FragmentPath,NeedDaemonReload,Result,\
MainPID,ExecMainStatus,DropInPaths,UnitFileState,Job";

impl Systemctl {
    /// Goes on with jobs that somebody else asked for.
    pub fn take_over(&mut self, jobs: BTreeMap<JobId, String>) {
        self.open.extend(jobs);
    }

    /// Returns what systemd knows of a unit, and whether a job of it is pending.
    fn look(unit: &str) -> Result<(UnitState, bool), SystemdError> {
        let text = run("systemctl", &["show", "--property", PROPERTIES, "--", unit])?;
        let all: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        let word = |name: &str| all.get(name).copied().unwrap_or_default().to_owned();
        let state = UnitState {
            load: word("LoadState"),
            active: word("ActiveState"),
            sub: word("SubState"),
            n_restarts: word("NRestarts").parse().unwrap_or(0),
            invocation: word("InvocationID"),
            fragment: word("FragmentPath"),
            is_stale: word("NeedDaemonReload") == "yes",
            result: word("Result"),
            main_pid: word("MainPID").parse().unwrap_or(0),
            exit_status: word("ExecMainStatus").parse().unwrap_or(0),
            drop_ins: word("DropInPaths").split_whitespace().map(str::to_owned).collect(),
            enabled: word("UnitFileState"),
        };
        Ok((state, !matches!(word("Job").as_str(), "" | "0")))
    }
}

fn run(program: &str, args: &[&str]) -> Result<String, SystemdError> {
    let output = run_within(Command::new(program).args(args), LIMIT)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint = complaint.lines().last().map_or_else(|| output.status.to_string(), str::to_owned);
    Err(SystemdError::Failed { command: format!("{program} {}", args.join(" ")), complaint })
}

impl Systemd for Systemctl {
    fn submit(&mut self, job: Job, unit: &str) -> Result<JobId, SystemdError> {
        let verb = match job {
            Job::Start => "start",
            Job::Stop => "stop",
            Job::Restart => "restart",
            Job::TryRestart => "try-restart",
            Job::Reload => "reload",
        };
        run("systemctl", &["--no-block", verb, "--", unit])?;
        self.asked += 1;
        let id = JobId(format!("{verb} {unit} {}", self.asked));
        self.open.insert(id.clone(), unit.to_owned());
        Ok(id)
    }

    fn wait(&mut self, at_most: Duration) -> Result<Vec<(JobId, String)>, SystemdError> {
        // Nobody calls when a job ends, so the units are looked at now and then.
        std::thread::sleep(at_most);
        let mut ended = Vec::new();
        for (job, unit) in self.open.clone() {
            let (state, pending) = Self::look(&unit)?;
            if !pending {
                self.open.remove(&job);
                ended.push((job, if state.active == "failed" { "failed" } else { DONE }.to_owned()));
            }
        }
        Ok(ended)
    }

    fn state(&mut self, unit: &str) -> Result<UnitState, SystemdError> {
        Self::look(unit).map(|(state, _)| state)
    }

    fn reload(&mut self) -> Result<(), SystemdError> {
        run("systemctl", &["daemon-reload"]).map(drop)
    }

    fn forget_failure(&mut self, unit: &str) -> Result<(), SystemdError> {
        run("systemctl", &["reset-failed", "--", unit]).map(drop)
    }

    fn enable(&mut self, unit: &str, enabled: bool) -> Result<(), SystemdError> {
        let verb = if enabled { "enable" } else { "disable" };
        run("systemctl", &["--no-reload", verb, "--", unit]).map(drop)
    }

    fn launch(&mut self, service: &Launch) -> Result<(), SystemdError> {
        let Launch { name, description, command, on_failure, honest, stop_secs } = service;
        let honest: Vec<String> = honest.iter().map(ToString::to_string).collect();
        let properties = [
            format!("--description={description}"),
            format!("--unit={name}"),
            "--property=Type=exec".to_owned(),
            "--property=LimitCORE=0".to_owned(),
            "--property=MemorySwapMax=0".to_owned(),
            format!("--property=OnFailure={on_failure}"),
            format!("--property=SuccessExitStatus={}", honest.join(" ")),
            format!("--property=TimeoutStopSec={stop_secs}"),
            "--property=OOMScoreAdjust=-900".to_owned(),
        ];
        let args = properties.iter().chain(std::iter::once(command).flatten()).map(String::as_str);
        let all: Vec<&str> = ["--collect", "--no-block", "--quiet"].into_iter().chain(args).collect();
        match run("systemd-run", &all) {
            Err(SystemdError::Failed { .. }) if Self::look(name)?.0.is_up() => {
                Err(SystemdError::Exists { name: name.clone() })
            }
            launched => launched.map(drop),
        }
    }

    fn arm(&mut self, revert_timer: &RevertTimer) -> Result<(), SystemdError> {
        let RevertTimer { timer: _, command, secs, conflicts } = revert_timer;
        let properties = [
            format!("--on-active={secs}s"),
            format!("--unit={}", revert_timer.service()),
            "--timer-property=AccuracySec=1s".to_owned(),
            "--timer-property=RemainAfterElapse=no".to_owned(),
            "--property=Type=oneshot".to_owned(),
            "--property=LimitCORE=0".to_owned(),
            "--property=MemorySwapMax=0".to_owned(),
            format!("--property=Conflicts={conflicts}"),
            format!("--property=After={conflicts}"),
        ];
        let args = properties.iter().chain(command).map(String::as_str);
        let all: Vec<&str> = ["--collect", "--quiet"].into_iter().chain(args).collect();
        match run("systemd-run", &all) {
            // The bus went away after it was armed and before that was heard.
            Err(SystemdError::Failed { .. }) if Self::look(&revert_timer.timer)?.0.is_up() => Ok(()),
            armed => armed.map(drop),
        }
    }

    fn disarm(&mut self, timer: &str) -> Result<(), SystemdError> {
        match Self::look(timer)?.0.is_up() {
            true => run("systemctl", &["stop", "--", timer]).map(drop),
            false => Ok(()),
        }
    }
}
