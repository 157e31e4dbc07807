//! Tokens to a tree that keeps every place. No types here.
//!
//! Nothing stops at a mistake: it is reported once, and what is good around it is in the tree.

use crate::diag::Problems;
use crate::token::lex;

pub use crate::token::number_meant;

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

/// What a text is as an expression, if it is a literal and nothing else; for suggestions.
pub fn literal(text: &str) -> Option<ast::ExprKind> {
    let mut problems = Problems::default();
    let found = parse_expr(text, 0, &mut problems);
    let is_literal = matches!(found.kind, ast::ExprKind::Lit(_) | ast::ExprKind::Bool(_));
    (problems.is_empty() && is_literal && text.trim() == text).then_some(found.kind)
}

/// Parses one expression, as `eval` takes it. `start` is the offset of its first byte in the shared space.
pub fn parse_expr(text: &str, start: u32, problems: &mut Problems) -> ast::Expr {
    let tokens = lex(text, start, problems);
    cursor::Parser::new(text, start, &tokens, problems).lone_expr()
}
