//! Text to tokens: literals of the domain, words, keywords, texts with interpolations. Every byte is in one token or in one
//! piece of trivia. No grammar here: what may follow what is the parser's business.

use crate::diag::Problems;
use crate::source::FileId;

mod address;
mod errors;
mod kind;
mod lexer;
mod number;
mod open_text;
mod text;
mod tokens;
mod word;

pub use kind::{Keyword, Sign, TokenKind};
pub use number::meant as number_meant;
pub(crate) use text::{Quote, cook};
pub use tokens::{Lit, Token, Tokens};

/// How many reports one stage makes about one file. Nobody reads so many, and a file of 16 MiB that is no kl at all
/// must not fill the memory with them.
pub(crate) const MAX_REPORTS: usize = 10_000;

/// Cuts the text of a file into tokens.
pub fn lex(text: &str, file: FileId, problems: &mut Problems) -> Tokens {
    lexer::run(text, file, problems)
}

#[cfg(test)]
mod tests;
