//! `kolla-lang status`: the generation this host is on, and each way in which the host is not what that says.

use clap::Args;
use serde_json::json;

use super::adopt::require_root_to_read;
use super::exit::Exit;
use super::generations::date;
use super::host::{Build, complain};
use super::recover;
use super::say::say;
use super::there::ThereArgs;
use activate::drift::certificates::Certificate;
use activate::drift::report::{Status, status};
use activate::finding::{Finding, Kind};
use activate::layout::Layout;
use activate::lazy_systemd::LazySystemd;
use activate::part::{Enrolled, Lead};
use activate::tool::HostTools;
use rejoin::report::{self, Report};

/// Say which generation this host is on, and where the host is not what it says
#[derive(Debug, Args)]
#[command(
    after_help = "Reads and changes nothing. Secrets are compared and never printed.\n\nExit codes: 0 all is as it should \
be, 2 it could not be seen, 4 something is not, 5 a switch was cut off, 6 a switch is running\n\nExample: kolla-lang status --json"
)]
pub struct StatusArgs {
    #[command(flatten)]
    there: ThereArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &StatusArgs, build: Build<'_>) -> Exit {
    let StatusArgs { there, json } = args;
    if let Some(exit) = there.run(build, &["status"], *json) {
        return exit;
    }
    if let Err(exit) = require_root_to_read("status") {
        return exit;
    }
    let mut systemd = LazySystemd::connect();
    let status = match status(&Layout::new("/"), &mut systemd, &mut HostTools) {
        Ok(status) => status,
        Err(error) => return complain(&error, Exit::Refused),
    };
    let waiting = match report::waiting(&Layout::new("/")) {
        Ok(waiting) => waiting,
        Err(error) => return complain(&error, Exit::Refused),
    };
    let exit = match exit_of(&status) {
        Exit::Done if !waiting.is_empty() => Exit::Warnings,
        exit => exit,
    };
    if *json {
        let mut value = json!(status);
        value["waiting"] = json!(waiting);
        value["exit"] = json!(exit as u8);
        say!("{value:#}");
    } else {
        print(&status, &waiting);
    }
    exit
}

/// Returns the exit code that tells how a host is.
pub fn exit_of(status: &Status) -> Exit {
    match &status.transit {
        Some(transit) if transit.is_running => Exit::Locked,
        Some(_) => Exit::Stuck,
        None if status.findings.iter().any(Finding::is_drift) => Exit::Warnings,
        None => Exit::Done,
    }
}

fn print(status: &Status, waiting: &[Report]) {
    match &status.generation {
        Some(record) => {
            say!("generation {}  {}  {}", record.number, record.closure.short(), date(record.made));
        }
        None => say!("this host has no generation yet"),
    }
    if let Some(Enrolled { lead: Lead { rollout, leader, .. }, time, .. }) = &status.rollout {
        say!("rollout {rollout}  led by {leader}  since {}", date(*time));
    }
    for Certificate { secret, expires } in &status.certificates {
        say!("certificate {secret}  until {}", date(*expires));
    }
    for finding in &status.findings {
        print_finding(finding);
    }
    waiting.iter().for_each(recover::print);
    let drift = status.findings.iter().filter(|it| it.is_drift()).count();
    match drift {
        0 => say!("this host is what its generation says"),
        1 => say!("1 thing is not as it should be"),
        n => say!("{n} things are not as they should be"),
    }
}

fn print_finding(finding: &Finding) {
    let Finding { kind, name, expected, found, help, adopted, evidence: _ } = finding;
    let mark = match (adopted, kind) {
        (true, _) => "  (adopted)",
        (false, Kind::Waits) => "  (on purpose)",
        _ => "",
    };
    say!("{:<8}  {name}{mark}", kind.word());
    say!("          expected  {expected}");
    say!("          found     {found}");
    if !adopted {
        say!("          help      {help}");
    }
}
