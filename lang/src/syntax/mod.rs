//! Tokens to a tree that keeps every place. No types here.
//!
//! Nothing stops at a mistake: it is reported once, and what is good around it is in the tree.

use crate::diag::Problems;
use crate::token::lex;

pub mod ast;
mod body;
mod brackets;
mod cursor;
mod docs;
mod errors;
mod expr;
mod item;
mod recover;
mod text;
mod types;

/// Parses a file. `start` is the offset of its first byte in the shared space.
pub fn parse(text: &str, start: u32, problems: &mut Problems) -> ast::File {
    let tokens = lex(text, start, problems);
    cursor::Parser::new(text, start, &tokens, problems).file()
}

/// Parses one expression, as `eval` takes it. `start` is the offset of its first byte in the shared space.
pub fn parse_expr(text: &str, start: u32, problems: &mut Problems) -> ast::Expr {
    let tokens = lex(text, start, problems);
    cursor::Parser::new(text, start, &tokens, problems).lone_expr()
}
