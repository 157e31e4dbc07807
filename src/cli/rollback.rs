//! `kolla-lang rollback`: an earlier generation of this host again, by the same engine as a switch.

use clap::Args;

use super::exit::Exit;
use super::follow::run_switch;
use super::host::{Answer, Build, require_root};
use super::switch::HowArgs;
use super::there::ThereArgs;
use super::verdict::no_end;
use crate::activate::switch::Target;

/// Go back to the generation before this one, or to one by number
#[derive(Debug, Args)]
#[command(
    after_help = "Commits that generation again and makes no new number. Exit codes are those of `switch`."
)]
pub struct RollbackArgs {
    /// The generation; `kolla-lang generations` lists them
    number: Option<u64>,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    there: ThereArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
    /// Print each record of the switch as a line of JSON, and the end
    #[arg(long, hide = true, conflicts_with_all = ["json", "host"])]
    events: bool,
}

/// Runs the command.
pub fn run(args: &RollbackArgs, build: Build<'_>) -> Exit {
    let RollbackArgs { number, how, there, json, events } = args;
    let answer = Answer::of(*json).or_events(*events);
    let tx = how.tx();
    let mut words = vec!["rollback".to_owned()];
    words.extend(number.map(|it| it.to_string()));
    words.extend(how.words());
    words.push(format!("--tx={tx}"));
    if let Some(exit) = there.run_switch(build, &words, &tx, *json) {
        return exit;
    }
    if let Err(exit) = require_root("rollback").and_then(|()| how.accept()) {
        return no_end(exit, answer);
    }
    run_switch(&number.map_or(Target::Before, Target::Number), how, answer)
}
