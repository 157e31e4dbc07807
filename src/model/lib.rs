//! The cloud model: plain structs of the domain, decoded from finished values with the place of every leaf kept.
//!
//! Knows hosts, containers, files, secrets, tasks and groups, and no service by name. Decides nothing: order is the
//! plan's business, and how a thing is written is rendering's. Fields that modules add to `Host` are not read.

mod at;
pub mod calendar;
mod claims;
pub mod cloud;
pub mod container;
mod decode;
mod derived;
pub mod errors;
pub mod host;
pub mod images;
mod names;
pub mod precheck;
mod read;
pub mod secret;
pub mod words;

pub use at::{At, Text};
pub use cloud::{
    Class, Cloud, Group, Member, RegistryLogin, Sealed, SecretSpec, SiteNetwork, Task, Vip, decode_cloud,
};
pub use container::{
    Ask, Change, Container, Contract, File, Format, Gate, Health, Limits, Listen, Mount, Network,
    OnUnhealthy, Permission, Probe, Propagation, Quotes, Restart, Run, Schema, Source, Style, TableRef,
    Ulimit,
};
pub use decode::decode_file;
pub use derived::not_derived;
pub use host::{Backend, Bridge, Driver, Host, Interface, RawUnit, Timer, UnitChange, Volume, decode_host};
pub use images::{ImageChange, ImageSet, ListChange, decode_image_set};
pub use precheck::{Precheck, Protocol, Question};
pub use secret::{Alphabet, SecretKind};
