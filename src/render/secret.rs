//! What a manifest says of a secret, and whether a hole names a part that it has.

use kl::diag::Diagnostic;
use kl::source::Span;
use model::{self, SecretSpec, errors};
use store::manifest::{Alphabet, Encode, Format, Hole, SecretKind};
use store::secret::PartNames;

/// Returns what a manifest says of a secret of this kind.
pub fn kind(kind: &model::SecretKind) -> SecretKind {
    match kind {
        model::SecretKind::Password { length, alphabet: chars } => {
            SecretKind::Password { length: *length, alphabet: alphabet(*chars) }
        }
        model::SecretKind::Bcrypt { length, alphabet: chars } => {
            SecretKind::Bcrypt { length: *length, alphabet: alphabet(*chars) }
        }
        model::SecretKind::Uuid => SecretKind::Uuid,
        model::SecretKind::SshKey => SecretKind::SshKey,
        model::SecretKind::Fernet { count } => SecretKind::Fernet { count: *count },
        model::SecretKind::Keyring => SecretKind::Keyring,
        model::SecretKind::Authority { subject, valid } => {
            SecretKind::Authority { subject: subject.to_string(), valid_secs: valid.as_secs() }
        }
        model::SecretKind::Certificate { authority, names, addresses, valid } => SecretKind::Certificate {
            authority: authority.as_ref().map(ToString::to_string),
            names: names.iter().map(ToString::to_string).collect(),
            addresses: addresses.clone(),
            valid_secs: valid.as_secs(),
        },
    }
}

fn alphabet(alphabet: model::Alphabet) -> Alphabet {
    match alphabet {
        model::Alphabet::Alphanumeric => Alphabet::Alphanumeric,
        model::Alphabet::Letters => Alphabet::Letters,
        model::Alphabet::Hex => Alphabet::Hex,
        model::Alphabet::Printable => Alphabet::Printable,
    }
}

/// Says what is wrong with a secret of several lines where its file has room for one.
pub(super) fn broken_line(
    hole: &Hole,
    format: Format,
    spec: &SecretSpec,
    kind: &SecretKind,
    at: Span,
) -> Option<Diagnostic> {
    let one_line = match format {
        Format::Ini | Format::Env => !hole.escapes.contains_key(&'\n'),
        Format::Text | Format::Json | Format::Yaml | Format::Toml => false,
    };
    let part = hole.part.as_deref().unwrap_or_default();
    let is_encoded = matches!(hole.encode, Encode::Url | Encode::Base64);
    (one_line && !is_encoded && kind.has_lines(part))
        .then(|| errors::secret_of_lines(at, spec.at, &hole.secret, part))
}

/// Says what is wrong with asking a secret for a part, or for all of it.
pub(super) fn misused(
    name: &str,
    part: Option<&str>,
    spec: &SecretSpec,
    parts: PartNames,
    at: Span,
) -> Option<Diagnostic> {
    // What a secret is whose kind failed nobody knows.
    if matches!(spec.kind, model::SecretKind::Password { length: 0, .. }) {
        return None;
    }
    let names = parts.names();
    match part {
        None if parts == PartNames::Whole => None,
        None => Some(errors::secret_needs_part(at, spec.at, name, &names)),
        Some(_) if parts == PartNames::Whole => Some(errors::secret_without_parts(at, spec.at, name)),
        Some(part) if names.iter().any(|it| it == part) => None,
        Some(part) => Some(errors::no_such_part(at, spec.at, name, part, &names)),
    }
}
