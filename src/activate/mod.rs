//! Makes a host be what a closure says, keeps every generation, and goes back.
//!
//! Knows nothing of the language or of the cloud model: all it needs is in the host's manifest.

pub mod diff;
pub mod document;
pub mod layout;
