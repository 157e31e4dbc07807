//! Leaves to values: each is evaluated at most once, when it is read. Reads no file and knows no host; the caller
//! names the map whose entries are evaluated apart from each other.
//!
//! What is remembered and what a pass is come first: `memo`, `state`, `engine`, `pass`. Every other file adds one question that
//! a pass answers, and names none of those beside it.

mod absent;
mod body;
pub mod budget;
pub mod builtins;
mod call;
pub mod caller;
mod check;
mod child;
mod conditions;
mod context;
pub mod engine;
pub mod errors;
mod eval;
pub mod expect;
mod explain;
mod fields;
mod fixed;
mod force;
mod format;
mod frame;
mod group;
mod grow;
mod keys;
mod lazy;
mod leaf;
pub mod looked;
mod map;
mod materialize;
pub mod memo;
mod missed;
mod node;
mod ops;
pub mod outcome;
pub mod overrides;
mod parts;
pub mod pass;
mod plain;
mod read;
mod readers;
mod refinement;
mod report;
pub mod show;
mod slot;
mod slots;
mod spend;
pub mod state;
pub mod taken;
mod text;
pub mod texts;
mod thunk;
mod thunk_parts;
pub mod why;
mod witness;
