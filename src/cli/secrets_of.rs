//! The secrets of a description: the file beside it, and who may read what, as the description implies.
//!
//! Opens no secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kl::diag::Problems;
use kl::source::{Layer, SourceMap};

use super::describe::DEFAULT_FILE;
use super::exit::Exit;
use super::host::complain;
use super::needs::{NeededSecret, Needs};
use super::say::say_wrong;
use model::{Cloud, Sealed, Text, errors};
use render::secret_kind;
use secrets::file::{self, Entry, SecretsFile, SecretsFileError};
use secrets::seal::PublicKey;
use secrets::vault::{days, renewal};
use secrets::wanted::{EntryError, Import, Reader, Wanted, Who, compare};
use store::files::FileError;
use store::manifest::SecretKind;

/// Where the secrets of a description lie.
pub fn path_of(description: Option<&Path>) -> PathBuf {
    file::path_of(description.unwrap_or(Path::new(DEFAULT_FILE)))
}

/// Reads the secrets of a description. What is wrong with the file was printed.
pub fn load(description: Option<&Path>) -> Result<SecretsFile, Exit> {
    file::load(&path_of(description)).map_err(|error| {
        let exit = complain(&error, Exit::Refused);
        match error {
            SecretsFileError::Form { .. }
            | SecretsFileError::File(FileError::NoFile { .. } | FileError::TooLarge { .. }) => {
                say_wrong!("  help: take it as git has it");
            }
            SecretsFileError::Version { .. } => say_wrong!("  help: use the kolla-lang that wrote it"),
            SecretsFileError::File(_) => {}
        }
        exit
    })
}

/// What was made of one secret.
pub fn sealed(secrets: &SecretsFile, name: &str) -> Option<Sealed> {
    let entry = secrets.secrets.get(name)?;
    let Entry { version, id, text, public, made: _, kind: _, readers: _ } = entry;
    let (id, text) = (id.as_str().into(), text.as_str().into());
    Some(Sealed { version: *version, made: made_at(entry), id, text, public: public.clone() })
}

/// The day on which a secret was made, in seconds since 1970.
fn made_at(entry: &Entry) -> u64 {
    let day = entry.made.parse::<jiff::civil::Date>().ok();
    let began = day.and_then(|it| it.to_zoned(jiff::tz::TimeZone::UTC).ok());
    began.and_then(|it| u64::try_from(it.timestamp().as_second()).ok()).unwrap_or_default()
}

/// Says whether a secret that was made is older than it may be.
pub fn is_old(entry: &Entry, wanted: &Wanted, now: SystemTime) -> bool {
    let due = |age: Duration| UNIX_EPOCH.checked_add(Duration::from_secs(made_at(entry)) + age);
    wanted.max_age.and_then(due).is_some_and(|due| due <= now)
}

/// Collects the secrets that hosts need: what each is, and who may read it.
pub fn wanted(
    cloud: &Cloud,
    needs: &BTreeMap<String, Needs>,
    keys: &BTreeMap<String, Option<Text>>,
    sources: &SourceMap,
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
    let import = |name: &str| {
        let (_, spec) = cloud.secrets.iter().find(|(it, _)| **it == *name)?;
        let said = spec.import.as_ref()?;
        let is_of_site = sources.file(said.at.file).layer == Layer::Site;
        Some(Import { name: said.to_string(), said_at: is_of_site.then(|| sources.place(said.at)) })
    };
    let max_age = |name: &str| cloud.secrets.iter().find(|(it, _)| **it == *name)?.1.max_age;
    let new = |name: &str, kind| Wanted {
        kind,
        import: import(name),
        max_age: max_age(name),
        readers: operators.clone(),
        places: Vec::new(),
    };
    let mut all: BTreeMap<String, Wanted> = BTreeMap::new();
    for (host, Needs { images: _, secrets, places }) in needs {
        let key = keys.get(host).and_then(Option::as_ref);
        let key = key.and_then(|text| parse(text, &format!("host `{host}`")));
        for (name, NeededSecret { kind, is_opened }) in secrets {
            let wanted = all.entry(name.clone()).or_insert_with(|| new(name, kind.clone()));
            if *is_opened {
                wanted.readers.push(Reader { who: Who::Host(host.clone()), key: key.clone() });
            }
        }
        for place in places {
            if let Some(wanted) = all.get_mut(&place.hole.secret) {
                wanted.goes(place.clone());
            }
        }
    }
    // Authorities are wanted by their certificates, and opened by operators alone.
    let kinds: Vec<SecretKind> = all.values().map(|it| it.kind.clone()).collect();
    for kind in kinds {
        if let SecretKind::Certificate { authority: Some(authority), .. } = kind
            && let Some((_, spec)) = cloud.secrets.iter().find(|(name, _)| **name == *authority)
        {
            all.entry(authority.clone()).or_insert_with(|| new(&authority, secret_kind(&spec.kind)));
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
    let is_refused = troubles.values().any(|it| !matches!(it, EntryError::NotMade | EntryError::NotGiven));
    say_troubles(&path_of(description), troubles, "error");
    say_old(description, secrets, wanted);
    if is_refused { Err(Exit::Refused) } else { Ok(()) }
}

/// Warns of secrets that are older than they may be.
pub fn say_old(description: Option<&Path>, secrets: &SecretsFile, wanted: &BTreeMap<String, Wanted>) {
    let now = SystemTime::now();
    for (name, wanted) in wanted {
        let Some(entry) = secrets.secrets.get(name).filter(|it| is_old(it, wanted, now)) else { continue };
        let age = days(wanted.max_age.unwrap_or_default());
        say_wrong!(
            "warning: the secret `{name}` in {} was made on {}, and should not become older than {age}",
            path_of(description).display(),
            entry.made
        );
        let how = renewal(name, &wanted.kind);
        say_wrong!("  help: run `kolla-lang secrets {how}`, then build and switch");
    }
}

/// Returns what is wrong with each secret that is not as described, for programs.
pub fn words(secrets: &SecretsFile, wanted: &BTreeMap<String, Wanted>) -> BTreeMap<String, &'static str> {
    let is_due = |(name, it): &(&String, &Wanted)| {
        secrets.secrets.get(*name).is_some_and(|entry| is_old(entry, it, SystemTime::now()))
    };
    let old = wanted.iter().filter(is_due).map(|(name, _)| (name.clone(), "old"));
    old.chain(compare(secrets, wanted).into_iter().map(|(name, trouble)| (name, trouble.word()))).collect()
}

/// Prints what is wrong with secrets, those with which the same is wrong together. What is not made yet is a warning always.
pub fn say_troubles(path: &Path, troubles: BTreeMap<String, EntryError>, severity: &str) {
    let mut by_trouble: Vec<(EntryError, Vec<String>)> = Vec::new();
    for (name, trouble) in troubles {
        match by_trouble.iter_mut().find(|(it, _)| *it == trouble) {
            Some((_, names)) => names.push(name),
            None => by_trouble.push((trouble, vec![name])),
        }
    }
    for (trouble, names) in &by_trouble {
        say_trouble(names, trouble, path, severity);
    }
}

/// Says how a certificate is given that is not made here.
pub fn how_to_give(name: &str) -> String {
    format!(
        "run `kolla-lang secrets edit {name} --from certificate=FILE --from key=FILE --from authority=FILE`"
    )
}

/// Prints what is wrong with secrets in the same way, and what to do.
fn say_trouble(names: &[String], trouble: &EntryError, path: &Path, severity: &str) {
    let path = path.display();
    let first = names.first().map_or("", String::as_str);
    let (subject, is, them) = match names.len() {
        1 => (format!("the secret `{first}`"), "is", "it"),
        n => (format!("the secret `{first}` and {} more", n - 1), "are", "them"),
    };
    let all = names.join(" ");
    match trouble {
        EntryError::NotMade => {
            say_wrong!("warning: {subject} {is} not in {path}");
            say_wrong!(
                "  help: `kolla-lang secrets generate` makes what is missing; no host that reads {them} can switch before"
            );
        }
        EntryError::NotGiven => {
            say_wrong!("warning: {subject} {is} not in {path}, and must be given");
            for name in names {
                say_wrong!("  help: {}", how_to_give(name));
            }
        }
        EntryError::Damaged => {
            say_wrong!("{severity}: {subject} in {path} {is} torn or edited");
            say_wrong!(
                "  help: take the file as git has it; without that, remove {all} from it and run `kolla-lang secrets generate`"
            );
        }
        EntryError::Readers { lacking, spare } => {
            say_wrong!("{severity}: {subject} in {path} {is} not encrypted to those who may read {them}");
            for (word, all) in [("should and cannot", lacking), ("can and should not", spare)] {
                if !all.is_empty() {
                    say_wrong!("  {word}: {}", all.join(", "));
                }
            }
            say_wrong!("  help: run `kolla-lang secrets rekey`");
        }
        EntryError::Kind => {
            say_wrong!("{severity}: {subject} in {path} {is} something else than what is described now");
            say_wrong!("  help: run `kolla-lang secrets rotate {all}`, or describe {them} as before");
        }
        EntryError::GiveAnew => {
            say_wrong!(
                "{severity}: {subject} in {path} {is} something else than what is described now, and must be given"
            );
            for name in names {
                say_wrong!("  help: {}", how_to_give(name));
            }
        }
        EntryError::Authority { name } => {
            say_wrong!("{severity}: {subject} in {path} {is} from another authority than `{name}` is now");
            say_wrong!("  help: run `kolla-lang secrets rotate {all}`");
        }
    }
}
