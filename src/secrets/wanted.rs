//! What a description implies of its secrets, against what the file of secrets holds. Pure.
//!
//! Opens nothing: who may read an entry is told by its head.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::file::{Entry, SecretsFile};
use super::generate::Parts;
use super::seal::{PublicKey, is_sealed_to};
use store::manifest::{Format, Hole, SecretKind};
use store::written::unfit;

/// A secret as the description wants it.
#[derive(Clone)]
pub struct Wanted {
    /// What it is.
    pub kind: SecretKind,
    /// What it is called where it may be taken over from.
    pub import: Option<Import>,
    /// How old it may become before it should be made anew.
    pub max_age: Option<Duration>,
    /// Who may read it, in the order of their words.
    pub readers: Vec<Reader>,
    /// Where it goes, each way in which it is written and read once.
    pub places: Vec<Placement>,
}

/// What a secret is called in a `passwords.yml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The name there.
    pub name: String,
    /// File and line where the site says so; none: the library does.
    pub said_at: Option<String>,
}

/// A place of a file where a secret goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// The host whose file it is.
    pub host: String,
    /// The file, as its folder has it.
    pub file: String,
    /// How the file is written.
    pub format: Format,
    /// The place itself.
    pub hole: Hole,
}

impl Placement {
    /// Says whether two places take the same values.
    fn takes_as(&self, other: &Self) -> bool {
        let Hole { offset: _, secret: _, part, encode, escapes, limits, shown: _ } = &self.hole;
        let it = &other.hole;
        self.format == other.format
            && (part, encode, escapes, limits) == (&it.part, &it.encode, &it.escapes, &it.limits)
    }
}

/// Somebody who may read a secret.
#[derive(Clone)]
pub struct Reader {
    /// Who it is.
    pub who: Who,
    /// The key that it has, where that is known.
    pub key: Option<PublicKey>,
}

/// Who may read a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A host, by its name.
    Host(String),
    /// An operator, by name.
    Operator(String),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => write!(f, "host {name}"),
            Self::Operator(name) => write!(f, "operator {name}"),
        }
    }
}

impl Reader {
    /// Returns the reader as the file of secrets names it.
    pub fn word(&self) -> String {
        let key = self.key.as_ref().map_or_else(|| "no-key".to_owned(), PublicKey::fingerprint);
        format!("{} {key}", self.who)
    }
}

impl Wanted {
    /// Returns the readers as the file of secrets names them, sorted.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.readers.iter().map(Reader::word).collect();
        words.sort();
        words
    }

    /// Adds a place where it goes, unless one that takes the same values is known.
    pub fn goes(&mut self, place: Placement) {
        if !self.places.iter().any(|it| it.takes_as(&place)) {
            self.places.push(place);
        }
    }

    /// Says why parts cannot be this secret, behind its name: the first reader that could not read one of them.
    pub fn unfit(&self, parts: &Parts) -> Option<String> {
        self.places.iter().find_map(|Placement { host, file, format, hole }| {
            let value = parts.get(hole.part.as_deref().unwrap_or_default())?;
            unfit(&format!("`{file}` of {host}"), *format, hole, value)
        })
    }

    /// Returns the readers' keys that are known.
    pub fn keys(&self) -> Vec<PublicKey> {
        self.readers.iter().filter_map(|it| it.key.clone()).collect()
    }

    /// Returns those whose key is not known: nothing can be encrypted to them.
    pub fn without_key(&self) -> impl Iterator<Item = &Who> {
        self.readers.iter().filter(|it| it.key.is_none()).map(|it| &it.who)
    }
}

/// How an entry of the file is not what the description implies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryError {
    /// There is none.
    NotMade,
    /// There is none, and it cannot be made: somebody has to give it.
    NotGiven,
    /// It is torn or was edited.
    Damaged,
    /// Others may read it than should.
    Readers {
        /// Who should and may not, sorted.
        lacking: Vec<String>,
        /// Who may and should not, sorted.
        spare: Vec<String>,
    },
    /// It is something else than what is described.
    Kind,
    /// It is something else than is described, and cannot be made: somebody has to give it.
    GiveAnew,
    /// It was made from an authority that has been made anew since.
    Authority {
        /// The authority's secret.
        name: String,
    },
}

impl EntryError {
    /// Returns the word that people and programs read: of what mends it, or what it is.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotMade => "not made",
            Self::NotGiven => "not given",
            Self::Damaged => "damaged",
            Self::Readers { .. } => "rekey",
            Self::GiveAnew => "give",
            Self::Kind | Self::Authority { .. } => "rotate",
        }
    }
}

/// Compares the file with the description: every secret that is not as it should be, by name.
pub fn compare(file: &SecretsFile, wanted: &BTreeMap<String, Wanted>) -> BTreeMap<String, EntryError> {
    let look = |(name, it): (&String, &Wanted)| {
        let trouble = match file.secrets.get(name) {
            None if it.kind.is_given() => Some(EntryError::NotGiven),
            None => Some(EntryError::NotMade),
            Some(entry) => compare_one(entry, it).or_else(|| of_old_authority(file, entry)),
        };
        trouble.map(|trouble| (name.clone(), trouble))
    };
    wanted.iter().filter_map(look).collect()
}

fn compare_one(entry: &Entry, wanted: &Wanted) -> Option<EntryError> {
    let words = wanted.words();
    let keys = wanted.keys();
    match is_sealed_to(&entry.text, &keys) {
        Err(_) => return Some(EntryError::Damaged),
        Ok(true) if entry.readers == words => {}
        Ok(is_sealed) => {
            let without = |all: &[String], others: &[String], key: &str| -> Vec<String> {
                let is_there = |who: &str| others.iter().any(|it| plain(it) == who);
                let shown =
                    |who: &str| if is_there(who) { format!("{who} with {key}") } else { who.to_owned() };
                all.iter().filter(|it| !others.contains(it)).map(|it| shown(plain(it))).collect()
            };
            let lacking = without(&words, &entry.readers, "the key it has now");
            let spare = without(&entry.readers, &words, "another key");
            // What the entry says of itself is as it should be, and it is encrypted to others all the same.
            if lacking.is_empty() && spare.is_empty() && !is_sealed {
                return Some(EntryError::Damaged);
            }
            return Some(EntryError::Readers { lacking, spare });
        }
    }
    let trouble = if wanted.kind.is_given() { EntryError::GiveAnew } else { EntryError::Kind };
    (!serves(&entry.kind, &wanted.kind)).then_some(trouble)
}

/// Says whether a certificate was made from an authority that is another one now: what trusts this one refuses the certificate.
fn of_old_authority(file: &SecretsFile, entry: &Entry) -> Option<EntryError> {
    let SecretKind::Certificate { authority: Some(authority), .. } = &entry.kind else { return None };
    let now = file.secrets.get(authority)?.public.get("certificate");
    (entry.public.get("authority") != now).then(|| EntryError::Authority { name: authority.clone() })
}

/// Says whether what was made can be used as what is described now. A password is one however it was made, and what is given is good for as
/// long as it says itself.
fn serves(made: &SecretKind, wanted: &SecretKind) -> bool {
    match (made, wanted) {
        (SecretKind::Password { .. }, SecretKind::Password { .. })
        | (SecretKind::Bcrypt { .. }, SecretKind::Bcrypt { .. }) => true,
        (
            SecretKind::Certificate { authority: None, names, addresses, valid_secs: _ },
            SecretKind::Certificate {
                authority: None,
                names: wanted_names,
                addresses: wanted_addresses,
                valid_secs: _,
            },
        ) => (names, addresses) == (wanted_names, wanted_addresses),
        _ => made == wanted,
    }
}

/// A reader without the name of its key.
fn plain(word: &str) -> &str {
    word.rsplit_once(' ').map_or(word, |(who, _)| who)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::generate;
    use crate::kept::Kept;
    use crate::seal::seal;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn reader(who: Who) -> Result<Reader, Box<dyn std::error::Error>> {
        let key = PublicKey::parse(&generate(&SecretKind::SshKey, &|_| None)?["public"])?;
        Ok(Reader { who, key: Some(key) })
    }

    fn wanted(kind: SecretKind, readers: &[&Reader]) -> Wanted {
        Wanted {
            kind,
            import: None,
            max_age: None,
            places: Vec::new(),
            readers: readers.iter().map(|it| (*it).clone()).collect(),
        }
    }

    fn entry(wanted: &Wanted, public: BTreeMap<String, String>) -> Result<Entry, Box<dyn std::error::Error>> {
        let text = seal(&Kept::new("x", 1, "id", public.clone().into()), &wanted.keys())?;
        let (kind, readers) = (wanted.kind.clone(), wanted.words());
        Ok(Entry { version: 1, id: "id".into(), made: "2026-11-24".into(), kind, readers, text, public })
    }

    fn trouble(file: &SecretsFile, name: &str, wanted: Wanted) -> Option<EntryError> {
        compare(file, &BTreeMap::from([(name.to_owned(), wanted)])).remove(name)
    }

    #[test]
    fn readers_are_told_by_name_and_a_new_key_of_one_as_such() -> Tested {
        let (ada, host, other) = (
            reader(Who::Operator("ada".into()))?,
            reader(Who::Host("ctl01".into()))?,
            reader(Who::Host("ctl02".into()))?,
        );
        let anew = reader(Who::Host("ctl01".into()))?;
        let made = wanted(SecretKind::Uuid, &[&ada, &host]);
        let mut file = SecretsFile::default();
        file.secrets.insert("x".into(), entry(&made, BTreeMap::new())?);
        assert_eq!(trouble(&file, "x", made), None);
        let readers = |lacking: &[&str], spare: &[&str]| {
            let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
            Some(EntryError::Readers { lacking: texts(lacking), spare: texts(spare) })
        };
        let told = |all: &[&Reader]| trouble(&file, "x", wanted(SecretKind::Uuid, all));
        assert_eq!(told(&[&ada, &host, &other]), readers(&["host ctl02"], &[]));
        assert_eq!(told(&[&ada]), readers(&[], &["host ctl01"]));
        let expected = readers(&["host ctl01 with the key it has now"], &["host ctl01 with another key"]);
        assert_eq!(told(&[&ada, &anew]), expected);
        // An entry that says it is for those who should read it, and is for somebody else.
        if let Some(entry) = file.secrets.get_mut("x") {
            entry.readers = wanted(SecretKind::Uuid, &[&ada, &anew]).words();
        }
        assert_eq!(trouble(&file, "x", wanted(SecretKind::Uuid, &[&ada, &anew])), Some(EntryError::Damaged));
        Ok(())
    }

    #[test]
    fn what_is_given_is_given_anew_for_other_names() -> Tested {
        let ada = reader(Who::Operator("ada".into()))?;
        let kind = |name: &str, valid_secs| SecretKind::Certificate {
            authority: None,
            names: vec![name.into()],
            addresses: Vec::new(),
            valid_secs,
        };
        let mut file = SecretsFile::default();
        let given = wanted(kind("a.example", 3600), &[&ada]);
        assert_eq!(trouble(&file, "tls", given.clone()), Some(EntryError::NotGiven));
        file.secrets.insert("tls".into(), entry(&given, BTreeMap::new())?);
        assert_eq!(trouble(&file, "tls", given), None);
        assert_eq!(trouble(&file, "tls", wanted(kind("a.example", 7200), &[&ada])), None);
        let other = wanted(kind("b.example", 3600), &[&ada]);
        assert_eq!(trouble(&file, "tls", other), Some(EntryError::GiveAnew));
        Ok(())
    }

    #[test]
    fn a_certificate_goes_with_its_authority() -> Tested {
        let ada = reader(Who::Operator("ada".into()))?;
        let authority = SecretKind::Authority { subject: "ca".into(), valid_secs: 7200 };
        let leaf = SecretKind::Certificate {
            authority: Some("ca".into()),
            names: vec!["a.example".into()],
            addresses: Vec::new(),
            valid_secs: 3600,
        };
        let public = |part: &str, value: &str| BTreeMap::from([(part.to_owned(), value.to_owned())]);
        let mut file = SecretsFile::default();
        let leaf = wanted(leaf, &[&ada]);
        file.secrets.insert("tls".into(), entry(&leaf, public("authority", "one"))?);
        // An authority that is not there is missing by itself.
        assert_eq!(trouble(&file, "tls", leaf.clone()), None);
        let authority = wanted(authority, &[&ada]);
        file.secrets.insert("ca".into(), entry(&authority, public("certificate", "one"))?);
        assert_eq!(trouble(&file, "tls", leaf.clone()), None);
        file.secrets.insert("ca".into(), entry(&authority, public("certificate", "two"))?);
        assert_eq!(trouble(&file, "tls", leaf), Some(EntryError::Authority { name: "ca".into() }));
        assert_eq!(trouble(&file, "ca", authority), None);
        Ok(())
    }
}
