//! Passwords of several alphabets, and their hashes.

use super::parts::{GenerateError, Parts, random};
use store::manifest::Alphabet;

/// How often a hash is hashed: two to the power of this. It is `DefaultCost` of golang.org/x/crypto/bcrypt, with which
/// Prometheus verifies passwords.
const COST: u32 = 10;

/// Makes characters of an alphabet, each as likely as any other.
pub(super) fn password(length: u32, alphabet: Alphabet) -> Result<String, GenerateError> {
    let characters = characters(alphabet);
    // Room for all of it from the start: a string that grows would leave copies of the secret behind.
    let mut text = String::with_capacity(length as usize);
    while text.len() < length as usize {
        let more = random::<64>()?.into_iter().filter_map(|byte| chosen(byte, &characters));
        text.extend(more.take(length as usize - text.len()));
    }
    Ok(text)
}

/// Returns a password with its hash. More than 72 bytes are refused: bcrypt would not read them.
pub fn hashed(password: &str) -> Result<Parts, GenerateError> {
    let hash =
        bcrypt::non_truncating_hash_with_salt(password, COST, random()?).map_err(GenerateError::Hash)?;
    // As htpasswd(1) writes it; it means the same as `$2b$`.
    let hash = hash.format_for_version(bcrypt::Version::TwoY);
    Ok(Parts::from([("password".to_owned(), password.to_owned()), ("hash".to_owned(), hash)]))
}

fn characters(alphabet: Alphabet) -> Vec<char> {
    match alphabet {
        Alphabet::Alphanumeric => ('A'..='Z').chain('a'..='z').chain('0'..='9').collect(),
        Alphabet::Letters => ('A'..='Z').chain('a'..='z').collect(),
        Alphabet::Hex => ('0'..='9').chain('a'..='f').collect(),
        Alphabet::Printable => ('!'..='~').collect(),
    }
}

/// Chooses a character by a byte. Bytes above the largest multiple of their number choose none, or the first would be likelier.
fn chosen(byte: u8, characters: &[char]) -> Option<char> {
    let fair = 256 / characters.len() * characters.len();
    let byte = usize::from(byte);
    (byte < fair).then(|| characters[byte % characters.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(Alphabet, usize); 4] = [
        (Alphabet::Alphanumeric, 62),
        (Alphabet::Letters, 52),
        (Alphabet::Hex, 16),
        (Alphabet::Printable, 94),
    ];

    #[test]
    fn a_password_has_its_length_and_its_characters() {
        for (alphabet, n_chars) in ALL {
            let known = characters(alphabet);
            assert_eq!(known.len(), n_chars);
            for length in [8, 40, 500] {
                let text = password(length, alphabet).unwrap_or_else(|error| panic!("{error}"));
                assert!(
                    text.len() == length as usize && text.chars().all(|it| known.contains(&it)),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn every_character_is_chosen_by_as_many_bytes_as_any_other() {
        for (alphabet, n_chars) in ALL {
            let known = characters(alphabet);
            let of = |wanted| (0..=255).filter(|byte| chosen(*byte, &known) == Some(wanted)).count();
            assert!(known.iter().all(|it| of(*it) == 256 / n_chars), "{alphabet:?}");
        }
    }

    #[test]
    fn a_hash_verifies_its_password_alone() {
        let parts = hashed("s3cret").unwrap_or_else(|error| panic!("{error}"));
        assert!(parts["hash"].starts_with("$2y$10$") && parts["hash"].len() == 60, "{}", parts["hash"]);
        assert_eq!(bcrypt::verify("s3cret", &parts["hash"]).ok(), Some(true));
        assert_eq!(bcrypt::verify("s3cre", &parts["hash"]).ok(), Some(false));
        assert!(hashed(&"x".repeat(73)).is_err());
    }
}
