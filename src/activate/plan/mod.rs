//! From what differs between two generations, or between a generation and what is seen, to the steps of a switch. Pure.

pub mod diff;
pub mod document;
pub mod forward;
pub mod lines;
pub mod observed;
pub mod steps;
pub mod words;
