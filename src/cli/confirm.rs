//! `kolla-lang confirm`: the word that a switch with `--confirm-within` waits for.

use std::error::Error;

use clap::Args;

use super::exit::Exit;
use super::follow::follow;
use super::host::{Answer, Build, complain, require_root};
use super::say::say_wrong;
use super::there::ThereArgs;
use super::verdict::no_end;
use activate::journal::{self, Record};
use activate::layout::Layout;
use activate::lazy_systemd::LazySystemd;
use activate::name::parse_name;
use activate::part::{Open, Stage};
use activate::report::open;
use store::files::{self, FileError};

/// Confirm the switch that waits for it; without a word in time the host goes back
#[derive(Debug, Args)]
#[command(
    after_help = "Example: `kolla-lang switch --confirm-within 60s`, then, from a new connection, `kolla-lang confirm`.\n\
Exit codes are those of `switch`; 2 if no switch waits."
)]
pub struct ConfirmArgs {
    #[command(flatten)]
    there: ThereArgs,
    /// Confirm this switch and no other
    #[arg(long, value_name = "NAME", hide = true, conflicts_with = "host", value_parser = parse_name)]
    tx: Option<String>,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
    /// Print each record of the switch as a line of JSON, and the end
    #[arg(long, hide = true, conflicts_with_all = ["json", "host"])]
    events: bool,
}

/// Runs the command.
pub fn run(args: &ConfirmArgs, build: Build<'_>) -> Exit {
    if let Some(exit) = args.there.run(build, &["confirm"], args.json) {
        return exit;
    }
    let answer = Answer::of(args.json).or_events(args.events);
    if let Err(exit) = require_root("confirm") {
        return no_end(exit, answer);
    }
    let layout = Layout::new("/");
    match what_waits(&layout, args.tx.as_deref()) {
        Ok(tx) => follow(&layout, &mut LazySystemd::connect(), Some(tx), answer),
        Err(exit) => no_end(exit, answer),
    }
}

/// Says the word to the switch that waits for it, and returns that. One that is named and has heard it before is only followed.
fn what_waits(layout: &Layout, named: Option<&str>) -> Result<String, Exit> {
    let refused = |error: &dyn Error| complain(error, Exit::Refused);
    if let Some(tx) = named
        && has_heard(layout, tx).map_err(|error| refused(&error))?
    {
        return Ok(tx.to_owned());
    }
    let is_it = |tx: &str| named.is_none_or(|named| named == tx);
    match open(layout).map_err(|error| refused(&error))? {
        Some(Open { tx, stage: Stage::Holding }) if is_it(&tx) => {
            files::write_atomic(&layout.confirmation(), tx.as_bytes(), 0o600)
                .map_err(|error| refused(&error))?;
            Ok(tx)
        }
        _ => {
            let which = named.map_or_else(|| "no switch".to_owned(), |tx| format!("no switch `{tx}`"));
            say_wrong!("error: {which} of this host waits to be confirmed");
            Err(Exit::Refused)
        }
    }
}

fn has_heard(layout: &Layout, tx: &str) -> Result<bool, FileError> {
    let records = journal::read_open(layout)?.unwrap_or_default();
    let is_confirmed = journal::name_of(&records) == Some(tx) && records.contains(&Record::Confirmed);
    Ok(is_confirmed || files::exists(&layout.closed_journal(tx)))
}
