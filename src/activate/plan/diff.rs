//! Compares two closures of a host: which units must act and why, which files and which keys in them changed.
//!
//! Pure: reads no host. Whether a unit runs, and whether a task is done already, is the business of `steps` and `run`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::document::{Keys, read_keys};
use super::lines;
use store::closure::folder_path;
use store::manifest::{Change, Delivery, Folder, Format, Hole, Manifest, Unit, UnitKind};
use store::{Closure, shown};

/// All that differs between two closures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Units that differ, by name.
    pub units: BTreeMap<String, UnitChange>,
    /// Files that differ, sorted by what they belong to and by name.
    pub files: Vec<FileChange>,
    /// Kernel settings and modules that differ; a module's value is `loaded`.
    pub kernel: Vec<KeyChange>,
}

/// One unit that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitChange {
    /// What is done.
    pub action: Action,
    /// Why, in a few words.
    pub reason: String,
}

/// What is done with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is new.
    Start,
    /// It does not run, and should, as it did before.
    Resume,
    /// It is gone.
    Stop,
    /// It is restarted under its new definition.
    Restart,
    /// It takes up its new files while it runs.
    Reload,
    /// It is stopped under its old definition and started under the new one.
    StopStart,
    /// It is left running, and changes at its next start.
    Keep,
    /// It is left running, and somebody must restart it by hand.
    Manual,
    /// It is left running, and restarted when a switch is allowed to: guests depend on it.
    Dataplane,
    /// It is a network that is made anew while nobody is in it.
    Recreate,
    /// It runs once, unless it did before.
    Task,
    /// Its text differs in what nobody notices.
    Nothing,
}

impl Action {
    /// Returns the word that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start | Self::Resume => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::StopStart => "stop, start",
            Self::Keep => "keep",
            Self::Manual => "by hand",
            Self::Dataplane => "pending",
            Self::Recreate => "recreate",
            Self::Task => "run",
            Self::Nothing => "nothing",
        }
    }
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// The unit that reads it or is defined by it; absent for a file of the host itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Its name: within its folder, in the closure for unit files, or absolute for a file of the host.
    pub name: String,
    /// Whether it came, went or changed.
    pub how: How,
    /// The keys that differ, where the file has keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyChange>,
    /// Lines added and removed, where a changed file has no keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<(usize, usize)>,
    /// These lines with some around them, as a unified diff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A changed owner or mode, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
}

/// Says how a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum How {
    Added,
    Removed,
    Changed,
}

/// One key with its value before and after; a secret is written as `<secret NAME>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyChange {
    /// The key.
    pub key: String,
    /// Its value before; of a key that stands there several times all of them, in their order.
    pub old: Option<String>,
    /// Its value after.
    pub new: Option<String>,
    /// Of a key that stands there several times which of its values went and came, of a long value of many words which of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub several: Option<Several>,
}

/// Values of one key, or words of one value, that only one side has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Several {
    pub gone: Vec<String>,
    pub come: Vec<String>,
}

impl Difference {
    /// Says whether nothing differs that anybody could notice.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty() && self.files.is_empty() && self.kernel.is_empty()
    }
}

/// Compares two closures; from nothing, everything is new.
pub fn diff(from: Option<&Closure>, to: &Closure) -> Difference {
    let nothing = Closure::new(to.manifest.emptied());
    let from = from.unwrap_or(&nothing);
    let sides = Sides { old: Texts::of(from), new: Texts::of(to) };
    let files = sides.changes();
    let mut units = BTreeMap::new();
    for name in keys_of(&from.manifest.units, &to.manifest.units) {
        let (old, new) = (from.manifest.units.get(&name), to.manifest.units.get(&name));
        if let Some(change) = compare_units(old, new, || reason(&name, old, new, &files)) {
            units.insert(name, change);
        }
    }
    add_users(&mut units, &from.manifest, &to.manifest);
    add_sockets(&mut units, &from.manifest, &to.manifest);
    let kernel = compare_keys(&kernel(&from.manifest), &kernel(&to.manifest));
    Difference { units, files, kernel }
}

/// Kernel settings, and modules with the value `loaded`.
fn kernel(manifest: &Manifest) -> Keys {
    let settings = manifest.sysctls.iter().map(|(key, value)| (key.clone(), vec![value.clone()]));
    let modules = manifest.modules.iter().map(|name| (format!("module {name}"), vec!["loaded".to_owned()]));
    settings.chain(modules).collect()
}

/// Decides what a unit must do by its digests and its policy.
fn compare_units(old: Option<&Unit>, new: Option<&Unit>, reason: impl Fn() -> String) -> Option<UnitChange> {
    let (action, reason) = match (old, new) {
        (None, None) => return None,
        (Some(_), None) => (Action::Stop, "no longer described".to_owned()),
        (None, Some(new)) if new.kind == UnitKind::Task => (Action::Task, "new".to_owned()),
        (None, Some(_)) => (Action::Start, "new".to_owned()),
        (Some(old), Some(new)) if old.digests == new.digests && old.kind == new.kind => return None,
        (Some(old), Some(new)) => {
            let differs = Differs {
                restart: old.digests.restart != new.digests.restart || old.kind != new.kind,
                reload: old.digests.reload != new.digests.reload,
            };
            (action(new, differs, old.network == new.network), reason())
        }
    };
    Some(UnitChange { action, reason })
}

/// Which of a unit's digests differ; the third one, of its meta data, decides nothing.
#[derive(Debug, Clone, Copy)]
pub struct Differs {
    /// What it takes up by a restart alone.
    pub restart: bool,
    /// What it takes up by a reload.
    pub reload: bool,
}

/// Decides what is done with a unit that runs under another definition than its new one.
pub fn action(new: &Unit, differs: Differs, same_network: bool) -> Action {
    match &new.change {
        _ if !differs.restart && !differs.reload => Action::Nothing,
        _ if new.kind == UnitKind::Task => Action::Task,
        // Podman keeps a network that has the name: what else differs, like a label, is taken up when it is made anew.
        _ if new.kind == UnitKind::Network && same_network => Action::Nothing,
        _ if new.kind == UnitKind::Network => Action::Recreate,
        Change::Keep => Action::Keep,
        Change::Manual => Action::Manual,
        Change::Dataplane => Action::Dataplane,
        // All of a unit written by hand is its text, which systemd has read again by then.
        Change::Reload { .. } if !differs.restart || new.kind == UnitKind::Raw => Action::Reload,
        Change::StopStart => Action::StopStart,
        Change::Restart | Change::Reload { .. } => Action::Restart,
    }
}

/// Adds the users of networks that are made anew or go away: they cannot run meanwhile, whatever their policy is.
pub fn add_users(units: &mut BTreeMap<String, UnitChange>, from: &Manifest, to: &Manifest) {
    let is_going = |name: &String| {
        units.get(name).is_some_and(|change| matches!(change.action, Action::Recreate | Action::Stop))
    };
    let user = |(name, old): (&String, &Unit)| {
        let network = old.uses.iter().find(|network| is_going(network))?;
        Some((name.clone(), network.clone(), to.units.get(name)?))
    };
    let users: Vec<_> = from.units.iter().filter_map(user).collect();
    for (name, network, new) in users {
        let action = match new.change {
            Change::Dataplane => Action::Dataplane,
            Change::Manual => Action::Manual,
            Change::Restart | Change::Reload { .. } | Change::StopStart | Change::Keep => Action::StopStart,
        };
        let word = if to.units.contains_key(&network) { "is made anew" } else { "goes away" };
        let mut reason = format!("its network {} {word}", network.trim_end_matches("-network.service"));
        if let Some(change) = units.get(&name) {
            reason = format!("{}; {reason}", change.reason);
        }
        units.insert(name, UnitChange { action, reason });
    }
}

/// Has sockets that changed stopped before they start: systemd opens none whose service runs, so that stops first, too.
fn add_sockets(units: &mut BTreeMap<String, UnitChange>, from: &Manifest, to: &Manifest) {
    let changed = |(name, change): (&String, &UnitChange)| {
        let is_socket = name.ends_with(".socket") && change.action == Action::Restart;
        is_socket.then(|| name.clone())
    };
    let sockets: Vec<String> = units.iter().filter_map(changed).collect();
    for socket in sockets {
        let service = socket.replace(".socket", ".service");
        if from.units.contains_key(&service) && to.units.contains_key(&service) {
            let reason = format!("its {socket} is opened anew");
            units.insert(service, UnitChange { action: Action::StopStart, reason });
        }
        if let Some(change) = units.get_mut(&socket) {
            change.action = Action::StopStart;
        }
    }
}

/// Says in a few words what changed for a unit.
fn reason(name: &str, old: Option<&Unit>, new: Option<&Unit>, files: &[FileChange]) -> String {
    let mut parts = Vec::new();
    if let (Some(old), Some(new)) = (old, new)
        && old.image != new.image
        && let Some(image) = &new.image
    {
        parts.push(format!("image {image}"));
    }
    for file in files.iter().filter(|file| file.unit.as_deref() == Some(name)) {
        // Of the unit's own file an image is no news a second time.
        if file.name.starts_with("quadlet/") || file.name.starts_with("units/") {
            let keys: BTreeSet<&str> = file.keys.iter().map(|key| key.key.as_str()).collect();
            let known = ["Container.Image", "Unit.Description"];
            let news: Vec<&str> = keys.into_iter().filter(|key| !known.contains(key)).collect();
            if !news.is_empty() {
                parts.push(format!("{} changed", news.join(", ")));
            }
        } else {
            parts.push(format!("{} {}", file.name, file.how.word()));
        }
    }
    if parts.is_empty() { "its definition changed".to_owned() } else { parts.join("; ") }
}

impl How {
    /// Returns the word that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// Names a file on either side: the unit it belongs to, and its name.
type Name = (Option<String>, String);

/// A file as it is compared.
struct Text {
    text: String,
    format: Format,
    access: String,
}

/// All files of a closure that a person would want compared.
struct Texts(BTreeMap<Name, Text>);

impl Texts {
    fn of(closure: &Closure) -> Self {
        let Closure { manifest, files } = closure;
        let bytes = |path: &str| files.get(path).map(|file| file.bytes.as_slice()).unwrap_or_default();
        let mut texts = BTreeMap::new();
        for folder in &manifest.folders {
            for file in &folder.files {
                let text = Text {
                    text: with_holes_named(bytes(&file.path), &file.holes, manifest),
                    format: file.format,
                    access: format!("{}:{} {:04o}", file.owner, file.group, file.mode),
                };
                texts.insert((Some(folder.owner.clone()), file.name.clone()), text);
            }
        }
        for (path, file) in &manifest.files {
            let text = String::from_utf8_lossy(bytes(&file.path)).into_owned();
            let access = format!("{}:{} {:04o}", file.owner, file.group, file.mode);
            texts.insert((None, path.clone()), Text { text, format: file.format, access });
        }
        for (name, unit) in &manifest.units {
            for path in &unit.files {
                let text = without_digests(bytes(path), name, &manifest.folders);
                texts.insert(
                    (Some(name.clone()), path.clone()),
                    Text { text, format: Format::Ini, access: String::new() },
                );
            }
        }
        Self(texts)
    }
}

/// Writes the names of secrets into their holes, with the version of those that were rotated.
fn with_holes_named(bytes: &[u8], holes: &[Hole], manifest: &Manifest) -> String {
    let words = |hole: &Hole| match manifest.secrets.get(&hole.secret) {
        Some(spec) if spec.version > 1 => {
            shown::words(hole).replace('>', &format!(" version {}>", spec.version))
        }
        _ => shown::words(hole),
    };
    String::from_utf8_lossy(&shown::fill(bytes, holes, words)).into_owned()
}

/// What a unit's text says of its own digest: it differs whenever anything does, and tells nothing.
const STAMPS: [&str; 2] = ["X-Kolla-Digest=", "Label=kolla-lang.digest="];

/// Takes the digests of a unit and of its own folders out of its text: that they differ is told file by file.
fn without_digests(bytes: &[u8], unit: &str, folders: &[Folder]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let is_stamp = |line: &&str| STAMPS.iter().any(|stamp| line.starts_with(stamp));
    let mut text: String = text.split_inclusive('\n').filter(|line| !is_stamp(line)).collect();
    for folder in folders.iter().filter(|it| it.owner == unit && it.delivery == Delivery::Content) {
        text = text.replace(&folder_path(&folder.delivery, &folder.digest), "/run/kolla-lang/files/…");
    }
    text
}

/// The two sides of a comparison.
struct Sides {
    old: Texts,
    new: Texts,
}

impl Sides {
    fn changes(&self) -> Vec<FileChange> {
        let names = keys_of(&self.old.0, &self.new.0);
        names
            .into_iter()
            .filter_map(|name| compare_files(&name, self.old.0.get(&name), self.new.0.get(&name)))
            .collect()
    }
}

fn compare_files(name: &Name, old: Option<&Text>, new: Option<&Text>) -> Option<FileChange> {
    let (unit, name) = name.clone();
    let (how, keys) = (How::Changed, Vec::new());
    let change = FileChange { unit, name, how, keys, lines: None, text: None, access: None };
    match (old, new) {
        (None, None) => None,
        (None, Some(_)) => Some(FileChange { how: How::Added, ..change }),
        (Some(_), None) => Some(FileChange { how: How::Removed, ..change }),
        (Some(old), Some(new)) if old.text == new.text && old.access == new.access => None,
        (Some(old), Some(new)) => {
            let access = (old.access != new.access).then(|| format!("{} → {}", old.access, new.access));
            let keys = match (read_keys(old.format, &old.text), read_keys(new.format, &new.text)) {
                (Some(old), Some(new)) => compare_keys(&old, &new),
                _ => Vec::new(),
            };
            let as_lines = keys.is_empty() && old.text != new.text;
            let (lines, text) = as_lines.then(|| compare_lines(&old.text, &new.text)).unzip();
            Some(FileChange { keys, lines, text, access, ..change })
        }
    }
}

/// Counts lines added and removed, and shows them.
fn compare_lines(old: &str, new: &str) -> ((usize, usize), String) {
    let compared = lines::compare(old, new);
    (compared.counts(), compared.hunks())
}

/// Compares keys with their values.
pub fn compare_keys(old: &Keys, new: &Keys) -> Vec<KeyChange> {
    let changes = keys_of(old, new).into_iter().filter(|key| old.get(key) != new.get(key));
    let change = |key: String| {
        let (before, after) = (old.get(&key), new.get(&key));
        let joined = |values: Option<&Vec<String>>| values.map(|it| it.join(", "));
        let several = match (before.map(Vec::as_slice), after.map(Vec::as_slice)) {
            (Some([old]), Some([new])) => words_of(old).zip(words_of(new)),
            (None | Some([_]), None | Some([_])) => None,
            (old, new) => Some((old.unwrap_or_default().to_vec(), new.unwrap_or_default().to_vec())),
        };
        let several = several.map(|(old, new)| Several::between(&old, &new)).filter(|it| !it.is_empty());
        KeyChange { old: joined(before), new: joined(after), several, key }
    };
    changes.map(change).collect()
}

/// Shorter values are told as a whole.
const LONG: usize = 60;

/// Returns the words of a value that is long enough to be told word by word, like a command with its options.
fn words_of(value: &str) -> Option<Vec<String>> {
    let is_long = value.len() > LONG && value.contains(' ') && !value.contains('\n');
    is_long.then(|| value.split(' ').map(str::to_owned).collect())
}

impl Several {
    /// Says whether both sides have the same: only their order differs.
    fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.come.is_empty()
    }

    fn between(old: &[String], new: &[String]) -> Self {
        let mut come = new.to_vec();
        let mut gone = Vec::new();
        for value in old {
            match come.iter().position(|it| it == value) {
                Some(idx) => drop(come.remove(idx)),
                None => gone.push(value.clone()),
            }
        }
        Self { gone, come }
    }
}

fn keys_of<K: Ord + Clone, V>(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> BTreeSet<K> {
    old.keys().chain(new.keys()).cloned().collect()
}
