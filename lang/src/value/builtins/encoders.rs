//! Texts within texts of other languages, and readers that do not take every character.

use super::super::budget::within;
use super::super::errors;
use super::super::pass::Pass;
use super::secrets::{count, encoded_already};
use super::{Builtin, Run};
use crate::data::{Encode, SecretPart, encode_within};
use crate::encode::{self, Chars, Encoder, Limit};
use crate::live::Value;
use crate::source::Span;
use std::sync::Arc;

const G: &str = "Texts within other languages";

const fn new(
    encoder: &Encoder,
    doc: &'static str,
    example: (&'static str, &'static str),
    run: Run,
) -> Builtin {
    Builtin::new(G, encoder.name, "(Secret) -> Secret or (Str) -> Str", doc, example, run)
}

/// The template filters of these names do the same.
pub(super) static ALL: [Builtin; 11] = [
    new(
        &encode::SQL_TEXT,
        "As a text of SQL, with its quotes.",
        ("sql_text(\"it's\")", "\"'it''s'\""),
        |pass, args, _, at| encoded(pass, &args[0], at, &encode::SQL_TEXT),
    ),
    new(
        &encode::SQL_NAME,
        "As a name of SQL, in backticks.",
        ("sql_name(\"a`b\")", "\"`a``b`\""),
        |pass, args, _, at| encoded(pass, &args[0], at, &encode::SQL_NAME),
    ),
    new(
        &encode::SQL_PATTERN,
        "As the name of a database in a GRANT, where `_` and `%` would stand for any characters.",
        ("sql_pattern(\"a_b\")", "\"`a\\\\_b`\""),
        |pass, args, _, at| encoded(pass, &args[0], at, &encode::SQL_PATTERN),
    ),
    new(
        &encode::SHELL_WORD,
        "As one word of a POSIX shell.",
        ("shell_word(\"it's\")", "\"'it'\\\\''s'\""),
        |pass, args, _, at| encoded(pass, &args[0], at, &encode::SHELL_WORD),
    ),
    new(
        &encode::HAPROXY_WORD,
        "As a word of HAProxy's configuration, or a part of one.",
        ("haproxy_word(\"a b\")", "\"\\\"a b\\\"\""),
        |pass, args, _, at| encoded(pass, &args[0], at, &encode::HAPROXY_WORD),
    ),
    new(
        &encode::PYTHON_TEXT,
        "As a text of Python, with its quotes.",
        ("python_text(\"it's\")", "\"'it\\\\'s'\""),
        |pass, args, _, at| encoded(pass, &args[0], at, &encode::PYTHON_TEXT),
    ),
    new(
        &encode::RUBY_TEXT,
        "As a text of Ruby in single quotes, as Fluentd reads them too.",
        ("ruby_text(\"it's\")", "\"'it\\\\'s'\""),
        |pass, args, _, at| encoded(pass, &args[0], at, &encode::RUBY_TEXT),
    ),
    new(
        &encode::JSON_TEXT,
        "As a text of JSON, with its quotes; YAML and TOML take it too.",
        ("json_text(\"a b\")", "\"\\\"a b\\\"\""),
        |pass, args, _, at| encoded(pass, &args[0], at, &encode::JSON_TEXT),
    ),
    new(
        &encode::XML_TEXT,
        "As text of XML, of an element or within the quotes of an attribute.",
        ("xml_text(\"a<b\")", "\"a&lt;b\""),
        |pass, args, _, at| encoded(pass, &args[0], at, &encode::XML_TEXT),
    ),
    Builtin::new(
        G,
        "ascii_for",
        "(Secret, Str) -> Secret or (Str, Str) -> Str",
        "The same, for a reader of that name that takes printable ASCII alone: what has more is refused.",
        ("ascii_for(\"abc\", \"Erlang\")", "\"abc\""),
        |pass, args, _, at| limited(pass, args, at, Chars::Ascii),
    ),
    Builtin::new(
        G,
        "line_for",
        "(Secret, Str) -> Secret or (Str, Str) -> Str",
        "The same, for a reader of that name that takes no control characters: what has one is refused.",
        ("line_for(\"abc\", \"an option file\")", "\"abc\""),
        |pass, args, _, at| limited(pass, args, at, Chars::Line),
    ),
];

fn encoded(pass: &mut Pass<'_>, value: &Value, at: Span, encoder: &'static Encoder) -> Value {
    // JSON makes six characters of one.
    within!(count(pass, value, 6, at));
    let refused = |why: String| errors::bad_text(at, why, Some("take the character out"));
    match value {
        Value::Str(text) => match encoder.refusal(text) {
            None => Value::Str(encoder.whole(text).into()),
            Some(why) => pass.fail(refused(why)),
        },
        Value::Secret(parts) if is_encoded(parts) => encoded_already(pass, at),
        Value::Secret(parts) => match encode_within(parts, encoder) {
            Ok(parts) => Value::Secret(parts),
            Err(why) => pass.fail(refused(why)),
        },
        other => pass.failed(at, &[other]),
    }
}

fn is_encoded(parts: &[SecretPart]) -> bool {
    let is = |it: &SecretPart| matches!(it, SecretPart::Name { encode, .. } if *encode != Encode::Plain);
    parts.iter().any(is)
}

fn limited(pass: &mut Pass<'_>, args: &[Value], at: Span, chars: Chars) -> Value {
    let Value::Str(reader) = &args[1] else { return pass.failed(at, &[&args[1]]) };
    within!(count(pass, &args[0], 1, at));
    let refused = |text: &str| {
        let why = chars.first_other(text).map(|c| encode::refusal(reader, chars, c));
        why.map(|why| errors::bad_text(at, why, Some("take the character out")))
    };
    match &args[0] {
        Value::Str(text) => match refused(text) {
            None => args[0].clone(),
            Some(report) => pass.fail(report),
        },
        Value::Secret(parts) if is_encoded(parts) => encoded_already(pass, at),
        Value::Secret(parts) => {
            let mut limited = Vec::with_capacity(parts.len());
            for part in parts.iter() {
                limited.push(match part {
                    SecretPart::Text(text) => match refused(text) {
                        None => part.clone(),
                        Some(report) => return pass.fail(report),
                    },
                    SecretPart::Name { name, part, encode, limits } => {
                        let limit = Limit { reader: reader.clone(), chars };
                        let limits: Arc<[Limit]> = limits.iter().cloned().chain([limit]).collect();
                        SecretPart::Name {
                            name: name.clone(),
                            part: part.clone(),
                            encode: encode.clone(),
                            limits,
                        }
                    }
                });
            }
            Value::Secret(limited.into())
        }
        other => pass.failed(at, &[other]),
    }
}
