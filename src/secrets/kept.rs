//! A secret as it lies inside its ciphertext: which one it is, in which version, and its parts.
//!
//! Encrypts nothing. The name and the version stand inside so that an entry put in another's place is found out.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::generate::Parts;

/// The version of this form.
const FORM: u32 = 1;

/// A secret in the clear. Its parts are wiped when it is dropped, and it says nothing of its value when it is printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The version of this form, 1.
    form: u32,
    /// The secret's name.
    pub name: String,
    /// Counts its rotations, from 1.
    pub version: u32,
    /// Names this making of it among all that ever were.
    pub id: String,
    /// All its parts by name, also those that lie in the clear beside it, so that nobody can exchange them; the only part of
    /// a secret without parts has the empty name.
    pub parts: Parts,
}

impl Kept {
    /// Puts a secret together.
    pub fn new(name: impl Into<String>, version: u32, id: impl Into<String>, parts: Parts) -> Self {
        Self { form: FORM, name: name.into(), version, id: id.into(), parts }
    }

    /// Returns what is encrypted.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Room for all of it from the start: what grows would leave copies of the secret behind. No character takes more than six.
        let n_bytes: usize = self.parts.iter().map(|(part, value)| 6 * (part.len() + value.len()) + 8).sum();
        let head = 6 * (self.name.len() + self.id.len()) + 128;
        let mut bytes = Zeroizing::new(Vec::with_capacity(n_bytes + head));
        // Writing plain structs with text keys into memory cannot fail.
        let _written = serde_json::to_writer(&mut *bytes, self);
        bytes
    }

    /// Reads what was decrypted; nothing if it is no secret of this form.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|it: &Self| it.form == FORM)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the secret {} in version {}", self.name, self.version)
    }
}
