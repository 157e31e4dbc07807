//! `secrets list`: what each secret is, its version, who may read it, and what is wrong with it. Opens none.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde_json::json;

use super::super::exit::Exit;
use super::super::host::Answer;
use super::super::say::say;
use super::super::secrets_of::is_old;
use super::book::{Book, kind_word};
use secrets::generate::expires;
use secrets::wanted::compare;

/// Runs the command.
pub fn run(book: &Book, answer: Answer) -> Result<(), Exit> {
    let troubles = compare(&book.file, &book.wanted);
    let now = SystemTime::now();
    let ends = |name: &String| book.file.secrets.get(name).and_then(|it| expires(&it.public));
    let is_due = |name: &String| {
        book.file.secrets.get(name).zip(book.wanted.get(name)).is_some_and(|(it, of)| is_old(it, of, now))
    };
    let state = |name: &String| match (troubles.get(name), book.wanted.contains_key(name)) {
        (_, false) => "unread",
        (Some(trouble), _) => trouble.word(),
        (None, true) if ends(name).is_some_and(|it| it <= now) => "expired",
        (None, true) if is_due(name) => "old",
        (None, true) => "ready",
    };
    let names: BTreeSet<&String> = book.wanted.keys().chain(book.file.secrets.keys()).collect();
    let mut rows = Vec::new();
    for name in names {
        let (wanted, entry) = (book.wanted.get(name), book.file.secrets.get(name));
        let kind = wanted.map(|it| &it.kind).or(entry.map(|it| &it.kind)).map(kind_word).unwrap_or_default();
        let readers = wanted.map(|it| it.readers.iter().map(|it| it.who.to_string()).collect::<Vec<_>>());
        let (version, made) = entry.map_or((0, ""), |it| (it.version, it.made.as_str()));
        let readers = readers.unwrap_or_default();
        let expires = ends(name).map(day);
        if answer == Answer::Json {
            rows.push(json!({
                "name": name, "kind": kind, "version": version, "made": made, "expires": expires, "readers": readers,
                "state": state(name),
            }));
        } else {
            let until = expires.map(|it| format!("until {it}")).unwrap_or_default();
            say!(
                "{name:<32} {kind:<12} {:<4} {made:<10}  {until:<16}  {:<8}  {}",
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

/// A day, as in `2026-11-24`.
fn day(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|it| it.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}
