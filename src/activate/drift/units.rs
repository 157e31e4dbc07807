//! What systemd has loaded against the generation: definitions, drop-ins of others, units that should run, units of nobody.
//!
//! A drop-in that the distribution ships, below `/usr/lib/systemd` or `/lib/systemd`, is part of its systemd and not drift:
//! what holds for all services of a distribution holds for ours. Everything else that changes a unit of ours is.

use std::collections::{BTreeMap, BTreeSet};

use crate::machine::evidence::look;
use crate::machine::layout::Layout;
use crate::machine::owner::{GENERATED, is_made_of_ours, is_of_others};
use crate::machine::systemd::{Systemd, SystemdError, UnitState};
use crate::records::finding::{Finding, Kind};
use crate::records::generation::{FILES_SERVICE_NAME, GUARD};
use store::files::{self, FileError};
use store::manifest::{Change, Unit, UnitKind};
use store::{Closure, Manifest};

/// States of units by name.
pub type States = BTreeMap<String, UnitState>;

/// Asks for the states of units.
pub fn states<'a>(
    systemd: &mut dyn Systemd,
    units: impl IntoIterator<Item = &'a String>,
) -> Result<States, SystemdError> {
    units.into_iter().map(|name| Ok((name.clone(), systemd.state(name)?))).collect()
}

/// Looks whether systemd knows each unit, from the generator, as it now is.
pub fn definitions(layout: &Layout, manifest: &Manifest, states: &States) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, state) in states.iter().filter(|(name, _)| manifest.units.contains_key(*name)) {
        let finding = Finding::new(Kind::Unit, name, "loaded from the committed generation");
        if state.load != "loaded" {
            let help = "`systemctl daemon-reload`, then see `journalctl -t quadlet-generator`";
            findings.push(finding.found(format!("it is {}", state.load)).help(help));
        } else if state.fragment.is_empty() || is_of_others(layout, state) {
            let help = format!("remove {} and `systemctl daemon-reload`", state.fragment);
            findings.push(finding.found(format!("{} defines it", state.fragment)).help(help));
        } else if state.is_stale {
            let found = "its file changed since systemd read it";
            findings.push(finding.found(found).help("`systemctl daemon-reload`"));
        }
    }
    findings
}

/// Looks for what should run and does not.
pub fn down(manifest: &Manifest, states: &States) -> Vec<Finding> {
    let should_run = |unit: &&Unit| unit.boot && matches!(unit.kind, UnitKind::Container | UnitKind::Timer);
    let mut findings = Vec::new();
    for (name, state) in states {
        let runs = manifest.units.get(name).filter(should_run).is_none() || state.active == "active";
        if !runs {
            let help = format!("`systemctl status {name}` says why, `systemctl start {name}` tries again");
            findings.push(Finding::new(Kind::Down, name, "active").found(state.words()).help(help));
        }
    }
    findings
}

/// Says in words what of a committed generation should run and does not.
pub fn what_is_down(systemd: &mut dyn Systemd, closure: &Closure) -> Result<Vec<String>, SystemdError> {
    let mut down = Vec::new();
    let containers =
        closure.manifest.units.iter().filter(|(_, unit)| unit.boot && unit.kind == UnitKind::Container);
    for (name, _) in containers {
        let state = systemd.state(name)?;
        if state.active != "active" {
            down.push(format!("{name} should run and is {}", state.words()));
        }
    }
    Ok(down)
}

/// Looks for files of others that change units of ours: those systemd has read, and those it would read.
pub fn drop_ins(layout: &Layout, states: &States) -> Result<Vec<Finding>, FileError> {
    let mut changes: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (unit, state) in states {
        for path in state.drop_ins.iter().filter(|path| !is_shipped(path) && !is_guard(path, unit)) {
            changes.entry(path.clone()).or_default().insert(unit);
        }
        // A unit that is not loaded yet has none that systemd would tell of.
        for folder in ["/etc/systemd/system", "/run/systemd/system", "/etc/systemd/system.control"] {
            let folder = format!("{folder}/{unit}.d");
            for name in files::names(&layout.at(&folder))?.iter().filter(|name| name.ends_with(".conf")) {
                changes.entry(format!("{folder}/{name}")).or_default().insert(unit);
            }
        }
    }
    let mut findings = Vec::new();
    for (path, units) in changes {
        let there = look(&layout.at(&path))?;
        let units = units.into_iter().collect::<Vec<_>>().join(", ");
        findings.push(
            Finding::new(Kind::DropIn, &path, "nothing: the description alone says what a unit of ours is")
                .found(format!("{}, which changes {units}", there.words()))
                .help("bring it into the description and remove it, or adopt it by name")
                .adoptable(there.evidence()),
        );
    }
    Ok(findings)
}

/// Says whether a drop-in came with the distribution.
fn is_shipped(path: &str) -> bool {
    ["/usr/lib/systemd/", "/lib/systemd/"].iter().any(|folder| path.starts_with(folder))
}

/// Says whether a drop-in is the one by which our generator has systemd ask before a unit starts.
fn is_guard(path: &str, unit: &str) -> bool {
    path == format!("{GENERATED}/{unit}.d/{GUARD}")
}

/// Looks for units made of a generation's files that the committed one does not have.
pub fn unknown(layout: &Layout, manifest: &Manifest) -> Result<Vec<Finding>, FileError> {
    let folder = layout.at(GENERATED);
    let mut findings = Vec::new();
    for name in files::names(&folder)? {
        if manifest.units.contains_key(&name) || name == FILES_SERVICE_NAME {
            continue;
        }
        let path = folder.join(&name);
        if is_made_of_ours(&path) {
            let help = "`systemctl daemon-reload` makes systemd read the committed generation alone";
            let finding = Finding::new(Kind::Unknown, &name, "no such unit in the committed generation");
            findings.push(finding.found("a unit made of another generation").help(help));
        }
    }
    Ok(findings)
}

/// Says whether a unit may go on as an earlier generation made it.
pub fn may_be_left(unit: &Unit) -> bool {
    matches!(unit.change, Change::Keep | Change::Manual | Change::Dataplane)
}
