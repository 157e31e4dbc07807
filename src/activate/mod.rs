//! Makes a host be what a closure says, keeps every generation, and goes back.
//!
//! Knows nothing of the language or of the cloud model: all it needs is in the host's manifest.

pub mod adopt;
pub mod alarm;
pub mod ask;
pub mod back;
pub mod behind;
pub mod contracts;
pub mod diff;
pub mod document;
pub mod drift;
pub mod dry_run;
pub mod enrol;
pub mod failure;
pub mod gates;
pub mod gc;
pub mod generation;
pub mod history;
pub mod images;
pub mod journal;
pub mod kernel;
pub mod layout;
pub mod listed;
pub mod memory;
pub mod observed;
pub mod part;
pub mod pending;
pub mod perform;
pub mod pid1;
pub mod pins;
pub mod podman;
pub mod prechecks;
pub mod preflight;
pub mod recover;
pub mod release;
pub mod report;
pub mod request;
pub mod revert;
pub mod stamps;
pub mod steps;
pub mod stock;
pub mod switch;
pub mod systemctl;
pub mod systemd;
mod transaction;
pub mod verdict;
pub mod words;
