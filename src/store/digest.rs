//! Names for content: SHA-256 in hex, of bytes and of records made of fields.
//!
//! Knows no file and no format; what goes into a digest is decided by whoever computes it.

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::hex;

/// How much of what is read is in memory at once, in bytes.
const PIECE: usize = 1 << 16;

/// Names content by its SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// Returns the digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(&sha2::Sha256::digest(bytes)))
    }

    /// Returns the digest of all that can be read, which is not kept.
    pub fn of_reader(mut from: impl io::Read) -> io::Result<Self> {
        let mut hasher = sha2::Sha256::new();
        let mut piece = vec![0; PIECE];
        loop {
            match from.read(&mut piece) {
                Ok(0) => break,
                Ok(n_read) => hasher.update(&piece[..n_read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self(hex::encode(&hasher.finalize())))
    }

    /// Returns the digest of nothing, which is known.
    pub fn of_nothing() -> Self {
        Self("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned())
    }

    /// Returns all 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first twelve digits, enough for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        let digits = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
        if text.len() == 64 && text.bytes().all(digits) { Ok(Self(text)) } else { Err(NotADigest) }
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        Self::try_from(text.to_owned())
    }
}

/// A text that should have been a digest and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: 64 hexadecimal digits are expected")]
pub struct NotADigest;

/// Computes the digest of a record, field by field.
///
/// Every field goes in with its length before it, so `["ab", "c"]` and `["a", "bc"]` differ.
#[derive(Debug, Clone, Default)]
pub struct Hasher(sha2::Sha256);

impl Hasher {
    /// Starts a record; its kind keeps records of different kinds apart.
    pub fn new(kind: &str) -> Self {
        let mut hasher = Self::default();
        hasher.field(kind);
        hasher
    }

    /// Adds one field.
    pub fn field(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds one number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(number.to_le_bytes());
        self
    }

    /// Returns the digest of all fields so far.
    pub fn finish(&self) -> Digest {
        Digest(hex::encode(&self.0.clone().finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        assert_eq!(Digest::of(b"").short(), "e3b0c44298fc");
        assert_eq!(Digest::of(b""), Digest::of_nothing());
        assert_eq!(Digest::of_reader(&b"ab"[..]).ok(), Some(Digest::of(b"ab")));
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let of = |fields: &[&str]| {
            let mut hasher = Hasher::new("test");
            fields.iter().for_each(|field| {
                hasher.field(field);
            });
            hasher.finish()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }

    #[test]
    fn only_64_hexadecimal_digits_are_a_digest() {
        assert!("e3b0".parse::<Digest>().is_err());
        assert!("X".repeat(64).parse::<Digest>().is_err());
        assert!("a".repeat(64).parse::<Digest>().is_ok());
    }
}
