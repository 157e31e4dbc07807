//! Pins: names that keep a generation from being removed until they are taken away.
//!
//! A pin says nothing about what boots.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::history::seconds_now;
use crate::machine::layout::Layout;
use store::Digest;
use store::files::{self, FileError};
use store::sealed::{self, SealedError};

/// A name that keeps a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The name.
    pub name: String,
    /// The generation.
    pub number: u64,
    /// Seconds since 1970.
    pub time: u64,
}

/// Reads all pins, by name. One that cannot be read is an error: what it kept must not be removed.
pub fn load(layout: &Layout) -> Result<Vec<Pin>, SealedError> {
    let names = files::names(&layout.pins())?;
    let paths = names.iter().filter(|name| name.ends_with(".json")).map(|name| layout.pins().join(name));
    let mut pins: Vec<Pin> = paths.map(|path| sealed::read(&path)).collect::<Result<_, _>>()?;
    pins.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(pins)
}

/// Pins a generation; a pin of the same name is moved.
pub fn pin(layout: &Layout, name: &str, number: u64) -> Result<Pin, FileError> {
    let pin = Pin { name: name.to_owned(), number, time: seconds_now() };
    sealed::write(&path(layout, name), &pin)?;
    Ok(pin)
}

/// Takes a pin away, and says whether there was one.
pub fn unpin(layout: &Layout, name: &str) -> Result<bool, FileError> {
    let path = path(layout, name);
    let was = files::exists(&path);
    files::remove_file(&path)?;
    if was {
        files::sync_folder(&layout.pins())?;
    }
    Ok(was)
}

fn path(layout: &Layout, name: &str) -> PathBuf {
    // A name is any text, a file name is not.
    layout.pins().join(format!("{}.json", Digest::of(name.as_bytes())))
}
