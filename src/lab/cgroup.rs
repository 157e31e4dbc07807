//! Gives each host a control group of its own, away from the session that started it.
//!
//! Sets no limits.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::LabError;
use super::error::file;

/// A control group in the cgroup2 tree.
#[derive(Debug, Clone)]
pub(super) struct Cgroup {
    tree: PathBuf,
    dir: PathBuf,
}

impl Cgroup {
    /// Returns the group of this path below the root of the tree; it need not be there.
    pub fn new(path: &str) -> Result<Self, LabError> {
        let tree = tree()?;
        Ok(Self { dir: tree.join(path), tree })
    }

    /// Returns the group a process is in.
    pub fn of(pid: i32) -> Result<Self, LabError> {
        let table = PathBuf::from(format!("/proc/{pid}/cgroup"));
        let text = fs::read_to_string(&table).map_err(file("read", &table))?;
        let path = text.lines().find_map(|it| it.strip_prefix("0::/")).ok_or(LabError::NoCgroup)?;
        Self::new(path)
    }

    /// Makes the group, unless it is there, and hands it what controllers there are: each group passes on only what it is told to.
    pub fn create(&self) -> Result<(), LabError> {
        fs::create_dir_all(&self.dir).map_err(file("create", &self.dir))?;
        let above: Vec<_> = self.dir.ancestors().skip(1).take_while(|it| **it != self.tree).collect();
        for dir in above.into_iter().rev() {
            for controller in controllers(dir)?.split_whitespace() {
                // What cannot be passed on is missing in the host, as it is on this machine: `has` is what counts.
                let _ = fs::write(dir.join("cgroup.subtree_control"), format!("+{controller}"));
            }
        }
        Ok(())
    }

    /// Returns whether a controller is at work in the group.
    pub fn has(&self, controller: &str) -> Result<bool, LabError> {
        Ok(controllers(&self.dir)?.split_whitespace().any(|it| it == controller))
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

    /// Kills what is left in the group and removes it with those below it.
    pub fn remove(&self) -> Result<(), LabError> {
        if !self.dir.exists() {
            return Ok(());
        }
        self.kill()?;
        // The killed are gone from the group only after they are gone altogether.
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.populated() && Instant::now() < deadline {
            sleep(Duration::from_millis(10));
        }
        remove_tree(&self.dir)
    }

    fn populated(&self) -> bool {
        fs::read_to_string(self.dir.join("cgroup.events")).is_ok_and(|it| it.contains("populated 1"))
    }
}

fn controllers(dir: &Path) -> Result<String, LabError> {
    let path = dir.join("cgroup.controllers");
    fs::read_to_string(&path).map_err(file("read", &path))
}

/// Returns where the cgroup2 tree is mounted: at the usual place, or beside the older ones.
fn tree() -> Result<PathBuf, LabError> {
    let table = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(table).map_err(file("read", table))?;
    let line = text.lines().find(|line| line.contains(" - cgroup2 ")).ok_or(LabError::NoCgroup)?;
    line.split(' ').nth(4).map(PathBuf::from).ok_or(LabError::NoCgroup)
}

fn remove_tree(dir: &Path) -> Result<(), LabError> {
    for entry in fs::read_dir(dir).map_err(file("list", dir))?.flatten() {
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(dir).map_err(file("remove", dir))
}
