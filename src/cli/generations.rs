//! `kolla-lang generations`: what this host has, and what it went through.

use clap::Args;

use super::exit::Exit;
use super::host::complain;
use super::say::say;
use crate::activate::generation::{self, Listed};
use crate::activate::history::{self, End, Event, Kind};
use crate::activate::layout::Layout;

/// List the generations of this host
#[derive(Debug, Args)]
pub struct GenerationsArgs {
    /// List the switches instead, oldest first
    #[arg(long)]
    history: bool,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &GenerationsArgs) -> Exit {
    let GenerationsArgs { history, json } = args;
    let layout = Layout::new("/");
    if *history {
        match history::load(&layout) {
            Ok(events) if *json => say!("{:#}", serde_json::json!(events)),
            Ok(events) => events.iter().for_each(|event| say!("{}", history_line(event))),
            Err(error) => return complain(&error, Exit::Stuck),
        }
        return Exit::Done;
    }
    match generation::list(&layout) {
        Ok(all) if *json => say!("{:#}", serde_json::json!(all)),
        Ok(all) if all.is_empty() => say!("this host has no generation yet"),
        Ok(all) => all.iter().for_each(|it| say!("{}", generation_line(it))),
        Err(error) => return complain(&error, Exit::Stuck),
    }
    Exit::Done
}

fn generation_line(Listed { record, booted, committed }: &Listed) -> String {
    let mark = match (booted, committed) {
        (true, _) => "  booted",
        (false, true) => "",
        (false, false) => "  never committed",
    };
    format!("{:>5}  {}  {}{mark}", record.number, record.closure.short(), date(record.made))
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
