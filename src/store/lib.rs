//! What the compiler leaves behind for hosts: manifests, closures, and the store that keeps them.
//!
//! Knows nothing of the language or of the cloud model: a closure is bytes and a manifest.

pub mod build;
pub mod cache;
pub mod check;
pub mod closure;
pub mod digest;
pub mod error;
pub mod files;
pub mod gate;
pub mod hex;
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
pub mod version;
pub mod versioned;
pub mod written;

pub use closure::{Closure, ClosureFile};
pub use digest::Digest;
pub use error::StoreError;
pub use manifest::Manifest;
pub use objects::{BuildRecord, Store, data_folder};
