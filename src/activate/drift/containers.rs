//! Containers against the generation: those of others under our names, labels of what they were made from, images by digest, those nobody knows.
//!
//! Judges by one list of all containers and one of all images; asks no container anything.

use std::collections::BTreeMap;

use super::units::{States, may_be_left};
use crate::machine::evidence::of_container;
use crate::machine::inventory::{Container, Image, UNIT_LABEL};
use crate::records::finding::{Finding, Kind};
use store::Manifest;
use store::manifest::{Unit, UnitKind};

fn short(text: &str) -> &str {
    text.get(..12).unwrap_or(text)
}

/// Returns the units of a manifest that have a container, by the container's name.
fn by_container(manifest: &Manifest) -> BTreeMap<&str, (&String, &Unit)> {
    let units = manifest.units.iter();
    units.filter_map(|(name, unit)| Some((unit.container.as_deref()?, (name, unit)))).collect()
}

/// Looks for containers of others with names that a manifest wants: starting ours would remove them.
pub fn foreign(manifest: &Manifest, containers: &[Container]) -> Vec<Finding> {
    let wanted = by_container(manifest);
    let theirs = containers.iter().filter(|it| !it.is_ours());
    theirs
        .filter_map(|it| {
            let (unit, _) = wanted.get(it.name.as_str())?;
            let found =
                format!("{} of {} ({}), which kolla-lang did not make", short(&it.id), it.image, it.state);
            let help = format!(
                "remove it, or `kolla-lang adopt {}` sets it aside, and brings it back when released",
                it.name
            );
            let finding = Finding::new(Kind::Foreign, &it.name, format!("the container of {unit}, or none"));
            Some(finding.found(found).help(help).adoptable(Some(of_container(&it.id))))
        })
        .collect()
}

/// Looks whether each running container was made from the definition that holds.
pub fn completions(manifest: &Manifest, containers: &[Container]) -> Vec<Finding> {
    let wanted = by_container(manifest);
    let mut findings = Vec::new();
    for it in containers.iter().filter(|it| it.is_ours() && it.is_running()) {
        let Some((name, unit)) = wanted.get(it.name.as_str()) else { continue };
        let expected = unit.digests.restart.as_str();
        let found = it.stamp().unwrap_or("no stamp");
        if found == expected {
            continue;
        }
        let left = may_be_left(unit);
        let kind = if left { Kind::Waits } else { Kind::Stamp };
        findings.push(
            Finding::new(kind, &it.name, format!("made from {}", short(expected)))
                .found(format!("made from {}", short(found)))
                .help(format!("`systemctl restart {name}` makes it anew"))
                .adoptable((!left).then(|| of_container(&it.id))),
        );
    }
    findings
}

/// Looks for containers of ours that the committed generation does not have.
pub fn unknown(manifest: &Manifest, containers: &[Container]) -> Vec<Finding> {
    let wanted = by_container(manifest);
    let ours = containers.iter().filter(|it| it.is_ours() && !wanted.contains_key(it.name.as_str()));
    ours.map(|it| {
        let unit = it.labels.get(UNIT_LABEL).map_or("a unit of ours", String::as_str);
        Finding::new(Kind::Unknown, &it.name, "no such container in the committed generation")
            .found(format!("{} ({}), made for {unit}", short(&it.id), it.state))
            .help(format!(
                "`systemctl stop {unit}.service`, or `podman rm -f {}` if systemd has no such unit",
                it.name
            ))
    })
    .collect()
}

/// Looks whether each running container's image is the one that its name or its digest means now.
pub fn images(manifest: &Manifest, containers: &[Container], images: &[Image]) -> Vec<Finding> {
    let wanted = by_container(manifest);
    let mut findings = Vec::new();
    for it in containers.iter().filter(|it| it.is_ours() && it.is_running()) {
        let Some((unit, reference)) =
            wanted.get(it.name.as_str()).and_then(|(name, unit)| Some((name, unit.image.as_ref()?)))
        else {
            continue;
        };
        let means = images.iter().find(|image| image.is_named(reference));
        let (found, help) = match means {
            Some(image) if image.id == it.image_id => continue,
            Some(image) => (
                format!("{}, while the name means {} now", short(&it.image_id), short(&image.id)),
                format!("`systemctl restart {unit}` takes the new one up; an image by digest never moves"),
            ),
            None => (
                format!("{}, and no image has that name any more", short(&it.image_id)),
                format!("bring {reference} here again: without it {unit} cannot start"),
            ),
        };
        findings.push(Finding::new(Kind::Image, &it.name, reference).found(found).help(help));
    }
    // What does not run needs its image too.
    for (name, unit) in manifest.units.iter().filter(|(_, unit)| unit.kind == UnitKind::Container) {
        let runs = |it: &Container| Some(&it.name) == unit.container.as_ref() && it.is_running();
        if let Some(reference) = &unit.image
            && !containers.iter().any(runs)
            && !images.iter().any(|image| image.is_named(reference))
        {
            let finding = Finding::new(Kind::Image, reference, format!("here, for {name}")).found("nothing");
            findings.push(finding.help("bring it here: its unit cannot start"));
        }
    }
    findings
}

/// Looks for units that systemd calls active and whose container does not run.
pub fn absent(manifest: &Manifest, states: &States, containers: &[Container]) -> Vec<Finding> {
    let units = manifest.units.iter().filter(|(_, unit)| unit.kind == UnitKind::Container);
    let mut findings = Vec::new();
    for (name, unit) in units {
        let is_active = states.get(name).is_some_and(|state| state.active == "active");
        let runs = |it: &Container| Some(&it.name) == unit.container.as_ref() && it.is_running();
        if is_active && !containers.iter().any(runs) {
            findings.push(
                Finding::new(Kind::Down, name, "its container runs, as the unit is active")
                    .found("no such container runs")
                    .help(format!("`systemctl restart {name}`")),
            );
        }
    }
    findings
}
