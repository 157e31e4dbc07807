//! `kolla-lang generations`: what this host has, and what it went through.

use clap::Args;
use serde_json::json;

use super::exit::Exit;
use super::host::{Build, complain};
use super::say::say;
use super::there::ThereArgs;
use activate::history::{self, End, Event, Kind};
use activate::layout::Layout;
use activate::listed::{Listed, list};

/// List the generations of this host
#[derive(Debug, Args)]
#[command(
    after_help = "`before` marks where `rollback` goes. Exit codes: 0 done, 5 the history cannot be read\n\n\
Example: kolla-lang generations --history"
)]
pub struct GenerationsArgs {
    /// List the switches instead, oldest first
    #[arg(long)]
    history: bool,
    #[command(flatten)]
    there: ThereArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &GenerationsArgs, build: Build<'_>) -> Exit {
    let GenerationsArgs { history, there, json } = args;
    let words: &[&str] = if *history { &["generations", "--history"] } else { &["generations"] };
    if let Some(exit) = there.run(build, words, *json) {
        return exit;
    }
    let layout = Layout::new("/");
    if *history {
        match history::load(&layout) {
            Ok(events) if *json => say!("{:#}", json!({ "version": 1, "events": events })),
            Ok(events) => events.iter().for_each(|event| say!("{}", history_line(event))),
            Err(error) => return complain(&error, Exit::Stuck),
        }
        return Exit::Done;
    }
    match list(&layout) {
        Ok(all) if *json => say!("{:#}", json!({ "version": 1, "generations": all })),
        Ok(all) if all.is_empty() => say!("this host has no generation yet"),
        Ok(all) => all.iter().for_each(|it| say!("{}", generation_line(it))),
        Err(error) => return complain(&error, Exit::Stuck),
    }
    Exit::Done
}

fn generation_line(listed: &Listed) -> String {
    let Listed { number, record, problem, booted, on_trial, before, committed, pins } = listed;
    let what = match (record, problem) {
        (Some(record), _) => format!("{}  {}", record.closure.short(), date(record.made)),
        (None, problem) => problem.clone().unwrap_or_default(),
    };
    let mut marks = Vec::new();
    for (is_so, mark) in [
        (*booted, "booted"),
        (*on_trial, "on trial"),
        (*before, "before"),
        (!*committed && !*on_trial, "never committed"),
    ] {
        if is_so {
            marks.push(mark.to_owned());
        }
    }
    marks.extend(pins.iter().map(|name| format!("pinned as `{name}`")));
    format!("{number:>5}  {what}  {}", marks.join(", ")).trim_end().to_owned()
}

fn history_line(event: &Event) -> String {
    let Event { version: _, tx: _, time, kind, end, from, to, closure, tasks, reason } = event;
    let kind = match kind {
        Kind::Switch => "switch",
        Kind::Rollback => "rollback",
    };
    let end = match end {
        End::Committed => "committed",
        End::Reverted => "reverted",
        End::Stuck => "stuck",
    };
    let from = from.map_or_else(|| "nothing".to_owned(), |number| number.to_string());
    let mut line = format!("{}  {kind:<8}  {from} → {to}  {}  {end}", date(*time), closure.short());
    if !tasks.is_empty() {
        line = format!("{line}; tasks done: {}", tasks.join(", "));
    }
    if let Some(reason) = reason {
        line = format!("{line}: {reason}");
    }
    line
}

/// Writes a time for people, in UTC.
pub fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|it| jiff::Timestamp::from_second(it).ok());
    time.map_or_else(|| format!("{seconds} s"), |it| it.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}
