//! What a host says of itself to whoever leads a rollout, or means to: what it is, what is open, what was done on it.
//!
//! Takes no lock and changes nothing: what it tells was true while it looked.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::Refusal;
use crate::machine::layout::Layout;
use crate::machine::podman::{Health, Tools};
use crate::machine::systemd::Systemd;
use crate::perform::contracts;
use crate::perform::revert_timer::is_attended;
use crate::records::completions::{self, Finished};
use crate::records::formats::{Known, known};
use crate::records::generation::{self, current_generation};
use crate::records::history;
use crate::records::journal::{self, Record};
use crate::records::part::{Enrolled, Former, Open, Report, Stage, VERSION};
use store::files::{self, FileError};
use store::manifest::TaskClass;
use store::version::Version;
use store::{Digest, Manifest, Store};

/// How often a host is looked at again whose switch came further meanwhile.
const N_LOOKS: usize = 5;

/// Looks at a host. Its switch goes on meanwhile: what was seen before and after it came further does not fit together, and is looked at again.
pub fn report(layout: &Layout, systemd: &mut dyn Systemd, tools: &mut dyn Tools) -> Result<Report, Refusal> {
    let mut before = open(layout)?;
    for _ in 1..N_LOOKS {
        let report = look(layout, systemd, tools, before.clone())?;
        let after = open(layout)?;
        if after == before {
            return Ok(report);
        }
        before = after;
    }
    look(layout, systemd, tools, before)
}

fn look(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    tools: &mut dyn Tools,
    open: Option<Open>,
) -> Result<Report, Refusal> {
    let held = current_generation(layout)?;
    let generation = held.as_ref().map(|it| it.number);
    let manifest = held.as_ref().map(|it| &it.closure.manifest);
    let record = generation.map(|number| generation::load_record(layout, number)).transpose()?;
    let enrolled = Enrolled::load(layout)?;
    let no_return = match &enrolled {
        Some(enrolled) => no_return(layout, enrolled, manifest)?,
        None => BTreeSet::new(),
    };
    let open = open.map(|open| seen(systemd, open));
    Ok(Report {
        version: VERSION,
        generation,
        committed: record.as_ref().map(|it| it.closure.clone()),
        cloud: record.as_ref().and_then(|it| it.cloud.clone()),
        made: record.as_ref().map_or(0, |it| it.made),
        before: generation.map(|number| former(layout, number)).transpose()?.flatten(),
        enrolled,
        open,
        finished: manifest.is_none_or(|it| contracts::left_over(layout, it).is_empty()),
        done: completions::done(layout, tools)?,
        no_return,
        down: manifest.map(|it| down(systemd, tools, it)).transpose()?.unwrap_or_default(),
        formats: manifest.map(|it| formats(layout, tools, it)).transpose()?.unwrap_or_default(),
        forward: record.and_then(|it| it.forward).map(|it| it.base),
    })
}

/// Returns the formats of data in volumes that are there: what is recorded, else what is described.
fn formats(
    layout: &Layout,
    tools: &mut dyn Tools,
    manifest: &Manifest,
) -> Result<BTreeMap<String, Version>, Refusal> {
    if manifest.formats.is_empty() {
        return Ok(BTreeMap::new());
    }
    let volumes = tools.volumes()?;
    let known = known(layout, &volumes)?;
    let described = manifest.formats.iter().filter(|(volume, _)| volumes.contains_key(*volume));
    let mut formats: BTreeMap<String, Version> =
        described.map(|(volume, it)| (volume.clone(), it.version)).collect();
    for (volume, it) in known {
        if let Known::Latest(has) = it {
            formats.insert(volume, has);
        }
    }
    Ok(formats)
}

/// Returns what the host was before a generation, if it has that one still.
fn former(layout: &Layout, number: u64) -> Result<Option<Former>, Refusal> {
    let before = history::before(&history::load(layout)?, number);
    let Some(number) = before.filter(|number| files::exists(&layout.generation(*number))) else {
        return Ok(None);
    };
    let generation::Record { closure, cloud, made, .. } = generation::load_record(layout, number)?;
    Ok(Some(Former { closure, cloud, made }))
}

/// Returns the switch that is open, as its journal tells.
pub fn open(layout: &Layout) -> Result<Option<Open>, FileError> {
    let Some(records) = journal::read_open(layout)? else { return Ok(None) };
    // Not even the first line of one without a name reached the disk; nothing was touched.
    let tx = journal::name_of(&records).unwrap_or_default().to_owned();
    let mut stage = Stage::Switching;
    for record in &records {
        stage = match record {
            Record::Reverting { .. } | Record::Recovering { .. } => Stage::Returning,
            Record::Waiting { .. } if stage == Stage::Switching => Stage::Holding,
            Record::Confirmed if stage == Stage::Holding => Stage::Switching,
            _ => stage,
        };
    }
    Ok(Some(Open { tx, stage }))
}

/// A switch that nobody is at goes back, as soon as somebody comes.
fn seen(systemd: &mut dyn Systemd, open: Open) -> Open {
    if is_attended(systemd, Some(&open.tx)) { open } else { Open { stage: Stage::Returning, ..open } }
}

fn stored(layout: &Layout, digest: &Digest) -> Option<Manifest> {
    if !files::exists(&layout.store()) {
        return None;
    }
    Some(Store::open(layout.store()).ok()?.load(digest).ok()?.manifest)
}

/// Returns the units of tasks that ran since a rollout began, and past which there is no way back.
fn no_return(
    layout: &Layout,
    enrolled: &Enrolled,
    committed: Option<&Manifest>,
) -> Result<BTreeSet<String>, Refusal> {
    let ran = |it: &Finished| it.class != TaskClass::Expand && it.time >= enrolled.time;
    let finished: Vec<Finished> = completions::finished(layout)?.into_iter().filter(ran).collect();
    if finished.is_empty() {
        return Ok(BTreeSet::new());
    }
    let trial = match generation::on_trial(layout)? {
        Some(number) => Some(generation::load_closure(layout, number)?.manifest),
        None => None,
    };
    // After a way back only the store knows what was tried.
    let tried = stored(layout, &enrolled.to);
    let known: Vec<&Manifest> = trial.iter().chain(committed).chain(&tried).collect();
    let unit = |it: Finished| {
        let mut tasks = known.iter().flat_map(|manifest| manifest.tasks.values());
        let task = tasks.find(|task| task.once == it.once);
        // That it ran must be said even where nobody knows any more by which unit.
        task.map_or(it.task, |task| task.unit.clone())
    };
    Ok(finished.into_iter().map(unit).collect())
}

/// Returns the groups whose member on this host should be up and is not.
fn down(
    systemd: &mut dyn Systemd,
    tools: &mut dyn Tools,
    manifest: &Manifest,
) -> Result<BTreeSet<String>, Refusal> {
    let mut down = BTreeSet::new();
    for (name, group) in &manifest.groups {
        let is_member = |container: Option<&String>| container == Some(&group.container);
        let Some((unit, spec)) = manifest.units.iter().find(|(_, it)| is_member(it.container.as_ref()))
        else {
            continue;
        };
        let is_active = systemd.state(unit)?.active == "active";
        if !is_active || (spec.gate.healthy && tools.inspect(&group.container)?.health != Health::Healthy) {
            down.insert(name.clone());
        }
    }
    Ok(down)
}
