//! How values are written as text; for callers that print them.

pub use super::pass::push_step;
pub use super::settle::{duration, float, size};
