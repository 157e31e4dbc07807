//! The same for many hosts: in which waves they switch, so that no group of services is hurt, and what waits for what across
//! hosts.
//!
//! Pure: reaches no host. What is known of hosts comes in as plain data, and a plan goes out.

pub mod circles;
pub mod errors;
pub mod graph;
pub mod members;
pub mod picture;
pub mod plan;
pub mod record;
pub mod rollout;
pub mod rules;
pub mod waves;
pub mod words;

#[cfg(test)]
mod tests;
