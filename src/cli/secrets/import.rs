//! `secrets import`: takes over the values of a passwords.yml of kolla-ansible.
//!
//! What is called how there is said by the description: `secrets.<name>.import`.

use std::path::PathBuf;

use clap::Args;

use super::super::exit::Exit;
use super::super::host::{Answer, complain};
use super::super::say::say_wrong;
use super::book::Book;
use crate::secrets::generate::{Parts, hashed};
use crate::store::files;
use crate::store::manifest::SecretKind;

/// What is taken over.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The passwords.yml
    passwords: PathBuf,
}

/// Runs the command.
pub fn run(book: &mut Book, args: &ImportArgs, answer: Answer) -> Result<(), Exit> {
    book.require_operators()?;
    let text = files::read_text(&args.passwords).map_err(|error| complain(&error, Exit::Refused))?;
    let Ok(serde_yaml_ng::Value::Mapping(given)) = serde_yaml_ng::from_str(&text) else {
        // The cause could quote the file.
        say_wrong!("error: {} is no map of names to values in YAML", args.passwords.display());
        return Err(Exit::Refused);
    };
    let names: Vec<String> = book.wanted.keys().cloned().collect();
    let mut taken = Vec::new();
    for name in names {
        let wanted = book.wanted(&name)?;
        let (Some(import), false) = (&wanted.import, book.file.secrets.contains_key(&name)) else { continue };
        let Some(parts) = given.get(import.as_str()).and_then(|value| parts_of(&wanted.kind, value)) else {
            continue;
        };
        book.put(&name, parts)?;
        taken.push(name);
    }
    if !taken.is_empty() {
        book.save()?;
    }
    book.say_done("imported", &taken, answer);
    Ok(())
}

/// A value as the parts of a secret of that kind; nothing if it is none.
fn parts_of(kind: &SecretKind, value: &serde_yaml_ng::Value) -> Option<Parts> {
    let text = |value: &serde_yaml_ng::Value| value.as_str().filter(|it| !it.is_empty()).map(str::to_owned);
    match kind {
        SecretKind::SshKey => {
            let part = |given: &str| value.get(given).and_then(text);
            Some(Parts::from([
                ("private".to_owned(), part("private_key")?),
                ("public".to_owned(), part("public_key")?),
            ]))
        }
        SecretKind::Password { .. } | SecretKind::Uuid | SecretKind::Keyring => {
            Some(Parts::from([(String::new(), text(value)?)]))
        }
        SecretKind::Bcrypt { .. } => hashed(&text(value)?).ok(),
        SecretKind::Fernet { .. } | SecretKind::Authority { .. } | SecretKind::Certificate { .. } => None,
    }
}
