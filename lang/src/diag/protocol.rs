//! Reports in the protocol of miette: a printer of the caller's choice draws them.

use super::{Diagnostic, Severity, words};
use crate::source::{Point, SourceMap};
use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::fmt;

/// A report together with the texts that it points into.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The report.
    pub diagnostic: &'a Diagnostic,
    /// The texts.
    pub sources: &'a SourceMap,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&words(&self.diagnostic.message))?;
        match self.diagnostic.seen().as_str() {
            "" => Ok(()),
            seen => write!(out, " ({seen})"),
        }
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("{}[{}]", self.diagnostic.severity, self.diagnostic.code)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Bug | Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|h| Box::new(words(h)) as Box<dyn fmt::Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.sources)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = |at: crate::source::Span| {
            let len = at.end.saturating_sub(at.start).max(1) as usize;
            SourceSpan::new(self.sources.flat(at.first()).into(), len)
        };
        let text = |text: &str| (!text.is_empty()).then(|| words(text));
        let first =
            LabeledSpan::new_primary_with_span(text(&self.diagnostic.at_text), span(self.diagnostic.at));
        let rest =
            self.diagnostic.labels.iter().map(move |l| LabeledSpan::new_with_span(text(&l.text), span(l.at)));
        Some(Box::new(std::iter::once(first).chain(rest)))
    }
}

impl SourceCode for SourceMap {
    /// Refuses a span that crosses two texts: the printer relies on that to draw one snippet for each.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        if self.files().next().is_none() {
            return Err(MietteError::OutOfBounds);
        }
        let first = self.unflat(span.offset());
        let source = self.file(first.file);
        let text: &str = &source.text;
        let from = first.offset as usize;
        let to = from + span.len();
        // One past the end is a place too: that of what is missing there.
        if to > text.len() + 1 {
            return Err(MietteError::OutOfBounds);
        }
        let (from, to) = (from.min(text.len()), to.min(text.len()));
        let bytes = text.as_bytes();
        let mut begin = line_begin(bytes, from);
        // Reports show the lines of their labels and no others; a caller that wants none asks for one, since the
        // printer asks for zero itself when it wants to know where a label is.
        let is_location = lines_before == 0 && lines_after == 0;
        for _ in 1..lines_before {
            begin = line_begin(bytes, begin.saturating_sub(1));
        }
        // A span that ends with a newline ends on the line before it.
        let last = if to > from && bytes[to - 1] == b'\n' { to - 1 } else { to };
        let mut end = line_end(bytes, last);
        for _ in 1..lines_after {
            end = line_end(bytes, (end + 1).min(bytes.len()));
        }
        let line = bytes[..begin].iter().filter(|b| **b == b'\n').count();
        let line_count = bytes[begin..end].iter().filter(|b| **b == b'\n').count() + 1;
        let place = |offset: usize| Point { file: first.file, offset: offset as u32 };
        let shown = SourceSpan::new(self.flat(place(begin)).into(), end - begin);
        let column = if is_location { self.column(place(from)) } else { 0 };
        let name = source.name.to_string();
        Ok(Box::new(MietteSpanContents::new_named(name, &bytes[begin..end], shown, line, column, line_count)))
    }
}

fn line_begin(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1)
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |i| at + i)
}
