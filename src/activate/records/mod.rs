//! What lies on a host's disk, or is sent to it and told of it, as data: each file has the form of one record, and reads and writes it.
//!
//! Decides nothing but whether a record is whole.

pub mod adopted;
pub mod completions;
pub mod error_report;
pub mod finding;
pub mod formats;
pub mod generation;
pub mod history;
pub mod journal;
pub mod listed;
pub mod operators;
pub mod part;
pub mod pins;
pub mod request;
pub mod verdict;
