//! Makes new secrets of each kind from the kernel's random numbers.
//!
//! Stores nothing.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ssh_key::{Algorithm, LineEnding, PrivateKey, rand_core::OsRng};

use crate::store::manifest::SecretKind;

/// The parts of a secret by name; the only part of a secret without parts has the empty name.
pub type Parts = BTreeMap<String, String>;

/// Why no secret could be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum GenerateError {
    #[error("the kernel gives no random numbers")]
    Random(#[source] getrandom::Error),
    #[error("cannot make a key pair")]
    KeyPair(#[source] ssh_key::Error),
}

/// Makes a new secret.
pub fn generate(kind: SecretKind) -> Result<Parts, GenerateError> {
    let whole = |text: String| Parts::from([(String::new(), text)]);
    Ok(match kind {
        SecretKind::Password { length } => whole(password(length)?),
        SecretKind::Uuid => whole(uuid::Builder::from_random_bytes(random()?).into_uuid().to_string()),
        SecretKind::SshKey => key_pair()?,
        SecretKind::Fernet { count } => fernet_keys(count)?,
        SecretKind::Keyring => {
            whole(ceph_key(std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs(), random()?))
        }
    })
}

/// Makes the next secret of one that is in use. A set of fernet keys turns: the staged key, 0, becomes the one that signs, as all
/// readers have had it since the last turn; the oldest key goes. See Keystone's guide on fernet tokens.
pub fn next(kind: SecretKind, last: &Parts) -> Result<Parts, GenerateError> {
    let SecretKind::Fernet { count } = kind else { return generate(kind) };
    // From the staged key, 0, over the oldest, 1, to the one that signs, the last.
    let mut keys: Vec<(u32, &String)> =
        last.iter().filter_map(|(idx, key)| Some((idx.parse().ok()?, key))).collect();
    keys.sort();
    let staged = 1.min(keys.len());
    keys.rotate_left(staged);
    let kept = keys.len().min(count.saturating_sub(1) as usize);
    let mut parts = generate(SecretKind::Fernet { count: count - kept as u32 })?;
    // What was generated beyond the staged one stands in for older keys that never were.
    for (idx, (_, key)) in keys[keys.len() - kept..].iter().enumerate() {
        parts.insert((count as usize - kept + idx).to_string(), (*key).clone());
    }
    Ok(parts)
}

/// Makes letters and digits, each as likely as any other.
fn password(length: u32) -> Result<String, GenerateError> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::new();
    while text.len() < length as usize {
        // A byte of 248 and more is thrown away: 248 is the largest multiple of 62 in a byte.
        let bytes: [u8; 64] = random()?;
        let letters =
            bytes.iter().filter(|it| **it < 248).map(|it| char::from(LETTERS[usize::from(it % 62)]));
        text.extend(letters.take(length as usize - text.len()));
    }
    Ok(text)
}

fn key_pair() -> Result<Parts, GenerateError> {
    let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(GenerateError::KeyPair)?;
    let private = key.to_openssh(LineEnding::LF).map_err(GenerateError::KeyPair)?;
    let public = key.public_key().to_openssh().map_err(GenerateError::KeyPair)?;
    Ok(Parts::from([("private".to_owned(), private.to_string()), ("public".to_owned(), public)]))
}

/// Makes Fernet keys: 32 random bytes each, in the base64 of URLs.
fn fernet_keys(count: u32) -> Result<Parts, GenerateError> {
    (0..count).map(|idx| Ok((idx.to_string(), URL_SAFE.encode(random::<32>()?)))).collect()
}

/// Writes a key as Ceph does: its type (1, AES), the time it was made in seconds and nanoseconds, its length, itself.
fn ceph_key(now_secs: u64, key: [u8; 16]) -> String {
    let mut bytes = Vec::from(1u16.to_le_bytes());
    bytes.extend(u32::try_from(now_secs).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend(16u16.to_le_bytes());
    bytes.extend(key);
    STANDARD.encode(bytes)
}

/// Makes a name for one making of a secret: 16 hex digits.
pub fn new_id() -> Result<String, GenerateError> {
    Ok(format!("{:016x}", u64::from_be_bytes(random()?)))
}

fn random<const N: usize>() -> Result<[u8; N], GenerateError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(GenerateError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(kind: SecretKind) -> Parts {
        generate(kind).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_password_has_its_length_and_is_never_the_same() {
        let (a, b) = (make(SecretKind::Password { length: 40 }), make(SecretKind::Password { length: 40 }));
        assert!(a[""].len() == 40 && a[""].bytes().all(|it| it.is_ascii_alphanumeric()) && a != b);
        assert_eq!(make(SecretKind::Password { length: 500 })[""].len(), 500);
    }

    #[test]
    fn a_set_of_fernet_keys_turns_so_that_the_staged_one_signs() {
        let kind = SecretKind::Fernet { count: 3 };
        let first = make(kind);
        let second = next(kind, &first).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            second["2"] == first["0"]
                && second["1"] == first["2"]
                && !first.values().any(|it| *it == second["0"])
        );
        let longer = next(SecretKind::Fernet { count: 5 }, &second).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            longer.len() == 5
                && longer["4"] == second["0"]
                && longer["3"] == second["2"]
                && longer["2"] == second["1"]
        );
        let shorter =
            next(SecretKind::Fernet { count: 2 }, &longer).unwrap_or_else(|error| panic!("{error}"));
        assert!(shorter.len() == 2 && shorter["1"] == longer["0"]);
    }

    #[test]
    fn each_kind_has_the_form_its_readers_expect() {
        let keys = make(SecretKind::Fernet { count: 3 });
        assert!(keys.len() == 3 && keys["2"].len() == 44 && keys["2"].ends_with('='));
        assert_eq!(make(SecretKind::Uuid)[""].len(), 36);
        assert!(make(SecretKind::Keyring)[""].starts_with("AQ") && make(SecretKind::Keyring)[""].len() == 40);
        let pair = make(SecretKind::SshKey);
        assert!(pair["private"].starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        assert!(pair["public"].starts_with("ssh-ed25519 "));
    }
}
