//! A host's root file system that is not booted: it lends its programs, podman above all, to a machine that need have none of them.
//!
//! Builds nothing itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::cache::{Cache, Site};
use super::cgroup::Cgroup;
use super::definition;
use super::mounts::{Overlay, remove_all, unmount_all};
use super::rootfs::{self, Form};
use super::{LabError, Progress, needs, nspawn, tool};
use store::Digest;

/// Whether what is shown in a builder may be changed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Write,
    /// It may not.
    Read,
}

/// Whether programs in a builder reach others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// As this machine does.
    Machine,
    /// Not at all.
    None,
}

/// A root file system with folders of this machine in it, until it is dropped.
#[derive(Debug)]
pub struct Builder {
    overlay: Overlay,
    binds: Vec<String>,
    group: Cgroup,
    network: Network,
}

impl Builder {
    /// Shows a root file system in `dir`, which is made anew, with paths of this machine bound into it.
    pub(super) fn new(
        root: &Path,
        binds: &[(&Path, &str, Access)],
        dir: &Path,
        network: Network,
    ) -> Result<Self, LabError> {
        unmount_all(&dir.join("root"))?;
        remove_all(dir)?;
        let overlay = Overlay::new(root, dir, dir);
        overlay.mount()?;
        let group = Cgroup::new(&format!("kolla-lang-lab-build-{}", std::process::id()))?;
        group.create()?;
        nspawn::write_containers_conf(&overlay.root, group.has("pids")?)?;
        let bind = |(from, to, access): &(&Path, &str, Access)| {
            let option = if *access == Access::Write { "--bind" } else { "--bind-ro" };
            nspawn::bind(option, from, Path::new(to))
        };
        Ok(Self { binds: binds.iter().map(bind).collect(), overlay, group, network })
    }

    /// Returns a command that runs a program there, and ends with this process.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = tool::tied("sh");
        nspawn::join(&mut command, &self.group);
        command.arg("systemd-nspawn").args(nspawn::arguments(&self.overlay.root)).args(&self.binds);
        if self.network == Network::None {
            command.arg("--private-network");
        }
        command.args(["--pipe", program]).args(args);
        command
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        // What stays after a failure is cleared before the next build begins; the failure itself matters more.
        let _ = self.group.remove();
        let _ = self.overlay.unmount();
    }
}

/// Returns how podman is called in a builder, with its storage at a path there.
pub fn podman_options(store: &str) -> [&str; 6] {
    ["--root", store, "--runroot", "/tmp/podman", "--storage-driver=overlay", "--events-backend=none"]
}

/// Lends the root file system of the lab's hosts, made first if `cache` has none, with paths of this machine bound into it. What it needs
/// is in `dir` until it is dropped.
pub fn lend(
    cache: &Path,
    binds: &[(&Path, &str, Access)],
    dir: &Path,
    tell: Progress,
) -> Result<Builder, LabError> {
    needs::check()?;
    let definition = definition::host(None);
    let root = Cache::new(cache.to_owned()).once("host", &definition.digest(), tell, |site, tell| {
        let (suite, packages) = (&definition.suite, definition.packages.len());
        tell(&format!("installing {packages} packages of {suite} for the builder"));
        rootfs::build(&definition, Form::Folder, site)
    })?;
    Builder::new(&root, binds, dir, Network::Machine)
}

/// Makes a root file system of Debian as an archive at `to`, of what a folder of the library says; what is needed on the way is in
/// `scratch`.
pub fn debian_archive(folder: &str, suite: &str, to: &Path, scratch: &Path) -> Result<(), LabError> {
    needs::check()?;
    let site = Site { scratch: scratch.to_owned(), result: PathBuf::from(to) };
    rootfs::build(&definition::root_of(folder, suite), Form::Archive, &site)
}

/// Returns the name of what [`debian_archive`] makes.
pub fn debian_archive_digest(folder: &str, suite: &str) -> Digest {
    definition::root_of(folder, suite).digest()
}
