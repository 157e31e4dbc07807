//! Ends a switch whose process is gone: forward if its generation is committed, else back to the one that holds.
//!
//! Reads what is there, the links, the boot, the units; the journal tells only what cannot be seen. May be killed and run again.

use std::collections::{BTreeMap, BTreeSet};

use super::forward::{self, Later, Tried, hold};
use super::transaction::{Switch, discard};
use crate::adopt::links;
use crate::failure::{Failure, NotBegun, Stuck};
use crate::machine::inventory::ContainerInventory;
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::machine::systemd::UnitState;
use crate::outcome::{ActivateError, Outcome};
use crate::perform::fetch::login_file;
use crate::perform::host::{Host, Progress};
use crate::perform::revert_timer;
use crate::plan::diff::diff;
use crate::plan::steps::Plan;
use crate::records::error_report::{ErrorReport, error_chain};
use crate::records::generation::{self, CurrentGeneration, LaterVolume, current_generation};
use crate::records::history::{self, End, Event, Kind, seconds_now};
use crate::records::journal::{Begin, Journal, Record, UnitSnapshot, VERSION, boot_id};
use crate::records::request::Options;
use crate::records::verdict::Verdict;
use store::files::{self, FileError};
use store::{Closure, StoreError, lock};

/// What a journal that was left open tells.
#[derive(Debug, Default)]
struct OpenJournal {
    version: u32,
    tx: String,
    boot_id: String,
    begin: Option<Begin>,
    /// Images that were being got, and are not known to be on disk.
    pulled: Vec<String>,
    alarms: Vec<String>,
    progress: Progress,
    saved: BTreeMap<String, String>,
    failure: Option<ErrorReport>,
}

/// Ends the switch that was left open, if there is one; the caller holds the lock. Nothing means that none was.
///
/// # Errors
///
/// `Stuck` if the host could not be brought back; then somebody must look.
pub fn recover(host: &mut Host<'_>) -> Result<Option<Outcome>, Stuck> {
    let layout = host.layout;
    let opened = Journal::reopen(layout).map_err(|error| stuck(0, error.into()))?;
    let Some((journal, records)) = opened else {
        return drop_stale_trial(host).map_err(|failure| stuck(0, failure)).map(|()| None);
    };
    let told = listen(records);
    if told.version > VERSION {
        return Err(stuck(0, Failure::NewerJournal { version: told.version }));
    }
    let own = (
        std::mem::replace(&mut host.journal, journal),
        std::mem::replace(&mut host.tx, told.tx.clone()),
        // How somebody wants the next switch is nothing to this one, and nobody is here to say that no other host runs what is old.
        std::mem::replace(&mut host.options, Options { leave_last: true, ..Options::default() }),
    );
    host.alarms = told.alarms.clone();
    let ended = end(host, told);
    if let Ok(ended) = &ended {
        let verdict = Verdict::of(ended);
        let tx = host.tx.clone();
        host.journal.close(layout, &tx, &verdict).map_err(|error| stuck(0, error.into()))?;
    }
    (host.journal, host.tx, host.options) = own;
    sweep(layout);
    ended?.map(Some)
}

/// Ends a switch that a power cut ended: no unit of it can be left, only files and what podman has in its books.
///
/// Returns whether another generation is committed now than the one that boots: systemd has to be told.
pub fn recover_after_boot(layout: &Layout, tools: &mut dyn Tools) -> Result<bool, ActivateError> {
    if !files::exists(&layout.journal()) {
        return Ok(false);
    }
    let boots = booted(layout)?;
    files::make_folder(&layout.run()).map_err(NotBegun::from)?;
    // Whoever has the lock has begun since this boot, and ends what was open itself.
    let Some(_lock) = lock::try_lock(&layout.lock()).map_err(NotBegun::from)? else { return Ok(false) };
    let opened = Journal::reopen(layout).map_err(|error| stuck(0, error.into()))?;
    let Some((mut journal, records)) = opened else { return Ok(false) };
    let told = listen(records);
    if told.boot_id == boot_id(layout) {
        return Ok(false);
    }
    if told.version > VERSION {
        return Err(stuck(0, Failure::NewerJournal { version: told.version }).into());
    }
    let tx = told.tx.clone();
    let pulled = told.pulled.clone();
    let ended = end_after_boot(layout, tools, &mut journal, told)?;
    drop_leftovers(layout, tools, &pulled);
    journal.close(layout, &tx, &Verdict::of(&ended)).map_err(|error| stuck(0, error.into()))?;
    sweep(layout);
    Ok(booted(layout)? != boots)
}

fn stuck(number: u64, problem: Failure) -> Stuck {
    Stuck { number, failure: Box::new(Failure::CutOff), problems: vec![problem] }
}

fn listen(records: Vec<Record>) -> OpenJournal {
    let mut told = OpenJournal::default();
    for record in records {
        match record {
            Record::Asked { version, tx, boot_id, time: _ } => {
                (told.version, told.tx, told.boot_id) = (version, tx, boot_id);
            }
            Record::Pulling { image } => told.pulled.push(image),
            Record::Begin(begin) => {
                // They were on disk before it was written.
                told.pulled.clear();
                told.begin = Some(begin);
            }
            Record::Arming { timer, secs: _ } => told.alarms.push(timer),
            Record::Stopping { unit, reason: _ } => drop(told.progress.touched.insert(unit)),
            Record::Acting { unit, job, live, .. } => {
                if live {
                    told.progress.reloaded.insert(unit.clone());
                }
                if job {
                    told.progress.touched.insert(unit);
                }
            }
            Record::Kernel { key, value: _, old: Some(old) } => drop(told.saved.entry(key).or_insert(old)),
            Record::Task { name } => told.progress.tasks.push(name),
            Record::Reverting { to: _, failure } => drop(told.failure.get_or_insert(failure)),
            Record::Kernel { .. }
            | Record::Held { .. }
            | Record::Trial { .. }
            | Record::Up { .. }
            | Record::Waiting { .. }
            | Record::Confirmed
            | Record::Committing { .. }
            | Record::Recovering { .. }
            | Record::Discarding { .. }
            | Record::End(_) => {}
        }
    }
    if told.tx.is_empty() {
        // Not even the first line reached the disk; the file still needs a name of its own.
        told.tx = format!("lost-{}", seconds_now());
    }
    told
}

/// How a recovered switch ended, with what could not be done as the inner error.
type Ended = Result<Outcome, Stuck>;

fn end(host: &mut Host<'_>, told: OpenJournal) -> Result<Ended, Stuck> {
    let layout = host.layout;
    let _lenient = host.journal.tell(&Record::Recovering { time: seconds_now() });
    if !told.boot_id.is_empty() && told.boot_id != boot_id(layout) {
        let mut journal = std::mem::take(&mut host.journal);
        let pulled = told.pulled.clone();
        let ended = end_after_boot(layout, host.tools, &mut journal, told);
        drop_leftovers(layout, host.tools, &pulled);
        host.journal = journal;
        return ended;
    }
    let Some(begin) = told.begin.clone() else {
        // Nothing was touched.
        drop_stale_trial(host).map_err(|failure| stuck(0, failure))?;
        return Ok(Ok(Outcome::Reverted {
            failure: why(&told),
            to: booted(layout)?,
            tasks: Vec::new(),
            forward: Vec::new(),
        }));
    };
    let failure = why(&told);
    let mut switch = match rebuild(layout, &begin, told) {
        Ok(switch) => switch,
        Err(Unreadable::Gone(tasks)) => {
            // The way back had come to its end but for the last lines.
            drop_stale_trial(host).map_err(|failure| stuck(begin.to, failure))?;
            let problems = revert_timer::disarm(host);
            if !problems.is_empty() {
                return Err(Stuck { number: begin.to, failure: Box::new(failure), problems });
            }
            let (to, forward) = (booted(layout)?, held(layout, &begin)?);
            return Ok(Ok(Outcome::Reverted { failure, to, tasks, forward }));
        }
        Err(Unreadable::Store(error)) => {
            return Err(stuck(begin.to, Failure::Unreadable { source: Box::new(error) }));
        }
    };
    if booted(layout)? == Some(begin.to) {
        return Ok(Ok(switch.finish(host, Vec::new())));
    }
    Ok(switch.go_back(host, failure))
}

fn why(told: &OpenJournal) -> Failure {
    told.failure.clone().map_or(Failure::CutOff, |trouble| Failure::Reported { trouble })
}

fn booted(layout: &Layout) -> Result<Option<u64>, Stuck> {
    generation::booted(layout).map_err(|error| stuck(0, error.into()))
}

enum Unreadable {
    /// The generation that was tried is removed already.
    Gone(Vec<String>),
    Store(StoreError),
}

/// Makes a switch again of what its journal tells.
fn rebuild(layout: &Layout, begin: &Begin, told: OpenJournal) -> Result<Switch, Unreadable> {
    let from = match begin.from {
        Some(number) => {
            let closure = generation::load_closure(layout, number).map_err(Unreadable::Store)?;
            Some(CurrentGeneration { number, closure })
        }
        None => None,
    };
    if !layout.generation(begin.to).exists() {
        return Err(Unreadable::Gone(told.progress.tasks));
    }
    let to: Closure = generation::load_closure(layout, begin.to).map_err(Unreadable::Store)?;
    let was = |(name, was): (&String, &UnitSnapshot)| {
        let (active, invocation) = (was.active.clone(), was.invocation.clone());
        (name.clone(), UnitState { active, invocation, ..UnitState::default() })
    };
    Ok(Switch {
        difference: diff(from.as_ref().map(|it| &it.closure), &to),
        from,
        to,
        number: begin.to,
        kind: begin.kind,
        plan: Plan::default(),
        before: begin.before.iter().map(was).collect(),
        progress: told.progress,
        saved: told.saved,
    })
}

/// Ends a switch of an earlier boot: what it had started died with the power, and what boots is what is committed.
fn end_after_boot(
    layout: &Layout,
    tools: &mut dyn Tools,
    journal: &mut Journal,
    told: OpenJournal,
) -> Result<Ended, Stuck> {
    let (failure, tasks) = (why(&told), told.progress.tasks.clone());
    let Some(begin) = told.begin else {
        let forward = Vec::new();
        return Ok(Ok(Outcome::Reverted { failure, to: booted(layout)?, tasks, forward }));
    };
    let stuck = |problem: Failure| stuck(begin.to, problem);
    if booted(layout)? == Some(begin.to) {
        let mut warnings = Vec::new();
        let now = current_generation(layout)
            .map_err(|error| stuck(Failure::Unreadable { source: Box::new(error) }))?;
        if let Some(now) = now {
            let old = begin.from.and_then(|number| generation::load_closure(layout, number).ok());
            let problems = links::set_links(layout, old.as_ref(), &now.closure);
            warnings.extend(problems.iter().map(|it| error_chain(it)));
        }
        note(layout, &told.tx, &begin, End::Committed, None, &tasks).map_err(|error| stuck(error.into()))?;
        return Ok(Ok(Outcome::Committed {
            number: begin.to,
            plan: Plan::default(),
            stays: Vec::new(),
            warnings,
        }));
    }
    hold_after_boot(layout, tools, &told.tx, &begin, &told.progress.touched).map_err(&stuck)?;
    let forward = held(layout, &begin)?;
    let reason = error_chain(&failure);
    note(layout, &told.tx, &begin, End::Reverted, Some(reason), &tasks)
        .map_err(|error| stuck(error.into()))?;
    if begin.kind == Kind::Switch {
        let _lenient = journal.tell(&Record::Discarding { number: begin.to });
    }
    discard(layout, begin.kind, begin.to).map_err(|error| stuck(error.into()))?;
    Ok(Ok(Outcome::Reverted { failure, to: booted(layout)?, tasks, forward }))
}

/// Has data of a later format go on as they were tried: what boots then is not what was committed before.
fn hold_after_boot(
    layout: &Layout,
    tools: &mut dyn Tools,
    tx: &str,
    begin: &Begin,
    touched: &BTreeSet<String>,
) -> Result<(), Failure> {
    let unreadable = |source: StoreError| Failure::Unreadable { source: Box::new(source) };
    // What was tried is gone where the way back had come to its end.
    let Some(number) = begin.from.filter(|_| layout.generation(begin.to).exists()) else { return Ok(()) };
    let closure = generation::load_closure(layout, number).map_err(unreadable)?;
    let to = generation::load_closure(layout, begin.to).map_err(unreadable)?;
    let from = CurrentGeneration { number, closure };
    let later = hold(layout, tools, &Tried { from: &from, to: &to, number: begin.to, touched })?;
    match later {
        Later::Held(held) => Ok(forward::note(layout, tx, number, &held)?),
        // Their guard keeps these down, and `status` tells of them.
        Later::Down(..) | Later::None => Ok(()),
    }
}

/// Returns what the committed generation holds forward, if the way back of this switch made it.
fn held(layout: &Layout, begin: &Begin) -> Result<Vec<LaterVolume>, Stuck> {
    let unreadable = |source: StoreError| stuck(begin.to, Failure::Unreadable { source: Box::new(source) });
    if booted(layout)? == begin.from {
        return Ok(Vec::new());
    }
    forward::volumes(layout).map_err(unreadable)
}

fn note(
    layout: &Layout,
    tx: &str,
    begin: &Begin,
    end: End,
    reason: Option<String>,
    tasks: &[String],
) -> Result<(), FileError> {
    let event = Event {
        version: 1,
        tx: tx.to_owned(),
        time: seconds_now(),
        kind: begin.kind,
        end,
        from: begin.from,
        to: begin.to,
        closure: begin.closure.clone(),
        tasks: tasks.to_vec(),
        reason,
    };
    history::add(layout, &event)
}

/// Removes containers that a switch of an earlier boot had made and that the committed generation does not know. Podman forgets by
/// itself only those that ran; and the units that would replace the others are gone. And images that were being pulled: podman
/// lists one whose layers the power cut tore, and would use those layers again.
fn drop_leftovers(layout: &Layout, inventory: &mut dyn ContainerInventory, pulled: &[String]) {
    for image in pulled {
        // One that is not there is as it should be.
        let _none = inventory.remove_image(image);
    }
    let Ok(now) = current_generation(layout) else { return };
    let known: BTreeSet<&str> = now
        .iter()
        .flat_map(|it| it.closure.manifest.units.values())
        .filter_map(|unit| unit.container.as_deref())
        .collect();
    for container in inventory.containers().unwrap_or_default() {
        if container.is_ours() && !container.is_running() && !known.contains(container.name.as_str()) {
            // One that cannot be removed is drift, which `status` tells.
            let _left = inventory.remove_container(&container.id);
        }
    }
}

/// Ends a trial that no switch knows of.
fn drop_stale_trial(host: &mut Host<'_>) -> Result<(), Failure> {
    if generation::on_trial(host.layout)?.is_none() {
        return Ok(());
    }
    generation::drop_trial(host.layout)?;
    Ok(host.systemd.reload()?)
}

/// Removes what was being written when a process was killed. Under the lock nobody else writes there.
fn sweep(layout: &Layout) {
    // What cannot be removed lies in memory for root alone, and the next pull writes over it.
    let _left = files::remove_file(&login_file(layout));
    for folder in [layout.etc(), layout.generations(), layout.run(), layout.etc().join("engine")] {
        for name in files::names(&folder).unwrap_or_default() {
            if name.starts_with(".tmp-") {
                let path = folder.join(name);
                // What cannot be removed takes room and nothing else.
                let _left =
                    if path.is_dir() { files::remove_folder(&path) } else { files::remove_file(&path) };
            }
        }
    }
}
