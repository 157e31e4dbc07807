//! `kolla-lang recover`: what a group that waits for its members knows, and an operator's word that some are gone.
//!
//! Lets nothing begin itself: the listener of the group does, once the others that are left promised to wait.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::exit::Exit;
use super::host::{Build, complain, require_root};
use super::say::{say, say_wrong};
use super::there::ThereArgs;
use activate::layout::Layout;
use rejoin::protocol::{Position, State};
use rejoin::report::{self, Report};

/// How long the listener has to take up what was said: a few of its rounds.
const WITHIN: Duration = Duration::from_secs(60);

/// Say what a group knows whose members wait for each other, and let it begin without some that are gone
#[derive(Debug, Args)]
#[command(
    after_help = "Without `--without` it only tells. What only a host that is gone had written is lost, and it must not come back \
while it is cut off from the others.\n\nExit codes: 0 it begins or nothing waits, 2 refused, 4 it waits, 5 it did not \
begin\n\nExample: kolla-lang recover galera --without ctl02"
)]
pub struct RecoverArgs {
    /// The group
    group: String,
    /// Count a host as gone, so that the others begin without it
    #[arg(long, value_name = "HOST")]
    without: Vec<String>,
    #[command(flatten)]
    there: ThereArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &RecoverArgs, build: Build<'_>) -> Exit {
    let RecoverArgs { group, without, there, json } = args;
    let mut words = vec!["recover", group];
    words.extend(without.iter().flat_map(|host| ["--without", host]));
    if let Some(exit) = there.run(build, &words, *json) {
        return exit;
    }
    if let Err(exit) = require_root("recover") {
        return exit;
    }
    let layout = Layout::new("/");
    let gone: BTreeSet<String> = without.iter().cloned().collect();
    let (report, exit) = match recover(&layout, group, &gone) {
        Ok(ended) => ended,
        Err(exit) => return exit,
    };
    if *json {
        say!("{:#}", json!({ "version": 1, "report": report, "exit": exit as u8 }));
    } else {
        print(&report);
    }
    exit
}

fn recover(layout: &Layout, group: &str, gone: &BTreeSet<String>) -> Result<(Report, Exit), Exit> {
    let found = read(layout, group)?;
    if found.waits.is_none() {
        return Ok((found, Exit::Done));
    }
    if gone.is_empty() {
        return Ok((found, Exit::Warnings));
    }
    refuse(&found, gone)?;
    report::count_as_gone(layout, group, gone).map_err(|error| complain(&error, Exit::Refused))?;
    let until = Instant::now() + WITHIN;
    while Instant::now() < until {
        sleep(Duration::from_secs(1));
        let now = read(layout, group)?;
        if now.waits.is_none() {
            return Ok((now, Exit::Done));
        }
    }
    report::forget_gone(layout, group).map_err(|error| complain(&error, Exit::Stuck))?;
    Ok((read(layout, group)?, Exit::Stuck))
}

fn read(layout: &Layout, group: &str) -> Result<Report, Exit> {
    match report::read(layout, group) {
        Ok(Some(report)) => Ok(report),
        Ok(None) => {
            say_wrong!("error: no member of `{group}` on this host waits for others");
            say_wrong!(
                "  help: run it on a host of the group; `systemctl status {group}-rejoin.service` says whether its listener is open"
            );
            Err(Exit::Refused)
        }
        Err(error) => Err(complain(&error, Exit::Refused)),
    }
}

/// Refuses what cannot be true of a host that is gone.
fn refuse(report: &Report, gone: &BTreeSet<String>) -> Result<(), Exit> {
    for host in gone {
        let wrong = match report.members.get(host) {
            None => "has no member in this group",
            _ if *host == report.host => "is this host",
            Some(None | Some(State::Unknown | State::Waits(Position::Unreadable))) => continue,
            Some(Some(_)) => "answers: it is not gone",
        };
        say_wrong!("error: {host} {wrong}");
        say_wrong!("  help: `kolla-lang recover {}` says who does not answer", report.group);
        return Err(Exit::Refused);
    }
    Ok(())
}

/// Prints how the members of a group are, as far as this host knows.
pub fn print(report: &Report) {
    let Report { version: _, group, host: _, waits, members, silent } = report;
    match waits {
        Some(why) => say!("{group} waits here: {why}"),
        None => say!("{group} does not wait here"),
    }
    for (member, state) in members {
        say!("  {member:<12}  {}", words(state.as_ref(), silent.get(member)));
    }
    let missed: Vec<&str> =
        members.iter().filter(|(_, it)| it.is_none()).map(|(it, _)| it.as_str()).collect();
    if waits.is_some() && !missed.is_empty() {
        let without = missed.iter().map(|it| format!(" --without {it}")).collect::<String>();
        say!(
            "  help: start what is missing. If it is gone for good, `kolla-lang recover {group}{without}` begins without it:"
        );
        say!("        what it alone had written is lost, and it must not come back cut off from the others");
    }
}

fn words(state: Option<&State>, why: Option<&String>) -> String {
    match state {
        None => why.map_or_else(|| "does not answer".to_owned(), |why| format!("does not answer: {why}")),
        Some(State::Unknown) => "up, without a member that said anything".to_owned(),
        Some(State::Waits(position)) => format!("waits with {position}"),
        Some(State::Starts) => "was started".to_owned(),
        Some(State::TakesPart) => "takes part".to_owned(),
    }
}
