//! The command line: one file per command. Knows every layer; no layer knows it.

pub mod boot_files;
pub mod diff;
pub mod exit;
pub mod generations;
pub mod host;
pub mod lab;
pub mod rollback;
pub mod switch;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;
use host::Built;

use crate::lab::LabSpec;

/// A typed language for private clouds, and the tool that switches hosts to what it describes
#[derive(Debug, Parser)]
#[command(name = "kolla-lang", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    Diff(diff::DiffArgs),
    Switch(switch::SwitchArgs),
    Rollback(rollback::RollbackArgs),
    Generations(generations::GenerationsArgs),
    Lab(lab::LabArgs),
    #[command(hide = true)]
    BootFiles(boot_files::BootFilesArgs),
}

/// Runs the command line of this process and returns its exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(why) => {
            // Clap's own code for a wrong usage is 2, which in this project's table means something else.
            let _ = why.print();
            return if why.use_stderr() { Exit::Wrong.into() } else { Exit::Done.into() };
        }
    };
    let exit = match &cli.command {
        Command::Diff(args) => diff::run(args, &build),
        Command::Switch(args) => switch::run(args, &build),
        Command::Rollback(args) => rollback::run(args),
        Command::Generations(args) => generations::run(args),
        Command::Lab(args) => lab::run(args, &describe_lab),
        Command::BootFiles(args) => boot_files::run(args),
    };
    exit.into()
}

/// Builds the cloud that a file describes.
fn build(_: Option<&Path>) -> Result<Built, Exit> {
    eprintln!("error: this build of kolla-lang has no compiler yet; name a built closure with --closure");
    Err(Exit::Wrong)
}

/// Reads the hosts of a lab out of the cloud that a file describes.
fn describe_lab(_: Option<&Path>) -> Result<LabSpec, Exit> {
    eprintln!("error: this build of kolla-lang has no compiler yet; name the hosts with --spec");
    Err(Exit::Wrong)
}
