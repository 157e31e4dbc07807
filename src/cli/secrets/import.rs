//! `secrets import`: takes over the values of a passwords.yml of kolla-ansible.
//!
//! What is called how there is said by the description: `secrets.<name>.import`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use kl::diag::did_you_mean;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::exit::Exit;
use super::super::host::{Answer, complain};
use super::super::say::say_wrong;
use super::book::Book;
use secrets::generate::{Parts, hashed};
use secrets::wanted::Import;
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
    let Found { usable, there, unusable, lacking, not_taken } = look(book, &given);
    for (import, why) in &unusable {
        say_wrong!("error: the value of `{import}` in {path} {why}; nothing was imported");
    }
    let names: Vec<&str> = given.keys().filter_map(serde_yaml_ng::Value::as_str).collect();
    let mut is_refused = !unusable.is_empty();
    for (name, import) in &lacking {
        let Some(place) = import.said_at.as_ref().filter(|_| !names.contains(&import.name.as_str())) else {
            continue;
        };
        is_refused = true;
        say_wrong!(
            "error: {path} has no `{}`, as the secret `{name}` is called there by {place}; nothing was imported",
            import.name
        );
        let meant = did_you_mean(&import.name, names.iter().copied());
        let step = "name it as the file does, or take `import` out, and `secrets generate` makes it";
        say_wrong!("  help: {}", meant.unwrap_or_else(|| step.to_owned()));
    }
    if is_refused {
        return Err(Exit::Refused);
    }
    if usable.is_empty() && there.is_empty() {
        say_wrong!("error: {path} has a value for no secret of this cloud");
        say_wrong!("  help: `secrets.<name>.import` says what a secret is called there");
        return Err(Exit::Refused);
    }
    let n_values = usable.len() + there.len() + not_taken.len();
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
    if !lacking.is_empty() {
        let told: Vec<String> =
            lacking.iter().map(|(name, import)| format!("{name} (`{}`)", import.name)).collect();
        say_wrong!("warning: {path} has no value for {}", told.join(", "));
        say_wrong!(
            "  help: where the cloud that is taken over has one, give it by `kolla-lang secrets edit`"
        );
    }
    if !not_taken.is_empty() {
        let n = not_taken.len();
        say_wrong!(
            "warning: {n} of {n_values} values in {path} were not taken: no secret of this cloud is called so there"
        );
        say_wrong!("  help: `--json` lists them; `secrets.<name>.import` takes one over");
    }
    let lacking: BTreeMap<&String, &String> =
        lacking.iter().map(|(name, import)| (name, &import.name)).collect();
    let more = vec![("kept", json!(there)), ("lacking", json!(lacking)), ("not_taken", json!(not_taken))];
    book.say_done_and("imported", &taken, more, answer);
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
    /// Secrets that are not made yet and have no value there, with what they are called there.
    lacking: Vec<(String, Import)>,
    /// Names of values that no secret takes over.
    not_taken: Vec<String>,
}

fn look(book: &Book, given: &serde_yaml_ng::Mapping) -> Found {
    let mut found = Found::default();
    for (name, wanted) in &book.wanted {
        let Some(import) = &wanted.import else { continue };
        // Names without a value stand there for what is not used.
        match given.get(import.name.as_str()).filter(|it| !is_empty(it)).map(|it| parts_of(&wanted.kind, it))
        {
            None if book.file.secrets.contains_key(name) => {}
            None => found.lacking.push((name.clone(), import.clone())),
            Some(_) if book.file.secrets.contains_key(name) => found.there.push(name.clone()),
            Some(Ok(parts)) => match wanted.unfit(&parts).or_else(|| of_lines(&wanted.kind, &parts)) {
                None => found.usable.push((name.clone(), parts)),
                Some(why) => found.unusable.push((import.name.clone(), why)),
            },
            Some(Err(why)) => found.unusable.push((import.name.clone(), why.to_owned())),
        }
    }
    let known: BTreeSet<&str> =
        book.wanted.values().filter_map(|it| it.import.as_ref()).map(|it| it.name.as_str()).collect();
    let with_value = given.iter().filter(|(_, value)| !is_empty(value)).filter_map(|(name, _)| name.as_str());
    found.not_taken = with_value.filter(|it| !known.contains(it)).map(ToOwned::to_owned).collect();
    found.not_taken.sort();
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
