//! Syntax to a tree whose every node has a type. Nothing is evaluated here.

pub mod access;
pub mod arguments;
pub mod bare;
pub mod body;
pub mod call;
pub mod coerce;
mod cycles;
mod declare;
pub mod define;
pub mod errors;
pub mod expr;
mod extend;
pub mod hir;
pub mod items;
pub mod load;
pub mod matching;
pub mod ops;
pub mod paths;
mod refinement;
pub mod resolve;
pub mod scope;
pub mod sig;
pub mod steps;
mod test;
pub mod ty;
mod walk;
