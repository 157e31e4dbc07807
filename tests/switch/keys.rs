//! The key of all fake hosts, and secrets that are encrypted to it: made once in a run, so that equal closures stay equal.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use kolla_lang::secrets::generate::{Parts, generate, new_id};
use kolla_lang::secrets::kept::Kept;
use kolla_lang::secrets::seal::{PublicKey, seal};
use kolla_lang::store::manifest::{Alphabet, SecretKind, SecretSpec};

static PAIR: LazyLock<Parts> =
    LazyLock::new(|| generate(&SecretKind::SshKey, &|_| None).unwrap_or_else(|error| panic!("{error}")));

static MADE: Mutex<BTreeMap<String, (SecretSpec, String)>> = Mutex::new(BTreeMap::new());

/// Returns the private key, as SSH keeps it.
pub fn private() -> &'static str {
    &PAIR["private"]
}

/// Returns a password of a name: what a manifest says of it, and its ciphertext.
pub fn secret(name: &str) -> (SecretSpec, String) {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(name.to_owned())
        .or_insert_with(|| make(name).unwrap_or_else(|error| panic!("{error}")))
        .clone()
}

fn make(name: &str) -> Result<(SecretSpec, String), Box<dyn std::error::Error>> {
    let kind = SecretKind::Password { length: 20, alphabet: Alphabet::Alphanumeric };
    let parts = generate(&kind, &|_| None)?;
    sealed(name, kind, parts, BTreeMap::new())
}

/// Returns a secret with these parts, of which some lie in the clear: what a manifest says of it, and its ciphertext.
pub fn sealed(
    name: &str,
    kind: SecretKind,
    parts: Parts,
    public: BTreeMap<String, String>,
) -> Result<(SecretSpec, String), Box<dyn std::error::Error>> {
    let spec = SecretSpec { kind, version: 1, id: new_id()?, public, due: None };
    let text = seal(&Kept::new(name, 1, &spec.id, parts), &[PublicKey::parse(&PAIR["public"])?])?;
    Ok((spec, text))
}
