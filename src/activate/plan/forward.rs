//! What a host becomes where a switch went back and data of some volumes have a later format by now: the generation before, but for the
//! units that write these volumes and what they cannot run without, which are those of the generation that was tried.
//!
//! Decides on closures alone. Where the two do not fit together it says why, and nothing is composed.

use std::collections::{BTreeMap, BTreeSet};

use store::closure::secret_path;
use store::manifest::{Manifest, Step, UnitKind};
use store::version::Version;
use store::{Closure, ClosureFile};

/// Composes the closure that a host goes back to, `old`, with units of the one that was tried, `new`, which write volumes whose data have
/// a later format than `old` reads. The error says in a clause what does not fit.
pub fn compose(old: &Closure, new: &Closure, volumes: &BTreeMap<String, Version>) -> Result<Closure, String> {
    let (was, is) = (&old.manifest, &new.manifest);
    if was.backend != is.backend {
        return Err("the two generations reach systemd in different ways".to_owned());
    }
    let mut gone = BTreeSet::new();
    let mut units = BTreeSet::new();
    for (volume, has) in volumes {
        let Some(format) = is.formats.get(volume).filter(|it| it.version >= *has) else {
            return Err(format!("the generation that was tried does not read format {has} of {volume}"));
        };
        gone.extend(was.formats.get(volume).into_iter().flat_map(|it| it.units.iter().cloned()));
        units.extend(format.units.iter().cloned());
    }
    add_needed(was, is, &mut units);
    gone.extend(units.iter().cloned());
    for network in units.iter().filter_map(|it| is.units.get(it)).flat_map(|it| &it.uses) {
        let digest = |of: &Manifest| of.units.get(network).map(|it| it.digests.restart.clone());
        if !units.contains(network) && digest(was) != digest(is) {
            return Err(format!("the network of {network} is another one in the generation that was tried"));
        }
    }
    let mut closure = without(old, &gone);
    take(&mut closure, new, &units)?;
    let manifest = &mut closure.manifest;
    // Nobody described it: a description that comes to the same is another closure, so that a switch to it ends this.
    manifest.engine += " (held forward)";
    for volume in volumes.keys() {
        manifest.formats.extend(is.formats.get(volume).map(|it| (volume.clone(), it.clone())));
    }
    manifest.order = order(was, is, &units, &manifest.units.keys().cloned().collect());
    manifest.volumes.extend(is.volumes.iter().cloned());
    manifest.volumes.sort();
    manifest.volumes.dedup();
    let later = |it: &Option<String>| it.as_deref().and_then(Version::parse);
    if later(&is.podman) > later(&manifest.podman) {
        manifest.podman.clone_from(&is.podman);
    }
    Ok(closure)
}

/// Adds what units need and the generation before does not have: volumes, networks, and what comes first in the order.
fn add_needed(was: &Manifest, is: &Manifest, units: &mut BTreeSet<String>) {
    let is_new = |name: &String| !was.units.contains_key(name);
    let is_base = |kind: UnitKind| matches!(kind, UnitKind::Volume | UnitKind::Network);
    units
        .extend(is.units.iter().filter(|(name, it)| is_base(it.kind) && is_new(name)).map(|it| it.0.clone()));
    // Each step stands behind those that it waits for, so one pass from the end finds all.
    for step in is.order.iter().rev().filter(|step| units.contains(&step.unit)).cloned().collect::<Vec<_>>() {
        let mut open = step.after;
        while let Some(name) = open.pop() {
            if is_new(&name) && units.insert(name.clone()) {
                open.extend(is.order.iter().filter(|it| it.unit == name).flat_map(|it| it.after.clone()));
            }
        }
    }
    units.retain(|name| is.units.contains_key(name));
}

/// Returns a closure without some units and what is theirs alone.
fn without(old: &Closure, gone: &BTreeSet<String>) -> Closure {
    let mut closure = old.clone();
    let manifest = &mut closure.manifest;
    let (theirs, kept): (Vec<_>, Vec<_>) =
        std::mem::take(&mut manifest.folders).into_iter().partition(|it| gone.contains(&it.owner));
    manifest.folders = kept;
    let mut files: BTreeSet<String> =
        theirs.iter().flat_map(|it| &it.files).map(|it| it.path.clone()).collect();
    let mut images = BTreeSet::new();
    for name in gone {
        if let Some(unit) = manifest.units.remove(name) {
            files.extend(unit.files);
            images.extend(unit.image);
        }
    }
    manifest.tasks.retain(|_, task| !gone.contains(&task.unit));
    let is_used = |image: &String| manifest.units.values().any(|it| it.image.as_ref() == Some(image));
    manifest.images.retain(|image| !images.contains(image) || is_used(image));
    let used = places(manifest);
    closure.files.retain(|path, _| !files.contains(path) || used.contains(path));
    closure
}

/// Returns the places of all files that a manifest names, but for those of secrets.
fn places(manifest: &Manifest) -> BTreeSet<String> {
    let of_units = manifest.units.values().flat_map(|it| it.files.iter().cloned());
    let of_folders = manifest.folders.iter().flat_map(|it| &it.files).map(|it| it.path.clone());
    of_units.chain(of_folders).chain(manifest.files.values().map(|it| it.path.clone())).collect()
}

/// Adds units of another closure with all that is theirs.
fn take(closure: &mut Closure, new: &Closure, units: &BTreeSet<String>) -> Result<(), String> {
    let is = &new.manifest;
    let mut paths = BTreeSet::new();
    let kept = secrets_of(&closure.manifest);
    for name in units {
        let Some(unit) = is.units.get(name) else { continue };
        paths.extend(unit.files.iter().cloned());
        closure.manifest.images.extend(unit.image.clone());
        closure.manifest.units.insert(name.clone(), unit.clone());
    }
    closure.manifest.images.sort();
    closure.manifest.images.dedup();
    let tasks = is.tasks.iter().filter(|(_, task)| units.contains(&task.unit));
    closure.manifest.tasks.extend(tasks.map(|(name, task)| (name.clone(), task.clone())));
    let mut secrets = BTreeSet::new();
    for folder in is.folders.iter().filter(|it| units.contains(&it.owner)) {
        for file in &folder.files {
            paths.insert(file.path.clone());
            secrets.extend(file.holes.iter().map(|it| it.secret.clone()));
        }
        closure.manifest.folders.push(folder.clone());
    }
    for path in paths {
        add(&mut closure.files, new, &path)?;
    }
    for name in secrets {
        let (was, spec) = (closure.manifest.secrets.get(&name), is.secrets.get(&name));
        if was.is_some() && was == spec {
            continue;
        }
        if was.is_some() && kept.contains(&name) {
            return Err(format!("the secret {name} was made anew, and others read the one from before"));
        }
        closure.manifest.secrets.extend(spec.map(|it| (name.clone(), it.clone())));
        let path = secret_path(&name);
        closure.files.remove(&path);
        closure.files.extend(new.files.get(&path).map(|it| (path, it.clone())));
    }
    for (registry, login) in &is.logins {
        let is_known = closure.manifest.secrets.get(&login.secret) == is.secrets.get(&login.secret);
        if is_known && !closure.manifest.logins.contains_key(registry) {
            closure.manifest.logins.insert(registry.clone(), login.clone());
        }
    }
    Ok(())
}

/// Returns the secrets that files of units and logins have.
fn secrets_of(manifest: &Manifest) -> BTreeSet<String> {
    let holes = manifest.folders.iter().flat_map(|it| &it.files).flat_map(|it| &it.holes);
    holes.map(|it| it.secret.clone()).chain(manifest.logins.values().map(|it| it.secret.clone())).collect()
}

fn add(files: &mut BTreeMap<String, ClosureFile>, new: &Closure, path: &str) -> Result<(), String> {
    let Some(file) = new.files.get(path) else { return Ok(()) };
    match files.get(path) {
        Some(other) if other != file => Err(format!("units of both generations have the file {path}")),
        _ => {
            files.insert(path.to_owned(), file.clone());
            Ok(())
        }
    }
}

/// Returns the order of what the host becomes: that of the generation before, with the steps of units that are not its own.
fn order(was: &Manifest, is: &Manifest, units: &BTreeSet<String>, all: &BTreeSet<String>) -> Vec<Step> {
    let theirs = is.order.iter().filter(|it| units.contains(&it.unit));
    let own = was.order.iter().filter(|it| all.contains(&it.unit) && !units.contains(&it.unit));
    let mut left: Vec<Step> = theirs.chain(own).cloned().collect();
    let names: BTreeSet<String> = left.iter().map(|it| it.unit.clone()).collect();
    left.iter_mut().for_each(|step| step.after.retain(|it| names.contains(it)));
    let (mut order, mut over) = (Vec::new(), BTreeSet::new());
    while !left.is_empty() {
        let next = left.iter().position(|step| step.after.iter().all(|it| over.contains(it)));
        // Each order has no cycle by itself. Where both together have one, what stands first begins.
        let mut step = left.remove(next.unwrap_or(0));
        step.after.retain(|it| over.contains(it));
        over.insert(step.unit.clone());
        order.push(step);
    }
    order
}
