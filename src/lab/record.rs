//! Remembers which process a host or its disk is, across runs of kolla-lang, and knows when that memory is worth nothing.
//!
//! Processes are never looked for by name.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::LabError;
use super::error::file;

/// A running process, as it was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The boot of this machine in which the numbers below mean something.
    boot_id: String,
    /// Its id: of a host, that of its nspawn.
    pub pid: i32,
    /// When it started, in the kernel's ticks: another process may get the same number later.
    started: u64,
}

impl Record {
    /// Returns the record of a process that runs now.
    pub fn of(pid: i32) -> Result<Self, LabError> {
        let stat = Path::new("/proc").join(pid.to_string()).join("stat");
        let text = fs::read_to_string(&stat).map_err(file("read", &stat))?;
        let started = start_time(&text).ok_or(io::ErrorKind::NotFound.into()).map_err(file("read", &stat))?;
        Ok(Self { boot_id: boot_id()?, pid, started })
    }

    /// Returns the record at a path, if there is one of a process that still runs.
    pub fn load(path: &Path) -> Result<Option<Self>, LabError> {
        let text = match fs::read_to_string(path) {
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(file("read", path))?,
        };
        // What cannot be read was half written when the machine stopped, so its process is gone too.
        let record: Option<Self> = serde_json::from_str(&text).ok();
        Ok(record.filter(|it| Self::of(it.pid).is_ok_and(|now| now == *it)))
    }

    /// Writes the record to a path.
    pub fn save(&self, path: &Path) -> Result<(), LabError> {
        let text =
            format!(r#"{{"boot_id":"{}","pid":{},"started":{}}}"#, self.boot_id, self.pid, self.started);
        fs::write(path, text).map_err(file("write", path))
    }

    /// Returns the host's first process, which is the child of nspawn.
    pub fn init(&self) -> Option<i32> {
        let pid = self.pid;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }
}

/// Returns the 22nd field of /proc/PID/stat, unless the third says that the process is dead and only waits to be asked how
/// it ended. The second is the command in brackets and may hold anything.
fn start_time(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let alive = !matches!(fields.next()?, "Z" | "X");
    alive.then(|| fields.nth(18)?.parse().ok())?
}

fn boot_id() -> Result<String, LabError> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    fs::read_to_string(path).map(|it| it.trim().to_owned()).map_err(file("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 12345 0 0";
        assert_eq!(start_time(stat), Some(12345));
        assert_eq!(start_time(&stat.replace(") S", ") Z")), None);
    }

    #[test]
    fn a_record_of_another_process_is_none() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("run.json");
        assert_eq!(Record::load(&path).expect("no file is no record"), None);
        let own = i32::try_from(std::process::id()).expect("a process id");
        let record = Record::of(own).expect("this process runs");
        record.save(&path).expect("it is written");
        assert_eq!(Record::load(&path).expect("it is read"), Some(record.clone()));
        Record { started: record.started + 1, ..record }.save(&path).expect("it is written");
        assert_eq!(Record::load(&path).expect("it is read"), None);
    }
}
