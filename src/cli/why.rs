//! `kolla-lang why`: who set a value, who lost, what it read; and from a line of a rendered file back to its definition.

use clap::Args;
use kl::Compiled;
use kl::source::Span;
use kl::value::state::Reader;
use kl::value::why::{Below, Claim, Concerns, Line, NoPath, Nothing, Part, Read, Says, Why};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

use super::concern::Mistakes;
use super::describe::{compile, no_path, parse_path, some_of};
use super::exit::Exit;
use super::rendered::{self, Said, SourceLocation};
use super::say::{say, say_wrong};
use render::template_lines::TemplateLine;

/// Say who set a value, who lost and what it read
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kolla-lang why cloud.kl keystone.token_lifetime\n  \
kolla-lang why cloud.kl ctl01 keystone keystone.conf token.expiration\n  \
kolla-lang why cloud.kl ctl01 keystone keystone.conf:12\n  \
kolla-lang why cloud.kl out/ctl01/files/keystone/keystone.conf:12\n\nExit codes: 0 said, 1 a mistake concerns the answer, or there is none")]
pub struct WhyArgs {
    /// The description
    file: PathBuf,
    /// Paths as in the language, or lines of built files; or one host, a container, a file's name and a key in it
    #[arg(required = true, num_args = 1..)]
    path: Vec<String>,
    /// Say also who reads the value; everything is evaluated for that
    #[arg(long)]
    readers: bool,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// What `why` says of one question.
enum Explanation {
    /// Why a leaf has its value, where it is rendered, and who reads it if that was asked.
    Leaf(Box<Why>, Option<SourceLocation>, Option<Vec<Reader>>),
    /// Why something is not there.
    Absent(Box<Nothing>),
    /// Who gives what is no leaf, and the line that was asked for.
    Node(Box<Below>, Option<SourceLocation>),
    /// A line that nobody's description says.
    Ours(SourceLocation),
}

/// Runs the command.
pub fn run(args: &WhyArgs) -> Exit {
    let compiled = match compile(Some(&args.file)) {
        Ok(described) => described.compiled,
        Err(exit) => return exit,
    };
    let mut mistakes = Mistakes::default();
    let mut answers = Vec::new();
    for question in questions(&compiled, &args.path) {
        match explain(&compiled, question, args.readers) {
            Ok(mut told) => {
                mistakes.add(told.take_concerns());
                answers.push(told);
            }
            Err(exit) => {
                mistakes.print(&compiled, None);
                return exit;
            }
        }
    }
    if args.json {
        let all: Vec<Value> = answers.iter().map(|told| as_json(&compiled, told)).collect();
        say!("{}", json!({ "version": 2, "answers": all }));
    } else {
        for told in &answers {
            say!("{}", as_text(&compiled, told).trim_end());
        }
    }
    mistakes.print(&compiled, None)
}

impl Explanation {
    fn take_concerns(&mut self) -> Concerns {
        std::mem::take(match self {
            Explanation::Leaf(why, ..) => &mut why.concerns,
            Explanation::Absent(nothing) => &mut nothing.concerns,
            Explanation::Node(below, _) => &mut below.concerns,
            Explanation::Ours(_) => return Concerns::default(),
        })
    }
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

fn explain(compiled: &Compiled, path: &[String], wants_readers: bool) -> Result<Explanation, Exit> {
    let said = match path {
        [one] if file_and_line(one).is_some() => {
            let (file, line) = file_and_line(one).unwrap_or_default();
            rendered::of_built(compiled, file, line)?
        }
        [one] => {
            let steps = parse_path(one)?;
            let place = rendered::of_path(compiled, &steps);
            Said::By(steps, place)
        }
        [host, container, file] => {
            let Some((file, line)) = file_and_line(file) else {
                say_wrong!("error: `{file}` names no line");
                say_wrong!("  help: write `{file}:12`, or a key of the file behind it");
                return Err(Exit::Wrong);
            };
            rendered::of_line(compiled, host, container, file, line)?
        }
        [host, container, file, key] => {
            let (steps, place) = rendered::of_key(compiled, host, container, file, key)?;
            Said::By(steps, place)
        }
        _ => {
            say_wrong!("error: `why` takes a path, or a host, a container, a file and a key of it");
            return Err(Exit::Wrong);
        }
    };
    let (steps, place) = match said {
        Said::By(steps, place) => (steps, place),
        Said::Nobody(place) => return Ok(Explanation::Ours(place)),
    };
    // A list is a leaf, so a line that shows one item of it is explained by the whole.
    let mut steps = steps;
    while steps.last().is_some_and(|s| s.bytes().all(|b| b.is_ascii_digit())) && compiled.why(&steps).is_err()
    {
        steps.pop();
    }
    match compiled.why(&steps) {
        Ok(why) => {
            let readers = wants_readers.then(|| compiled.readers(&steps));
            Ok(Explanation::Leaf(Box::new(why), place, readers))
        }
        Err(NoPath::Nothing(nothing)) if !nothing.claims.is_empty() => Ok(Explanation::Absent(nothing)),
        Err(NoPath::Below(below)) => Ok(Explanation::Node(below, place)),
        Err(why) => Err(no_path(&why)),
    }
}

fn source_line(compiled: &Compiled, at: Span) -> (String, String) {
    let sources = compiled.sources();
    (sources.place(at), sources.line_text(at).trim().to_owned())
}

/// A line of an answer: what a definition does, its place, its strength and what is written there.
fn row(compiled: &Compiled, word: &str, line: &Line) -> String {
    let (place, text) = source_line(compiled, line.at);
    format!("  {word:<6} {place:<28} {:<12} {text}\n", line.strength)
}

fn as_text(compiled: &Compiled, told: &Explanation) -> String {
    match told {
        Explanation::Leaf(why, place, readers) => {
            leaf_as_text(compiled, why, place.as_ref(), readers.as_deref())
        }
        Explanation::Absent(nothing) => {
            format!("{} is not there\n{}", nothing.path, claims_as_text(compiled, &nothing.claims, "lost"))
        }
        Explanation::Ours(place) => {
            format!(
                "{}:{}  {}\n  nobody says it: each file of its kind has this line\n",
                place.file, place.line, place.text
            )
        }
        Explanation::Node(below, place) => {
            let Below { path, names, claims, concerns: _ } = &**below;
            let has = if names.is_empty() { "nothing".to_owned() } else { some_of(names) };
            let gives = place.as_ref().map_or(String::new(), |place| place_as_text(compiled, place));
            format!("{path} has {has}\n{}{gives}", claims_as_text(compiled, claims, "given"))
        }
    }
}

/// The line of a built file that was asked for or that is made, and of a template the line and the values that make it.
fn place_as_text(compiled: &Compiled, place: &SourceLocation) -> String {
    let mut out = format!("  {:<6} {}:{}  {}\n", "gives", place.file, place.line, place.text);
    if let Some(template) = &place.template {
        let TemplateLine { name, number, text, values } = template;
        out.push_str(&format!(
            "  {:<6} {:<28} {:<12} {text}\n",
            "by",
            format!("{name}:{number}"),
            "template"
        ));
        for (value, origin) in values.iter().take(N_READS) {
            let (place, text) = source_line(compiled, origin.at);
            out.push_str(&format!("  {:<6} {place:<28} {value:<12} {text}\n", "with"));
        }
    }
    out
}

fn leaf_as_text(
    compiled: &Compiled,
    why: &Why,
    place: Option<&SourceLocation>,
    readers: Option<&[Reader]>,
) -> String {
    let mut out = format!("{} = {}\n", why.path, why.value);
    out.push_str(&row(compiled, if why.parts.is_empty() { "set by" } else { "base" }, &why.winner));
    if why.written_at != why.winner.at {
        let (place, text) = source_line(compiled, why.written_at);
        out.push_str(&format!("  {:<6} {place:<28} {:<12} {text}\n", "from", "written at"));
    }
    if let Some(through) = &why.through {
        out.push_str(&row(compiled, "via", through));
    }
    for part in &why.parts {
        let (sign, verb) = if part.takes { ("-=", "takes") } else { ("+=", "gives") };
        let line = row(compiled, sign, &part.line);
        out.push_str(&format!("{}    {verb} {}\n", line.trim_end(), part.items));
    }
    for loser in &why.losers {
        out.push_str(&row(compiled, "lost", loser));
    }
    let mut reads = Vec::new();
    read_lines(&why.reads, 0, &mut reads);
    let n_more = reads.len().saturating_sub(N_READS);
    reads.truncate(N_READS);
    for read in reads {
        out.push_str(&format!("  {:<6} {read}\n", "reads"));
    }
    if n_more > 0 {
        out.push_str(&format!("  {:<6} … and {n_more} more\n", "reads"));
    }
    if let Some(place) = place {
        out.push_str(&place_as_text(compiled, place));
    }
    if let Some(readers) = readers {
        out.push_str(&readers_as_text(compiled, readers));
    }
    out
}

/// Who reads a value: one line for each place in which it is read, however many leaves that makes.
fn readers_as_text(compiled: &Compiled, readers: &[Reader]) -> String {
    let mut out = String::new();
    let places: Vec<&[Reader]> = readers.chunk_by(|a, b| a.at == b.at).collect();
    for all in places.iter().take(N_READS) {
        let (place, _) = source_line(compiled, all[0].at);
        let more = if all.len() > 1 { format!(" and {} more", all.len() - 1) } else { String::new() };
        out.push_str(&format!("  {:<6} {place:<28} {:<12} {}{more}\n", "read", "by", all[0].what));
    }
    match places.len() {
        0 => out.push_str("  read   by nobody\n"),
        n if n > N_READS => out.push_str(&format!("  read   … and at {} more places\n", n - N_READS)),
        _ => {}
    }
    out
}

/// The most lines that are printed of what a leaf reads.
const N_READS: usize = 40;

/// What was read, a line each, below what it was read for.
fn read_lines(reads: &[Read], depth: usize, out: &mut Vec<String>) {
    for read in reads {
        let value = read.value.as_ref().map_or(String::new(), |value| format!(" = {value}"));
        out.push(format!("{}{}{value}", "  ".repeat(depth), read.path));
        read_lines(&read.reads, depth + 1, out);
    }
}

fn claims_as_text(compiled: &Compiled, claims: &[Claim], gives: &'static str) -> String {
    let mut out = String::new();
    for claim in claims {
        let word = match claim.says {
            Says::Takes => "taken",
            Says::Replaces => "cut",
            Says::Gives => gives,
            Says::Unless(_) | Says::Beside(_) => "idle",
        };
        out.push_str(&row(compiled, word, &claim.line));
        let kept = match claim.says {
            Says::Unless(at) => Some((at, "whose condition does not hold")),
            Says::Beside(at) => Some((at, "which does not come to it")),
            Says::Takes | Says::Replaces | Says::Gives => None,
        };
        if let Some((at, words)) = kept {
            let (place, text) = source_line(compiled, at);
            out.push_str(&format!("  {:<6} {place:<28} {:<12} {text}, {words}\n", "", "is within"));
        }
    }
    out
}

fn as_json(compiled: &Compiled, told: &Explanation) -> Value {
    let line = |at: Span, strength: Option<&str>| {
        let (place, text) = source_line(compiled, at);
        let (file, line) = place
            .rsplit_once(':')
            .map_or((place.clone(), 0), |(f, l)| (f.to_owned(), l.parse().unwrap_or(0)));
        json!({ "file": file, "line": line, "text": text, "strength": strength })
    };
    let claims = |claims: &[Claim]| -> Vec<Value> {
        let one = |claim: &Claim| {
            let (says, within) = match claim.says {
                Says::Takes => ("takes", None),
                Says::Replaces => ("replaces", None),
                Says::Gives => ("gives", None),
                Says::Unless(at) => ("unless", Some(at)),
                Says::Beside(at) => ("beside", Some(at)),
            };
            json!({
                "says": says,
                "definition": line(claim.line.at, Some(claim.line.strength)),
                "within": within.map(|at| line(at, None)),
            })
        };
        claims.iter().map(one).collect()
    };
    let rendered = |place: Option<&SourceLocation>| {
        place.map(|it| {
            let template = it.template.as_ref().map(|template| {
                let value = |(name, origin): &(String, kl::data::Origin)| json!({ "name": name, "written": line(origin.at, None) });
                let values: Vec<Value> = template.values.iter().map(value).collect();
                json!({ "file": template.name, "line": template.number, "text": template.text, "values": values })
            });
            json!({ "file": it.file, "line": it.line, "text": it.text, "template": template })
        })
    };
    let (why, place, readers) = match told {
        Explanation::Leaf(why, place, readers) => (why, place, readers),
        Explanation::Absent(it) => {
            return json!({ "path": it.path, "absent": true, "claims": claims(&it.claims) });
        }
        Explanation::Node(it, place) => {
            return json!({
                "path": it.path, "below": it.names, "claims": claims(&it.claims), "rendered": rendered(place.as_ref()),
            });
        }
        Explanation::Ours(place) => return json!({ "path": null, "rendered": rendered(Some(place)) }),
    };
    let part = |part: &Part| {
        let op = if part.takes { "-=" } else { "+=" };
        json!({ "op": op, "items": part.items, "definition": line(part.line.at, Some(part.line.strength)) })
    };
    json!({
        "path": why.path,
        "value": why.value,
        "winner": line(why.winner.at, Some(why.winner.strength)),
        "written": line(why.written_at, None),
        "through": why.through.as_ref().map(|l| line(l.at, Some(l.strength))),
        "parts": why.parts.iter().map(part).collect::<Vec<_>>(),
        "losers": why.losers.iter().map(|l| line(l.at, Some(l.strength))).collect::<Vec<_>>(),
        "reads": reads_as_json(&why.reads),
        "rendered": rendered(place.as_ref()),
        "readers": readers.as_ref().map(|all| {
            all.iter().map(|it| json!({ "what": it.what, "written": line(it.at, None) })).collect::<Vec<_>>()
        }),
    })
}

fn reads_as_json(reads: &[Read]) -> Value {
    let one =
        |read: &Read| json!({ "path": read.path, "value": read.value, "reads": reads_as_json(&read.reads) });
    reads.iter().map(one).collect()
}

/// Explains the leaves of a list, one path per line: all of them by one process that knows the description already.
pub fn answers(compiled: &Compiled, list: &Path) -> Result<Value, Exit> {
    let text = std::fs::read_to_string(list).map_err(|why| {
        say_wrong!("error: cannot read {}: {why}", list.display());
        Exit::Wrong
    })?;
    let answer = |path: &str| Ok(as_json(compiled, &explain(compiled, &[path.to_owned()], false)?));
    let all: Result<Vec<Value>, Exit> = text.lines().filter(|l| !l.trim().is_empty()).map(answer).collect();
    Ok(json!({ "version": 2, "answers": all? }))
}
