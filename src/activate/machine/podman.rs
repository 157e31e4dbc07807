//! What a switch asks of podman and of the kernel's tools, each a program of the host.
//!
//! Decides nothing, and makes no container itself: that is done by the units. What lies in podman's store is told by `stock`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::ask::{self, Answer};
use super::exec::exec_within;
use super::inventory::ContainerInventory;
use super::memory::Memory;
use super::tool::{HostTools, ToolError, ask_of, change, failed, run, succeed, text};
use store::manifest::{Ask, Probe};

/// What a switch asks of the host's programs. Tests have one of their own.
pub trait Tools: ContainerInventory + Memory {
    /// Returns podman's version, like `5.4.2`.
    fn podman_version(&mut self) -> Result<String, ToolError>;
    /// Says whether an image is on this host.
    fn has_image(&mut self, reference: &str) -> Result<bool, ToolError>;
    /// Gets an image from its registry; with a login from a file, or one of podman's own.
    fn pull(&mut self, reference: &str, login: Option<&Path>) -> Result<(), ToolError>;
    /// Returns the folder of podman's store, an absolute path.
    fn image_store(&mut self) -> Result<String, ToolError>;
    /// Returns what podman tells of a container; nothing of one that is not there.
    fn inspect(&mut self, container: &str) -> Result<Inspected, ToolError>;
    /// Returns what a container's last health check printed.
    fn health_words(&mut self, container: &str) -> Vec<String>;
    /// Asks one question of a gate.
    fn probe(&mut self, container: Option<&str>, probe: &Probe) -> Result<Answer, ToolError>;
    /// Returns the number that a command in a container prints; none if it prints no number.
    fn progress(&mut self, container: &str, command: &[String]) -> Option<f64>;
    /// Returns all volumes with what tells each from a later one of the same name.
    fn volumes(&mut self) -> Result<BTreeMap<String, String>, ToolError>;
    /// Removes a volume with all that is in it.
    fn remove_volume(&mut self, name: &str) -> Result<(), ToolError>;
    /// Runs a command in a container. At its limit it is ended there.
    fn exec(&mut self, container: &str, command: &[String], within: Duration) -> Result<(), ToolError>;
    /// Has Quadlet read a folder without doing anything, and returns what it would make of it.
    fn dry_run(&mut self, folder: &Path) -> Result<DryRun, ToolError>;
    /// Has systemd read unit files without doing anything, and returns what it complained of. `beside` has units that those
    /// files may name.
    fn verify(&mut self, units: &[PathBuf], beside: &Path) -> Result<Vec<String>, ToolError>;
    /// Loads a module into the kernel.
    fn load_module(&mut self, name: &str) -> Result<(), ToolError>;
}

/// What podman tells of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspected {
    /// The name of its unit in the description, if it is one of ours.
    pub unit: String,
    /// The process that watches over it, which is its unit's main process, and its own first one.
    pub pids: Vec<u32>,
    /// What its health check says.
    pub health: Health,
}

impl Inspected {
    /// Reads what podman printed by [`INSPECT`].
    fn parse(text: &str) -> Self {
        let mut fields = text.split('\u{1}');
        let mut next = || fields.next().unwrap_or_default().trim();
        let unit = next().to_owned();
        let pids = [next(), next()].iter().filter_map(|it| it.parse().ok()).filter(|pid| *pid != 0).collect();
        let health = match next() {
            "healthy" => Health::Healthy,
            "starting" | "stopped" => Health::NotYet,
            "unhealthy" => Health::Unhealthy,
            _ => Health::Unknown,
        };
        Self { unit, pids, health }
    }
}

/// What is asked of podman about a container. Without a health check that field is null.
const INSPECT: &str = "{{index .Config.Labels \"kolla-lang.unit\"}}\u{1}{{.State.ConmonPid}}\u{1}{{.State.Pid}}\u{1}\
{{if .State.Health}}{{.State.Health.Status}}{{end}}";

/// What a container's health check says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    /// The last check passed.
    Healthy,
    /// No check passed yet, or the last one failed.
    NotYet,
    /// As many checks failed in a row as make it unhealthy.
    Unhealthy,
    /// There is no such container, or it has no health check.
    #[default]
    Unknown,
}

impl Health {
    /// Returns the word that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::NotYet => "starting",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "without a health check",
        }
    }
}

/// What Quadlet would make of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DryRun {
    /// The units it would write.
    pub units: BTreeSet<String>,
    /// What it complained of.
    pub complaints: Vec<String>,
}

/// Where distributions keep Quadlet's generator.
pub const QUADLET: [&str; 2] = ["/usr/libexec/podman/quadlet", "/usr/lib/podman/quadlet"];

impl Tools for HostTools {
    fn podman_version(&mut self) -> Result<String, ToolError> {
        let output = ask_of(Command::new("podman").args(["version", "--format", "{{.Client.Version}}"]))?;
        Ok(text(&output.stdout))
    }

    fn has_image(&mut self, reference: &str) -> Result<bool, ToolError> {
        let output = run(Command::new("podman").args(["image", "exists", reference]))?;
        match output.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(failed(&format!("podman image exists {reference}"), &output)),
        }
    }

    fn pull(&mut self, reference: &str, login: Option<&Path>) -> Result<(), ToolError> {
        let mut command = Command::new("podman");
        command.args(["pull", "--quiet"]);
        login.map(|file| command.arg("--authfile").arg(file));
        succeed(command.arg(reference), PULL).map(drop)
    }

    fn image_store(&mut self) -> Result<String, ToolError> {
        let output = ask_of(Command::new("podman").args(["info", "--format", "{{.Store.GraphRoot}}"]))?;
        Ok(text(&output.stdout))
    }

    fn inspect(&mut self, container: &str) -> Result<Inspected, ToolError> {
        let output =
            run(Command::new("podman").args(["container", "inspect", "--format", INSPECT, container]))?;
        Ok(Inspected::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    fn health_words(&mut self, container: &str) -> Vec<String> {
        let format =
            "{{if .State.Health}}{{range .State.Health.Log}}\u{1}{{.ExitCode}} {{.Output}}{{end}}{{end}}";
        // They only explain a failure that is reported anyway.
        let output =
            run(Command::new("podman").args(["container", "inspect", "--format", format, container]));
        let all = output.map(|it| text(&it.stdout)).unwrap_or_default();
        let Some((status, words)) = all.rsplit('\u{1}').next().and_then(|last| last.split_once(' ')) else {
            return Vec::new();
        };
        let words = words.lines().map(str::to_owned);
        std::iter::once(format!("its last health check ended with status {status}")).chain(words).collect()
    }

    fn probe(&mut self, container: Option<&str>, probe: &Probe) -> Result<Answer, ToolError> {
        let within = Duration::from_secs(probe.timeout_secs);
        Ok(match (&probe.ask, container) {
            (Ask::Tcp { address, port }, _) => ask::tcp(*address, *port, within),
            (Ask::Http { address, port, path, status }, _) => {
                ask::http(*address, *port, path, *status, within)
            }
            (Ask::Command { command }, Some(container)) => {
                let Some(output) = exec_within(container, command, within)? else {
                    return Ok(Answer::Bad(format!("no answer within {} s", probe.timeout_secs)));
                };
                if output.status.success() {
                    return Ok(Answer::Good);
                }
                let said = [&output.stderr, &output.stdout].map(|it| text(it));
                let last = said.iter().find_map(|it| it.lines().last());
                Answer::Bad(last.map_or_else(|| output.status.to_string(), str::to_owned))
            }
            (Ask::Command { .. }, None) => Answer::Bad("it has no container to ask in".to_owned()),
        })
    }

    fn progress(&mut self, container: &str, command: &[String]) -> Option<f64> {
        // A container that cannot say how far it is has not come further.
        let output = exec_within(container, command, PROGRESS_WITHIN).ok()??;
        let number = text(&output.stdout).lines().last()?.trim().parse::<f64>().ok()?;
        (output.status.success() && number.is_finite()).then_some(number)
    }

    fn volumes(&mut self) -> Result<BTreeMap<String, String>, ToolError> {
        // When a volume was made is kept with it, survives a reboot, and differs for one made anew; as a number, it does
        // not depend on the time zone.
        let format = "{{.Name}} {{.CreatedAt.UnixNano}}";
        let output = ask_of(Command::new("podman").args(["volume", "ls", "--format", format]))?;
        let pair = |line: &str| line.split_once(' ').map(|(name, made)| (name.to_owned(), made.to_owned()));
        Ok(text(&output.stdout).lines().filter_map(pair).collect())
    }

    fn remove_volume(&mut self, name: &str) -> Result<(), ToolError> {
        change(Command::new("podman").args(["volume", "rm", name]))
    }

    fn exec(&mut self, container: &str, command: &[String], within: Duration) -> Result<(), ToolError> {
        let words = format!("podman exec {container} {}", command.join(" "));
        match exec_within(container, command, within)? {
            Some(output) if output.status.success() => Ok(()),
            Some(output) => Err(failed(&words, &output)),
            None => Err(ToolError::Failed {
                command: words,
                complaint: format!("it was not done within {} s, and was ended", within.as_secs()),
            }),
        }
    }

    fn dry_run(&mut self, folder: &Path) -> Result<DryRun, ToolError> {
        let output = run(Command::new(quadlet()?).arg("--dryrun").env("QUADLET_UNIT_DIRS", folder))?;
        let units = text(&output.stdout).lines().filter_map(dry_run_unit).map(str::to_owned).collect();
        let complaints =
            text(&output.stderr).lines().filter(|line| !is_chatter(line)).map(str::to_owned).collect();
        Ok(DryRun { units, complaints })
    }

    fn verify(&mut self, units: &[PathBuf], beside: &Path) -> Result<Vec<String>, ToolError> {
        // It ends well over values that it does not understand, so what it says is all that counts. A colon at the end
        // stands for the folders of the host.
        let mut command = Command::new("systemd-analyze");
        command.args(["verify", "--man=no", "--recursive-errors=no"]).args(units);
        let output = run(command.env("SYSTEMD_UNIT_PATH", format!("{}:", beside.display())))?;
        let said = [text(&output.stdout), text(&output.stderr)].join("\n");
        let mut complaints: Vec<String> =
            said.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        if complaints.is_empty() && !output.status.success() {
            complaints.push(format!("systemd-analyze ended with {}", output.status));
        }
        Ok(complaints)
    }

    fn load_module(&mut self, name: &str) -> Result<(), ToolError> {
        change(Command::new("modprobe").args(["--", name]))
    }
}

/// Returns Quadlet's generator.
fn quadlet() -> Result<PathBuf, ToolError> {
    QUADLET.iter().map(PathBuf::from).find(|path| path.is_file()).ok_or(ToolError::NoQuadlet)
}

/// Returns the unit that a line of a dry run announces, written as `---name.service---`.
fn dry_run_unit(line: &str) -> Option<&str> {
    line.strip_prefix("---")?.strip_suffix("---").filter(|name| !name.is_empty())
}

/// Says whether a line of a dry run is no complaint.
fn is_chatter(line: &str) -> bool {
    line.trim().is_empty() || line.contains("Loading source unit file")
}

/// How long a container may take to say how far it has come.
const PROGRESS_WITHIN: Duration = Duration::from_secs(10);
/// How long an image may take to come from its registry.
const PULL: Duration = Duration::from_secs(30 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_podman_tells_of_a_container_is_read() {
        let read = |text: &str| Inspected::parse(text);
        let web = Inspected { unit: "web".to_owned(), pids: vec![41, 42], health: Health::NotYet };
        assert_eq!(read("web\u{1}41\u{1}42\u{1}starting\n"), web);
        assert_eq!(read("web\u{1}41\u{1}42\u{1}\n"), Inspected { health: Health::Unknown, ..web });
        let stopped = read("<no value>\u{1}0\u{1}0\u{1}\n");
        assert_eq!((stopped.unit.as_str(), stopped.pids.len()), ("<no value>", 0));
        // One that is not there.
        assert_eq!(read("\n"), Inspected::default());
    }
}
