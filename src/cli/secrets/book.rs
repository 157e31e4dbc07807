//! The secrets of a cloud under one hand: the file, what the description wants of it, and the operator's private keys.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::build::make;
use super::super::describe::{DEFAULT_FILE, Described, JobsArgs, compile};
use super::super::exit::Exit;
use super::super::host::{Answer, complain, complain_of};
use super::super::report::{self, Warnings};
use super::super::say::{say, say_wrong};
use super::super::{secrets_of, terminal};
use secrets::file::{Entry, SecretsFile};
use secrets::generate::{Parts, generate, new_id};
use secrets::kept::Kept;
use secrets::seal::{Ask, OpenError, PrivateKeys, check_public, open, seal};
use secrets::wanted::{EntryError, Wanted, Who, compare};
use store::lock::{Lock, try_lock};
use store::manifest::SecretKind;

/// The secrets of a cloud. Whoever wants to change them too waits for it to be dropped.
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
    _lock: Option<Lock>,
}

/// What is done with secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// They are looked at; a description that cannot be written is no hindrance.
    Look,
    /// They are changed.
    Change,
}

impl Book {
    /// Reads a description and its secrets. What is wrong was printed.
    pub fn open(
        description: Option<&Path>,
        identities: &[PathBuf],
        purpose: Purpose,
        answer: Answer,
    ) -> Result<Self, Exit> {
        // Before anything is read: what is changed must be what is written over.
        let lock = match purpose {
            Purpose::Look => None,
            Purpose::Change => lock(description.unwrap_or(Path::new(DEFAULT_FILE)))?,
        };
        let described = compile(description)?;
        let made = make(&described, JobsArgs { jobs: None }.count());
        let Described { compiled, secrets: file, lock: _ } = described;
        let exit = report::print_all(&made.problems, compiled.sources(), answer, Warnings::Allowed);
        if exit != Exit::Done {
            if answer == Answer::Json {
                let problems = report::as_json(&made.problems, compiled.sources());
                say!("{:#}", json!({ "version": 1, "problems": problems }));
            }
            return Err(exit);
        }
        let identities = if identities.is_empty() { own_keys() } else { identities.to_vec() };
        Ok(Self {
            path: secrets_of::path_of(description),
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
        let opened = open(&entry.text, name, entry.version, &entry.id, self.keys()?);
        opened.and_then(|kept| check_public(&kept, &entry.public).map(|()| kept)).map_err(|error| {
            let what = format!("cannot open the secret `{name}` of {}", self.path.display());
            let exit = complain_of(&what, &error, Exit::Refused);
            match error {
                OpenError::NotForUs { .. } => {
                    say_wrong!("  help: name the private key of an operator with `--identity`");
                }
                OpenError::Passphrase => {}
                OpenError::Damaged
                | OpenError::Another { .. }
                | OpenError::Public { .. }
                | OpenError::NoSecret => {
                    say_wrong!("  help: take the file as git has it");
                }
            }
            exit
        })
    }

    fn keys(&self) -> Result<&PrivateKeys, Exit> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        terminal::keep();
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
        let is_public = |(part, _): &(&String, &String)| kind.is_public(part);
        let public =
            parts.iter().filter(is_public).map(|(part, value)| (part.clone(), value.clone())).collect();
        let kept = Kept::new(name, version, id, parts);
        self.seal(&kept, kind, public, &today())?;
        self.fresh.insert(name.to_owned(), kept.parts);
        Ok(version)
    }

    /// Makes the parts of a secret anew; what it is made from is opened.
    pub fn generate(&self, name: &str) -> Result<Parts, Exit> {
        let kind = &self.wanted(name)?.kind;
        let given = match kind {
            SecretKind::Certificate { authority: Some(authority), .. } => {
                Some((authority, self.parts(authority)?))
            }
            _ => None,
        };
        let given = |name: &str| given.as_ref().filter(|(of, _)| *of == name).map(|(_, parts)| parts.clone());
        let cannot = format!("cannot make the secret `{name}`");
        generate(kind, &given).map_err(|error| complain_of(&cannot, &error, Exit::Refused))
    }

    /// Puts names in the order in which secrets are made: certificates are made from their authorities.
    pub fn in_order(&self, names: &mut [String]) {
        let is_certificate = |name: &str| {
            let kind = self.wanted.get(name).map(|it| &it.kind);
            matches!(kind, Some(SecretKind::Certificate { .. }))
        };
        names.sort_by(|a, b| (is_certificate(a), a).cmp(&(is_certificate(b), b)));
    }

    /// Opens a secret, and returns all its parts.
    pub fn parts(&self, name: &str) -> Result<Parts, Exit> {
        if let Some(parts) = self.fresh.get(name) {
            return Ok(parts.clone());
        }
        Ok(self.read(name)?.parts)
    }

    /// Encrypts a secret as it is to those who may read it now.
    pub fn seal(
        &mut self,
        kept: &Kept,
        kind: SecretKind,
        public: BTreeMap<String, String>,
        made: &str,
    ) -> Result<(), Exit> {
        let name = kept.name.clone();
        let wanted = self.wanted(&name)?;
        let unknown: Vec<String> = wanted.without_key().map(ToString::to_string).collect();
        if !unknown.is_empty() {
            say_wrong!(
                "error: the secret `{name}` cannot be encrypted to {}: no public key of it is known",
                unknown.join(", ")
            );
            say_wrong!(
                "  help: give `hosts.<name>.ssh.key`, as `ssh-keyscan -t ed25519` prints it after the host's name"
            );
            return Err(Exit::Refused);
        }
        let cannot = format!("cannot encrypt the secret `{name}`");
        let text = seal(kept, &wanted.keys()).map_err(|error| complain_of(&cannot, &error, Exit::Refused))?;
        let (version, id, readers) = (kept.version, kept.id.clone(), wanted.words());
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

    /// Says what was done to which secrets, and what is still wrong with any: a `build` would refuse it.
    pub fn say_done(&self, done: &str, names: &[String], answer: Answer) {
        self.say_done_and(done, names, Vec::new(), answer);
    }

    /// Says the same, and more to programs.
    pub fn say_done_and(
        &self,
        done: &str,
        names: &[String],
        more: Vec<(&str, serde_json::Value)>,
        answer: Answer,
    ) {
        let troubles = compare(&self.file, &self.wanted);
        if answer == Answer::Json {
            let states: BTreeMap<&String, &str> =
                troubles.iter().map(|(name, it)| (name, it.word())).collect();
            let mut told =
                json!({ "version": 1, "file": self.path, "done": done, "secrets": names, "left": states });
            for (name, value) in more {
                told[name] = value;
            }
            say!("{told:#}");
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
        secrets_of::say_troubles(&self.path, troubles, "warning");
    }

    /// Returns what is wrong with a secret.
    pub fn trouble(&self, name: &str) -> Option<EntryError> {
        compare(&self.file, &self.wanted).remove(name)
    }
}

/// Locks a description itself, so that nothing needs to be left behind. One that is not there is not made: whoever reads it says so.
fn lock(description: &Path) -> Result<Option<Lock>, Exit> {
    if !description.is_file() {
        return Ok(None);
    }
    let lock = try_lock(description).map_err(|error| complain(&error, Exit::Refused))?;
    if lock.is_none() {
        say_wrong!("error: somebody else changes the secrets of {}", description.display());
        return Err(Exit::Locked);
    }
    Ok(lock)
}

/// The private keys of whoever runs this, where SSH looks for them first.
pub fn own_keys() -> Vec<PathBuf> {
    let Some(home) = std::env::var_os("HOME").map(PathBuf::from) else { return Vec::new() };
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

/// Says that a secret has no such part, and which it has.
pub fn no_part(name: &str, part: Option<&str>, parts: &Parts) -> Exit {
    let known: Vec<&str> = parts.keys().map(String::as_str).filter(|it| !it.is_empty()).collect();
    match part {
        None => say_wrong!("error: the secret `{name}` has several parts"),
        Some(part) => say_wrong!("error: the secret `{name}` has no part `{part}`"),
    }
    if known.is_empty() {
        say_wrong!("  help: it has no parts; leave `{}` away", part.unwrap_or_default());
    } else {
        say_wrong!("  help: name one of {}", known.join(", "));
    }
    Exit::Wrong
}
