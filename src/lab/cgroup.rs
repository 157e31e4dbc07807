//! Gives each host a control group of its own, away from the session that started it.
//!
//! Sets no limits.

use std::fs;
use std::path::{Path, PathBuf};

use super::LabError;
use super::error::file;

/// A control group in the cgroup2 tree.
#[derive(Debug, Clone)]
pub(super) struct Cgroup {
    dir: PathBuf,
}

impl Cgroup {
    /// Returns the group of this path below the root of the tree; it need not be there.
    pub fn new(path: &str) -> Result<Self, LabError> {
        Ok(Self { dir: tree()?.join(path) })
    }

    /// Returns the group a process is in.
    pub fn of(pid: i32) -> Result<Self, LabError> {
        let table = PathBuf::from(format!("/proc/{pid}/cgroup"));
        let text = fs::read_to_string(&table).map_err(file("read", &table))?;
        let path = text.lines().find_map(|it| it.strip_prefix("0::/")).ok_or(LabError::NoCgroup)?;
        Self::new(path)
    }

    /// Makes the group, unless it is there.
    pub fn create(&self) -> Result<(), LabError> {
        fs::create_dir_all(&self.dir).map_err(file("create", &self.dir))
    }

    /// Returns the file that a process writes its id to in order to join.
    pub fn procs(&self) -> PathBuf {
        self.dir.join("cgroup.procs")
    }

    /// Kills all processes in the group and below it.
    pub fn kill(&self) -> Result<(), LabError> {
        let switch = self.dir.join("cgroup.kill");
        if !switch.exists() {
            return Ok(());
        }
        fs::write(&switch, "1").map_err(file("write", &switch))
    }

    /// Removes the group and those below it; what still has processes stays.
    pub fn remove(&self) {
        remove_tree(&self.dir);
    }
}

/// Returns whether hosts will see the controller that limits processes.
pub(super) fn has_pids_controller() -> Result<bool, LabError> {
    let path = tree()?.join("cgroup.controllers");
    let text = fs::read_to_string(&path).map_err(file("read", &path))?;
    Ok(text.split_whitespace().any(|it| it == "pids"))
}

/// Returns where the cgroup2 tree is mounted: at the usual place, or beside the older ones.
fn tree() -> Result<PathBuf, LabError> {
    let table = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(table).map_err(file("read", table))?;
    let line = text.lines().find(|line| line.contains(" - cgroup2 ")).ok_or(LabError::NoCgroup)?;
    line.split(' ').nth(4).map(PathBuf::from).ok_or(LabError::NoCgroup)
}

fn remove_tree(dir: &Path) {
    // A group goes only when it is empty. One that does not is left for the next `down`: it costs nothing and harms nobody.
    if let Ok(entries) = fs::read_dir(dir) {
        for entry in entries.flatten().filter(|it| it.file_type().is_ok_and(|it| it.is_dir())) {
            remove_tree(&entry.path());
        }
    }
    let _ = fs::remove_dir(dir);
}
