//! `kolla-lang activate`: what the service of a switch runs, and what takes a host back when that one is gone. Not for people.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args, Subcommand};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::exit::Exit;
use super::host::{Answer, complain};
use super::verdict::report;
use activate::failure::NotBegun;
use activate::host::Host;
use activate::journal::{Journal, is_open, write_closed};
use activate::layout::Layout;
use activate::lazy_systemd::LazySystemd;
use activate::outcome::{ActivateError, Outcome};
use activate::recover::recover;
use activate::request::{Options, Request};
use activate::switch::switch;
use activate::tool::HostTools;
use activate::verdict::Verdict;
use secrets::Vault;
use store::{files, lock};

/// Switch this host, or end a switch that was cut off
#[derive(Debug, Args)]
pub struct ActivateArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Do what a request asks for
    Switch {
        /// The request, as JSON
        request: String,
    },
    /// End the switch that is open
    Recover,
}

/// How often a lock is asked for that another recovery may hold for as long as it works.
const N_TRIES: u32 = 600;
const BETWEEN: Duration = Duration::from_millis(100);

/// Runs the command.
pub fn run(args: &ActivateArgs) -> Exit {
    let interrupted = match listen_to_signals() {
        Ok(flag) => flag,
        Err(error) => return complain(&error, Exit::Refused),
    };
    match &args.what {
        What::Switch { request } => match serde_json::from_str(request) {
            Ok(request) => run_switch(request, &interrupted),
            Err(error) => complain(&error, Exit::Wrong),
        },
        What::Recover => run_recover(&interrupted),
    }
}

/// Takes the signals that would end a switch half done: it goes back instead.
fn listen_to_signals() -> std::io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

fn run_switch(request: Request, interrupted: &AtomicBool) -> Exit {
    let layout = Layout::new("/");
    let Request { tx, requested, options } = request;
    let asked = std::env::current_exe().map_err(|error| NotBegun::from(files::of_program(error)));
    let asked = asked.and_then(|program| Ok((program, requested.load(&layout)?)));
    let ended = asked.map_err(ActivateError::from).and_then(|(program, target)| {
        let (mut systemd, mut tools) = (LazySystemd::connect(), HostTools);
        let mut host = Host {
            layout: &layout,
            systemd: &mut systemd,
            tools: &mut tools,
            vault: Vault::new(layout.host_keys()),
            tx: tx.clone(),
            options,
            journal: Journal::default(),
            alarms: Vec::new(),
            armed_timer: None,
            interrupted,
        };
        switch(&mut host, target, &program)
    });
    let verdict = Verdict::of(&ended);
    // Whoever follows must hear also of a switch that never began a journal, as where another one could not be ended first.
    if !files::exists(&layout.closed_journal(&tx))
        && !is_open(&layout, &tx)
        && let Err(error) = write_closed(&layout, &tx, &verdict)
    {
        complain(&error, Exit::Warnings);
    }
    report(&verdict, Answer::Text)
}

/// Ends the switch that is open and that nobody is at, if there is one.
pub fn recover_now(interrupted: &AtomicBool) -> Result<Option<Outcome>, ActivateError> {
    let layout = Layout::new("/");
    let _lock = take_lock(&layout)?;
    let (mut systemd, mut tools) = (LazySystemd::connect(), HostTools);
    recover(&mut Host {
        layout: &layout,
        systemd: &mut systemd,
        tools: &mut tools,
        vault: Vault::new(layout.host_keys()),
        tx: String::new(),
        options: Options::default(),
        journal: Journal::default(),
        alarms: Vec::new(),
        armed_timer: None,
        interrupted,
    })
    .map_err(ActivateError::from)
}

fn run_recover(interrupted: &AtomicBool) -> Exit {
    match recover_now(interrupted) {
        // It was taken back by somebody else meanwhile, or it was taken back now: both is well.
        Ok(None) => Exit::Done,
        Ok(Some(Outcome::Reverted { .. })) => Exit::Done,
        Ok(Some(outcome)) => report(&Verdict::from(&outcome), Answer::Text),
        Err(error) => report(&Verdict::from(&error), Answer::Text),
    }
}

fn take_lock(layout: &Layout) -> Result<lock::Lock, NotBegun> {
    for _ in 0..N_TRIES {
        if let Some(lock) = lock::try_lock(&layout.lock())? {
            return Ok(lock);
        }
        std::thread::sleep(BETWEEN);
    }
    Err(NotBegun::Locked)
}
