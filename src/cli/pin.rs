//! `kolla-lang pin` and `unpin`: names that keep generations of this host from `gc`.

use clap::Args;
use serde_json::json;

use super::adopt::take_lock;
use super::exit::Exit;
use super::host::{complain, require_root};
use super::say::{say, say_wrong};
use activate::generation;
use activate::layout::Layout;
use activate::pins;

/// Keep a generation from `gc` under a name
#[derive(Debug, Args)]
#[command(
    after_help = "`kolla-lang generations` lists pins with their generations. Exit codes: 0 done, 2 refused, 6 a switch is \
running\n\nExample: kolla-lang pin before-upgrade 7"
)]
pub struct PinArgs {
    /// The name; a pin of that name is moved
    name: String,
    /// The generation; without it the booted one
    number: Option<u64>,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Let `gc` have a generation again that was kept under a name
#[derive(Debug, Args)]
#[command(
    after_help = "Removes no generation itself. Exit codes: 0 done, 2 refused, 6 a switch is running\n\n\
Example: kolla-lang unpin before-upgrade"
)]
pub struct UnpinArgs {
    /// The name
    name: String,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs `pin`.
pub fn run(args: &PinArgs) -> Exit {
    let PinArgs { name, number, json } = args;
    if let Err(exit) = require_root("pin") {
        return exit;
    }
    let layout = Layout::new("/");
    let _lock = match take_lock(&layout) {
        Ok(lock) => lock,
        Err(exit) => return exit,
    };
    let number = match (number, generation::booted(&layout)) {
        (Some(number), _) => *number,
        (None, Ok(Some(number))) => number,
        (None, Ok(None)) => {
            say_wrong!("error: this host has no generation yet");
            return Exit::Refused;
        }
        (None, Err(error)) => return complain(&error, Exit::Refused),
    };
    if let Err(error) = generation::load_record(&layout, number) {
        return complain(&error, Exit::Refused);
    }
    match pins::pin(&layout, name, number) {
        Ok(pin) if *json => say!("{:#}", json!({ "version": 1, "pin": pin })),
        Ok(_) => say!("generation {number} is kept as `{name}`"),
        Err(error) => return complain(&error, Exit::Refused),
    }
    Exit::Done
}

/// Runs `unpin`.
pub fn run_unpin(args: &UnpinArgs) -> Exit {
    let UnpinArgs { name, json } = args;
    if let Err(exit) = require_root("unpin") {
        return exit;
    }
    let layout = Layout::new("/");
    let _lock = match take_lock(&layout) {
        Ok(lock) => lock,
        Err(exit) => return exit,
    };
    match pins::unpin(&layout, name) {
        Ok(true) if *json => say!("{:#}", json!({ "version": 1, "unpinned": name })),
        Ok(true) => say!("`{name}` keeps nothing any more"),
        Ok(false) => {
            say_wrong!("error: there is no pin `{name}`");
            return Exit::Refused;
        }
        Err(error) => return complain(&error, Exit::Refused),
    }
    Exit::Done
}
