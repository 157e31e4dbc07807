//! Which `##` documentation belongs to what: the lines right above, or the end of its line.

use super::cursor::Parser;
use crate::source::Span;
use crate::token::Token;
use std::sync::Arc;

impl Parser<'_> {
    /// The documentation of what was just read: it began with the token `first`.
    pub fn doc(&self, first: usize) -> Option<Arc<str>> {
        let docs = &self.tokens.docs;
        if docs.is_empty() {
            return None;
        }
        let whole = self.since(self.token_at(first).at.start);
        let mut lines = self.docs_above(whole.start);
        lines.extend(self.doc_behind(whole));
        let lines: Vec<&str> = lines.iter().map(|doc| self.doc_text(doc)).collect();
        (!lines.is_empty()).then(|| lines.join("\n").into())
    }

    fn doc_text(&self, doc: &Token) -> &str {
        let text = self.text_of(doc.at).trim_start_matches('#');
        text.strip_prefix(' ').unwrap_or(text).trim_end()
    }

    fn between(&self, from: u32, to: u32) -> &str {
        self.text_of(self.span(from, to.max(from)))
    }

    /// The lines of documentation that end right above an offset.
    fn docs_above(&self, start: u32) -> Vec<Token> {
        let docs = &self.tokens.docs;
        let n = docs.partition_point(|doc| doc.at.end <= start);
        let mut below = start;
        let mut lines: Vec<Token> = Vec::new();
        for doc in docs[..n].iter().rev() {
            let gap = self.between(doc.at.end, below).as_bytes();
            let mut n_lines = 0;
            let right_above = doc.fresh
                && gap.iter().all(|b| {
                    n_lines += usize::from(*b == b'\n');
                    n_lines < 2 && b.is_ascii_whitespace()
                })
                && n_lines == 1;
            if !right_above {
                break;
            }
            lines.push(*doc);
            below = doc.at.start;
        }
        lines.reverse();
        lines
    }

    /// The documentation at the end of the line: after all of it, or after the bracket that its first line opens.
    fn doc_behind(&self, whole: Span) -> Option<Token> {
        let docs = &self.tokens.docs;
        let next = docs.get(docs.partition_point(|doc| doc.at.start < whole.end));
        let right_behind = next.filter(|doc| {
            !doc.fresh
                && self.between(whole.end, doc.at.start).bytes().all(|b| matches!(b, b' ' | b'\t' | b','))
        });
        let inside = docs.get(docs.partition_point(|doc| doc.at.start < whole.start)).filter(|doc| {
            let line = self.between(whole.start, doc.at.start).trim_end();
            doc.at.end <= whole.end && !line.contains('\n') && line.ends_with(['{', '[', '('])
        });
        right_behind.or(inside).copied()
    }
}
