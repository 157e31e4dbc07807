//! The secrets of a cloud under one hand: the file, what the description wants of it, and the operator's private keys.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::build::make;
use super::super::describe::{DEFAULT_FILE, JobsArgs, compile};
use super::super::exit::Exit;
use super::super::host::{Answer, complain};
use super::super::report;
use super::super::say::{say, say_wrong};
use super::super::secrets_of;
use crate::secrets::file::{Entry, SecretsFile};
use crate::secrets::generate::{Parts, generate, new_id};
use crate::secrets::kept::Kept;
use crate::secrets::seal::{Ask, PrivateKeys, open, seal};
use crate::secrets::wanted::{Wanted, Who};
use crate::store::lock::{Lock, try_lock};
use crate::store::manifest::SecretKind;

/// The secrets of a cloud. Others wait for it to be dropped.
pub struct Book {
    /// Where the file lies.
    pub path: PathBuf,
    /// What it holds.
    pub file: SecretsFile,
    /// What the description wants of it.
    pub wanted: BTreeMap<String, Wanted>,
    identities: Vec<PathBuf>,
    keys: OnceCell<PrivateKeys>,
    /// What was made in this run: it is in the clear still, and no key is needed to read it.
    fresh: BTreeMap<String, Parts>,
    _lock: Lock,
}

impl Book {
    /// Reads a description and its secrets. What is wrong was printed.
    pub fn open(description: Option<&Path>, identities: &[PathBuf]) -> Result<Self, Exit> {
        let compiled = compile(description)?;
        let path = secrets_of::path_of(description);
        // The description itself is locked: it is there, and nothing needs to be left behind.
        let locked = description.unwrap_or(Path::new(DEFAULT_FILE));
        let lock = try_lock(locked).map_err(|error| complain(&error, Exit::Refused))?;
        let Some(lock) = lock else {
            say_wrong!("error: somebody else changes the secrets of {}", locked.display());
            return Err(Exit::Locked);
        };
        let file = secrets_of::load(description)?;
        let made = make(&compiled, JobsArgs { jobs: None }.count(), &file);
        match report::print_all(&made.problems, compiled.sources(), Answer::Text) {
            Exit::Done => {}
            exit => return Err(exit),
        }
        let identities = if identities.is_empty() { own_keys() } else { identities.to_vec() };
        Ok(Self {
            path,
            file,
            wanted: made.wanted,
            identities,
            keys: OnceCell::new(),
            fresh: BTreeMap::new(),
            _lock: lock,
        })
    }

    /// Returns what the description wants of a secret.
    pub fn wanted(&self, name: &str) -> Result<&Wanted, Exit> {
        self.wanted.get(name).ok_or_else(|| {
            say_wrong!("error: no host of the description reads a secret `{name}`");
            say_wrong!("  help: `kolla-lang secrets list` names all");
            Exit::Wrong
        })
    }

    /// Opens a secret of the file with the operator's private key.
    pub fn read(&self, name: &str) -> Result<Kept, Exit> {
        let Some(entry) = self.file.secrets.get(name) else {
            say_wrong!("error: the secret `{name}` is not in {}", self.path.display());
            say_wrong!("  help: run `kolla-lang secrets generate`");
            return Err(Exit::Refused);
        };
        open(&entry.text, name, entry.version, &entry.id, self.keys()?).map_err(|error| {
            say_wrong!("error: cannot open the secret `{name}` of {}", self.path.display());
            say_wrong!("  caused by: {error}");
            Exit::Refused
        })
    }

    fn keys(&self) -> Result<&PrivateKeys, Exit> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let keys = PrivateKeys::load(&self.identities, Ask::Terminal).map_err(|error| {
            let exit = complain(&error, Exit::Refused);
            say_wrong!("  help: name your private key with `--identity`");
            exit
        })?;
        Ok(self.keys.get_or_init(|| keys))
    }

    /// Encrypts the next making of a secret to those who may read it, into the file in memory.
    pub fn put(&mut self, name: &str, parts: Parts) -> Result<u32, Exit> {
        let refused = |error: &dyn std::error::Error| complain(error, Exit::Refused);
        let version = self.file.secrets.get(name).map_or(1, |entry| entry.version.saturating_add(1));
        let id = new_id().map_err(|error| refused(&error))?;
        let kind = self.wanted(name)?.kind.clone();
        self.fresh.insert(name.to_owned(), parts.clone());
        let (public, secret) = parts.into_iter().partition(|(part, _)| kind.is_public(part));
        self.seal(&Kept::new(name, version, id, secret), public, &today())?;
        Ok(version)
    }

    /// Makes the parts of a secret anew; what it is made from is opened.
    pub fn generate(&self, name: &str) -> Result<Parts, Exit> {
        let kind = &self.wanted(name)?.kind;
        let given = match kind {
            SecretKind::Certificate { authority, .. } => Some((authority, self.parts(authority)?)),
            _ => None,
        };
        let given = |name: &str| given.as_ref().filter(|(of, _)| *of == name).map(|(_, parts)| parts.clone());
        generate(kind, &given).map_err(|error| {
            say_wrong!("error: cannot make the secret `{name}`");
            complain(&error, Exit::Refused)
        })
    }

    /// Opens a secret, and returns all its parts.
    pub fn parts(&self, name: &str) -> Result<Parts, Exit> {
        if let Some(parts) = self.fresh.get(name) {
            return Ok(parts.clone());
        }
        let mut parts = self.read(name)?.parts.clone();
        parts.extend(self.file.secrets.get(name).map(|it| it.public.clone()).unwrap_or_default());
        Ok(parts)
    }

    /// Encrypts a secret as it is to those who may read it now.
    pub fn seal(&mut self, kept: &Kept, public: Parts, made: &str) -> Result<(), Exit> {
        let name = kept.name.clone();
        let wanted = self.wanted(&name)?;
        let unknown: Vec<String> = wanted.without_key().map(ToString::to_string).collect();
        if !unknown.is_empty() {
            say_wrong!(
                "error: the secret `{name}` cannot be encrypted to {}: no public key of it is known",
                unknown.join(", ")
            );
            say_wrong!("  help: give `hosts.<name>.ssh.key`, as `ssh-keyscan -t ed25519` prints it");
            return Err(Exit::Refused);
        }
        let text = seal(kept, &wanted.keys()).map_err(|error| {
            say_wrong!("error: cannot encrypt the secret `{name}`");
            complain(&error, Exit::Refused)
        })?;
        let (kind, readers): (SecretKind, _) = (wanted.kind.clone(), wanted.words());
        let (version, id) = (kept.version, kept.id.clone());
        let entry = Entry { version, id, made: made.to_owned(), kind, readers, text, public };
        self.file.secrets.insert(name, entry);
        Ok(())
    }

    /// Refuses to go on where nobody but hosts could read a secret: it could never be rotated as its kind asks, nor shown.
    pub fn require_operators(&self) -> Result<(), Exit> {
        let has_operator =
            |wanted: &Wanted| wanted.readers.iter().any(|it| matches!(it.who, Who::Operator(_)));
        if self.wanted.values().all(has_operator) {
            return Ok(());
        }
        say_wrong!("error: no operator could read these secrets");
        say_wrong!(
            "  help: name yourself: `operators.you = \"ssh-ed25519 …\"`, as in your ~/.ssh/id_ed25519.pub"
        );
        Err(Exit::Refused)
    }

    /// Writes the file.
    pub fn save(&self) -> Result<(), Exit> {
        self.file.save(&self.path).map_err(|error| complain(&error, Exit::Refused))
    }

    /// Says what was done to which secrets.
    pub fn say_done(&self, done: &str, names: &[String], answer: Answer) {
        if answer == Answer::Json {
            say!("{:#}", json!({ "version": 1, "file": self.path, done: names }));
            return;
        }
        for name in names {
            let version = self.file.secrets.get(name).map_or(0, |entry| entry.version);
            say!("{done} {name}, version {version}");
        }
        if names.is_empty() {
            say!("nothing had to be {done}");
        } else {
            say!("wrote {}", self.path.display());
        }
    }
}

/// The private keys of whoever runs this, where SSH looks for them first.
fn own_keys() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    ["id_ed25519", "id_rsa"].map(|name| home.join(".ssh").join(name)).into()
}

/// The day, as in `2026-11-24`.
fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// What a kind of secret is called.
pub fn kind_word(kind: &SecretKind) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|it| Some(it.get("kind")?.as_str()?.to_owned()))
        .unwrap_or_default()
}
