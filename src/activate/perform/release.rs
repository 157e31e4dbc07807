//! Releases: what lets a unit begin that waits for units of other hosts. Whoever leads the rollout says it, by a file.
//!
//! Knows no other host; who waits for whom is in the plan of the fleet.

use std::time::Duration;

use crate::failure::{NotBegun, Refusal};
use crate::machine::layout::Layout;
use crate::records::journal;
use store::files::{self, FileError};

/// How long a unit waits at most: longer than a group may take to come up elsewhere.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Says whether a unit may begin in a switch.
pub fn is_there(layout: &Layout, unit: &str, tx: &str) -> bool {
    files::read_text(&layout.release(unit)).is_ok_and(|text| text.trim() == tx)
}

/// Lets units begin in a switch, which may be about to open its journal.
pub fn give(layout: &Layout, units: &[String], tx: &str) -> Result<(), NotBegun> {
    if let Some(records) = journal::read_open(layout)?
        && journal::name_of(&records) != Some(tx)
    {
        return Err(Refusal::OtherSwitch { tx: tx.to_owned() }.into());
    }
    if let Some(unit) = units.iter().find(|unit| unit.contains('/') || unit.starts_with('.')) {
        return Err(Refusal::NoUnitName { unit: unit.clone() }.into());
    }
    files::make_folder(&layout.releases())?;
    for unit in units {
        files::write_atomic(&layout.release(unit), tx.as_bytes(), 0o600)?;
    }
    Ok(())
}

/// Removes what was said to other switches.
pub fn sweep(layout: &Layout, tx: &str) -> Result<(), FileError> {
    for unit in files::names(&layout.releases())? {
        // One with a dot in front is being written.
        if !unit.starts_with('.') && !is_there(layout, &unit, tx) {
            files::remove_file(&layout.release(&unit))?;
        }
    }
    Ok(())
}
