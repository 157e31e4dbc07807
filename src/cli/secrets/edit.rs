//! `secrets edit`: gives a secret a value of the operator's own, as its next version: one part of it, or several from files.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use zeroize::Zeroizing;

use super::super::exit::Exit;
use super::super::host::{Answer, complain, complain_of};
use super::super::say::say_wrong;
use super::super::secrets_of::how_to_give;
use super::super::terminal;
use super::book::{Book, no_part};
use secrets::generate::{Parts, hashed};
use secrets::given::{self, GivenError};
use secrets::wanted::EntryError;
use store::manifest::SecretKind;
use store::secret::PartNames;
use store::{files, lock};

/// Which secret is changed.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The secret
    name: String,
    /// Which part of it, of one that has several
    #[arg(conflicts_with = "from")]
    part: Option<String>,
    /// Take a part from a file, all such parts at once
    #[arg(long, value_name = "PART=FILE", value_parser = from_file)]
    from: Vec<(String, PathBuf)>,
}

/// A part and its file, as the command line has them.
fn from_file(text: &str) -> Result<(String, PathBuf), String> {
    let (part, file) = text.split_once('=').ok_or("write PART=FILE")?;
    Ok((part.to_owned(), PathBuf::from(file)))
}

/// Where an editor finds the value: memory, as what it leaves on a disk stays there.
const MEMORY: &str = "/dev/shm";
/// What the names of folders begin with that an editor works in.
const PREFIX: &str = "kolla-lang-edit-";
/// The file in such a folder that is locked for as long as somebody works in it.
const LOCK: &str = "lock";

/// Runs the command.
pub fn run(book: &mut Book, args: &EditArgs, answer: Answer) -> Result<(), Exit> {
    let EditArgs { name, part, from } = args;
    book.require_operators()?;
    let kind = book.wanted(name)?.kind.clone();
    if !from.is_empty() {
        return from_files(book, name, &kind, from, answer);
    }
    let parts = parts_before(book, name, &kind)?;
    let Some(old) = parts.get(part.as_deref().unwrap_or_default()).cloned() else {
        return Err(no_part(name, part.as_deref(), &parts));
    };
    let old = Zeroizing::new(old);
    let text = if std::io::stdin().is_terminal() { in_editor(&old)? } else { from_input()? };
    let new = with_end_of(&old, text);
    if new.trim().is_empty() {
        say_wrong!("error: an empty text is no secret; nothing was changed");
        return Err(Exit::Refused);
    }
    let is_new = new != old;
    if is_new {
        let parts = with_part(name, &kind, parts, part.as_deref().unwrap_or_default(), &new)?;
        check(book, name, &kind, &parts)?;
        book.put(name, parts)?;
        book.save()?;
    }
    let changed = if is_new { vec![name.clone()] } else { Vec::new() };
    book.say_done("changed", &changed, answer);
    Ok(())
}

/// Gives a secret the parts that files have. Of one that is there already, the other parts stay.
fn from_files(
    book: &mut Book,
    name: &str,
    kind: &SecretKind,
    from: &[(String, PathBuf)],
    answer: Answer,
) -> Result<(), Exit> {
    let mut new: BTreeMap<&str, Zeroizing<String>> = BTreeMap::new();
    for (part, path) in from {
        let known = kind.parts().names();
        if !known.contains(part) {
            let known = known.into_iter().map(|it| (it, String::new())).collect();
            return Err(no_part(name, Some(part), &known));
        }
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            complain_of(&format!("cannot read {}", path.display()), &error, Exit::Refused)
        })?;
        let text = with_end_of(if kind.has_lines(part) { "\n" } else { "" }, text);
        if text.trim().is_empty() {
            say_wrong!("error: {} is empty; nothing was changed", path.display());
            return Err(Exit::Refused);
        }
        if new.insert(part, text).is_some() {
            say_wrong!("error: the part `{part}` is given twice");
            return Err(Exit::Wrong);
        }
    }
    let has_other =
        kind.parts().names().iter().any(|it| !new.contains_key(it.as_str()) && !is_made_from_other(kind, it));
    let mut parts = if has_other { parts_before(book, name, kind)? } else { Parts::new() };
    for (part, text) in &new {
        parts = with_part(name, kind, parts, part, text)?;
    }
    check(book, name, kind, &parts)?;
    book.put(name, parts)?;
    book.save()?;
    book.say_done("changed", &[name.to_owned()], answer);
    Ok(())
}

/// Says whether a part follows from another one.
fn is_made_from_other(kind: &SecretKind, part: &str) -> bool {
    matches!(kind, SecretKind::Bcrypt { .. }) && part == "hash"
}

/// Refuses parts that do not belong together, are not what is described, or could not be read where they go.
fn check(book: &Book, name: &str, kind: &SecretKind, parts: &Parts) -> Result<(), Exit> {
    if let Some(why) = book.wanted(name)?.unfit(parts) {
        say_wrong!("error: the secret `{name}` cannot be this, and was not changed: it {why}");
        return Err(Exit::Refused);
    }
    given::check(kind, parts, SystemTime::now()).map_err(|error| {
        say_wrong!("error: the secret `{name}` cannot be this, and was not changed: {error}");
        match error {
            GivenError::OldKey => {
                say_wrong!("  help: `openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW` writes it so");
            }
            GivenError::OtherKey | GivenError::OtherAuthority { .. } => {
                say_wrong!("  help: {}", how_to_give(name));
            }
            GivenError::NoCertificate { .. }
            | GivenError::NoKey
            | GivenError::NoAuthority { .. }
            | GivenError::NotYet { .. }
            | GivenError::Ended { .. }
            | GivenError::NotFor { .. }
            | GivenError::NoSshKey { .. }
            | GivenError::NoPair => {}
        }
        Exit::Refused
    })
}

/// Returns the parts that a secret has before it is edited. What was never made and has several cannot be put together part by part.
fn parts_before(book: &Book, name: &str, kind: &SecretKind) -> Result<Parts, Exit> {
    if !book.file.secrets.contains_key(name) {
        if kind.parts() == PartNames::Whole {
            return Ok(Parts::from([(String::new(), String::new())]));
        }
        if kind.is_given() {
            say_wrong!(
                "error: the secret `{name}` is not there yet, and all its parts must be given at once"
            );
            say_wrong!("  help: {}", how_to_give(name));
        } else {
            say_wrong!("error: the secret `{name}` was not made yet, and has several parts");
            say_wrong!("  help: run `kolla-lang secrets generate`, then edit each part");
        }
        return Err(Exit::Refused);
    }
    if book.trouble(name) == Some(EntryError::GiveAnew) {
        say_wrong!(
            "error: the secret `{name}` is something else than what is described now: all its parts must be given"
        );
        say_wrong!("  help: {}", how_to_give(name));
        return Err(Exit::Refused);
    }
    if book.trouble(name) == Some(EntryError::Kind) {
        say_wrong!("error: the secret `{name}` is something else than what is described now");
        say_wrong!("  help: run `kolla-lang secrets rotate {name}` first");
        return Err(Exit::Refused);
    }
    book.parts(name)
}

/// Returns the parts of a secret after one of them was given another value.
fn with_part(name: &str, kind: &SecretKind, parts: Parts, part: &str, new: &str) -> Result<Parts, Exit> {
    let mut parts = parts;
    match kind {
        // One is made from the other.
        SecretKind::Bcrypt { .. } if part == "password" => {
            let cannot = format!("cannot hash the secret `{name}`");
            return hashed(new).map_err(|error| complain_of(&cannot, &error, Exit::Refused));
        }
        SecretKind::Bcrypt { .. } => {
            say_wrong!("error: the part `{part}` of the secret `{name}` is made from its password");
            say_wrong!("  help: `kolla-lang secrets edit {name} password` makes it anew");
            return Err(Exit::Refused);
        }
        _ => parts.insert(part.to_owned(), new.to_owned()),
    }
    Ok(parts)
}

/// The whole of standard input.
fn from_input() -> Result<Zeroizing<String>, Exit> {
    let mut text = Zeroizing::new(String::new());
    let read = std::io::stdin().read_to_string(&mut text);
    read.map(|_| text).map_err(|error| complain_of("cannot read standard input", &error, Exit::Refused))
}

/// A text that ends as the one before did: with a newline, as keys and certificates do, or without one, as a password must.
fn with_end_of(old: &str, text: Zeroizing<String>) -> Zeroizing<String> {
    let mut text = text;
    match (old.ends_with('\n'), text.ends_with('\n')) {
        (true, false) => text.push('\n'),
        (false, true) => {
            text.pop();
        }
        (true, true) | (false, false) => {}
    }
    text
}

/// Removes what an editor's process left that was killed: nobody has the lock of it any more.
fn sweep(memory: &Path) {
    let ours = rustix::process::geteuid().as_raw();
    for name in files::names(memory).unwrap_or_default() {
        let folder = memory.join(&name);
        let is_ours = || folder.symlink_metadata().is_ok_and(|it| it.is_dir() && it.uid() == ours);
        if name.starts_with(PREFIX)
            && is_ours()
            && lock::try_lock(&folder.join(LOCK)).is_ok_and(|it| it.is_some())
        {
            // What cannot be removed is as it was.
            let _left = files::remove_folder(&folder);
        }
    }
}

/// What an editor made of a value.
fn in_editor(old: &str) -> Result<Zeroizing<String>, Exit> {
    let refused = |error: &dyn std::error::Error| complain(error, Exit::Refused);
    sweep(Path::new(MEMORY));
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(MEMORY).map_err(|it| refused(&it))?;
    files::set_mode(folder.path(), 0o700).map_err(|it| refused(&it))?;
    let _ours = lock::alone(&folder.path().join(LOCK)).map_err(|it| refused(&it))?;
    let path = folder.path().join("secret");
    files::write_atomic(&path, old.as_bytes(), 0o600).map_err(|it| refused(&it))?;
    edit(&path)?;
    files::read_text(&path).map(Zeroizing::new).map_err(|it| refused(&it))
}

fn edit(path: &Path) -> Result<(), Exit> {
    let editor =
        std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).unwrap_or_else(|_| "vi".to_owned());
    // As git does: the variable may hold arguments, so a shell reads it.
    let mut command = Command::new("sh");
    // The shell waits for an editor that minds Ctrl-C itself, instead of ending at it.
    command.arg("-c").arg(format!("trap : INT QUIT; {editor} \"$1\"")).arg(&editor).arg(path);
    // A dump of the editor's memory would lie on a disk as well, and it takes over this limit.
    let limit = Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
    if let Err(error) = setrlimit(Resource::Core, limit) {
        return Err(complain(&std::io::Error::from(error), Exit::Refused));
    }
    let editing = terminal::give_to_editor(path.parent().unwrap_or(path));
    let ended = command.spawn().and_then(|mut child| {
        editing.runs(child.id());
        child.wait()
    });
    drop(editing);
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            say_wrong!("error: the editor `{editor}` ended with {status}; nothing was changed");
            Err(Exit::Refused)
        }
        Err(error) => Err(complain(&error, Exit::Refused)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_as_the_one_before() {
        let ended = |old: &str, new: &str| with_end_of(old, Zeroizing::new(new.to_owned())).to_string();
        assert_eq!(ended("old", "new\n"), "new");
        assert_eq!(ended("old", "a\nb\n"), "a\nb");
        assert_eq!(ended("KEY\n", "NEW"), "NEW\n");
        assert_eq!(ended("KEY\n", "NEW\n"), "NEW\n");
        assert_eq!(ended("", "new"), "new");
    }
}
