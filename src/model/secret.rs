//! What a secret is, from its value, and what the types of the kernel cannot say of it.
//!
//! Makes no secret and knows no value of one.

use super::cloud::{RegistryLogin, SecretSpec};
use super::read::Reader;
use super::{Text, errors};
use kl::data::Data;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The longest common name, in characters: `ub-common-name` of RFC 5280, appendix A.1.
const LONGEST_SUBJECT: usize = 64;
/// The longest name of the DNS as text, in characters: 255 octets of RFC 1035, section 2.3.4, with two that are not written.
const LONGEST_NAME: usize = 253;

/// What a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SecretKind {
    Password { length: u32, alphabet: Alphabet },
    Bcrypt { length: u32, alphabet: Alphabet },
    Uuid,
    SshKey,
    Fernet { count: u32 },
    Keyring,
    Authority { subject: Text, valid: Duration },
    Certificate { authority: Option<Text>, names: Vec<Text>, addresses: Vec<IpAddr>, valid: Duration },
}

/// Which characters a password is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Alphabet {
    Alphanumeric,
    Letters,
    Hex,
    Printable,
}

/// Decodes what a secret of a name is.
pub(super) fn kind(read: &mut Reader, secret: &str, data: &Data) -> SecretKind {
    let (variant, payload) = read.variant(data);
    let given = |read: &mut Reader, name| read.payload(data, payload, name);
    let count = |read: &mut Reader, name| {
        let field = given(read, name);
        u32::try_from(read.number(field).value).unwrap_or(u32::MAX)
    };
    let alphabet = |read: &mut Reader| {
        let field = given(read, "alphabet");
        let table = [
            ("alphanumeric", Alphabet::Alphanumeric),
            ("letters", Alphabet::Letters),
            ("hex", Alphabet::Hex),
            ("printable", Alphabet::Printable),
        ];
        read.choose(field, &table, Alphabet::Alphanumeric)
    };
    let valid = |read: &mut Reader| {
        let field = given(read, "valid");
        read.duration(field)
    };
    match variant {
        "uuid" => SecretKind::Uuid,
        "ssh-key" => SecretKind::SshKey,
        "fernet" => SecretKind::Fernet { count: count(read, "count") },
        "keyring" => SecretKind::Keyring,
        "bcrypt" => SecretKind::Bcrypt { length: count(read, "length"), alphabet: alphabet(read) },
        "authority" => {
            let field = given(read, "subject");
            SecretKind::Authority { subject: subject(read, secret, data, field), valid: valid(read) }
        }
        "certificate" => {
            let (authority, names, addresses) =
                (given(read, "authority"), given(read, "names"), given(read, "addresses"));
            let (authority, valid) = (read.opt_text(authority), valid(read));
            let (names, addresses) = (self::names(read, names), read.ips(addresses));
            if names.is_empty() && addresses.is_empty() && !data.is_error() {
                read.report(errors::certificate_of_nobody(data.origin.at));
            }
            SecretKind::Certificate { authority, names, addresses, valid }
        }
        // A failed value reads as the default of the kernel.
        "" => SecretKind::Password { length: 0, alphabet: Alphabet::Alphanumeric },
        _ => SecretKind::Password { length: count(read, "length"), alphabet: alphabet(read) },
    }
}

/// Decodes what an authority calls itself: by default as its secret is called.
fn subject(read: &mut Reader, secret: &str, data: &Data, field: &Data) -> Text {
    match read.opt_text(field) {
        Some(subject) => subject,
        None => {
            let fits = secret.chars().count() <= LONGEST_SUBJECT && !secret.chars().any(char::is_control);
            if !fits {
                read.report(errors::no_subject(data.origin.at, secret));
            }
            Text::new(secret.into(), data.origin.at)
        }
    }
}

fn names(read: &mut Reader, data: &Data) -> Vec<Text> {
    let names = read.texts(data);
    for name in &names {
        if name.as_str().len() > LONGEST_NAME {
            read.report(errors::long_name(name.at, name.as_str().len(), LONGEST_NAME));
        }
    }
    names
}

/// Reports logins of registries whose secret is no password.
pub(super) fn check_logins(
    read: &mut Reader,
    logins: &[(Arc<str>, RegistryLogin)],
    secrets: &[(Arc<str>, SecretSpec)],
) {
    for (_, RegistryLogin { user: _, password }) in logins {
        // That there is such a secret is the evaluator's business.
        let Some((_, spec)) = secrets.iter().find(|(name, _)| **name == *password.value) else { continue };
        if !matches!(spec.kind, SecretKind::Password { .. }) {
            read.report(errors::no_password(password.at, spec.at, password.as_str()));
        }
    }
}

/// Reports certificates whose authority is none, or ends before they do.
pub(super) fn check_authorities(read: &mut Reader, secrets: &[(Arc<str>, SecretSpec)]) {
    for (_, spec) in secrets {
        let SecretKind::Certificate { authority: Some(authority), valid, .. } = &spec.kind else { continue };
        // That there is such a secret is the evaluator's business.
        let Some((_, issuer)) = secrets.iter().find(|(name, _)| **name == *authority.value) else { continue };
        match &issuer.kind {
            SecretKind::Authority { valid: longest, .. } if valid > longest => {
                read.report(errors::outlives_authority(authority.at, issuer.at, authority.as_str()));
            }
            SecretKind::Authority { .. } => {}
            _ => read.report(errors::no_authority(authority.at, issuer.at, authority.as_str())),
        }
    }
}
