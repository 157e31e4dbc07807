//! Mistakes of a description: what is reported, with which places, in which order. Words are written by each
//! stage's `errors.rs`; how a report looks on a terminal is the caller's business.

use crate::source::{Layer, SourceMap, Span};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

pub use code::Code;
pub use protocol::Report;
pub use window::{windowed, words};
mod code;
mod protocol;
mod window;

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
    /// The parts (hosts) in which it was seen, sorted.
    pub parts: Vec<String>,
    /// The leaves outside of parts in which it was seen, sorted.
    pub leaves: Vec<String>,
    /// Where the place is in a function: the chains of calls that led there, each with the innermost call first.
    pub callers: Vec<Vec<Span>>,
    /// What is missing or broken, where several places may tell of one thing: see [`Problems::sorted`].
    pub cause: Option<Cause>,
    /// Further places that told of the same cause.
    pub others: Vec<Span>,
}

/// One thing of which several places may tell.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cause {
    /// The thing, as a path.
    pub of: String,
    /// Who wrote the place that tells of it.
    pub told_by: Layer,
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
            parts: Vec::new(),
            leaves: Vec::new(),
            callers: Vec::new(),
            cause: None,
            others: Vec::new(),
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

    /// Says of which missing or broken thing it tells.
    pub fn tells_of(mut self, of: String) -> Diagnostic {
        self.cause = Some(Cause { of, told_by: Layer::Site });
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
        let at = sources.position(self.at.first());
        let name = &sources.file(at.file).name;
        let message = words(&self.message).replace('\n', "\\n");
        format!("{name}:{}:{}: {}[{}] {message}", at.line, at.column, self.severity, self.code)
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

    /// Changes a report, by its position among those that came.
    pub fn amend(&mut self, i: usize, change: impl FnOnce(&mut Diagnostic)) {
        if let Some(report) = self.all.get_mut(i) {
            change(report);
        }
    }

    /// Takes back reports that came from a position on: of what turned out not to be asked for.
    pub fn take_back(&mut self, from: usize, is_out: impl Fn(&Diagnostic) -> bool) {
        let late = self.all.split_off(from.min(self.all.len()));
        self.all.extend(late.into_iter().filter(|report| !is_out(report)));
    }

    /// The reports but for some.
    pub fn without(mut self, is_out: impl Fn(&Diagnostic) -> bool) -> Problems {
        self.all.retain(|report| !is_out(report));
        self
    }

    /// Takes over all reports of another run.
    pub fn extend(&mut self, other: Problems) {
        self.all.extend(other.all);
    }

    /// The same, said of a part.
    pub fn in_part(mut self, part: &str) -> Problems {
        self.all.iter_mut().for_each(|d| d.parts = vec![part.to_string()]);
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

    /// The reports by position. Those that differ in nothing but the part and the caller are one that names all of them; of those
    /// that tell of one cause, each of the site stays, and those of the library are counted at the first that does.
    pub fn sorted(&self) -> Vec<Diagnostic> {
        let mut all = self.all.clone();
        all.sort_by(|a, b| order(a).cmp(&order(b)));
        let mut equal: BTreeMap<(Span, Code, String), usize> = BTreeMap::new();
        let mut out: Vec<Diagnostic> = Vec::new();
        for next in all {
            let i = *equal.entry((next.at, next.code, next.apart_from_part())).or_insert(out.len());
            match out.get_mut(i) {
                Some(known) => known.absorb(next),
                None => out.push(next),
            }
        }
        let mut first: BTreeMap<(Code, String), usize> = BTreeMap::new();
        for wanted in [Layer::Site, Layer::Library] {
            for (i, cause) in out.iter().enumerate().filter_map(|(i, d)| Some((i, d.cause.as_ref()?))) {
                if cause.told_by == wanted {
                    first.entry((out[i].code, cause.of.clone())).or_insert(i);
                }
            }
        }
        let mut kept: Vec<Option<Diagnostic>> = out.into_iter().map(Some).collect();
        for i in 0..kept.len() {
            let Some(Diagnostic { code, cause: Some(cause), .. }) = &kept[i] else { continue };
            let to = first.get(&(*code, cause.of.clone())).copied().filter(|to| *to != i);
            if let (Some(to), Layer::Library) = (to, cause.told_by)
                && let Some(told) = kept[i].take()
                && let Some(Some(first)) = kept.get_mut(to)
            {
                first.others.push(told.at);
                first.seen_in(told.parts, told.leaves);
            }
        }
        kept.into_iter().flatten().collect()
    }
}

fn order(d: &Diagnostic) -> impl Ord + '_ {
    (d.at, d.code, d.severity, &d.message, &d.labels, &d.parts, &d.callers)
}

impl Diagnostic {
    /// What it says, with the name of its part taken out: two parts with one mistake say the same then.
    fn apart_from_part(&self) -> String {
        let mut out = format!("{}\n{}\n{}", self.severity, self.message, self.at_text);
        for Label { at, text } in &self.labels {
            let _ = write!(out, "\n{} {} {} {text}", at.file.0, at.start, at.end);
        }
        let _ = write!(out, "\n{}", self.help.as_deref().unwrap_or_default());
        match self.parts.as_slice() {
            [part] => without_word(&out, part),
            _ => out,
        }
    }

    /// Takes over where an equal report was seen.
    fn absorb(&mut self, equal: Diagnostic) {
        for chain in equal.callers {
            if !self.callers.contains(&chain) {
                self.callers.push(chain);
            }
        }
        self.seen_in(equal.parts, equal.leaves);
    }

    fn seen_in(&mut self, parts: Vec<String>, leaves: Vec<String>) {
        for (known, more) in [(&mut self.parts, parts), (&mut self.leaves, leaves)] {
            known.extend(more);
            known.sort();
            known.dedup();
        }
    }

    /// In words in which parts or leaves it was seen, unless the message names the only one; may be empty.
    pub fn seen(&self) -> String {
        match (self.parts.as_slice(), self.leaves.as_slice()) {
            ([], [] | [_]) => String::new(),
            // What is missing says more than who reads it.
            ([], _) if self.cause.is_some() => String::new(),
            ([part], _) if without_word(&self.message, part) != self.message => String::new(),
            ([], leaves) => format!("for {}", some_of(leaves)),
            (parts, _) => format!("in {}", some_of(parts)),
        }
    }

    /// The report with what it knows of callers and of further places as labels.
    pub fn labelled(&self, sources: &SourceMap) -> Diagnostic {
        let mut out = self.clone();
        let is_site = |at: &Span| sources.file(at.file).layer == Layer::Site;
        let mut calls: Vec<Span> = Vec::new();
        for chain in &self.callers {
            let outermost = chain.iter().rev().find(|at| is_site(at));
            for at in chain.first().into_iter().chain(outermost) {
                let is_known = |known: &Label| known.at == *at;
                if !calls.contains(at) && *at != self.at && !self.labels.iter().any(is_known) {
                    calls.push(*at);
                }
            }
        }
        // Those of the site say most, and the order says which came first.
        calls.sort_by_key(|at| !is_site(at));
        let n_left = calls.len().saturating_sub(SHOWN_CALLS);
        for (i, at) in calls.into_iter().take(SHOWN_CALLS).enumerate() {
            let is_last = i + 1 == SHOWN_CALLS && n_left > 0;
            out = out.label(
                at,
                if is_last {
                    format!("called here, and from {n_left} more places")
                } else {
                    "called here".into()
                },
            );
        }
        if let n @ 1.. = self.others.len() {
            let more = format!("and {n} more place{}", if n == 1 { "" } else { "s" });
            out.at_text = if out.at_text.is_empty() {
                format!("here {more}")
            } else {
                format!("{} {more}", out.at_text)
            };
        }
        out
    }
}

/// The most names, and the most calls, of which a report tells.
const SHOWN_NAMES: usize = 3;
const SHOWN_CALLS: usize = 4;

/// "`a`, `b`, `c` and 997 more".
fn some_of(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(SHOWN_NAMES).map(|name| format!("`{name}`")).collect();
    match (names.len().saturating_sub(SHOWN_NAMES), quoted.split_last()) {
        (0, Some((last, rest))) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        (0, _) => quoted.concat(),
        (n_more, _) => format!("{} and {n_more} more", quoted.join(", ")),
    }
}

/// A text without a word, wherever it stands alone.
fn without_word(text: &str, word: &str) -> String {
    let glued = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word).filter(|_| !word.is_empty()) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        out.push_str(before);
        let alone = !out.ends_with(glued) && !after.starts_with(glued);
        out.push_str(if alone { "\u{0}" } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
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
