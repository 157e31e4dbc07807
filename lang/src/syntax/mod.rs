//! Tokens to a tree that keeps every place. No types here.

pub mod ast;
