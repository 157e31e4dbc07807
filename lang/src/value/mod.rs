//! Leaves to values: each is evaluated at most once, when it is read. Reads no file and knows no host; the caller
//! names the map whose entries are evaluated apart from each other.

pub mod absent;
pub mod budget;
pub mod builtins;
mod check;
mod child;
mod context;
mod demand;
pub mod engine;
pub mod errors;
mod eval;
pub mod expect;
mod force;
mod group;
mod grow;
mod keys;
mod leaf;
pub mod memo;
mod ops;
pub mod overrides;
pub mod pass;
pub mod readers;
mod settle;
pub mod show;
mod slot;
pub mod taken;
pub mod why;

pub use crate::live::Value;
pub use engine::Engine;

/// A pass that knows nothing yet, and remembers what it evaluates.
pub fn apart(engine: &Engine) -> pass::Pass<'_> {
    let mut pass = pass::Pass::new(engine, None);
    pass.trace = Some(why::Trace::default());
    pass
}

/// A pass on top of the shared memory.
pub fn pass<'p>(engine: &'p Engine, shared: &'p engine::Shared) -> pass::Pass<'p> {
    pass::Pass::new(engine, Some(&shared.memo))
}
