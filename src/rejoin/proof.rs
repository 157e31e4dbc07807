//! Proves that something was said by a host of the group, in this conversation: a code over it that nobody makes without the group's key.
//!
//! Says nothing in secret: positions are none.

use std::fmt;
use std::io;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use store::hex;
use zeroize::Zeroizing;

/// A shorter key is none.
const SHORTEST: usize = 32;
/// What tells these codes from all others that are made by the same key, and this form from a later one.
const FORM: &str = "kolla-lang rejoin 2";

/// What all hosts of a group have, and nobody else.
pub struct Key(Zeroizing<Vec<u8>>);

/// What one side of a conversation drew for it alone: what was said in another one proves nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge(String);

/// Which side of a conversation speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that asks.
    Asks,
    /// The one that answers.
    Answers,
}

/// Which conversation something is said in.
#[derive(Debug)]
pub struct Talk<'a> {
    /// The group.
    pub group: &'a str,
    /// The host that asks.
    pub asks: &'a str,
    /// The host that answers.
    pub answers: &'a str,
    /// What the one that asks drew.
    pub asking: &'a Challenge,
    /// What the one that answers drew.
    pub answering: &'a Challenge,
}

impl Key {
    /// Takes the text of a secret; none if it is too short to be one.
    pub fn new(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(text.trim_end().as_bytes().to_vec());
        (bytes.len() >= SHORTEST).then_some(Self(bytes))
    }

    /// Returns the proof that a side said this.
    pub fn prove(&self, talk: &Talk<'_>, side: Side, said: &[&str]) -> String {
        hex::encode(&self.code(talk, side, said).finalize().into_bytes())
    }

    /// Says whether a side said this. Takes as long for one wrong proof as for another.
    pub fn is_proven(&self, talk: &Talk<'_>, side: Side, said: &[&str], proof: &str) -> bool {
        bytes(proof).is_some_and(|proof| self.code(talk, side, said).verify_slice(&proof).is_ok())
    }

    fn code(&self, talk: &Talk<'_>, side: Side, said: &[&str]) -> Hmac<Sha256> {
        let Talk { group, asks, answers, asking, answering } = talk;
        let side = match side {
            Side::Asks => "asks",
            Side::Answers => "answers",
        };
        // A key of any length is one for this code.
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0)
            .unwrap_or_else(|_| unreachable!("this is a bug in kolla-lang: HMAC refused a key"));
        for field in [FORM, side, group, asks, answers, &asking.0, &answering.0].iter().chain(said) {
            // With its length before it no field reaches into the next one.
            code.update(&(field.len() as u64).to_be_bytes());
            code.update(field.as_bytes());
        }
        code
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(…)")
    }
}

impl Challenge {
    /// Draws one.
    pub fn draw() -> io::Result<Self> {
        let mut drawn = [0; 32];
        getrandom::fill(&mut drawn).map_err(io::Error::other)?;
        Ok(Self(hex::encode(&drawn)))
    }

    /// Reads one as it was said.
    pub fn parse(text: &str) -> Option<Self> {
        bytes(text).filter(|it| it.len() == 32).map(|it| Self(hex::encode(&it)))
    }

    /// Returns it as it is said.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads what another host said, which is at most so long.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    (digits.len() <= 128).then(|| hex::decode(digits)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(text).unwrap_or_else(|| panic!("{text} is no key"))
    }

    #[test]
    fn a_proof_is_of_one_side_one_conversation_and_one_text() {
        let draw = || Challenge::draw().unwrap_or_else(|error| panic!("{error}"));
        let (mine, theirs, other) = (draw(), draw(), draw());
        let key = key(&"k".repeat(64));
        let talk = |group, asks, answers, asking, answering| Talk { group, asks, answers, asking, answering };
        let said = talk("db", "a", "b", &mine, &theirs);
        let proof = key.prove(&said, Side::Asks, &["one", "two"]);
        assert!(key.is_proven(&said, Side::Asks, &["one", "two"], &proof));
        assert!(!key.is_proven(&said, Side::Answers, &["one", "two"], &proof));
        for text in [&["one", "twp"][..], &["onet", "wo"], &["onetwo"], &["one", "two", ""]] {
            assert!(!key.is_proven(&said, Side::Asks, text, &proof), "{text:?}");
        }
        for talk in [
            talk("dc", "a", "b", &mine, &theirs),
            talk("db", "c", "b", &mine, &theirs),
            talk("db", "a", "c", &mine, &theirs),
            talk("db", "b", "a", &theirs, &mine),
            talk("db", "a", "b", &other, &theirs),
            talk("db", "a", "b", &mine, &other),
        ] {
            assert!(!key.is_proven(&talk, Side::Asks, &["one", "two"], &proof), "{talk:?}");
        }
        let another = Key::new(&"l".repeat(64)).unwrap_or_else(|| panic!("no key"));
        assert!(!another.is_proven(&said, Side::Asks, &["one", "two"], &proof));
        for wrong in ["", "0", "zz", &proof[1..], &proof[2..], &format!("{proof}00"), &"0".repeat(1000)] {
            assert!(!key.is_proven(&said, Side::Asks, &["one", "two"], wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_short_or_damaged_is_no_key_and_no_challenge() {
        assert!(Key::new("").is_none() && Key::new(&"k".repeat(31)).is_none());
        assert!(Challenge::parse("").is_none() && Challenge::parse(&"0".repeat(63)).is_none());
        assert!(Challenge::parse(&"0".repeat(66)).is_none() && Challenge::parse(&"ä".repeat(32)).is_none());
        assert!(Challenge::parse(&"0f".repeat(32)).is_some());
        assert_eq!(format!("{:?}", key(&"k".repeat(64))), "Key(…)");
    }

    /// The code itself against what Python's `hmac` makes of the same fields.
    #[test]
    fn the_code_is_hmac_sha256() {
        let zeros = Challenge("00".repeat(32));
        let talk = Talk { group: "g", asks: "a", answers: "b", asking: &zeros, answering: &zeros };
        let proof = key(&"k".repeat(32)).prove(&talk, Side::Asks, &["said"]);
        assert_eq!(proof, "7b216e9c20be63ca06260ca4d0704c1695870c6115be3168e7c2ed78b78e34b5");
    }
}
