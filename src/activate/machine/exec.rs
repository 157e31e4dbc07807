//! Runs commands in containers, and ends them there at their limit: podman's own process is only who waits for them.
//!
//! Decides nothing. A command is known in the container by a variable of its environment, which what it starts has too.

use std::fs;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::tool::ToolError;
use child::run_within;

/// The variable that tells a command of ours in a container.
const MARK: &str = "KOLLA_LANG_EXEC";
/// How long what starts others faster than it can be ended is followed.
const LONGEST: Duration = Duration::from_secs(2);

/// Runs a command in a container; nothing if it did not end in time. Then it is ended, with all that it started.
pub fn exec_within(
    container: &str,
    command: &[String],
    within: Duration,
) -> Result<Option<Output>, ToolError> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mark = format!("{MARK}={}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut podman = Command::new("podman");
    podman.args(["exec", "--env", &mark, container]).args(command);
    match run_within(&mut podman, within) {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.is_late() => {
            end_marked(&mark);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Ends all processes of this machine that have a variable in their environment.
fn end_marked(mark: &str) {
    let until = Instant::now() + LONGEST;
    loop {
        let mut any = false;
        for pid in marked(mark) {
            // Held before it is looked at again: nobody else can have got its number meanwhile.
            let Some(held) = Pid::from_raw(pid).and_then(|it| pidfd_open(it, PidfdFlags::empty()).ok())
            else {
                continue;
            };
            if has_mark(pid, mark) {
                any = true;
                // It may have ended just now.
                let _gone = pidfd_send_signal(&held, Signal::KILL);
            }
        }
        if !any || Instant::now() >= until {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the processes that have a variable in their environment.
fn marked(mark: &str) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<i32>().ok();
    entries.filter_map(pid).filter(|pid| has_mark(*pid, mark)).collect()
}

fn has_mark(pid: i32, mark: &str) -> bool {
    // Of one that is gone, and of a zombie, there is none.
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|it| *it == 0).any(|it| it == mark.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_started_elsewhere_is_ended_by_its_mark() {
        let mark = format!("{MARK}=test-{}", std::process::id());
        let (name, value) = mark.split_once('=').unwrap_or_default();
        let mut other = Command::new("sleep").arg("1000").spawn().unwrap_or_else(|error| panic!("{error}"));
        // In a session of its own, as what runs in a container is.
        let script = "setsid sh -c 'sleep 1000 & sleep 1000; true' & wait";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .env(name, value)
            .spawn()
            .unwrap_or_else(|error| panic!("{error}"));
        let until = Instant::now() + LONGEST;
        while marked(&mark).len() < 4 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(marked(&mark).len(), 4);
        end_marked(&mark);
        child.wait().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(marked(&mark), [0_i32; 0]);
        assert_eq!(other.try_wait().ok().flatten(), None, "what has no mark goes on");
        let _ended = other.kill().and_then(|()| other.wait());
    }
}
