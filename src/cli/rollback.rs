//! `kolla-lang rollback`: what was before, by the same engines as a switch: all hosts, or an earlier generation of one.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::fleet::{self, Aim};
use super::follow::run_switch;
use super::host::{Answer, Build, require_root};
use super::plan::WishArgs;
use super::say::say_wrong;
use super::sign::SignArgs;
use super::switch::HowArgs;
use super::there::ThereArgs;
use super::verdict::no_end;
use crate::activate::switch::Target;
use crate::store::Digest;

/// Go back to what was before the last switch: all hosts, or one
#[derive(Debug, Args)]
#[command(after_help = "Commits earlier generations again and makes no new number.\n\n\
Examples: kolla-lang rollback                  all hosts that the newest cloud changed, in waves that hurt no group\n          \
kolla-lang rollback --host ctl01     one of them\n          kolla-lang rollback --local 7        this host, to its generation 7\n\n\
Exit codes are those of `switch`.")]
pub struct RollbackArgs {
    /// The generation of the one host; `kolla-lang generations` lists them
    number: Option<u64>,
    /// Act on this host alone
    #[arg(long, conflicts_with_all = ["host", "canary", "max_parallel", "unreachable"])]
    local: bool,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with_all = ["local", "host"])]
    dry_run: bool,
    /// Act on the hosts with this role, of all
    #[arg(long, value_name = "ROLE", conflicts_with_all = ["local", "host"])]
    role: Vec<String>,
    #[command(flatten)]
    wishes: WishArgs,
    #[command(flatten)]
    how: HowArgs,
    /// Act on this host of the description, over ssh
    #[arg(long, value_name = "HOST", conflicts_with_all = ["canary", "max_parallel", "unreachable"])]
    host: Option<String>,
    /// The description that says how to reach hosts; without it `cloud.kl` in this folder
    #[arg(long, value_name = "FILE", conflicts_with = "local")]
    file: Option<PathBuf>,
    /// A closure that this host has a generation of, instead of its number
    #[arg(long, value_name = "DIGEST", hide = true, conflicts_with_all = ["number", "host"])]
    stored: Option<Digest>,
    /// The digest of the cloud that is to be
    #[arg(long, value_name = "DIGEST", hide = true, requires = "stored")]
    cloud: Option<Digest>,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
    /// Print each record of the switch as a line of JSON, and the end
    #[arg(long, hide = true, conflicts_with_all = ["json", "host"])]
    events: bool,
}

/// Runs the command.
pub fn run(args: &RollbackArgs, build: Build<'_>) -> Exit {
    let RollbackArgs { number, local, how, host, file, stored, cloud, json, events, .. } = args;
    let answer = Answer::of(*json).or_events(*events);
    let tx = how.tx();
    let mut words = vec!["rollback".to_owned(), "--local".to_owned()];
    words.extend(number.map(|it| it.to_string()));
    words.extend(how.words());
    words.push(format!("--tx={tx}"));
    let there = ThereArgs::new(host.clone(), file.clone());
    if let Some(exit) = there.run_switch(build, &words, &tx, *json) {
        return exit;
    }
    if !local && stored.is_none() {
        return rollback_all(args, build).unwrap_or_else(|exit| exit);
    }
    if let Err(exit) = require_root("rollback").and_then(|()| how.accept()) {
        return no_end(exit, answer);
    }
    let target = match (stored, number) {
        (Some(closure), _) => Target::Again { closure: closure.clone(), cloud: cloud.clone() },
        (None, Some(number)) => Target::Number(*number),
        (None, None) => Target::Before,
    };
    run_switch(&target, how, answer)
}

fn rollback_all(args: &RollbackArgs, build: Build<'_>) -> Result<Exit, Exit> {
    let RollbackArgs { number, dry_run, role, wishes, how, file, json, .. } = args;
    if number.is_some() {
        say_wrong!(
            "error: numbers count the generations of one host: name it with `--host`, or say `--local`"
        );
        return Err(Exit::Wrong);
    }
    how.check_for_many()?;
    let asked = fleet::Asked {
        file: file.as_deref(),
        aim: Aim::Before,
        roles: role,
        wishes: wishes.wishes(),
        unreachable: wishes.unreachable(),
        options: how.options(),
        how: how.words_for_many(),
        resume: false,
        take_over: how.take_over(),
        dry_run: *dry_run,
        prechecks: false,
        // What hosts go back to, they have.
        sign: &SignArgs::default(),
        save: None,
        plan: None,
        answer: Answer::of(*json),
    };
    fleet::run(&asked, build)
}
