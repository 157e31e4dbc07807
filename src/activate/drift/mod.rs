//! Drift: how a host differs from what its committed generation says, found by reading and told as a list.
//!
//! Mends nothing. Each file here looks at one thing; which findings forbid a switch is said by their kind.

pub mod certificates;
pub mod containers;
pub mod folder;
pub mod places;
pub mod report;
pub mod units;
