//! Text to tokens: literals of the domain, words, keywords, texts with holes. Every byte is in one token or in one
//! piece of trivia. No grammar here: what may follow what is the parser's business.

use crate::diag::{Problems, Reported};
use crate::source::Span;
use std::net::IpAddr;
use std::sync::Arc;

mod address;
mod errors;
mod kind;
mod lexer;
mod number;
mod text;
mod word;

pub use kind::{Keyword, Sign, TokenKind};
pub use number::meant as number_meant;
pub(crate) use text::{Quote, cook};

/// How many reports one stage makes about one file. Nobody reads so many, and a file of 16 MiB that is no kl at all
/// must not fill the memory with them.
pub(crate) const MAX_REPORTS: usize = 10_000;

/// A literal of the domain.
#[derive(Clone, Debug, PartialEq)]
pub enum Lit {
    /// `12`, `0o640`, `0xff`.
    Int(i64),
    /// `1.5`.
    Float(f64),
    /// `4h`, in milliseconds.
    Duration(i64),
    /// `8GiB`, in bytes.
    Size(i64),
    /// `10.0.0.1`, `fd00::1`.
    Ip(IpAddr),
    /// `10.0.0.0/24`; the address as written and the length of the prefix.
    Cidr(IpAddr, u8),
    /// `aa:bb:cc:dd:ee:ff`, lower case. Its type is Str.
    Mac(Arc<str>),
}

/// A token or a piece of trivia.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its place in the shared space.
    pub at: Span,
    /// Whether it is the first thing on its line; never inside the hole of a text.
    pub fresh: bool,
}

/// All tokens of one text.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// What the grammar sees, in order; the last one is [`TokenKind::End`].
    pub code: Vec<Token>,
    /// Space and comments, in order.
    pub trivia: Vec<Token>,
    /// The `##` comments again, in order.
    pub docs: Vec<Token>,
    /// The values of [`TokenKind::Lit`].
    pub lits: Vec<Lit>,
    /// The lines, in order, whose quotes do not match: what is wrong there was reported, and nothing else in them can be.
    pub spoilt: Vec<Span>,
    /// That something was reported, if anything was: there is no bad token without it.
    pub reported: Option<Reported>,
}

impl Tokens {
    /// Tokens and trivia together, in the order of the text.
    pub fn lossless(&self) -> impl Iterator<Item = Token> {
        let (mut code, mut trivia) = (self.code.iter().peekable(), self.trivia.iter().peekable());
        std::iter::from_fn(move || match (code.peek(), trivia.peek()) {
            (Some(c), Some(t)) if t.at.start < c.at.start || t.at.end <= c.at.start => trivia.next().copied(),
            (None, _) => trivia.next().copied(),
            _ => code.next().copied(),
        })
    }
}

/// Cuts a text into tokens. `start` is the offset of its first byte in the shared space.
pub fn lex(text: &str, start: u32, problems: &mut Problems) -> Tokens {
    lexer::run(text, start, problems)
}

#[cfg(test)]
mod tests;
