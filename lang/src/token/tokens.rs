//! Tokens and trivia of one text, with the values of its literals.

use super::kind::TokenKind;
use crate::diag::Reported;
use crate::source::Span;
use std::net::IpAddr;
use std::sync::Arc;

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
    /// Its place.
    pub at: Span,
    /// Whether it is the first thing on its line; never inside an interpolation.
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
