//! `kolla-lang destroy`: a host with nothing of the description on it, by the same engine as a switch. What was there can come back: the
//! generations stay, and so do volumes but those that were named.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::follow::run_switch;
use super::host::{Answer, Build, complain, require_root};
use super::how::HowArgs;
use super::say::{say, say_wrong};
use super::sudo::SudoArgs;
use super::there::{ThereArgs, complain_of_host};
use super::verdict::no_end;
use activate::compare::preview;
use activate::generation::current_generation;
use activate::layout::Layout;
use activate::podman::Tools;
use activate::request::Target;
use activate::tool::HostTools;
use fleet::connections::Connections;
use fleet::errors::listed;
use fleet::program::Program;
use fleet::remote::RemoteHost;
use fleet::ssh::LONG_SILENCE;
use store::Closure;

/// Stop and take away everything that a host, or all of a cloud, has of its description
#[derive(Debug, Args)]
#[command(
    after_help = "Volumes stay, but those of the one host that --volume names; generations stay, so `rollback` brings all of it back.\n\n\
Examples: kolla-lang destroy --host ctl01 --volume mariadb\n          kolla-lang destroy site     all hosts of the cloud `site`, at once\n\n\
Exit codes are those of `switch`; of several hosts, the worst."
)]
pub struct DestroyArgs {
    /// The name of the cloud, to mean all of its hosts
    #[arg(required_unless_present_any = ["local", "host"], conflicts_with_all = ["local", "host"])]
    cloud: Option<String>,
    /// Act on this host alone
    #[arg(long, conflicts_with = "host")]
    local: bool,
    /// Act on this host of the description, over ssh
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The description that says how to reach hosts; without it `cloud.kl` in this folder
    #[arg(long, value_name = "FILE", conflicts_with = "local")]
    file: Option<PathBuf>,
    /// Remove this volume of the one host, with all that is in it
    #[arg(long, value_name = "NAME", conflicts_with = "cloud")]
    volume: Vec<String>,
    #[command(flatten)]
    sudo: SudoArgs,
    #[command(flatten)]
    how: HowArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &DestroyArgs, build: Build<'_>) -> Exit {
    let DestroyArgs { cloud, local: _, host, file, volume, sudo, how, json } = args;
    let tx = how.tx();
    let mut words = vec!["destroy".to_owned(), "--local".to_owned()];
    words.extend(volume.iter().map(|name| format!("--volume={name}")));
    if let Some(cloud) = cloud {
        words.extend(how.words(&how.options()));
        return destroy_all(cloud, (file.as_ref(), *sudo), &words, *json, build).unwrap_or_else(|exit| exit);
    }
    let there = ThereArgs::new(host.clone(), file.clone(), *sudo);
    if let Some(exit) = there.run_switch(build, &words, how, &tx, *json) {
        return exit;
    }
    let answer = Answer::of(*json);
    if let Err(exit) = require_root("destroy") {
        return no_end(exit, answer);
    }
    destroy_here(volume, how, answer).unwrap_or_else(|exit| no_end(exit, answer))
}

fn destroy_here(volumes: &[String], how: &HowArgs, answer: Answer) -> Result<Exit, Exit> {
    let layout = Layout::new("/");
    let mut tools = HostTools;
    let Some(held) = current_generation(&layout).map_err(|error| complain(&error, Exit::Refused))? else {
        say!("nothing to do: this host has no generation");
        return Ok(Exit::Done);
    };
    check_volumes(volumes, &mut tools)?;
    let closure = Closure::new(held.closure.manifest.emptied());
    let preview = preview(&layout, &mut tools, &closure, &how.options());
    let left = preview.map_err(|error| complain(&error, Exit::Refused))?.plan.left;
    if !left.is_empty() {
        left.iter().for_each(|it| say_wrong!("error: {}: {}", it.unit, it.reason));
        say_wrong!("  help: `--allow-dataplane` lets them be stopped; nothing was touched");
        return Err(Exit::Refused);
    }
    let exit = run_switch(&Target::New { closure: Box::new(closure), cloud: None }, how, answer);
    if !matches!(exit, Exit::Done | Exit::Warnings) {
        return Ok(exit);
    }
    let mut worst = exit;
    for name in volumes {
        match tools.remove_volume(name) {
            Ok(()) if answer == Answer::Text => say!("removed  volume {name}"),
            Ok(()) => {}
            Err(error) => worst = complain(&error, Exit::Warnings),
        }
    }
    Ok(worst)
}

/// Refuses names that no volume has: a slip of the pen removes nothing.
fn check_volumes(names: &[String], tools: &mut dyn Tools) -> Result<(), Exit> {
    if names.is_empty() {
        return Ok(());
    }
    let known = tools.volumes().map_err(|error| complain(&error, Exit::Refused))?;
    let unknown: Vec<String> = names.iter().filter(|name| !known.contains_key(*name)).cloned().collect();
    if unknown.is_empty() {
        return Ok(());
    }
    say_wrong!("error: this host has no volume {}; nothing was touched", listed(&unknown));
    say_wrong!("  help: it has {}", listed(&known.into_keys().collect::<Vec<_>>()));
    Err(Exit::Refused)
}

/// Takes all hosts of a cloud down at once: there is no order in which some of them would be of use.
fn destroy_all(
    cloud: &str,
    (file, sudo): (Option<&PathBuf>, SudoArgs),
    words: &[String],
    json: bool,
    build: Build<'_>,
) -> Result<Exit, Exit> {
    let built = build(file.map(PathBuf::as_path))?;
    let name = built.closures.values().next().map(|it| it.manifest.cloud.as_str()).unwrap_or_default();
    if name != cloud {
        say_wrong!(
            "error: the description is of the cloud `{name}`, and `{cloud}` was named; nothing was touched"
        );
        return Err(Exit::Wrong);
    }
    let program = Program::load().map_err(|error| complain(&error, Exit::Refused))?;
    let (connections, unreached) = Connections::reach(&built.reach, &program, &sudo.sudo());
    let mut worst = if unreached.is_empty() { Exit::Done } else { Exit::Warnings };
    for error in unreached.values() {
        complain_of_host(error, Exit::Warnings);
    }
    let names: Vec<String> = connections.names().cloned().collect();
    let words: Vec<&str> = words.iter().map(String::as_str).chain(json.then_some("--json")).collect();
    let destroy =
        |name: &str, host: &RemoteHost| host.follow(&words, LONG_SILENCE, |line| say!("{name}  {line}"));
    for (name, ended) in connections.each(&names, destroy) {
        let (code, said) = ended.map_err(|error| complain(&error, Exit::Stuck))?;
        let exit = code.map_or(Exit::Stuck, super::there::exit_of);
        if exit != Exit::Done {
            say_wrong!("error: {name}: {said}");
        }
        worst = if severity(exit) > severity(worst) { exit } else { worst };
    }
    Ok(worst)
}

/// Orders ends by how much somebody must look at them.
fn severity(exit: Exit) -> usize {
    let order =
        [Exit::Done, Exit::Warnings, Exit::Reverted, Exit::Refused, Exit::Locked, Exit::Wrong, Exit::Stuck];
    order.iter().position(|it| *it == exit).unwrap_or(order.len())
}
