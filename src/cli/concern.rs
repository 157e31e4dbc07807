//! Mistakes beside an answer: those that concern it are printed, the others are counted. Who asks for one value is not to be
//! kept from it by a slip elsewhere.

use kl::Compiled;
use kl::diag::{Diagnostic, Severity};
use kl::source::{FileId, Span};
use kl::value::why::Concerns;
use std::collections::BTreeSet;

use super::exit::Exit;
use super::host::Answer;
use super::report::{self, Warnings};
use super::say::say_wrong;

/// The mistakes of a description, as they are seen from some answers.
#[derive(Default)]
pub struct Mistakes {
    concerning: Vec<Diagnostic>,
    involved: BTreeSet<Span>,
}

impl Mistakes {
    /// Adds what concerns an answer.
    pub fn add(&mut self, concerns: Concerns) {
        self.concerning.extend(concerns.problems.sorted());
        self.involved.extend(concerns.involved);
    }

    /// Prints what concerns the answers and counts the rest. `asked` is the text of an expression whose own mistakes were told.
    /// Returns how the command ends.
    pub fn print(self, compiled: &Compiled, asked: Option<FileId>) -> Exit {
        let Self { mut concerning, involved } = self;
        let sources = compiled.sources();
        let is_error = |it: &Diagnostic| it.severity <= Severity::Error;
        concerning.retain(is_error);
        let is_known = |all: &[Diagnostic], it: &Diagnostic| {
            all.iter().any(|known| (known.at, known.code, &known.message) == (it.at, it.code, &it.message))
        };
        let mut n_others = 0;
        for it in compiled.problems().sorted().into_iter().filter(is_error) {
            if asked == Some(it.at.file) || is_known(&concerning, &it) {
                continue;
            }
            // What a file would say that was not read concerns every answer.
            let is_unread = it.code.as_str().starts_with("kl::files::");
            if is_unread || involved.iter().any(|at| at.holds(it.at)) {
                concerning.push(it);
            } else {
                n_others += 1;
            }
        }
        concerning.sort_by(|a, b| (a.at, a.code, &a.message).cmp(&(b.at, b.code, &b.message)));
        concerning.dedup_by(|a, b| (a.at, a.code, &a.message) == (b.at, b.code, &b.message));
        let exit = report::print_all(&concerning, sources, Answer::Text, Warnings::Allowed);
        if n_others > 0 {
            let other = if concerning.is_empty() { "" } else { "other " };
            let plural = if n_others == 1 { "" } else { "s" };
            say_wrong!(
                "{n_others} {other}mistake{plural} elsewhere: `kolla-lang check` prints what is wrong"
            );
        }
        exit
    }
}
