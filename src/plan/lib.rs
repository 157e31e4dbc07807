//! From the cloud and one of its hosts to what that host needs, in an order that holds. Pure.
//!
//! Decides nothing about how a thing is written. Order across hosts is the fleet's: a host's plan has what is its own.

pub mod host;
pub mod order;

pub use host::{HostPlan, plan_host};
pub use order::{Elsewhere, HostWaits, Step, Wait, check_fleet, host_waits};
