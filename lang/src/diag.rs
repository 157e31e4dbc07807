//! Mistakes of a description: what is reported, with which places, in which order. Words are written by each
//! stage's `errors.rs`; how a report looks on a terminal is the caller's business.

use crate::source::{SourceMap, Span};
use std::fmt;

pub use code::Code;
pub use protocol::Report;
mod code;
mod protocol;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// We are wrong: something cannot be that is. Nothing may be made of what was found.
    Bug,
    /// The description is refused.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// A further place and why it matters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Label {
    /// The place.
    pub at: Span,
    /// What this place is; may be empty.
    pub text: String,
}

/// One report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Its code.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// The place of the mistake.
    pub at: Span,
    /// What this place is; may be empty.
    pub at_text: String,
    /// One clause: what is wrong.
    pub message: String,
    /// Further places.
    pub labels: Vec<Label>,
    /// What to do next.
    pub help: Option<String>,
    /// The part (a host) in which it was seen; equal reports of many parts become one.
    pub part: Option<String>,
    /// In how many further parts the same report was seen.
    pub n_more: usize,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, at: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            at,
            at_text: String::new(),
            message: message.into(),
            labels: Vec::new(),
            help: None,
            part: None,
            n_more: 0,
        }
    }

    /// A warning at a place.
    pub fn warning(code: Code, at: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, at, message) }
    }

    /// A mistake of ours, found at a place.
    pub fn bug(at: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Bug, ..Diagnostic::error(Code::Bug, at, message) }
    }

    /// Says what the place of the mistake is.
    pub fn here(mut self, text: impl Into<String>) -> Diagnostic {
        self.at_text = text.into();
        self
    }

    /// Adds a further place.
    pub fn label(mut self, at: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { at, text: text.into() });
        self
    }

    /// Says what to do next.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(text.into());
        self
    }

    /// Says what to do next, if that is known.
    pub fn help_opt(mut self, text: Option<String>) -> Diagnostic {
        self.help = text.or(self.help);
        self
    }

    /// `file:line:column` of the mistake, then its code and message: one line.
    pub fn one_line(&self, sources: &SourceMap) -> String {
        let at = sources.position(self.at.start);
        let name = &sources.file(at.file).name;
        format!("{name}:{}:{}: {}[{}] {}", at.line, at.column, self.severity, self.code, self.message)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Severity::Bug => "bug",
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// Proof that a mistake was reported: only [`Problems::push`] makes one, and no error value is made without one, so that
/// a mistake is never lost on its way. Who passes an error on passes this on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Reported(());

/// All reports of a run.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    all: Vec<Diagnostic>,
}

impl Problems {
    /// Adds a report.
    pub fn push(&mut self, diagnostic: Diagnostic) -> Reported {
        self.all.push(diagnostic);
        Reported(())
    }

    /// Takes over all reports of another run.
    pub fn extend(&mut self, other: Problems) {
        self.all.extend(other.all);
    }

    /// The same, said of a part.
    pub fn in_part(mut self, part: &str) -> Problems {
        self.all.iter_mut().for_each(|d| d.part = Some(part.to_string()));
        self
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.all.iter().any(|d| d.severity <= Severity::Error)
    }

    /// Makes sure that a failure is among them: one without an error here was lost on its way, which is a mistake of ours.
    pub fn account_for(&mut self, failed: Option<Span>) {
        if let (Some(at), false) = (failed, self.has_errors()) {
            self.push(Diagnostic::bug(at, "a value failed and nobody said why"));
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The reports, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter()
    }

    /// The reports by position, each once: those that differ only in the part are one, with a count.
    pub fn sorted(&self) -> Vec<Diagnostic> {
        let mut all = self.all.clone();
        all.sort_by(|a, b| (a.at, a.code, &a.message, &a.part).cmp(&(b.at, b.code, &b.message, &b.part)));
        let mut out: Vec<Diagnostic> = Vec::new();
        for next in all {
            match out.last_mut() {
                Some(last) if last.at == next.at && last.code == next.code => {
                    if last.part != next.part {
                        last.n_more += 1 + next.n_more;
                    }
                }
                _ => out.push(next),
            }
        }
        out
    }
}

/// The nearest of some names, if one is near enough to be a slip of the finger.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(name, k), k))
        .filter(|(distance, k)| {
            (1..name.len()).contains(distance) && *distance <= (name.len().max(k.len()) / 3).max(1)
        })
        .min()
        .map(|(_, k)| k)
}

/// "did you mean `x`?", if a name is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|k| format!("did you mean `{k}`?"))
}
