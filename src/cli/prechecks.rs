//! `kolla-lang prechecks`: what must hold on a host before its first switch, and does not.

use clap::Args;
use serde_json::json;

use super::adopt::require_root_to_read;
use super::exit::Exit;
use super::host::{Build, FromArgs, complain};
use super::report::StrictArgs;
use super::say::say;
use super::sudo::SudoArgs;
use super::there;
use activate::layout::Layout;
use activate::lazy_systemd::LazySystemd;
use activate::prechecks::{Checked, ThisHost, prechecks};
use store::packed::Packed;

/// Say what must hold on this host before its first switch, and does not
#[derive(Debug, Args)]
#[command(
    after_help = "Changes nothing but, with --host, the store there. Ports that a service of the committed generation has itself are fine.\n\n\
Exit codes: 0 all holds, 1 the description is wrong, 2 something does not hold or could not be asked\n\nExample: kolla-lang prechecks --host ctl01"
)]
pub struct PrechecksArgs {
    #[command(flatten)]
    from: FromArgs,
    /// Ask this host of the description, over ssh; it needs nothing beforehand but sshd
    #[arg(long, value_name = "HOST", conflicts_with_all = ["closure", "stored"])]
    host: Option<String>,
    /// Read the password of sudo, where the host's user is not root and sudo wants one, from standard input. At a terminal it is asked for
    /// anyway
    #[arg(short = 'K', long, requires = "host")]
    ask_become_pass: bool,
    #[command(flatten)]
    pub(super) strict: StrictArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &PrechecksArgs, build: Build<'_>) -> Exit {
    let PrechecksArgs { from, host, ask_become_pass, strict: _, json } = args;
    let sudo = SudoArgs::new(*ask_become_pass);
    let ended = match host {
        Some(host) => ask_other(from, (host, sudo), *json, build),
        None => ask_here(from, *json, build),
    };
    ended.unwrap_or_else(|exit| exit)
}

/// Asks another host: its closure is brought there, and the program that is brought there too asks.
fn ask_other(
    from: &FromArgs,
    (host, sudo): (&str, SudoArgs),
    json: bool,
    build: Build<'_>,
) -> Result<Exit, Exit> {
    let mut built = build(from.file.as_deref())?;
    let to = there::find(&built, host)?;
    let there = there::reach(&to, sudo)?;
    let closure = built.closures.remove(host).ok_or(Exit::Wrong)?;
    let packed = Packed::of(&closure).map_err(|error| complain(&error, Exit::Refused))?;
    there.send(&packed).map_err(|error| complain(&error, Exit::Refused))?;
    let stored = format!("--stored={}", packed.digest());
    let words: Vec<&str> = ["prechecks", &stored].into_iter().chain(json.then_some("--json")).collect();
    there::run_there(&there, &words)
}

fn ask_here(from: &FromArgs, json: bool, build: Build<'_>) -> Result<Exit, Exit> {
    require_root_to_read("prechecks")?;
    let (closure, _) = from.closure(None, build)?;
    let mut systemd = LazySystemd::connect();
    let found = prechecks(&closure.manifest, &mut ThisHost::new(Layout::new("/"), &mut systemd));
    let failed = found.iter().filter(|it| it.reason.is_some()).count();
    let exit = if failed == 0 { Exit::Done } else { Exit::Refused };
    if json {
        say!(
            "{:#}",
            json!({ "version": 1, "host": closure.manifest.host, "prechecks": found, "exit": exit as u8 })
        );
    } else {
        found.iter().for_each(print);
        match failed {
            0 => say!("all {} prechecks of {} hold", found.len(), closure.manifest.host),
            n => say!("{n} of {} prechecks of {} do not hold", found.len(), closure.manifest.host),
        }
    }
    Ok(exit)
}

fn print(checked: &Checked) {
    let Checked { name, wanted, reason, help } = checked;
    match reason {
        None => say!("holds   {name}  {wanted}"),
        Some(reason) => say!("failed  {name}  {wanted}: {reason}"),
    }
    if let Some(help) = help {
        say!("  help: {help}");
    }
}
