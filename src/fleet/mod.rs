//! The same for many hosts: in which waves they switch, so that no group of services is hurt, and what waits for what across
//! hosts; and how one of them is reached over ssh.
//!
//! All but `ssh`, `remote`, `crew`, `deeds`, `ledger` and `lead` is pure: what is known of hosts comes in as plain data, and a plan goes
//! out. A switch is the host's own affair, and goes on when nobody is connected any more.

pub mod alike;
pub mod circles;
pub mod compare;
pub mod crew;
pub mod deeds;
pub mod errors;
pub mod fold;
pub mod gate;
pub mod graph;
pub mod heard;
pub mod lead;
pub mod ledger;
pub mod members;
pub mod names;
pub mod page;
pub mod picture;
pub mod plan;
pub mod record;
pub mod remote;
pub mod review;
pub mod rollout;
pub mod rows;
pub mod rules;
pub mod saved;
pub mod seen;
pub mod ssh;
pub mod waves;
pub mod words;

#[cfg(test)]
mod tests;
