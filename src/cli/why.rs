//! `kolla-lang why`: who set a value, who lost, what it read; and from a line of a rendered file back to its definition.

use clap::Args;
use kl::Compiled;
use kl::source::Span;
use kl::value::why::{Line, Why};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

use super::describe::{compile, no_path, parse_path};
use super::exit::Exit;
use super::host::Answer;
use super::rendered::{self, Place};
use super::report::{self, Warnings};
use super::say::{say, say_wrong};

/// Say who set a value, who lost and what it read
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kolla-lang why cloud.kl keystone.token_lifetime\n  \
kolla-lang why cloud.kl ctl01 keystone keystone.conf token.expiration\n  \
kolla-lang why cloud.kl ctl01 keystone keystone.conf:12\n  \
kolla-lang why cloud.kl out/ctl01/files/keystone/keystone.conf:12\n\nExit codes: 0 said, 1 the description or the path is wrong")]
pub struct WhyArgs {
    /// The description
    file: PathBuf,
    /// Paths as in the language, or lines of built files; or one host, a container, a file's name and a key in it
    #[arg(required = true, num_args = 1..)]
    path: Vec<String>,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &WhyArgs) -> Exit {
    let compiled = match compile(Some(&args.file)) {
        Ok(described) => described.compiled,
        Err(exit) => return exit,
    };
    let exit =
        report::print_all(&errors_only(&compiled), compiled.sources(), Answer::Text, Warnings::Allowed);
    if exit != Exit::Done {
        return exit;
    }
    let mut answers = Vec::new();
    for question in questions(&compiled, &args.path) {
        match explain(&compiled, question) {
            Ok(answer) => answers.push(answer),
            Err(exit) => return exit,
        }
    }
    if args.json {
        let all: Vec<Value> =
            answers.iter().map(|(why, place)| as_json(&compiled, why, place.as_ref())).collect();
        say!("{}", json!({ "version": 1, "answers": all }));
    } else {
        for (why, place) in &answers {
            say!("{}", as_text(&compiled, why, place.as_ref()).trim_end());
        }
    }
    Exit::Done
}

/// Takes the arguments apart: a host with a container and a file is one question, everything else is one each.
fn questions<'a>(compiled: &Compiled, words: &'a [String]) -> Vec<&'a [String]> {
    let names_host = words.first().is_some_and(|first| compiled.part_names().iter().any(|h| **h == **first));
    if words.len() > 1 && names_host { vec![words] } else { words.chunks(1).collect() }
}

/// Takes `FILE:12` apart.
fn file_and_line(text: &str) -> Option<(&str, u32)> {
    let (file, line) = text.rsplit_once(':')?;
    Some((file, line.parse().ok()?))
}

fn errors_only(compiled: &Compiled) -> Vec<kl::diag::Diagnostic> {
    let mut all = compiled.problems().sorted();
    all.retain(|d| d.severity == kl::diag::Severity::Error);
    all
}

fn explain(compiled: &Compiled, path: &[String]) -> Result<(Why, Option<Place>), Exit> {
    let (steps, place) = match path {
        [one] if file_and_line(one).is_some() => {
            let (file, line) = file_and_line(one).unwrap_or_default();
            rendered::of_built(compiled, file, line)?
        }
        [one] => {
            let steps = parse_path(one)?;
            let place = rendered::of_path(compiled, &steps);
            (steps, place)
        }
        [host, container, file] => {
            let Some((file, line)) = file_and_line(file) else {
                say_wrong!("error: `{file}` names no line");
                say_wrong!("  help: write `{file}:12`, or a key of the file behind it");
                return Err(Exit::Wrong);
            };
            rendered::of_line(compiled, host, container, file, line)?
        }
        [host, container, file, key] => rendered::of_key(compiled, host, container, file, key)?,
        _ => {
            say_wrong!("error: `why` takes a path, or a host, a container, a file and a key of it");
            return Err(Exit::Wrong);
        }
    };
    // A list is a leaf, so a line that shows one item of it is explained by the whole.
    let mut steps = steps;
    while steps.last().is_some_and(|s| s.bytes().all(|b| b.is_ascii_digit())) && compiled.why(&steps).is_err()
    {
        steps.pop();
    }
    let why = compiled.why(&steps).map_err(|why| no_path(&why))?;
    Ok((why, place))
}

fn source_line(compiled: &Compiled, at: Span) -> (String, String) {
    let sources = compiled.sources();
    (sources.place(at.start), sources.line_text(at.start).trim().to_owned())
}

fn as_text(compiled: &Compiled, why: &Why, place: Option<&Place>) -> String {
    let mut out = format!("{} = {}\n", why.path, why.value);
    let row = |word: &str, line: &Line| {
        let (place, text) = source_line(compiled, line.at);
        format!("  {word:<6} {place:<28} {:<12} {text}\n", line.strength)
    };
    out.push_str(&row("set by", &why.winner));
    if why.written_at != why.winner.at {
        let (place, text) = source_line(compiled, why.written_at);
        out.push_str(&format!("  {:<6} {place:<28} {:<12} {text}\n", "from", "written at"));
    }
    if let Some(through) = &why.through {
        out.push_str(&row("via", through));
    }
    for loser in &why.losers {
        out.push_str(&row("lost", loser));
    }
    for read in &why.reads {
        out.push_str(&format!("  {:<6} {read}\n", "reads"));
    }
    if let Some(place) = place {
        out.push_str(&format!("  {:<6} {}:{}  {}\n", "gives", place.file, place.line, place.text));
    }
    out
}

fn as_json(compiled: &Compiled, why: &Why, place: Option<&Place>) -> Value {
    let line = |at: Span, strength: Option<&str>| {
        let (place, text) = source_line(compiled, at);
        let (file, line) = place
            .rsplit_once(':')
            .map_or((place.clone(), 0), |(f, l)| (f.to_owned(), l.parse().unwrap_or(0)));
        json!({ "file": file, "line": line, "text": text, "strength": strength })
    };
    json!({
        "path": why.path,
        "value": why.value,
        "winner": line(why.winner.at, Some(why.winner.strength)),
        "written": line(why.written_at, None),
        "through": why.through.as_ref().map(|l| line(l.at, Some(l.strength))),
        "losers": why.losers.iter().map(|l| line(l.at, Some(l.strength))).collect::<Vec<_>>(),
        "reads": why.reads,
        "rendered": place.map(|p| json!({ "file": p.file, "line": p.line, "text": p.text })),
    })
}

/// Explains the leaves of a list, one path per line: all of them by one process that knows the description already.
pub fn answers(compiled: &Compiled, list: &Path) -> Result<Value, Exit> {
    let text = std::fs::read_to_string(list).map_err(|why| {
        say_wrong!("error: cannot read {}: {why}", list.display());
        Exit::Wrong
    })?;
    let answer = |path: &str| {
        let (why, place) = explain(compiled, &[path.to_owned()])?;
        Ok(as_json(compiled, &why, place.as_ref()))
    };
    let all: Result<Vec<Value>, Exit> = text.lines().filter(|l| !l.trim().is_empty()).map(answer).collect();
    Ok(json!({ "version": 1, "answers": all? }))
}
