//! Whose a unit is, by the file that defines it and by what runs in it: a generation's, or the host's own.

use std::path::Path;

use super::layout::Layout;
use super::systemd::UnitState;
use store::files;

/// Where the generators of units write.
pub const GENERATED: &str = "/run/systemd/generator";

/// Says whether systemd knows a unit by a file that no generation has. One of which nobody knows the file any more is what a generation
/// left running.
pub fn is_of_others(layout: &Layout, state: &UnitState) -> bool {
    let path = state.fragment.as_str();
    if path.is_empty() {
        return false;
    }
    let is_generated = path.strip_prefix(GENERATED).is_some_and(|rest| rest.starts_with('/'));
    let at = layout.at(path);
    !is_generated || (at.symlink_metadata().is_ok() && !is_made_of_ours(&at))
}

/// Returns what a unit's main process is called, if it is none by which podman runs a container: it ran before the unit was ours.
pub fn other_process(layout: &Layout, state: &UnitState) -> Option<String> {
    // Of one that is being started, the process is called as systemd calls its own until it runs podman.
    if state.active != "active" || state.main_pid == 0 {
        return None;
    }
    let name = files::read_if_there(&layout.at(&format!("/proc/{}/comm", state.main_pid))).ok().flatten()?;
    let name = String::from_utf8_lossy(&name).trim().to_owned();
    (!matches!(name.as_str(), "conmon" | "podman")).then_some(name)
}

/// Says whether a file of a unit was made of a generation, by our generator or by Quadlet. What cannot be read is not told from what
/// others made.
pub fn is_made_of_ours(path: &Path) -> bool {
    let text = files::read_if_there(path).ok().flatten().unwrap_or_default();
    let is_made =
        String::from_utf8_lossy(&text).lines().any(|line| line.starts_with("SourcePath=/etc/kolla-lang/"));
    is_made || std::fs::read_link(path).is_ok_and(|it| it.starts_with("/etc/kolla-lang"))
}
