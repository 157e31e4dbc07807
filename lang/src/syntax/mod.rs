//! Tokens to a tree that keeps every place. No types here.
//!
//! Nothing stops at a mistake: it is reported once, and what is good around it is in the tree.

use crate::diag::Problems;
use crate::source::FileId;
use crate::token::lex;

pub use crate::token::number_meant;
pub use parsed::Parsed;

pub mod ast;
mod body;
mod brackets;
mod cursor;
mod docs;
mod errors;
mod expr;
mod item;
mod parsed;
mod recover;
mod text;
mod types;

/// Parses a file.
pub fn parse(text: &str, file: FileId, problems: &mut Problems) -> ast::File {
    let tokens = lex(text, file, problems);
    let items = cursor::Parser::new(text, file, &tokens, problems).items();
    ast::File { items, tokens }
}

/// What a text is as an expression, if it is a literal and nothing else; for suggestions.
pub fn literal(text: &str) -> Option<ast::ExprKind> {
    let mut problems = Problems::default();
    let found = parse_expr(text, FileId::default(), &mut problems);
    let is_literal = matches!(found.kind, ast::ExprKind::Lit(_) | ast::ExprKind::Bool(_));
    (problems.is_empty() && is_literal && text.trim() == text).then_some(found.kind)
}

/// Parses one expression, as `eval` takes it.
pub fn parse_expr(text: &str, file: FileId, problems: &mut Problems) -> ast::Expr {
    let tokens = lex(text, file, problems);
    cursor::Parser::new(text, file, &tokens, problems).lone_expr()
}
