//! What the store could not do.

use std::path::PathBuf;

use super::digest::Digest;
use super::{check, files, manifest};

/// What the store could not do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StoreError {
    #[error(transparent)]
    File(files::FileError),
    #[error("cannot use the manifest of {}", path.display())]
    ReadManifest { path: PathBuf, source: manifest::ParseManifest },
    #[error("cannot use the record {}: {why}", path.display())]
    Record { path: PathBuf, why: String },
    #[error("the closure contradicts itself")]
    Contradiction(#[from] check::Contradiction),
    #[error("{} is no tree of a host as this writes it; move it away or write elsewhere", path.display())]
    NotOurs { path: PathBuf },
    #[error("{} lies in the tree of a host and would go with it; move it away or write elsewhere", path.display())]
    Stray { path: PathBuf },
    #[error("the object {digest} of the store is damaged; remove it and build again")]
    Damaged { digest: Digest },
    #[error("there is no place for a store: neither XDG_DATA_HOME nor HOME is an absolute path")]
    NoHome,
}
