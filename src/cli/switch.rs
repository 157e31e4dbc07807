//! `kolla-lang switch`: make all hosts be what the description says, or this one, or another one, over ssh.

use std::path::PathBuf;

use clap::Args;

use super::diff::{Here, print_preview};
use super::exit::Exit;
use super::fleet::{self, Aim};
use super::follow::{follow_last, switch_here};
use super::host::{Answer, Build, FromArgs, complain, require_root};
use super::how::HowArgs;
use super::plan::WaveArgs;
use super::report::StrictArgs;
use super::say::say;
use super::sign::{SignArgs, sign_one};
use super::sudo::SudoArgs;
use super::there;
use super::verdict::{no_end, report};
use activate::compare::preview;
use activate::dry_run::{DryRun, dry_run};
use activate::layout::Layout;
use activate::lazy_systemd::LazySystemd;
use activate::request::{Options, Target};
use activate::tool::HostTools;
use activate::verdict::Verdict;
use store::Closure;
use store::packed::Packed;

/// Make all hosts be what the description says, or one, and go back if that fails
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: kolla-lang switch                  all hosts, over ssh, in waves that exceed no group's disruption budget\n          \
kolla-lang switch --host ctl01     one of them\n          kolla-lang switch --local          this host\n\n\
Exit codes: 0 done, 1 the description is wrong, 2 refused and nothing touched, 3 failed and back \
on the generation before, 4 done with warnings, 5 somebody must look, 6 another switch is running, or a rollout has a host"
)]
pub struct SwitchArgs {
    #[command(flatten)]
    from: FromArgs,
    /// Act on this host alone
    #[arg(long, conflicts_with_all = ["canary", "max_parallel", "unreachable"])]
    local: bool,
    /// Act on this host of the description, over ssh; it needs nothing beforehand but systemd, podman and sshd
    #[arg(long, value_name = "HOST", conflicts_with_all = ["local", "closure", "stored", "canary", "max_parallel", "unreachable"])]
    host: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask hosts that have nothing yet what must hold before their first switch
    #[arg(long, conflicts_with_all = ["local", "host", "closure", "stored", "follow", "dry_run", "resume"])]
    no_prechecks: bool,
    /// With `--dry-run` and all hosts: keep the plan, for `--plan`
    #[arg(long, value_name = "FILE", requires = "dry_run", conflicts_with_all = ["local", "host", "closure", "stored"])]
    save: Option<PathBuf>,
    /// Do what this plan says that was kept, or nothing where a host or the description is something else by now
    #[arg(long, value_name = "FILE", conflicts_with_all = ["local", "host", "closure", "stored", "follow", "dry_run", "resume"])]
    plan: Option<PathBuf>,
    /// Ask for nothing: show the switch that runs, or how the last one went
    #[arg(long, conflicts_with_all = ["dry_run", "confirm_within", "deadline", "adopt", "canary", "max_parallel", "unreachable"])]
    follow: bool,
    /// Act on the hosts with this role, of all
    #[arg(long, value_name = "ROLE", conflicts_with_all = ["local", "host", "closure", "stored", "follow", "resume"])]
    role: Vec<String>,
    #[command(flatten)]
    wave_options: WaveArgs,
    /// Go on with the rollout of this cloud that nobody leads any more, from its record or from what its hosts tell
    #[arg(long, conflicts_with_all = ["local", "host", "closure", "stored", "follow", "dry_run"])]
    resume: bool,
    #[command(flatten)]
    sign: SignArgs,
    #[command(flatten)]
    sudo: SudoArgs,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    pub(super) strict: StrictArgs,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
    /// Print each record of the switch as a line of JSON, and the end
    #[arg(long, hide = true, conflicts_with_all = ["json", "dry_run", "host"])]
    events: bool,
}

/// Runs the command.
pub fn run(args: &SwitchArgs, build: Build<'_>) -> Exit {
    let SwitchArgs { from, local, host, dry_run, follow, how, json, events, sign, .. } = args;
    let answer = Answer::of(*json).or_events(*events);
    if let Some(host) = host {
        return switch_other(args, host, build).unwrap_or_else(|exit| exit);
    }
    if !local && !follow && from.closure.is_none() && from.stored.stored.is_none() {
        return switch_all(args, build).unwrap_or_else(|exit| exit);
    }
    if *follow {
        return follow_last(how.named(), answer);
    }
    if !dry_run && let Err(exit) = require_root("switch") {
        return no_end(exit, answer);
    }
    let (closure, cloud) = match from.closure(None, build) {
        Ok(found) => found,
        Err(exit) => return no_end(exit, answer),
    };
    if !dry_run {
        if let Err(exit) = how.accept() {
            return no_end(exit, answer);
        }
        let mut options = how.options();
        if options.signature.is_none() && from.stored.stored.is_none() {
            options.signature = match sign.signer([&closure]).and_then(|it| sign_one(it.as_ref(), &closure)) {
                Ok(signature) => signature,
                Err(exit) => return no_end(exit, answer),
            };
        }
        return switch_here(&Target::New { closure: Box::new(closure), cloud }, options, how.tx(), answer);
    }
    dry_run_here(&closure, &how.options(), answer)
}

fn switch_all(args: &SwitchArgs, build: Build<'_>) -> Result<Exit, Exit> {
    let SwitchArgs {
        from,
        dry_run,
        no_prechecks,
        save,
        plan,
        role,
        wave_options,
        resume,
        how,
        json,
        sign,
        sudo,
        ..
    } = args;
    how.check_for_many()?;
    let asked = fleet::Asked {
        file: from.file.as_deref(),
        aim: Aim::Described,
        roles: role,
        wave_options: wave_options.wave_options(),
        unreachable: wave_options.unreachable(),
        options: how.options(),
        resume: *resume,
        dry_run: *dry_run,
        prechecks: !no_prechecks,
        sign,
        sudo: *sudo,
        save: save.as_deref(),
        plan: plan.as_deref(),
        answer: Answer::of(*json),
    };
    fleet::run(&asked, build)
}

/// Switches another host: its closure is brought there, and the program that is brought there too does the rest.
fn switch_other(args: &SwitchArgs, host: &str, build: Build<'_>) -> Result<Exit, Exit> {
    let SwitchArgs { from, dry_run, follow, how, json, sign, sudo, .. } = args;
    let mut built = build(from.file.as_deref())?;
    let to = there::find(&built, host)?;
    let mut options = there::options_of_one(&built, how.options());
    let there = there::reach(&to, *sudo)?;
    let mut words = vec!["switch".to_owned()];
    words.extend(json.then(|| "--json".to_owned()));
    let tx = how.tx();
    if *follow {
        words.push("--follow".to_owned());
    } else {
        let closure = built.closures.remove(host).ok_or(Exit::Wrong)?;
        if !dry_run {
            options.signature = sign_one(sign.signer([&closure])?.as_ref(), &closure)?;
        }
        let packed = Packed::of(&closure).map_err(|error| complain(&error, Exit::Refused))?;
        let sent = there.send(&packed).map_err(|error| complain(&error, Exit::Refused))?;
        if !json && sent.objects > 0 {
            say!("{host}: sent {} objects, {} bytes", sent.objects, sent.bytes);
        }
        words.push(format!("--stored={}", packed.digest()));
        words.extend(built.cloud.map(|cloud| format!("--cloud={cloud}")));
        words.extend(dry_run.then(|| "--dry-run".to_owned()));
        words.extend(how.words(&options));
        words.push(format!("--tx={tx}"));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if *follow || *dry_run {
        return there::run_there(&there, &words);
    }
    Ok(there::switch_there(&to, &there, &words, &tx, *json))
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
    match dry_run(&layout, &mut LazySystemd::connect(), &mut HostTools, closure, options) {
        Ok(DryRun { preview, pulls, kernel, refusals, barred }) => {
            print_preview(host, &preview, &Here { pulls, kernel }, answer);
            let refused = refusals.len() + preview.plan.refused.len();
            refusals.iter().for_each(|it| {
                complain(it, Exit::Refused);
            });
            match barred {
                Some(error) => report(&Verdict::from(&error), Answer::Text),
                None if refused == 0 => Exit::Done,
                None => Exit::Refused,
            }
        }
        Err(error) => complain(&error, Exit::Refused),
    }
}
