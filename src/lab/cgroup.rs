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

    /// Kills what is left in the group and removes it with those below it, and what nspawn made of the same name in older trees.
    pub fn remove(&self) -> Result<(), LabError> {
        self.remove_from_tree()?;
        let below = self.dir.strip_prefix(&self.tree).unwrap_or(&self.dir);
        for tree in trees(&mount_table()?, "cgroup") {
            remove_empty(&tree.join(below));
        }
        Ok(())
    }

    fn remove_from_tree(&self) -> Result<(), LabError> {
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
    trees(&mount_table()?, "cgroup2").into_iter().next().ok_or(LabError::NoCgroup)
}

fn mount_table() -> Result<String, LabError> {
    let table = Path::new("/proc/self/mountinfo");
    fs::read_to_string(table).map_err(file("read", table))
}

/// Returns where the trees of a kind are mounted, by a mountinfo table: `cgroup2`, or `cgroup` for each of the older ones.
fn trees(table: &str, kind: &str) -> Vec<PathBuf> {
    let of_kind =
        |line: &&str| line.split_once(" - ").is_some_and(|(_, it)| it.split(' ').next() == Some(kind));
    table.lines().filter(of_kind).filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from).collect()
}

/// Removes groups of an older tree, if they are there. Their processes ended with those of the cgroup2 tree; one that is not empty all the
/// same is not the lab's alone, and stays.
fn remove_empty(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    let _left = fs::remove_dir(dir);
}

fn remove_tree(dir: &Path) -> Result<(), LabError> {
    for entry in fs::read_dir(dir).map_err(file("list", dir))?.flatten() {
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(dir).map_err(file("remove", dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
        22 1 0:21 / /proc rw shared:5 - proc proc rw\n\
        30 25 0:26 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,name=systemd\n\
        31 25 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
        32 25 0:28 / /sys/fs/cgroup/unified rw shared:11 - cgroup2 cgroup2 rw\n";

    #[test]
    fn trees_are_told_apart_by_their_kind() {
        assert_eq!(trees(TABLE, "cgroup2"), [Path::new("/sys/fs/cgroup/unified")]);
        let older = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/pids"].map(Path::new);
        assert_eq!(trees(TABLE, "cgroup"), older);
    }

    #[test]
    fn what_is_not_empty_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let group = dir.path().join("lab");
        fs::create_dir_all(group.join("ctl01/payload")).expect("a group");
        fs::create_dir_all(group.join("ctl02")).expect("a group");
        fs::write(group.join("ctl02/others"), "").expect("something of others");
        remove_empty(&group);
        assert!(!group.join("ctl01").exists() && group.join("ctl02/others").exists());
    }
}
