//! The secrets of a description: the file beside it, and who may read what, as the description implies.
//!
//! Opens no secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kl::diag::Problems;

use super::describe::DEFAULT_FILE;
use super::exit::Exit;
use super::host::complain;
use super::say::say_wrong;
use crate::model::{Cloud, Sealed, Text, errors};
use crate::secrets::file::{self, SecretsFile};
use crate::secrets::seal::PublicKey;
use crate::secrets::wanted::{Reader, Trouble, Wanted, Who, compare};
use crate::store::Closure;

/// Where the secrets of a description lie.
pub fn path_of(description: Option<&Path>) -> PathBuf {
    file::path_of(description.unwrap_or(Path::new(DEFAULT_FILE)))
}

/// Reads the secrets of a description. What is wrong with the file was printed.
pub fn load(description: Option<&Path>) -> Result<SecretsFile, Exit> {
    let load = file::load(&path_of(description));
    load.map_err(|error| complain(&error, Exit::Refused))
}

/// What was made of one secret.
pub fn sealed(secrets: &SecretsFile, name: &str) -> Option<Sealed> {
    let entry = secrets.secrets.get(name)?;
    Some(Sealed { version: entry.version, id: entry.id.as_str().into(), text: entry.text.as_str().into() })
}

/// Collects the secrets that closures have holes for: what each is, and who may read it.
pub fn wanted(
    cloud: &Cloud,
    closures: &BTreeMap<String, Closure>,
    keys: &BTreeMap<String, Option<Text>>,
    problems: &mut Problems,
) -> BTreeMap<String, Wanted> {
    let mut parse = |text: &Text, whose: &str| {
        let key = PublicKey::parse(text.as_str());
        let told = |error| problems.push(errors::bad_value(text.at, format!("the key of {whose}: {error}")));
        key.map_err(told).ok()
    };
    let operator = |(name, text): &(Arc<str>, Text)| Reader {
        who: Who::Operator(name.to_string()),
        key: parse(text, &format!("operator `{name}`")),
    };
    let operators: Vec<Reader> = cloud.operators.iter().map(operator).collect();
    let mut all: BTreeMap<String, Wanted> = BTreeMap::new();
    for (host, closure) in closures {
        let key = keys.get(host).and_then(Option::as_ref);
        let key = key.and_then(|text| parse(text, &format!("host `{host}`")));
        for (name, spec) in &closure.manifest.secrets {
            let wanted = all.entry(name.clone()).or_insert_with(|| Wanted {
                kind: spec.kind,
                import: None,
                readers: operators.clone(),
            });
            wanted.readers.push(Reader { who: Who::Host(host.clone()), key: key.clone() });
        }
    }
    all
}

/// Refuses secrets that are not as the description implies, and warns of those that were not made yet. All of it was printed.
pub fn check(
    description: Option<&Path>,
    secrets: &SecretsFile,
    wanted: &BTreeMap<String, Wanted>,
) -> Result<(), Exit> {
    let troubles = compare(secrets, wanted);
    let path = path_of(description);
    let (missing, wrong): (Vec<_>, Vec<_>) = troubles.iter().partition(|(_, it)| **it == Trouble::NotMade);
    if let [(first, _), rest @ ..] = missing.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        say_wrong!("warning: the secret `{first}`{more} is not in {}", path.display());
        say_wrong!("  help: `kolla-lang secrets generate` makes it; no host that reads it can switch before");
    }
    for (name, trouble) in &wrong {
        say_trouble(name, trouble, &path);
    }
    if wrong.is_empty() { Ok(()) } else { Err(Exit::Refused) }
}

/// Prints what is wrong with a secret, and what to do.
pub fn say_trouble(name: &str, trouble: &Trouble, path: &Path) {
    let path = path.display();
    match trouble {
        Trouble::NotMade => {
            say_wrong!("error: the secret `{name}` is not in {path}");
            say_wrong!("  help: run `kolla-lang secrets generate`");
        }
        Trouble::Damaged => {
            say_wrong!("error: the secret `{name}` in {path} is torn or was edited");
            say_wrong!(
                "  help: take the entry from an earlier version of the file, as git has it, or run `kolla-lang secrets rotate {name}`"
            );
        }
        Trouble::Readers { lacking, spare } => {
            say_wrong!("error: the secret `{name}` in {path} is not encrypted to those who may read it");
            for (word, all) in [("cannot and should", lacking), ("can and should not", spare)] {
                if !all.is_empty() {
                    say_wrong!("  {word}: {}", all.join(", "));
                }
            }
            say_wrong!("  help: run `kolla-lang secrets rekey`");
        }
        Trouble::Kind => {
            say_wrong!("error: the secret `{name}` in {path} is something else than what is described now");
            say_wrong!("  help: run `kolla-lang secrets rotate {name}`, or describe it as it was");
        }
    }
}
