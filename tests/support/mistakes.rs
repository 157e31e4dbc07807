//! tests/mistakes/*.kl: the commonest mistakes, each with what its report must name, and with the step that the report
//! says is next, taken: then the description is right.
//!
//! Above the description stands a line for each report, `# error[code] LINES`: its code and the lines that it shows. What to do
//! is taken from the help: what stands between backticks is written at the place of the report, or added at the top if the
//! help says so. Where the help leaves a choice, a line `# step WHAT -> BY WHAT` makes it.

use super::files::Files;
use super::{engine, files_under, golden, read, shown, trial};
use libtest_mimic::{Failed, Trial};
use std::path::Path;

/// What fits a screen.
const MAX_LINES: usize = 24;
const MAX_WIDTH: usize = 80;
/// How many mistakes there are at least.
const N_COMMON: usize = 30;

/// A test per mistake, and one that there are enough.
pub fn trials() -> Vec<Trial> {
    let files = files_under("tests/mistakes", "kl");
    let n = files.len();
    let mut out: Vec<Trial> = files
        .into_iter()
        .map(|path| {
            let name = shown(&path).trim_start_matches("tests/").trim_end_matches(".kl").to_owned();
            trial(name, move || mistake(&path))
        })
        .collect();
    out.push(trial("mistakes/are-enough", move || match n {
        N_COMMON.. => Ok(()),
        n => Err(format!("{n} mistakes and not {N_COMMON}").into()),
    }));
    out
}

fn mistake(path: &Path) -> Result<(), Failed> {
    let text = read(path)?;
    let outcome = engine::compile(&Files::parse("cloud.kl", &text));
    let printed = outcome.printed();
    let expected: Vec<&str> = text.lines().filter(|line| is_expected(line)).collect();
    let files = Files::parse("cloud.kl", &text);
    let seen = said(&printed, &files);
    if expected != seen {
        if golden::blessing() {
            return bless(path, &text, &seen);
        }
        let lines = |all: &[String]| all.iter().map(|line| format!("{line}\n")).collect::<String>();
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        return Err(format!(
            "{}\n{printed}",
            golden::differs(&shown(path), &lines(&expected), &lines(&seen)).message().unwrap_or_default()
        )
        .into());
    }
    let (height, width) = (printed.lines().count(), printed.lines().map(|line| line.chars().count()).max());
    if height > MAX_LINES * outcome.reports.len().max(1) || width > Some(MAX_WIDTH) {
        return Err(format!("more than a screen, {height} lines, {width:?} columns:\n{printed}").into());
    }
    let right = corrected(&text, &outcome.reports)?;
    let again = engine::compile(&Files::parse("cloud.kl", &right));
    if again.reports.is_empty() {
        return Ok(());
    }
    Err(format!("{printed}\nthe step was taken:\n{right}\nand now:\n{}", again.printed()).into())
}

fn is_expected(line: &str) -> bool {
    line.starts_with("# error[") || line.starts_with("# warning[")
}

/// `# error[code] 3, 7` for each report: its code and the lines that it shows of the case; those of the library may move.
fn said(printed: &str, files: &Files) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut is_ours = true;
    for line in printed.lines() {
        if let Some((_, place)) = line.split_once("╭─[") {
            is_ours = place.split_once(':').is_some_and(|(name, _)| files.all.contains_key(name));
        }
        if line.starts_with("error[") || line.starts_with("warning[") {
            out.push(format!("# {line}"));
        }
        let number = line.split_once(" │").map(|(number, _)| number.trim());
        let number = number.and_then(|number| number.parse::<u32>().ok()).filter(|_| is_ours);
        if let (Some(number), Some(last)) = (number, out.last_mut()) {
            last.push_str(if last.ends_with(']') { " " } else { ", " });
            last.push_str(&number.to_string());
        }
    }
    out
}

fn bless(path: &Path, text: &str, seen: &[String]) -> Result<(), Failed> {
    let rest: String = text.split_inclusive('\n').filter(|line| !is_expected(line)).collect();
    let (title, rest) = rest.split_once('\n').unwrap_or((&rest, ""));
    let with = |seen: &[String]| {
        let seen: String = seen.iter().map(|line| format!("{line}\n")).collect();
        format!("{title}\n{seen}{rest}")
    };
    // The lines that are added move those that they name.
    let moved = engine::compile(&Files::parse("cloud.kl", &with(seen)));
    Ok(std::fs::write(path, with(&said(&moved.printed(), &Files::parse("cloud.kl", text))))?)
}

/// A change of one text.
struct Edit {
    from: usize,
    to: usize,
    by: String,
}

/// The description with the next step of every report taken.
fn corrected(text: &str, reports: &[engine::Report]) -> Result<String, Failed> {
    let chosen: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# step ")).collect();
    let mut edits = Vec::new();
    for step in &chosen {
        edits.push(chosen_step(text, step).ok_or_else(|| format!("this step cannot be taken: {step}"))?);
    }
    if chosen.is_empty() {
        for report in reports {
            let help = report.help.as_deref().ok_or_else(|| format!("no next step: {}", report.message))?;
            edits.push(
                told_step(text, &report.at, help)
                    .ok_or_else(|| format!("this step cannot be taken: {help}"))?,
            );
        }
    }
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.from));
    let mut out = text.to_owned();
    for Edit { from, to, by } in edits {
        out.replace_range(from..to, &by);
    }
    Ok(out)
}

/// The offset of a line and a column, both from 1.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let columns = text[before..].chars().take(column.checked_sub(1)?);
    Some(before + columns.map(char::len_utf8).sum::<usize>())
}

/// `WHAT -> BY WHAT`; what stands for nothing is empty. The description begins behind the comments in front.
fn chosen_step(text: &str, step: &str) -> Option<Edit> {
    let (what, by) = step.split_once("->")?;
    let head: usize =
        text.split_inclusive('\n').take_while(|line| line.starts_with("# ")).map(str::len).sum();
    let from = head + text[head..].find(what.trim())?;
    Some(Edit { from, to: from + what.trim().len(), by: by.trim().to_owned() })
}

/// What a help says to write, and what stands before it: behind `write` and its like, or the first in backticks.
fn told(help: &str) -> (&str, &str) {
    let marks = ["write `", "as in `", "did you mean `", "add `", "`"];
    let Some(at) = marks.iter().find_map(|mark| help.find(mark).map(|at| at + mark.len())) else {
        return (help, "");
    };
    (&help[..at - 1], help[at..].split_once('`').map_or("", |(by, _)| by))
}

/// What a help says, done at the place of its report.
fn told_step(text: &str, at: &str, help: &str) -> Option<Edit> {
    let (before, by) = told(help);
    if before.ends_with("add ") {
        return Some(Edit { from: 0, to: 0, by: format!("{by}\n") });
    }
    let (line, columns) = at.split_once(':')?;
    let (from, to) = columns.split_once('-')?;
    let (end_line, to) = to.split_once(':').unwrap_or((line, to));
    let from = offset(text, line.parse().ok()?, from.parse().ok()?)?;
    let to = offset(text, end_line.parse().ok()?, to.parse().ok()?)?;
    if help.starts_with("leave it out") {
        return Some(Edit { from, to, by: String::new() });
    }
    if by.is_empty() || by.contains('…') {
        return None;
    }
    // The place of a step is that of its dot too, which a name does not repeat.
    let from = if text[from..].starts_with('.') && !by.starts_with(['.', '[']) { from + 1 } else { from };
    // Words do not run into each other.
    let wordy = |c: char| c.is_alphanumeric() || c == '_';
    let left = text[..from].ends_with(wordy) && by.starts_with(wordy);
    let right = text[to..].starts_with(wordy) && by.ends_with(wordy);
    let by = format!("{}{by}{}", if left { " " } else { "" }, if right { " " } else { "" });
    Some(Edit { from, to, by })
}
