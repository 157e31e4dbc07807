//! What the compiler leaves behind for hosts: manifests, closures, and the store that keeps them.
//!
//! Knows nothing of the language or of the cloud model: a closure is bytes and a manifest.

pub mod closure;
pub mod digest;
pub mod manifest;

pub use closure::{Closure, ClosureFile};
pub use digest::Digest;
pub use manifest::Manifest;
