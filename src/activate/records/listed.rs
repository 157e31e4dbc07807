//! The generations of a host as they are listed: what each is to the host, and what is wrong with it.
//!
//! A damaged one is listed with its problem and hides no other.

use serde::Serialize;

use super::error_report::error_chain;
use super::generation::{self, Record};
use super::history::{self, End};
use super::pins;
use crate::machine::layout::Layout;
use store::StoreError;

/// A generation as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its number.
    pub number: u64,
    /// What the host noted of it; absent if that cannot be read.
    pub record: Option<Record>,
    /// Why it cannot be read.
    pub problem: Option<String>,
    /// Whether it is the committed one, which the host boots.
    pub booted: bool,
    /// Whether it is on trial.
    pub on_trial: bool,
    /// Whether a rollback goes there.
    pub before: bool,
    /// Whether it ever was committed; a switch that was cut off leaves one that was not.
    pub committed: bool,
    /// The names of the pins that keep it.
    pub pins: Vec<String>,
}

/// Lists all generations, oldest first.
pub fn list(layout: &Layout) -> Result<Vec<Listed>, StoreError> {
    let (booted, on_trial) = (generation::booted(layout)?, generation::on_trial(layout)?);
    let events = history::load(layout)?;
    let before = booted.and_then(|it| history::before(&events, it));
    // That a pin cannot be read is told by those who would remove what it keeps.
    let pins = pins::load(layout).unwrap_or_default();
    let mut numbers = generation::numbers(layout)?;
    numbers.sort_unstable();
    let listed = |number| {
        let (record, problem) = match generation::load_record(layout, number) {
            Ok(record) => (Some(record), None),
            Err(error) => (None, Some(error_chain(&error))),
        };
        let committed = events.iter().any(|it| it.to == number && it.end == End::Committed);
        let names = pins.iter().filter(|it| it.number == number).map(|it| it.name.clone());
        Listed {
            number,
            record,
            problem,
            booted: booted == Some(number),
            on_trial: on_trial == Some(number),
            before: before == Some(number),
            committed: committed || booted == Some(number),
            pins: names.collect(),
        }
    };
    Ok(numbers.into_iter().map(listed).collect())
}
