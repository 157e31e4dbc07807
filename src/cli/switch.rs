//! `kolla-lang switch`: make all hosts be what the description says, or this one, or another one, over ssh.

use std::path::PathBuf;

use clap::Args;

use super::adopt::accept_all;
use super::diff::{Here, print_preview};
use super::exit::Exit;
use super::fleet::{self, Aim};
use super::follow::{follow_last, switch_here};
use super::host::{Answer, Build, FromArgs, complain, require_root};
use super::part::PartArgs;
use super::plan::WishArgs;
use super::report::StrictArgs;
use super::say::{say, say_wrong};
use super::sign::{SignArgs, sign_one};
use super::there;
use super::verdict::{no_end, report};
use crate::activate::dry_run::{DryRun, dry_run};
use crate::activate::history::seconds_now;
use crate::activate::layout::Layout;
use crate::activate::name::parse_name;
use crate::activate::pid1::Pid1;
use crate::activate::podman::HostTools;
use crate::activate::request::{NoGate, Options};
use crate::activate::switch::{Target, preview};
use crate::activate::verdict::Verdict;
use crate::sign::Signed;
use crate::store::Closure;
use crate::store::packed::Packed;

/// Make all hosts be what the description says, or one, and go back if that fails
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: kolla-lang switch                  all hosts, over ssh, in waves that hurt no group\n          \
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
    wishes: WishArgs,
    /// Go on with the rollout of this cloud that nobody leads any more, from its record or from what its hosts tell
    #[arg(long, conflicts_with_all = ["local", "host", "closure", "stored", "follow", "dry_run"])]
    resume: bool,
    #[command(flatten)]
    sign: SignArgs,
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
    /// Leave tasks that come after the commit to another switch, as `--host` does where there are other hosts: they may run what is old
    #[arg(long, overrides_with = "leave_last")]
    leave_last: bool,
    /// Accept by name what is there: a path or a container that `status` or a refusal names
    #[arg(long, value_name = "NAME")]
    adopt: Vec<String>,
    /// What an operator signed of it, where the host takes nothing else
    #[arg(long, value_name = "SIGNATURE", hide = true)]
    signature: Option<Signed>,
    /// What the switch is called, so that it can be followed by name
    #[arg(long, value_name = "NAME", hide = true, value_parser = parse_name)]
    tx: Option<String>,
    #[command(flatten)]
    part: PartArgs,
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
            leave_last,
            adopt: _,
            tx: _,
            signature,
            part,
        } = self;
        Options {
            confirm_within: *confirm_within,
            deadline: *deadline,
            no_gate: NoGate::from_words(no_gate),
            allow_dataplane: *allow_dataplane,
            allow_one_way: *allow_one_way,
            allow_behind: allow_behind.iter().cloned().collect(),
            leave_last: *leave_last,
            part: part.part(),
            take_over: part.take_over(),
            signature: signature.clone(),
        }
    }

    /// Returns what the switch is called.
    pub fn tx(&self) -> String {
        self.tx.clone().unwrap_or_else(new_name)
    }

    /// Returns them as words of a command line, but for the name of the switch.
    pub fn words(&self) -> Vec<String> {
        let mut words = self.words_for_any();
        words.extend(self.allow_behind.iter().map(|task| format!("--allow-behind={task}")));
        words.extend(self.adopt.iter().map(|name| format!("--adopt={name}")));
        words.extend(self.leave_last.then(|| "--leave-last".to_owned()));
        words
    }

    /// Returns those that are about no host in particular.
    fn words_for_any(&self) -> Vec<String> {
        let Self {
            confirm_within,
            deadline,
            no_gate,
            allow_dataplane,
            allow_one_way,
            allow_behind: _,
            leave_last: _,
            adopt: _,
            tx: _,
            signature: _,
            part,
        } = self;
        let mut words = Vec::new();
        words.extend(confirm_within.map(|secs| format!("--confirm-within={secs}s")));
        words.extend(deadline.map(|secs| format!("--deadline={secs}s")));
        words.extend(no_gate.iter().map(|name| format!("--no-gate={name}")));
        words.extend(allow_dataplane.then(|| "--allow-dataplane".to_owned()));
        words.extend(allow_one_way.then(|| "--allow-one-way".to_owned()));
        words.extend(part.words());
        words
    }
}

/// Seconds that a host of a wave waits for the others, if nothing else is asked for.
const CONFIRM_WITHIN: u64 = 600;

impl HowArgs {
    /// Refuses what is about one host.
    pub fn check_for_many(&self) -> Result<(), Exit> {
        if self.adopt.is_empty() {
            return Ok(());
        }
        say_wrong!("error: `--adopt` is about one host: name it with `--host`, or say `--local`");
        Err(Exit::Wrong)
    }

    /// Returns them as words for hosts that wait for each other. What a host may go back behind is said to those that have done it.
    pub fn words_for_many(&self) -> Vec<String> {
        let mut words = self.words_for_any();
        if self.confirm_within.is_none() {
            words.push(format!("--confirm-within={CONFIRM_WITHIN}s"));
        }
        words
    }

    /// Returns the rollout whose claim ends.
    pub fn take_over(&self) -> Option<String> {
        self.part.take_over()
    }
}

/// Makes a name for a switch.
pub fn new_name() -> String {
    format!("{}-{}", seconds_now(), std::process::id())
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
    let SwitchArgs { from, local, host, dry_run, follow, how, json, events, sign, .. } = args;
    let answer = Answer::of(*json).or_events(*events);
    if let Some(host) = host {
        return switch_other(args, host, build).unwrap_or_else(|exit| exit);
    }
    if !local && !follow && from.closure.is_none() && from.stored.stored.is_none() {
        return switch_all(args, build).unwrap_or_else(|exit| exit);
    }
    if *follow {
        return follow_last(how.tx.clone(), answer);
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
    let SwitchArgs { from, dry_run, no_prechecks, save, plan, role, wishes, resume, how, json, sign, .. } =
        args;
    how.check_for_many()?;
    let asked = fleet::Asked {
        file: from.file.as_deref(),
        aim: Aim::Described,
        roles: role,
        wishes: wishes.wishes(),
        unreachable: wishes.unreachable(),
        options: how.options(),
        how: how.words_for_many(),
        resume: *resume,
        take_over: how.take_over(),
        dry_run: *dry_run,
        prechecks: !no_prechecks,
        sign,
        save: save.as_deref(),
        plan: plan.as_deref(),
        answer: Answer::of(*json),
    };
    fleet::run(&asked, build)
}

/// Switches another host: its closure is brought there, and the program that is brought there too does the rest.
fn switch_other(args: &SwitchArgs, host: &str, build: Build<'_>) -> Result<Exit, Exit> {
    let SwitchArgs { from, dry_run, follow, how, json, sign, .. } = args;
    let mut built = build(from.file.as_deref())?;
    let to = there::find(&built, host)?;
    let last = there::leave_last(&built);
    let there = there::reach(&to)?;
    let mut words = vec!["switch".to_owned()];
    words.extend(json.then(|| "--json".to_owned()));
    let tx = how.tx();
    if *follow {
        words.push("--follow".to_owned());
    } else {
        let closure = built.closures.remove(host).ok_or(Exit::Wrong)?;
        if !dry_run {
            let signature = sign_one(sign.signer([&closure])?.as_ref(), &closure)?;
            words.extend(signature.map(|it| format!("--signature={}", String::from(it))));
        }
        let packed = Packed::of(&closure).map_err(|error| complain(&error, Exit::Refused))?;
        let sent = there.send(&packed).map_err(|error| complain(&error, Exit::Refused))?;
        if !json && sent.objects > 0 {
            say!("{host}: sent {} objects, {} bytes", sent.objects, sent.bytes);
        }
        words.push(format!("--stored={}", packed.digest()));
        words.extend(built.cloud.map(|cloud| format!("--cloud={cloud}")));
        words.extend(dry_run.then(|| "--dry-run".to_owned()));
        words.extend(how.words());
        words.extend(last.map(str::to_owned));
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
    match dry_run(&layout, &mut Pid1::connect(), &mut HostTools, closure, options) {
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
