//! Other hosts, reached by the system's ssh: the program that acts there, the objects it needs, and what it prints.
//!
//! Decides nothing about a switch: the host does that by itself, and goes on when nobody is connected any more.

pub mod remote;
pub mod ssh;
