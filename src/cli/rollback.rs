//! `kolla-lang rollback`: what was before, by the same engines as a switch: all hosts, or an earlier generation of one.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::fleet::{self, Aim};
use super::follow::run_switch;
use super::host::{Answer, Build, require_root};
use super::how::HowArgs;
use super::plan::WaveArgs;
use super::say::say_wrong;
use super::sign::SignArgs;
use super::sudo::SudoArgs;
use super::there::ThereArgs;
use super::verdict::no_end;
use activate::request::Target;
use store::Digest;

/// Go back to what was before the last switch: all hosts, or one
#[derive(Debug, Args)]
#[command(after_help = "Commits earlier generations again and makes no new number.\n\n\
Examples: kolla-lang rollback                  all hosts that the newest cloud changed, in waves that exceed no group's disruption budget\n          \
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
    wave_options: WaveArgs,
    #[command(flatten)]
    sudo: SudoArgs,
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
    let RollbackArgs { number, local, how, host, file, stored, cloud, json, events, sudo, .. } = args;
    let answer = Answer::of(*json).or_events(*events);
    let tx = how.tx();
    let mut words = vec!["rollback".to_owned(), "--local".to_owned()];
    words.extend(number.map(|it| it.to_string()));
    let there = ThereArgs::new(host.clone(), file.clone(), *sudo);
    if let Some(exit) = there.run_switch(build, &words, how, &tx, *json) {
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
    let RollbackArgs { number, dry_run, role, wave_options, how, file, json, sudo, .. } = args;
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
        wave_options: wave_options.wave_options(),
        unreachable: wave_options.unreachable(),
        options: how.options(),
        resume: false,
        dry_run: *dry_run,
        prechecks: false,
        // What hosts go back to, they have.
        sign: &SignArgs::default(),
        sudo: *sudo,
        save: None,
        plan: None,
        answer: Answer::of(*json),
    };
    fleet::run(&asked, build)
}
