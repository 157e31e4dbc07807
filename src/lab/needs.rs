//! What a machine must have before a lab can be made on it, asked before anything is touched.
//!
//! Installs nothing; it names the Debian packages.

use std::path::Path;

use super::LabError;
use super::tool::answers;

/// Programs and the packages of Debian that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mmdebstrap", "mmdebstrap"),
    ("mount", "mount"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("tar", "tar"),
    ("unshare", "util-linux"),
    ("systemd-nspawn", "systemd-container"),
];

/// Keys of the archive; debootstrapping checks signatures with them.
pub(super) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Refuses a user who may not enter hosts or take them down.
pub(super) fn check_root() -> Result<(), LabError> {
    let root = rustix::process::geteuid().is_root();
    if root { Ok(()) } else { Err(LabError::Missing { root, packages: Vec::new() }) }
}

/// Refuses a machine or a user that cannot make a lab, with everything it lacks at once.
pub fn check() -> Result<(), LabError> {
    let root = rustix::process::geteuid().is_root();
    let mut packages: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !answers(program, &["--version"]) && !answers(program, &["-V"]))
        .map(|(_, package)| *package)
        .collect();
    if !Path::new(KEYRING).exists() {
        packages.push("debian-archive-keyring");
    }
    if !answers("python3", &["-m", "pip", "--version"]) {
        packages.push("python3-pip");
    }
    packages.sort_unstable();
    packages.dedup();
    if root && packages.is_empty() { Ok(()) } else { Err(LabError::Missing { root, packages }) }
}
