//! Formats of data: the latest that units of this host were ever started with, for each volume.
//!
//! A record is written before the first unit of a later format starts, and says nothing of a volume that was made anew since.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::generation::LaterVolume;
use super::history::seconds_now;
use crate::failure::Failure;
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use store::Manifest;
use store::files::{self, FileError};
use store::version::Version;
use store::versioned;

/// A record as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The version of this form, 1.
    version: u32,
    volume: String,
    format: Version,
    /// What told the volume from a later one of the same name; absent where it was made by the very start that this was written for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    /// Seconds since 1970.
    time: u64,
}

/// What is known of the data in a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Units of this format ran, and of no later one.
    Latest(Version),
    /// The record is damaged.
    Damaged,
}

/// Returns what is recorded of a volume, or of an earlier one of its name.
pub fn recorded(layout: &Layout, volume: &str) -> Result<Option<Known>, FileError> {
    let Some(bytes) = files::read_if_there(&path(layout, volume))? else { return Ok(None) };
    let read = versioned::parse::<Written>(&bytes, 1).ok().filter(|it| it.volume == volume);
    Ok(Some(read.map_or(Known::Damaged, |it| Known::Latest(it.format))))
}

/// Returns what is known of the volumes that a host has, given what tells each from another of its name.
pub fn known(
    layout: &Layout,
    volumes: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Known>, FileError> {
    let mut known = BTreeMap::new();
    for (volume, identity) in volumes {
        let Some(bytes) = files::read_if_there(&path(layout, volume))? else { continue };
        match versioned::parse::<Written>(&bytes, 1) {
            Ok(it) if it.volume == *volume => {
                if it.identity.is_none_or(|was| was == *identity) {
                    known.insert(volume.clone(), Known::Latest(it.format));
                }
            }
            _ => {
                known.insert(volume.clone(), Known::Damaged);
            }
        }
    }
    Ok(known)
}

/// Notes the formats that a unit is about to write, on disk when it returns. An earlier one than is known changes nothing.
pub fn note(layout: &Layout, tools: &mut dyn Tools, manifest: &Manifest, unit: &str) -> Result<(), Failure> {
    let written = manifest.formats.iter().filter(|(_, format)| format.units.iter().any(|it| it == unit));
    let written: Vec<_> = written.collect();
    if written.is_empty() {
        return Ok(());
    }
    let volumes = tools.volumes()?;
    let known = known(layout, &volumes)?;
    for (volume, format) in written {
        // A damaged record was refused before the switch began, so this one is not lower.
        let is_later = match known.get(volume) {
            Some(Known::Latest(has)) => *has < format.version,
            Some(Known::Damaged) => false,
            None => true,
        };
        if !is_later {
            continue;
        }
        files::make_folder(&layout.formats())?;
        let written = Written {
            version: 1,
            volume: volume.clone(),
            format: format.version,
            identity: volumes.get(volume).cloned(),
            time: seconds_now(),
        };
        // Writing plain structs into memory cannot fail.
        let text = serde_json::to_string(&written).unwrap_or_default();
        files::write_synced(&path(layout, volume), text.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// Returns the volumes whose data have a later format than a generation reads.
pub fn later(
    layout: &Layout,
    tools: &mut dyn Tools,
    manifest: &Manifest,
) -> Result<Vec<LaterVolume>, Failure> {
    if manifest.formats.is_empty() {
        return Ok(Vec::new());
    }
    let known = known(layout, &tools.volumes()?)?;
    let mut all = Vec::new();
    for (volume, format) in &manifest.formats {
        let Some(Known::Latest(has)) = known.get(volume).copied() else { continue };
        if has > format.version {
            let (reads, units) = (format.version, format.units.clone());
            all.push(LaterVolume { volume: volume.clone(), has, reads, units });
        }
    }
    Ok(all)
}

fn path(layout: &Layout, volume: &str) -> PathBuf {
    layout.formats().join(format!("{volume}.json"))
}
