//! Prints the mistakes of a description: drawn for people, as lines of JSON for programs.

use clap::Args;
use kl::diag::{Diagnostic, Report, Severity, windowed, words};
use kl::source::{ReadError, SourceMap};
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::IsTerminal;

use super::exit::Exit;
use super::host::Answer;
use super::say::{print_coloured, say_wrong};

/// The most reports that are printed for people.
const PRINTED: usize = 100;
/// The most reports of one code at one place that are printed for people.
const PRINTED_OF_A_PLACE: usize = 5;

/// Whether warnings are errors for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warnings {
    /// They are said.
    Allowed,
    /// They are said, and the description is refused for them.
    Denied,
}

/// How strict a command is with a description.
#[derive(Debug, Args, Clone, Copy)]
pub struct StrictArgs {
    /// Refuse a description that has warnings, as if they were errors (exit 1)
    #[arg(long)]
    deny_warnings: bool,
}

impl StrictArgs {
    /// Whether warnings are errors.
    pub fn warnings(self) -> Warnings {
        if self.deny_warnings { Warnings::Denied } else { Warnings::Allowed }
    }
}

/// Prints all mistakes to standard error and returns how the command ends if nothing else goes wrong.
pub fn print_all(all: &[Diagnostic], sources: &SourceMap, answer: Answer, warnings: Warnings) -> Exit {
    if let Some(bug) = all.iter().find(|d| d.severity == Severity::Bug) {
        let at = sources.position(bug.at.first());
        let place = format!("{}:{}:{}", sources.file(at.file).name, at.line, at.column);
        say_wrong!("error: this is a bug in kolla-lang: {}, at {place}", bug.message);
        say_wrong!("{}", super::bug::HELP);
        return Exit::Bug;
    }
    let n_errors = all.iter().filter(|d| d.severity == Severity::Error).count();
    let n_warnings = all.len() - n_errors;
    let denied = warnings == Warnings::Denied && n_warnings > 0;
    if answer == Answer::Text && !all.is_empty() {
        print_coloured(&mut std::io::stderr(), &listed(all, sources));
        let denied = if denied { ", denied by --deny-warnings" } else { "" };
        say_wrong!("{}{denied}", counted(n_errors, n_warnings));
    }
    if n_errors > 0 || denied { Exit::Wrong } else { Exit::Done }
}

/// The reports that people see, drawn, and how many there are beside them.
fn listed(all: &[Diagnostic], sources: &SourceMap) -> String {
    let is_printed = printed(all);
    let mut text = String::new();
    for (i, diagnostic) in all.iter().enumerate().filter(|(i, _)| is_printed[*i]) {
        text.push_str(&drawn(diagnostic, sources));
        text.push('\n');
        // Reports of one place stand behind each other.
        let more = all[i + 1..].iter().zip(&is_printed[i + 1..]);
        let n_more =
            more.take_while(|(next, is_printed)| !**is_printed && of_one_place(next, diagnostic)).count();
        if n_more > 0 {
            let (code, place) = (diagnostic.code, sources.place(diagnostic.at));
            let _ = writeln!(text, "  and {n_more} more of {code} at {place}\n");
        }
    }
    let of_a_place =
        |i: usize| i >= PRINTED_OF_A_PLACE && of_one_place(&all[i - PRINTED_OF_A_PLACE], &all[i]);
    let is_left_out = |i: &usize| !is_printed[*i] && !of_a_place(*i);
    let n_left =
        |severity| (0..all.len()).filter(is_left_out).filter(|i| all[*i].severity == severity).count();
    match (n_left(Severity::Error), n_left(Severity::Warning)) {
        (0, 0) => text.truncate(text.trim_end_matches('\n').len() + 1),
        (errors, warnings) => {
            let _ = writeln!(text, "and {} more", counted(errors, warnings));
        }
    }
    text
}

fn of_one_place(a: &Diagnostic, b: &Diagnostic) -> bool {
    (a.at, a.code) == (b.at, b.code)
}

/// Which reports are printed: few of those of one place, and errors before warnings where there are too many.
fn printed(all: &[Diagnostic]) -> Vec<bool> {
    let mut is_printed = vec![false; all.len()];
    let mut n_free = PRINTED;
    for severity in [Severity::Error, Severity::Warning] {
        for (i, diagnostic) in all.iter().enumerate().filter(|(_, d)| d.severity == severity) {
            let of_its_place = i.checked_sub(PRINTED_OF_A_PLACE).map(|before| &all[before]);
            if n_free > 0 && !of_its_place.is_some_and(|it| of_one_place(it, diagnostic)) {
                is_printed[i] = true;
                n_free -= 1;
            }
        }
    }
    is_printed
}

fn counted(errors: usize, warnings: usize) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, w) => plural(w, "warning"),
        (e, 0) => plural(e, "error"),
        (e, w) => format!("{}, {}", plural(e, "error"), plural(w, "warning")),
    }
}

/// One mistake as people see it.
pub fn drawn(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(80).with_links(false).with_context_lines(1);
    let mut out = String::new();
    let labelled = diagnostic.labelled(sources);
    let cut = windowed(&labelled, sources);
    let (diagnostic, sources) = cut.as_ref().map_or((&labelled, sources), |(report, texts)| (report, texts));
    let report = Report { diagnostic, sources };
    if handler.render_report(&mut out, &report).is_err() {
        out = format!("{}\n", diagnostic.one_line(sources));
    }
    out
}

/// All mistakes for programs.
pub fn as_json(all: &[Diagnostic], sources: &SourceMap) -> Value {
    let place = |at: kl::source::Span| {
        let (start, end) = (sources.position(at.first()), sources.position(at.after()));
        json!({
            "file": &*sources.file(start.file).name,
            "line": start.line, "column": start.column, "end_line": end.line, "end_column": end.column,
        })
    };
    let places = |all: &[kl::source::Span]| all.iter().map(|at| place(*at)).collect::<Vec<_>>();
    all.iter()
        .map(|d| {
            json!({
                "code": d.code.as_str(),
                "severity": d.severity.to_string(),
                "message": words(&d.message),
                "at": place(d.at),
                "here": words(&d.at_text),
                "labels": d.labels.iter().map(|l| json!({ "at": place(l.at), "text": words(&l.text) })).collect::<Vec<_>>(),
                "help": d.help.as_deref().map(words),
                "parts": d.parts,
                "leaves": d.leaves,
                "callers": d.callers.iter().map(|chain| places(chain)).collect::<Vec<_>>(),
                "others": places(&d.others),
            })
        })
        .collect()
}

/// Says why the description itself cannot be read.
pub fn unreadable(path: &str, why: &ReadError) -> Exit {
    let (what, help) = match why {
        ReadError::Missing => {
            ("there is no such file".to_owned(), Some("name the description: `kolla-lang check my/cloud.kl`"))
        }
        ReadError::Directory => {
            ("it is a directory".to_owned(), Some("name the file in it, as in `cloud.kl`"))
        }
        ReadError::NotPlain => ("it is no plain file".to_owned(), Some("name a file, as in `cloud.kl`")),
        ReadError::Outside => (
            "it lies outside of the folder that `--root` names".to_owned(),
            Some("name a folder that holds it"),
        ),
        ReadError::TooLarge => {
            ("it is larger than 16 MiB".to_owned(), Some("split it into files and `use` them"))
        }
        ReadError::NotUtf8(at) => {
            (format!("it is not UTF-8: the byte at offset {at} is wrong"), Some("save it as UTF-8"))
        }
        ReadError::Other(text) => (text.clone(), None),
    };
    say_wrong!("error: cannot read {path}: {what}");
    if let Some(help) = help {
        say_wrong!("  help: {help}");
    }
    Exit::Wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use kl::diag::{Code, Problems};
    use kl::source::{FileId, Layer, Span};

    fn print(problems: &Problems) -> Exit {
        let mut sources = SourceMap::default();
        sources.add("cloud.kl", "a = 1".into(), Layer::Site);
        print_all(&problems.sorted(), &sources, Answer::Json, Warnings::Allowed)
    }

    #[test]
    fn a_failure_without_an_error_is_a_bug() {
        let mut problems = Problems::default();
        problems.push(Diagnostic::warning(Code::DeadDefinition, Span::new(FileId(0), 0, 1), "never wins"));
        problems.account_for(Some(Span::new(FileId(0), 0, 1)));
        assert_eq!(print(&problems), Exit::Bug);
    }

    #[test]
    fn a_failure_with_an_error_is_not() {
        let mut problems = Problems::default();
        problems.push(Diagnostic::error(Code::Missing, Span::new(FileId(0), 0, 1), "no value"));
        problems.account_for(Some(Span::new(FileId(0), 0, 1)));
        assert_eq!(print(&problems), Exit::Wrong);
    }
}
