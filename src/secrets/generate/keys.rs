//! Key pairs, Fernet keys and keys of Ceph.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ssh_key::{Algorithm, LineEnding, PrivateKey, rand_core::OsRng};

use super::{GenerateError, Parts, random};

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
