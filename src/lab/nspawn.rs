//! The command line of systemd-nspawn under which containers work, and the settings podman needs on this machine.
//!
//! Starts nothing itself.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, getrlimit};

use super::LabError;
use super::cgroup::Cgroup;
use super::error::file;

/// System calls beyond nspawn's own list that podman and crun make in a host: keyrings, BPF programs for devices, mounts.
const SYSTEM_CALLS: &str = "--system-call-filter=add_key keyctl bpf @mount @privileged";

/// Returns the arguments that every system of the lab is started with.
pub(super) fn arguments(root: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> =
        ["--quiet", "--register=no", "--keep-unit", "--capability=all", SYSTEM_CALLS].map(Into::into).into();
    args.push("--directory".into());
    args.push(root.into());
    args
}

/// Returns the argument that shows a path of this machine in a host; nspawn takes a colon as the end of a path.
pub(super) fn bind(option: &str, from: &Path, to: &Path) -> String {
    let escape = |it: &Path| it.to_string_lossy().replace('\\', "\\\\").replace(':', "\\:");
    format!("{option}={}:{}", escape(from), escape(to))
}

/// Makes a shell join a control group and become the program that is given as further arguments.
pub(super) fn join(shell: &mut Command, group: &Cgroup) {
    // What the caller's shell holds open, a lock for example, must not stay open as long as a host runs.
    let closed = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";
    shell.args(["-c", &format!(r#"{closed}; echo 0 > "$0" && exec "$@""#)]).arg(group.procs());
    // A cgroup2 tree in the host, whatever this machine has.
    shell.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
}

/// Writes containers.conf into a root: podman's own limits are higher than this machine may allow, and it refuses to
/// start anything then.
pub(super) fn write_containers_conf(root: &Path, pids_controller: bool) -> Result<(), LabError> {
    let hard = |resource, otherwise: u64| getrlimit(resource).maximum.unwrap_or(otherwise);
    // Podman's own defaults, where this machine sets no limit.
    let nofile = hard(Resource::Nofile, 1_048_576).min(1_048_576);
    let nproc = hard(Resource::Nproc, 4_194_304).min(4_194_304);
    // Where there is a runc it was installed because this release's crun wants to lock more memory than most machines allow.
    let runtime = if root.join("usr/sbin/runc").exists() { "runtime = \"runc\"\n" } else { "" };
    let pids = if pids_controller { "" } else { "pids_limit = 0\n" };
    let text = format!(
        "# Written by `kolla-lang lab up` to fit this machine.\n\
         [containers]\n{pids}default_ulimits = [\"nofile={nofile}:{nofile}\", \"nproc={nproc}:{nproc}\"]\n\n\
         [engine]\n{runtime}env = [\"PODMAN_IGNORE_CGROUPSV1_WARNING=1\"]\n"
    );
    let dir = root.join("etc/containers");
    fs::create_dir_all(&dir).map_err(file("create", &dir))?;
    let path = dir.join("containers.conf");
    fs::write(&path, text).map_err(file("write", &path))
}
