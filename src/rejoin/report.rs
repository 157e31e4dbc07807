//! What a listener leaves for others on its host to read, and what an operator leaves for it. All of it dies with the power.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::protocol::State;
use activate::layout::Layout;
use store::files::{self, FileError};

/// The version of reports.
pub const VERSION: u32 = 2;

/// What a listener knew last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The version of this form, 2.
    pub version: u32,
    /// The group.
    pub group: String,
    /// This host.
    pub host: String,
    /// Why the member here waits; none: it does not.
    pub waits: Option<String>,
    /// All members that are known, by host; none for a host that did not answer.
    pub members: BTreeMap<String, Option<State>>,
    /// Why those that did not answer did not, by host.
    pub silent: BTreeMap<String, String>,
}

/// Writes what a listener knows.
pub fn write(layout: &Layout, report: &Report) -> Result<(), FileError> {
    files::make_private_folder(&folder(layout))?;
    // Writing plain structs into memory cannot fail.
    let text = serde_json::to_string_pretty(report).unwrap_or_default();
    files::write_atomic(&path(layout, &report.group), text.as_bytes(), 0o600)
}

/// Reads what the listener of a group knew last. One that cannot be read is no report: the listener writes the next one soon.
pub fn read(layout: &Layout, group: &str) -> Result<Option<Report>, FileError> {
    let bytes = files::read_if_there(&path(layout, group))?;
    Ok(bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .filter(|it: &Report| it.version == VERSION))
}

/// Reads the reports of all groups whose member on this host waits, sorted.
pub fn waiting(layout: &Layout) -> Result<Vec<Report>, FileError> {
    let names = files::names(&folder(layout))?;
    let groups = names.iter().filter_map(|name| name.strip_suffix(".json"));
    let mut all = Vec::new();
    for group in groups {
        all.extend(read(layout, group)?.filter(|it| it.waits.is_some()));
    }
    all.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(all)
}

/// Writes which hosts an operator counts as gone.
pub fn count_as_gone(layout: &Layout, group: &str, hosts: &BTreeSet<String>) -> Result<(), FileError> {
    let text = serde_json::to_string(hosts).unwrap_or_default();
    files::write_atomic(&word_path(layout, group), text.as_bytes(), 0o600)
}

/// Reads which hosts an operator counts as gone; in doubt none.
pub fn gone(layout: &Layout, group: &str) -> BTreeSet<String> {
    let bytes = files::read_if_there(&word_path(layout, group)).ok().flatten();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Takes an operator's word back: it was for one beginning.
pub fn forget_gone(layout: &Layout, group: &str) -> Result<(), FileError> {
    match files::exists(&word_path(layout, group)) {
        true => files::remove_file(&word_path(layout, group)),
        false => Ok(()),
    }
}

/// Returns the folder that the container of a member has by a mount, and nobody else on its host may reach.
pub fn member_folder(layout: &Layout, group: &str) -> PathBuf {
    folder(layout).join(group)
}

/// Returns where a member speaks to the listener of its host.
pub fn member_socket(layout: &Layout, group: &str) -> PathBuf {
    member_folder(layout, group).join("member")
}

fn folder(layout: &Layout) -> PathBuf {
    layout.run().join("rejoin")
}

fn path(layout: &Layout, group: &str) -> PathBuf {
    folder(layout).join(format!("{group}.json"))
}

fn word_path(layout: &Layout, group: &str) -> PathBuf {
    folder(layout).join(format!("{group}.gone"))
}
