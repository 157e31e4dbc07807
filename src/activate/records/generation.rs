//! Generations on a host's disk: complete, immutable, synced; and the links that choose one.
//!
//! Touches no unit. What the closure does not say, and this host adds, lies in the generation's folder `host/`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::machine::layout::Layout;
use secrets::deliver::give_to;
use store::files::{self, FileError, failed};
use store::manifest::{self, Unit, UnitKind};
use store::tree::{self, Listing};
use store::version::Version;
use store::{Closure, Digest, Manifest, StoreError, versioned};

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
    /// Where a way back made it: what it holds forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
}

/// Says of a generation that a way back made how it differs from the one that the host was to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// Names the closure that the host was to go back to.
    pub base: Digest,
    /// What has a later format than that closure reads.
    pub volumes: Vec<LaterVolume>,
}

/// A volume whose data have a later format than a generation reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaterVolume {
    /// The volume.
    pub volume: String,
    /// The format that its data have.
    pub has: Version,
    /// The format that the generation reads.
    pub reads: Version,
    /// Units that write it, sorted.
    pub units: Vec<String>,
}

impl fmt::Display for LaterVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { volume, has, reads, units } = self;
        let units = units.join(", ");
        write!(f, "the volume {volume} has data of format {has}, which {units} of format {reads} cannot read")
    }
}

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
pub(crate) const GENERATOR: &str = r#"#!/bin/sh
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
for guard in "$gen"/host/guards/*; do
    [ -f "$guard" ] && mkdir -p "$1/${guard##*/}.d" &&
        printf '[Service]\nExecCondition=%s/host/engine may-start --generation %s %%n\n' "$gen" "${gen##*/}" >"$1/${guard##*/}.d/kolla-lang-formats.conf"
done
exit 0
"#;

/// The name of the drop-in that the generator makes, by which systemd asks whether a unit may start; beside the unit itself.
pub const GUARD: &str = "kolla-lang-formats.conf";

/// The folder in `host/` of empty files that name the units before whose start systemd asks. A generation from before has none.
pub(crate) const GUARDS: &str = "guards";

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

/// Reads a generation's manifest alone.
pub fn load_manifest(layout: &Layout, number: u64) -> Result<Manifest, StoreError> {
    let path = layout.generation(number).join(manifest::FILE_NAME);
    let text = files::read_text(&path)?;
    manifest::parse_manifest(&text).map_err(|source| StoreError::ReadManifest { path, source })
}

/// Reads a generation's closure.
pub fn load_closure(layout: &Layout, number: u64) -> Result<Closure, StoreError> {
    tree::load_tree(&layout.generation(number))
}

/// A generation with its closure.
#[derive(Debug)]
pub struct CurrentGeneration {
    /// Its number.
    pub number: u64,
    /// Its closure.
    pub closure: Closure,
}

/// Returns the committed generation.
pub fn current_generation(layout: &Layout) -> Result<Option<CurrentGeneration>, StoreError> {
    let Some(number) = booted(layout)? else { return Ok(None) };
    Ok(Some(CurrentGeneration { number, closure: load_closure(layout, number)? }))
}

/// Returns what names the closure of a generation.
pub fn committed_closure(layout: &Layout, number: u64) -> Result<Digest, StoreError> {
    Ok(load_record(layout, number)?.closure)
}

/// Returns the numbers of all generations, in no order.
pub fn numbers(layout: &Layout) -> Result<Vec<u64>, FileError> {
    Ok(files::names(&layout.generations())?.iter().filter_map(|name| name.parse().ok()).collect())
}

/// A file that a host adds to a generation.
pub(crate) struct HostText<'a> {
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
pub(crate) fn host_texts(closure: &Closure) -> Vec<HostText<'_>> {
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
    // That there is a file says it all.
    let guarded: BTreeSet<&String> = manifest.formats.values().flat_map(|it| &it.units).collect();
    texts.extend(guarded.into_iter().map(|unit| plain(format!("{GUARDS}/{unit}"), String::new())));
    for (path, file) in &manifest.files {
        let bytes = closure.files.get(&file.path).map(|it| it.bytes.as_slice()).unwrap_or_default();
        let path = format!("files/{}", path.trim_start_matches('/'));
        let owner = Some((file.owner.as_str(), file.group.as_str()));
        texts.push(HostText { path, bytes: Cow::Borrowed(bytes), owner, mode: file.mode });
    }
    texts
}

/// Returns the links that start a generation's plain units at boot, with their targets.
pub(crate) fn host_wants(manifest: &Manifest) -> Vec<(String, PathBuf)> {
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
pub(crate) const LISTING: &str = "listing.json";

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
        for folder in ["units", "wants", "files", GUARDS] {
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
        forward: Option<Forward>,
    ) -> Result<u64, StoreError> {
        let number = numbers(layout)?.into_iter().max().unwrap_or(0).max(used) + 1;
        let host = self.tree().join("host");
        files::link_atomic(&host.join("engine"), Path::new(&format!("../../../engine/{engine}")))?;
        let made = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let record = Record { version: 1, number, closure, cloud, engine, made, forward };
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
