//! When the certificates of a generation end, which of them soon, and which secrets should be made anew. Pure: the caller says what time it is.
//!
//! Opens no secret: certificates lie in the clear.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::records::finding::{Finding, Kind};
use secrets::vault::{certificates, days, renewal};
use store::Manifest;
use store::manifest::SecretSpec;

/// Less than this is soon: enough for whoever looks once a week.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// When a certificate ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The secret that it is of.
    pub secret: String,
    /// When it ends, in seconds since 1970.
    pub expires: u64,
}

/// Returns when each certificate of a manifest ends.
pub fn all(manifest: &Manifest) -> Vec<Certificate> {
    let secs = |ends: SystemTime| ends.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let one =
        |(secret, ends): (&str, SystemTime)| Certificate { secret: secret.to_owned(), expires: secs(ends) };
    certificates(manifest).map(one).collect()
}

/// Returns a finding for each certificate that ends soon or has ended.
pub fn soon(manifest: &Manifest, now: SystemTime) -> Vec<Finding> {
    let finding = |(secret, ends): (&str, SystemTime)| {
        let found = match ends.duration_since(now) {
            Ok(left) if left >= SOON => return None,
            Ok(left) => format!("it ends in {}", days(left)),
            Err(ended) => format!("it ended {} ago", days(ended.duration())),
        };
        let how = manifest.secrets.get(secret).map(|spec| renewal(secret, &spec.kind)).unwrap_or_default();
        let help = format!("`kolla-lang secrets {how}` beside the description, then build and switch");
        let expected = format!("a certificate that is good for {} more", days(SOON));
        Some(Finding::new(Kind::Expires, secret, expected).found(found).help(help))
    };
    certificates(manifest).filter_map(finding).collect()
}

/// Returns a finding for each secret that is older than the description lets it become.
pub fn old(manifest: &Manifest, now: SystemTime) -> Vec<Finding> {
    let finding = |(name, spec): (&String, &SecretSpec)| {
        let since = now.duration_since(UNIX_EPOCH + Duration::from_secs(spec.due?)).ok()?;
        let help = format!(
            "`kolla-lang secrets {}` beside the description, then build and switch",
            renewal(name, &spec.kind)
        );
        let found = format!("that was due {} ago", days(since));
        Some(Finding::new(Kind::Expires, name, "a secret that was made anew in time").found(found).help(help))
    };
    manifest.secrets.iter().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrets::generate::generate;
    use store::manifest::{SecretKind, parse_manifest};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_certificate_is_told_of_a_month_before_it_ends() -> Result<(), Box<dyn std::error::Error>> {
        let text = r#"{"version":1,"cloud":"t","host":"h","backend":"quadlet","engine":"0","secrets":
            {"ca":{"kind":"authority","subject":"ca","valid_secs":VALID,"version":1},"db":{"kind":"uuid","version":1}}}"#;
        let mut manifest = parse_manifest(&text.replace("VALID", &(40 * 24 * 3600).to_string()))?;
        assert!(all(&manifest).is_empty());
        let kind = SecretKind::Authority { subject: "ca".into(), valid_secs: 40 * 24 * 3600 };
        let certificate = generate(&kind, &|_| None)?["certificate"].clone();
        if let Some(spec) = manifest.secrets.get_mut("ca") {
            spec.public.insert("certificate".into(), certificate);
        }
        let [one] = all(&manifest).try_into().map_err(|all| format!("{all:?}"))?;
        let ends = UNIX_EPOCH + Duration::from_secs(one.expires);
        assert!(one.secret == "ca" && ends > SystemTime::now() + 39 * DAY);
        let told = |now| soon(&manifest, now).into_iter().map(|it| it.found).collect::<Vec<_>>();
        assert!(told(ends - 31 * DAY).is_empty() && told(ends - 30 * DAY).is_empty());
        assert_eq!(told(ends - 29 * DAY), ["it ends in 29 days"]);
        assert_eq!(told(ends - Duration::from_secs(60)), ["it ends in less than a day"]);
        assert_eq!(told(ends + 2 * DAY), ["it ended 2 days ago"]);
        Ok(())
    }

    #[test]
    fn a_secret_is_told_of_when_it_is_older_than_it_may_be() -> Result<(), Box<dyn std::error::Error>> {
        let text = r#"{"version":1,"cloud":"t","host":"h","backend":"quadlet","engine":"0","secrets":
            {"keys":{"kind":"fernet","count":3,"version":2,"due":864000},"db":{"kind":"uuid","version":1}}}"#;
        let manifest = parse_manifest(text)?;
        let told = |now| old(&manifest, UNIX_EPOCH + now).into_iter().map(|it| it.found).collect::<Vec<_>>();
        assert!(told(9 * DAY).is_empty());
        assert_eq!(told(10 * DAY), ["that was due less than a day ago"]);
        assert_eq!(told(12 * DAY), ["that was due 2 days ago"]);
        let help = old(&manifest, UNIX_EPOCH + 12 * DAY).into_iter().map(|it| it.help).collect::<Vec<_>>();
        assert!(help[0].starts_with("`kolla-lang secrets rotate keys` "), "{help:?}");
        Ok(())
    }
}
