//! Texts within texts of other languages, and readers that do not take every character.

use super::builtin::{Builtin, Call, Failure, Function, Made};
use super::secrets::{count, encoded_already};
use crate::data::{Encode, SecretPart, encode_within};
use crate::encode::{self, Chars, Encoder, Limit};
use crate::live::Value;
use std::sync::Arc;

const G: &str = "Texts within other languages";

const fn new(
    encoder: &Encoder,
    doc: &'static str,
    example: (&'static str, &'static str),
    run: Function,
) -> Builtin {
    Builtin::new(G, encoder.name, "(Secret) -> Secret or (Str) -> Str", doc, example, run)
}

/// The template filters of these names do the same.
pub(super) static ALL: [Builtin; 12] = [
    new(
        &encode::SQL_TEXT,
        "As a text of SQL, with its quotes.",
        ("sql_text(\"it's\")", "\"'it''s'\""),
        |call, args| encoded(call, &args[0], &encode::SQL_TEXT),
    ),
    new(
        &encode::SQL_NAME,
        "As a name of SQL, in backticks.",
        ("sql_name(\"a`b\")", "\"`a``b`\""),
        |call, args| encoded(call, &args[0], &encode::SQL_NAME),
    ),
    new(
        &encode::SQL_PATTERN,
        "As the name of a database in a GRANT, where `_` and `%` would stand for any characters.",
        ("sql_pattern(\"a_b\")", "\"`a\\\\_b`\""),
        |call, args| encoded(call, &args[0], &encode::SQL_PATTERN),
    ),
    new(
        &encode::SHELL_WORD,
        "As one word of a POSIX shell.",
        ("shell_word(\"it's\")", "\"'it'\\\\''s'\""),
        |call, args| encoded(call, &args[0], &encode::SHELL_WORD),
    ),
    new(
        &encode::HAPROXY_WORD,
        "As a word of HAProxy's configuration, or a part of one.",
        ("haproxy_word(\"a b\")", "\"\\\"a b\\\"\""),
        |call, args| encoded(call, &args[0], &encode::HAPROXY_WORD),
    ),
    new(
        &encode::PYTHON_TEXT,
        "As a text of Python, with its quotes.",
        ("python_text(\"it's\")", "\"'it\\\\'s'\""),
        |call, args| encoded(call, &args[0], &encode::PYTHON_TEXT),
    ),
    new(
        &encode::RUBY_TEXT,
        "As a text of Ruby in single quotes, as Fluentd reads them too.",
        ("ruby_text(\"it's\")", "\"'it\\\\'s'\""),
        |call, args| encoded(call, &args[0], &encode::RUBY_TEXT),
    ),
    new(
        &encode::JSON_TEXT,
        "As a text of JSON, with its quotes; YAML and TOML take it too.",
        ("json_text(\"a b\")", "\"\\\"a b\\\"\""),
        |call, args| encoded(call, &args[0], &encode::JSON_TEXT),
    ),
    new(
        &encode::XML_TEXT,
        "As text of XML, of an element or within the quotes of an attribute.",
        ("xml_text(\"a<b\")", "\"a&lt;b\""),
        |call, args| encoded(call, &args[0], &encode::XML_TEXT),
    ),
    Builtin::new(
        G,
        "ascii_for",
        "(Secret, Str) -> Secret or (Str, Str) -> Str",
        "The same, for a reader of that name that takes printable ASCII alone: what has more is refused.",
        ("ascii_for(\"abc\", \"Erlang\")", "\"abc\""),
        |call, args| limited(call, &args[0], &args[1], (Chars::Ascii, None)),
    ),
    Builtin::new(
        G,
        "line_for",
        "(Secret, Str) -> Secret or (Str, Str) -> Str",
        "The same, for a reader of that name that takes no control characters: what has one is refused.",
        ("line_for(\"abc\", \"an option file\")", "\"abc\""),
        |call, args| limited(call, &args[0], &args[1], (Chars::Line, None)),
    ),
    Builtin::new(
        G,
        "short_for",
        "(Secret, Int, Str) -> Secret or (Str, Int, Str) -> Str",
        "The same, for a reader of that name that takes so many bytes at most: what is longer is refused.",
        ("short_for(\"abc\", 255, \"Erlang\")", "\"abc\""),
        |call, args| {
            let Value::Int(most) = &args[1] else { return Err(Failure::NotOfType) };
            match u32::try_from(*most) {
                Ok(most) => limited(call, &args[0], &args[2], (Chars::All, Some(most))),
                Err(_) => Err(Failure::Text(format!("no reader takes {most} bytes at most"), None)),
            }
        },
    ),
];

fn encoded(call: &mut Call<'_>, value: &Value, encoder: &'static Encoder) -> Made {
    // JSON makes six characters of one.
    count(call, value, 6)?;
    match value {
        Value::Str(text) => match encoder.refusal(text) {
            None => Ok(Value::Str(encoder.whole(text).into())),
            Some(why) => Err(refused(why)),
        },
        Value::Secret(parts) if is_encoded(parts) => Err(encoded_already()),
        Value::Secret(parts) => encode_within(parts, encoder).map(Value::Secret).map_err(refused),
        _ => Err(Failure::NotOfType),
    }
}

fn refused(why: String) -> Failure {
    Failure::Text(why, Some("take the character out"))
}

fn is_encoded(parts: &[SecretPart]) -> bool {
    let is = |it: &SecretPart| matches!(it, SecretPart::Name { encode, .. } if *encode != Encode::Plain);
    parts.iter().any(is)
}

fn limited(
    call: &mut Call<'_>,
    value: &Value,
    reader: &Value,
    (chars, most_bytes): (Chars, Option<u32>),
) -> Made {
    let Value::Str(name) = reader else { return Err(Failure::NotOfType) };
    count(call, value, 1)?;
    let limit = Limit { reader: name.clone(), chars, most_bytes };
    let help = if most_bytes.is_some() { "make it shorter" } else { "take the character out" };
    let allowed = |text: &str| match limit.refusal(text) {
        None => Ok(()),
        Some(why) => Err(Failure::Text(why, Some(help))),
    };
    match value {
        Value::Str(text) => allowed(text).map(|()| value.clone()),
        Value::Secret(parts) if is_encoded(parts) => Err(encoded_already()),
        Value::Secret(parts) => {
            let mut limited = Vec::with_capacity(parts.len());
            for part in parts.iter() {
                limited.push(match part {
                    SecretPart::Text(text) => {
                        allowed(text)?;
                        part.clone()
                    }
                    SecretPart::Name { name, part, encode, limits } => {
                        let limits: Arc<[Limit]> = limits.iter().cloned().chain([limit.clone()]).collect();
                        SecretPart::Name {
                            name: name.clone(),
                            part: part.clone(),
                            encode: encode.clone(),
                            limits,
                        }
                    }
                });
            }
            Ok(Value::Secret(limited.into()))
        }
        _ => Err(Failure::NotOfType),
    }
}
