//! Everything that could be wrong before anything is touched, found at once.
//!
//! Changes nothing.

use std::path::Path;
use std::time::SystemTime;

use super::modes::open_to_others;
use super::{images, names};
use crate::adopt::links::foreign_files;
use crate::drift::report;
use crate::drift::units::states;
use crate::failure::Refusal;
use crate::machine::kernel;
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::machine::systemd::Systemd;
use crate::records::generation::current_generation;
use secrets::Vault;
use secrets::vault::check_expiry;
use store::manifest::{Backend, UnitKind};
use store::{Closure, Manifest};

/// What was found on a host.
#[derive(Debug, Default)]
pub struct Checked {
    /// Images that must be got.
    pub missing: Vec<String>,
    /// Reasons not to begin.
    pub refusals: Vec<Refusal>,
}

/// Checks a host for a closure that was written to `tree`, and changes nothing.
pub fn check(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    tools: &mut dyn Tools,
    vault: &Vault,
    closure: &Closure,
    tree: &Path,
) -> Checked {
    let manifest = &closure.manifest;
    if let Err(refusal) = check_podman(manifest, tools) {
        // Without podman nothing else can be asked, and each question would fail the same way.
        return Checked { missing: Vec::new(), refusals: vec![refusal] };
    }
    let (missing, mut refusals) = images::missing(tools, manifest);
    refusals.extend(check_quadlet(manifest, tools, &tree.join("quadlet")));
    refusals.extend(check_plain(manifest, tools, tree));
    refusals.extend(check_drift(layout, systemd, tools, closure).unwrap_or_else(|refusal| vec![refusal]));
    refusals.extend(open_to_others(layout).iter().map(|it| Refusal::OpenToOthers { path: layout.name(it) }));
    refusals.extend(foreign_files(layout, closure).into_iter().map(|path| Refusal::Foreign { path }));
    let expired = check_expiry(manifest, SystemTime::now());
    refusals.extend(vault.check(closure).into_iter().chain(expired).map(Refusal::from));
    if manifest.modules.is_empty() {
        let unknown = manifest.sysctls.keys().filter(|key| !kernel::is_known(layout, key));
        refusals.extend(unknown.map(|key| Refusal::NoSysctl { key: key.clone() }));
    }
    Checked { missing, refusals }
}

/// Looks for what a switch would overwrite or be wrong about, unless somebody accepted it by name, and for names that are the host's.
fn check_drift(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    tools: &mut dyn Tools,
    to: &Closure,
) -> Result<Vec<Refusal>, Refusal> {
    let from = current_generation(layout)?;
    let old = from.as_ref().map(|it| &it.closure.manifest);
    let units = old.into_iter().chain([&to.manifest]).flat_map(|it| it.units.keys());
    let states = states(systemd, units)?;
    let findings = report::forbids(layout, &states, tools, from.as_ref(), to)?;
    let taken = names::taken(layout, &to.manifest, &states);
    Ok(findings.into_iter().map(Refusal::from).chain(taken).collect())
}

fn check_podman(manifest: &Manifest, tools: &mut dyn Tools) -> Result<(), Refusal> {
    let Some(needed) = &manifest.podman else { return Ok(()) };
    let found = tools.podman_version()?;
    if numbers(&found) < numbers(needed) {
        return Err(Refusal::OldPodman { found, needed: needed.clone() });
    }
    Ok(())
}

/// Reads the numbers of a version; what follows them, like `-dev`, counts nothing.
pub(super) fn numbers(version: &str) -> Vec<u32> {
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>();
    version.split('.').map_while(|part| digits(part).parse().ok()).collect()
}

/// Has the host's own Quadlet read all files: what it would not make a unit of must not go live.
fn check_quadlet(manifest: &Manifest, tools: &mut dyn Tools, folder: &Path) -> Vec<Refusal> {
    let of_quadlet = |(name, unit): (&String, &store::manifest::Unit)| {
        let file = unit.files.iter().find(|path| path.starts_with("quadlet/"))?;
        // A target or a slice beside Quadlet's files is none of its own.
        (!matches!(unit.kind, UnitKind::Raw | UnitKind::Timer)).then(|| (name.clone(), file.clone()))
    };
    let wanted: Vec<(String, String)> = manifest.units.iter().filter_map(of_quadlet).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let made = match tools.dry_run(folder) {
        Ok(made) => made,
        Err(error) => return vec![error.into()],
    };
    let complaints: Vec<String> = made.complaints.iter().map(|line| plain_complaint(line, folder)).collect();
    let missing = wanted.into_iter().filter(|(unit, _)| !made.units.contains(unit));
    let refusal = |(unit, file): (String, String)| {
        let name = Path::new(&file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let about: Vec<String> = complaints.iter().filter(|it| it.contains(&name)).cloned().collect();
        // A complaint that names no file may be about this one.
        Refusal::NoUnit { unit, file, complaints: if about.is_empty() { complaints.clone() } else { about } }
    };
    missing.map(refusal).collect()
}

/// Without Quadlet all units are plain, and systemd itself would read what it does not understand as if it were not there.
fn check_plain(manifest: &Manifest, tools: &mut dyn Tools, tree: &Path) -> Option<Refusal> {
    if manifest.backend != Backend::Systemd || manifest.units.is_empty() {
        return None;
    }
    let folder = tree.join("units");
    let units: Vec<_> = manifest.units.keys().map(|name| folder.join(name)).collect();
    let complaints = match tools.verify(&units, &tree.join("host/units")) {
        Ok(complaints) => complaints,
        Err(error) => return Some(error.into()),
    };
    let complaints: Vec<String> = complaints.iter().map(|line| plain_complaint(line, &folder)).collect();
    (!complaints.is_empty()).then_some(Refusal::BadUnits { complaints })
}

/// Takes what is of no use to a reader out of a complaint: Quadlet's process, and the folder it was tried in.
fn plain_complaint(line: &str, folder: &Path) -> String {
    let line = line.split_once("]: ").map_or(line, |(_, rest)| rest);
    let above = folder.parent().unwrap_or(folder);
    line.replace(&format!("{}/", above.display()), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_names_the_file_and_not_where_it_was_tried() {
        let line =
            r#"quadlet-generator[43]: error loading "/e/.tmp-x/new/quadlet/web/web.container", no group"#;
        let plain = plain_complaint(line, Path::new("/e/.tmp-x/new/quadlet"));
        assert_eq!(plain, r#"error loading "quadlet/web/web.container", no group"#);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("5.10.1") > numbers("5.4"));
        assert!(numbers("5.4.2-dev") >= numbers("5.4"));
        assert!(numbers("4.9.3") < numbers("5"));
    }
}
