//! Secrets: made and encrypted beside the description, carried in closures unopened, opened on a host into memory.
//!
//! Never prints a secret, and hands one to nothing but a rendered file and whoever asked for it by name.

pub mod deliver;
pub mod file;
pub mod generate;
pub mod given;
pub mod kept;
pub mod parts;
pub mod seal;
pub mod vault;
pub mod wanted;

pub use vault::{SecretError, Vault};
