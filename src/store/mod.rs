//! What the compiler leaves behind for hosts: manifests, closures, and the store that keeps them.
//!
//! Knows nothing of the language or of the cloud model: a closure is bytes and a manifest.

pub mod build;
pub mod check;
pub mod closure;
pub mod digest;
pub mod files;
pub mod gate;
pub mod lock;
pub mod manifest;
pub mod objects;
pub mod packed;
pub mod precheck;
pub mod sealed;
pub mod secret;
pub mod shown;
pub mod sweep;
pub mod transfer;
pub mod tree;
pub mod versioned;
pub mod written;

use std::path::PathBuf;

pub use closure::{Closure, ClosureFile};
pub use digest::Digest;
pub use manifest::Manifest;
pub use objects::{BuildRecord, Store, data_folder};

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
