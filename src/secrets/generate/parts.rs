//! What a secret is made of, and why none could be made.

pub use crate::parts::Parts;

/// Why no secret could be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum GenerateError {
    #[error("the kernel gives no random numbers")]
    Random(#[source] getrandom::Error),
    #[error("cannot make a key pair")]
    KeyPair(#[source] ssh_key::Error),
    #[error("cannot hash a password")]
    Hash(#[source] bcrypt::BcryptError),
    #[error("cannot make a certificate")]
    Certificate(#[source] rcgen::Error),
    #[error("it is given and not made")]
    Given,
    #[error("its authority `{authority}` is not there")]
    NoAuthority { authority: String },
    #[error("its authority `{authority}` is no authority that can be read")]
    BadAuthority { authority: String },
    #[error("its authority `{authority}` has expired")]
    Expired { authority: String },
}

/// Returns random bytes of the kernel.
pub fn random<const N: usize>() -> Result<[u8; N], GenerateError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(GenerateError::Random)?;
    Ok(bytes)
}
