//! Generations on a host's disk: complete, immutable, synced; and the links that choose one.
//!
//! Touches no unit. What the closure does not say, and this host adds, lies in the generation's folder `host/`.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::adopt::{AdoptError, Book, places};
use super::layout::Layout;
use crate::secrets::deliver::give_to;
use crate::store::files::{self, FileError, failed};
use crate::store::manifest::{Unit, UnitKind};
use crate::store::tree::{self, Listing};
use crate::store::{Closure, Digest, Manifest, StoreError, versioned};

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

/// The link in `/etc/sysctl.d` that sets a generation's kernel settings at boot.
const SYSCTL_LINK: &str = "/etc/sysctl.d/90-kolla-lang.conf";
/// The link in `/etc/modules-load.d` that loads a generation's modules at boot.
const MODULES_LINK: &str = "/etc/modules-load.d/kolla-lang.conf";

/// Renders what containers read, once after each boot, by the program that made the generation.
///
/// Where that fails, as over a key whose mount is late, it is tried again without end. Each failure ends the unit's job, so what
/// comes `After=` it waits for one try and not for the key. What no later try mends ends with 4, and is not tried again.
const FILES_SERVICE: &str = "\
[Unit]
Description=Render the files of containers for kolla-lang
ConditionPathExists=/etc/kolla-lang/boot
DefaultDependencies=no
After=local-fs.target systemd-tmpfiles-setup.service
RequiresMountsFor=/etc/ssh /var/lib/kolla-lang /run/kolla-lang
StartLimitIntervalSec=0
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=4
LimitCORE=0
MemorySwapMax=0
ExecStart=/etc/kolla-lang/boot/host/engine boot-files
";

/// The name of that service; containers have `Wants=` and `After=` on it.
pub const FILES_SERVICE_NAME: &str = "kolla-lang-files.service";

/// Makes units of one generation and of no other.
pub(super) const GENERATOR: &str = r#"#!/bin/sh
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
    match versioned::parse::<Record>(&bytes, 1) {
        Ok(record) if record.number == number => Ok(record),
        Ok(record) => {
            Err(StoreError::Record { path, why: format!("it is that of generation {}", record.number) })
        }
        Err(why) => Err(StoreError::Record { path, why }),
    }
}

/// Reads a generation's closure.
pub fn load_closure(layout: &Layout, number: u64) -> Result<Closure, StoreError> {
    tree::load_tree(&layout.generation(number))
}

/// Returns the numbers of all generations, in no order.
pub fn numbers(layout: &Layout) -> Result<Vec<u64>, FileError> {
    Ok(files::names(&layout.generations())?.iter().filter_map(|name| name.parse().ok()).collect())
}

/// A file that a host adds to a generation.
pub(super) struct HostText<'a> {
    /// Where it lies, within `host/`.
    pub path: String,
    /// Its text.
    pub bytes: Cow<'a, [u8]>,
    /// The owning user and group, where the description says who that is.
    pub owner: Option<(&'a str, &'a str)>,
    /// Permission bits.
    pub mode: u32,
}

/// Returns the files that a host adds to a closure's own: its files with their owners, boot settings, a service.
pub(super) fn host_texts(closure: &Closure) -> Vec<HostText<'_>> {
    let manifest = &closure.manifest;
    let plain = |path: String, text: String| {
        let bytes = Cow::Owned(text.into_bytes());
        HostText { path, bytes, owner: None, mode: 0o644 }
    };
    let sysctls = manifest.sysctls.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    let modules = manifest.modules.iter().map(|name| format!("{name}\n")).collect();
    let mut texts = vec![
        plain(format!("units/{FILES_SERVICE_NAME}"), FILES_SERVICE.to_owned()),
        plain("sysctl.conf".to_owned(), sysctls),
        plain("modules.conf".to_owned(), modules),
    ];
    for (path, file) in &manifest.files {
        let bytes = closure.files.get(&file.path).map(|it| it.bytes.as_slice()).unwrap_or_default();
        let path = format!("files/{}", path.trim_start_matches('/'));
        let owner = Some((file.owner.as_str(), file.group.as_str()));
        texts.push(HostText { path, bytes: Cow::Borrowed(bytes), owner, mode: file.mode });
    }
    texts
}

/// Returns the links that start a generation's plain units at boot, with their targets.
pub(super) fn host_wants(manifest: &Manifest) -> Vec<(String, PathBuf)> {
    // Quadlet's own files ask for their start themselves.
    let is_plain = |unit: &Unit| unit.files.iter().any(|path| path.starts_with("units/"));
    let wanted = manifest.units.iter().filter(|(_, it)| it.boot && is_plain(it) && it.kind != UnitKind::Task);
    let links = wanted.map(|(name, _)| (name.clone(), PathBuf::from(format!("../../units/{name}"))));
    // Also where no container waits for it: it ends a switch that a power cut ended.
    links.chain([(FILES_SERVICE_NAME.to_owned(), PathBuf::from(FILES_SERVICE_NAME))]).collect()
}

/// A generation that is written and has no number yet; dropped, it is gone.
pub struct Draft {
    folder: tempfile::TempDir,
    /// Its text names the closure, and tells later which file was edited.
    listing: String,
}

/// The file of a generation that lists the closure's files with their digests, in `host/`.
pub(super) const LISTING: &str = "listing.json";

impl Draft {
    /// Writes a closure beside the generations.
    pub fn write(layout: &Layout, closure: &Closure) -> Result<Self, StoreError> {
        let generations = layout.generations();
        files::make_folder(&generations)?;
        let temp = tempfile::Builder::new().prefix(".tmp-").tempdir_in(&generations);
        let listing = Listing::of(closure, &closure.manifest.to_text()).to_text();
        let draft = Self { folder: temp.map_err(failed!(MakeFolder, generations))?, listing };
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
        for (name, target) in host_wants(&closure.manifest) {
            files::link_atomic(&host.join("wants").join(name), &target)?;
        }
        for HostText { path, bytes, owner, mode } in host_texts(closure) {
            let at = host.join(path);
            files::make_folder(at.parent().unwrap_or(&host))?;
            files::write_atomic(&at, &bytes, mode)?;
            if let Some((owner, group)) = owner {
                give_to(&at, owner, group)?;
                files::set_mode(&at, mode)?;
            }
        }
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
        files::write_atomic(&host.join(LISTING), self.listing.as_bytes(), 0o644)?;
        files::sync_file_system(&layout.generations())?;
        files::rename(&self.tree(), &layout.generation(number))?;
        files::sync_folder(&layout.generations())?;
        Ok(number)
    }
}

/// Removes a generation. It is out of sight at once: nobody who comes after a crash meets half of one.
pub fn remove(layout: &Layout, number: u64) -> Result<(), FileError> {
    let path = layout.generation(number);
    if !files::exists(&path) {
        return Ok(());
    }
    let hidden = layout.generations().join(format!(".tmp-gone-{number}"));
    files::remove_folder(&hidden)?;
    files::rename(&path, &hidden)?;
    files::sync_folder(&layout.generations())?;
    files::remove_folder(&hidden)
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
pub(super) fn wanted_links(layout: &Layout, closure: &Closure) -> Vec<(PathBuf, PathBuf)> {
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
/// Idempotent, so that whatever was cut off is finished by the next call. Only links of ours and what was adopted is replaced,
/// and where a link of ours goes, what was adopted comes back.
pub fn set_links(layout: &Layout, old: Option<&Closure>, new: &Closure) -> Vec<AdoptError> {
    let book = match Book::load(layout) {
        Ok(book) => book,
        Err(error) => return vec![error.into()],
    };
    let wanted = wanted_links(layout, new);
    let mut problems: Vec<AdoptError> =
        wanted.iter().filter_map(|(path, target)| set_link(layout, &book, path, target).err()).collect();
    let mut gone = old.map(|old| wanted_links(layout, old)).unwrap_or_default();
    gone.extend(book.all().filter_map(|it| Some((layout.at(&it.name), our_link(layout, &it.name)?))));
    for (path, target) in gone {
        let is_ours = fs::read_link(&path).is_ok_and(|is| is == target);
        if is_ours && !wanted.iter().any(|(other, _)| *other == path) {
            match places::put_back(layout, &book, &path) {
                Ok(true) => {}
                Ok(false) => problems.extend(files::remove_file(&path).err().map(AdoptError::from)),
                Err(error) => problems.push(error),
            }
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

fn set_link(layout: &Layout, book: &Book, path: &Path, target: &Path) -> Result<(), AdoptError> {
    if fs::read_link(path).is_ok_and(|is| is == *target) || places::take(layout, book, path, target)? {
        return Ok(());
    }
    // A file that nobody adopted is an error here, and stays.
    if files::read_link(path)?.is_none() {
        files::make_folder(path.parent().unwrap_or(layout.root()))?;
        return Ok(files::link_new(path, target)?);
    }
    let is_ours = |it: &Path| fs::read_link(it).is_ok_and(|is| is_our_target(layout, &is));
    if files::link_over(path, target, is_ours)? {
        return Ok(());
    }
    Err(AdoptError::Changed { path: path.to_owned() })
}

/// Returns the link that we would have put at a path, whichever generation wanted it.
pub(super) fn our_link(layout: &Layout, path: &str) -> Option<PathBuf> {
    fs::read_link(layout.at(path)).ok().filter(|target| is_our_target(layout, target))
}

/// Says whether a link of ours leads there, of whichever generation.
pub(super) fn is_our_target(layout: &Layout, target: &Path) -> bool {
    target.starts_with(layout.boot()) || target.starts_with(layout.run())
}

/// Returns paths where the closure wants a link and something else lies that is not ours to replace.
pub fn foreign_files(layout: &Layout, closure: &Closure) -> Vec<PathBuf> {
    let is_foreign = |path: &PathBuf, target: &PathBuf| match fs::symlink_metadata(path) {
        Ok(metadata) => !metadata.is_symlink() || fs::read_link(path).is_ok_and(|is| is != *target),
        Err(_) => false,
    };
    // What cannot be read is reported by whoever reads it for itself; here nothing counts as adopted then.
    let book = Book::load(layout).unwrap_or_default();
    wanted_links(layout, closure)
        .into_iter()
        .filter(|(path, target)| is_foreign(path, target) && !places::may_take(layout, &book, path))
        .map(|it| it.0)
        .collect()
}
