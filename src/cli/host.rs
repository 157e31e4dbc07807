//! What the commands that act on this host share: finding its closure, running a switch, saying what happened.
//!
//! Decides nothing about switches; that is in [`crate::activate`].

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde_json::{Value, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::exit::Exit;
use super::say::{say, say_wrong};
use crate::activate::failure::{ActivateError, Failure};
use crate::activate::journal::{Journal, Silent, Told};
use crate::activate::layout::Layout;
use crate::activate::perform::Host;
use crate::activate::podman::HostTools;
use crate::activate::switch::{Outcome, Target, chain, switch};
use crate::activate::systemd::Bus;
use crate::store::{Closure, Digest, tree};

/// A built cloud.
#[derive(Debug)]
pub struct Built {
    /// The closure of each host.
    pub closures: BTreeMap<String, Closure>,
    /// The digest of the whole cloud, where all of it was built.
    pub cloud: Option<Digest>,
}

/// Builds the cloud that a file describes, or `cloud.kl`. What is wrong with it was printed when the exit code comes back.
pub type Build<'a> = &'a dyn Fn(Option<&Path>) -> Result<Built, Exit>;

/// Which description a command acts on.
#[derive(Debug, Args)]
pub struct FromArgs {
    /// The description; without it `cloud.kl` in this folder
    pub file: Option<PathBuf>,
    /// Take a closure from a folder, as `build --out` writes it, instead of building one
    #[arg(long, value_name = "DIR", hide = true, conflicts_with = "file")]
    pub closure: Option<PathBuf>,
}

impl FromArgs {
    /// Returns this host's closure, or that of the host asked for, and the cloud's digest.
    pub fn closure(&self, host: Option<&str>, build: Build<'_>) -> Result<(Closure, Option<Digest>), Exit> {
        if let Some(folder) = &self.closure {
            let closure = tree::load_tree(folder).map_err(|error| complain(&error, Exit::Wrong))?;
            return Ok((closure, None));
        }
        let mut built = build(self.file.as_deref())?;
        let name = match host {
            Some(host) => Some(host.to_owned()),
            None => local_name(&built.closures),
        };
        if let Some(closure) = name.as_ref().and_then(|name| built.closures.remove(name)) {
            return Ok((closure, built.cloud));
        }
        let known: Vec<&str> = built.closures.keys().map(String::as_str).collect();
        let this = name.unwrap_or_else(node_name);
        say_wrong!("error: the description has no host `{this}`");
        say_wrong!("  help: it has {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") });
        Err(Exit::Wrong)
    }
}

/// Returns the name in the description of the host this runs on: a stated machine-id decides, else the host's own name.
fn local_name(closures: &BTreeMap<String, Closure>) -> Option<String> {
    let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let this = node_name();
    let by_id = |closure: &&Closure| closure.manifest.machine_id.as_deref() == Some(machine_id.trim());
    let by_name = |closure: &&Closure| closure.manifest.machine_id.is_none() && closure.manifest.host == this;
    let found = closures.values().find(by_id).or_else(|| closures.values().find(by_name));
    found.map(|closure| closure.manifest.host.clone())
}

/// Returns this host's own name, without its domain.
fn node_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Says how much of a command's answer is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Lines for people, while it goes on.
    Text,
    /// One JSON value at the end.
    Json,
}

impl Answer {
    /// Reads the flag that all commands have.
    pub fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Refuses to go on for anyone but root.
pub fn require_root(what: &str) -> Result<(), Exit> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    say_wrong!("error: `{what}` changes this host and must run as root; nothing was touched");
    Err(Exit::Refused)
}

/// Switches this host and says how it went.
pub fn run_switch(target: Target, answer: Answer) -> Exit {
    let layout = Layout::new("/");
    let mut systemd = match Bus::connect() {
        Ok(bus) => bus,
        Err(error) => return report(&Err(error.into()), answer),
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return complain(&error, Exit::Refused),
    };
    let (mut silent, mut printer) = (Silent, Printer);
    let journal: &mut dyn Journal = if answer == Answer::Json { &mut silent } else { &mut printer };
    let interrupted = match listen_to_signals() {
        Ok(flag) => flag,
        Err(error) => return complain(&error, Exit::Refused),
    };
    let mut host = Host {
        layout: &layout,
        systemd: &mut systemd,
        tools: &mut HostTools,
        journal,
        interrupted: &interrupted,
    };
    report(&switch(&mut host, target, &program), answer)
}

/// Takes the signals that would end a switch half done, by a key or by a lost terminal: it goes back instead.
fn listen_to_signals() -> std::io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Shows a switch to people while it goes on. That nobody reads any more is no reason to stop half way.
struct Printer;

impl Journal for Printer {
    fn tell(&mut self, event: &Told<'_>) {
        match event {
            Told::Checking => {}
            Told::Stopping(stop) => say!("stop     {}  {}", stop.unit, stop.reason),
            Told::OnTrial { number } => say!("trial    generation {number}"),
            Told::Kernel { key, value } => say!("set      {key}  {value}"),
            Told::Acting(act) => say!("{:<8} {}  {}", act.verb.word(), act.unit, act.reason),
            Told::Up { unit, secs } => say!("up       {unit}  after {secs:.1} s"),
            Told::Committing { number } => say!("commit   generation {number}"),
            Told::Reverting { to: Some(number) } => say!("revert   to generation {number}"),
            Told::Reverting { to: None } => say!("revert   to nothing: this host had no generation"),
        }
    }
}

/// Says how a switch ended.
fn report(ended: &Result<Outcome, ActivateError>, answer: Answer) -> Exit {
    let exit = match ended {
        Ok(outcome) => Exit::from(outcome),
        Err(error) => Exit::from(error),
    };
    match (answer, ended) {
        (Answer::Json, _) => say!("{:#}", to_json(ended, exit)),
        (Answer::Text, Ok(outcome)) => print_outcome(outcome),
        (Answer::Text, Err(error)) => print_error(error),
    }
    exit
}

fn print_outcome(outcome: &Outcome) {
    let warn = |warnings: &[String]| warnings.iter().for_each(|it| say_wrong!("warning: {it}"));
    match outcome {
        Outcome::Nothing { number, warnings } => {
            say!("nothing to do: this host is on generation {number}");
            warn(warnings);
        }
        Outcome::Committed { number, plan, stays, warnings } => {
            for left in &plan.left {
                say!("{:<8} {}  {}", left.word(), left.unit, left.reason);
            }
            for task in stays {
                say!("task `{task}` was done for the generation before and stays done");
            }
            say!("done: this host is on generation {number}");
            warn(warnings);
        }
        Outcome::Reverted { failure, to, tasks } => {
            print_failure(failure);
            match to {
                Some(number) => say_wrong!("this host is back on generation {number}"),
                None => say_wrong!("this host is back to having no generation"),
            }
            for task in tasks {
                say_wrong!("task `{task}` was done and stays done");
            }
        }
    }
}

fn print_error(error: &ActivateError) {
    match error {
        ActivateError::Refused(refusals) => {
            for refusal in refusals {
                complain(refusal, Exit::Refused);
            }
            say_wrong!("{error}");
        }
        ActivateError::Stuck { failure, problems, .. } => {
            print_failure(failure);
            for problem in problems {
                say_wrong!("going back:");
                print_failure(problem);
            }
            say_wrong!("{error}");
        }
        ActivateError::Locked | ActivateError::CutOff { .. } => {
            complain(error, Exit::from(error));
        }
    }
}

fn print_failure(failure: &Failure) {
    complain(failure, Exit::Reverted);
    for line in failure.log() {
        say_wrong!("  | {line}");
    }
}

/// Prints an error with its causes, and returns the exit code it was given.
pub fn complain(error: &dyn Error, exit: Exit) -> Exit {
    say_wrong!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        say_wrong!("  caused by: {error}");
        cause = error.source();
    }
    exit
}

fn to_json(ended: &Result<Outcome, ActivateError>, exit: Exit) -> Value {
    let failure = |it: &Failure| json!({ "message": chain(it), "log": it.log() });
    let mut value = match ended {
        Ok(Outcome::Nothing { number, warnings }) => {
            json!({ "outcome": "nothing", "generation": number, "warnings": warnings })
        }
        Ok(Outcome::Committed { number, plan, stays, warnings }) => {
            json!({ "outcome": "committed", "generation": number, "plan": plan, "stays": stays, "warnings": warnings })
        }
        Ok(Outcome::Reverted { failure: why, to, tasks }) => {
            json!({ "outcome": "reverted", "generation": to, "failure": failure(why), "tasks": tasks })
        }
        Err(ActivateError::Refused(refusals)) => {
            let reasons: Vec<String> = refusals.iter().map(|it| chain(it)).collect();
            json!({ "outcome": "refused", "reasons": reasons })
        }
        Err(ActivateError::Stuck { number, failure: why, problems }) => {
            let problems: Vec<Value> = problems.iter().map(failure).collect();
            json!({ "outcome": "stuck", "kept": number, "failure": failure(why), "problems": problems })
        }
        Err(error @ (ActivateError::Locked | ActivateError::CutOff { .. })) => {
            json!({ "outcome": "refused", "reasons": [chain(error)] })
        }
    };
    value["exit"] = json!(exit as u8);
    value
}
