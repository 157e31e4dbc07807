//! Containers, and what containers and tasks have in common: what is run, with which mounts and files. Structs only; how
//! they are read from values is in `decode`.

use super::words::Published;
use super::{At, Text};
use kl::data::Data;
use kl::source::Span;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What is run, by a container or by a task.
#[derive(Clone, Debug)]
pub struct Run {
    /// The image.
    pub image: Text,
    /// How files get in.
    pub contract: Contract,
    /// Instead of the image's entry point; empty: the image's.
    pub entrypoint: Vec<Text>,
    /// What to run in it; empty: what the image says.
    pub command: Vec<Text>,
    /// The environment, by name, sorted.
    pub env: Vec<(Arc<str>, Text)>,
    /// Instead of the image's user.
    pub user: Option<Text>,
    /// All capabilities and devices of the host.
    pub privileged: bool,
    /// Further capabilities.
    pub caps: Vec<Text>,
    /// Mounts by the path inside, sorted.
    pub mounts: Vec<(Arc<str>, Mount)>,
    /// Files by the path inside, sorted.
    pub files: Vec<(Arc<str>, File)>,
    /// Owners that Kolla's images set, by the path inside, sorted.
    pub permissions: Vec<(Arc<str>, Permission)>,
}

impl Run {
    /// Takes the image by its digest, if a lock pins it. Its place stays that of the tag.
    pub fn pin(&mut self, pinned: &dyn Fn(&str) -> Option<String>) {
        if let Some(image) = pinned(self.image.as_str()) {
            self.image.value = image.into();
        }
    }
}

/// How files get into a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// Kolla's images copy them, as config.json says.
    Kolla,
    /// Mounted where they belong.
    Direct,
}

/// A container that is kept running.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name, also that of its unit.
    pub name: Arc<str>,
    /// Where it was defined.
    pub at: Span,
    /// What is run.
    pub run: Run,
    /// Working folder.
    pub workdir: Option<Text>,
    /// Host name inside.
    pub hostname: Option<Text>,
    /// Network namespace.
    pub network: Network,
    /// Where it waits for connections in the network of the host, by name, sorted.
    pub listens: Vec<(Arc<str>, Listen)>,
    /// Published ports of a bridge network.
    pub publish: Vec<At<Published>>,
    /// Whether it sees the host's processes.
    pub host_pid: bool,
    /// Whether it shares memory with the host.
    pub host_ipc: bool,
    /// Whether it sees the host's control groups.
    pub host_cgroup: bool,
    /// Capabilities taken away.
    pub drop: Vec<Text>,
    /// Whether setuid programs gain nothing.
    pub no_new_privileges: bool,
    /// Whether SELinux labels separate it.
    pub labels: bool,
    /// Whether the image is read-only.
    pub read_only: bool,
    /// Whether podman's init is process 1.
    pub init: bool,
    /// Size of /dev/shm in bytes.
    pub shm: Option<At<u64>>,
    /// Device nodes.
    pub devices: Vec<Text>,
    /// Limits of processes by name.
    pub ulimits: Vec<(Arc<str>, Ulimit)>,
    /// Limits of the whole container.
    pub limits: Limits,
    /// How to ask whether it works.
    pub health: Option<Health>,
    /// When systemd starts it again.
    pub restart: Restart,
    /// How long a start may take.
    pub start: Duration,
    /// How long a stop may take.
    pub stop: Duration,
    /// Instead of the image's stop signal.
    pub stop_signal: Option<Text>,
    /// Containers of the host that are started before.
    pub needs: Vec<Text>,
    /// Units written by hand that are started before.
    pub needs_units: Vec<Text>,
    /// Tasks that are done before.
    pub after: Vec<Text>,
    /// What a change does to it.
    pub change: Change,
    /// Run inside before it is stopped.
    pub drain: Vec<Text>,
    /// How long that may take.
    pub drain_within: Duration,
    /// When it counts as up.
    pub gate: Gate,
}

/// Where a container waits for connections.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where it was defined.
    pub at: Span,
    /// The port.
    pub port: u16,
    /// The address; none: every one of the host.
    pub address: Option<IpAddr>,
    /// `tcp` or `udp`.
    pub protocol: Arc<str>,
}

/// A container's network namespace.
#[derive(Clone, Debug)]
pub enum Network {
    /// The host's.
    Host,
    /// One with nothing in it.
    Isolated,
    /// One in a network of the host's `bridges`.
    Bridge(Text),
}

/// When systemd starts a container again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// However it ended.
    Always,
    /// When it failed.
    OnFailure,
    /// Never.
    No,
}

/// What a change does to a running container.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is restarted.
    Restart,
    /// Changed files are taken up by this command; anything else restarts it.
    Reload(Vec<Text>),
    /// It is stopped under its old definition, and started later under the new one.
    StopStart,
    /// It goes on as it is until its next start.
    Keep,
    /// It goes on, and a restart by hand is asked for.
    Manual,
    /// Guests depend on it: it goes on until a switch is allowed to restart it.
    Dataplane,
}

/// When a started container counts as up, beside being active and healthy.
#[derive(Clone, Debug)]
pub struct Gate {
    /// How long it must stay up without a restart.
    pub soak: Duration,
    /// Questions by name, sorted.
    pub probes: Vec<(Arc<str>, Probe)>,
    /// Prints a number that grows while it comes up; empty: nothing does.
    pub progress: Vec<Text>,
}

/// A question to a container.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Where it was defined.
    pub at: Span,
    /// What is asked.
    pub ask: Ask,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// What a probe asks.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Whether something accepts connections at this address and port; the address is absent only after a mistake.
    Tcp(Option<IpAddr>, u16),
    /// Whether a server answers.
    Http {
        /// Its address; absent only after a mistake.
        address: Option<IpAddr>,
        /// Its port.
        port: u16,
        /// What is asked for.
        path: Text,
        /// The status of a good answer.
        status: u16,
    },
    /// Whether a command inside ends well.
    Command(Vec<Text>),
}

/// A mount.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where it was defined.
    pub at: Span,
    /// What is mounted.
    pub source: Source,
    /// Whether it can be written.
    pub write: bool,
    /// Whether later mounts are seen.
    pub propagation: Propagation,
}

/// What is mounted.
#[derive(Clone, Debug)]
pub enum Source {
    /// A named volume of the host.
    Volume(Text),
    /// A path of the host.
    Path(Text),
    /// Memory, in bytes.
    Tmpfs(At<u64>),
}

/// Whether mounts made later are seen on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// On neither.
    Private,
    /// The host's inside.
    Slave,
    /// On both.
    Shared,
}

/// A limit of processes.
#[derive(Clone, Debug)]
pub struct Ulimit {
    /// Where it was defined.
    pub at: Span,
    /// What holds at first; none: no limit.
    pub soft: Option<u64>,
    /// How far it may be raised; none: without limit.
    pub hard: Option<u64>,
}

/// Limits of a whole container.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<At<u64>>,
    /// Processors' worth of time.
    pub cpus: Option<At<f64>>,
    /// Processes and threads.
    pub tasks: Option<At<i64>>,
    /// Who is killed first.
    pub oom_score: Option<At<i64>>,
}

/// A file, of a container or of a host.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it was defined.
    pub at: Span,
    /// How it is written.
    pub format: Format,
    /// What is in it.
    pub content: Data,
    /// Its owner.
    pub owner: Text,
    /// Its permission bits.
    pub mode: u32,
    /// How the values of an ini file are written.
    pub style: Style,
    /// Which options it may have, if that is checked.
    pub schema: Option<Schema>,
}

/// Which options a document may have.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The table that says it.
    pub table: TableRef,
    /// Keys that are not checked, by section, sorted; `*` in either stands for any text.
    pub extra: Vec<(Arc<str>, Vec<Text>)>,
}

/// A table of options, by what names it.
#[derive(Clone, Debug)]
pub enum TableRef {
    /// One of the library.
    Library {
        /// The document that it is of.
        document: Text,
        /// The release that it is of.
        release: Text,
    },
    /// One of the description's own: its text.
    Own(Text),
}

/// How a text is written for a reader that takes quotes off it and replaces sequences in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// When a text is written in double quotes.
    pub quotes: Quotes,
    /// What is written in place of a character, by the character.
    pub escapes: BTreeMap<char, String>,
}

/// When a text is written in double quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Quotes {
    /// Never: the reader has no quotes.
    #[default]
    Never,
    /// When its ends would not be read otherwise, white space or a pair of quotes, and when one of these characters is in it.
    For(String),
    /// When it is more than one plain word.
    Words,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Format {
    Text,
    Ini,
    Json,
    Yaml,
    Toml,
    Env,
}

/// An owner that Kolla's images set.
#[derive(Clone, Debug)]
pub struct Permission {
    /// Where it was defined.
    pub at: Span,
    /// Whose it becomes.
    pub owner: Text,
    /// With everything below.
    pub recurse: bool,
    /// With these bits.
    pub mode: Option<Text>,
}

/// How to ask whether a container works.
#[derive(Clone, Debug)]
pub struct Health {
    /// Where it was defined.
    pub at: Span,
    /// The command; 0 is healthy.
    pub test: Vec<Text>,
    /// How often.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many failures make it unhealthy.
    pub retries: u64,
    /// How long failures do not count.
    pub start: Duration,
    /// What podman does with an unhealthy one.
    pub unhealthy: OnUnhealthy,
}

/// What podman does with an unhealthy container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum OnUnhealthy {
    Report,
    Kill,
    Restart,
    Stop,
}
