//! What an operator gives as a secret: whether its parts belong together and are what is described.
//!
//! Asks nobody: a chain is followed no further than the certificates that were given.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{KeyPair, PublicKeyData as _};
use ssh_key::{PrivateKey, PublicKey};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::time::ASN1Time;

use super::generate::Parts;
use store::manifest::SecretKind;

/// What is wrong with parts that were given.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum GivenError {
    #[error("its part `{part}` is no certificate in PEM")]
    NoCertificate { part: &'static str },
    #[error("its part `key` is no private key in PEM that can be used")]
    NoKey,
    #[error("its part `key` is a private key in a form of old (PKCS #1 or SEC 1); PKCS #8 is taken")]
    OldKey,
    #[error("its key is not the key of its certificate")]
    OtherKey,
    #[error("its part `{part}` is no certificate of an authority")]
    NoAuthority { part: &'static str },
    #[error("its certificate is signed by `{issuer}`, which is not in its part `authority`, nor leads there")]
    OtherAuthority { issuer: String },
    #[error("the certificate `{subject}` is not good yet")]
    NotYet { subject: String },
    #[error("the certificate `{subject}` has ended")]
    Ended { subject: String },
    #[error("its certificate is not for {}", shown.join(", "))]
    NotFor { shown: Vec<String> },
    #[error("its part `{part}` is no key of OpenSSH")]
    NoSshKey { part: &'static str },
    #[error("its parts `private` and `public` are not a pair")]
    NoPair,
}

/// Checks parts that somebody gave against each other and against what is described, at a time. Whatever is random has no wrong values.
pub fn check(kind: &SecretKind, parts: &Parts, now: SystemTime) -> Result<(), GivenError> {
    let part = |name: &str| parts.get(name).map_or("", String::as_str);
    match kind {
        SecretKind::SshKey => check_pair(part("private"), part("public")),
        SecretKind::Authority { .. } => {
            let pems = pems(part("certificate"), "certificate")?;
            let all = certificates(&pems, "certificate")?;
            let [own, ..] = all.as_slice() else {
                return Err(GivenError::NoCertificate { part: "certificate" });
            };
            check_key(part("key"), own)?;
            if !own.is_ca() {
                return Err(GivenError::NoAuthority { part: "certificate" });
            }
            check_time(own, now)
        }
        SecretKind::Certificate { names, addresses, .. } => {
            let (pems, above) =
                (pems(part("certificate"), "certificate")?, pems(part("authority"), "authority")?);
            let chain = certificates(&pems, "certificate")?;
            let authorities = certificates(&above, "authority")?;
            let [own, behind @ ..] = chain.as_slice() else {
                return Err(GivenError::NoCertificate { part: "certificate" });
            };
            check_key(part("key"), own)?;
            check_time(own, now)?;
            check_names(own, names, addresses)?;
            check_time(authority_of(own, behind, &authorities)?, now)
        }
        SecretKind::Password { .. }
        | SecretKind::Bcrypt { .. }
        | SecretKind::Uuid
        | SecretKind::Fernet { .. }
        | SecretKind::Keyring => Ok(()),
    }
}

fn check_pair(private: &str, public: &str) -> Result<(), GivenError> {
    let private = PrivateKey::from_openssh(private).map_err(|_| GivenError::NoSshKey { part: "private" })?;
    let public = PublicKey::from_openssh(public).map_err(|_| GivenError::NoSshKey { part: "public" })?;
    if private.public_key().key_data() == public.key_data() { Ok(()) } else { Err(GivenError::NoPair) }
}

fn pems(text: &str, part: &'static str) -> Result<Vec<Pem>, GivenError> {
    let all: Result<Vec<Pem>, _> = Pem::iter_from_buffer(text.as_bytes()).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or(GivenError::NoCertificate { part })
}

fn certificates<'a>(pems: &'a [Pem], part: &'static str) -> Result<Vec<X509Certificate<'a>>, GivenError> {
    let parse = |pem: &'a Pem| (pem.label == "CERTIFICATE").then(|| pem.parse_x509().ok()).flatten();
    pems.iter().map(|pem| parse(pem).ok_or(GivenError::NoCertificate { part })).collect()
}

fn check_key(key: &str, own: &X509Certificate<'_>) -> Result<(), GivenError> {
    if key.contains("-----BEGIN RSA PRIVATE KEY-----") || key.contains("-----BEGIN EC PRIVATE KEY-----") {
        return Err(GivenError::OldKey);
    }
    let key = KeyPair::from_pem(key).map_err(|_| GivenError::NoKey)?;
    let is_its = own.public_key().subject_public_key.data.as_ref() == key.der_bytes();
    if is_its { Ok(()) } else { Err(GivenError::OtherKey) }
}

fn check_time(it: &X509Certificate<'_>, now: SystemTime) -> Result<(), GivenError> {
    let secs = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = ASN1Time::from_timestamp(i64::try_from(secs).unwrap_or(i64::MAX));
    let subject = it.subject().to_string();
    match now {
        Ok(now) if now < it.validity().not_before => Err(GivenError::NotYet { subject }),
        Ok(now) if now < it.validity().not_after => Ok(()),
        Ok(_) | Err(_) => Err(GivenError::Ended { subject }),
    }
}

fn check_names(own: &X509Certificate<'_>, names: &[String], addresses: &[IpAddr]) -> Result<(), GivenError> {
    let alternatives = own.subject_alternative_name().ok().flatten();
    let shown = alternatives.map(|it| it.value.general_names.as_slice()).unwrap_or_default();
    let has_name = |wanted: &String| {
        shown.iter().any(|it| matches!(it, GeneralName::DNSName(name) if is_for(name, wanted)))
    };
    let has_address = |wanted: &IpAddr| {
        let bytes: Vec<u8> = match wanted {
            IpAddr::V4(it) => it.octets().into(),
            IpAddr::V6(it) => it.octets().into(),
        };
        shown.iter().any(|it| matches!(it, GeneralName::IPAddress(found) if *found == bytes))
    };
    let lacking = names.iter().filter(|it| !has_name(it)).cloned();
    let lacking: Vec<String> =
        lacking.chain(addresses.iter().filter(|it| !has_address(it)).map(ToString::to_string)).collect();
    if lacking.is_empty() { Ok(()) } else { Err(GivenError::NotFor { shown: lacking }) }
}

/// Says whether a name of a certificate stands for a name. Its first label may be `*`, which is one label (RFC 9525, section 6.3), before
/// two or more others: OpenSSL takes no other.
fn is_for(name: &str, wanted: &str) -> bool {
    let wild = |name: &str, wanted: &str| {
        let behind = name.strip_prefix("*.").filter(|it| it.contains('.'));
        let wanted = wanted.split_once('.').filter(|(first, _)| *first != "*");
        behind.zip(wanted).is_some_and(|(behind, (_, wanted))| behind.eq_ignore_ascii_case(wanted))
    };
    name.eq_ignore_ascii_case(wanted) || wild(name, wanted)
}

/// Follows a certificate over those that stand behind it to the authority that vouches for it.
fn authority_of<'a, 'b>(
    own: &'b X509Certificate<'a>,
    behind: &'b [X509Certificate<'a>],
    authorities: &'b [X509Certificate<'a>],
) -> Result<&'b X509Certificate<'a>, GivenError> {
    if !authorities.iter().all(|it| it.is_ca()) {
        return Err(GivenError::NoAuthority { part: "authority" });
    }
    let mut current = own;
    // Each step goes to one that stands behind, so there are no more steps than those.
    for _ in 0..=behind.len() {
        if let Some(found) = authorities.iter().find(|it| is_signed_by(current, it)) {
            return Ok(found);
        }
        match behind.iter().find(|it| it.is_ca() && is_signed_by(current, it)) {
            Some(next) => current = next,
            None => break,
        }
    }
    Err(GivenError::OtherAuthority { issuer: current.issuer().to_string() })
}

/// Says whether a certificate is signed by another. A signature of a kind that is not known here is taken on trust: the readers verify it.
fn is_signed_by(it: &X509Certificate<'_>, by: &X509Certificate<'_>) -> bool {
    it.issuer() == by.subject()
        && matches!(
            it.verify_signature(Some(by.public_key())),
            Ok(()) | Err(X509Error::SignatureUnsupportedAlgorithm)
        )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::generate::generate;

    const ROOT: &str = include_str!("../../tests/support/keys/foreign/root.pem");
    const RSA: &str = include_str!("../../tests/support/keys/foreign/rsa.pem");
    const RSA_KEY: &str = include_str!("../../tests/support/keys/foreign/rsa.key");
    const CHAIN: &str = include_str!("../../tests/support/keys/foreign/ec-chain.pem");
    const EC_KEY: &str = include_str!("../../tests/support/keys/foreign/ec.key");

    fn kind(names: &[&str], addresses: &[IpAddr]) -> SecretKind {
        let names = names.iter().map(ToString::to_string).collect();
        SecretKind::Certificate { authority: None, names, addresses: addresses.to_vec(), valid_secs: 3600 }
    }

    fn parts(certificate: &str, key: &str, authority: &str) -> Parts {
        let all = [("certificate", certificate), ("key", key), ("authority", authority)];
        all.map(|(part, text)| (part.to_owned(), text.to_owned())).into()
    }

    /// What is wrong with parts, `good` where nothing is.
    fn told(kind: &SecretKind, parts: &Parts, now: SystemTime) -> String {
        check(kind, parts, now).map_or_else(|error| error.to_string(), |()| "good".to_owned())
    }

    #[test]
    fn a_certificate_fits_its_key_its_names_and_its_authority() {
        let now = SystemTime::now();
        let address = IpAddr::from([192, 0, 2, 10]);
        let it = kind(&["cloud.example"], &[address]);
        assert_eq!(told(&it, &parts(RSA, RSA_KEY, ROOT), now), "good");
        assert_eq!(told(&it, &parts(CHAIN, EC_KEY, ROOT), now), "good");
        assert_eq!(told(&it, &parts(RSA, EC_KEY, ROOT), now), "its key is not the key of its certificate");
        let alone = CHAIN.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap_or_default();
        let expected = "its certificate is signed by `CN=Foreign intermediate`, which is not in its part `authority`, nor leads there";
        assert_eq!(told(&it, &parts(alone, EC_KEY, ROOT), now), expected);
        let behind = &CHAIN[alone.len()..];
        assert_eq!(told(&it, &parts(alone, EC_KEY, behind), now), "good");
        let expected = "its part `authority` is no certificate of an authority";
        assert_eq!(told(&it, &parts(RSA, RSA_KEY, RSA), now), expected);
        let names = ["cloud.example", "a.shop.example", "a.b.shop.example", "*.example"];
        let it = kind(&names, &[address, IpAddr::from([10, 0, 0, 1])]);
        let expected = "its certificate is not for a.shop.example, a.b.shop.example, *.example, 10.0.0.1";
        assert_eq!(told(&it, &parts(RSA, RSA_KEY, ROOT), now), expected);
        let expected = "its certificate is not for a.b.shop.example, *.example, 10.0.0.1";
        assert_eq!(told(&it, &parts(CHAIN, EC_KEY, ROOT), now), expected);
    }

    #[test]
    fn a_star_is_one_label_before_two() {
        assert!(is_for("*.shop.example", "A.shop.Example") && is_for("*.shop.example", "*.shop.example"));
        assert!(!is_for("*.shop.example", "shop.example") && !is_for("*.example", "shop.example"));
        assert!(!is_for("*.shop.example", "a.b.shop.example"));
    }

    #[test]
    fn a_certificate_is_given_in_its_time() -> Result<(), Box<dyn std::error::Error>> {
        let authority = SecretKind::Authority { subject: "ca".into(), valid_secs: 7200 };
        let ca = generate(&authority, &|_| None)?;
        let mut it = SecretKind::Certificate {
            authority: Some("ca".into()),
            names: vec!["a.example".into()],
            addresses: Vec::new(),
            valid_secs: 3600,
        };
        let made = generate(&it, &|_| Some(ca.clone()))?;
        if let SecretKind::Certificate { authority, .. } = &mut it {
            *authority = None;
        }
        let now = SystemTime::now();
        assert_eq!(told(&it, &made, now), "good");
        assert_eq!(told(&authority, &ca, now), "good");
        let hours = |n: u64| Duration::from_secs(3600 * n);
        assert_eq!(told(&it, &made, now - hours(2)), "the certificate `CN=a.example` is not good yet");
        assert_eq!(told(&it, &made, now + hours(2)), "the certificate `CN=a.example` has ended");
        assert_eq!(told(&authority, &ca, now + hours(3)), "the certificate `CN=ca` has ended");
        let mut no_authority = made.clone();
        no_authority.remove("authority");
        let expected = "its part `certificate` is no certificate of an authority";
        assert_eq!(told(&authority, &no_authority, now), expected);
        Ok(())
    }

    #[test]
    fn a_key_pair_is_a_pair() -> Result<(), Box<dyn std::error::Error>> {
        let (one, other) =
            (generate(&SecretKind::SshKey, &|_| None)?, generate(&SecretKind::SshKey, &|_| None)?);
        let now = SystemTime::now();
        assert_eq!(told(&SecretKind::SshKey, &one, now), "good");
        let mut mixed = one.clone();
        mixed.insert("public".into(), other["public"].clone());
        assert_eq!(told(&SecretKind::SshKey, &mixed, now), "its parts `private` and `public` are not a pair");
        mixed.insert("private".into(), "x".into());
        assert_eq!(told(&SecretKind::SshKey, &mixed, now), "its part `private` is no key of OpenSSH");
        Ok(())
    }
}
