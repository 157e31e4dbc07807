//! What is told to podman, key by key: since which release Quadlet knows the key, how it reads its text, and which option
//! of podman's command line says the same, since when.
//!
//! A key that an older podman does not know drops the whole unit there, so it is never written: it becomes an option where
//! podman has one. What podman itself does not know either is left out with a warning where a container works without
//! it, and refused where it does not.
//!
//! Where the facts are from: the tables `supportedContainerKeys`, `supportedVolumeKeys` and `supportedNetworkKeys` of
//! pkg/systemd/quadlet/quadlet.go in podman's sources, at each of the tags v4.4.0, v4.5.0 … v5.4.2; for options
//! cmd/podman/common/create.go, cmd/podman/volumes/create.go and cmd/podman/networks/create.go, v4.3.1 against v4.4.0;
//! for ipvlan vendor/github.com/containers/common/libnetwork/netavark/config.go, v4.4.0 against v4.5.0. For systemd: the
//! NEWS of its releases.

use std::fmt;

/// A release of podman.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Podman {
    /// The number before the point.
    pub major: u32,
    /// The number after it.
    pub minor: u32,
}

/// The oldest podman that units are written for.
pub const OLDEST: Podman = Podman { major: 4, minor: 3 };

/// The first podman with Quadlet, and the first whose `volume create` and `network create` can be run twice.
pub const FIRST_QUADLET: Podman = Podman { major: 4, minor: 4 };

impl Podman {
    /// Reads `5.4` and `5.4.2`.
    pub fn parse(text: &str) -> Option<Podman> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        Some(Podman { major: parts.next()??, minor: parts.next()?? })
    }
}

impl fmt::Display for Podman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// How Quadlet reads the text of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lexed {
    /// The whole text is one value.
    Raw,
    /// The text is split into words.
    Words,
}

/// How podman's command line says what a key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelled {
    /// An option and its value.
    Pair(&'static str),
    /// The same, with the value in small letters.
    Small(&'static str),
    /// An option and a value that begins with this.
    Within(&'static str, &'static str),
    /// Always these words.
    Fixed(&'static [&'static str]),
    /// The value alone, as an option.
    Itself,
    /// The value alone, after all options.
    Last,
}

/// What becomes of a container whose podman knows neither the key nor the option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// It is refused.
    Refused,
    /// It works, and this is what is lost.
    Lost(&'static str),
}

/// What is known of a key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its section.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The first podman whose Quadlet knows it.
    pub since: Podman,
    /// How Quadlet reads it.
    pub lexed: Lexed,
    /// How the command line says it.
    pub spelled: Spelled,
    /// The first podman whose command line says it.
    pub spelled_since: Podman,
    /// What becomes of a container without it.
    pub without: Without,
}

/// Finds a key.
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// Returns the first podman that knows a value of a key that is younger than the key, and how such a value is called.
pub fn value_since(section: &str, name: &str, value: &str) -> Option<(Podman, &'static str)> {
    let is_it = |it: &&(&str, &str, &str, Podman, &str)| (it.0, it.1, it.2) == (section, name, value);
    VALUES.iter().find(is_it).map(|it| (it.3, it.4))
}

/// Values that are younger than their keys: section, name, value, the first podman, and how they are called.
const VALUES: &[(&str, &str, &str, Podman, &str)] =
    &[("Network", "Driver", "ipvlan", Podman { major: 4, minor: 5 }, "Driver=ipvlan")];

/// Returns the first systemd that knows a key of [Service], where that is younger than any host here, and what is lost
/// without it.
pub fn service_since(name: &str) -> Option<(u64, &'static str)> {
    SERVICE.iter().find(|it| it.0 == name).map(|it| (it.1, it.2))
}

/// Keys of [Service] that are younger than systemd 247.
const SERVICE: &[(&str, u64, &str)] = &[
    ("RestartMaxDelaySec", 254, "a failed container is tried again every few seconds, without growing delay"),
    ("RestartSteps", 254, "a failed container is tried again every few seconds, without growing delay"),
];

const fn key(
    section: &'static str,
    name: &'static str,
    since: (u32, u32),
    lexed: Lexed,
    spelled: Spelled,
) -> Key {
    let since = Podman { major: since.0, minor: since.1 };
    Key { section, name, since, lexed, spelled, spelled_since: OLDEST, without: Without::Refused }
}

const fn container(name: &'static str, since: (u32, u32), lexed: Lexed, spelled: Spelled) -> Key {
    key("Container", name, since, lexed, spelled)
}

/// A key of the checks until a container first answers, which came with podman 4.4.
const fn startup(name: &'static str, option: &'static str) -> Key {
    let mut it = container(name, (4, 5), Raw, Pair(option));
    it.spelled_since = Podman { major: 4, minor: 4 };
    it.without = Without::Lost("until it first answers a container is asked only every `interval`");
    it
}

use Lexed::{Raw, Words};
use Spelled::{Fixed, Itself, Last, Pair, Small, Within};

/// Every key that is written.
pub const KEYS: &[Key] = &[
    container("AddCapability", (4, 4), Words, Small("--cap-add")),
    container("AddDevice", (4, 4), Words, Pair("--device")),
    container("ContainerName", (4, 4), Raw, Pair("--name")),
    container("DropCapability", (4, 4), Words, Small("--cap-drop")),
    container("Entrypoint", (5, 0), Raw, Pair("--entrypoint")),
    container("Environment", (4, 4), Words, Pair("--env")),
    container("Exec", (4, 4), Words, Last),
    container("HealthCmd", (4, 5), Raw, Pair("--health-cmd")),
    container("HealthInterval", (4, 5), Raw, Pair("--health-interval")),
    container("HealthOnFailure", (4, 5), Raw, Pair("--health-on-failure")),
    container("HealthRetries", (4, 5), Raw, Pair("--health-retries")),
    container("HealthStartPeriod", (4, 5), Raw, Pair("--health-start-period")),
    startup("HealthStartupCmd", "--health-startup-cmd"),
    startup("HealthStartupInterval", "--health-startup-interval"),
    startup("HealthStartupTimeout", "--health-startup-timeout"),
    container("HealthTimeout", (4, 5), Raw, Pair("--health-timeout")),
    container("HostName", (4, 6), Raw, Pair("--hostname")),
    container("Image", (4, 4), Raw, Last),
    container("Label", (4, 4), Words, Pair("--label")),
    container("Network", (4, 4), Raw, Pair("--network")),
    container("NoNewPrivileges", (4, 4), Raw, Fixed(&["--security-opt=no-new-privileges"])),
    container("PodmanArgs", (4, 4), Words, Itself),
    container("PublishPort", (4, 4), Raw, Pair("--publish")),
    container("Pull", (4, 6), Raw, Pair("--pull")),
    container("ReadOnly", (4, 8), Raw, Fixed(&["--read-only"])),
    container("RunInit", (4, 4), Raw, Fixed(&["--init"])),
    container("SecurityLabelDisable", (4, 5), Raw, Fixed(&["--security-opt", "label=disable"])),
    container("ShmSize", (4, 7), Raw, Pair("--shm-size")),
    container("StopSignal", (5, 2), Raw, Pair("--stop-signal")),
    container("StopTimeout", (5, 0), Raw, Pair("--stop-timeout")),
    container("Tmpfs", (4, 5), Raw, Pair("--tmpfs")),
    container("Ulimit", (4, 7), Raw, Pair("--ulimit")),
    container("User", (4, 8), Raw, Pair("--user")),
    container("Volume", (4, 4), Raw, Pair("-v")),
    container("WorkingDir", (4, 6), Raw, Pair("--workdir")),
    key("Volume", "Device", (4, 4), Raw, Within("--opt", "device=")),
    key("Volume", "Label", (4, 4), Words, Pair("--label")),
    key("Volume", "Options", (4, 4), Raw, Within("--opt", "o=")),
    key("Volume", "Type", (4, 4), Raw, Within("--opt", "type=")),
    key("Volume", "VolumeName", (4, 7), Raw, Last),
    key("Network", "DisableDNS", (4, 4), Raw, Fixed(&["--disable-dns"])),
    key("Network", "Driver", (4, 4), Raw, Pair("--driver")),
    key("Network", "Gateway", (4, 4), Raw, Pair("--gateway")),
    key("Network", "Internal", (4, 4), Raw, Fixed(&["--internal"])),
    key("Network", "Label", (4, 4), Words, Pair("--label")),
    key("Network", "NetworkName", (4, 7), Raw, Last),
    key("Network", "Options", (4, 4), Words, Pair("--opt")),
    key("Network", "Subnet", (4, 4), Raw, Pair("--subnet")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_stands_once_and_in_order() {
        for pair in KEYS.windows(2) {
            assert!(
                pair[0].section != pair[1].section || pair[0].name < pair[1].name,
                "{} before {}",
                pair[0].name,
                pair[1].name
            );
        }
    }

    #[test]
    fn releases_compare_as_numbers() {
        assert!(Podman::parse("5.10") > Podman::parse("5.9.1"));
        assert_eq!(Podman::parse("five"), None);
    }
}
