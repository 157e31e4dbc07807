//! The same for many hosts: in which waves they switch, so that no group of services is hurt, and what waits for what across
//! hosts; and how one of them is reached over ssh.
//!
//! All but `ssh` and `remote` is pure: what is known of hosts comes in as plain data, and a plan goes out. A switch is the host's own
//! affair, and goes on when nobody is connected any more.

pub mod circles;
pub mod errors;
pub mod graph;
pub mod members;
pub mod picture;
pub mod plan;
pub mod record;
pub mod remote;
pub mod rollout;
pub mod rules;
pub mod ssh;
pub mod waves;
pub mod words;

#[cfg(test)]
mod tests;
