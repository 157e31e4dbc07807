//! `kolla-lang diff --releases`: what becomes of a description's options where another release takes the place of one. No host is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use kl::Compiled;
use kl::data::Data;
use kl::source::Span;
use serde_json::{Value, json};

use super::describe::DEFAULT_FILE;
use super::documents::{each_file, evaluate, line_of_site};
use super::exit::Exit;
use super::host::Answer;
use super::options::refused;
use super::options_of::tables;
use super::say::{say, say_wrong};
use fleet::names::counted;
use model::{TableRef, Text};
use options::{Changed, Fate, OptionName, OtherDefault, Table, between, other_defaults};

/// An option that the site says, as files of some hosts have it, and what becomes of it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    path: Arc<str>,
    name: String,
    at: Span,
    words: String,
    kind: &'static str,
}

/// What is found of a description.
#[derive(Default)]
struct Found {
    said: BTreeMap<Said, BTreeSet<String>>,
    /// Options that documents leave to their programs, by document.
    left: BTreeMap<String, Vec<OtherDefault>>,
}

/// Runs the command.
pub fn run(from: &str, to: &str, file: Option<&Path>, answer: Answer) -> Result<(), Exit> {
    let (compiled, hosts) = evaluate(file)?;
    let found = find(&compiled, &hosts, from, to)?;
    let name = file.unwrap_or(Path::new(DEFAULT_FILE)).display().to_string();
    if found.left.is_empty() {
        say_wrong!("error: no file of {name} is checked by a table of the library");
        say_wrong!("  help: those of services are: enable one, or name a table as its `schema`");
        return Err(Exit::Wrong);
    }
    match answer {
        Answer::Json => say!("{}", found.as_json(&compiled, from, to)),
        _ => say!("{}", found.as_text(&compiled, &name, from, to).trim_end()),
    }
    Ok(())
}

fn find(compiled: &Compiled, hosts: &[(String, Data)], from: &str, to: &str) -> Result<Found, Exit> {
    let mut found = Found::default();
    let mut failed = None;
    let mut said_of: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    each_file(compiled, hosts, |host, path, file| {
        let Some(TableRef::Library { document, .. }) = file.schema.as_ref().map(|it| &it.table) else {
            return;
        };
        if failed.is_some() {
            return;
        }
        let both = table(document, from).and_then(|before| Ok((before, table(document, to)?)));
        let (before, after) = match both {
            Ok(both) => both,
            Err(exit) => {
                failed = Some(exit);
                return;
            }
        };
        let name = document.to_string();
        found.left.entry(name.clone()).or_insert_with(|| other_defaults(&before, &after));
        for Changed { section, key, origin, fate } in between(file, &before, &after) {
            said_of.entry(name.clone()).or_default().insert((section.clone(), key.clone()));
            let Some(at) = line_of_site(compiled, origin) else { continue };
            let (kind, words) = words_of(&fate);
            let name = OptionName::new(&section, &key).to_string();
            let said = Said { path: path.clone(), name, at, words, kind };
            found.said.entry(said).or_default().insert(host.to_owned());
        }
    });
    // What a file says does not follow a default.
    for (document, said) in said_of {
        let is_said = |it: &OtherDefault| said.contains(&(it.section.clone(), it.key.clone()));
        found.left.entry(document).or_default().retain(|it| !is_said(it));
    }
    match failed {
        Some(exit) => Err(exit),
        None => Ok(found),
    }
}

/// Returns the table of a document. Why there is none was printed.
fn table(document: &Text, release: &str) -> Result<Arc<Table>, Exit> {
    let release = Text::new(release.into(), document.at);
    let wanted = TableRef::Library { document: document.clone(), release: release.clone() };
    tables().get(&wanted).map_err(|why| refused(document.as_str(), release.as_str(), &why))
}

/// Says what becomes of an option: by a word for programs, and in words.
fn words_of(fate: &Fate) -> (&'static str, String) {
    match fate {
        Fate::Gone(None) => ("gone", "is gone".to_owned()),
        Fate::Gone(Some(it)) => {
            ("gone", format!("is gone: {} does the same", OptionName::new(&it.section, &it.key)))
        }
        Fate::Renamed(it) => ("renamed", format!("is called {} now", OptionName::new(&it.section, &it.key))),
        Fate::Deprecated(None) => ("deprecated", "will be removed".to_owned()),
        Fate::Deprecated(Some(why)) => ("deprecated", format!("will be removed: {why}")),
        Fate::Refused(wrong) => ("refused", format!("is refused: its value {wrong}")),
        Fate::Default(was, is) => ("default", format!("has another default: {}", step(was, is))),
    }
}

/// Returns two defaults, the beginnings of long ones.
fn step(was: &Option<String>, is: &Option<String>) -> String {
    const MOST: usize = 60;
    let value = |it: &Option<String>| match it {
        None => "nothing".to_owned(),
        Some(text) if text.chars().count() > MOST => text.chars().take(MOST).chain(['…']).collect(),
        Some(text) => text.clone(),
    };
    format!("{} → {}", value(was), value(is))
}

impl Found {
    fn as_text(&self, compiled: &Compiled, file: &str, from: &str, to: &str) -> String {
        let mut text = format!("from {from} to {to}: options that {file} sets\n");
        for (Said { path, name, at, words, kind: _ }, hosts) in &self.said {
            let (on, place) = (counted(hosts.iter().map(String::as_str)), compiled.sources().place(*at));
            text.push_str(&format!("  {path} on {on}: {name} {words}  ({place})\n"));
        }
        if self.said.is_empty() {
            text.push_str("  nothing becomes of them\n");
        }
        text.push_str("and those that no file sets, with another default\n");
        let left = self.left.iter().flat_map(|(document, all)| all.iter().map(move |it| (document, it)));
        let mut none = true;
        for (document, OtherDefault { section, key, was, is }) in left {
            none = false;
            let name = OptionName::new(section, key);
            text.push_str(&format!("  {document}: {name}: {}\n", step(was, is)));
        }
        if none {
            text.push_str("  none\n");
        }
        text
    }

    fn as_json(&self, compiled: &Compiled, from: &str, to: &str) -> Value {
        let said: Vec<Value> = self
            .said
            .iter()
            .map(|(Said { path, name, at, words, kind }, hosts)| {
                let at = compiled.sources().place(*at);
                json!({ "file": &**path, "option": name, "what": kind, "words": words, "at": at, "hosts": hosts })
            })
            .collect();
        let left: Vec<Value> = self
            .left
            .iter()
            .flat_map(|(document, all)| all.iter().map(move |it| (document, it)))
            .map(|(document, OtherDefault { section, key, was, is })| {
                json!({ "document": document, "section": section, "key": key, "was": was, "is": is })
            })
            .collect();
        json!({ "version": 1, "from": from, "to": to, "said": said, "defaults": left })
    }
}
