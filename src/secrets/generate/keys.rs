//! Key pairs, Fernet keys and keys of Ceph.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ssh_key::{Algorithm, LineEnding, PrivateKey, rand_core::OsRng};

use super::parts::{GenerateError, Parts, random};

/// Makes an Ed25519 key pair, each half as OpenSSH keeps it in a file.
pub(super) fn key_pair() -> Result<Parts, GenerateError> {
    let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).map_err(GenerateError::KeyPair)?;
    let private = key.to_openssh(LineEnding::LF).map_err(GenerateError::KeyPair)?;
    let public = key.public_key().to_openssh().map_err(GenerateError::KeyPair)?;
    Ok(Parts::from([("private".to_owned(), private.to_string()), ("public".to_owned(), public)]))
}

/// Makes Fernet keys: 32 random bytes each, in the base64 of URLs.
pub(super) fn fernet_keys(count: u32) -> Result<Parts, GenerateError> {
    (0..count).map(|idx| Ok((idx.to_string(), URL_SAFE.encode(random::<32>()?)))).collect()
}

/// Turns a set of Fernet keys, as Keystone's `fernet_rotate` does: the staged key, 0, becomes the one that signs, as all readers have
/// had it since the last turn; the oldest goes. See <https://docs.openstack.org/keystone/latest/admin/fernet-token-faq.html>.
pub fn turned(count: u32, last: &Parts) -> Result<Parts, GenerateError> {
    let mut keys: Vec<(u32, &String)> =
        last.iter().filter_map(|(idx, key)| Some((idx.parse().ok()?, key))).collect();
    keys.sort();
    // From the oldest, 1, over the one that signs, the last, to the staged one, 0.
    let staged = keys.len().min(1);
    keys.rotate_left(staged);
    let n_kept = keys.len().min(count.saturating_sub(1) as usize);
    // What is new beyond the next staged one stands in for older keys that never were.
    let n_new = count as usize - n_kept;
    let mut parts = fernet_keys(u32::try_from(n_new).unwrap_or(count))?;
    for (idx, (_, key)) in keys[keys.len() - n_kept..].iter().enumerate() {
        parts.insert((n_new + idx).to_string(), (*key).clone());
    }
    Ok(parts)
}

/// Writes a key as Ceph does: its type (1, AES), the time it was made in seconds and nanoseconds, its length, itself.
pub(super) fn ceph_key(now: SystemTime, key: [u8; 16]) -> String {
    let now_secs = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut bytes = Vec::from(1u16.to_le_bytes());
    bytes.extend(u32::try_from(now_secs).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend(16u16.to_le_bytes());
    bytes.extend(key);
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_fernet_keys_turns_so_that_the_staged_one_signs() {
        let unwrap = |made: Result<Parts, GenerateError>| made.unwrap_or_else(|error| panic!("{error}"));
        let first = unwrap(fernet_keys(3));
        let second = unwrap(turned(3, &first));
        assert!(second["2"] == first["0"] && second["1"] == first["2"]);
        assert!(second.len() == 3 && !first.values().any(|it| *it == second["0"]));
        let longer = unwrap(turned(5, &second));
        assert!(longer["4"] == second["0"] && longer["3"] == second["2"] && longer["2"] == second["1"]);
        assert_eq!(longer.len(), 5);
        let shorter = unwrap(turned(2, &longer));
        assert!(shorter.len() == 2 && shorter["1"] == longer["0"]);
    }
}
