//! `secrets edit`: gives a secret a value of the operator's own, as its next version.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::process::Command;

use clap::Args;
use zeroize::Zeroizing;

use super::super::exit::Exit;
use super::super::host::{Answer, complain};
use super::super::say::say_wrong;
use super::book::Book;
use crate::secrets::generate::Parts;
use crate::store::files;

/// Which secret is changed.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The secret
    name: String,
    /// Which part of it, of one that has several
    part: Option<String>,
}

/// Where an editor finds the value: memory, as what it leaves on a disk stays there.
const MEMORY: &str = "/dev/shm";

/// Runs the command.
pub fn run(book: &mut Book, args: &EditArgs, answer: Answer) -> Result<(), Exit> {
    let EditArgs { name, part } = args;
    book.require_operators()?;
    book.wanted(name)?;
    let is_there = book.file.secrets.contains_key(name);
    let mut parts = if is_there { book.parts(name)? } else { Parts::new() };
    let part = part.clone().unwrap_or_default();
    if is_there && !parts.contains_key(&part) {
        let known: Vec<&str> = parts.keys().map(String::as_str).collect();
        say_wrong!("error: the secret `{name}` has no part `{part}`");
        say_wrong!("  help: name one of {}", known.join(", "));
        return Err(Exit::Wrong);
    }
    let old = parts.get(&part).cloned().unwrap_or_default();
    let new = if std::io::stdin().is_terminal() { in_editor(&old)? } else { from_input()? };
    if new.is_empty() {
        say_wrong!("error: an empty text is no secret; nothing was changed");
        return Err(Exit::Refused);
    }
    let is_new = *new != old;
    if is_new {
        parts.insert(part, new.to_string());
        book.put(name, parts)?;
        book.save()?;
    }
    let changed = if is_new { vec![name.clone()] } else { Vec::new() };
    book.say_done("changed", &changed, answer);
    Ok(())
}

/// The whole of standard input without the newline at its end.
fn from_input() -> Result<Zeroizing<String>, Exit> {
    let mut text = Zeroizing::new(String::new());
    match std::io::stdin().read_to_string(&mut text) {
        Ok(_) => Ok(without_end(text)),
        Err(error) => Err(complain(&error, Exit::Refused)),
    }
}

fn without_end(text: Zeroizing<String>) -> Zeroizing<String> {
    Zeroizing::new(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// What an editor made of a value.
fn in_editor(old: &str) -> Result<Zeroizing<String>, Exit> {
    let refused = |error: &dyn std::error::Error| complain(error, Exit::Refused);
    let folder =
        tempfile::Builder::new().prefix("kolla-lang-").tempdir_in(MEMORY).map_err(|it| refused(&it))?;
    files::set_mode(folder.path(), 0o700).map_err(|it| refused(&it))?;
    let path = folder.path().join("secret");
    files::write_atomic(&path, old.as_bytes(), 0o600).map_err(|it| refused(&it))?;
    edit(&path)?;
    let text = files::read_text(&path).map_err(|it| refused(&it))?;
    Ok(without_end(Zeroizing::new(text)))
}

fn edit(path: &Path) -> Result<(), Exit> {
    let editor =
        std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).unwrap_or_else(|_| "vi".to_owned());
    // As git does: the variable may hold arguments, so a shell reads it.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg(&editor).arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            say_wrong!("error: the editor `{editor}` ended with {status}; nothing was changed");
            Err(Exit::Refused)
        }
        Err(error) => Err(complain(&error, Exit::Refused)),
    }
}
