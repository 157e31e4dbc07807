//! Makes new secrets of each kind from the kernel's random numbers.
//!
//! Stores nothing.

mod keys;
mod parts;
mod password;
mod x509;

use std::time::{Duration, SystemTime};

pub use keys::turned;
pub use parts::{GenerateError, Parts};
pub use password::hashed;
pub use x509::expires;

use parts::random;
use store::manifest::SecretKind;
use zeroize::Zeroizing;

/// Makes a new secret. `given` has the parts of the secrets that others are made from, by name: of authorities.
pub fn generate(kind: &SecretKind, given: &dyn Fn(&str) -> Option<Parts>) -> Result<Parts, GenerateError> {
    let whole = |text: String| Parts::from([(String::new(), text)]);
    let now = SystemTime::now();
    Ok(match kind {
        SecretKind::Password { length, alphabet } => whole(password::password(*length, *alphabet)?),
        SecretKind::Bcrypt { length, alphabet } => {
            hashed(&Zeroizing::new(password::password(*length, *alphabet)?))?
        }
        SecretKind::Uuid => whole(uuid::Builder::from_random_bytes(random()?).into_uuid().to_string()),
        SecretKind::SshKey => keys::key_pair()?,
        SecretKind::Fernet { count } => keys::fernet_keys(*count)?,
        SecretKind::Keyring => whole(keys::ceph_key(now, random()?)),
        SecretKind::Authority { subject, valid_secs } => {
            x509::authority(subject, Duration::from_secs(*valid_secs), now)?
        }
        SecretKind::Certificate { authority: None, .. } => return Err(GenerateError::Given),
        SecretKind::Certificate { authority: Some(authority), names, addresses, valid_secs } => {
            let parts = given(authority)
                .ok_or_else(|| GenerateError::NoAuthority { authority: authority.clone() })?;
            let issuer = x509::Issuer::read(authority, &parts)?;
            x509::certificate(&issuer, names, addresses, Duration::from_secs(*valid_secs), now)?
        }
    })
}

/// Makes a name for one making of a secret: 16 hex digits.
pub fn new_id() -> Result<String, GenerateError> {
    Ok(format!("{:016x}", u64::from_be_bytes(random()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::manifest::Alphabet;
    use store::secret::PartNames;

    fn make(kind: &SecretKind) -> Parts {
        let authority = SecretKind::Authority { subject: "ca".into(), valid_secs: 7200 };
        let given = |name: &str| (name == "ca").then(|| make(&authority));
        generate(kind, &given).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn each_kind_has_the_parts_that_it_says() {
        let alphabet = Alphabet::Alphanumeric;
        let certificate = SecretKind::Certificate {
            authority: Some("ca".into()),
            names: vec!["a.example".into()],
            addresses: Vec::new(),
            valid_secs: 3600,
        };
        for kind in [
            SecretKind::Password { length: 12, alphabet },
            SecretKind::Bcrypt { length: 12, alphabet },
            SecretKind::Uuid,
            SecretKind::SshKey,
            SecretKind::Fernet { count: 3 },
            SecretKind::Keyring,
            SecretKind::Authority { subject: "ca".into(), valid_secs: 3600 },
            certificate,
        ] {
            let parts = make(&kind);
            let mut names = kind.parts().names();
            if kind.parts() == PartNames::Whole {
                names.push(String::new());
            }
            names.sort();
            assert!(parts.keys().eq(&names), "{kind:?} has {:?}", parts.keys());
            assert!(parts.values().all(|it| !it.is_empty()) && parts != make(&kind), "{kind:?}");
        }
    }

    #[test]
    fn each_kind_has_the_form_its_readers_expect() {
        let keys = make(&SecretKind::Fernet { count: 3 });
        assert!(keys["2"].len() == 44 && keys["2"].ends_with('='));
        assert_eq!(make(&SecretKind::Uuid)[""].len(), 36);
        assert!(
            make(&SecretKind::Keyring)[""].starts_with("AQ") && make(&SecretKind::Keyring)[""].len() == 40
        );
        let pair = make(&SecretKind::SshKey);
        assert!(pair["private"].starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        assert!(pair["public"].starts_with("ssh-ed25519 "));
    }

    #[test]
    fn a_certificate_is_not_made_without_its_authority() {
        let kind = SecretKind::Certificate {
            authority: Some("site/ca".into()),
            names: Vec::new(),
            addresses: Vec::new(),
            valid_secs: 3600,
        };
        let error = generate(&kind, &|_| None).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(error, Err("its authority `site/ca` is not there".into()));
        let error = generate(&kind, &|_| Some(Parts::new())).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(error, Err("its authority `site/ca` is no authority that can be read".into()));
    }
}
