//! The same for many hosts: in which waves they switch, so that no group of services exceeds its disruption budget, and what waits for what across
//! hosts; and how one of them is reached over ssh.
//!
//! All but `ssh`, `program`, `remote`, `connections`, `reached`, `executor`, `rollout_store` and `lead` is pure: what is known of hosts comes in as plain data, and a plan goes
//! out. A switch is the host's own affair, and goes on when nobody is connected any more.

pub mod alike;
pub mod begin;
pub mod compare;
pub mod connections;
pub mod cycles;
pub mod errors;
pub mod executor;
pub mod fold;
pub mod formats;
pub mod gate;
pub mod graph;
pub mod heard;
pub mod lead;
pub mod members;
pub mod names;
pub mod no_start;
pub mod page;
pub mod picture;
pub mod plan;
pub mod program;
pub mod reached;
pub mod record;
pub mod remote;
pub mod review;
pub mod rollout;
pub mod rollout_store;
pub mod rows;
pub mod rules;
pub mod saved;
mod scratch;
pub mod seen;
pub mod ssh;
pub mod sudo;
pub mod waves;
pub mod words;

#[cfg(test)]
mod tests;
