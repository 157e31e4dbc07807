//! Everything that is looked at, together: for `status` all of it, for a switch what it would overwrite or be wrong about.
//!
//! Holds no lock: what it tells was true while it looked.

use std::time::SystemTime;

use serde::Serialize;

use super::certificates::{self, Certificate};
use super::{containers, folder, places, units};
use crate::adopt::containers::{kept_name, wanted};
use crate::failure::Refusal;
use crate::machine::inventory::Container;
use crate::machine::layout::Layout;
use crate::machine::owner::GENERATED;
use crate::machine::podman::Tools;
use crate::machine::systemd::Systemd;
use crate::records::adopted::{Book, What};
use crate::records::error_report::error_chain;
use crate::records::finding::{Finding, Kind};
use crate::records::generation::{self, CurrentGeneration, LaterVolume, Record};
use crate::records::part::Enrolled;
use store::{Closure, Manifest, lock};

/// How a host is.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The version of this form, 1.
    pub version: u32,
    /// What the host noted of the committed generation; absent if there is none.
    pub generation: Option<Record>,
    /// A switch that began and did not end.
    pub transit: Option<Transit>,
    /// The rollout that the host is part of.
    pub rollout: Option<Enrolled>,
    /// When the certificates of the committed generation end.
    pub certificates: Vec<Certificate>,
    /// All that is not as it should be.
    pub findings: Vec<Finding>,
}

/// A switch that began and did not end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transit {
    /// The generation on trial, if it has come so far.
    pub to: Option<u64>,
    /// Whether its process is at it. If not it was cut off, and the next run ends it.
    pub is_running: bool,
}

/// Looks at everything.
pub fn status(layout: &Layout, systemd: &mut dyn Systemd, tools: &mut dyn Tools) -> Result<Status, Refusal> {
    let transit = transit(layout)?;
    let mut status = Status {
        version: 1,
        generation: None,
        transit,
        rollout: Enrolled::load(layout)?,
        certificates: Vec::new(),
        findings: Vec::new(),
    };
    let book = Book::load(layout)?;
    if let Some(transit) = &status.transit {
        status.findings.push(in_transit(transit));
    }
    let containers = tools.containers()?;
    let Some(number) = generation::booted(layout)? else {
        status.findings.extend(nobody_knows(layout, &containers)?);
        status.findings.extend(kept(&book, None, &containers));
        return Ok(status);
    };
    let record = generation::load_record(layout, number)?;
    status.findings.extend(forward(&record));
    status.findings.extend(folder::edited(layout, &record)?);
    match generation::load_closure(layout, number) {
        Ok(closure) => {
            let held = CurrentGeneration { number, closure };
            let found = compare(layout, systemd, tools, &record, &held.closure, &containers)?;
            status.findings.extend(found);
            status.certificates = certificates::all(&held.closure.manifest);
            status.findings.extend(kept(&book, Some(&held.closure.manifest), &containers));
        }
        // Which of its files was edited is told above; nothing can be compared with what is left.
        Err(error) => status.findings.push(
            Finding::new(Kind::Edited, layout.name(&layout.generation(number)), "a generation")
                .found(error_chain(&error))
                .help("switch to the description again with `--adopt` of each edited file, or roll back"),
        ),
    }
    status.generation = Some(record);
    book.mark(&mut status.findings);
    Ok(status)
}

/// Tells what a way back holds forward.
fn forward(record: &Record) -> Vec<Finding> {
    let finding = |it: &LaterVolume| {
        let LaterVolume { volume, has, reads, units } = it;
        Finding::new(
            Kind::Forward,
            volume,
            format!("format {reads}, as {} of the generation before reads", units.join(", ")),
        )
        .found(format!("format {has}, so its units go on as the switch tried them that went back"))
        .help(format!("switch to a description of format {has} or a later one"))
    };
    record.forward.iter().flat_map(|it| &it.volumes).map(finding).collect()
}

fn compare(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    tools: &mut dyn Tools,
    record: &Record,
    closure: &Closure,
    all: &[Container],
) -> Result<Vec<Finding>, Refusal> {
    let manifest = &closure.manifest;
    let states = units::states(systemd, manifest.units.keys())?;
    let mut findings = folder::host_part(layout, record, closure)?;
    findings.extend(places::links(layout, closure)?);
    findings.extend(places::generator(layout)?);
    findings.extend(places::memory(layout, tools, manifest));
    findings.extend(places::rendered(layout, closure));
    findings.extend(units::definitions(layout, manifest, &states));
    findings.extend(units::drop_ins(layout, &states)?);
    findings.extend(units::down(manifest, &states));
    findings.extend(units::unknown(layout, manifest)?);
    findings.extend(containers::foreign(manifest, all));
    findings.extend(containers::completions(manifest, all));
    findings.extend(containers::absent(manifest, &states, all));
    findings.extend(containers::unknown(manifest, all));
    findings.extend(containers::images(manifest, all, &tools.images()?));
    findings.extend(places::settings(layout, manifest));
    findings.extend(places::tasks(layout, tools, manifest)?);
    findings.extend(certificates::soon(manifest, SystemTime::now()));
    findings.extend(certificates::old(manifest, SystemTime::now()));
    Ok(findings)
}

/// Returns a switch that did not end: it left its trial link or its open journal.
fn transit(layout: &Layout) -> Result<Option<Transit>, Refusal> {
    let to = generation::on_trial(layout)?;
    if to.is_none() && !layout.journal().exists() {
        return Ok(None);
    }
    let is_running = lock::is_taken(&layout.lock())?;
    Ok(Some(Transit { to, is_running }))
}

fn in_transit(transit: &Transit) -> Finding {
    let name = transit.to.map_or_else(|| "switch".to_owned(), |number| format!("generation {number}"));
    let (found, help) = if transit.is_running {
        ("its switch is running: some units are old, some new", "`kolla-lang switch --follow` shows it")
    } else {
        ("its switch was cut off: some units are old, some new", "the next `kolla-lang switch` ends it first")
    };
    Finding::new(Kind::Transit, name, "committed, or gone").found(found).help(help)
}

/// On a host without a generation nothing of ours should be there.
fn nobody_knows(layout: &Layout, all: &[Container]) -> Result<Vec<Finding>, Refusal> {
    let ours = all.iter().filter(|it| it.is_ours());
    let finding = |it: &Container| {
        Finding::new(Kind::Unknown, &it.name, "no container of ours: this host has no generation")
            .found(it.state.clone())
            .help(format!("`podman rm -f {}`", it.name))
    };
    let mut findings: Vec<Finding> = ours.map(finding).collect();
    let path = layout.at(GENERATED);
    for name in store::files::names(&path)? {
        if std::fs::read_link(path.join(&name)).is_ok_and(|it| it.starts_with("/etc/kolla-lang")) {
            findings.push(Finding::new(Kind::Unknown, name, "no unit of ours").found("one").help("reboot"));
        }
    }
    Ok(findings)
}

/// Looks whether adopted containers are set aside where their names are wanted, and back where they are not.
fn kept(book: &Book, manifest: Option<&Manifest>, all: &[Container]) -> Vec<Finding> {
    let wanted = wanted(manifest);
    let mut findings = Vec::new();
    for adopted in book.all() {
        let What::Container { id, before } = &adopted.what else { continue };
        let is_wanted = wanted.contains(adopted.name.as_str());
        let kept = kept_name(&adopted.name, id);
        let help = "`kolla-lang adopt --settle` does it";
        if is_wanted && before.is_some() && !all.iter().any(|it| it.id == *id) {
            findings.push(
                Finding::new(Kind::Kept, &adopted.name, format!("kept as {kept}"))
                    .found("the container is gone")
                    .help(format!("somebody removed it; `kolla-lang adopt --forget {}`", adopted.name)),
            );
        } else if !is_wanted && before.is_some() {
            let finding = Finding::new(Kind::Kept, &adopted.name, "brought back: nothing wants its name");
            findings.push(finding.found(format!("set aside as {kept}")).help(help));
        }
    }
    findings
}

/// Returns what forbids a switch from one generation to a closure, but for what was accepted by name; `states` are those of the
/// units of both.
pub fn forbids(
    layout: &Layout,
    states: &units::States,
    tools: &mut dyn Tools,
    from: Option<&CurrentGeneration>,
    to: &Closure,
) -> Result<Vec<Finding>, Refusal> {
    let mut findings = Vec::new();
    let old = from.map(|it| &it.closure.manifest);
    if let Some(from) = from {
        let record = generation::load_record(layout, from.number)?;
        findings.extend(folder::edited(layout, &record)?);
    }
    findings.extend(units::drop_ins(layout, states)?);
    let all = tools.containers()?;
    findings.extend(containers::foreign(&to.manifest, &all));
    if let Some(old) = old {
        findings.extend(containers::completions(old, &all));
    }
    Book::load(layout)?.mark(&mut findings);
    findings.retain(|it| it.kind.forbids_a_switch() && !it.adopted);
    Ok(findings)
}
