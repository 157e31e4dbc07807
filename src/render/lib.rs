//! From a host's plan to its closure: units, rendered files, the manifest. Pure: reads nothing and writes nothing.
//!
//! Never asks what machine it runs on, and never sees the value of a secret: texts have holes where secrets go.

pub mod contract;
mod doc;
pub mod document;
mod encode;
pub mod fields;
pub mod host;
mod ini_file;
pub mod inputs;
pub mod keys;
mod limits;
mod lower;
mod lowered;
pub mod placeholders;
mod podman;
mod policy;
mod precheck;
mod quadlet;
mod run;
mod seal;
mod secret;
pub use secret::kind as secret_kind;
mod style;
pub mod systemd;
pub mod template;
mod template_budget;
pub mod template_lines;
#[cfg(test)]
mod tests;
mod unit;
pub mod values;
#[cfg(test)]
mod writers_tests;

pub use document::{Line, render_file, render_lines};
pub use host::{check_host, render_host};
pub use placeholders::Rendered;
