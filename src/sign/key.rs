//! Public keys of operators that can sign: Ed25519 keys of SSH.

use serde::{Deserialize, Serialize};
use ssh_key::{Algorithm, HashAlg, PublicKey, SshSig};

/// A public key whose signatures count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SigningKey {
    key: PublicKey,
    line: String,
}

impl SigningKey {
    /// Reads a line of a `.pub` file; nothing if it is no Ed25519 key of SSH. Its comment is dropped.
    pub fn parse(line: &str) -> Option<Self> {
        let mut key: PublicKey = line.trim().parse().ok()?;
        if key.algorithm() != Algorithm::Ed25519 {
            return None;
        }
        key.set_comment("");
        let line = key.to_openssh().ok()?;
        Some(Self { key, line: line.trim().to_owned() })
    }

    /// Returns the line of a `.pub` file, without a comment.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Returns what `ssh-keygen -l` calls it, `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Whether a text was signed with it.
    pub fn has_signed(&self, namespace: &str, text: &[u8], signature: &SshSig) -> bool {
        self.key.verify(namespace, text, signature).is_ok()
    }
}

impl From<SigningKey> for String {
    fn from(key: SigningKey) -> Self {
        key.line
    }
}

impl TryFrom<String> for SigningKey {
    type Error = &'static str;

    fn try_from(line: String) -> Result<Self, Self::Error> {
        Self::parse(&line).ok_or("no Ed25519 key of SSH")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ed25519_signs_and_a_comment_makes_no_other_key() {
        let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOzY5bPL5TSXg9HeBNmu3VDgjtlIi2GPR3tikzCU6cGR";
        let key = SigningKey::parse(line);
        assert!(key.is_some());
        assert_eq!(SigningKey::parse(&format!(" {line} ada@desk \n")), key);
        assert_eq!(SigningKey::parse("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"), None);
    }
}
