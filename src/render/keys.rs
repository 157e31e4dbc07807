//! Which podman first knows which key of a unit, for every key that is written here.
//!
//! Taken from the release notes and manual pages of podman 4.4 to 5.4. A key that an older podman does not know drops
//! the whole unit there, so it is never written: it becomes an argument of `podman run` where there is one, and else the
//! description is refused for that host.

use std::fmt;

/// A release of podman.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Podman {
    /// The number before the point.
    pub major: u32,
    /// The number after it.
    pub minor: u32,
}

/// The first podman with Quadlet.
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

/// What is known of a key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its section.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The first podman that knows it.
    pub since: Podman,
    /// The option of `podman run` that says the same.
    pub option: Option<&'static str>,
}

/// Finds a key.
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

const fn key(section: &'static str, name: &'static str, major: u32, minor: u32) -> Key {
    Key { section, name, since: Podman { major, minor }, option: None }
}

const fn or(mut known: Key, option: &'static str) -> Key {
    known.option = Some(option);
    known
}

/// Every key that is written.
pub const KEYS: &[Key] = &[
    key("Container", "AddCapability", 4, 4),
    key("Container", "AddDevice", 4, 4),
    key("Container", "ContainerName", 4, 4),
    key("Container", "DropCapability", 4, 4),
    or(key("Container", "Entrypoint", 5, 0), "--entrypoint"),
    key("Container", "Environment", 4, 4),
    key("Container", "Exec", 4, 4),
    key("Container", "HealthCmd", 4, 5),
    key("Container", "HealthInterval", 4, 5),
    key("Container", "HealthOnFailure", 4, 5),
    key("Container", "HealthRetries", 4, 5),
    key("Container", "HealthStartPeriod", 4, 5),
    key("Container", "HealthStartupCmd", 4, 5),
    key("Container", "HealthStartupInterval", 4, 5),
    key("Container", "HealthStartupTimeout", 4, 5),
    key("Container", "HealthTimeout", 4, 5),
    or(key("Container", "HostName", 4, 6), "--hostname"),
    key("Container", "Image", 4, 4),
    key("Container", "Label", 4, 4),
    key("Container", "Network", 4, 4),
    key("Container", "NoNewPrivileges", 4, 4),
    key("Container", "PodmanArgs", 4, 4),
    key("Container", "PublishPort", 4, 4),
    or(key("Container", "Pull", 4, 6), "--pull"),
    key("Container", "ReadOnly", 4, 4),
    key("Container", "RunInit", 4, 4),
    key("Container", "SecurityLabelDisable", 4, 4),
    or(key("Container", "ShmSize", 4, 7), "--shm-size"),
    or(key("Container", "StopSignal", 5, 2), "--stop-signal"),
    or(key("Container", "StopTimeout", 5, 0), "--stop-timeout"),
    or(key("Container", "Tmpfs", 4, 5), "--tmpfs"),
    or(key("Container", "Ulimit", 4, 7), "--ulimit"),
    key("Container", "User", 4, 4),
    key("Container", "Volume", 4, 4),
    or(key("Container", "WorkingDir", 4, 6), "--workdir"),
    key("Volume", "Device", 4, 4),
    key("Volume", "Label", 4, 4),
    key("Volume", "Options", 4, 4),
    key("Volume", "Type", 4, 4),
    key("Volume", "VolumeName", 4, 6),
    key("Network", "DisableDNS", 4, 4),
    key("Network", "Driver", 4, 4),
    key("Network", "Gateway", 4, 4),
    key("Network", "Internal", 4, 4),
    key("Network", "Label", 4, 4),
    key("Network", "NetworkName", 4, 6),
    key("Network", "Options", 4, 4),
    key("Network", "Subnet", 4, 4),
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
