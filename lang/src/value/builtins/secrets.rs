//! Secrets: names now, texts on the host.

use super::super::budget::within;
use super::super::errors;
use super::super::pass::Pass;
use super::Builtin;
use crate::data::{Encode, SecretPart, encode_secret};
use crate::diag::Reported;
use crate::live::Value;
use crate::source::Span;
use crate::types::ty::TyId;

const G: &str = "Secrets";

pub(super) static ALL: [Builtin; 5] = [
    Builtin::new(
        G,
        "secret",
        "(Str) -> Secret",
        "The secret of a name; it is filled in on the host.",
        ("1", "1"),
        secret,
    ),
    Builtin::new(
        G,
        "secret_part",
        "(Str, Str) -> Secret",
        "One part of a secret that has several, like the `key` of a certificate.",
        ("1", "1"),
        secret_part,
    ),
    Builtin::new(
        G,
        "urlencode",
        "(Secret) -> Secret or (Str) -> Str",
        "Percent-encoded for a URL; of a secret, on the host.",
        ("urlencode(\"a/b\")", "\"a%2Fb\""),
        urlencode,
    ),
    Builtin::new(
        G,
        "base64",
        "(Secret) -> Secret or (Str) -> Str",
        "In base64; of a secret, on the host.",
        ("base64(\"abc\")", "\"YWJj\""),
        base64,
    ),
    Builtin::new(
        G,
        "escape",
        "(Secret, Str) -> Secret or (Str, Str) -> Str",
        "With a backslash in front of each of the characters of the second; of a secret, on the host.",
        ("escape(\"it's\", \"'\")", "\"it\\\\'s\""),
        escape,
    ),
];

fn secret(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    args[0].as_str().map_or_else(|| pass.failed(at, &[&args[0]]), |name| Pass::secret_value(name, None))
}

fn secret_part(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    match (&args[0], &args[1]) {
        (Value::Str(name), Value::Str(part)) => Pass::secret_value(name, Some(part.clone())),
        _ => pass.failed(at, &[&args[0], &args[1]]),
    }
}

fn encoded(
    pass: &mut Pass<'_>,
    value: &Value,
    at: Span,
    encode: &Encode,
    plain: impl Fn(&str) -> String,
) -> Value {
    // Percent-encoding makes three characters of one.
    within!(count(pass, value, 3, at));
    match value {
        Value::Str(text) => Value::Str(plain(text).into()),
        Value::Secret(parts) => match encode_secret(parts, encode, plain) {
            Some(parts) => Value::Secret(parts),
            None => encoded_already(pass, at),
        },
        other => pass.failed(at, &[other]),
    }
}

/// Counts what encoding makes, where one byte becomes up to so many.
pub(super) fn count(pass: &mut Pass<'_>, value: &Value, times: u64, at: Span) -> Result<(), Reported> {
    let n_bytes = |text: &str| (text.len() as u64).saturating_mul(times);
    match value {
        Value::Str(text) => pass.make_text(n_bytes(text), at),
        Value::Secret(parts) => parts.iter().try_for_each(|part| match part {
            SecretPart::Text(text) => pass.make_text(n_bytes(text), at),
            SecretPart::Name { .. } => pass.make(1, at),
        }),
        _ => Ok(()),
    }
}

pub(super) fn encoded_already(pass: &mut Pass<'_>, at: Span) -> Value {
    let help = Some("encode each secret once, where it goes into its text");
    pass.fail(errors::bad_text(at, "this secret is encoded already", help))
}

fn urlencode(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    encoded(pass, &args[0], at, &Encode::Url, percent)
}

fn base64(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    if let Value::Secret(parts) = &args[0]
        && parts.len() > 1
    {
        // Base64 of a text is not the text of the base64 of its parts.
        let help = Some("encode the secret alone, outside of any text");
        return pass.fail(errors::bad_text(at, "base64 of a text around a secret", help));
    }
    encoded(pass, &args[0], at, &Encode::Base64, sixty_four)
}

fn escape(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let Value::Str(which) = &args[1] else { return pass.failed(at, &[&args[1]]) };
    encoded(pass, &args[0], at, &Encode::Escape(which.clone()), |text| {
        let slash = |c: char| which.contains(c).then_some('\\');
        text.chars().flat_map(|c| slash(c).into_iter().chain([c])).collect()
    })
}

/// Percent-encoding of everything but the unreserved characters of RFC 3986.
fn percent(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(b as char),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// Base64 of RFC 4648 with padding.
fn sixty_four(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let n = chunk.iter().enumerate().fold(0u32, |n, (i, b)| n | u32::from(*b) << (16 - 8 * i));
        for i in 0..4 {
            let digit = ALPHABET[(n >> (18 - 6 * i)) as usize & 63] as char;
            out.push(if i <= chunk.len() { digit } else { '=' });
        }
    }
    out
}
