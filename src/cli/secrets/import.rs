//! `secrets import`: takes over the values of a passwords.yml of kolla-ansible.
//!
//! What is called how there is said by the description: `secrets.<name>.import`.

use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use super::super::exit::Exit;
use super::super::host::{Answer, complain};
use super::super::say::say_wrong;
use super::book::Book;
use secrets::generate::{Parts, hashed};
use store::files;
use store::manifest::SecretKind;

/// What is taken over.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The passwords.yml
    passwords: PathBuf,
}

/// Runs the command. Nothing is imported where one value cannot be used.
pub fn run(book: &mut Book, args: &ImportArgs, answer: Answer) -> Result<(), Exit> {
    book.require_operators()?;
    let path = args.passwords.display();
    let text = files::read_text(&args.passwords).map(Zeroizing::new);
    let text = text.map_err(|error| complain(&error, Exit::Refused))?;
    let Ok(serde_yaml_ng::Value::Mapping(given)) = serde_yaml_ng::from_str(&text) else {
        // The cause could quote the file.
        say_wrong!("error: {path} is no map of names to values in YAML");
        if text.starts_with("$ANSIBLE_VAULT") {
            say_wrong!(
                "  help: decrypt it first: `ansible-vault view {path} | kolla-lang secrets import /dev/stdin`"
            );
        }
        return Err(Exit::Refused);
    };
    let Found { usable, there, unusable } = look(book, &given);
    for (import, why) in &unusable {
        say_wrong!("error: the value of `{import}` in {path} {why}; nothing was imported");
    }
    if !unusable.is_empty() {
        return Err(Exit::Refused);
    }
    if usable.is_empty() && there.is_empty() {
        say_wrong!("error: {path} has a value for no secret of this cloud");
        say_wrong!("  help: `secrets.<name>.import` says what a secret is called there");
        return Err(Exit::Refused);
    }
    let mut taken = Vec::new();
    for (name, parts) in usable {
        book.put(&name, parts)?;
        taken.push(name);
    }
    if !taken.is_empty() {
        book.save()?;
    }
    if let Some(first) = there.first() {
        say_wrong!(
            "warning: these are in {} already, and were kept: {}",
            book.path.display(),
            there.join(", ")
        );
        say_wrong!("  help: `kolla-lang secrets edit {first}` gives it another value");
    }
    book.say_done("imported", &taken, answer);
    Ok(())
}

/// What a passwords.yml has of the secrets that a cloud wants.
#[derive(Default)]
struct Found {
    /// Values that can be taken over, by the names of their secrets.
    usable: Vec<(String, Parts)>,
    /// Secrets that were made already.
    there: Vec<String>,
    /// Names of values that cannot be taken over, and why.
    unusable: Vec<(String, String)>,
}

fn look(book: &Book, given: &serde_yaml_ng::Mapping) -> Found {
    let mut found = Found::default();
    for (name, wanted) in &book.wanted {
        let Some(import) = &wanted.import else { continue };
        // Names without a value stand there for what is not used.
        let Some(value) = given.get(import.as_str()).filter(|it| !is_empty(it)) else { continue };
        match parts_of(&wanted.kind, value) {
            _ if book.file.secrets.contains_key(name) => found.there.push(name.clone()),
            Ok(parts) => match wanted.unfit(&parts).or_else(|| of_lines(&wanted.kind, &parts)) {
                None => found.usable.push((name.clone(), parts)),
                Some(why) => found.unusable.push((import.clone(), why)),
            },
            Err(why) => found.unusable.push((import.clone(), why.to_owned())),
        }
    }
    found
}

fn is_empty(value: &serde_yaml_ng::Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// A value as the parts of a secret of that kind, or why it is none.
fn parts_of(kind: &SecretKind, value: &serde_yaml_ng::Value) -> Result<Parts, &'static str> {
    match kind {
        SecretKind::SshKey => {
            let part = |given: &str| text(value.get(given).ok_or("has no `private_key` and `public_key`")?);
            Ok(Parts::from([
                ("private".to_owned(), part("private_key")?),
                ("public".to_owned(), part("public_key")?),
            ]))
        }
        SecretKind::Password { .. } | SecretKind::Uuid | SecretKind::Keyring => {
            Ok(Parts::from([(String::new(), text(value)?)]))
        }
        SecretKind::Bcrypt { .. } => {
            hashed(&text(value)?).map_err(|_| "is longer than the 72 bytes that bcrypt reads")
        }
        SecretKind::Fernet { .. } | SecretKind::Authority { .. } | SecretKind::Certificate { .. } => {
            Err("is of a kind that kolla-ansible keeps elsewhere")
        }
    }
}

/// Says that a password has a line break or another control character: by mistake, whoever could read it. `secrets edit` takes one.
fn of_lines(kind: &SecretKind, parts: &Parts) -> Option<String> {
    let one_line = matches!(kind, SecretKind::Password { .. } | SecretKind::Uuid | SecretKind::Keyring);
    let has_controls = parts.values().any(|it| it.contains(char::is_control));
    (one_line && has_controls).then(|| "has a line break or another control character".to_owned())
}

fn text(value: &serde_yaml_ng::Value) -> Result<String, &'static str> {
    match value {
        serde_yaml_ng::Value::String(text) if !text.is_empty() => Ok(text.clone()),
        serde_yaml_ng::Value::Tagged(_) => Err("is encrypted by ansible-vault: decrypt it first"),
        // How a number was written, with which zeros, is not known any more.
        _ => Err("is no text: put it in quotes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::manifest::Alphabet;

    fn told(kind: &SecretKind, yaml: &str) -> Result<Parts, &'static str> {
        parts_of(kind, &serde_yaml_ng::from_str(yaml).unwrap_or_else(|error| panic!("{error}")))
    }

    #[test]
    fn a_value_is_a_text_as_it_was_written_or_nothing() {
        let password = SecretKind::Password { length: 40, alphabet: Alphabet::Alphanumeric };
        assert_eq!(told(&password, "\"0123\""), Ok(Parts::from([(String::new(), "0123".to_owned())])));
        let of_lines = |yaml: &str| told(&password, yaml).map(|it| of_lines(&password, &it).is_some());
        assert_eq!(of_lines("\"a\\nb\""), Ok(true));
        assert_eq!(of_lines("\"Tr0ub4dor#3'x\""), Ok(false));
        assert_eq!(told(&password, "123"), Err("is no text: put it in quotes"));
        assert_eq!(told(&password, "[a]"), Err("is no text: put it in quotes"));
        let vault = "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n";
        assert_eq!(told(&password, vault), Err("is encrypted by ansible-vault: decrypt it first"));
        let bcrypt = SecretKind::Bcrypt { length: 40, alphabet: Alphabet::Alphanumeric };
        assert!(
            told(&bcrypt, "abc").is_ok_and(|it| it["password"] == "abc" && it["hash"].starts_with("$2y$"))
        );
        assert!(told(&bcrypt, &"x".repeat(73)).is_err());
        let pair = told(&SecretKind::SshKey, "private_key: a\npublic_key: b\n");
        assert!(pair.is_ok_and(|it| it["private"] == "a" && it["public"] == "b"));
        assert!(told(&SecretKind::SshKey, "private_key: a\n").is_err());
        assert!(told(&SecretKind::Fernet { count: 3 }, "abc").is_err());
    }
}
