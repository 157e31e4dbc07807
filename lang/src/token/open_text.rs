//! The pieces of texts, and what is done where one does not end.
//!
//! A text in one pair of quotes ends on its line, its holes included. So an open quote spoils one line; an open `"""`
//! spoils the lines that are indented deeper than its own.

use super::errors;
use super::kind::TokenKind;
use super::lexer::{Lexer, Mode};
use super::text::{Quote, escape};

/// How often an open `"""` is given up at the end of its block. Each costs a second reading of what follows, so the
/// count is bounded; after that the rest of the file is taken for the text.
const MAX_RETRIES: u32 = 8;

impl Lexer<'_> {
    /// From here to the end of the text, to its next hole, or to where it must be given up.
    pub(super) fn text_piece(&mut self, quote: Quote) {
        let bytes = self.text.as_bytes();
        let from = self.at;
        let mut at = from;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' if quote == Quote::Plain || self.text[at..].starts_with("\"\"\"") => {
                    self.chunk(from, at);
                    self.modes.pop();
                    if self.line_bound == Some(self.modes.len()) {
                        self.line_bound = None;
                    }
                    return self.push_glue(TokenKind::TextClose, quote.as_str().len());
                }
                b'$' if bytes.get(at + 1) == Some(&b'{') => {
                    self.chunk(from, at);
                    self.modes.push(Mode::Hole { braces: 0, token: self.out.code.len() });
                    return self.push(TokenKind::HoleOpen, 2);
                }
                b'\n' if self.line_bound.is_some() => {
                    let cr = usize::from(at > from && bytes[at - 1] == b'\r');
                    self.chunk(from, at - cr);
                    return self.give_up_line();
                }
                b'\\' => at += self.escape(at),
                _ => at += 1,
            }
        }
        self.chunk(from, bytes.len());
    }

    fn chunk(&mut self, from: usize, to: usize) {
        if to > from {
            self.unseen(from, to);
            self.push(TokenKind::TextChunk, to - from);
        }
    }

    /// The length of an escape, good or bad.
    pub(super) fn escape(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        if let Ok((after, _)) = escape(rest) {
            return rest.len() - after.len();
        }
        let Some(next) = rest[1..].chars().next().filter(|c| !matches!(c, '\n' | '\r')) else {
            // The end of the line is the report; in a block nothing else says so.
            if self.line_bound.is_none() {
                self.report(errors::bad_escape(self.span(at, at + 1), "\\"));
            }
            return 1;
        };
        let len = 1 + next.len_utf8();
        self.report(errors::bad_escape(self.span(at, at + len), &rest[..len]));
        len
    }

    /// A text in one pair of quotes did not end on its line.
    pub(super) fn give_up_line(&mut self) {
        if let Some(outer) = self.line_bound {
            self.give_up(outer);
        }
    }

    /// Marks the line of an open text. The opening quote may be the one that is missing, so what looked wrong before it
    /// on its line says nothing.
    pub(super) fn spoil(&mut self, open: usize, end: usize) {
        let line = self.text[..open].rfind('\n').map_or(0, |i| i + 1);
        let line = self.span(line, end);
        while self.reports.last().is_some_and(|report| report.at.start >= line.start) {
            self.reports.pop();
        }
        self.out.spoilt.push(line);
    }

    /// A `"""` never ended: it is taken to end before the first line that is not indented deeper than its own.
    pub(super) fn give_up_block(&mut self) {
        let Some(Mode::Text { token, n_reports, n_trivia, n_docs, .. }) = self.modes.first().copied() else {
            return self.modes.clear();
        };
        let report_count = self.reports.len();
        let open = self.out.code[token].at.start as usize;
        let end = block_end(self.text, open);
        self.give_up(0);
        self.n_retries += 1;
        if self.n_retries > MAX_RETRIES || end >= self.text.len() {
            return;
        }
        let report = self.reports.split_off(report_count);
        self.reports.truncate(n_reports);
        self.reports.extend(report);
        self.out.trivia.truncate(n_trivia);
        self.out.docs.truncate(n_docs);
        self.out.code.truncate(token + 1);
        self.at = open + Quote::Block.as_str().len();
        self.chunk(self.at, end);
        self.push(TokenKind::TextClose, 0);
        self.fresh = true;
    }

    /// Reports the text at this place of the stack and closes all that is open in it.
    fn give_up(&mut self, outer: usize) {
        let Some(Mode::Text { quote, token, .. }) = self.modes.get(outer).copied() else { return };
        let hole = match self.modes.get(outer + 1) {
            Some(Mode::Hole { token, .. }) => Some(self.out.code[*token].at),
            _ => None,
        };
        if quote == Quote::Plain {
            self.spoil(self.out.code[token].at.start as usize, self.at);
        }
        self.report(errors::open_text(self.out.code[token].at, quote, hole));
        self.out.code[token].kind = TokenKind::TextOpen { broken: true };
        while self.modes.len() > outer {
            match self.modes.pop() {
                Some(Mode::Hole { .. }) => self.push(TokenKind::HoleClose, 0),
                _ => self.push(TokenKind::TextClose, 0),
            }
        }
        self.line_bound = None;
    }
}

/// Where an open `"""` at `open` is taken to end.
fn block_end(text: &str, open: usize) -> usize {
    let indent = |line: &str| line.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let line_start = text[..open].rfind('\n').map_or(0, |i| i + 1);
    let own = indent(&text[line_start..]);
    let mut at = text[open..].find('\n').map_or(text.len(), |i| open + i + 1);
    while at < text.len() {
        let line = text[at..].split_inclusive('\n').next().unwrap_or_default();
        if !line.trim().is_empty() && indent(line) <= own {
            break;
        }
        at += line.len();
    }
    at
}
