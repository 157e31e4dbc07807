//! What happened on a host: a line for each switch, only ever added to.
//!
//! Decides nothing; `boot` alone says which generation holds.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::machine::layout::Layout;
use store::files::{self, FileError, failed};
use store::{Digest, StoreError, versioned};

/// One line of history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The version of this form, 1.
    pub version: u32,
    /// Names the switch; a line that is there already is not added again.
    pub tx: String,
    /// Seconds since 1970.
    pub time: u64,
    /// What was asked for.
    pub kind: Kind,
    /// How it ended.
    pub end: End,
    /// The generation before; absent if there was none.
    pub from: Option<u64>,
    /// The generation that was asked for.
    pub to: u64,
    /// Names the closure that was asked for.
    pub closure: Digest,
    /// Tasks that were done and stay done, whatever the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// Why it failed, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Says what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A new generation.
    Switch,
    /// An earlier one again.
    Rollback,
}

/// Says how a switch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The generation asked for holds.
    Committed,
    /// The one before holds, and its units run.
    Reverted,
    /// The one before holds, and somebody must look.
    Stuck,
}

/// Returns the seconds since 1970.
pub fn seconds_now() -> u64 {
    UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

/// Reads all of history, oldest first.
pub fn load(layout: &Layout) -> Result<Vec<Event>, StoreError> {
    let path = layout.history();
    let bytes = files::read_if_there(&path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    // A power cut may have left half a last line; it tells of a switch that `boot` knows better.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let read = |(at, line): (usize, &str)| {
        let damaged =
            |why| StoreError::Record { path: path.clone(), why: format!("in line {}, {why}", at + 1) };
        versioned::parse(line.as_bytes(), 1).map_err(damaged)
    };
    whole.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(read).collect()
}

/// Adds a line to history, on disk when it returns. What was added before, by a process that was killed then, is not added again.
pub fn add(layout: &Layout, event: &Event) -> Result<(), FileError> {
    let path = layout.history();
    if load(layout).is_ok_and(|events| events.iter().any(|it| it.tx == event.tx)) {
        return Ok(());
    }
    files::make_folder(path.parent().unwrap_or(layout.root()))?;
    // Writing plain structs into memory cannot fail.
    let mut line = serde_json::to_string(event).unwrap_or_default();
    line.push('\n');
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o644);
    let mut file = options.open(&path).map_err(failed!(Write, path))?;
    // Half a line is what a power cut left of an event that never returned; the next one must not be glued to it.
    let bytes = files::read(&path)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole < bytes.len() {
        file.set_len(whole as u64).map_err(failed!(Write, path))?;
    }
    file.write_all(line.as_bytes()).map_err(failed!(Write, path))?;
    file.sync_all().map_err(failed!(Sync, path))?;
    files::sync_folder(path.parent().unwrap_or(layout.root()))
}

/// Returns the highest number that history tells of.
pub fn highest_number(events: &[Event]) -> u64 {
    events.iter().map(|event| event.to).max().unwrap_or(0)
}

/// Returns the generation before the booted one: a switch goes one further, a rollback goes back to where it was.
pub fn before(events: &[Event], booted: u64) -> Option<u64> {
    let mut trail: Vec<u64> = Vec::new();
    for event in events.iter().filter(|event| event.end == End::Committed) {
        match trail.iter().rposition(|number| *number == event.to) {
            Some(at) if event.kind == Kind::Rollback => trail.truncate(at + 1),
            _ => trail.push(event.to),
        }
    }
    let at = trail.iter().rposition(|number| *number == booted)?;
    at.checked_sub(1).map(|before| trail[before])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(events: &[(Kind, u64)]) -> Vec<Event> {
        let event = |(kind, to): &(Kind, u64)| Event {
            version: 1,
            tx: to.to_string(),
            time: 0,
            kind: *kind,
            end: End::Committed,
            from: None,
            to: *to,
            closure: Digest::of(b""),
            tasks: vec![],
            reason: None,
        };
        events.iter().map(event).collect()
    }

    #[test]
    fn before_goes_back_and_not_to_and_fro() {
        use Kind::{Rollback, Switch};
        assert_eq!(before(&trail(&[(Switch, 1)]), 1), None);
        assert_eq!(before(&trail(&[(Switch, 1), (Switch, 2), (Switch, 3)]), 3), Some(2));
        assert_eq!(before(&trail(&[(Switch, 1), (Switch, 2), (Switch, 3), (Rollback, 2)]), 2), Some(1));
        assert_eq!(before(&trail(&[(Switch, 1), (Switch, 2), (Rollback, 1)]), 1), None);
        assert_eq!(before(&trail(&[(Switch, 1), (Switch, 2), (Rollback, 1), (Switch, 3)]), 3), Some(1));
    }

    #[test]
    fn half_a_last_line_is_no_history_and_spoils_none() {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let layout = Layout::new(root.path());
        let events = trail(&[(Kind::Switch, 1), (Kind::Switch, 2)]);
        add(&layout, &events[0]).unwrap_or_else(|error| panic!("{error}"));
        let mut text = files::read(&layout.history()).unwrap_or_default();
        text.extend(b"{\"version\":1,\"ti");
        files::write_atomic(&layout.history(), &text, 0o644).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(load(&layout).ok(), Some(events[..1].to_vec()));
        add(&layout, &events[1]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(load(&layout).ok(), Some(events));
    }
}
