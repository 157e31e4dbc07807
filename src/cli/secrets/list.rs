//! `secrets list`: what each secret is, its version, who may read it, and what is wrong with it. Opens none.

use serde_json::json;

use super::super::exit::Exit;
use super::super::host::Answer;
use super::super::say::say;
use super::book::{Book, kind_word};
use crate::secrets::wanted::{Trouble, compare};

/// Runs the command.
pub fn run(book: &Book, answer: Answer) -> Result<(), Exit> {
    let troubles = compare(&book.file, &book.wanted);
    let state = |name: &str| match (troubles.get(name), book.wanted.contains_key(name)) {
        (_, false) => "nobody reads it",
        (None, true) => "ready",
        (Some(Trouble::NotMade), _) => "not made",
        (Some(Trouble::Damaged), _) => "damaged",
        (Some(Trouble::Readers { .. }), _) => "rekey",
        (Some(Trouble::Kind), _) => "rotate",
    };
    let names: std::collections::BTreeSet<&String> =
        book.wanted.keys().chain(book.file.secrets.keys()).collect();
    let mut rows = Vec::new();
    for name in names {
        let (wanted, entry) = (book.wanted.get(name), book.file.secrets.get(name));
        let kind = wanted.map(|it| &it.kind).or(entry.map(|it| &it.kind)).map(kind_word).unwrap_or_default();
        let readers = wanted.map(|it| it.readers.iter().map(|it| it.who.to_string()).collect::<Vec<_>>());
        let (version, made) = entry.map_or((0, ""), |it| (it.version, it.made.as_str()));
        let readers = readers.unwrap_or_default();
        if answer == Answer::Json {
            rows.push(json!({
                "name": name, "kind": kind, "version": version, "made": made, "readers": readers, "state": state(name),
            }));
        } else {
            say!(
                "{name:<32} {kind:<12} {:<4} {made:<10}  {:<8} {}",
                format!("v{version}"),
                state(name),
                readers.join(", ")
            );
        }
    }
    if answer == Answer::Json {
        say!("{:#}", json!({ "version": 1, "file": book.path, "secrets": rows }));
    }
    Ok(())
}
