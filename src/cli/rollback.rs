//! `kolla-lang rollback`: an earlier generation of this host again, by the same engine as a switch.

use clap::Args;

use super::exit::Exit;
use super::follow::run_switch;
use super::host::{Answer, Build, require_root};
use super::switch::HowArgs;
use super::there::ThereArgs;
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
}

/// Runs the command.
pub fn run(args: &RollbackArgs, build: Build<'_>) -> Exit {
    let RollbackArgs { number, how, there, json } = args;
    let tx = how.tx();
    let mut words = vec!["rollback".to_owned()];
    words.extend(number.map(|it| it.to_string()));
    words.extend(how.words());
    words.push(format!("--tx={tx}"));
    if let Some(exit) = there.run_switch(build, &words, &tx, *json) {
        return exit;
    }
    if let Err(exit) = require_root("rollback") {
        return exit;
    }
    if let Err(exit) = how.accept() {
        return exit;
    }
    run_switch(&number.map_or(Target::Before, Target::Number), how, Answer::of(*json))
}
