//! `kolla-lang switch`: make this host be what the description says. Other hosts come later, over SSH.

use clap::Args;

use super::diff::print_preview;
use super::exit::Exit;
use super::host::{Answer, Build, FromArgs, complain, require_root, run_switch};
use crate::activate::layout::Layout;
use crate::activate::switch::{Target, preview};

/// Make this host be what the description says, and go back by itself if that fails
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 the description is wrong, 2 refused and nothing touched, 3 failed and back \
on the generation before, 4 done with warnings, 5 somebody must look, 6 another switch is running"
)]
pub struct SwitchArgs {
    #[command(flatten)]
    from: FromArgs,
    /// Act on this host, as is the rule for now
    #[arg(long)]
    local: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &SwitchArgs, build: Build<'_>) -> Exit {
    let SwitchArgs { from, local: _, dry_run, json } = args;
    let answer = Answer::of(*json);
    if !dry_run && let Err(exit) = require_root("switch") {
        return exit;
    }
    let (closure, cloud) = match from.closure(None, build) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if !dry_run {
        return run_switch(Target::New { closure: Box::new(closure), cloud }, answer);
    }
    match preview(&Layout::new("/"), &closure) {
        Ok(preview) => {
            print_preview(&closure.manifest.host, &preview, answer);
            Exit::Done
        }
        Err(error) => complain(&error, Exit::Refused),
    }
}
