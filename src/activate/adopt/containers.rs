//! Adopted containers: stopped, their unit disabled, renamed, and never removed while the description wants their name; then all
//! of that taken back.
//!
//! Level-triggered: given what holds, each adopted container is set aside or brought back, whatever was done of it before.
//! How a container was is recorded before the first action, and the record is cleared after the last.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::machine::inventory::{Container, Deed};
use crate::machine::layout::Layout;
use crate::machine::owner::GENERATED;
use crate::machine::podman::Tools;
use crate::machine::systemd::{Job, Systemd};
use crate::records::adopted::{AdoptError, Adopted, Before, Book, What};
use store::Manifest;

/// What the unit of an adopted container may take to stop or to start.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns the name of a container while ours has its own.
pub fn kept_name(name: &str, id: &str) -> String {
    format!("{name}.kept-{}", id.get(..12).unwrap_or(id))
}

/// Sets adopted containers aside whose names a manifest wants, brings back the others, and returns what could not be done.
///
/// Without a manifest nothing is wanted, and all come back.
pub fn settle(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    tools: &mut dyn Tools,
    manifest: Option<&Manifest>,
) -> Vec<AdoptError> {
    let book = match Book::load(layout) {
        Ok(book) => book,
        Err(error) => return vec![error.into()],
    };
    let adopted: Vec<&Adopted> = book.all().filter(|it| matches!(it.what, What::Container { .. })).collect();
    if adopted.is_empty() {
        return Vec::new();
    }
    let wanted = wanted(manifest);
    let mut problems = Vec::new();
    for it in adopted {
        let What::Container { id, before } = &it.what else { continue };
        let done = if wanted.contains(it.name.as_str()) {
            set_aside(layout, systemd, tools, it, id, before.as_ref())
        } else if let Some(before) = before {
            bring_back(layout, systemd, tools, it, id, before)
        } else {
            Ok(())
        };
        problems.extend(done.err());
    }
    problems
}

/// Returns the names of containers that a manifest wants.
pub fn wanted(manifest: Option<&Manifest>) -> BTreeSet<&str> {
    manifest
        .into_iter()
        .flat_map(|it| it.units.values())
        .filter_map(|unit| unit.container.as_deref())
        .collect()
}

fn set_aside(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    tools: &mut dyn Tools,
    adopted: &Adopted,
    id: &str,
    before: Option<&Before>,
) -> Result<(), AdoptError> {
    // One that is gone leaves its name free, and so does one with another name.
    let Some(found) = find(tools, id)?.filter(|it| it.name == adopted.name) else { return Ok(()) };
    let before = match before {
        Some(before) => before.clone(),
        None => {
            let before = observe(systemd, tools, &found)?;
            let what = What::Container { id: id.to_owned(), before: Some(before.clone()) };
            Adopted { what, ..adopted.clone() }.write(layout)?;
            before
        }
    };
    if let Some(unit) = &before.unit {
        if before.enabled {
            systemd.enable(unit, false)?;
        }
        do_job(systemd, Job::Stop, unit)?;
    }
    // A unit that makes its container anew removes it when it stops.
    let Some(found) = find(tools, id)? else { return Ok(()) };
    if is_restarted(&before.policy) {
        tools.do_with(id, Deed::Restart("no"))?;
    }
    if found.is_running() {
        tools.do_with(id, Deed::Stop)?;
    }
    Ok(tools.do_with(id, Deed::Rename(&kept_name(&adopted.name, id)))?)
}

fn bring_back(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    tools: &mut dyn Tools,
    adopted: &Adopted,
    id: &str,
    before: &Before,
) -> Result<(), AdoptError> {
    let containers = tools.containers()?;
    let found = containers.iter().find(|it| it.id == id);
    if let Some(found) = found {
        if found.name != adopted.name {
            if containers.iter().any(|it| it.name == adopted.name) {
                return Err(AdoptError::NameTaken { name: adopted.name.clone() });
            }
            tools.do_with(id, Deed::Rename(&adopted.name))?;
        }
        if is_restarted(&before.policy) {
            tools.do_with(id, Deed::Restart(&before.policy))?;
        }
    }
    if let Some(unit) = &before.unit {
        if before.enabled {
            systemd.enable(unit, true)?;
        }
        if before.running {
            do_job(systemd, Job::Start, unit)?;
        }
    } else if before.running && found.is_some_and(|it| !it.is_running()) {
        tools.do_with(id, Deed::Start)?;
    }
    let what = What::Container { id: id.to_owned(), before: None };
    Ok(Adopted { what, ..adopted.clone() }.write(layout)?)
}

fn find(tools: &mut dyn Tools, id: &str) -> Result<Option<Container>, AdoptError> {
    Ok(tools.containers()?.into_iter().find(|it| it.id == id))
}

/// Notes how a container is, and which unit of the host runs it.
fn observe(
    systemd: &mut dyn Systemd,
    tools: &mut dyn Tools,
    found: &Container,
) -> Result<Before, AdoptError> {
    let of_label = found.labels.get("PODMAN_SYSTEMD_UNIT").cloned();
    // Kolla-Ansible names its units so, and gives them no label.
    let of_kolla = format!("kolla-{}-container.service", found.name);
    let mut before = Before {
        unit: None,
        enabled: false,
        running: found.is_running(),
        policy: tools.restart_policy(&found.id)?,
    };
    for unit in of_label.into_iter().chain([of_kolla]) {
        let state = systemd.state(&unit)?;
        if state.load == "loaded" && !state.fragment.starts_with(GENERATED) {
            before.enabled = state.enabled == "enabled";
            before.running |= state.is_up();
            before.unit = Some(unit);
            break;
        }
    }
    Ok(before)
}

fn is_restarted(policy: &str) -> bool {
    !matches!(policy, "" | "no")
}

/// Has a unit of the host stopped or started, and waits until it is.
fn do_job(systemd: &mut dyn Systemd, job: Job, unit: &str) -> Result<(), AdoptError> {
    let job = systemd.submit(job, unit)?;
    let until = systemd.now() + PATIENCE;
    while systemd.now() < until {
        if systemd.wait(Duration::from_millis(200))?.iter().any(|(ended, _)| *ended == job) {
            return Ok(());
        }
    }
    Err(AdoptError::Late { unit: unit.to_owned(), secs: PATIENCE.as_secs() })
}
