//! Generations on a host's disk: complete, immutable, synced; and the links that choose one.
//!
//! Touches no unit. What the closure does not say, and this host adds, lies in the generation's folder `host/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::history::{self, End};
use super::layout::Layout;
use crate::secrets::deliver::give_to;
use crate::store::files::{self, FileError, failed};
use crate::store::manifest::UnitKind;
use crate::store::{Closure, Digest, StoreError, tree};

/// What a host notes of a generation when it writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The version of this form, 1.
    pub version: u32,
    /// The generation's number on this host.
    pub number: u64,
    /// Names the closure.
    pub closure: Digest,
    /// Names the whole cloud of the same build, where that is known.
    pub cloud: Option<Digest>,
    /// Names the program that made it.
    pub engine: Digest,
    /// Seconds since 1970.
    pub made: u64,
}

/// A generation as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What the host noted.
    #[serde(flatten)]
    pub record: Record,
    /// Whether it is the committed one, which the host boots.
    pub booted: bool,
    /// Whether it ever was; a switch that was cut off leaves one that was not.
    pub committed: bool,
}

/// The link in `/etc/sysctl.d` that sets a generation's kernel settings at boot.
const SYSCTL_LINK: &str = "/etc/sysctl.d/90-kolla-lang.conf";
/// The link in `/etc/modules-load.d` that loads a generation's modules at boot.
const MODULES_LINK: &str = "/etc/modules-load.d/kolla-lang.conf";

/// Renders what containers read, once after each boot, by the program that made the generation.
const FILES_SERVICE: &str = "\
[Unit]
Description=Render the files of containers for kolla-lang
ConditionPathExists=/etc/kolla-lang/boot
DefaultDependencies=no
After=local-fs.target systemd-tmpfiles-setup.service
RequiresMountsFor=/var/lib/kolla-lang /run/kolla-lang
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/etc/kolla-lang/boot/host/engine boot-files
";

/// The name of that service; containers have `Wants=` and `After=` on it.
pub const FILES_SERVICE_NAME: &str = "kolla-lang-files.service";

/// Makes units of one generation and of no other.
const GENERATOR: &str = r#"#!/bin/sh
# Written by kolla-lang. Makes the units of one generation: of the one on trial, else of the committed one.
gen=$(readlink -f /run/kolla-lang/trial)
[ -f "$gen/manifest.json" ] || gen=$(readlink -f /etc/kolla-lang/boot)
[ -f "$gen/manifest.json" ] || exit 0
for quadlet in /usr/libexec/podman/quadlet /usr/lib/podman/quadlet; do
    [ -x "$quadlet" ] && [ -d "$gen/quadlet" ] && QUADLET_UNIT_DIRS="$gen/quadlet" "$quadlet" "$1" && break
done
for unit in "$gen"/units/* "$gen"/host/units/*; do
    [ -f "$unit" ] && ln -sf "$unit" "$1/"
done
for unit in "$gen"/host/wants/*; do
    [ -L "$unit" ] && mkdir -p "$1/multi-user.target.wants" && ln -sf "../${unit##*/}" "$1/multi-user.target.wants/"
done
exit 0
"#;

/// Returns the number of the committed generation.
pub fn booted(layout: &Layout) -> Result<Option<u64>, FileError> {
    number_behind(&layout.boot())
}

/// Returns the number of the generation on trial, which only a switch that was cut off leaves behind.
pub fn on_trial(layout: &Layout) -> Result<Option<u64>, FileError> {
    number_behind(&layout.trial())
}

fn number_behind(link: &Path) -> Result<Option<u64>, FileError> {
    let target = files::read_link(link)?;
    Ok(target.and_then(|it| it.file_name()?.to_str()?.parse().ok()))
}

/// Reads what the host noted of a generation.
pub fn load_record(layout: &Layout, number: u64) -> Result<Record, StoreError> {
    let path = layout.generation(number).join("host/generation.json");
    let bytes = files::read(&path)?;
    serde_json::from_slice(&bytes).map_err(|source| StoreError::ReadRecord { path, source })
}

/// Reads a generation's closure.
pub fn load_closure(layout: &Layout, number: u64) -> Result<Closure, StoreError> {
    tree::load_tree(&layout.generation(number))
}

/// Lists all generations, oldest first.
pub fn list(layout: &Layout) -> Result<Vec<Listed>, StoreError> {
    let (booted, events) = (booted(layout)?, history::load(layout)?);
    let mut numbers = numbers(layout)?;
    numbers.sort_unstable();
    let listed = |number| {
        let record = load_record(layout, number)?;
        let booted = booted == Some(number);
        let committed = booted || events.iter().any(|it| it.to == number && it.end == End::Committed);
        Ok(Listed { record, booted, committed })
    };
    numbers.into_iter().map(listed).collect()
}

fn numbers(layout: &Layout) -> Result<Vec<u64>, FileError> {
    Ok(files::names(&layout.generations())?.iter().filter_map(|name| name.parse().ok()).collect())
}

/// A generation that is written and has no number yet; dropped, it is gone.
pub struct Draft {
    folder: tempfile::TempDir,
}

impl Draft {
    /// Writes a closure beside the generations.
    pub fn write(layout: &Layout, closure: &Closure) -> Result<Self, StoreError> {
        let generations = layout.generations();
        files::make_folder(&generations)?;
        let temp = tempfile::Builder::new().prefix(".tmp-").tempdir_in(&generations);
        let draft = Self { folder: temp.map_err(failed!(MakeFolder, generations))? };
        files::set_mode(draft.folder.path(), 0o755)?;
        tree::write_tree(&draft.tree(), closure)?;
        draft.add_host_part(closure)?;
        Ok(draft)
    }

    /// Returns the folder that becomes the generation.
    pub fn tree(&self) -> PathBuf {
        self.folder.path().join("new")
    }

    /// Adds what this host needs and the closure does not hold: files with owners, links that start units, boot settings.
    fn add_host_part(&self, closure: &Closure) -> Result<(), StoreError> {
        let host = self.tree().join("host");
        for folder in ["units", "wants", "files"] {
            files::make_folder(&host.join(folder))?;
        }
        let manifest = &closure.manifest;
        files::write_atomic(&host.join("units").join(FILES_SERVICE_NAME), FILES_SERVICE.as_bytes(), 0o644)?;
        let start =
            |name: &str, target: &str| files::link_atomic(&host.join("wants").join(name), Path::new(target));
        // Also where no container waits for it: it ends a switch that a power cut ended.
        start(FILES_SERVICE_NAME, FILES_SERVICE_NAME)?;
        for (name, unit) in &manifest.units {
            // Quadlet's own files ask for their start themselves.
            let is_plain = unit.files.iter().any(|path| path.starts_with("units/"));
            if unit.boot && is_plain && unit.kind != UnitKind::Task {
                start(name, &format!("../../units/{name}"))?;
            }
        }
        for (path, file) in &manifest.files {
            let at = host.join("files").join(path.trim_start_matches('/'));
            files::make_folder(at.parent().unwrap_or(&host))?;
            let bytes = closure.files.get(&file.path).map(|it| it.bytes.as_slice()).unwrap_or_default();
            files::write_atomic(&at, bytes, file.mode)?;
            give_to(&at, &file.owner, &file.group)?;
            files::set_mode(&at, file.mode)?;
        }
        let sysctls: String =
            manifest.sysctls.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        files::write_atomic(&host.join("sysctl.conf"), sysctls.as_bytes(), 0o644)?;
        let modules: String = manifest.modules.iter().map(|name| format!("{name}\n")).collect();
        files::write_atomic(&host.join("modules.conf"), modules.as_bytes(), 0o644)?;
        Ok(())
    }

    /// Gives the draft the next number, and brings it to disk.
    ///
    /// `used` is the highest number that history tells of: no number is given twice.
    pub fn keep(
        self,
        layout: &Layout,
        used: u64,
        cloud: Option<Digest>,
        closure: Digest,
        engine: Digest,
    ) -> Result<u64, StoreError> {
        let number = numbers(layout)?.into_iter().max().unwrap_or(0).max(used) + 1;
        let host = self.tree().join("host");
        files::link_atomic(&host.join("engine"), Path::new(&format!("../../../engine/{engine}")))?;
        let made = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let record = Record { version: 1, number, closure, cloud, engine, made };
        // Writing plain structs into memory cannot fail.
        let text = serde_json::to_vec_pretty(&record).unwrap_or_default();
        files::write_atomic(&host.join("generation.json"), &text, 0o644)?;
        files::sync_file_system(&layout.generations())?;
        files::rename(&self.tree(), &layout.generation(number))?;
        files::sync_folder(&layout.generations())?;
        Ok(number)
    }
}

/// Removes a generation that was never committed.
pub fn remove(layout: &Layout, number: u64) -> Result<(), FileError> {
    files::remove_folder(&layout.generation(number))
}

/// Puts a generation on trial: the generator reads it from now on.
pub fn open_trial(layout: &Layout, number: u64) -> Result<(), FileError> {
    files::link_atomic(&layout.trial(), &layout.generation(number))
}

/// Ends the trial: the generator reads the committed generation again.
pub fn drop_trial(layout: &Layout) -> Result<(), FileError> {
    files::remove_file(&layout.trial())
}

/// Commits a generation: one rename. It holds even if the sync after it fails.
pub fn commit(layout: &Layout, number: u64) -> Result<Committed, FileError> {
    files::link_atomic(&layout.boot(), Path::new(&format!("generations/{number}")))?;
    // Twice, as the first failure of a sync is told once and the second one says what is on disk now.
    match files::sync_folder(&layout.etc()).or_else(|_| files::sync_folder(&layout.etc())) {
        Ok(()) => Ok(Committed::Synced),
        Err(error) => Ok(Committed::Unknown(error)),
    }
}

/// Says how sure a commit is.
#[derive(Debug)]
pub enum Committed {
    /// It is on disk.
    Synced,
    /// It holds now, and nobody knows what a power cut would leave.
    Unknown(FileError),
}

/// Makes the host's fixed parts: folders, the generator, the program itself as the engine of its generations.
pub fn install(layout: &Layout, program: &Path) -> Result<Digest, FileError> {
    for path in
        [layout.run(), layout.run().join("etc"), layout.generations(), layout.at("/etc/kolla-lang/engine")]
    {
        files::make_folder(&path)?;
    }
    let bytes = files::read(program)?;
    let digest = Digest::of(&bytes);
    let engine = layout.engine(&digest);
    if !engine.exists() {
        files::write_synced(&engine, &bytes, 0o755)?;
    }
    let generator = layout.generator();
    if files::read_if_there(&generator)?.is_none_or(|text| text != GENERATOR.as_bytes()) {
        files::make_folder(generator.parent().unwrap_or(Path::new("/")))?;
        files::write_synced(&generator, GENERATOR.as_bytes(), 0o755)?;
    }
    Ok(digest)
}

/// Returns the links that the host's own folders must hold for a closure, with their targets, through `boot`.
fn wanted_links(layout: &Layout, closure: &Closure) -> Vec<(PathBuf, PathBuf)> {
    let manifest = &closure.manifest;
    let host = layout.boot().join("host");
    let of_file = |path: &String| (layout.at(path), host.join("files").join(path.trim_start_matches('/')));
    let mut links: Vec<_> = manifest.files.keys().map(of_file).collect();
    if !manifest.sysctls.is_empty() {
        links.push((layout.at(SYSCTL_LINK), host.join("sysctl.conf")));
    }
    if !manifest.modules.is_empty() {
        links.push((layout.at(MODULES_LINK), host.join("modules.conf")));
    }
    for folder in &manifest.folders {
        // A task leaves no container behind whose scripts could look there.
        let unit = manifest.units.get(&folder.owner).filter(|unit| unit.kind == UnitKind::Container);
        let container = unit.and_then(|unit| unit.container.as_ref());
        if let Some(name) = container {
            links.push((layout.kolla_config(name), layout.last_started(name)));
        }
    }
    links.sort();
    links.dedup();
    links
}

/// Makes the host's links be what the new closure wants, and returns what could not be done.
///
/// Idempotent, so that whatever was cut off is finished by the next call. Only links of ours are replaced or removed.
pub fn set_links(layout: &Layout, old: Option<&Closure>, new: &Closure) -> Vec<FileError> {
    let wanted = wanted_links(layout, new);
    let mut problems = Vec::new();
    for (path, target) in &wanted {
        match files::read_link(path) {
            Ok(Some(is)) if is == *target => {}
            Ok(_) => {
                let made = files::make_folder(path.parent().unwrap_or(layout.root()));
                problems.extend(made.and_then(|()| files::link_atomic(path, target)).err());
            }
            Err(error) => problems.push(error),
        }
    }
    for (path, target) in old.map(|old| wanted_links(layout, old)).unwrap_or_default() {
        let is_ours = fs::read_link(&path).is_ok_and(|is| is == target);
        if is_ours && !wanted.iter().any(|(other, _)| *other == path) {
            problems.extend(files::remove_file(&path).err());
        }
    }
    problems
}

/// Says whether the host's links are what the closure wants.
pub fn are_links_set(layout: &Layout, closure: &Closure) -> bool {
    wanted_links(layout, closure)
        .iter()
        .all(|(path, target)| fs::read_link(path).is_ok_and(|is| is == *target))
}

/// Returns paths where the closure wants a link and something else lies that is not ours to replace.
pub fn foreign_files(layout: &Layout, closure: &Closure) -> Vec<PathBuf> {
    let is_foreign = |path: &PathBuf, target: &PathBuf| match fs::symlink_metadata(path) {
        Ok(metadata) => !metadata.is_symlink() || fs::read_link(path).is_ok_and(|is| is != *target),
        Err(_) => false,
    };
    wanted_links(layout, closure)
        .into_iter()
        .filter(|(path, target)| is_foreign(path, target))
        .map(|it| it.0)
        .collect()
}
