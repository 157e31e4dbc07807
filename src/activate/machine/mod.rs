//! The machine that a host is: its paths, its kernel, and its programs, of which podman and systemd are two.
//!
//! Knows of generations no more than where they lie. All that is asked of programs is a trait, so that tests have hosts of their own.

pub mod ask;
pub mod evidence;
mod exec;
pub mod inventory;
pub mod kernel;
pub mod layout;
pub mod memory;
pub mod name;
pub mod owner;
pub mod podman;
pub mod systemd;
pub mod tool;
