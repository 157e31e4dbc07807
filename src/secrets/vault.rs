//! The secrets of closures on their host: ciphertext of a closure, opened with the host's own key when it is asked for.
//!
//! Keeps what it opened in memory until it is dropped, and writes nothing.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use super::deliver::{encoded, escaped};
use super::generate::expires;
use super::kept::Kept;
use super::seal::{Ask, OpenError, PrivateKeyError, PrivateKeys, and_absent, check_public, open};
use store::closure::secret_path;
use store::files::FileError;
use store::manifest::{Encode, FolderFile, Hole, SecretKind};
use store::written::unfit;
use store::{Closure, Digest, Manifest};

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
        "{} not made before this was built; run `kolla-lang secrets generate`, then build again",
        subject(names, "was", "were")
    )]
    NotMade { names: Vec<String> },
    #[error(
        "{} not encrypted to a key of this host, {}{}; name the public one in `hosts.<name>.ssh.key`, run `kolla-lang secrets rekey`, \
         and build again",
        subject(names, "is", "are"),
        keys.join(" or "),
        and_absent(absent)
    )]
    NotForHost { names: Vec<String>, keys: Vec<String>, absent: Vec<String> },
    #[error(
        "the certificate of the secret `{name}` ended {} ago, by the clock of this host; run `kolla-lang secrets {how}`, \
         and build again",
        days(*since)
    )]
    Expired { name: String, how: String, since: Duration },
    #[error("the secret `{name}` {why}; run `kolla-lang secrets edit {name}`, and build again")]
    Unfit { name: String, why: String },
}

/// Says how a certificate is renewed: what comes after `kolla-lang secrets`.
pub fn renewal(name: &str, kind: &SecretKind) -> String {
    if kind.is_given() { format!("edit {name} --from …") } else { format!("rotate {name}") }
}

/// Names secrets as the subject of a clause, with its verb.
fn subject(names: &[String], is: &str, are: &str) -> String {
    match names {
        [name] => format!("the secret `{name}` {is}"),
        all => format!("the secrets `{}` {are}", all.join("`, `")),
    }
}

/// Puts reports together that have one cause, each in the place of the first.
pub fn merged(errors: Vec<SecretError>) -> Vec<SecretError> {
    use SecretError::{NotForHost, NotMade};
    let mut all: Vec<SecretError> = Vec::new();
    for error in errors {
        let same = all.iter_mut().find_map(|it| match (it, &error) {
            (NotMade { names }, NotMade { names: more }) => Some((names, more)),
            (
                NotForHost { names, keys, absent },
                NotForHost { names: more, keys: its_keys, absent: its_absent },
            ) if (&*keys, &*absent) == (its_keys, its_absent) => Some((names, more)),
            _ => None,
        });
        match same {
            Some((names, more)) => {
                names.extend(more.iter().filter(|it| !names.contains(it)).cloned().collect::<Vec<_>>())
            }
            None => all.push(error),
        }
    }
    all
}

/// A time in days.
pub fn days(time: Duration) -> String {
    match time.as_secs() / (24 * 3600) {
        0 => "less than a day".to_owned(),
        1 => "a day".to_owned(),
        n => format!("{n} days"),
    }
}

/// Opens the secrets of closures, each once: a making that two closures carry with one text is opened once for both.
pub struct Vault {
    /// Where the host's private keys may lie.
    keys: Vec<PathBuf>,
    loaded: OnceCell<PrivateKeys>,
    /// By the ciphertext and what it was asked to be.
    opened: RefCell<BTreeMap<Digest, Kept>>,
}

impl Vault {
    /// Names the files of the host's private keys. Nothing is read before a secret is asked for.
    pub fn new(keys: Vec<PathBuf>) -> Self {
        Self { keys, loaded: OnceCell::new(), opened: RefCell::default() }
    }

    /// Opens every secret of a closure that a hole names or that the host may read without one, and returns what is wrong, once for each
    /// cause.
    pub fn check(&self, closure: &Closure) -> Vec<SecretError> {
        let mut wrong = BTreeMap::new();
        for (FolderFile { name: file, format, .. }, hole @ Hole { secret, part, .. }) in holes_of(closure) {
            if wrong.contains_key(secret) {
                continue;
            }
            match self.read(closure, secret, part.as_deref()) {
                Ok(value) => {
                    let unfit = unfit(&format!("`{file}`"), *format, hole, &value);
                    wrong.extend(unfit.map(|why| {
                        let name = secret.clone();
                        (secret.clone(), SecretError::Unfit { name, why })
                    }));
                }
                Err(error @ SecretError::Key(_)) => return vec![error],
                Err(error) => drop(wrong.insert(secret.clone(), error)),
            }
        }
        let named: BTreeSet<&String> = holes_of(closure).map(|(_, hole)| &hole.secret).collect();
        for name in closure.manifest.secrets.keys().filter(|name| !named.contains(name)) {
            match self.with_opened(closure, name, |_| ()) {
                Ok(()) => {}
                Err(error @ SecretError::Key(_)) => return vec![error],
                Err(error) => drop(wrong.insert(name.clone(), error)),
            }
        }
        merged(wrong.into_values().collect())
    }

    /// Reads one part of a secret.
    pub fn read(
        &self,
        closure: &Closure,
        name: &str,
        part: Option<&str>,
    ) -> Result<Zeroizing<String>, SecretError> {
        let part = part.unwrap_or_default();
        let public = closure.manifest.secrets.get(name).and_then(|spec| spec.public.get(part));
        if let Some(value) = public {
            return Ok(Zeroizing::new(value.clone()));
        }
        let no_part = || SecretError::NoPart { name: name.to_owned(), part: part.to_owned() };
        self.with_opened(closure, name, |kept| kept.parts.get(part).cloned().map(Zeroizing::new))?
            .ok_or_else(no_part)
    }

    /// Puts its name in place of every secret of closures that stands in lines, however a text of ours may have written it. A secret
    /// that cannot be opened here was opened by nobody here, and is not looked for.
    pub fn hide(&self, closures: &[&Closure], lines: &mut [String]) {
        if lines.is_empty() {
            return;
        }
        for closure in closures {
            for name in closure.manifest.opened() {
                let encodes = encodes(closure, name);
                // What cannot be opened is not looked for, as said above.
                let _unopened =
                    self.with_opened(closure, name, |kept| hide_parts(name, kept, &encodes, lines));
            }
        }
    }

    /// Hands a secret to whoever wants to read it.
    fn with_opened<T>(
        &self,
        closure: &Closure,
        name: &str,
        read: impl FnOnce(&Kept) -> T,
    ) -> Result<T, SecretError> {
        let not_made = || SecretError::NotMade { names: vec![name.to_owned()] };
        let spec = closure.manifest.secrets.get(name).ok_or_else(not_made)?;
        let file = closure.files.get(&secret_path(name)).ok_or_else(not_made)?;
        let of = |error| match error {
            OpenError::NotForUs { keys, absent } => {
                // A host has one key or the other. Only one that would have been taken first may be the one that is lacking.
                let first = self.keys.iter().map(|it| it.display().to_string());
                let absent = first.take_while(|it| absent.contains(it)).collect();
                SecretError::NotForHost { names: vec![name.to_owned()], keys, absent }
            }
            source => SecretError::Open { name: name.to_owned(), source },
        };
        let text = std::str::from_utf8(&file.bytes).map_err(|_| of(OpenError::Damaged))?;
        let asked = Digest::of(format!("{name}\n{} {}\n{text}", spec.version, spec.id).as_bytes());
        let mut opened = self.opened.borrow_mut();
        if !opened.contains_key(&asked) {
            let kept = open(text, name, spec.version, &spec.id, self.keys()?).map_err(of)?;
            opened.insert(asked.clone(), kept);
        }
        let Some(kept) = opened.get(&asked) else { return Err(of(OpenError::Damaged)) };
        check_public(kept, &spec.public).map_err(of)?;
        Ok(read(kept))
    }

    fn keys(&self) -> Result<&PrivateKeys, SecretError> {
        if let Some(keys) = self.loaded.get() {
            return Ok(keys);
        }
        let keys = PrivateKeys::load(&self.keys, Ask::Nobody).map_err(SecretError::Key)?;
        Ok(self.loaded.get_or_init(|| keys))
    }
}

/// All holes of a closure, with their files.
fn holes_of(closure: &Closure) -> impl Iterator<Item = (&FolderFile, &Hole)> {
    let files = closure.manifest.folders.iter().flat_map(|folder| &folder.files);
    files.flat_map(|file| file.holes.iter().map(move |hole| (file, hole)))
}

/// The ways in which a closure's texts may have a secret: those of their holes, and those that need no hole.
fn encodes(closure: &Closure, name: &str) -> BTreeSet<(Encode, BTreeMap<char, String>)> {
    let holes = closure.manifest.folders.iter().flat_map(|it| &it.files).flat_map(|it| &it.holes);
    let of_holes = holes.filter(|it| it.secret == name).map(|it| (it.encode.clone(), it.escapes.clone()));
    let others = [Encode::Plain, Encode::Url, Encode::Base64, Encode::Quoted];
    of_holes.chain(others.map(|it| (it, BTreeMap::new()))).collect()
}

/// Puts a secret's name in place of each of its parts in lines.
fn hide_parts(
    name: &str,
    kept: &Kept,
    encodes: &BTreeSet<(Encode, BTreeMap<char, String>)>,
    lines: &mut [String],
) {
    for word in kept.parts.values().flat_map(|it| it.lines()).filter(|it| it.len() >= SHORTEST) {
        for (encode, escapes) in encodes {
            let word = escaped(&encoded(word, encode), escapes);
            for line in lines.iter_mut().filter(|line| line.contains(&**word)) {
                *line = line.replace(&**word, &format!("<{name}>"));
            }
        }
    }
}

/// Returns the certificates of a manifest that have ended.
pub fn check_expiry(manifest: &Manifest, now: SystemTime) -> Vec<SecretError> {
    let ended = |(name, ends): (&str, SystemTime)| {
        let since = now.duration_since(ends).ok()?;
        let how = manifest.secrets.get(name).map(|spec| renewal(name, &spec.kind));
        Some(SecretError::Expired { name: name.to_owned(), how: how.unwrap_or_default(), since })
    };
    certificates(manifest).filter_map(ended).collect()
}

/// Returns the certificates among the secrets of a manifest with when they end. One that cannot be read is left out: whoever
/// reads it says so.
pub fn certificates(manifest: &Manifest) -> impl Iterator<Item = (&str, SystemTime)> {
    manifest.secrets.iter().filter_map(|(name, spec)| Some((name.as_str(), expires(&spec.public)?)))
}
