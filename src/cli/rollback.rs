//! `kolla-lang rollback`: an earlier generation of this host again, by the same engine as a switch.

use clap::Args;

use super::exit::Exit;
use super::follow::run_switch;
use super::host::{Answer, require_root};
use super::switch::HowArgs;
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
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &RollbackArgs) -> Exit {
    let RollbackArgs { number, how, json } = args;
    if let Err(exit) = require_root("rollback") {
        return exit;
    }
    if let Err(exit) = how.accept() {
        return exit;
    }
    run_switch(&number.map_or(Target::Before, Target::Number), how.options(), Answer::of(*json))
}
