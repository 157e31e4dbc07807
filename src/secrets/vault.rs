//! The secrets of one closure on its host: ciphertext of the closure, opened with the host's own key when it is asked for.
//!
//! Keeps what it opened in memory until it is dropped, and writes nothing.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use super::deliver::encoded;
use super::generate::expires;
use super::kept::Kept;
use super::seal::{Ask, OpenError, PrivateKeyError, PrivateKeys, and_absent, check_public, open};
use crate::store::closure::secret_path;
use crate::store::files::FileError;
use crate::store::manifest::{Encode, FolderFile, Hole, SecretKind};
use crate::store::{Closure, Manifest};

/// Shorter words than this stand in any text, and hide nothing.
const SHORTEST: usize = 6;

/// What could not be done with a secret.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SecretError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("no secret of this host can be opened")]
    Key(#[source] PrivateKeyError),
    #[error("the secret `{name}` cannot be opened")]
    Open { name: String, source: OpenError },
    #[error("the secret `{name}` has no part `{part}`; `kolla-lang secrets rotate {name}` makes it anew")]
    NoPart { name: String, part: String },
    #[error(
        "the secret `{name}` was not made before this was built; run `kolla-lang secrets generate`, then build again"
    )]
    NotMade { name: String },
    #[error(
        "the secret `{name}` is not encrypted to a key of this host, {}{}; name the public one in `hosts.<name>.ssh.key`, run \
         `kolla-lang secrets rekey`, and build again",
        keys.join(" or "),
        and_absent(absent)
    )]
    NotForHost { name: String, keys: Vec<String>, absent: Vec<String> },
    #[error(
        "the certificate of the secret `{name}` ended {} ago, by the clock of this host; run `kolla-lang secrets {how}`, \
         and build again",
        days(*since)
    )]
    Expired { name: String, how: String, since: Duration },
}

/// Says how a certificate is renewed: what comes after `kolla-lang secrets`.
pub fn renewal(name: &str, kind: &SecretKind) -> String {
    if kind.is_given() { format!("edit {name} --from …") } else { format!("rotate {name}") }
}

/// A time in days.
pub fn days(time: Duration) -> String {
    match time.as_secs() / (24 * 3600) {
        0 => "less than a day".to_owned(),
        1 => "a day".to_owned(),
        n => format!("{n} days"),
    }
}

/// Opens the secrets of a closure.
pub struct Vault<'a> {
    closure: &'a Closure,
    /// Where the host's private keys may lie.
    keys: Vec<PathBuf>,
    loaded: OnceCell<PrivateKeys>,
    opened: RefCell<BTreeMap<String, Kept>>,
}

impl<'a> Vault<'a> {
    /// Names the closure and the files of the host's private keys. Nothing is read before a secret is asked for.
    pub fn new(closure: &'a Closure, keys: Vec<PathBuf>) -> Self {
        Self { closure, keys, loaded: OnceCell::new(), opened: RefCell::default() }
    }

    /// Returns the closure.
    pub(super) fn closure(&self) -> &'a Closure {
        self.closure
    }

    /// Opens every secret that a hole names, and returns what is wrong, once for each secret and once for the key.
    pub fn check(&self) -> Vec<SecretError> {
        let files = self.closure.manifest.folders.iter().flat_map(|folder| &folder.files);
        let holes = files.flat_map(|FolderFile { holes, .. }| holes);
        let mut wrong = BTreeMap::new();
        for Hole { secret, part, .. } in holes {
            if wrong.contains_key(secret) {
                continue;
            }
            match self.read(secret, part.as_deref()) {
                Ok(_) => {}
                Err(error @ SecretError::Key(_)) => return vec![error],
                Err(error) => drop(wrong.insert(secret.clone(), error)),
            }
        }
        wrong.into_values().collect()
    }

    /// Returns the certificates that have ended.
    pub fn check_expiry(&self, now: SystemTime) -> Vec<SecretError> {
        let ended = |(name, ends): (&str, SystemTime)| {
            let since = now.duration_since(ends).ok()?;
            let how = self.closure.manifest.secrets.get(name).map(|spec| renewal(name, &spec.kind));
            Some(SecretError::Expired { name: name.to_owned(), how: how.unwrap_or_default(), since })
        };
        certificates(&self.closure.manifest).filter_map(ended).collect()
    }

    /// Reads one part of a secret.
    pub(super) fn read(&self, name: &str, part: Option<&str>) -> Result<Zeroizing<String>, SecretError> {
        let part = part.unwrap_or_default();
        let public = self.closure.manifest.secrets.get(name).and_then(|spec| spec.public.get(part));
        if let Some(value) = public {
            return Ok(Zeroizing::new(value.clone()));
        }
        let mut opened = self.opened.borrow_mut();
        if !opened.contains_key(name) {
            opened.insert(name.to_owned(), self.open(name)?);
        }
        let value = opened.get(name).and_then(|kept| kept.parts.get(part));
        let value =
            value.ok_or_else(|| SecretError::NoPart { name: name.to_owned(), part: part.to_owned() })?;
        Ok(Zeroizing::new(value.clone()))
    }

    /// Puts its name in place of every secret that stands in lines, however a text of ours may have written it. A secret that cannot be
    /// opened here was opened by nobody here, and is not looked for.
    pub fn hide(&self, lines: &mut [String]) {
        if lines.is_empty() {
            return;
        }
        let manifest = &self.closure.manifest;
        for name in manifest.secrets.keys().filter(|name| manifest.opens(name)) {
            let Ok(kept) = self.open(name) else { continue };
            for word in kept.parts.values().flat_map(|it| it.lines()).filter(|it| it.len() >= SHORTEST) {
                for encode in [Encode::Plain, Encode::Url, Encode::Base64, Encode::Quoted] {
                    let word = encoded(word, encode);
                    for line in lines.iter_mut().filter(|line| line.contains(&**word)) {
                        *line = line.replace(&**word, &format!("<{name}>"));
                    }
                }
            }
        }
    }

    fn open(&self, name: &str) -> Result<Kept, SecretError> {
        let not_made = || SecretError::NotMade { name: name.to_owned() };
        let spec = self.closure.manifest.secrets.get(name).ok_or_else(not_made)?;
        let file = self.closure.files.get(&secret_path(name)).ok_or_else(not_made)?;
        let of = |source| SecretError::Open { name: name.to_owned(), source };
        let text = std::str::from_utf8(&file.bytes).map_err(|_| of(OpenError::Damaged))?;
        let opened = open(text, name, spec.version, &spec.id, self.keys()?);
        let opened = opened.and_then(|kept| check_public(&kept, &spec.public).map(|()| kept));
        opened.map_err(|error| match error {
            OpenError::NotForUs { keys, absent } => {
                SecretError::NotForHost { name: name.to_owned(), keys, absent }
            }
            error => of(error),
        })
    }

    fn keys(&self) -> Result<&PrivateKeys, SecretError> {
        if let Some(keys) = self.loaded.get() {
            return Ok(keys);
        }
        let keys = PrivateKeys::load(&self.keys, Ask::Nobody).map_err(SecretError::Key)?;
        Ok(self.loaded.get_or_init(|| keys))
    }
}

/// Returns the certificates among the secrets of a manifest with when they end. One that cannot be read is left out: whoever
/// reads it says so.
pub fn certificates(manifest: &Manifest) -> impl Iterator<Item = (&str, SystemTime)> {
    manifest.secrets.iter().filter_map(|(name, spec)| Some((name.as_str(), expires(&spec.public)?)))
}
