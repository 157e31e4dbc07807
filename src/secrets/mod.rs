//! Secrets on a host: made once, kept in files that only root may read, put into the holes of rendered files.
//!
//! Never prints a secret, and never hands one to anything but a file. Encryption at rest is not here yet.

pub mod deliver;
pub mod generate;
pub mod vault;

pub use vault::{SecretError, Vault};
