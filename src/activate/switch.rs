//! One switch of a host: whether there is anything to do, whether it may be done, and then the transaction that does it.
//!
//! What is done to which unit was planned by `steps`; nothing is touched here but the folder of the new generation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::alarm;
use super::behind;
use super::contracts;
use super::diff::{Difference, diff};
use super::enrol::{self, Wish};
use super::failure::{ActivateError, Failure, NotBegun, Refusal};
use super::generation::{self, Draft};
use super::history::{self, Kind};
use super::journal::{Journal, Record};
use super::layout::Layout;
use super::memory::{Memory, hold};
use super::operators;
use super::pending;
use super::perform::{Host, Progress, describe, spare};
use super::podman::Tools;
use super::preflight::preflight;
use super::recover::recover;
use super::release;
use super::request::Options;
use super::stamps;
use super::steps::{Plan, plan};
use super::systemd::{Systemd, UnitState};
use super::transaction::{Switch, discard, set_links};
use super::verdict::Verdict;
use crate::secrets::vault::merged;
use crate::secrets::{Vault, deliver};
use crate::store::files::{self, FileError};
use crate::store::manifest::{Delivery, UnitKind};
use crate::store::{Closure, Digest, StoreError, lock};

/// What a host is asked to become.
#[derive(Debug)]
pub enum Target {
    /// A closure, as a new generation.
    New {
        /// The closure.
        closure: Box<Closure>,
        /// The digest of the whole cloud it was built with, where that is known.
        cloud: Option<Digest>,
    },
    /// A generation that the host has.
    Number(u64),
    /// The newest generation that the host has with a closure.
    Again {
        /// Names the closure.
        closure: Digest,
        /// The digest of the cloud that is to be, where that is known.
        cloud: Option<Digest>,
    },
    /// The generation before the committed one.
    Before,
}

/// How a switch ended, if it neither was refused nor got stuck.
#[derive(Debug)]
pub enum Outcome {
    /// The host is what it should be.
    Nothing {
        /// The committed generation.
        number: u64,
        /// What is not as it should be all the same.
        warnings: Vec<String>,
    },
    /// The generation asked for holds.
    Committed {
        /// Its number.
        number: u64,
        /// What was done.
        plan: Plan,
        /// Tasks of the generation before that this one does not know; what they did stays.
        stays: Vec<String>,
        /// What did not go as it should.
        warnings: Vec<String>,
    },
    /// The generation before holds again, as if nothing had been asked.
    Reverted {
        /// Why.
        failure: Failure,
        /// The generation that holds; none if there was none yet.
        to: Option<u64>,
        /// Tasks that were done and stay done.
        tasks: Vec<String>,
    },
}

/// What a switch would do.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// The committed generation.
    pub from: Option<u64>,
    /// What differs.
    pub difference: Difference,
    /// What would be done.
    pub plan: Plan,
}

/// A generation with all it holds.
pub struct Held {
    /// Its number.
    pub number: u64,
    /// Its closure.
    pub closure: Closure,
}

/// Compares the committed generation with a closure, and plans the switch. Reads, and changes nothing.
pub fn preview(
    layout: &Layout,
    tools: &mut dyn Tools,
    to: &Closure,
    options: &Options,
) -> Result<Preview, Refusal> {
    let from = held(layout)?;
    let difference = diff(from.as_ref().map(|it| &it.closure), to);
    let stamps = stamps::of(&to.manifest, &stamps::done(layout, tools)?);
    let manifest = from.as_ref().map(|it| &it.closure.manifest);
    let plan = plan(&difference, manifest, &to.manifest, &stamps, options);
    Ok(Preview { from: from.map(|it| it.number), difference, plan })
}

/// Returns the committed generation.
pub fn held(layout: &Layout) -> Result<Option<Held>, StoreError> {
    let Some(number) = generation::booted(layout)? else { return Ok(None) };
    Ok(Some(Held { number, closure: generation::load_closure(layout, number)? }))
}

/// Says whether a host is what is asked for already, without a lock and without writing anything; nothing means that it must be seen.
pub fn compare(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    target: &Target,
    options: &Options,
) -> Result<Option<Outcome>, NotBegun> {
    if lock::is_taken(&layout.lock())? {
        return Err(NotBegun::Locked);
    }
    if files::exists(&layout.journal()) || files::exists(&layout.trial()) {
        return Ok(None);
    }
    let claim = options.part.as_ref().map(|part| part.lead.claim());
    let enrolled = enrol::load(layout)?;
    enrol::admit(enrolled.as_ref(), claim, options.take_over.as_deref())?;
    // What becomes of the record is decided and written under the lock.
    if claim.is_some() || enrolled.is_some() {
        return Ok(None);
    }
    let Some(from) = held(layout)? else { return Ok(None) };
    let is_held = match target {
        Target::New { closure, .. } => is_closure(layout, from.number, closure)?,
        Target::Number(number) => *number == from.number,
        Target::Again { closure, .. } => committed_closure(layout, from.number)? == *closure,
        Target::Before => false,
    };
    let is_over = contracts::left_over(layout, &from.closure.manifest).is_empty();
    // Whether something of the data plane runs by an older definition, containers must be asked.
    if !is_held || !is_over || options.allow_dataplane || !generation::are_links_set(layout, &from.closure) {
        return Ok(None);
    }
    let warnings = what_is_down(systemd, &from.closure)?;
    Ok(Some(Outcome::Nothing { number: from.number, warnings }))
}

fn is_closure(layout: &Layout, number: u64, closure: &Closure) -> Result<bool, StoreError> {
    Ok(committed_closure(layout, number)? == closure.digest())
}

/// Returns what names the closure of a generation.
pub fn committed_closure(layout: &Layout, number: u64) -> Result<Digest, StoreError> {
    Ok(generation::load_record(layout, number)?.closure)
}

/// Switches a host. `program` is the file of this program, kept as the engine of what it writes.
pub fn switch(host: &mut Host<'_>, target: Target, program: &Path) -> Result<Outcome, ActivateError> {
    let layout = host.layout;
    let _lock = take_lock(layout)?;
    let recovered = recover(host)?;
    let mut ended = match (begin_journal(host), recovered) {
        (Ok(()), recovered) => match (attempt(host, target, program), recovered) {
            (Err(ActivateError::NotBegun(why)), Some(ended)) => {
                Err(ActivateError::NotBegunAfter { why, ended: Box::new(ended) })
            }
            (ended, _) => ended,
        },
        (Err(why), None) => return Err(why.into()),
        (Err(why), Some(ended)) => {
            return Err(ActivateError::NotBegunAfter { why, ended: Box::new(ended) });
        }
    };
    let (tx, verdict) = (host.tx.clone(), Verdict::of(&ended));
    if let Err(error) = host.journal.close(layout, &tx, &verdict)
        && let Ok(Outcome::Nothing { warnings, .. } | Outcome::Committed { warnings, .. }) = &mut ended
    {
        warnings.push(chain(&error));
    }
    ended
}

fn take_lock(layout: &Layout) -> Result<lock::Lock, NotBegun> {
    files::make_folder(&layout.run())?;
    lock::try_lock(&layout.lock())?.ok_or(NotBegun::Locked)
}

fn begin_journal(host: &mut Host<'_>) -> Result<(), NotBegun> {
    release::sweep(host.layout, &host.tx)?;
    host.journal = Journal::begin(host.layout, &host.tx)?;
    Ok(())
}

fn attempt(host: &mut Host<'_>, target: Target, program: &Path) -> Result<Outcome, ActivateError> {
    let (mut switch, engine) = match ready(host, target, program)? {
        Ready::There(from) => return Ok(stay(host, &from)),
        Ready::Switch(switch, engine) => (*switch, engine),
    };
    let plan = &switch.plan;
    let secs = host.options.deadline.unwrap_or_else(|| alarm::deadline(plan, host.options.confirm_within));
    let ended = match alarm::arm(host, &engine, secs).and_then(|()| switch.act(host, &engine)) {
        Ok(()) => switch.commit(host),
        Err(failure) => switch.go_back(host, failure),
    };
    Ok(ended?)
}

/// What is to be done about a host.
enum Ready {
    /// It has the generation that was asked for.
    There(Box<Held>),
    /// A switch whose intent is on disk, and the program that takes it back. Nothing was touched yet.
    Switch(Box<Switch>, PathBuf),
}

/// Keeps a host on the generation that it has, and does what earlier switches left.
fn stay(host: &mut Host<'_>, from: &Held) -> Outcome {
    let layout = host.layout;
    let mut warnings = set_links(layout, None, &from.closure);
    match what_is_down(host.systemd, &from.closure) {
        Ok(down) => warnings.extend(down),
        Err(error) => warnings.push(chain(&error)),
    }
    let left = contracts::due(layout, &from.closure.manifest, &host.options);
    warnings.extend(contracts::run(host, &left, &from.closure, &mut Progress::default()));
    warnings.extend(pending::restart_dataplane(host, &from.closure));
    Outcome::Nothing { number: from.number, warnings }
}

/// Looks whether there is anything to do and whether it may be done, and writes down that it begins.
fn ready(host: &mut Host<'_>, target: Target, program: &Path) -> Result<Ready, NotBegun> {
    let layout = host.layout;
    let from = held(layout)?;
    let (kind, wanted) = find(layout, from.as_ref(), target)?;
    let committed = from.as_ref().map(|it| committed_closure(layout, it.number)).transpose()?;
    let operators =
        operators::settle(layout, committed.as_ref().zip(from.as_ref().map(|it| &it.closure.manifest)))?;
    let taken = match &wanted {
        Wanted::New(closure, _) if committed.as_ref() != Some(&closure.digest()) => {
            let (from, signed) =
                (from.as_ref().map(|it| &it.closure.manifest), host.options.signature.as_ref());
            operators::decide(operators.as_ref(), from, closure, signed, history::seconds_now())
                .map_err(Refusal::from)?
        }
        // What the host is or was, somebody signed then.
        _ => None,
    };
    enrol::enrol(layout, &host.options, &wanted.wish(), committed.as_ref())?;
    let from = match from {
        Some(from) if is_held(layout, &from, &wanted)? => return Ok(Ready::There(Box::new(from))),
        from => from,
    };

    let from_closure = from.as_ref().map(|it| &it.closure);
    let difference = diff(from_closure, wanted.closure());
    let stamps = stamps::of(&wanted.closure().manifest, &stamps::done(layout, host.tools)?);
    let manifest = from_closure.map(|it| &it.manifest);
    let mut plan = plan(&difference, manifest, &wanted.closure().manifest, &stamps, &host.options);
    let mut refusals: Vec<Refusal> = plan.refused.iter().map(Refusal::from).collect();
    refusals.extend(behind::refusals(layout, host.tools, wanted.closure(), wanted.number(), &host.options)?);
    if !refusals.is_empty() {
        return Err(NotBegun::Refused(refusals));
    }
    let (number, to, engine) = prepare(host, wanted, program)?;
    if let Some(taken) = &taken
        && let Err(refusal) = operators::note(layout, taken)
    {
        return Err(left_by(layout, kind, number, refusal));
    }

    let before = match snapshot(host, from_closure, &to) {
        Ok(before) => before,
        Err(refusal) => return Err(left_by(layout, kind, number, refusal)),
    };
    plan.stop_only(|unit| before.get(unit).is_some_and(UnitState::is_up));
    let spared = spare(layout, &mut plan, &before);
    let switch = Switch {
        from,
        to,
        number,
        kind,
        plan,
        difference,
        before,
        progress: Progress { spared, ..Progress::default() },
        saved: BTreeMap::new(),
    };
    if let Err(error) = host.journal.tell(&Record::Begin(switch.begin())) {
        return Err(left_by(layout, kind, number, error.into()));
    }
    Ok(Ready::Switch(Box::new(switch), layout.engine(&engine)))
}

/// Removes the folder that a switch wrote itself and that nothing refers to yet, and says why it does not begin.
fn left_by(layout: &Layout, kind: Kind, number: u64, why: Refusal) -> NotBegun {
    NotBegun::Refused(
        [Some(why), discard(layout, kind, number).err().map(Refusal::from)].into_iter().flatten().collect(),
    )
}

/// What was asked for, with its closure.
enum Wanted {
    New(Box<Closure>, Option<Digest>),
    Old(u64, Box<Closure>, Option<Digest>),
}

impl Wanted {
    fn closure(&self) -> &Closure {
        match self {
            Self::New(closure, _) | Self::Old(_, closure, _) => closure,
        }
    }

    /// Returns what a rollout would know of it.
    fn wish(&self) -> Wish {
        let (Self::New(_, cloud) | Self::Old(_, _, cloud)) = self;
        Wish { to: self.closure().digest(), cloud: cloud.clone(), time: history::seconds_now() }
    }

    /// Returns the number of a generation that the host has.
    fn number(&self) -> Option<u64> {
        match self {
            Self::New(..) => None,
            Self::Old(number, ..) => Some(*number),
        }
    }
}

fn find(layout: &Layout, from: Option<&Held>, target: Target) -> Result<(Kind, Wanted), NotBegun> {
    let (number, cloud) = match target {
        Target::New { closure, cloud } => return Ok((Kind::Switch, Wanted::New(closure, cloud))),
        Target::Number(number) => (number, None),
        Target::Again { closure, cloud } => {
            (newest_with(layout, &closure)?.ok_or(Refusal::NoGenerationOf { closure })?, cloud)
        }
        Target::Before => {
            let booted = from.ok_or(Refusal::NothingBooted)?.number;
            (history::before(&history::load(layout)?, booted).ok_or(Refusal::NothingBefore)?, None)
        }
    };
    if !layout.generation(number).join("manifest.json").exists() {
        return Err(Refusal::NoGeneration { number }.into());
    }
    Ok((Kind::Rollback, Wanted::Old(number, Box::new(generation::load_closure(layout, number)?), cloud)))
}

/// Returns the newest generation with a closure.
fn newest_with(layout: &Layout, closure: &Digest) -> Result<Option<u64>, FileError> {
    let mut numbers = generation::numbers(layout)?;
    numbers.sort_unstable();
    // What is wrong with a generation is said where it is needed.
    let has_it = |number: &u64| committed_closure(layout, *number).is_ok_and(|it| it == *closure);
    Ok(numbers.into_iter().rev().find(has_it))
}

/// Says whether the committed generation is what was asked for.
fn is_held(layout: &Layout, from: &Held, wanted: &Wanted) -> Result<bool, StoreError> {
    Ok(match wanted {
        Wanted::Old(number, ..) => *number == from.number,
        Wanted::New(closure, _) => is_closure(layout, from.number, closure)?,
    })
}

/// Checks the host and writes the generation; whatever fails leaves nothing behind.
fn prepare(host: &mut Host<'_>, wanted: Wanted, program: &Path) -> Result<(u64, Closure, Digest), NotBegun> {
    let layout = host.layout;
    let refuse = |refusals: Vec<Refusal>| {
        if refusals.is_empty() { Ok(()) } else { Err(NotBegun::Refused(refusals)) }
    };
    match wanted {
        Wanted::Old(number, closure, _) => {
            refuse(preflight(host, &closure, &layout.generation(number)))?;
            let engine = generation::install(layout, program)?;
            Ok((number, *closure, engine))
        }
        Wanted::New(closure, cloud) => {
            let draft = Draft::write(layout, &closure)?;
            refuse(preflight(host, &closure, &draft.tree()))?;
            let engine = generation::install(layout, program)?;
            let used = history::highest_number(&history::load(layout)?);
            let number = draft.keep(layout, used, cloud, closure.digest(), engine.clone())?;
            Ok((number, *closure, engine))
        }
    }
}

/// Renders all folders whose path names their content, and returns what could not be rendered: one failure keeps no other
/// folder from being there. Nobody reads those yet that were not there before.
pub fn render_content(
    layout: &Layout,
    memory: &mut dyn Memory,
    vault: &Vault,
    closure: &Closure,
) -> Vec<Refusal> {
    if let Err(error) = hold(layout, memory, &closure.manifest) {
        return vec![error.into()];
    }
    let folders = closure.manifest.folders.iter().filter(|it| it.delivery == Delivery::Content);
    let render = |it| deliver::render_content(&layout.folder(it), closure, it, vault);
    merged(folders.filter_map(|it| render(it).err()).collect()).into_iter().map(Refusal::from).collect()
}

fn snapshot(
    host: &mut Host<'_>,
    from: Option<&Closure>,
    to: &Closure,
) -> Result<BTreeMap<String, UnitState>, Refusal> {
    let mut states = BTreeMap::new();
    for name in from.into_iter().chain([to]).flat_map(|it| it.manifest.units.keys()) {
        states.insert(name.clone(), host.systemd.state(name)?);
    }
    Ok(states)
}

/// Returns what should run and does not.
pub(super) fn what_is_down(systemd: &mut dyn Systemd, closure: &Closure) -> Result<Vec<String>, Refusal> {
    let mut down = Vec::new();
    let containers =
        closure.manifest.units.iter().filter(|(_, unit)| unit.boot && unit.kind == UnitKind::Container);
    for (name, _) in containers {
        let state = systemd.state(name)?;
        if state.active != "active" {
            down.push(format!("{name} should run and is {}", describe(&state)));
        }
    }
    Ok(down)
}

/// Writes an error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
