//! What a description implies of its secrets, against what the file of secrets holds. Pure.
//!
//! Opens nothing: who may read an entry is told by its head.

use std::collections::BTreeMap;
use std::fmt;

use super::file::{Entry, SecretsFile};
use super::seal::{PublicKey, is_sealed_to};
use crate::store::manifest::SecretKind;

/// A secret as the description wants it.
#[derive(Clone)]
pub struct Wanted {
    /// What it is.
    pub kind: SecretKind,
    /// What it is called where it may be taken over from.
    pub import: Option<String>,
    /// Who may read it, in the order of their words.
    pub readers: Vec<Reader>,
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
pub enum Trouble {
    /// There is none.
    NotMade,
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
}

/// Compares the file with the description: every secret that is not as it should be, by name.
pub fn compare(file: &SecretsFile, wanted: &BTreeMap<String, Wanted>) -> BTreeMap<String, Trouble> {
    let look = |(name, it): (&String, &Wanted)| {
        let trouble = match file.secrets.get(name) {
            None => Some(Trouble::NotMade),
            Some(entry) => compare_one(entry, it),
        };
        trouble.map(|trouble| (name.clone(), trouble))
    };
    wanted.iter().filter_map(look).collect()
}

fn compare_one(entry: &Entry, wanted: &Wanted) -> Option<Trouble> {
    let words = wanted.words();
    let keys = wanted.keys();
    match is_sealed_to(&entry.text, &keys) {
        Err(_) => return Some(Trouble::Damaged),
        Ok(true) if entry.readers == words => {}
        Ok(is_sealed) => {
            let without = |all: &[String], others: &[String]| -> Vec<String> {
                all.iter().filter(|it| !others.contains(it)).map(|it| plain(it)).collect()
            };
            let (lacking, spare) = (without(&words, &entry.readers), without(&entry.readers, &words));
            // What the entry says of itself is as it should be, and it is encrypted to others all the same.
            if lacking.is_empty() && spare.is_empty() && !is_sealed {
                return Some(Trouble::Damaged);
            }
            return Some(Trouble::Readers { lacking, spare });
        }
    }
    (!serves(&entry.kind, &wanted.kind)).then_some(Trouble::Kind)
}

/// Says whether what was made can be used as what is described now. A password is one however it was made.
fn serves(made: &SecretKind, wanted: &SecretKind) -> bool {
    match (made, wanted) {
        (SecretKind::Password { .. }, SecretKind::Password { .. })
        | (SecretKind::Bcrypt { .. }, SecretKind::Bcrypt { .. }) => true,
        _ => made == wanted,
    }
}

/// A reader without the name of its key.
fn plain(word: &str) -> String {
    word.rsplit_once(' ').map_or(word, |(who, _)| who).to_owned()
}
