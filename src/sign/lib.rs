//! Signatures by operators of closures and of saved plans, as `ssh-keygen -Y sign` makes them (SSHSIG): what is signed, by whom, and
//! whether it is.
//!
//! Keeps no key and knows no host's state.

mod agent;
pub mod key;

use serde::{Deserialize, Serialize};
use ssh_key::{LineEnding, SshSig};

use key::SigningKey;
use store::Digest;

pub use agent::{SignError, Signer};

/// The longest text of a signature that is read. One of Ed25519 has less than 400 characters.
const LONGEST: usize = 4096;

/// What an operator signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The cloud.
    pub cloud: &'a str,
    /// What of it.
    pub subject: Subject<'a>,
    /// Grows from one signature to the next: seconds since 1970.
    pub counter: u64,
}

/// What of a cloud is signed. Each kind has a namespace of its own, so that a signature of another purpose counts for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// That a host may become a closure.
    Closure {
        /// The host.
        host: &'a str,
        /// The digest of the closure.
        closure: &'a Digest,
    },
    /// That a saved plan may be carried out.
    Plan {
        /// The digest of the plan's text without its signature.
        plan: &'a Digest,
    },
}

impl Subject<'_> {
    /// Returns what signatures of it are for, as `ssh-keygen -Y sign -n` takes it.
    pub fn namespace(&self) -> &'static str {
        match self {
            Self::Closure { .. } => "closure@kolla-lang",
            Self::Plan { .. } => "plan@kolla-lang",
        }
    }
}

impl Statement<'_> {
    /// Returns the one text of it. Names of clouds and hosts have no white space.
    pub fn to_text(&self) -> String {
        let Self { cloud, subject, counter } = self;
        match subject {
            Subject::Closure { host, closure } => format!(
                "kolla-lang closure 1\ncloud {cloud}\nhost {host}\nclosure {closure}\ncounter {counter}\n"
            ),
            Subject::Plan { plan } => {
                format!("kolla-lang plan 1\ncloud {cloud}\nplan {plan}\ncounter {counter}\n")
            }
        }
    }
}

/// A signature with its counter, as it is brought to a host. What else is signed the host knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signed {
    /// See [`Statement::counter`].
    pub counter: u64,
    /// In the armor of OpenSSH.
    armor: String,
}

/// A text that is no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no signature with its counter")]
pub struct NotSigned;

impl Signed {
    /// Puts a signature and its counter together, if it is one.
    pub fn new(counter: u64, armor: &str) -> Result<Self, NotSigned> {
        let armor = armor.trim();
        if armor.len() > LONGEST {
            return Err(NotSigned);
        }
        // Its reader does not mind some lengths; a signature is written in one way only.
        let signature: SshSig = armor.parse().map_err(|_| NotSigned)?;
        let written = signature.to_pem(LineEnding::LF).map_err(|_| NotSigned)?;
        let letters = |it: &str| it.chars().filter(|it| !it.is_whitespace()).collect::<String>();
        if letters(&written) != letters(armor) {
            return Err(NotSigned);
        }
        Ok(Self { counter, armor: armor.to_owned() })
    }

    /// Says which of some keys has signed a statement with this counter; nothing if none has.
    pub fn by<'k>(
        &self,
        statement: &Statement<'_>,
        keys: impl IntoIterator<Item = &'k SigningKey>,
    ) -> Option<&'k SigningKey> {
        let signature: SshSig = self.armor.parse().ok()?;
        let text = Statement { counter: self.counter, ..statement.clone() }.to_text();
        keys.into_iter()
            .find(|key| key.has_signed(statement.subject.namespace(), text.as_bytes(), &signature))
    }
}

/// One word: the counter, and the armor without its lines.
impl From<Signed> for String {
    fn from(it: Signed) -> Self {
        let body: String = it.armor.lines().filter(|line| !line.starts_with("-----")).collect();
        format!("{}:{body}", it.counter)
    }
}

impl std::str::FromStr for Signed {
    type Err = NotSigned;

    fn from_str(text: &str) -> Result<Self, NotSigned> {
        let (counter, body) = text.split_once(':').ok_or(NotSigned)?;
        let is_body = |it: char| it.is_ascii_alphanumeric() || "+/=".contains(it);
        if body.len() > LONGEST || !body.chars().all(is_body) {
            return Err(NotSigned);
        }
        let mut armor = "-----BEGIN SSH SIGNATURE-----\n".to_owned();
        // OpenSSH breaks its lines at 70 characters (PROTOCOL.sshsig).
        for line in body.as_bytes().chunks(70) {
            armor.push_str(&String::from_utf8_lossy(line));
            armor.push('\n');
        }
        armor.push_str("-----END SSH SIGNATURE-----");
        Self::new(counter.parse().map_err(|_| NotSigned)?, &armor)
    }
}

impl TryFrom<String> for Signed {
    type Error = NotSigned;

    fn try_from(text: String) -> Result<Self, NotSigned> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::{Algorithm, HashAlg, PrivateKey};

    fn private() -> PrivateKey {
        let mut random = ssh_key::rand_core::OsRng;
        PrivateKey::random(&mut random, Algorithm::Ed25519).unwrap_or_else(|error| panic!("{error}"))
    }

    fn public(key: &PrivateKey) -> SigningKey {
        let line = key.public_key().to_openssh().unwrap_or_default();
        SigningKey::parse(&line).unwrap_or_else(|| panic!("{line}"))
    }

    #[test]
    fn a_signature_is_of_one_statement_and_one_key() {
        let (ada, eve) = (private(), private());
        let (closure, other) = (Digest::of(b"a"), Digest::of(b"b"));
        let subject = Subject::Closure { host: "web1", closure: &closure };
        let statement = Statement { cloud: "shop", subject, counter: 7 };
        let sign = |key: &PrivateKey, namespace: &str| {
            let made = key.sign(namespace, HashAlg::Sha512, statement.to_text().as_bytes());
            let armor = made.and_then(|it| it.to_pem(LineEnding::LF));
            Signed::new(7, &armor.unwrap_or_else(|error| panic!("{error}")))
                .unwrap_or_else(|error| panic!("{error}"))
        };
        let signed = sign(&ada, "closure@kolla-lang");
        let word = String::from(signed.clone());
        assert_eq!(word.parse().as_ref(), Ok(&signed));
        let keys = [public(&eve), public(&ada)];
        assert_eq!(signed.by(&statement, &keys), Some(&keys[1]));
        assert_eq!(signed.by(&statement, &keys[..1]), None);
        assert_eq!(sign(&ada, "file").by(&statement, &keys), None);
        let others = [
            Statement { cloud: "shop2", ..statement.clone() },
            Statement { subject: Subject::Closure { host: "web2", closure: &closure }, ..statement.clone() },
            Statement { subject: Subject::Closure { host: "web1", closure: &other }, ..statement.clone() },
            Statement { subject: Subject::Plan { plan: &closure }, ..statement.clone() },
        ];
        assert!(others.iter().all(|it| signed.by(it, &keys).is_none()));
        assert_eq!(Signed { counter: 8, ..signed }.by(&statement, &keys), None);
    }

    #[test]
    fn what_is_no_signature_is_none() {
        for text in ["", "7", "7:", "x:AAAA", "7:AAAA", "7:A A", "-1:AAAA"] {
            assert_eq!(text.parse::<Signed>(), Err(NotSigned), "{text}");
        }
        let made = private().sign("closure@kolla-lang", HashAlg::Sha512, b"a");
        let armor = made.and_then(|it| it.to_pem(LineEnding::LF)).unwrap_or_else(|error| panic!("{error}"));
        let word = String::from(Signed::new(7, &armor).unwrap_or_else(|error| panic!("{error}")));
        let length = "ZzaGE1MTIAAABT";
        assert!(word.contains(length));
        assert_eq!(word.replace(length, "ZzaGE1MTIAAzBT").parse::<Signed>(), Err(NotSigned));
    }
}
