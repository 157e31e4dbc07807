//! Removes what no root refers to: generations with their journals, engines, rendered folders, objects of the store, images and
//! networks.
//!
//! Never volumes, never secrets, never what was adopted, never a completion record. First all that is to go is listed, then it goes; what
//! refers to something goes before it, except for a generation: it goes last, since it alone knows its images.

pub mod garbage;
pub mod roots;

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use super::machine::layout::Layout;
use super::machine::podman::Tools;
use super::machine::tool::ToolError;
use super::records::adopted::AdoptError;
use super::records::generation;
pub use roots::Roots;
use store::StoreError;
use store::files::{self, FileError};
use store::sealed::SealedError;

/// How many committed generations are kept where nobody says otherwise.
pub const KEEP: usize = 5;

/// One thing that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Its number, path or name.
    pub name: String,
    /// How many bytes that frees, as far as it is known.
    pub bytes: u64,
    #[serde(skip)]
    place: Removal,
}

/// Says what kind of thing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Rendered,
    Network,
    Image,
    Journal,
    Generation,
    Engine,
    Build,
    Object,
    Leftover,
}

impl Kind {
    /// Returns the word that people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rendered => "rendered",
            Self::Network => "network",
            Self::Image => "image",
            Self::Journal => "journal",
            Self::Generation => "generation",
            Self::Engine => "engine",
            Self::Build => "build",
            Self::Object => "object",
            Self::Leftover => "leftover",
        }
    }
}

/// What is done to make it go.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Removal {
    Path(PathBuf),
    Generation(u64),
    Podman,
}

/// Why garbage could not be told from what is kept. Only what has removed nothing returns this; what removes returns [`RemoveError`].
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum GcError {
    #[error("the store is in use; try again")]
    StoreInUse,
    #[error("the journal of an open switch names no generation yet; `kolla-lang switch` ends it")]
    OpenJournal,
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Record(#[from] SealedError),
    #[error(transparent)]
    Adopt(#[from] AdoptError),
}

/// Why one thing could not be removed, when others may have been.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RemoveError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// Removes what was listed, in the order it was listed, and returns what could not be removed.
pub fn collect(layout: &Layout, tools: &mut dyn Tools, items: &[Item]) -> Vec<(Item, RemoveError)> {
    let mut problems = Vec::new();
    for item in items {
        if let Err(error) = remove(layout, tools, item) {
            problems.push((item.clone(), error));
        }
    }
    problems
}

fn remove(layout: &Layout, tools: &mut dyn Tools, item: &Item) -> Result<(), RemoveError> {
    match (&item.place, item.kind) {
        (Removal::Generation(number), _) => generation::remove(layout, *number)?,
        (Removal::Podman, Kind::Network) => tools.remove_network(&item.name)?,
        (Removal::Podman, _) => tools.remove_image(&item.name)?,
        (Removal::Path(path), _) => match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                // Its name goes first, so that half of a folder is never taken for one.
                let gone = path.with_file_name(format!(
                    ".tmp-gone-{}",
                    path.file_name().unwrap_or_default().to_string_lossy()
                ));
                files::remove_folder(&gone)?;
                files::rename(path, &gone)?;
                files::remove_folder(&gone)?;
            }
            _ => files::remove_file(path)?,
        },
    }
    Ok(())
}
