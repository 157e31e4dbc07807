//! Secrets: names now, texts on the host.

use super::super::budget::Exceeded;
use super::builtin::{Builtin, Call, Failure, Made};
use crate::data::{Encode, SecretPart, encode_secret};
use crate::live::Value;
use std::sync::Arc;

const G: &str = "Secrets";

pub(super) static ALL: [Builtin; 5] = [
    Builtin::new(
        G,
        "secret",
        "(Str) -> Secret",
        "The secret of a name; it is filled in on the host.",
        ("rendered(text_file(secret(\"shop/db\")))", "\"<secret shop/db>\""),
        secret,
    ),
    Builtin::new(
        G,
        "secret_part",
        "(Str, Str) -> Secret",
        "One part of a secret that has several, like the `key` of a certificate.",
        ("rendered(text_file(secret_part(\"shop/tls\", \"key\")))", "\"<secret shop/tls.key>\""),
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

fn secret(_: &mut Call<'_>, args: &[Value]) -> Made {
    match &args[0] {
        Value::Str(name) => Ok(secret_value(name, None)),
        _ => Err(Failure::NotOfType),
    }
}

fn secret_part(_: &mut Call<'_>, args: &[Value]) -> Made {
    match (&args[0], &args[1]) {
        (Value::Str(name), Value::Str(part)) => Ok(secret_value(name, Some(part.clone()))),
        _ => Err(Failure::NotOfType),
    }
}

fn encoded(call: &mut Call<'_>, value: &Value, encode: &Encode, plain: impl Fn(&str) -> String) -> Made {
    // Percent-encoding makes three characters of one.
    count(call, value, 3)?;
    match value {
        Value::Str(text) => Ok(Value::Str(plain(text).into())),
        Value::Secret(parts) => {
            encode_secret(parts, encode, plain).map(Value::Secret).ok_or_else(encoded_already)
        }
        _ => Err(Failure::NotOfType),
    }
}

/// Counts what encoding makes, where one byte becomes up to so many.
pub(super) fn count(call: &mut Call<'_>, value: &Value, times: u64) -> Result<(), Exceeded> {
    let n_bytes = |text: &str| (text.len() as u64).saturating_mul(times);
    match value {
        Value::Str(text) => call.budget.make_text(n_bytes(text)),
        Value::Secret(parts) => parts.iter().try_for_each(|part| match part {
            SecretPart::Text(text) => call.budget.make_text(n_bytes(text)),
            SecretPart::Name { .. } => call.budget.make(1),
        }),
        _ => Ok(()),
    }
}

pub(super) fn encoded_already() -> Failure {
    let help = Some("encode each secret once, where it goes into its text");
    Failure::Text("this secret is encoded already".into(), help)
}

fn urlencode(call: &mut Call<'_>, args: &[Value]) -> Made {
    encoded(call, &args[0], &Encode::Url, percent)
}

fn base64(call: &mut Call<'_>, args: &[Value]) -> Made {
    if let Value::Secret(parts) = &args[0]
        && parts.len() > 1
    {
        // Base64 of a text is not the text of the base64 of its parts.
        let help = Some("encode the secret alone, outside of any text");
        return Err(Failure::Text("base64 of a text around a secret".into(), help));
    }
    encoded(call, &args[0], &Encode::Base64, sixty_four)
}

fn escape(call: &mut Call<'_>, args: &[Value]) -> Made {
    let Value::Str(which) = &args[1] else { return Err(Failure::NotOfType) };
    encoded(call, &args[0], &Encode::Escape(which.clone()), |text| {
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

/// A secret by name.
fn secret_value(name: &Arc<str>, part: Option<Arc<str>>) -> Value {
    Value::Secret(Arc::from([SecretPart::Name {
        name: name.clone(),
        part,
        encode: Encode::Plain,
        limits: Arc::from([]),
    }]))
}
