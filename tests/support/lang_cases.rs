//! tests/lang/**/*.kl: many small cases in a file, each with its expectation in comments beside the source. The format is
//! described in docs/CONTRIBUTING.md.

use super::files::Files;
use super::{engine, files_under, golden, read, shown, trial};
use libtest_mimic::{Failed, Trial};
use std::fmt::Write as _;
use std::path::Path;

/// One case: its name and all lines below `--- name`.
#[derive(Clone)]
struct Case {
    name: String,
    text: String,
}

/// Every case as a test; when blessing, every file.
pub fn trials() -> Vec<Trial> {
    let mut out = Vec::new();
    for path in files_under("tests/lang", "kl") {
        let name = shown(&path).trim_start_matches("tests/").trim_end_matches(".kl").to_owned();
        if golden::blessing() {
            out.push(trial(name, move || bless(&path)));
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else {
            out.push(trial(name, move || read(&path).map(|_| ())));
            continue;
        };
        for case in parse(&text).1 {
            out.push(trial(format!("{name}/{}", case.name), move || check(&case)));
        }
    }
    out
}

/// A file of cases: what stands above the first one, and the cases.
fn parse(text: &str) -> (String, Vec<Case>) {
    let (mut above, mut cases) = (String::new(), Vec::<Case>::new());
    for line in text.split_inclusive('\n') {
        match (line.strip_prefix("--- "), cases.last_mut()) {
            (Some(name), _) => cases.push(Case { name: name.trim().to_owned(), text: String::new() }),
            (None, Some(case)) => case.text.push_str(line),
            (None, None) => above.push_str(line),
        }
    }
    (above, cases)
}

const MARKS: [&str; 4] = ["# error[", "# warning[", "# help:", "# value "];

/// The comments in front that say what is expected, and the rest.
fn split_expected(text: &str) -> (Vec<&str>, &str) {
    let mut expected = Vec::new();
    let mut rest = text;
    while let Some(line) = rest.split_inclusive('\n').next() {
        if !MARKS.iter().any(|m| line.starts_with(m)) {
            break;
        }
        expected.push(line.trim_end());
        rest = &rest[line.len()..];
    }
    (expected, rest)
}

fn check(case: &Case) -> Result<(), Failed> {
    let (expected, _) = split_expected(&case.text);
    let seen = seen_in(case, &expected);
    // A help that nobody wrote down is not compared.
    let wants_help = expected.iter().any(|l| l.starts_with("# help:"));
    let seen: Vec<&str> =
        seen.iter().map(String::as_str).filter(|l| wants_help || !l.starts_with("# help:")).collect();
    if seen == expected {
        return Ok(());
    }
    let text = |lines: &[&str]| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
    Err(golden::differs(&format!("the case `{}`", case.name), &text(&expected), &text(&seen)))
}

/// What the compiler says of a case, in the words of its expectation; the values are those that were asked for.
fn seen_in(case: &Case, expected: &[&str]) -> Vec<String> {
    let outcome = engine::compile(&Files::parse("case.kl", &case.text));
    let mut seen = Vec::new();
    for report in &outcome.reports {
        seen.push(format!("# {}[{}] {} {}", report.severity, report.code, report.at, report.message));
        if let Some(help) = &report.help {
            seen.push(format!("# help: {}", help.replace('\n', " ")));
        }
    }
    for path in expected.iter().filter_map(|l| l.strip_prefix("# value ")) {
        let path = path.split_once(": ").map_or(path.trim_end_matches(':'), |(p, _)| p);
        seen.push(format!("# value {path}: {}", outcome.value(path)));
    }
    seen
}

/// Rewrites the expectations of a file; places move when lines are added, so each case is seen until it rests.
fn bless(path: &Path) -> Result<(), Failed> {
    let text = read(path)?;
    let (mut out, cases) = parse(&text);
    for mut case in cases {
        for _ in 0..3 {
            let (expected, rest) = split_expected(&case.text);
            let mut next = String::new();
            for line in seen_in(&case, &expected) {
                let _ = writeln!(next, "{line}");
            }
            next.push_str(rest);
            case.text = next;
        }
        let _ = write!(out, "--- {}\n{}", case.name, case.text);
    }
    write_if_changed(path, &text, &out)
}

fn write_if_changed(path: &Path, before: &str, after: &str) -> Result<(), Failed> {
    if before != after {
        std::fs::write(path, after)?;
    }
    Ok(())
}
