//! The command line: one file per command. Knows every layer; no layer knows it.

pub mod activate;
pub mod adopt;
pub mod boot_files;
mod bug;
pub mod build;
mod built_images;
pub mod check;
mod concern;
pub mod confirm;
mod defaulted;
pub mod describe;
pub mod describe_lab;
pub mod destroy;
pub mod diff;
mod documents;
pub mod eval;
pub mod evaluated;
pub mod exit;
pub mod explain;
mod fleet;
pub mod follow;
pub mod gc;
pub mod generations;
pub mod host;
pub mod how;
mod image_build;
mod image_changes;
mod image_prune;
mod image_push;
pub mod images;
mod images_of;
pub mod lab;
pub mod lab_images;
mod logins;
pub mod may_start;
pub mod needs;
pub mod operators;
pub mod options;
pub mod options_of;
pub mod origins;
pub mod overrides;
pub mod part;
pub mod pin;
pub mod plan;
pub mod prechecks;
mod progress;
pub mod recover;
pub mod rejoin;
mod releases;
pub mod rendered;
pub mod report;
pub mod reuse;
pub mod rollback;
pub mod rollout;
pub mod saved;
pub mod say;
pub mod secrets;
pub mod secrets_of;
pub mod sides;
pub mod sign;
pub mod status;
pub mod store;
mod sudo;
pub mod switch;
pub mod terminal;
pub mod test;
pub mod there;
pub mod verdict;
pub mod why;
pub mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use exit::Exit;
use report::{StrictArgs, Warnings};
use say::say_wrong;

/// A typed language for private clouds, and the tool that switches hosts to what it describes
#[derive(Debug, Parser)]
#[command(name = "kolla-lang", version)]
struct Cli {
    /// Let the description read files of this folder, instead of its own
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckArgs),
    Test(test::TestArgs),
    Build(build::BuildArgs),
    Eval(eval::EvalArgs),
    Why(why::WhyArgs),
    Overrides(overrides::OverridesArgs),
    Options(options::OptionsArgs),
    Explain(explain::ExplainArgs),
    Plan(plan::PlanArgs),
    Prechecks(prechecks::PrechecksArgs),
    Diff(diff::DiffArgs),
    Switch(switch::SwitchArgs),
    Rollback(rollback::RollbackArgs),
    Destroy(destroy::DestroyArgs),
    Confirm(confirm::ConfirmArgs),
    Status(status::StatusArgs),
    Recover(recover::RecoverArgs),
    Generations(generations::GenerationsArgs),
    Adopt(adopt::AdoptArgs),
    Pin(pin::PinArgs),
    Unpin(pin::UnpinArgs),
    Gc(gc::GcArgs),
    Images(images::ImagesArgs),
    Operators(operators::OperatorsArgs),
    Secrets(secrets::SecretsArgs),
    Lab(lab::LabArgs),
    #[command(hide = true)]
    Activate(activate::ActivateArgs),
    #[command(hide = true)]
    BootFiles(boot_files::BootFilesArgs),
    #[command(hide = true)]
    MayStart(may_start::MayStartArgs),
    #[command(hide = true)]
    Rejoin(rejoin::RejoinArgs),
    #[command(hide = true)]
    Store(store::StoreArgs),
    #[command(hide = true)]
    Rollout(rollout::RolloutArgs),
}

/// Runs the command line of this process and returns its exit code.
pub fn main() -> ExitCode {
    let exit = bug::guarded(run);
    terminal::end_if_hung_up();
    exit.into()
}

fn run() -> Exit {
    // What is made has the modes that it is given, whoever calls.
    rustix::process::umask(rustix::fs::Mode::WGRP | rustix::fs::Mode::WOTH);
    // What is in memory may be a secret, and a dump of it would lie on a disk. Unlike a limit of size this is none of a child's, so
    // that containers keep theirs. A kernel that cannot is none that this program runs on.
    let _never = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(why) => {
            // Clap's own code for a wrong usage is 2, which in this project's table means something else.
            let _ = why.print();
            return if why.use_stderr() { Exit::Wrong } else { Exit::Done };
        }
    };
    if let Some(root) = cli.root {
        if !root.is_dir() {
            say_wrong!("error: there is no folder {}", root.display());
            return Exit::Wrong;
        }
        describe::read_below(root);
    }
    let strict = |args: StrictArgs| {
        move |file: Option<&Path>| build::build_warned(file, args.warnings()).map(|(built, _)| built)
    };
    // What only looks, or goes back, does not refuse a description for its warnings.
    let lenient = |file: Option<&Path>| build::build(file, Warnings::Allowed);
    match &cli.command {
        Command::Check(args) => check::run(args),
        Command::Test(args) => test::run(args),
        Command::Build(args) => build::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Why(args) => why::run(args),
        Command::Overrides(args) => overrides::run(args),
        Command::Options(args) => options::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Prechecks(args) => prechecks::run(args, &strict(args.strict)),
        Command::Diff(args) => diff::run(args),
        Command::Switch(args) => switch::run(args, &strict(args.strict)),
        Command::Rollback(args) => rollback::run(args, &lenient),
        Command::Destroy(args) => destroy::run(args, &lenient),
        Command::Confirm(args) => confirm::run(args, &lenient),
        Command::Activate(args) => activate::run(args),
        Command::Status(args) => status::run(args, &lenient),
        Command::Generations(args) => generations::run(args, &lenient),
        Command::Recover(args) => recover::run(args, &lenient),
        Command::Adopt(args) => adopt::run(args),
        Command::Pin(args) => pin::run(args),
        Command::Unpin(args) => pin::run_unpin(args),
        Command::Gc(args) => gc::run(args),
        Command::Images(args) => images::run(args),
        Command::Operators(args) => operators::run(args, &lenient),
        Command::Secrets(args) => secrets::run(args),
        Command::Lab(args) => lab::run(args, &describe_lab::spec),
        Command::BootFiles(args) => boot_files::run(args),
        Command::MayStart(args) => may_start::run(args),
        Command::Rejoin(args) => rejoin::run(args),
        Command::Store(args) => store::run(args),
        Command::Rollout(args) => rollout::run(args),
    }
}
