//! `secrets show`: prints a secret to whoever asks for it by name and has a key that opens it.

use clap::Args;
use serde_json::json;

use super::super::exit::Exit;
use super::super::host::Answer;
use super::super::say::{print_as_it_is, say};
use super::book::{Book, no_part};

/// Which secret is printed.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The secret
    name: String,
    /// Which part of it, of one that has several
    part: Option<String>,
}

/// Runs the command.
pub fn run(book: &Book, args: &ShowArgs, answer: Answer) -> Result<(), Exit> {
    let ShowArgs { name, part } = args;
    if !book.file.secrets.contains_key(name) {
        book.wanted(name)?;
    }
    let parts = book.parts(name)?;
    let Some(value) = parts.get(part.as_deref().unwrap_or_default()) else {
        return Err(no_part(name, part.as_deref(), &parts));
    };
    if answer == Answer::Json {
        let (version, made) = book.file.secrets.get(name).map(|it| (it.version, &it.made)).unzip();
        say!(
            "{:#}",
            json!({
                "version": 1, "name": name, "part": part, "secret_version": version, "made": made, "value": value,
            })
        );
    } else {
        print_as_it_is(&mut std::io::stdout(), value.strip_suffix('\n').unwrap_or(value));
    }
    Ok(())
}
