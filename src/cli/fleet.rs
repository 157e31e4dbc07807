//! `kolla-lang switch` and `rollback` without `--local` or `--host`: all hosts of the description, in waves that hurt no group.
//!
//! Brings together what is wanted and what the hosts say; what is asked of whom is decided in [`crate::fleet`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::json;

use super::exit::Exit;
use super::host::{Answer, Build, Built, complain, complain_of, no_host};
use super::plan::refuse;
use super::say::{say, say_wrong};
use super::sign::{SignArgs, sign_one};
use super::told::{Teller, are, print_told, say_end};
use crate::activate::history::seconds_now;
use crate::activate::part::{Former, Lead, Open, Report};
use crate::activate::prechecks::Checked;
use crate::activate::request::Options;
use crate::fleet::crew::Crew;
use crate::fleet::deeds::{self, Deeds, Goal, Told};
use crate::fleet::errors::listed;
use crate::fleet::lead::lead;
use crate::fleet::ledger::{Ledger, LedgerError};
use crate::fleet::plan::{FleetPlan, Known, fleet_of, plan_fleet};
use crate::fleet::record::{Change, End, HostRecord, Record, Way};
use crate::fleet::remote::{Program, RemoteError, RemoteHost};
use crate::fleet::rollout::{Command, begin, resume};
use crate::fleet::saved::{self, Saved};
use crate::fleet::seen;
use crate::fleet::ssh::LONG_SILENCE;
use crate::fleet::waves::Wishes;
use crate::store::packed::Packed;
use crate::store::{Closure, Digest, Store, data_folder, files};

/// What is asked of a fleet.
pub struct Asked<'a> {
    /// The description.
    pub file: Option<&'a Path>,
    /// What hosts are to become.
    pub aim: Aim,
    /// Roles whose hosts alone are meant; none for all hosts.
    pub roles: &'a [String],
    /// What is asked of the waves.
    pub wishes: Wishes,
    /// Hosts that are left out, as if they could not be reached.
    pub unreachable: &'a [String],
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
    /// Whether prechecks are asked of hosts that have nothing yet.
    pub prechecks: bool,
    /// Who signs what hosts are to be.
    pub sign: &'a SignArgs,
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

/// The hosts that were reached, and what is known of all.
struct Fleet {
    crew: Crew,
    reports: BTreeMap<String, Report>,
    store: Store,
    /// What each host is to be.
    closures: BTreeMap<String, Closure>,
    digests: BTreeMap<String, Digest>,
    cloud: Digest,
    way: Way,
    /// Hosts that are meant to stay what they are.
    others: BTreeSet<String>,
    /// Whether one of these is something else than what is described, or somebody said so: old code lives on.
    lags: bool,
}

/// Runs the command.
pub fn run(asked: &Asked<'_>, build: Build<'_>) -> Result<Exit, Exit> {
    let built = build(asked.file)?;
    let name = built.closures.values().next().map(|it| it.manifest.cloud.clone()).unwrap_or_default();
    let ledger = match asked.dry_run {
        true => None,
        false => Some(open_ledger(&name)?),
    };
    let others = others(&built, asked.roles)?;
    let mut fleet = reach(built, others, asked.unreachable)?;
    let record = ledger.as_ref().map(Ledger::read).transpose().map_err(|error| refused(&error))?.flatten();
    let record = record.filter(|it| asked.take_over.as_ref() != Some(&it.rollout));
    let mut claims = seen::rollouts(&fleet.reports);
    claims.retain(|rollout, _| asked.take_over.as_ref() != Some(rollout));
    if !asked.resume {
        check_free(&claims, record.as_ref())?;
    }
    match (&record, asked.aim) {
        (Some(record), _) => recall(&mut fleet, record)?,
        (None, Aim::Before) => look_back(&mut fleet)?,
        (None, Aim::Described) => leave_others(&mut fleet)?,
    }
    fleet.lags |= asked.options.leave_last;
    let known = known(&fleet)?;
    check_allowed(&known, &asked.options.allow_behind)?;
    let rollout = record.as_ref().map(|it| it.rollout.clone()).or_else(|| claims.keys().next().cloned());
    let is_new = rollout.is_none();
    let rollout = rollout.unwrap_or_else(|| format!("{}-{}", seconds_now(), std::process::id()));
    check_same(&fleet, &rollout, record.as_ref(), &claims)?;
    let (mut record, plan) = match record {
        Some(record) => (record, None),
        None => {
            let plan = match plan_fleet(&known, &asked.options, &asked.wishes) {
                Ok(plan) => plan,
                Err(refusals) => return Ok(refuse(&refusals, asked.answer)),
            };
            if asked.answer == Answer::Text {
                say!("{}", plan.to_text().trim_end());
            }
            let mut record = new_record(&fleet, &known, &plan, &rollout);
            if fleet.lags {
                hold_last(&mut record, asked.answer);
            }
            if let Some(path) = asked.save {
                let text = Saved::of(&record).to_text();
                files::write_atomic(path, text.as_bytes(), 0o644).map_err(|error| refused(&error))?;
            }
            if asked.dry_run {
                if asked.answer == Answer::Json {
                    say!("{}", json!({ "version": 1, "plan": plan }));
                }
                return Ok(Exit::Done);
            }
            asked.plan.map(|path| check_saved(path, &record)).transpose()?;
            (record, Some(plan))
        }
    };
    let Some(ledger) = ledger else { return Ok(Exit::Done) };
    if record.hosts.is_empty() {
        return Ok(say_end(&record, &End::Done, fleet.others.is_empty(), asked.answer));
    }
    send(&fleet, &record, asked.answer)?;
    if is_new && asked.prechecks {
        check_first(&fleet, &record)?;
    }
    let mut goals = goals(&known, &record, &asked.options.allow_behind);
    if record.way == Way::New {
        sign_all(asked.sign, &known, &mut goals)?;
    }
    if is_new {
        check_all(&fleet, &goals, &asked.how, asked.answer)?;
    }
    let (first, open) =
        if is_new { (begin(&mut record), BTreeMap::new()) } else { take_up(&mut record, &fleet)? };
    let teller = Teller::new(asked.answer, plan.as_ref());
    let tell = |host: &str, told: &Told<'_>| teller.tell(host, told);
    let deeds = Deeds {
        crew: &fleet.crew,
        lead: Lead { rollout, epoch: record.epoch, leader: leader() },
        goals,
        way: record.way,
        ties: record.ties.clone(),
        fleet: fleet_of(&known, &asked.options),
        how: asked.how.clone(),
        tell: &tell,
        waiting: Default::default(),
    };
    let ended = lead(&mut record, first, &open, &deeds, &ledger);
    teller.end();
    let end = ended.map_err(|error| complain(&error, Exit::Stuck))?;
    if end.is_over() {
        ledger.close(&record.rollout).map_err(|error| complain(&error, Exit::Warnings))?;
    }
    Ok(say_end(&record, &end, fleet.others.is_empty(), asked.answer))
}

fn refused(error: &dyn std::error::Error) -> Exit {
    complain(error, Exit::Refused)
}

/// Returns what each host answered, unless one did not answer as it should: each of those is named.
fn all_of<T>(answers: BTreeMap<String, Result<T, RemoteError>>) -> Result<BTreeMap<String, T>, Exit> {
    let (mut all, mut mad) = (BTreeMap::new(), Vec::new());
    for (name, answer) in answers {
        match answer {
            Ok(answer) => drop(all.insert(name, answer)),
            Err(error) => {
                refused(&error);
                mad.push(name);
            }
        }
    }
    if mad.is_empty() {
        return Ok(all);
    }
    mad.iter().for_each(|name| say_wrong!("  help: {}", without(name)));
    Err(Exit::Refused)
}

/// Says how to go on without a host.
fn without(name: &str) -> String {
    format!("`--unreachable {name}` goes on without it; nothing was touched")
}

fn open_ledger(cloud: &str) -> Result<Ledger, Exit> {
    let data = data_folder().map_err(|error| refused(&error))?;
    Ledger::open(&data, cloud).map_err(|error| match error {
        LedgerError::Taken => complain(&error, Exit::Locked),
        _ => refused(&error),
    })
}

/// Returns the hosts that have none of these roles, if there are any to be had.
fn others(built: &Built, roles: &[String]) -> Result<BTreeSet<String>, Exit> {
    let known: BTreeSet<&String> = built.roles.values().flatten().collect();
    if let Some(role) = roles.iter().find(|role| !known.contains(role)) {
        say_wrong!("error: no host has the role `{role}`");
        say_wrong!("  help: there are {}", listed(&known.into_iter().cloned().collect::<Vec<_>>()));
        return Err(Exit::Wrong);
    }
    let is_other = |its: &BTreeSet<String>| !roles.is_empty() && !roles.iter().any(|role| its.contains(role));
    Ok(built.roles.iter().filter(|(_, its)| is_other(its)).map(|(name, _)| name.clone()).collect())
}

/// Refuses to do anything else than what a plan said that was kept.
fn check_saved(path: &Path, record: &Record) -> Result<(), Exit> {
    let text = files::read_text(path).map_err(|error| complain(&error, Exit::Wrong))?;
    let saved = saved::parse_saved(&text).map_err(|why| {
        say_wrong!("error: {} is no plan that can be used: {why}", path.display());
        Exit::Wrong
    })?;
    let differences = saved.differences(record);
    if differences.is_empty() {
        return Ok(());
    }
    say_wrong!("error: this is not what {} says any more", path.display());
    differences.iter().for_each(|it| say_wrong!("  {it}"));
    say_wrong!("  help: look at it anew with `--dry-run --save FILE`; nothing was touched");
    Err(Exit::Refused)
}

/// Reaches all hosts and asks each what it is. One that cannot be reached is left out, and is said.
fn reach(built: Built, others: BTreeSet<String>, unreachable: &[String]) -> Result<Fleet, Exit> {
    let Built { closures, cloud, mut reach, roles: _ } = built;
    for name in unreachable {
        if reach.remove(name).is_none() {
            return Err(no_host(name, reach.keys()));
        }
    }
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
    let reports = all_of(crew.each(&names, |_, host| deeds::report(host)))?;
    let digests = closures.iter().map(|(name, closure)| (name.clone(), closure.digest())).collect();
    let store = Store::default_root().and_then(Store::open).map_err(|error| refused(&error))?;
    let cloud = cloud.ok_or(Exit::Bug)?;
    Ok(Fleet { crew, reports, store, closures, digests, cloud, way: Way::New, others, lags: false })
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

/// Checks that this description is the one that a rollout is about, of which no record tells.
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
                "  help: its record is not on this machine, so take the description as it was then; or `--take-over {rollout}` gives that rollout up; nothing was touched"
            );
            Err(Exit::Refused)
        }
        _ => Ok(()),
    }
}

/// Takes what hosts are to be from the record of a rollout that began: the description may say something else by now.
fn recall(fleet: &mut Fleet, record: &Record) -> Result<(), Exit> {
    let wanted: BTreeMap<String, Digest> =
        record.hosts.iter().map(|(name, host)| (name.clone(), host.to.clone())).collect();
    aim(fleet, wanted)?;
    (fleet.cloud, fleet.way) = (record.cloud.clone(), record.way);
    Ok(())
}

/// Finds what hosts were before the newest cloud among them. A host that it did not change stays what it is.
fn look_back(fleet: &mut Fleet) -> Result<(), Exit> {
    let made_for = |it: &&Report| it.cloud.is_some();
    let newest = fleet.reports.values().filter(made_for).max_by_key(|it| it.made).map(|it| it.cloud.clone());
    let Some(newest) = newest else {
        say_wrong!("error: no host that was reached has a generation that was made with all of a cloud");
        say_wrong!("  help: `kolla-lang rollback --host NAME` takes one host back; nothing was touched");
        return Err(Exit::Refused);
    };
    let (mut wanted, mut formers, mut bare) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (name, Report { committed, cloud, before, .. }) in &fleet.reports {
        let Some(committed) = committed else { continue };
        let is_meant = *cloud == newest && !fleet.others.contains(name);
        let former = before.as_ref().filter(|_| is_meant);
        if is_meant && former.is_none() {
            bare.push(name.clone());
        }
        wanted.insert(name.clone(), former.map_or(committed, |it| &it.closure).clone());
        formers.extend(former);
    }
    if !bare.is_empty() {
        say_wrong!("error: {} on the first generation: there is nothing to go back to", are(&bare));
        say_wrong!("  help: `kolla-lang rollback --host NAME` takes another one back; nothing was touched");
        return Err(Exit::Refused);
    }
    let last: Option<&Former> = formers.into_iter().max_by_key(|it| it.made);
    let cloud = last.map_or(newest, |it| it.cloud.clone());
    aim(fleet, wanted)?;
    drop_bare(fleet, |_| true);
    (fleet.cloud, fleet.way) = (cloud.unwrap_or_else(|| fleet.cloud.clone()), Way::Again);
    Ok(())
}

/// Lets hosts that are not meant stay what they are: they count in their groups, and nothing is asked of them.
fn leave_others(fleet: &mut Fleet) -> Result<(), Exit> {
    let committed = |name: &String| Some((name.clone(), fleet.reports.get(name)?.committed.clone()?));
    let lags = |name: &String| committed(name).map(|(_, it)| it) != fleet.digests.get(name).cloned();
    let is_part = fleet.others.iter().any(lags);
    let wanted = fleet.others.iter().filter_map(committed).collect();
    aim(fleet, wanted)?;
    fleet.lags = is_part;
    let others = fleet.others.clone();
    drop_bare(fleet, |name| others.contains(name));
    Ok(())
}

/// Leaves out hosts that have no generation, and so none to stay or to go back to.
fn drop_bare(fleet: &mut Fleet, is_asked: impl Fn(&String) -> bool) {
    let is_bare = |name: &String| fleet.reports.get(name).is_some_and(|it| it.committed.is_none());
    fleet.closures.retain(|name, _| !(is_asked(name) && is_bare(name)));
}

/// Says what hosts are to be.
fn aim(fleet: &mut Fleet, wanted: BTreeMap<String, Digest>) -> Result<(), Exit> {
    let closures = fetch(fleet, &wanted)?;
    fleet.closures.extend(closures);
    fleet.digests.extend(wanted);
    Ok(())
}

/// Returns closures of hosts: as they were built, as they lie in our store, or brought from the host.
fn fetch(fleet: &Fleet, wanted: &BTreeMap<String, Digest>) -> Result<BTreeMap<String, Closure>, Exit> {
    let mut closures = BTreeMap::new();
    let mut elsewhere = Vec::new();
    for (name, digest) in wanted {
        if fleet.digests.get(name) == Some(digest)
            && let Some(closure) = fleet.closures.get(name)
        {
            closures.insert(name.clone(), closure.clone());
        } else if let Ok(closure) = fleet.store.load(digest) {
            closures.insert(name.clone(), closure);
        } else {
            elsewhere.push(name.clone());
        }
    }
    let take = |name: &str, host: &RemoteHost| host.take(&wanted[name], &fleet.store);
    closures.extend(all_of(fleet.crew.each(&elsewhere, take))?);
    if let Some((name, closure)) = closures.iter().find(|(name, it)| it.manifest.host != **name) {
        say_wrong!("error: {name} says that it is what {} is to be", closure.manifest.host);
        say_wrong!("  help: look at that host; {}", without(name));
        return Err(Exit::Refused);
    }
    if let Some(name) = elsewhere.iter().find(|name| !closures.contains_key(*name)) {
        say_wrong!(
            "error: what {name} is to be, {}, is not in this store, and {name} was not reached",
            wanted[name].short()
        );
        say_wrong!(
            "  help: go on from the machine where the rollout began, or once {name} can be reached; nothing was touched"
        );
        return Err(Exit::Refused);
    }
    Ok(closures)
}

/// Says of each host what it is and what it is to be.
fn known(fleet: &Fleet) -> Result<BTreeMap<String, Known>, Exit> {
    let origin = |(name, report): (&String, &Report)| Some((name.clone(), seen::origin(report)?.clone()));
    let mut origins = fetch(fleet, &fleet.reports.iter().filter_map(origin).collect())?;
    let known = |(name, to): (&String, &Closure)| {
        let from = origins.remove(name);
        (name.clone(), seen::known(fleet.reports.get(name), from, to.clone()))
    };
    Ok(fleet.closures.iter().map(known).collect())
}

fn new_record(fleet: &Fleet, known: &BTreeMap<String, Known>, plan: &FleetPlan, rollout: &str) -> Record {
    let change = |(name, known): (&String, &Known)| {
        let from = known.from.as_ref().map(Closure::digest);
        Some((name.clone(), Change { from, to: fleet.digests.get(name)?.clone() }))
    };
    // Nobody knows what a silent host was before.
    let is_part = |(name, known): &(&String, &Known)| {
        let is_known = known.reachable || fleet.way == Way::New;
        is_known && !plan.unchanged.contains(name) && !fleet.others.contains(*name)
    };
    let changes = known.iter().filter(is_part).filter_map(change).collect();
    let mut record = Record::of(plan, rollout, fleet.cloud.clone(), &changes);
    record.way = fleet.way;
    if !fleet.lags {
        seen::add_unfinished(&mut record, &fleet.reports, &fleet.digests);
    }
    record
}

/// Leaves what is for the end to a switch of all hosts: until then somebody runs what is old.
fn hold_last(record: &mut Record, answer: Answer) {
    let held = std::mem::take(&mut record.last);
    if !held.is_empty() && answer == Answer::Text {
        say!("what is for the end waits on {} until all hosts are what the description says", listed(&held));
    }
}

/// Goes on with a rollout: from its record, or as its hosts tell.
fn take_up(record: &mut Record, fleet: &Fleet) -> Result<(Vec<Command>, BTreeMap<String, Open>), Exit> {
    seen::catch_up(record, &fleet.reports).map_err(|seen::Unheard { host, epoch }| {
        say_wrong!(
            "error: {host} heard of {epoch} leaders of the rollout {}, which nobody else did",
            record.rollout
        );
        say_wrong!("  help: look at that host; {}", without(&host));
        Exit::Refused
    })?;
    let hosts = fleet.reports.iter().filter(|(name, _)| record.hosts.contains_key(*name));
    let seen = hosts.map(|(name, it)| (name.clone(), seen::seen(it, &record.rollout))).collect();
    let commands = resume(record, &seen);
    let open = fleet.reports.iter().filter_map(|(name, it)| Some((name.clone(), it.open.clone()?)));
    Ok((commands, open.collect()))
}

/// Brings what hosts lack into their stores, all at once, before any of them is touched; and into ours, so that the rollout can go on when
/// the description says something else.
fn send(fleet: &Fleet, record: &Record, answer: Answer) -> Result<(), Exit> {
    let names: Vec<String> = record.hosts.keys().cloned().collect();
    for closure in names.iter().filter_map(|name| fleet.closures.get(name)) {
        fleet.store.add(closure).map_err(|error| refused(&error))?;
    }
    let sent = fleet.crew.each(&names, |name, host| {
        let Some(closure) = fleet.closures.get(name) else { return Ok(None) };
        host.send(&Packed::of(closure)?).map(Some)
    });
    for (name, sent) in sent {
        let sent = sent.map_err(|error| {
            let exit = complain_of(&format!("cannot bring what {name} lacks"), &error, Exit::Refused);
            say_wrong!("  help: {}", without(&name));
            exit
        })?;
        if let Some(sent) = sent.filter(|it| it.objects > 0) {
            print_told(&name, &Told::Sent(sent), answer);
        }
    }
    Ok(())
}

/// Asks hosts that have nothing yet what must hold before their first switch, and refuses to begin where it does not.
fn check_first(fleet: &Fleet, record: &Record) -> Result<(), Exit> {
    let is_bare = |name: &&String| fleet.reports.get(*name).is_some_and(|it| it.committed.is_none());
    let names: Vec<String> = record.hosts.keys().filter(is_bare).cloned().collect();
    let mut holds = true;
    let asked = all_of(fleet.crew.each(&names, |name, host| prechecks_of(host, &record.hosts[name].to)))?;
    for (name, asked) in asked {
        for Checked { name: precheck, wanted, reason, help } in asked {
            let Some(reason) = reason else { continue };
            say_wrong!("error: {name}: {precheck}: {wanted}: {reason}");
            help.iter().for_each(|it| say_wrong!("  help: {it}"));
            holds = false;
        }
    }
    if holds {
        return Ok(());
    }
    say_wrong!("  help: `--no-prechecks` begins all the same; nothing was touched");
    Err(Exit::Refused)
}

/// Asks all hosts what they would refuse over, and refuses to begin where one would: else those of earlier waves would go and come back.
fn check_all(
    fleet: &Fleet,
    goals: &BTreeMap<String, Goal>,
    how: &[String],
    answer: Answer,
) -> Result<(), Exit> {
    let names: Vec<String> = goals.keys().cloned().collect();
    let (mut reasons, mut worst) = (Vec::new(), None);
    for (name, checked) in
        all_of(fleet.crew.each(&names, |name, host| deeds::check(host, &goals[name], how)))?
    {
        let Some(verdict) = checked else { continue };
        worst = worst.max(Some(Exit::from(&verdict)));
        reasons.extend(deeds::troubles(&verdict).into_iter().map(|it| format!("{name}: {it}")));
    }
    let Some(exit) = worst else { return Ok(()) };
    if answer == Answer::Json {
        let refused: Vec<_> = reasons.iter().map(|why| json!({ "why": why, "group": null })).collect();
        say!("{}", json!({ "version": 1, "refused": refused }));
    } else {
        reasons.iter().for_each(|it| say_wrong!("error: {it}"));
        say_wrong!("refused; nothing was touched");
    }
    Err(exit)
}

fn prechecks_of(host: &RemoteHost, closure: &Digest) -> Result<Vec<Checked>, RemoteError> {
    /// What `prechecks --json` prints, as far as it matters here.
    #[derive(serde::Deserialize)]
    struct Answered {
        prechecks: Vec<Checked>,
    }
    let mut text = String::new();
    let (code, said) =
        host.follow(&["prechecks", &format!("--stored={closure}"), "--json"], LONG_SILENCE, |line| {
            text += line
        })?;
    match (code, serde_json::from_str::<Answered>(&text)) {
        (Some(_), Ok(answered)) => Ok(answered.prechecks),
        _ => Err(RemoteError::answer(host.name(), if said.is_empty() { &text } else { &said })),
    }
}

fn goals(
    known: &BTreeMap<String, Known>,
    record: &Record,
    allowed: &BTreeSet<String>,
) -> BTreeMap<String, Goal> {
    let goal = |(name, host): (&String, &HostRecord)| {
        let known = known.get(name);
        let tasks = known.map(|it| it.to.manifest.tasks.clone()).unwrap_or_default();
        let change = Change { from: host.from.clone(), to: host.to.clone() };
        let behind = known.map(|it| it.done_on_it(allowed)).unwrap_or_default();
        (name.clone(), Goal { change, cloud: Some(record.cloud.clone()), tasks, behind, signature: None })
    };
    record.hosts.iter().map(goal).collect()
}

/// Signs what each host is to be, where there are hosts that take nothing else. Before anything is asked of any.
fn sign_all(
    args: &SignArgs,
    known: &BTreeMap<String, Known>,
    goals: &mut BTreeMap<String, Goal>,
) -> Result<(), Exit> {
    let closures: BTreeMap<&String, &Closure> =
        goals.keys().filter_map(|name| Some((name, &known.get(name)?.to))).collect();
    let signer = args.signer(closures.values().copied())?;
    let signed = closures.into_iter().map(|(name, it)| Ok((name.clone(), sign_one(signer.as_ref(), it)?)));
    for (name, signature) in signed.collect::<Result<Vec<_>, Exit>>()? {
        if let Some(goal) = goals.get_mut(&name) {
            goal.signature = signature;
        }
    }
    Ok(())
}

/// Refuses the name of a task that no host has: a slip of the pen allows nothing.
fn check_allowed(known: &BTreeMap<String, Known>, allowed: &BTreeSet<String>) -> Result<(), Exit> {
    let done: BTreeSet<String> = known.values().flat_map(|it| it.done_on_it(allowed)).collect();
    let Some(name) = allowed.difference(&done).next() else { return Ok(()) };
    say_wrong!("error: `--allow-behind {name}` names no task of what hosts are now; nothing was touched");
    Err(Exit::Refused)
}

/// Names who leads, for people.
fn leader() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let uid = rustix::process::getuid();
    let nameless = || if uid.is_root() { "root".to_owned() } else { format!("uid-{}", uid.as_raw()) };
    format!("{}@{}", user.unwrap_or_else(nameless), rustix::system::uname().nodename().to_string_lossy())
}
