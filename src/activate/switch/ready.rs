//! Everything before a switch begins: whether there is anything to do, whether it may be done, and the generation on disk.
//!
//! Touches no unit. Whatever is refused leaves nothing behind but images and memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::transaction::{Switch, discard};
use crate::checks::preflight::{Checked, check};
use crate::checks::{formats, irreversible};
use crate::failure::{NotBegun, Refusal};
use crate::machine::layout::Layout;
use crate::machine::memory::hold;
use crate::machine::systemd::UnitState;
use crate::perform::fetch::fetch;
use crate::perform::host::{Host, Progress};
use crate::perform::stop::spare;
use crate::plan::diff::diff;
use crate::plan::steps::plan;
use crate::records::generation::{self, CurrentGeneration, Draft, committed_closure, current_generation};
use crate::records::history::{self, Kind};
use crate::records::journal::Record;
use crate::records::request::Target;
use crate::records::{completions, operators};
use crate::rollout::enrol::{self, Intended};
use store::files::FileError;
use store::{Closure, Digest, StoreError};

/// What is to be done about a host.
pub(super) enum Ready {
    /// It has the generation that was asked for.
    There(Box<CurrentGeneration>),
    /// A switch whose intent is on disk, and the program that takes it back. Nothing was touched yet.
    Switch(Box<Switch>, PathBuf),
}

/// Looks whether there is anything to do and whether it may be done, and writes down that it begins.
pub(super) fn ready(host: &mut Host<'_>, target: Target, program: &Path) -> Result<Ready, NotBegun> {
    let layout = host.layout;
    let from = current_generation(layout)?;
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
    enrol::enrol(layout, &host.options, &wanted.intended(), committed.as_ref())?;
    let from = match from {
        Some(from) if is_held(layout, &from, &wanted)? => return Ok(Ready::There(Box::new(from))),
        from => from,
    };

    let from_closure = from.as_ref().map(|it| &it.closure);
    let difference = diff(from_closure, wanted.closure());
    let completions = completions::of(&wanted.closure().manifest, &completions::done(layout, host.tools)?);
    let manifest = from_closure.map(|it| &it.manifest);
    let mut plan = plan(&difference, manifest, &wanted.closure().manifest, &completions, &host.options);
    let mut refusals: Vec<Refusal> = plan.refused.iter().map(Refusal::from).collect();
    refusals.extend(irreversible::refusals(
        layout,
        host.tools,
        wanted.closure(),
        wanted.number(),
        &host.options,
    )?);
    refusals.extend(formats::refusals(layout, host.tools, manifest, &wanted.closure().manifest)?);
    if !refusals.is_empty() {
        return Err(NotBegun::Refused(refusals));
    }
    let (number, to, engine) = prepare(host, wanted, program)?;
    if let Some(taken) = &taken
        && let Err(error) = operators::note(layout, taken)
    {
        return Err(left_by(layout, kind, number, error.into()));
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
    fn intended(&self) -> Intended {
        let (Self::New(_, cloud) | Self::Old(_, _, cloud)) = self;
        Intended { to: self.closure().digest(), cloud: cloud.clone(), time: history::seconds_now() }
    }

    /// Returns the number of a generation that the host has.
    fn number(&self) -> Option<u64> {
        match self {
            Self::New(..) => None,
            Self::Old(number, ..) => Some(*number),
        }
    }
}

fn find(
    layout: &Layout,
    from: Option<&CurrentGeneration>,
    target: Target,
) -> Result<(Kind, Wanted), NotBegun> {
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
fn is_held(layout: &Layout, from: &CurrentGeneration, wanted: &Wanted) -> Result<bool, StoreError> {
    Ok(match wanted {
        Wanted::Old(number, ..) => *number == from.number,
        Wanted::New(closure, _) => committed_closure(layout, from.number)? == closure.digest(),
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
            let number = draft.keep(layout, used, cloud, closure.digest(), engine.clone(), None)?;
            Ok((number, *closure, engine))
        }
    }
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

/// Checks a host for a closure that was written to `tree`, gets images that it lacks, mounts memory for what will be rendered,
/// and returns all reasons not to begin.
fn preflight(host: &mut Host<'_>, closure: &Closure, tree: &Path) -> Vec<Refusal> {
    let Checked { missing, mut refusals } =
        check(host.layout, host.systemd, host.tools, &host.vault, closure, tree);
    if refusals.is_empty() {
        // After all else, as it takes long: what is refused for another reason is refused at once.
        refusals.extend(fetch(host, closure, &missing));
    }
    if refusals.is_empty() {
        refusals.extend(hold(host.layout, host.tools, &closure.manifest).err().map(Refusal::from));
    }
    refusals
}
