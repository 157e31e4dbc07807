//! The member of a host's group, as the listener of the host sees it: a container and its unit.
//!
//! Keeps nothing: what is known of a member is in the book.

use std::fmt;
use std::process::Command;

use activate::ask::Answer;
use activate::podman::Tools as _;
use activate::tool::HostTools;
use child::{self, run_within};
use store::manifest::{Ask, Probe};

/// How long a member may take to say whether it takes part: shorter than others wait for an answer.
const PROBE_SECS: u64 = 4;

/// What a listener asks of the member of its host, and does to it.
pub trait Member: fmt::Debug + Sync {
    /// Asks whether it takes part.
    fn takes_part(&self) -> bool;
    /// Returns the name of the run of it that a process is in; none for a process that is none of it.
    fn run_of(&self, pid: i32) -> Option<String>;
    /// Has it start again, which makes it wait. Returns whether that was asked for.
    fn restart(&self) -> bool;
}

/// A member that runs in a container.
#[derive(Debug, Clone)]
pub struct Contained {
    /// The container.
    pub container: String,
    /// Run in it: 0 when it takes part.
    pub probe: Vec<String>,
}

impl Contained {
    fn unit(&self) -> String {
        format!("{}.service", self.container)
    }
}

impl Member for Contained {
    fn takes_part(&self) -> bool {
        let probe = Probe { ask: Ask::Command { command: self.probe.clone() }, timeout_secs: PROBE_SECS };
        matches!(HostTools.probe(Some(&self.container), &probe), Ok(Answer::Good))
    }

    fn run_of(&self, pid: i32) -> Option<String> {
        // Everything that runs in the container is in the control group of its unit, and nothing else is.
        let args = ["show", "--property", "ControlGroup,InvocationID", "--", &self.unit()];
        let output = run_within(Command::new("systemctl").args(args), child::ASK).ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        is_within(&cgroup, value("ControlGroup")?).then(|| value("InvocationID").map(str::to_owned))?
    }

    fn restart(&self) -> bool {
        // If it does not, whoever waits asks again.
        let args = ["--no-block", "restart", "--", &self.unit()];
        let asked = run_within(Command::new("systemctl").args(args), child::CHANGE);
        asked.is_ok_and(|it| it.status.success())
    }
}

/// Says whether a process, by its `/proc/PID/cgroup`, is in a control group of systemd or below it.
fn is_within(cgroup: &str, group: &str) -> bool {
    let is_below =
        |path: &str| path.strip_prefix(group).is_some_and(|it| it.is_empty() || it.starts_with('/'));
    let of_systemd = |line: &&str| line.starts_with("0::") || line.contains(":name=systemd:");
    let mut paths = cgroup.lines().filter(of_systemd).filter_map(|line| line.splitn(3, ':').nth(2));
    group.starts_with('/') && group.len() > 1 && paths.any(is_below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_one_of_the_member_by_its_control_group() {
        let group = "/system.slice/db.service";
        let cases = [
            ("0::/system.slice/db.service/libpod-payload-1f\n", true),
            ("0::/system.slice/db.service\n", true),
            ("12:pids:/user.slice\n1:name=systemd:/system.slice/db.service/x\n0::/\n", true),
            ("0::/system.slice/db.service.d/x\n", false),
            ("0::/system.slice/api.service/libpod-payload-1f\n", false),
            ("0::/user.slice/user-1000.slice/user@1000.service/system.slice/db.service\n", false),
            ("12:pids:/system.slice/db.service\n0::/user.slice\n", false),
            ("0::/\n", false),
            ("", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_within(text, group), expected, "{text}");
        }
        // A unit that is not up has no group, and nothing is in it.
        assert!(!is_within("0::/\n", "") && !is_within("0::/x\n", "/"));
    }
}
