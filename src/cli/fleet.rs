//! `kolla-lang switch` and `rollback` without `--local` or `--host`: all hosts of the description, in waves that exceed no group's disruption budget.
//!
//! Brings together what is wanted and what the hosts say; what is asked of whom is decided in [`fleet`].

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::exit::Exit;
use super::host::{Answer, Build, Built, complain, no_host};
use super::plan::refuse;
use super::progress::{RolloutProgress, print_told, say_end};
use super::saved;
use super::say::{say, say_wrong};
use super::sign::{SignArgs, sign_one};
use super::sudo::SudoArgs;
use super::there::complain_of_host;
use activate::history::seconds_now;
use activate::part::Lead;
use activate::request::Options;
use activate::verdict::Verdict;
use fleet::begin::{self, check_free, check_tasks, of_each};
use fleet::connections::Connections;
use fleet::errors::listed;
use fleet::executor::{Executor, HostTarget, RolloutEvent, troubles};
use fleet::lead::lead;
use fleet::no_start::NoStart;
use fleet::plan::{Known, fleet_of, plan_fleet};
use fleet::program::Program;
use fleet::reached::Reached;
use fleet::record::{Direction, End};
use fleet::rollout::begin;
use fleet::rollout_store::{RolloutStore, RolloutStoreError};
use fleet::seen;
use fleet::waves::WaveOptions;
use store::{Closure, data_folder};

/// What is asked of a fleet.
pub struct Asked<'a> {
    /// The description.
    pub file: Option<&'a Path>,
    /// What hosts are to become.
    pub aim: Aim,
    /// Roles whose hosts alone are meant; none for all hosts.
    pub roles: &'a [String],
    /// What is asked of the waves.
    pub wave_options: WaveOptions,
    /// Hosts that are left out, as if they could not be reached.
    pub unreachable: &'a [String],
    /// What is asked of each switch. The rollout that `take_over` names gives up its claim on hosts.
    pub options: Options,
    /// Whether a rollout that nobody leads is to go on.
    pub resume: bool,
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// Whether prechecks are asked of hosts that have nothing yet.
    pub prechecks: bool,
    /// Who signs what hosts are to be.
    pub sign: &'a SignArgs,
    /// Where the password of sudo comes from.
    pub sudo: SudoArgs,
    /// Where to keep the plan.
    pub save: Option<&'a Path>,
    /// A plan that was kept: nothing else may be done.
    pub plan: Option<&'a Path>,
    /// How to say it.
    pub answer: Answer,
}

/// What hosts are to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// What the description says.
    Described,
    /// What they were before the newest cloud among them.
    Before,
}

/// Runs the command.
pub fn run(asked: &Asked<'_>, build: Build<'_>) -> Result<Exit, Exit> {
    let built = build(asked.file)?;
    let name = built.closures.values().next().map(|it| it.manifest.cloud.clone()).unwrap_or_default();
    let rollout_store = match asked.dry_run {
        true => None,
        false => Some(open_rollouts(&name)?),
    };
    let approved = match (asked.plan, &rollout_store) {
        (Some(path), Some(rollout_store)) => Some((path, saved::load(path, &name, &built, rollout_store)?)),
        _ => None,
    };
    let mut reached = reach(built, asked)?;
    let take_over = asked.options.take_over.as_ref();
    for report in reached.facts.reports.values_mut() {
        // Its hosts keep what they are by now, and not what they were when it began.
        report.enrolled.take_if(|it| take_over == Some(&it.lead.rollout));
    }
    let record = rollout_store
        .as_ref()
        .map(RolloutStore::read)
        .transpose()
        .map_err(|error| refused(&error))?
        .flatten();
    let record = record.filter(|it| take_over != Some(&it.rollout));
    let mut claims = seen::rollouts(&reached.facts.reports);
    claims.retain(|rollout, _| take_over != Some(rollout));
    if !asked.resume {
        check_free(&claims, record.as_ref()).map_err(|why| not_begun(&why))?;
    }
    let aim = match (&record, asked.aim) {
        (Some(record), _) => reached.facts.recorded(record),
        (None, Aim::Before) => reached.facts.before().map_err(|why| not_begun(&why))?,
        (None, Aim::Described) => reached.facts.described(),
    };
    reached.aim(aim).map_err(|why| not_begun(&why))?;
    reached.facts.lags |= asked.options.leave_last;
    let known = reached.known().map_err(|why| not_begun(&why))?;
    check_tasks(&known, &asked.options.allow_rollback_past).map_err(|why| not_begun(&why))?;
    let rollout = record.as_ref().map(|it| it.rollout.clone()).or_else(|| claims.keys().next().cloned());
    let is_new = rollout.is_none();
    let rollout = rollout.unwrap_or_else(|| format!("{}-{}", seconds_now(), std::process::id()));
    let facts = &reached.facts;
    facts.check_same(&rollout, record.as_ref(), &claims).map_err(|why| not_begun(&why))?;
    let (mut record, plan) = match record {
        Some(record) => (record, None),
        None => {
            let plan = match plan_fleet(&known, &asked.options, &asked.wave_options) {
                Ok(plan) => plan,
                Err(refusals) => return Ok(refuse(&refusals, asked.answer)),
            };
            if asked.answer == Answer::Text {
                say!("{}", plan.to_text().trim_end());
            }
            let (record, held) = facts.record(&known, &plan, &rollout);
            if !held.is_empty() && asked.answer == Answer::Text {
                say!(
                    "what is for the end waits on {} until all hosts are what the description says",
                    listed(&held)
                );
            }
            if let Some(path) = asked.save {
                saved::save(path, &record, &name, reached.closures(), asked.sign)?;
            }
            if asked.dry_run {
                if asked.answer == Answer::Json {
                    say!("{}", json!({ "version": 1, "plan": plan }));
                }
                return Ok(Exit::Done);
            }
            approved.as_ref().map(|(path, it)| it.check(path, &record)).transpose()?;
            (record, Some(plan))
        }
    };
    let Some(rollout_store) = rollout_store else { return Ok(Exit::Done) };
    if record.hosts.is_empty() {
        return Ok(say_end(&record, &End::Done, facts.others.is_empty(), asked.answer));
    }
    let sent = |name: &str, sent| print_told(name, &RolloutEvent::Sent(sent), asked.answer);
    reached.send(&record, &sent).map_err(|why| not_begun(&why))?;
    if is_new && asked.prechecks {
        reached.check_first(&record).map_err(|why| not_begun(&why))?;
    }
    let options = of_each(&asked.options);
    let mut targets = HostTarget::all(&known, &record, &asked.options.allow_rollback_past);
    if record.direction == Direction::New {
        sign_all(asked.sign, &known, &mut targets)?;
    }
    if is_new {
        let refusals = reached.check(&targets, &options).map_err(|why| not_begun(&why))?;
        refuse_all(&refusals, asked.answer)?;
    }
    approved.as_ref().map(|(_, it)| it.note(&rollout_store)).transpose()?;
    let (first, open) = if is_new {
        (begin(&mut record), BTreeMap::new())
    } else {
        facts.take_up(&mut record).map_err(|why| not_begun(&why))?
    };
    for (name, target) in &mut targets {
        // A host that holds data of a later format forward goes on from what it is by now.
        target.change.from = record.hosts.get(name).and_then(|it| it.from.clone());
    }
    let progress = RolloutProgress::new(asked.answer, plan.as_ref());
    let tell = |host: &str, told: &RolloutEvent<'_>| progress.tell(host, told);
    let executor = Executor {
        connections: &reached.connections,
        lead: Lead { rollout, epoch: record.epoch, leader: leader() },
        targets,
        direction: record.direction,
        ties: record.ties.clone(),
        fleet: fleet_of(&known, &asked.options),
        options,
        tell: &tell,
        waiting: Default::default(),
    };
    let ended = lead(&mut record, first, &open, &executor, &rollout_store);
    progress.end();
    let end = ended.map_err(|error| complain(&error, Exit::Stuck))?;
    if end.is_over() {
        rollout_store.close(&record.rollout).map_err(|error| complain(&error, Exit::Warnings))?;
    }
    Ok(say_end(&record, &end, facts.others.is_empty(), asked.answer))
}

fn refused(error: &dyn std::error::Error) -> Exit {
    complain(error, Exit::Refused)
}

/// Says why no rollout begins.
fn not_begun(why: &NoStart) -> Exit {
    why.lines().iter().for_each(|line| say_wrong!("{line}"));
    match why {
        NoStart::NoRole { .. } => Exit::Wrong,
        NoStart::Open { .. } => Exit::Locked,
        _ => Exit::Refused,
    }
}

fn open_rollouts(cloud: &str) -> Result<RolloutStore, Exit> {
    let data = data_folder().map_err(|error| refused(&error))?;
    RolloutStore::open(&data, cloud).map_err(|error| match error {
        RolloutStoreError::Taken => complain(&error, Exit::Locked),
        _ => refused(&error),
    })
}

/// Reaches all hosts and asks each what it is. One that cannot be reached is left out, and is said.
fn reach(built: Built, asked: &Asked<'_>) -> Result<Reached, Exit> {
    let Built { closures, cloud, mut reach, roles } = built;
    let others = begin::others(&roles, asked.roles).map_err(|why| not_begun(&why))?;
    for name in asked.unreachable {
        if reach.remove(name).is_none() {
            return Err(no_host(name, reach.keys()));
        }
    }
    let program = Program::load().map_err(|error| refused(&error))?;
    let (connections, unreached) = Connections::reach(&reach, &program, &asked.sudo.sudo());
    for error in unreached.values() {
        complain_of_host(error, Exit::Refused);
    }
    let cloud = cloud.ok_or(Exit::Bug)?;
    Reached::ask(connections, closures, cloud, others).map_err(|why| not_begun(&why))
}

/// Refuses to begin where a host would refuse to switch.
fn refuse_all(refusals: &[(String, Verdict)], answer: Answer) -> Result<(), Exit> {
    let Some(exit) = refusals.iter().map(|(_, verdict)| Exit::from(verdict)).max() else { return Ok(()) };
    let each = |(name, verdict): &(String, Verdict)| {
        troubles(verdict).into_iter().map(|it| format!("{name}: {it}")).collect::<Vec<_>>()
    };
    let reasons: Vec<String> = refusals.iter().flat_map(each).collect();
    if answer == Answer::Json {
        let refused: Vec<_> = reasons.iter().map(|why| json!({ "why": why, "group": null })).collect();
        say!("{}", json!({ "version": 1, "refused": refused }));
    } else {
        reasons.iter().for_each(|it| say_wrong!("error: {it}"));
        say_wrong!("refused; nothing was touched");
    }
    Err(exit)
}

/// Signs what each host is to be, where there are hosts that take nothing else. Before anything is asked of any.
fn sign_all(
    args: &SignArgs,
    known: &BTreeMap<String, Known>,
    targets: &mut BTreeMap<String, HostTarget>,
) -> Result<(), Exit> {
    let closures: BTreeMap<&String, &Closure> =
        targets.keys().filter_map(|name| Some((name, &known.get(name)?.to))).collect();
    let signer = args.signer(closures.values().copied())?;
    let signed = closures.into_iter().map(|(name, it)| Ok((name.clone(), sign_one(signer.as_ref(), it)?)));
    for (name, signature) in signed.collect::<Result<Vec<_>, Exit>>()? {
        if let Some(target) = targets.get_mut(&name) {
            target.signature = signature;
        }
    }
    Ok(())
}

/// Names who leads, for people.
fn leader() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let uid = rustix::process::getuid();
    let nameless = || if uid.is_root() { "root".to_owned() } else { format!("uid-{}", uid.as_raw()) };
    format!("{}@{}", user.unwrap_or_else(nameless), rustix::system::uname().nodename().to_string_lossy())
}
