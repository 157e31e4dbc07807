//! What secrets are, as a manifest names them, and which parts each of them has.
//!
//! Holds no value of any secret.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Says what a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum SecretKind {
    /// Random characters.
    Password {
        /// How many.
        length: u32,
        /// Which.
        #[serde(default, skip_serializing_if = "Alphabet::is_usual")]
        alphabet: Alphabet,
    },
    /// Random characters and their bcrypt hash.
    Bcrypt {
        /// How many.
        length: u32,
        /// Which.
        #[serde(default, skip_serializing_if = "Alphabet::is_usual")]
        alphabet: Alphabet,
    },
    /// A random UUID.
    Uuid,
    /// An Ed25519 key pair.
    SshKey,
    /// Fernet keys.
    Fernet {
        /// How many.
        count: u32,
    },
    /// A key of a Ceph keyring.
    Keyring,
    /// A certificate authority.
    Authority {
        /// What it calls itself: the common name.
        subject: String,
        /// Seconds for which it is good.
        valid_secs: u64,
    },
    /// A certificate of a server.
    Certificate {
        /// The secret with its authority; none of one that is given and not made. A host that reads the certificate need not have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authority: Option<String>,
        /// Its names in the DNS.
        #[serde(default)]
        names: Vec<String>,
        /// Its addresses.
        #[serde(default)]
        addresses: Vec<IpAddr>,
        /// Seconds for which it is good.
        valid_secs: u64,
    },
}

/// Says which characters a password is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alphabet {
    /// Letters and digits of ASCII.
    #[default]
    Alphanumeric,
    /// Letters of ASCII.
    Letters,
    /// `0` to `9` and `a` to `f`.
    Hex,
    /// Everything of ASCII from `!` to `~`.
    Printable,
}

impl Alphabet {
    fn is_usual(&self) -> bool {
        *self == Alphabet::default()
    }
}

/// Says how the parts of a secret are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartNames {
    /// There is one part, and it has no name.
    Whole,
    /// These.
    Named(&'static [&'static str]),
    /// As many as this, by number from 0.
    Numbered(u32),
}

impl SecretKind {
    /// Returns how the parts of such a secret are called.
    pub fn parts(&self) -> PartNames {
        match self {
            SecretKind::Password { .. } | SecretKind::Uuid | SecretKind::Keyring => PartNames::Whole,
            SecretKind::Bcrypt { .. } => PartNames::Named(&["password", "hash"]),
            SecretKind::SshKey => PartNames::Named(&["private", "public"]),
            SecretKind::Fernet { count } => PartNames::Numbered(*count),
            SecretKind::Authority { .. } => PartNames::Named(&["key", "certificate"]),
            SecretKind::Certificate { .. } => PartNames::Named(&["key", "certificate", "authority"]),
        }
    }
}

impl SecretKind {
    /// Says whether it is never made, but given by an operator.
    pub fn is_given(&self) -> bool {
        matches!(self, SecretKind::Certificate { authority: None, .. })
    }

    /// Says whether a part of it is a text of several lines, as PEM is.
    pub fn has_lines(&self, part: &str) -> bool {
        match self {
            SecretKind::SshKey => part == "private",
            SecretKind::Authority { .. } | SecretKind::Certificate { .. } => true,
            SecretKind::Password { .. }
            | SecretKind::Bcrypt { .. }
            | SecretKind::Uuid
            | SecretKind::Fernet { .. }
            | SecretKind::Keyring => false,
        }
    }

    /// Says whether a part of it is no secret: what a key pair shows, and certificates.
    pub fn is_public(&self, part: &str) -> bool {
        match self {
            SecretKind::SshKey => part == "public",
            SecretKind::Authority { .. } | SecretKind::Certificate { .. } => part != "key",
            SecretKind::Password { .. }
            | SecretKind::Bcrypt { .. }
            | SecretKind::Uuid
            | SecretKind::Fernet { .. }
            | SecretKind::Keyring => false,
        }
    }
}

impl PartNames {
    /// Returns the names in order; none for what has only one part without a name.
    pub fn names(self) -> Vec<String> {
        match self {
            PartNames::Whole => Vec::new(),
            PartNames::Named(names) => names.iter().map(ToString::to_string).collect(),
            PartNames::Numbered(count) => (0..count).map(|idx| idx.to_string()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::manifest::SecretSpec;

    /// Every form that a manifest ever had.
    #[test]
    fn old_forms_are_read() {
        let read = |text: &str| -> SecretSpec {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        let usual = SecretKind::Password { length: 40, alphabet: Alphabet::Alphanumeric };
        let text = r#"{"kind":"password","length":40,"version":1}"#;
        assert_eq!(
            read(text),
            SecretSpec { kind: usual, version: 1, id: String::new(), public: BTreeMap::new(), due: None }
        );
        assert_eq!(serde_json::to_string(&read(text)).ok().as_deref(), Some(text));
        assert_eq!(read(r#"{"kind":"ssh-key","version":2}"#).kind, SecretKind::SshKey);
        assert_eq!(read(r#"{"kind":"fernet","count":3,"version":1}"#).kind, SecretKind::Fernet { count: 3 });
    }

    #[test]
    fn a_certificate_comes_back_as_it_was_written() {
        let kind = SecretKind::Certificate {
            authority: Some("site/ca".into()),
            names: vec!["a.example".into()],
            addresses: vec![IpAddr::from([10, 0, 0, 1]), IpAddr::from([0u16, 0, 0, 0, 0, 0, 0, 1])],
            valid_secs: 3600,
        };
        let spec = SecretSpec { kind, version: 1, id: String::new(), public: BTreeMap::new(), due: None };
        let text = serde_json::to_string(&spec).unwrap_or_default();
        assert_eq!(serde_json::from_str::<SecretSpec>(&text).ok(), Some(spec), "{text}");
        // One that is given has no authority, and the version before read none without.
        let given =
            r#"{"kind":"certificate","names":["a.example"],"addresses":[],"valid_secs":3600,"version":1}"#;
        let spec: Result<SecretSpec, _> = serde_json::from_str(given);
        assert!(spec.as_ref().is_ok_and(|it| it.kind.is_given()), "{spec:?}");
        assert_eq!(spec.ok().and_then(|it| serde_json::to_string(&it).ok()).as_deref(), Some(given));
    }
}
