//! The cloud model: plain structs of the domain, decoded from finished values with the place of every leaf kept.
//!
//! Knows hosts, containers, files, secrets, tasks and groups, and no service by name. Decides nothing: order is the
//! plan's business, and how a thing is written is rendering's. Fields that modules add to `Host` are not read.

pub mod calendar;
mod claims;
pub mod cloud;
pub mod container;
mod decode;
mod derived;
pub mod errors;
pub mod host;
mod names;
pub mod precheck;
mod read;
pub mod secret;
pub mod words;

pub use cloud::{Class, Cloud, Group, Member, Sealed, SecretSpec, SiteNetwork, Task, Vip, decode_cloud};
pub use container::{
    Ask, Change, Container, Contract, File, Format, Gate, Health, Limits, Listen, Mount, Network,
    OnUnhealthy, Permission, Probe, Propagation, Quotes, Restart, Run, Source, Style, Ulimit,
};
pub use decode::decode_file;
pub use derived::not_derived;
pub use host::{Backend, Bridge, Driver, Host, Interface, RawUnit, Timer, UnitChange, Volume, decode_host};
pub use precheck::{Precheck, Protocol, Question};
pub use secret::{Alphabet, SecretKind};

use kl::source::Span;
use std::fmt;
use std::sync::Arc;

/// A value and the place where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub at: Span,
}

/// A text and its place.
pub type Text = At<Arc<str>>;

impl<T> At<T> {
    /// Puts a value and its place together.
    pub fn new(value: T, at: Span) -> At<T> {
        At { value, at }
    }
}

impl At<Arc<str>> {
    /// The same without white space at both ends, as a file of one line has it.
    #[must_use]
    pub fn trimmed(self) -> Self {
        match self.value.trim() {
            trimmed if trimmed.len() < self.value.len() => Self { value: trimmed.into(), at: self.at },
            _ => self,
        }
    }

    /// The text alone.
    pub fn as_str(&self) -> &str {
        &self.value
    }
}

impl<T: fmt::Display> fmt::Display for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
