//! The manifest: everything a host must know to switch to a closure, as plain data in JSON.
//!
//! Activation reads the manifest and nothing else. It knows nothing of the language and nothing of the cloud model, and
//! it never holds a secret: texts with secrets are kept with holes, filled on the host.
//!
//! All maps are ordered and all lists are written in the order given, so one manifest has one text.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::digest::{Digest, Hasher};
use super::gate::is_false;
pub use super::gate::{Ask, Gate, Probe};
use super::precheck::Precheck;
pub use super::secret::{Alphabet, SecretKind};
use super::version::DataFormat;
use super::written::Limit;

/// The version of this schema; a reader refuses a higher one.
pub const VERSION: u32 = 1;

/// The file of a closure that holds the manifest.
pub const FILE_NAME: &str = "manifest.json";

/// Says everything that activation needs to know of one host's closure.
///
/// The digest of the whole cloud is not in here but in the record of a build: a manifest changes only when its own host does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the schema, [`VERSION`].
    pub version: u32,
    /// The name of the cloud this host belongs to.
    pub cloud: String,
    /// The host's name in the description; `switch` on a host compares it with the host's own name.
    pub host: String,
    /// The host's machine-id where the description states it; then it decides, and not the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// How units reach systemd on this host.
    pub backend: Backend,
    /// The version of kolla-lang that wrote the closure.
    pub engine: String,
    /// The least podman that understands these units, like `5.4`; absent where no podman is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub podman: Option<String>,
    /// Every unit by the name systemd knows it by, like `mariadb.service`; units of tasks among them.
    #[serde(default)]
    pub units: BTreeMap<String, Unit>,
    /// The folders of rendered files that containers and tasks read.
    #[serde(default)]
    pub folders: Vec<Folder>,
    /// Tasks by name.
    #[serde(default)]
    pub tasks: BTreeMap<String, Task>,
    /// The groups that a container of this host is a member of, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Group>,
    /// The plan: each unit that is started, after everything it waits for. Acyclic, and written in an order that holds.
    #[serde(default)]
    pub order: Vec<Step>,
    /// Files of the host itself by absolute path.
    #[serde(default)]
    pub files: BTreeMap<String, HostFile>,
    /// Kernel settings by key, like `net.ipv4.ip_nonlocal_bind`.
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
    /// Kernel modules to load, sorted.
    #[serde(default)]
    pub modules: Vec<String>,
    /// Names of the volumes in use, sorted. They are made by the units that name them and removed by nobody.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// Formats of the data in volumes, by the volume.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub formats: BTreeMap<String, DataFormat>,
    /// References of all images in use, sorted; each must be present before anything is touched.
    #[serde(default)]
    pub images: Vec<String>,
    /// How to sign in at the registries of these images, by the registry, or by one and a path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub logins: BTreeMap<String, Login>,
    /// The secrets that holes and logins name, and those that the host may read without, by name.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretSpec>,
    /// Operators without whose signature the host becomes nothing else, by name: Ed25519 keys of SSH.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub operators: BTreeMap<String, String>,
    /// What must hold before the host's first switch, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prechecks: BTreeMap<String, Precheck>,
}

/// Says how units reach systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Quadlet files, made into services by podman's generator.
    Quadlet,
    /// Plain services that run podman themselves, for hosts without Quadlet.
    Systemd,
}

/// One systemd unit and how it is treated when it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// What the unit is.
    pub kind: UnitKind,
    /// Paths in the closure of the files that define it, like `quadlet/mariadb/mariadb.container`.
    pub files: Vec<String>,
    /// The name of its container, for units of kind container or task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The image its container is made from; also listed in [`Manifest::images`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What decides whether it must act at all.
    pub digests: Digests,
    /// What is done when it changed.
    pub change: Change,
    /// When it counts as up.
    #[serde(default)]
    pub gate: Gate,
    /// Seconds that stopping it may take, [`Unit::start_secs`] the same for starting until its gate holds.
    pub stop_secs: u64,
    /// Seconds from the start job to the gate; later is a failure.
    pub start_secs: u64,
    /// Whether it is started by a switch and at boot; a oneshot behind a timer or a task is not.
    pub boot: bool,
    /// Whether it finishes what it does before it is stopped.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drains: bool,
    /// What podman calls its network, for units of kind network. It names all that cannot change while the network lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Units of the networks that its container is in: while one of them is made anew it cannot run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
}

/// Says what a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitKind {
    /// A container that runs for good.
    Container,
    /// A container that runs to completion, once per key; see [`Task`].
    Task,
    /// A named volume.
    Volume,
    /// A network of containers.
    Network,
    /// A timer.
    Timer,
    /// Any other unit, given as text.
    Raw,
}

/// The three digests of a unit; the first that differs decides what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digests {
    /// Of everything that needs a restart: the meaning of the unit, its image, its folders read at start.
    pub restart: Digest,
    /// Of everything that a reload takes up: the text of live folders.
    pub reload: Digest,
    /// Of everything that changes nothing at run time: descriptions and comments.
    pub meta: Digest,
}

/// Says what is done with a running unit that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "policy", deny_unknown_fields)]
pub enum Change {
    /// Restart it under the new definition.
    Restart,
    /// Reload it if only live files changed, else restart it.
    Reload {
        /// Run in the container after its files were replaced; empty means a reload of the unit.
        #[serde(default)]
        command: Vec<String>,
    },
    /// Stop it under the old definition first, start it under the new one later.
    StopStart,
    /// Leave it running as it is; the new definition holds from its next start.
    Keep,
    /// Leave it running and ask for a restart by hand.
    Manual,
    /// Guests depend on it: leave it running until somebody asks for its restart, and stop it for nothing else.
    Dataplane,
}

/// A folder of rendered files that one unit reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// The unit that reads it, a key of [`Manifest::units`].
    pub owner: String,
    /// Where it lies on the host.
    pub delivery: Delivery,
    /// Of names, owners, modes, texts and holes with their secrets' versions: see [`super::Closure::add_folder`].
    pub digest: Digest,
    /// The files, sorted by name.
    pub files: Vec<FolderFile>,
}

/// Says where a rendered folder lies on the host and when its text may change under a running container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// `/run/kolla-lang/files/<digest>`: never edited. Another text is another path and thus a restart.
    Content,
    /// `/run/kolla-lang/live/<name>`: one path, its files replaced by rename; a reload takes them up.
    Live(String),
}

/// One rendered file of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderFile {
    /// The path within the folder: relative, without `..`.
    pub name: String,
    /// Where its text without secrets lies in the closure, below `files/`.
    pub path: String,
    /// The owning user: a number, or a name of the host.
    pub owner: String,
    /// The owning group: a number, or a name of the host.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
    /// The format of the text, so that a difference can be told key by key.
    pub format: Format,
    /// Where secrets go in, by growing offset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Hole>,
}

/// Says how a text is structured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Format {
    Text,
    Ini,
    Json,
    Yaml,
    Toml,
    Env,
}

/// A place in a text where a secret is put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hole {
    /// The byte in the text without secrets before which the secret goes in.
    pub offset: u64,
    /// A key of [`Manifest::secrets`].
    pub secret: String,
    /// Which part of it, one of [`SecretKind::parts`]; absent for the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// How it is written.
    #[serde(default)]
    pub encode: Encode,
    /// What is written in place of a character of what `encode` gives, by the character.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub escapes: BTreeMap<char, String>,
    /// Who reads it and does not take every character. What is written does not depend on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// How many bytes stand in it, in a tree that people read; 0 on a host, and wherever else a closure is one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shown: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(it: &u64) -> bool {
    *it == 0
}

/// Says how a secret is written into its hole.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encode {
    /// As it is.
    #[default]
    Plain,
    /// Percent-encoded, for a part of a URL.
    Url,
    /// In base64.
    Base64,
    /// Escaped as within a double-quoted text of JSON, YAML or TOML, which agree in this.
    Quoted,
    /// With a backslash in front of each of these characters. Closures from before `escapes` said so have it.
    Escape(String),
    /// So, and then as within a double-quoted text.
    EscapeQuoted(String),
}

impl Encode {
    /// Adds what tells this from others to a digest.
    pub fn tell(&self, hasher: &mut Hasher) {
        // The numbers name folders on hosts, so they stay.
        let (number, which) = match self {
            Self::Plain => (0, None),
            Self::Url => (1, None),
            Self::Base64 => (2, None),
            Self::Quoted => (3, None),
            Self::Escape(which) => (4, Some(which)),
            Self::EscapeQuoted(which) => (5, Some(which)),
        };
        hasher.number(number);
        if let Some(which) = which {
            hasher.field(which);
        }
    }
}

/// A task: a unit that runs to completion, once per key and host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The oneshot unit that does it, a key of [`Manifest::units`].
    pub unit: String,
    /// It runs if no task with this key was ever completed on this host.
    pub once: String,
    /// What it does to the code that still runs elsewhere.
    pub class: TaskClass,
    /// Whether what it makes is a state, of which the last one counts: it runs again where it was done under another key since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeat: bool,
    /// Volumes that it writes to, by podman's name, sorted: what it did is in them, and gone with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
}

/// Says what a task does to old code that still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskClass {
    /// Old code lives on.
    Expand,
    /// There is no way back past it.
    OneWay,
    /// Runs only when no old code is left anywhere.
    Contract,
}

/// A service made of containers on several hosts, as one of its members knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// This host's container in it.
    pub container: String,
    /// All hosts that have a member, sorted.
    pub hosts: Vec<String>,
    /// Whether more than half of the members must stay up.
    pub quorum: bool,
    /// How many may be down at once.
    pub max_unavailable: u64,
    /// Run in a member: 0 when it takes part; empty: its health decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probe: Vec<String>,
    /// Run in a member that does not yet take part: prints a number that grows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<String>,
    /// Seconds that a member may take to become healthy.
    pub patience_secs: u64,
}

/// One step of a host's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The unit to start, a key of [`Manifest::units`].
    pub unit: String,
    /// Units whose steps must be over first. Each stands earlier in the list.
    #[serde(default)]
    pub after: Vec<String>,
    /// Tasks of other hosts that must be done first, sorted. A host that switches alone does not wait for them; a fleet does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_tasks: Vec<String>,
    /// Groups with members on other hosts that must be up first, sorted. Those on this host are in `after`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_groups: Vec<String>,
    /// When this step is over.
    pub wait: Wait,
}

/// Says when a step is over, so that what comes after it may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// When systemd says that the unit is started.
    Started,
    /// When its gate holds.
    Healthy,
    /// When it ran to its end with success.
    Done,
}

/// A file of the host itself. It holds no secret: it is a link through `boot` into the generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFile {
    /// Where its text lies in the closure, below `files/`.
    pub path: String,
    /// The owning user: a number, or a name of the host.
    pub owner: String,
    /// The owning group: a number, or a name of the host.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
    /// The format of the text, so that a difference can be told key by key.
    pub format: Format,
    /// Of text, owner and mode.
    pub digest: Digest,
}

/// Says how to sign in at a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user there.
    pub user: String,
    /// The secret with the password.
    pub secret: String,
}

/// Whether a registry, or one with a path, is where an image comes from.
pub fn covers(registry: &str, image: &str) -> bool {
    image.strip_prefix(registry).is_some_and(|rest| {
        // Behind a registry alone a colon is that of a port: another registry.
        rest.starts_with('/') || registry.contains('/') && (rest.is_empty() || rest.starts_with([':', '@']))
    })
}

/// Returns the entry for an image of some that are by registry: that of the longest name which covers it.
pub fn entry_of<'a, T>(image: &str, entries: impl IntoIterator<Item = (&'a str, T)>) -> Option<(&'a str, T)> {
    let found = entries.into_iter().filter(|(registry, _)| covers(registry, image));
    found.max_by_key(|(registry, _)| registry.len())
}

/// Says how a secret is made and which making of it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSpec {
    /// What it is.
    #[serde(flatten)]
    pub kind: SecretKind,
    /// Counts its rotations, from 1; 0: it was not made yet.
    pub version: u32,
    /// Names this making of it among all that ever were; with the version part of the digest of every folder that has a hole for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Its parts that are no secret. The others lie encrypted in the closure, at [`super::closure::secret_path`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub public: BTreeMap<String, String>,
    /// When it should be made anew, in seconds since 1970, if the description says how old it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<u64>,
}

impl Manifest {
    /// Returns the manifest of a host that has nothing.
    pub fn new(
        cloud: impl Into<String>,
        host: impl Into<String>,
        backend: Backend,
        engine: impl Into<String>,
    ) -> Self {
        Self {
            version: VERSION,
            cloud: cloud.into(),
            host: host.into(),
            machine_id: None,
            backend,
            engine: engine.into(),
            podman: None,
            units: BTreeMap::new(),
            folders: Vec::new(),
            tasks: BTreeMap::new(),
            groups: BTreeMap::new(),
            order: Vec::new(),
            files: BTreeMap::new(),
            sysctls: BTreeMap::new(),
            modules: Vec::new(),
            volumes: Vec::new(),
            formats: BTreeMap::new(),
            images: Vec::new(),
            logins: BTreeMap::new(),
            secrets: BTreeMap::new(),
            operators: BTreeMap::new(),
            prechecks: BTreeMap::new(),
        }
    }

    /// Returns the manifest of the same host with nothing on it.
    pub fn emptied(&self) -> Self {
        let Self { cloud, host, machine_id, backend, engine, operators, .. } = self.clone();
        Self { machine_id, operators, ..Self::new(cloud, host, backend, engine) }
    }

    /// Returns the secrets that the host opens: a hole names a part that is one, a login has it, or none names it and it was granted as a
    /// whole.
    pub fn opened(&self) -> BTreeSet<&str> {
        let (mut named, mut opened) = (BTreeSet::new(), BTreeSet::new());
        for hole in self.folders.iter().flat_map(|folder| &folder.files).flat_map(|file| &file.holes) {
            let Some((name, spec)) = self.secrets.get_key_value(&hole.secret) else { continue };
            named.insert(name.as_str());
            if !spec.kind.is_public(hole.part.as_deref().unwrap_or_default()) {
                opened.insert(name.as_str());
            }
        }
        opened.extend(self.logins.values().map(|it| it.secret.as_str()));
        opened.extend(self.secrets.keys().map(String::as_str).filter(|name| !named.contains(name)));
        opened
    }

    /// Returns how to sign in at the registry of an image, with the registry's name; nothing where podman's own logins are used.
    pub fn login_of(&self, image: &str) -> Option<(&str, &Login)> {
        entry_of(image, self.logins.iter().map(|(registry, login)| (registry.as_str(), login)))
    }

    /// Returns the manifest's one text: indented JSON and a newline.
    pub fn to_text(&self) -> String {
        // Writing plain structs with text keys into memory cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Reads a manifest from its text, whatever its version is, as long as this program knows it.
pub fn parse_manifest(text: &str) -> Result<Manifest, ParseManifest> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    // The version comes first: a later schema may have fields that this one refuses.
    let Versioned { version } = serde_json::from_str(text).map_err(ParseManifest::Json)?;
    if version != VERSION {
        return Err(ParseManifest::Version { version });
    }
    serde_json::from_str(text).map_err(ParseManifest::Json)
}

/// A text that is no manifest this program can read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ParseManifest {
    #[error("it is damaged")]
    Json(#[source] serde_json::Error),
    #[error("the manifest has schema version {version}, and this kolla-lang reads version {VERSION}")]
    Version { version: u32 },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_of_the_longest_name_counts_and_a_port_is_another_registry() {
        let names = ["quay.io", "quay.io/kolla", "quay.io/ko", "r.example", "r.example:5000/a/web"];
        let check = |image: &str, expected: Option<&str>| {
            let found = entry_of(image, names.map(|it| (it, ())));
            assert_eq!(found.map(|(name, ())| name), expected, "{image}");
        };
        check("quay.io/kolla/cron:1", Some("quay.io/kolla"));
        check("quay.io/x/cron@sha256:00", Some("quay.io"));
        check("quay.io.example/kolla/cron", None);
        check("r.example:5000/b:1", None);
        check("r.example:5000/a/web:1", Some("r.example:5000/a/web"));
        check("r.example:5000/a/web2:1", None);
        check("localhost/x", None);
    }

    #[test]
    fn a_host_opens_what_a_hole_needs_the_secret_of_and_what_it_was_granted() -> Result<(), ParseManifest> {
        let file = |holes: &str| {
            format!(
                r#"{{"owner":"a.service","delivery":"content","digest":"{:064}","files":[{{"name":"f","path":"files/a/f","owner":"root",
                    "group":"root","mode":384,"format":"text","holes":[{holes}]}}]}}"#,
                0
            )
        };
        let text = format!(
            r#"{{"version":1,"cloud":"t","host":"h","backend":"quadlet","engine":"0","secrets":
                {{"shown":{{"kind":"ssh-key","version":1}},"both":{{"kind":"ssh-key","version":1}},
                "granted":{{"kind":"uuid","version":1}}}},"folders":[{},{}]}}"#,
            file(
                r#"{"offset":0,"secret":"shown","part":"public"},{"offset":0,"secret":"both","part":"private"}"#
            ),
            file(r#"{"offset":0,"secret":"both","part":"public"},{"offset":0,"secret":"unknown"}"#),
        );
        assert_eq!(parse_manifest(&text)?.opened().into_iter().collect::<Vec<_>>(), ["both", "granted"]);
        Ok(())
    }
}
