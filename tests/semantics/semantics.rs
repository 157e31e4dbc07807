//! The language against a second evaluator, which is written as the specification reads: random programs and the cases of
//! tests/lang must mean the same to both; and laws that hold whatever a program says.

#![allow(missing_docs, reason = "read by nobody but this test")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test reads its own cases, and is told by its environment how many to draw"
)]
#![allow(clippy::disallowed_macros, reason = "a test says what it draws")]

mod cases;
mod compare;
mod drive;
mod explain;
mod laws;
mod random;
mod reference;
