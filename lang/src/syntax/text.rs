//! Texts with interpolations.

use super::ast::{Expr, ExprKind, Name, Text, TextPart};
use super::cursor::{Parsed, Parser, Stop};
use super::errors::{self, Expected, Found};
use crate::token::{Quote, TokenKind, cook};

impl Parser<'_> {
    /// Reads a text, with the dot before it if there is one. A text that never ends was reported.
    pub fn text(&mut self, what: &'static str) -> Parsed<Text> {
        let from = self.here();
        if self.peek() == TokenKind::DotText {
            self.bump();
        }
        let TokenKind::TextOpen { broken } = self.peek() else {
            return self.unexpected(Expected::Text(what), None);
        };
        let open = self.at;
        if broken {
            self.at = self.partners.of(open).map_or(self.limit, |end| (end + 1).min(self.limit));
            return Err(Stop(self.known()));
        }
        let quote = self.bump().at;
        let quote = Quote::of(self.text_of(quote)).unwrap_or(Quote::Plain);
        let mut pieces = Vec::new();
        loop {
            match self.peek() {
                TokenKind::TextChunk => {
                    let at = self.bump().at;
                    pieces.push(Piece::Chunk(self.text_of(at)));
                }
                TokenKind::HoleOpen => pieces.push(Piece::Hole(self.hole()?)),
                TokenKind::TextClose => {
                    self.bump();
                    break;
                }
                _ => return Err(Stop(self.known())),
            }
        }
        Ok(Text { at: self.since(from), parts: parts(quote, pieces) })
    }

    fn hole(&mut self) -> Parsed<Expr> {
        let open = self.open();
        let inner = self.expr().and_then(|expr| {
            self.close(open, TokenKind::HoleClose, Expected::HoleEnd, None)?;
            Ok(expr)
        });
        match inner {
            Ok(expr) => Ok(expr),
            Err(Stop(why)) => {
                let from = self.token_at(open).at.start;
                self.skip_past(open, why)?;
                Ok(Expr { at: self.since(from), kind: ExprKind::Error(why) })
            }
        }
    }

    /// Reads a text that may have no holes, as a name.
    pub fn plain_text(&mut self, what: &'static str) -> Parsed<Name> {
        let text = self.text(what)?;
        match text.literal() {
            Some(literal) => Ok(Name { text: literal, at: text.at }),
            None => {
                self.report(errors::unexpected(text.at, Found::Holes, Expected::PlainText, None));
                Ok(Name { text: "".into(), at: text.at })
            }
        }
    }
}

enum Piece<'a> {
    Chunk(&'a str),
    Hole(Expr),
}

fn parts(quote: Quote, pieces: Vec<Piece<'_>>) -> Vec<TextPart> {
    let is_chunk = |piece: Option<&Piece<'_>>| matches!(piece, Some(Piece::Chunk(_)));
    let (opens, closes) = (is_chunk(pieces.first()), is_chunk(pieces.last()));
    let chunks = pieces.iter().filter_map(|piece| match piece {
        Piece::Chunk(text) => Some(*text),
        Piece::Hole(_) => None,
    });
    let mut cooked = cook(quote, chunks.collect(), opens, closes).into_iter();
    let part = |piece| match piece {
        Piece::Chunk(_) => {
            cooked.next().filter(|text| !text.is_empty()).map(|text| TextPart::Literal(text.into()))
        }
        Piece::Hole(expr) => Some(TextPart::Hole(expr)),
    };
    pieces.into_iter().filter_map(part).collect()
}
