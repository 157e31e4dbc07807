//! `kolla-lang check`: is the description right, down to what every host would get? Writes nothing.

use clap::Args;
use serde_json::json;
use std::path::PathBuf;

use super::build::inspect;
use super::describe::{JobsArgs, compile};
use super::exit::Exit;
use super::host::Answer;
use super::report::{self, StrictArgs};
use super::say::say;
use super::secrets_of;

/// Check a description, all its mistakes at once, and write nothing
#[derive(Debug, Args)]
#[command(after_help = "Example: kolla-lang check cloud.kl\n\nExit codes: 0 no error, 1 at least one error")]
pub struct CheckArgs {
    /// The description; without it `cloud.kl` in this folder
    pub file: Option<PathBuf>,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    strict: StrictArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &CheckArgs) -> Exit {
    let described = match compile(args.file.as_deref()) {
        Ok(described) => described,
        Err(exit) => return exit,
    };
    let answer = Answer::of(args.json);
    let made = inspect(&described, args.jobs.count());
    let compiled = &described.compiled;
    let exit = report::print_all(&made.problems, compiled.sources(), answer, args.strict.warnings());
    if answer == Answer::Json {
        say!("{}", json!({ "version": 1, "problems": report::as_json(&made.problems, compiled.sources()) }));
    } else if exit == Exit::Done {
        let n = compiled.part_names().len();
        say!("ok: {n} host{}", if n == 1 { "" } else { "s" });
    }
    if exit == Exit::Done {
        secrets_of::say_old(args.file.as_deref(), &described.secrets, &made.wanted);
    }
    exit
}
