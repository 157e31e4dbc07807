//! Secrets: names now, texts on the host.

use super::super::pass::Pass;
use super::Builtin;
use crate::data::{Encode, SecretPart};
use crate::live::Value;
use crate::source::Span;
use crate::types::ty::TyId;

const G: &str = "Secrets";

pub(super) static ALL: [Builtin; 4] = [
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

fn encoded(pass: &mut Pass<'_>, value: &Value, encode: Encode, plain: fn(&str) -> String, at: Span) -> Value {
    match value {
        Value::Str(text) => Value::Str(plain(text).into()),
        Value::Secret(parts) => Value::Secret(
            parts
                .iter()
                .map(|p| match p {
                    SecretPart::Text(text) => SecretPart::Text(plain(text).into()),
                    SecretPart::Name { name, part, .. } => {
                        SecretPart::Name { name: name.clone(), part: part.clone(), encode }
                    }
                })
                .collect(),
        ),
        other => pass.failed(at, &[other]),
    }
}

fn urlencode(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    encoded(pass, &args[0], Encode::Url, percent, at)
}

fn base64(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    if let Value::Secret(parts) = &args[0]
        && parts.len() > 1
    {
        // Base64 of a text is not the text of the base64 of its parts.
        let help = Some("encode the secret alone, outside of any text");
        return pass.fail(super::super::errors::bad_text(at, "base64 of a text around a secret", help));
    }
    encoded(pass, &args[0], Encode::Base64, sixty_four, at)
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
