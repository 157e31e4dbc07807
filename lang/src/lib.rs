//! The language kl: text to typed, merged, explained values. It has never heard of a host.

pub mod data;
pub mod diag;
pub mod source;
pub mod syntax;
pub mod token;
