//! `kolla-lang switch`: make this host be what the description says. Other hosts come later, over SSH.

use clap::Args;

use super::adopt::accept_all;
use super::diff::{Here, print_preview};
use super::exit::Exit;
use super::follow::{follow_last, run_switch};
use super::host::{Answer, Build, FromArgs, complain, require_root};
use crate::activate::dry_run::{DryRun, dry_run};
use crate::activate::layout::Layout;
use crate::activate::pid1::Pid1;
use crate::activate::podman::HostTools;
use crate::activate::request::{NoGate, Options};
use crate::activate::switch::{Target, preview};
use crate::store::Closure;

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
    /// Ask for nothing: show the switch that runs, or how the last one went
    #[arg(long, conflicts_with_all = ["file", "dry_run", "confirm_within", "deadline", "adopt"])]
    follow: bool,
    #[command(flatten)]
    how: HowArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// How a switch is to be done.
#[derive(Debug, Args)]
pub struct HowArgs {
    /// Go back unless `kolla-lang confirm` is given in time, like `60s` or `5m`
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    confirm_within: Option<u64>,
    /// Go back unless all is done in time; by default what the units' own limits come to
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    deadline: Option<u64>,
    /// Do not wait for the gate of this unit, or of `all`; what is not asked is said
    #[arg(long, value_name = "NAME")]
    no_gate: Vec<String>,
    /// Let units of the data plane be stopped and restarted; guests depend on them
    #[arg(long)]
    allow_dataplane: bool,
    /// Let tasks run behind which there is no way back
    #[arg(long)]
    allow_one_way: bool,
    /// Go back behind this finished task, when what it changed is there again
    #[arg(long, value_name = "TASK")]
    allow_behind: Vec<String>,
    /// Accept by name what is there: a path or a container that `status` or a refusal names
    #[arg(long, value_name = "NAME")]
    adopt: Vec<String>,
}

impl HowArgs {
    /// Accepts what is named, before the switch looks for what is in its way.
    pub fn accept(&self) -> Result<(), Exit> {
        accept_all(&Layout::new("/"), &self.adopt)
    }

    /// Returns them as the switch takes them.
    pub fn options(&self) -> Options {
        let Self {
            confirm_within,
            deadline,
            no_gate,
            allow_dataplane,
            allow_one_way,
            allow_behind,
            adopt: _,
        } = self;
        Options {
            confirm_within: *confirm_within,
            deadline: *deadline,
            no_gate: NoGate::from_words(no_gate),
            allow_dataplane: *allow_dataplane,
            allow_one_way: *allow_one_way,
            allow_behind: allow_behind.iter().cloned().collect(),
        }
    }
}

/// Reads a time as whole seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    u64::try_from(span.as_secs())
        .ok()
        .filter(|secs| *secs > 0)
        .ok_or_else(|| "it must be a second or more".to_owned())
}

/// Runs the command.
pub fn run(args: &SwitchArgs, build: Build<'_>) -> Exit {
    let SwitchArgs { from, local: _, dry_run, follow, how, json } = args;
    let answer = Answer::of(*json);
    if *follow {
        return follow_last(answer);
    }
    if !dry_run && let Err(exit) = require_root("switch") {
        return exit;
    }
    let (closure, cloud) = match from.closure(None, build) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    if !dry_run {
        if let Err(exit) = how.accept() {
            return exit;
        }
        return run_switch(&Target::New { closure: Box::new(closure), cloud }, how.options(), answer);
    }
    dry_run_here(&closure, &how.options(), answer)
}

/// Says what a switch of this host would do. Who is not root cannot look whether it would be refused.
fn dry_run_here(closure: &Closure, options: &Options, answer: Answer) -> Exit {
    let (layout, host) = (Layout::new("/"), &closure.manifest.host);
    if !rustix::process::geteuid().is_root() {
        return match preview(&layout, &mut HostTools, closure, options) {
            Ok(preview) => {
                print_preview(host, &preview, &Here::default(), answer);
                Exit::Done
            }
            Err(error) => complain(&error, Exit::Refused),
        };
    }
    match dry_run(&layout, &mut Pid1::connect(), &mut HostTools, closure, options) {
        Ok(DryRun { preview, pulls, kernel, refusals }) => {
            print_preview(host, &preview, &Here { pulls, kernel }, answer);
            let refused = refusals.len() + preview.plan.refused.len();
            refusals.iter().for_each(|it| {
                complain(it, Exit::Refused);
            });
            if refused == 0 { Exit::Done } else { Exit::Refused }
        }
        Err(error) => complain(&error, Exit::Refused),
    }
}
