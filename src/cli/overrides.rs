//! `kolla-lang overrides`: what a site says in place of the library, and a file in place of those it uses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use kl::Compiled;
use kl::data::Data;
use kl::source::{FileId, Layer, Span};
use kl::value::overrides::{Claim, Override, Side, taken};
use serde_json::{Value, json};

use super::defaulted::Defaulted;
use super::describe::{DEFAULT_FILE, PARTITION};
use super::documents::evaluate;
use super::exit::Exit;
use super::say::{say, say_wrong};
use fleet::names::counted;

/// Say what a site says in place of the library, and a file in place of those it uses
#[derive(Debug, Args)]
#[command(
    after_help = "Each leaf is one line: its path, what the other side says, what holds, and both places; values are as they are written. Hosts of which the \
same is true are named together, as hosts.*.\n\nExamples: kolla-lang overrides cloud.kl\n          kolla-lang overrides staging.kl --against cloud.kl\n\n\
Exit codes: 0 said, 1 the description or the usage is wrong"
)]
pub struct OverridesArgs {
    /// The description; without it `cloud.kl` in this folder
    file: Option<PathBuf>,
    /// Only against this file and those that it uses
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// One comparison: of which files against which.
struct Question {
    title: String,
    over: Side,
    under: Side,
}

/// What one definition overrides, at a path or at the same path of many hosts.
struct Row {
    path: String,
    hosts: Vec<String>,
    found: Override,
}

/// Runs the command.
pub fn run(args: &OverridesArgs) -> Exit {
    match answer(args) {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

fn answer(args: &OverridesArgs) -> Result<(), Exit> {
    let (compiled, hosts) = evaluate(args.file.as_deref())?;
    let entry = args.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
    let mut answers = Vec::new();
    for question in questions(&compiled, entry, args.against.as_deref())? {
        let rows = rows(&compiled, &hosts, &question);
        answers.push((question, rows));
    }
    let defaulted = args.against.is_none().then(|| Defaulted::of(&compiled, &hosts));
    if args.json {
        let defaults = defaulted.map(|it| it.as_json(&compiled)).unwrap_or_else(|| json!([]));
        let all: Vec<Value> =
            answers.iter().map(|(question, rows)| as_json(&compiled, question, rows)).collect();
        say!("{}", json!({ "version": 1, "overrides": all, "defaults": defaults }));
    } else {
        for (question, rows) in &answers {
            say!("{}", as_text(&compiled, question, rows).trim_end());
        }
        if let Some(text) = defaulted.map(|it| it.as_text(&compiled)).filter(|it| !it.is_empty()) {
            say!("{}", text.trim_end());
        }
    }
    Ok(())
}

/// Finds the files that a question is about.
fn questions(compiled: &Compiled, entry: &Path, against: Option<&Path>) -> Result<Vec<Question>, Exit> {
    let program = compiled.program();
    let file = |path: &Path| {
        let name = path.to_string_lossy();
        let name = name.trim_start_matches("./");
        program.sources.files().find(|(_, it)| it.name.trim_start_matches("./") == name).map(|(id, _)| id)
    };
    let is_site = |id: FileId| program.sources.file(id).layer == Layer::Site;
    let side = |is_in: &dyn Fn(FileId) -> bool| -> Side {
        program.sources.files().map(|(id, _)| is_in(id)).collect()
    };
    let uses = |a: FileId, b: FileId| program.uses.uses(a, b);
    if let Some(path) = against {
        let Some(other) = file(path) else {
            say_wrong!("error: {} does not use {}", entry.display(), path.display());
            let names: Vec<String> = program
                .sources
                .files()
                .filter(|(id, _)| is_site(*id))
                .map(|(_, it)| it.name.to_string())
                .filter(|name| Some(name.as_str()) != entry.to_str())
                .collect();
            match names.as_slice() {
                [] => {
                    say_wrong!("  help: it uses the library alone; without `--against` that is what is asked")
                }
                names => say_wrong!("  help: it uses {}", fleet::errors::listed(names)),
            }
            return Err(Exit::Wrong);
        };
        let is_under = |id| is_site(id) && (id == other || uses(other, id));
        let title = format!("what {} says in place of {}", entry.display(), path.display());
        let over = side(&|id| is_site(id) && !is_under(id));
        return Ok(vec![Question { title, over, under: side(&is_under) }]);
    }
    let mut questions = Vec::new();
    if let Some(id) = file(entry) {
        let under = side(&|it| is_site(it) && uses(id, it));
        if under.contains(&true) {
            let title = format!("what {} says in place of the files that it uses", entry.display());
            questions.push(Question { title, over: side(&|it| it == id), under });
        }
    }
    questions.push(Question {
        title: "what the site says in place of the library".to_owned(),
        over: side(&is_site),
        under: side(&|id| !is_site(id)),
    });
    Ok(questions)
}

/// Asks of every leaf, and puts hosts together of which the same is true.
fn rows(compiled: &Compiled, hosts: &[(String, Data)], question: &Question) -> Vec<Row> {
    let mut reader = compiled.overrides(&question.over, &question.under);
    let mut found: Vec<(Vec<String>, Override)> = Vec::new();
    let mut open: Vec<(Vec<String>, &Data)> = Vec::new();
    for (name, data) in hosts {
        open.push((vec![PARTITION.to_owned(), name.clone()], data));
    }
    open.extend(compiled.root().iter().map(|(name, data)| (vec![name.to_string()], data)));
    while let Some((steps, data)) = open.pop() {
        if !reader.is_touched(&steps) {
            continue;
        }
        match data.entries() {
            Some(entries) => open.extend(
                entries
                    .iter()
                    .map(|(key, below)| (steps.iter().cloned().chain([key.to_string()]).collect(), below)),
            ),
            None => found.extend(reader.leaf(&steps).map(|it| (steps, it))),
        }
    }
    grouped(found)
}

fn grouped(found: Vec<(Vec<String>, Override)>) -> Vec<Row> {
    let mut rows: BTreeMap<(String, Claim, Claim), Row> = BTreeMap::new();
    for (steps, found) in found {
        let (path, host) = match steps.as_slice() {
            [map, host, rest @ ..] if map == PARTITION => {
                (format!("{PARTITION}.*{}", written(rest)), Some(host.clone()))
            }
            steps => (written(steps).trim_start_matches('.').to_owned(), None),
        };
        let row = rows.entry((path.clone(), found.winner, found.loser));
        let row = row.or_insert_with(|| Row { path, hosts: Vec::new(), found });
        row.hosts.extend(host);
    }
    rows.into_values()
        .map(|mut row| {
            row.hosts.sort();
            if let [host] = row.hosts.as_slice() {
                row.path = row.path.replacen(".*", &format!(".{host}"), 1);
                row.hosts.clear();
            }
            row
        })
        .collect()
}

fn written(steps: &[String]) -> String {
    let step = |step: &String| {
        let is_plain = step.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '-'));
        if is_plain && !step.is_empty() { format!(".{step}") } else { format!(".{step:?}") }
    };
    steps.iter().map(step).collect()
}

/// A longer value is cut; its place says where to read on.
const N_LETTERS: usize = 60;

/// The text of a span on one line.
fn short(compiled: &Compiled, at: Span) -> String {
    let text = compiled.sources().text(at).split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(N_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn sign(op: kl::syntax::ast::Op) -> &'static str {
    use kl::syntax::ast::Op;
    match op {
        Op::Set | Op::Suggest => "",
        Op::Add => "+= ",
        Op::Remove => "-= ",
        Op::Replace => ":= ",
    }
}

fn as_text(compiled: &Compiled, question: &Question, rows: &[Row]) -> String {
    let place = |at: Span| compiled.sources().place(at);
    let mut text = format!("{}:{}\n", question.title, if rows.is_empty() { " nothing" } else { "" });
    for Row { path, hosts, found: Override { winner, op, loser } } in rows {
        let on = match hosts.as_slice() {
            [] => String::new(),
            hosts => format!(" on {}", counted(hosts.iter().map(String::as_str))),
        };
        let default = if loser.is_default { "the default at " } else { "" };
        text.push_str(&format!(
            "  {path}{on}: {} → {}{}  ({} instead of {default}{})\n",
            short(compiled, loser.value_at),
            sign(*op),
            short(compiled, winner.value_at),
            place(winner.at),
            place(loser.at)
        ));
    }
    let taken = taken(compiled.program(), &question.over);
    if !taken.is_empty() {
        text.push_str("  taken away or replaced whole:\n");
        for claim in taken {
            text.push_str(&format!("    {}  ({})\n", short(compiled, claim.at), place(claim.at)));
        }
    }
    text
}

fn as_json(compiled: &Compiled, question: &Question, rows: &[Row]) -> Value {
    let claim = |claim: &Claim| {
        json!({
            "at": compiled.sources().place(claim.at),
            "value": compiled.sources().text(claim.value_at),
            "default": claim.is_default,
        })
    };
    let rows: Vec<Value> = rows
        .iter()
        .map(|Row { path, hosts, found: Override { winner, op, loser } }| {
            json!({ "path": path, "hosts": hosts, "op": sign(*op).trim(), "now": claim(winner), "instead_of": claim(loser) })
        })
        .collect();
    let taken: Vec<Value> = taken(compiled.program(), &question.over)
        .iter()
        .map(|it| json!({ "at": compiled.sources().place(it.at), "text": compiled.sources().text(it.at) }))
        .collect();
    json!({ "title": question.title, "overrides": rows, "taken": taken })
}
