//! Prints the mistakes of a description: drawn for people, as lines of JSON for programs.

use kl::diag::{Diagnostic, Report, Severity};
use kl::source::{ReadError, SourceMap};
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::{Value, json};
use std::io::IsTerminal;

use super::exit::Exit;
use super::host::Answer;
use super::say::say_wrong;

/// Prints all mistakes to standard error and returns how the command ends if nothing else goes wrong.
pub fn print_all(all: &[Diagnostic], sources: &SourceMap, answer: Answer) -> Exit {
    if let Some(bug) = all.iter().find(|d| d.severity == Severity::Bug) {
        let at = sources.position(bug.at.start);
        let place = format!("{}:{}:{}", sources.file(at.file).name, at.line, at.column);
        say_wrong!("this is a bug in kolla-lang: {}, at {place}", bug.message);
        return Exit::Bug;
    }
    let errors = all.iter().filter(|d| d.severity == Severity::Error).count();
    if answer == Answer::Text {
        let mut text = String::new();
        for diagnostic in all {
            text.push_str(&drawn(diagnostic, sources));
            text.push('\n');
        }
        if !text.is_empty() {
            say_wrong!("{}", text.strip_suffix('\n').unwrap_or(&text));
        }
        if !all.is_empty() {
            say_wrong!("{}", counted(errors, all.len() - errors));
        }
    }
    if errors > 0 { Exit::Wrong } else { Exit::Done }
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
    let report = Report { diagnostic, sources };
    if handler.render_report(&mut out, &report).is_err() {
        out = format!("{}\n", diagnostic.one_line(sources));
    }
    out
}

/// All mistakes for programs.
pub fn as_json(all: &[Diagnostic], sources: &SourceMap) -> Value {
    let place = |at: kl::source::Span| {
        let (start, end) = (sources.position(at.start), sources.position(at.end));
        json!({
            "file": &*sources.file(start.file).name,
            "line": start.line, "column": start.column, "end_line": end.line, "end_column": end.column,
        })
    };
    all.iter()
        .map(|d| {
            json!({
                "code": d.code.as_str(),
                "severity": d.severity.to_string(),
                "message": d.message,
                "at": place(d.at),
                "here": d.at_text,
                "labels": d.labels.iter().map(|l| json!({ "at": place(l.at), "text": l.text })).collect::<Vec<_>>(),
                "help": d.help,
                "part": d.part,
                "more": d.n_more,
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
    use kl::source::{Layer, Span};

    fn print(problems: &Problems) -> Exit {
        let mut sources = SourceMap::default();
        sources.add("cloud.kl", "a = 1".into(), Layer::Site);
        print_all(&problems.sorted(), &sources, Answer::Json)
    }

    #[test]
    fn a_failure_without_an_error_is_a_bug() {
        let mut problems = Problems::default();
        problems.push(Diagnostic::warning(Code::DeadDefinition, Span::new(0, 1), "never wins"));
        problems.account_for(Some(Span::new(0, 1)));
        assert_eq!(print(&problems), Exit::Bug);
    }

    #[test]
    fn a_failure_with_an_error_is_not() {
        let mut problems = Problems::default();
        problems.push(Diagnostic::error(Code::Missing, Span::new(0, 1), "no value"));
        problems.account_for(Some(Span::new(0, 1)));
        assert_eq!(print(&problems), Exit::Wrong);
    }
}
