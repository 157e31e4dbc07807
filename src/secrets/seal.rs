//! Encrypting a secret to its readers, and opening it with one of their private keys. The only file that names age.
//!
//! Decides nothing about who reads what, and reads no file but those with private keys that it is given.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::ssh::{self, ParseRecipientKeyError};
use age::{
    Callbacks, DecryptError, Decryptor, EncryptError, Encryptor, Identity, IdentityFile, Recipient, x25519,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit};
use zeroize::Zeroizing;

use super::kept::Kept;
use store::Digest;

/// A public key that secrets can be encrypted to: of SSH (`ssh-ed25519`, `ssh-rsa`) or of age (`age1…`).
#[derive(Clone)]
pub enum PublicKey {
    /// A key of SSH; its text without a comment.
    Ssh(Box<ssh::Recipient>, String),
    /// A key of age.
    Age(x25519::Recipient),
}

/// A text that is no public key.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum KeyError {
    #[error("it is neither a public key of SSH nor one of age")]
    Unknown,
    #[error("keys of the kind {kind} cannot be encrypted to; use ssh-ed25519, ssh-rsa or age")]
    Kind { kind: String },
    #[error("this key of the kind {kind} is broken: it is not as long as one is, or its base64 is wrong")]
    Broken { kind: String },
    #[error("the RSA key is too short or too long: 2048 to 4096 bits are taken")]
    Size,
}

impl PublicKey {
    /// Reads a public key as its file has it.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with("age1") {
            return text.parse().map(Self::Age).map_err(|_| KeyError::Unknown);
        }
        match text.parse::<ssh::Recipient>() {
            Ok(key) => {
                let plain = key.to_string();
                Ok(Self::Ssh(Box::new(key), plain))
            }
            // What cannot be read of a kind that is known is told as if the kind were not.
            Err(ParseRecipientKeyError::Unsupported(kind))
                if ["ssh-ed25519", "ssh-rsa"].contains(&kind.as_str()) =>
            {
                Err(KeyError::Broken { kind })
            }
            Err(ParseRecipientKeyError::Unsupported(kind)) => Err(KeyError::Kind { kind }),
            Err(ParseRecipientKeyError::RsaModulusTooLarge | ParseRecipientKeyError::RsaModulusTooSmall) => {
                Err(KeyError::Size)
            }
            Err(_) => match text.split(' ').next() {
                Some(kind @ ("ssh-ed25519" | "ssh-rsa")) => Err(KeyError::Broken { kind: kind.to_owned() }),
                _ => Err(KeyError::Unknown),
            },
        }
    }

    /// Returns 16 hex digits that name the key.
    pub fn fingerprint(&self) -> String {
        let text = match self {
            Self::Ssh(_, text) => text.clone(),
            Self::Age(key) => key.to_string(),
        };
        Digest::of(text.as_bytes()).as_str()[..16].to_owned()
    }

    /// Returns how age marks what is encrypted to the key: its kind, and of a key of SSH also the first four bytes of the
    /// SHA-256 of the key in base64, see <https://pkg.go.dev/filippo.io/age/agessh>.
    fn mark(&self) -> Mark {
        match self {
            Self::Age(_) => Mark { kind: "X25519".to_owned(), tag: None },
            Self::Ssh(_, text) => {
                let (kind, key) = text.split_once(' ').unwrap_or((text, ""));
                let bytes = STANDARD.decode(key.trim()).unwrap_or_default();
                let sum = Digest::of(&bytes);
                let byte =
                    |idx: usize| u8::from_str_radix(&sum.as_str()[2 * idx..][..2], 16).unwrap_or_default();
                Mark { kind: kind.to_owned(), tag: Some(STANDARD_NO_PAD.encode([0, 1, 2, 3].map(byte))) }
            }
        }
    }

    fn as_recipient(&self) -> &dyn Recipient {
        match self {
            Self::Ssh(key, _) => key.as_ref(),
            Self::Age(key) => key,
        }
    }
}

/// For whom one part of a ciphertext's head is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    kind: String,
    tag: Option<String>,
}

/// A secret could not be encrypted.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SealError {
    #[error("nobody may read it")]
    NoReader,
    #[error("age could not encrypt it")]
    Age(#[source] EncryptError),
    #[error("age could not write what it encrypted")]
    Write(#[source] std::io::Error),
}

/// Encrypts a secret to keys, as text in age's armor.
pub fn seal(kept: &Kept, keys: &[PublicKey]) -> Result<String, SealError> {
    let encryptor = Encryptor::with_recipients(keys.iter().map(PublicKey::as_recipient));
    let encryptor = encryptor.map_err(|error| match error {
        EncryptError::MissingRecipients => SealError::NoReader,
        error => SealError::Age(error),
    })?;
    let mut text = Vec::new();
    let armor = ArmoredWriter::wrap_output(&mut text, Format::AsciiArmor).map_err(SealError::Write)?;
    let mut writer = encryptor.wrap_output(armor).map_err(SealError::Write)?;
    writer.write_all(&kept.to_bytes()).map_err(SealError::Write)?;
    writer.finish().and_then(ArmoredWriter::finish).map_err(SealError::Write)?;
    // The armor is ASCII.
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A ciphertext that was not opened.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum OpenError {
    #[error("it is torn or was edited")]
    Damaged,
    #[error("it is not encrypted to {}{}", keys.join(" or "), and_absent(absent))]
    NotForUs { keys: Vec<String>, absent: Vec<String> },
    #[error("the passphrase does not open the private key")]
    Passphrase,
    #[error("it holds the secret {found}")]
    Another { found: String },
    #[error("its public part `{part}` is not the one it was made with")]
    Public { part: String },
    #[error("it holds something else than a secret")]
    NoSecret,
}

/// Opens a secret, which must be of this name, version and making.
pub fn open(text: &str, name: &str, version: u32, id: &str, keys: &PrivateKeys) -> Result<Kept, OpenError> {
    let decryptor =
        Decryptor::new_buffered(ArmoredReader::new(text.as_bytes())).map_err(|_| OpenError::Damaged)?;
    let mut reader =
        decryptor.decrypt(keys.all.iter().map(|(_, key)| key.as_ref())).map_err(|error| match error {
            DecryptError::NoMatchingKeys => {
                OpenError::NotForUs { keys: keys.names(), absent: keys.absent.clone() }
            }
            DecryptError::KeyDecryptionFailed => OpenError::Passphrase,
            _ => OpenError::Damaged,
        })?;
    let mut bytes = Zeroizing::new(Vec::new());
    reader.read_to_end(&mut bytes).map_err(|_| OpenError::Damaged)?;
    let kept = Kept::parse(&bytes).ok_or(OpenError::NoSecret)?;
    if (kept.name.as_str(), kept.version, kept.id.as_str()) != (name, version, id) {
        let is_other_making = (kept.name.as_str(), kept.version) == (name, version);
        let making = if is_other_making { ", as it was made another time" } else { "" };
        return Err(OpenError::Another {
            found: format!("{} in version {}{making}", kept.name, kept.version),
        });
    }
    Ok(kept)
}

/// Compares parts that lie in the clear with those that were encrypted: whoever may write them cannot encrypt.
pub fn check_public(kept: &Kept, public: &BTreeMap<String, String>) -> Result<(), OpenError> {
    match public.iter().find(|(part, value)| kept.parts.get(*part) != Some(value)) {
        Some((part, _)) => Err(OpenError::Public { part: part.clone() }),
        None => Ok(()),
    }
}

/// Says whether a ciphertext is whole as far as can be told without a key, and is encrypted to exactly these keys.
pub fn is_sealed_to(text: &str, keys: &[PublicKey]) -> Result<bool, OpenError> {
    let mut bytes = Vec::new();
    ArmoredReader::new(text.as_bytes()).read_to_end(&mut bytes).map_err(|_| OpenError::Damaged)?;
    Decryptor::new(bytes.as_slice()).map_err(|_| OpenError::Damaged)?;
    let mut found = marks(&bytes);
    let mut wanted: Vec<Mark> = keys.iter().map(PublicKey::mark).collect();
    found.sort();
    wanted.sort();
    Ok(found == wanted)
}

/// Reads the head of a ciphertext: lines `-> KIND ARGUMENT…` before the line `---`, see <https://age-encryption.org/v1>.
/// What ends with `-grease` is for nobody.
fn marks(bytes: &[u8]) -> Vec<Mark> {
    let lines = bytes.split(|it| *it == b'\n').take_while(|line| !line.starts_with(b"---"));
    let mark = |line: &[u8]| {
        let line = std::str::from_utf8(line).ok()?.strip_prefix("-> ")?;
        let mut words = line.split(' ');
        let kind = words.next().filter(|kind| !kind.ends_with("-grease"))?.to_owned();
        let tag = if kind.starts_with("ssh-") { words.next().map(str::to_owned) } else { None };
        Some(Mark { kind, tag })
    };
    lines.filter_map(mark).collect()
}

/// Private keys, each with the file it is from.
pub struct PrivateKeys {
    all: Vec<(PathBuf, Box<dyn Identity>)>,
    /// Files that are not there, one of which may be the very one that is lacking.
    absent: Vec<String>,
}

/// Says of keys that they are not there, for the end of a clause.
pub(super) fn and_absent(paths: &[String]) -> String {
    match paths {
        [] => String::new(),
        [one] => format!(", and {one} is not there"),
        all => format!(", and {} are not there", all.join(", ")),
    }
}

/// A private key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PrivateKeyError {
    #[error("cannot read the private key {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is no private key of SSH or age", path.display())]
    Unknown { path: PathBuf },
    #[error("the private key {} is of a kind that opens no secrets", path.display())]
    Kind { path: PathBuf },
    #[error("the private key {} has a passphrase, and there is nobody to ask for it", path.display())]
    Locked { path: PathBuf },
    #[error("there is no private key{}", listed(paths))]
    None { paths: Vec<PathBuf> },
}

fn listed(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if names.is_empty() { String::new() } else { format!(" at {}", names.join(" or ")) }
}

/// Says whether somebody can be asked for the passphrase of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// On the terminal.
    Terminal,
    /// Nobody is there.
    Nobody,
}

impl PrivateKeys {
    /// Reads those of these files that are there; none is an error.
    pub fn load(paths: &[PathBuf], ask: Ask) -> Result<Self, PrivateKeyError> {
        keep_out_of_swap();
        let mut all: Vec<(PathBuf, Box<dyn Identity>)> = Vec::new();
        let mut absent = Vec::new();
        for path in paths {
            match File::open(path) {
                Ok(file) => all.extend(read_keys(path, file, ask)?.into_iter().map(|it| (path.clone(), it))),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    absent.push(path.display().to_string());
                }
                Err(source) => return Err(PrivateKeyError::Read { path: path.clone(), source }),
            }
        }
        if all.is_empty() {
            return Err(PrivateKeyError::None { paths: paths.to_owned() });
        }
        Ok(Self { all, absent })
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.all.iter().map(|(path, _)| path.display().to_string()).collect();
        names.dedup();
        names
    }
}

fn read_keys(path: &Path, file: File, ask: Ask) -> Result<Vec<Box<dyn Identity>>, PrivateKeyError> {
    let unknown = || PrivateKeyError::Unknown { path: path.to_owned() };
    let mut text = Zeroizing::new(String::new());
    let read = |source| PrivateKeyError::Read { path: path.to_owned(), source };
    BufReader::new(file).read_to_string(&mut text).map_err(read)?;
    if text.contains("AGE-SECRET-KEY-") {
        let keys = IdentityFile::from_buffer(text.as_bytes()).map_err(|_| unknown())?;
        let keys = keys.into_identities().map_err(|_| unknown())?;
        return Ok(keys.into_iter().map(|key| key as Box<dyn Identity>).collect());
    }
    let name = path.display().to_string();
    match ssh::Identity::from_buffer(text.as_bytes(), Some(name)).map_err(|_| unknown())? {
        ssh::Identity::Unsupported(_) => Err(PrivateKeyError::Kind { path: path.to_owned() }),
        ssh::Identity::Encrypted(_) if ask == Ask::Nobody => {
            Err(PrivateKeyError::Locked { path: path.to_owned() })
        }
        key => Ok(vec![Box::new(key.with_callbacks(AskOnce::default()))]),
    }
}

/// Keeps all memory of this process out of swap from now on, where it may: what is opened comes after this. A process without the right
/// to lock memory goes on without, as the book says.
pub fn keep_out_of_swap() {
    // With a limit, what is allocated later would fail as soon as it is reached.
    let is_limited = getrlimit(Resource::Memlock).current.is_some();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if is_limited && !may_lock_memory(&status) {
        return;
    }
    // Only what was written to: a thread's stack has far more addresses than pages.
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let _as_far_as_it_may = mlockall(flags);
}

/// Says whether a process has the right to lock any memory, CAP_IPC_LOCK, by what the kernel says of it.
fn may_lock_memory(status: &str) -> bool {
    const IPC_LOCK: u32 = 14;
    let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    bits.and_then(|it| u64::from_str_radix(it.trim(), 16).ok()).is_some_and(|it| it >> IPC_LOCK & 1 == 1)
}

/// Asks for a passphrase on the terminal, once in a run: age asks for it again with every reader of every ciphertext.
#[derive(Clone, Default)]
struct AskOnce {
    /// By what was asked.
    known: Arc<Mutex<BTreeMap<String, SecretString>>>,
}

impl Callbacks for AskOnce {
    fn request_passphrase(&self, what: &str) -> Option<SecretString> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(what) {
            // No terminal, or the end of what is typed: as without a passphrase.
            let typed = rpassword::prompt_password(format!("{what}: ")).ok().filter(|it| !it.is_empty())?;
            known.insert(what.to_owned(), SecretString::from(typed));
        }
        known.get(what).cloned()
    }

    // The rest is asked by plugins of age, and none is started.

    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::generate;
    use crate::parts::Parts;
    use store::manifest::SecretKind;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn kept() -> Kept {
        Kept::new("db", 3, "id", Parts::from([(String::new(), "canary".to_owned())]))
    }

    /// A key pair of SSH: the public key, and the private one in a file.
    fn pair(folder: &Path, name: &str) -> Result<(PublicKey, PathBuf), Box<dyn std::error::Error>> {
        let parts = generate(&SecretKind::SshKey, &|_| None)?;
        let path = folder.join(name);
        std::fs::write(&path, &parts["private"])?;
        Ok((PublicKey::parse(&parts["public"])?, path))
    }

    #[test]
    fn a_secret_is_opened_by_each_of_its_readers_and_by_nobody_else() -> Tested {
        let folder = tempfile::tempdir()?;
        let (host, host_file) = pair(folder.path(), "host")?;
        let (_, other_file) = pair(folder.path(), "other")?;
        let operator = age::x25519::Identity::generate();
        let operator_file = folder.path().join("operator");
        std::fs::write(&operator_file, age::secrecy::ExposeSecret::expose_secret(&operator.to_string()))?;
        let readers = [host, PublicKey::parse(&operator.to_public().to_string())?];
        let text = seal(&kept(), &readers)?;
        assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n") && !text.contains("canary"));
        for file in [host_file, operator_file] {
            let keys = PrivateKeys::load(&[file], Ask::Nobody)?;
            assert!(open(&text, "db", 3, "id", &keys).is_ok_and(|it| it == kept()));
            assert!(matches!(open(&text, "db", 4, "id", &keys), Err(OpenError::Another { .. })));
            assert!(matches!(open(&text, "dc", 3, "id", &keys), Err(OpenError::Another { .. })));
            assert!(matches!(open(&text, "db", 3, "di", &keys), Err(OpenError::Another { .. })));
        }
        let gone = folder.path().join("gone");
        let keys = PrivateKeys::load(&[gone, other_file], Ask::Nobody)?;
        let error = open(&text, "db", 3, "id", &keys).map(drop);
        assert!(error.is_err_and(|it| it.to_string().ends_with("/gone is not there")));
        Ok(())
    }

    #[test]
    fn the_head_of_a_ciphertext_says_for_whom_it_is() -> Tested {
        let folder = tempfile::tempdir()?;
        let (a, b) = (pair(folder.path(), "a")?.0, pair(folder.path(), "b")?.0);
        let text = seal(&kept(), &[a.clone(), b.clone()])?;
        assert!(is_sealed_to(&text, &[b.clone(), a.clone()])?);
        assert!(!is_sealed_to(&text, std::slice::from_ref(&a))?);
        assert!(!is_sealed_to(&text, &[a.clone(), a.clone()])?);
        for n in [10, text.len() / 2, text.len() - 10] {
            assert!(
                matches!(is_sealed_to(&text[..n], &[a.clone(), b.clone()]), Err(OpenError::Damaged)),
                "{n}"
            );
        }
        Ok(())
    }

    #[test]
    fn no_edit_of_a_ciphertext_opens_as_something_else() -> Tested {
        let folder = tempfile::tempdir()?;
        let (key, file) = pair(folder.path(), "key")?;
        let text = seal(&kept(), &[key])?;
        let keys = PrivateKeys::load(&[file], Ask::Nobody)?;
        for at in 0..text.len() {
            let mut edited = text.clone().into_bytes();
            edited[at] = if edited[at] == b'A' { b'B' } else { b'A' };
            let opened = open(&String::from_utf8_lossy(&edited), "db", 3, "id", &keys);
            assert!(opened.is_err() || opened.is_ok_and(|it| it == kept()), "{at}");
        }
        Ok(())
    }

    #[test]
    fn a_public_part_that_was_edited_is_found_out() {
        let parts = |value: &str| {
            Parts::from([("key".to_owned(), "k".to_owned()), ("public".to_owned(), value.to_owned())])
        };
        let kept = Kept::new("pair", 1, "id", parts("p"));
        let public = |value: &str| Parts::from([("public".to_owned(), value.to_owned())]);
        assert!(check_public(&kept, &public("p")).is_ok() && check_public(&kept, &Parts::new()).is_ok());
        assert!(
            matches!(check_public(&kept, &public("q")), Err(OpenError::Public { part }) if part == "public")
        );
        let more = Parts::from([("certificate".to_owned(), "c".to_owned())]);
        assert!(check_public(&kept, &more).is_err());
    }

    #[test]
    fn another_making_of_a_secret_is_told_from_another_version() -> Tested {
        let folder = tempfile::tempdir()?;
        let (key, file) = pair(folder.path(), "key")?;
        let (text, keys) = (seal(&kept(), &[key])?, PrivateKeys::load(&[file], Ask::Nobody)?);
        let told = |name, version, id| open(&text, name, version, id, &keys).err().map(|it| it.to_string());
        assert_eq!(told("db", 4, "id").as_deref(), Some("it holds the secret db in version 3"));
        let other = "it holds the secret db in version 3, as it was made another time";
        assert_eq!(told("db", 3, "di").as_deref(), Some(other));
        Ok(())
    }

    #[test]
    fn one_key_may_be_that_of_two_readers() -> Tested {
        let folder = tempfile::tempdir()?;
        let (key, file) = pair(folder.path(), "key")?;
        let text = seal(&kept(), &[key.clone(), key.clone()])?;
        assert!(is_sealed_to(&text, &[key.clone(), key.clone()])? && !is_sealed_to(&text, &[key])?);
        assert!(open(&text, "db", 3, "id", &PrivateKeys::load(&[file], Ask::Nobody)?).is_ok());
        Ok(())
    }

    #[test]
    fn what_is_no_key_is_named() -> Tested {
        let folder = tempfile::tempdir()?;
        assert!(matches!(
            PublicKey::parse("ecdsa-sha2-nistp256 AAAA"),
            Err(KeyError::Kind { .. } | KeyError::Unknown)
        ));
        assert!(matches!(PublicKey::parse("age1nothing"), Err(KeyError::Unknown)));
        let path = folder.path().join("text");
        let load = |path: &Path| PrivateKeys::load(&[path.to_owned()], Ask::Nobody);
        assert!(matches!(load(&path), Err(PrivateKeyError::None { .. })));
        std::fs::write(&path, "no key\n")?;
        assert!(matches!(load(&path), Err(PrivateKeyError::Unknown { .. })));
        assert!(matches!(load(folder.path()), Err(PrivateKeyError::Read { .. })));
        Ok(())
    }
}
