//! `kolla-lang switch` without `--local` or `--host`: all hosts of the description, in waves that hurt no group.
//!
//! Brings together what the description says and what the hosts say; what is asked of whom is decided in [`crate::fleet`].

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::exit::Exit;
use super::host::{Answer, Build, Built, complain, complain_of};
use super::plan::refuse;
use super::say::{say, say_wrong};
use super::verdict::words_of;
use crate::activate::history::seconds_now;
use crate::activate::journal::Record as Journalled;
use crate::activate::part::{Lead, Open, Report};
use crate::activate::request::Options;
use crate::fleet::crew::Crew;
use crate::fleet::deeds::{self, Deeds, Goal, Told};
use crate::fleet::errors::listed;
use crate::fleet::lead::lead;
use crate::fleet::ledger::{Ledger, LedgerError};
use crate::fleet::plan::{FleetPlan, Known, fleet_of, plan_fleet};
use crate::fleet::record::{Change, Course, End, Phase, Record};
use crate::fleet::remote::{Program, RemoteError};
use crate::fleet::rollout::{Command, begin, resume};
use crate::fleet::seen;
use crate::fleet::waves::Wishes;
use crate::store::packed::Packed;
use crate::store::{Closure, Digest, Store, data_folder};

/// What is asked of a fleet.
pub struct Asked<'a> {
    /// The description.
    pub file: Option<&'a Path>,
    /// What is asked of the waves.
    pub wishes: Wishes,
    /// What is asked of each switch, as the host takes it and as words.
    pub options: Options,
    /// The same as words.
    pub how: Vec<String>,
    /// Whether a rollout that nobody leads is to go on.
    pub resume: bool,
    /// A rollout whose claim on hosts is given up.
    pub take_over: Option<String>,
    /// Whether only to say what would be done.
    pub dry_run: bool,
    /// How to say it.
    pub answer: Answer,
}

/// The hosts that were reached, and what is known of all.
struct Fleet {
    crew: Crew,
    reports: BTreeMap<String, Report>,
    closures: BTreeMap<String, Closure>,
    digests: BTreeMap<String, Digest>,
    cloud: Digest,
}

/// Runs the command.
pub fn switch(asked: &Asked<'_>, build: Build<'_>) -> Result<Exit, Exit> {
    let built = build(asked.file)?;
    let name = built.closures.values().next().map(|it| it.manifest.cloud.clone()).unwrap_or_default();
    let ledger = match asked.dry_run {
        true => None,
        false => Some(open_ledger(&name)?),
    };
    let fleet = reach(built)?;
    let record = ledger.as_ref().map(Ledger::read).transpose().map_err(|error| refused(&error))?.flatten();
    let record = record.filter(|it| asked.take_over.as_ref() != Some(&it.rollout));
    let mut claims = seen::rollouts(&fleet.reports);
    claims.retain(|rollout, _| asked.take_over.as_ref() != Some(rollout));
    if !asked.resume {
        check_free(&claims, record.as_ref())?;
    }
    let known = known(&fleet)?;
    let rollout = record.as_ref().map(|it| it.rollout.clone()).or_else(|| claims.keys().next().cloned());
    let is_new = rollout.is_none();
    let rollout = rollout.unwrap_or_else(|| format!("{}-{}", seconds_now(), std::process::id()));
    check_same(&fleet, &rollout, record.as_ref(), &claims)?;
    let mut record = match record {
        Some(record) => record,
        None => {
            let plan = match plan_fleet(&known, &asked.options, &asked.wishes) {
                Ok(plan) => plan,
                Err(refusals) => return Ok(refuse(&refusals, asked.answer)),
            };
            if asked.answer == Answer::Text {
                say!("{}", plan.to_text().trim_end());
            }
            if asked.dry_run {
                if asked.answer == Answer::Json {
                    say!("{}", json!({ "version": 1, "plan": plan }));
                }
                return Ok(Exit::Done);
            }
            new_record(&fleet, &known, &plan, &rollout)
        }
    };
    let Some(ledger) = ledger else { return Ok(Exit::Done) };
    if record.hosts.is_empty() {
        return Ok(say_end(&record, &End::Done, asked.answer));
    }
    send(&fleet, &record, asked.answer)?;
    let (first, open) =
        if is_new { (begin(&mut record), BTreeMap::new()) } else { take_up(&mut record, &fleet) };
    let tell = |host: &str, told: &Told<'_>| print_told(host, told, asked.answer);
    let deeds = Deeds {
        crew: &fleet.crew,
        lead: Lead { rollout, epoch: record.epoch, leader: leader() },
        goals: goals(&fleet, &record),
        ties: record.ties.clone(),
        fleet: fleet_of(&known, &asked.options),
        how: asked.how.clone(),
        tell: &tell,
        waiting: Default::default(),
    };
    let end =
        lead(&mut record, first, &open, &deeds, &ledger).map_err(|error| complain(&error, Exit::Stuck))?;
    if !matches!(end, End::Stopped { .. }) {
        ledger.close(&record.rollout).map_err(|error| complain(&error, Exit::Warnings))?;
    }
    Ok(say_end(&record, &end, asked.answer))
}

fn refused(error: &dyn std::error::Error) -> Exit {
    complain(error, Exit::Refused)
}

fn open_ledger(cloud: &str) -> Result<Ledger, Exit> {
    let data = data_folder().map_err(|error| refused(&error))?;
    Ledger::open(&data, cloud).map_err(|error| match error {
        LedgerError::Taken => complain(&error, Exit::Locked),
        _ => refused(&error),
    })
}

/// Reaches all hosts and asks each what it is. One that cannot be reached is left out, and is said.
fn reach(built: Built) -> Result<Fleet, Exit> {
    let Built { closures, cloud, reach } = built;
    let program = Program::load().map_err(|error| refused(&error))?;
    let (crew, unreached) = Crew::reach(&reach, &program);
    for error in unreached.values() {
        complain(error, Exit::Refused);
    }
    if crew.names().next().is_none() {
        say_wrong!("error: no host was reached; nothing was touched");
        say_wrong!("  help: `hosts.<name>.ssh` says how to reach one, and `--local` acts on this one");
        return Err(Exit::Refused);
    }
    let names: Vec<String> = crew.names().cloned().collect();
    let mut reports = BTreeMap::new();
    for (name, report) in crew.each(&names, |_, host| deeds::report(host)) {
        reports.insert(name, report.map_err(|error| refused(&error))?);
    }
    let digests: BTreeMap<String, Digest> =
        closures.iter().map(|(name, closure)| (name.clone(), closure.digest())).collect();
    let cloud = cloud.ok_or(Exit::Bug)?;
    Ok(Fleet { crew, reports, closures, digests, cloud })
}

/// Refuses to begin where another rollout has not ended.
fn check_free(claims: &BTreeMap<String, (String, Vec<String>)>, record: Option<&Record>) -> Result<(), Exit> {
    for (rollout, (leader, hosts)) in claims {
        say_wrong!("error: {} part of the rollout {rollout}, which {leader} leads", are(hosts));
    }
    let ours = record.filter(|it| !claims.contains_key(&it.rollout));
    if let Some(record) = ours {
        say_wrong!(
            "error: the rollout {} has not ended, and no host that was reached is part of it",
            record.rollout
        );
    }
    let Some(rollout) = claims.keys().next().or_else(|| ours.map(|it| &it.rollout)) else { return Ok(()) };
    say_wrong!(
        "  help: `kolla-lang switch --resume` goes on with it, `--take-over {rollout}` gives it up; nothing was touched"
    );
    Err(Exit::Locked)
}

fn are(hosts: &[String]) -> String {
    let verb = if hosts.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", listed(hosts))
}

/// Checks that this description is the one that a rollout is about.
fn check_same(
    fleet: &Fleet,
    rollout: &str,
    record: Option<&Record>,
    claims: &BTreeMap<String, (String, Vec<String>)>,
) -> Result<(), Exit> {
    if claims.len() > 1 {
        say_wrong!(
            "error: hosts are part of several rollouts: {}",
            listed(&claims.keys().cloned().collect::<Vec<_>>())
        );
        say_wrong!("  help: `--take-over NAME` gives one up; nothing was touched");
        return Err(Exit::Refused);
    }
    let told = fleet.reports.values().filter_map(|it| it.enrolled.as_ref());
    let mut clouds = told.filter(|it| it.lead.rollout == rollout).filter_map(|it| it.cloud.as_ref());
    let cloud = record.map(|it| &it.cloud).or_else(|| clouds.next());
    match cloud {
        Some(cloud) if *cloud != fleet.cloud => {
            say_wrong!(
                "error: the rollout {rollout} is of the cloud {}, and this description makes {}",
                cloud.short(),
                fleet.cloud.short()
            );
            say_wrong!(
                "  help: take the description as it was then; or `--take-over {rollout}` gives that rollout up; nothing was touched"
            );
            Err(Exit::Refused)
        }
        _ => Ok(()),
    }
}

/// Says of each host what it is and what it is to be. What it is lies in our store, or is brought from the host.
fn known(fleet: &Fleet) -> Result<BTreeMap<String, Known>, Exit> {
    let store = Store::default_root().and_then(Store::open).map_err(|error| refused(&error))?;
    let names: Vec<String> = fleet.reports.keys().cloned().collect();
    let from =
        |name: &str, host: &crate::fleet::remote::RemoteHost| -> Result<Option<Closure>, RemoteError> {
            let Some(digest) = fleet.reports.get(name).and_then(seen::origin) else { return Ok(None) };
            if fleet.digests.get(name) == Some(digest) {
                return Ok(fleet.closures.get(name).cloned());
            }
            match store.load(digest) {
                Ok(closure) => Ok(Some(closure)),
                Err(_) => host.take(digest, &store).map(Some),
            }
        };
    let mut origins = BTreeMap::new();
    for (name, from) in fleet.crew.each(&names, from) {
        origins.insert(name, from.map_err(|error| refused(&error))?);
    }
    let known = |(name, to): (&String, &Closure)| {
        let from = origins.remove(name).flatten();
        (name.clone(), seen::known(fleet.reports.get(name), from, to.clone()))
    };
    Ok(fleet.closures.iter().map(known).collect())
}

fn new_record(fleet: &Fleet, known: &BTreeMap<String, Known>, plan: &FleetPlan, rollout: &str) -> Record {
    let change = |(name, known): (&String, &Known)| {
        let from = known.from.as_ref().map(Closure::digest);
        Some((name.clone(), Change { from, to: fleet.digests.get(name)?.clone() }))
    };
    let changes =
        known.iter().filter(|(name, _)| !plan.unchanged.contains(name)).filter_map(change).collect();
    let mut record = Record::of(plan, rollout, fleet.cloud.clone(), &changes);
    seen::add_unfinished(&mut record, &fleet.reports, &fleet.digests);
    record
}

/// Goes on with a rollout: from its record, or as its hosts tell.
fn take_up(record: &mut Record, fleet: &Fleet) -> (Vec<Command>, BTreeMap<String, Open>) {
    seen::catch_up(record, &fleet.reports);
    let hosts = fleet.reports.iter().filter(|(name, _)| record.hosts.contains_key(*name));
    let seen = hosts.map(|(name, it)| (name.clone(), seen::seen(it, &record.rollout))).collect();
    let commands = resume(record, &seen);
    let open = fleet.reports.iter().filter_map(|(name, it)| Some((name.clone(), it.open.clone()?)));
    (commands, open.collect())
}

/// Brings what hosts lack into their stores, all at once, before any of them is touched.
fn send(fleet: &Fleet, record: &Record, answer: Answer) -> Result<(), Exit> {
    let names: Vec<String> = record.hosts.keys().cloned().collect();
    let sent = fleet.crew.each(&names, |name, host| {
        let Some(closure) = fleet.closures.get(name) else { return Ok(None) };
        host.send(&Packed::of(closure)?).map(Some)
    });
    for (name, sent) in sent {
        let sent = sent.map_err(|error| {
            complain_of(&format!("cannot bring what {name} lacks"), &error, Exit::Refused)
        })?;
        if let Some(sent) = sent.filter(|it| it.objects > 0) {
            print_told(&name, &Told::Sent(sent), answer);
        }
    }
    Ok(())
}

fn goals(fleet: &Fleet, record: &Record) -> BTreeMap<String, Goal> {
    let goal = |(name, host): (&String, &crate::fleet::record::HostRecord)| {
        let tasks = fleet.closures.get(name).map(|it| it.manifest.tasks.clone()).unwrap_or_default();
        let change = Change { from: host.from.clone(), to: host.to.clone() };
        (name.clone(), Goal { change, cloud: Some(record.cloud.clone()), tasks })
    };
    record.hosts.iter().map(goal).collect()
}

/// Names who leads, for people.
fn leader() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let uid = rustix::process::getuid();
    let nameless = || if uid.is_root() { "root".to_owned() } else { format!("uid-{}", uid.as_raw()) };
    format!("{}@{}", user.unwrap_or_else(nameless), rustix::system::uname().nodename().to_string_lossy())
}

fn print_told(host: &str, told: &Told<'_>, answer: Answer) {
    let words = match told {
        Told::Warning(words) => {
            say_wrong!("warning: {host}: {words}");
            return;
        }
        _ if answer != Answer::Text => return,
        Told::Asked(Command::Switch { .. }) => "switch".to_owned(),
        Told::Asked(Command::Release(place)) => format!("release  {}", place.unit),
        Told::Asked(Command::Confirm(_)) => "confirm".to_owned(),
        Told::Asked(Command::Return { .. }) => "return".to_owned(),
        Told::Asked(Command::Finish(_)) => "finish".to_owned(),
        Told::Sent(sent) => format!("sent     {} objects, {} bytes", sent.objects, sent.bytes),
        Told::Record(Journalled::Waiting { .. }) => "ready    its gates hold".to_owned(),
        Told::Record(record) => match words_of(record) {
            Some(words) => words,
            None => return,
        },
        Told::Said(words) => (*words).to_owned(),
        Told::Lost => "lost     the connection; the host goes on by itself, and is called again".to_owned(),
    };
    say!("{host}  {words}");
}

fn say_end(record: &Record, end: &End, answer: Answer) -> Exit {
    let exit = match end {
        End::Done => Exit::Done,
        End::Behind => Exit::Warnings,
        End::Returned { .. } => Exit::Reverted,
        End::Stopped { .. } => Exit::Stuck,
    };
    if answer == Answer::Json {
        say!(
            "{}",
            json!({ "version": 1, "rollout": record.rollout, "cloud": record.cloud, "hosts": record.hosts, "end": end, "exit": exit as u8 })
        );
        return exit;
    }
    let of_phase = |phase: Phase| -> Vec<String> {
        record.hosts.iter().filter(|(_, it)| it.phase == phase).map(|(name, _)| name.clone()).collect()
    };
    match end {
        End::Done if record.hosts.is_empty() => {
            say!("nothing to do: all hosts are on the cloud {}", record.cloud.short())
        }
        End::Done => say!("done: all hosts are on the cloud {}", record.cloud.short()),
        End::Behind => {
            say_wrong!("warning: {} behind and left out", are(&of_phase(Phase::Behind)));
            say_wrong!("  help: `kolla-lang switch --resume` does it, once it can be reached");
        }
        End::Returned { why } => {
            say_wrong!("error: {why}");
            say_wrong!("all hosts are back where they were");
        }
        End::Stopped { why } => {
            say_wrong!("error: {why}");
            let way = match record.course {
                Course::Forward => "forward",
                Course::Back { .. } => "back",
            };
            say_wrong!("the rollout {} stopped on its way {way}, and somebody must look", record.rollout);
            for (name, host) in &record.hosts {
                say_wrong!("  {name}  {}", phase_words(host.phase));
            }
            say_wrong!("  help: `kolla-lang switch --resume` asks the hosts again and goes on");
        }
    }
    exit
}

fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting | Phase::Returned => "is where it was",
        Phase::Switching | Phase::Holding | Phase::Confirming => "was in the middle of its switch",
        Phase::Committed | Phase::Finishing => "is committed",
        Phase::Finished => "is committed, and did what was left for the end",
        Phase::Returning => "was on its way back",
        Phase::Behind => "was not reached at first",
        Phase::Lost => "nobody knows, or it cannot go on by itself",
    }
}
