//! Certificates and their authorities, as RFC 5280 has them: keys of ECDSA P-256, everything in PEM.
//!
//! Revokes nothing: a certificate is made anew before it ends.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use x509_parser::pem::parse_x509_pem;

use super::parts::{GenerateError, Parts, random};

/// How long before its making a certificate begins: as far as clocks of hosts may be behind.
const SKEW: Duration = Duration::from_secs(3600);
/// The longest that a certificate is good for, as the kernel has it.
const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 3600);
/// The longest common name, in characters: `ub-common-name` of RFC 5280, appendix A.1.
const LONGEST_SUBJECT: usize = 64;

/// An authority with its key, ready to sign.
pub(super) struct Issuer {
    inner: rcgen::Issuer<'static, KeyPair>,
    name: String,
    certificate: String,
    ends: SystemTime,
}

impl Issuer {
    /// Reads the authority that a secret holds.
    pub fn read(name: &str, parts: &Parts) -> Result<Self, GenerateError> {
        let read = || {
            let certificate = parts.get("certificate")?.clone();
            let key = KeyPair::from_pem(parts.get("key")?).ok()?;
            let (_, pem) = parse_x509_pem(certificate.as_bytes()).ok()?;
            let parsed = pem.parse_x509().ok()?;
            let is_its_key = parsed.public_key().subject_public_key.data == key.public_key_raw();
            if !is_its_key || !parsed.is_ca() {
                return None;
            }
            let inner = rcgen::Issuer::from_ca_cert_pem(&certificate, key).ok()?;
            Some(Self { inner, name: name.to_owned(), ends: expires(parts)?, certificate })
        };
        read().ok_or_else(|| GenerateError::BadAuthority { authority: name.to_owned() })
    }
}

/// Makes an authority that signs certificates of servers and no other authority.
pub(super) fn authority(subject: &str, valid: Duration, now: SystemTime) -> Result<Parts, GenerateError> {
    let key = new_key()?;
    let mut params = params(Some(subject), now, now + valid.min(LONGEST))?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).map_err(GenerateError::Certificate)?;
    Ok(Parts::from([("key".to_owned(), key.serialize_pem()), ("certificate".to_owned(), certificate.pem())]))
}

/// Makes a certificate for a server, which may also show it as a client. It ends with its authority if not before.
pub(super) fn certificate(
    issuer: &Issuer,
    names: &[String],
    addresses: &[IpAddr],
    valid: Duration,
    now: SystemTime,
) -> Result<Parts, GenerateError> {
    if issuer.ends <= now {
        return Err(GenerateError::Expired { authority: issuer.name.clone() });
    }
    let key = new_key()?;
    let shown = names.iter().cloned().chain(addresses.iter().map(ToString::to_string));
    // Readers go by the alternative names; the subject is for people.
    let subject = shown.into_iter().find(|it| it.len() <= LONGEST_SUBJECT);
    let mut params = params(subject.as_deref(), now, (now + valid.min(LONGEST)).min(issuer.ends))?;
    for name in names {
        let name = name.as_str().try_into().map_err(GenerateError::Certificate)?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &issuer.inner).map_err(GenerateError::Certificate)?;
    Ok(Parts::from([
        ("key".to_owned(), key.serialize_pem()),
        ("certificate".to_owned(), certificate.pem()),
        ("authority".to_owned(), issuer.certificate.clone()),
    ]))
}

/// Returns when the certificate among the parts of a secret ends; nothing of parts without one that can be read.
pub fn expires(parts: &BTreeMap<String, String>) -> Option<SystemTime> {
    let (_, pem) = parse_x509_pem(parts.get("certificate")?.as_bytes()).ok()?;
    let ends = pem.parse_x509().ok()?.validity().not_after.timestamp();
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(ends).ok()?))
}

fn new_key() -> Result<KeyPair, GenerateError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(GenerateError::Certificate)
}

/// What every certificate has: who it is, from when to when, and a number that no other one has.
fn params(
    subject: Option<&str>,
    now: SystemTime,
    ends: SystemTime,
) -> Result<CertificateParams, GenerateError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(subject) = subject {
        params.distinguished_name.push(DnType::CommonName, subject);
    }
    params.not_before = (now - SKEW).into();
    params.not_after = ends.into();
    let mut serial: [u8; 16] = random()?;
    // A serial number is positive, and its first byte is not zero: RFC 5280, section 4.1.2.2.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::certificate::X509Certificate;
    use x509_parser::extensions::{GeneralName, ParsedExtension};

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn ok<T>(result: Result<T, GenerateError>) -> T {
        result.unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn with<T>(pem: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
        let (_, pem) = parse_x509_pem(pem.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        look(&pem.parse_x509().unwrap_or_else(|error| panic!("{error}")))
    }

    fn made() -> (Parts, Parts) {
        let authority = ok(authority("site/ca", 48 * HOUR, now()));
        let issuer = ok(Issuer::read("site/ca", &authority));
        let names = ["web.example".to_owned(), "*.web.example".to_owned()];
        let addresses = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([0xfd00u16, 0, 0, 0, 0, 0, 0, 1])];
        let leaf = ok(certificate(&issuer, &names, &addresses, 24 * HOUR, now()));
        (authority, leaf)
    }

    #[test]
    fn an_authority_signs_itself_and_servers_alone() {
        let (authority, leaf) = made();
        assert_eq!(leaf["authority"], authority["certificate"]);
        with(&authority["certificate"], |ca| {
            assert!(ca.verify_signature(None).is_ok());
            let basic = ca.basic_constraints().ok().flatten().map(|it| it.value.clone());
            assert_eq!(basic.map(|it| (it.ca, it.path_len_constraint)), Some((true, Some(0))));
            let usage = ca.key_usage().ok().flatten().map(|it| *it.value);
            assert!(usage.is_some_and(|it| it.key_cert_sign() && it.crl_sign() && !it.digital_signature()));
            assert_eq!(ca.subject().to_string(), "CN=site/ca");
            with(&leaf["certificate"], |leaf| {
                assert!(leaf.verify_signature(Some(ca.public_key())).is_ok());
                assert!(leaf.verify_signature(Some(leaf.public_key())).is_err());
                assert_eq!(leaf.issuer(), ca.subject());
                let id = |it: &X509Certificate<'_>| {
                    it.extensions().iter().find_map(|it| match it.parsed_extension() {
                        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
                        _ => None,
                    })
                };
                let of = leaf.extensions().iter().find_map(|it| match it.parsed_extension() {
                    ParsedExtension::AuthorityKeyIdentifier(it) => it.key_identifier.as_ref(),
                    _ => None,
                });
                assert!(of.is_some() && of.map(|it| it.0.to_vec()) == id(ca));
            });
        });
    }

    #[test]
    fn a_certificate_is_for_its_names_and_for_servers_and_clients() {
        let (_, leaf) = made();
        assert!(leaf["key"].starts_with("-----BEGIN PRIVATE KEY-----\n"));
        with(&leaf["certificate"], |it| {
            let key = KeyPair::from_pem(&leaf["key"]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(it.public_key().subject_public_key.data.as_ref(), key.public_key_raw());
            let names = it.subject_alternative_name().ok().flatten().map(|it| it.value.clone());
            let names: Vec<String> = names.map_or(Vec::new(), |it| {
                let shown = |it: &GeneralName<'_>| match it {
                    GeneralName::DNSName(name) => (*name).to_owned(),
                    GeneralName::IPAddress(bytes) => format!("{bytes:?}"),
                    other => format!("{other}"),
                };
                it.general_names.iter().map(shown).collect()
            });
            let v6 = "[253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]";
            assert_eq!(names, ["web.example", "*.web.example", "[10, 0, 0, 1]", v6]);
            let usage = it.extended_key_usage().ok().flatten().map(|it| it.value.clone());
            assert!(usage.is_some_and(|it| it.server_auth && it.client_auth && !it.any));
            let usage = it.key_usage().ok().flatten().map(|it| *it.value);
            assert!(usage.is_some_and(|it| it.digital_signature() && !it.key_cert_sign()));
            assert!(!it.is_ca());
            assert!(it.raw_serial().len() == 16 && it.raw_serial()[0] & 0x80 == 0);
        });
    }

    #[test]
    fn a_certificate_begins_an_hour_ago_and_ends_when_it_says() {
        let (authority, leaf) = made();
        let begins = with(&leaf["certificate"], |it| it.validity().not_before.timestamp());
        assert_eq!(begins, 1_800_000_000 - 3600);
        assert_eq!(expires(&leaf), Some(now() + 24 * HOUR));
        assert_eq!(expires(&authority), Some(now() + 48 * HOUR));
        assert_eq!(expires(&Parts::from([(String::new(), "x".into())])), None);
        assert_eq!(expires(&Parts::from([("certificate".into(), "x".into())])), None);
    }

    #[test]
    fn a_certificate_ends_no_later_than_its_authority() {
        let (authority, _) = made();
        let issuer = ok(Issuer::read("site/ca", &authority));
        let names = ["a".repeat(63) + ".example"];
        let at = |now| certificate(&issuer, &names, &[], 24 * HOUR, now);
        assert_eq!(expires(&ok::<Parts>(at(now() + 40 * HOUR))), Some(now() + 48 * HOUR));
        assert!(
            matches!(at(now() + 48 * HOUR), Err(GenerateError::Expired { authority }) if authority == "site/ca")
        );
        with(&ok(at(now()))["certificate"], |it| assert_eq!(it.subject().to_string(), ""));
    }

    #[test]
    fn a_key_that_is_not_the_authoritys_is_no_authority() {
        let (mut authority, leaf) = made();
        authority.insert("key".into(), leaf["key"].clone());
        assert!(Issuer::read("site/ca", &authority).is_err());
    }
}
