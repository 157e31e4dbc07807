//! Texts, patterns, versions, digests and documents.

use super::super::errors;
use super::super::pass::Pass;
use super::Builtin;
use crate::data::SecretPart;
use crate::live::{Template, Value};
use crate::source::Span;
use crate::types::ty::TyId;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

const G: &str = "Texts";

pub(super) static ALL: [Builtin; 17] = [
    Builtin::new(
        G,
        "join",
        "([Str], Str) -> Str or ([Secret], Str) -> Secret",
        "One text of many, with another between them.",
        ("join([\"a\", \"b\"], \", \")", "\"a, b\""),
        join,
    ),
    Builtin::new(
        G,
        "split",
        "(Str, Str) -> [Str]",
        "The pieces of a text between another.",
        ("split(\"a,b\", \",\")", "[\"a\", \"b\"]"),
        split,
    ),
    Builtin::new(
        G,
        "replace",
        "(Str, Str, Str) -> Str",
        "The text with every occurrence of the second replaced by the third.",
        ("replace(\"a_b\", \"_\", \"-\")", "\"a-b\""),
        replace,
    ),
    Builtin::new(G, "upper", "(Str) -> Str", "In capital letters.", ("upper(\"ab\")", "\"AB\""), upper),
    Builtin::new(G, "lower", "(Str) -> Str", "In small letters.", ("lower(\"AB\")", "\"ab\""), lower),
    Builtin::new(
        G,
        "trim",
        "(Str) -> Str",
        "Without white space at both ends.",
        ("trim(\" a \")", "\"a\""),
        trim,
    ),
    Builtin::new(
        G,
        "starts_with",
        "(Str, Str) -> Bool",
        "Whether a text begins with another.",
        ("starts_with(\"/etc\", \"/\")", "true"),
        starts_with,
    ),
    Builtin::new(
        G,
        "ends_with",
        "(Str, Str) -> Bool",
        "Whether a text ends with another.",
        ("ends_with(\"a.conf\", \".conf\")", "true"),
        ends_with,
    ),
    Builtin::new(
        G,
        "contains",
        "(Str, Str) -> Bool",
        "Whether a text holds another.",
        ("contains(\"abc\", \"b\")", "true"),
        contains,
    ),
    Builtin::new(
        G,
        "matches",
        "(Str, Str) -> Bool",
        "Whether the whole text matches a regular expression.",
        ("matches(\"ctl01\", '[a-z]+[0-9]+')", "true"),
        matches,
    ),
    Builtin::new(
        G,
        "basename",
        "(Str) -> Str",
        "What follows the last `/`.",
        ("basename(\"/dev/sdb\")", "\"sdb\""),
        basename,
    ),
    Builtin::new(
        G,
        "dirname",
        "(Str) -> Str",
        "What precedes the last `/`.",
        ("dirname(\"/dev/sdb\")", "\"/dev\""),
        dirname,
    ),
    Builtin::new(
        G,
        "version",
        "(Str) -> Version",
        "A version, which compares by its numbers.",
        ("version(\"5.10\") > version(\"5.4\")", "true"),
        version,
    ),
    Builtin::new(
        G,
        "digest",
        "(T) -> Str",
        "The first 16 hex digits of the SHA-256 of a value that holds no secret.",
        ("digest([\"a\"]) == digest([\"a\"])", "true"),
        digest,
    ),
    Builtin::new(
        G,
        "template",
        "(Str, Tree) -> Tree",
        "A file made by a template; rendered later, so it has no length and no digest.",
        ("1", "1"),
        template,
    ),
    Builtin::new(G, "file", "(Str) -> Str", "The text of a file beside the description.", ("1", "1"), file),
    Builtin::new(
        G,
        "to_json",
        "(Tree) -> Str",
        "A document as one line of JSON; it holds no secret.",
        ("to_json({ a = [1, \"b\"] })", "\"{\\\"a\\\":[1,\\\"b\\\"]}\""),
        to_json,
    ),
];

fn text(value: &Value) -> &str {
    match value {
        Value::Str(text) | Value::Version(text) => text,
        _ => "",
    }
}

fn join(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let Value::List(all) = &args[0] else { return pass.failed(at, &[&args[0], &args[1]]) };
    let between = text(&args[1]);
    if all.iter().any(|v| matches!(v, Value::Secret(_))) {
        let mut parts: Vec<SecretPart> = Vec::new();
        for (i, item) in all.iter().enumerate() {
            if i > 0 && !between.is_empty() {
                parts.push(SecretPart::Text(between.into()));
            }
            match item {
                Value::Secret(inner) => parts.extend(inner.iter().cloned()),
                other => parts.push(SecretPart::Text(text(other).into())),
            }
        }
        return Value::Secret(parts.into());
    }
    Value::Str(all.iter().map(text).collect::<Vec<_>>().join(between).into())
}

fn split(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    let (whole, between) = (text(&args[0]), text(&args[1]));
    if between.is_empty() {
        return Value::List(whole.chars().map(|c| Value::str(&c.to_string())).collect());
    }
    Value::List(whole.split(between).map(Value::str).collect())
}

fn replace(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    Value::Str(text(&args[0]).replace(text(&args[1]), text(&args[2])).into())
}

fn upper(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    Value::Str(text(&args[0]).to_uppercase().into())
}

fn lower(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    Value::Str(text(&args[0]).to_lowercase().into())
}

fn trim(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    Value::str(text(&args[0]).trim())
}

fn starts_with(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    Value::Bool(text(&args[0]).starts_with(text(&args[1])))
}

fn ends_with(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    Value::Bool(text(&args[0]).ends_with(text(&args[1])))
}

fn contains(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    Value::Bool(text(&args[0]).contains(text(&args[1])))
}

/// Patterns are few and asked for often, so each is compiled once.
fn compiled(pattern: &str) -> Result<Arc<regex::Regex>, String> {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, Arc<regex::Regex>>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let mut known = known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(found) = known.get(pattern) {
        return Ok(found.clone());
    }
    let made = regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(1 << 20)
        .build()
        .map_err(|e| e.to_string())?;
    let made = Arc::new(made);
    known.insert(pattern.to_string(), made.clone());
    Ok(made)
}

fn matches(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    match compiled(text(&args[1])) {
        Ok(pattern) => Value::Bool(pattern.is_match(text(&args[0]))),
        Err(why) => {
            let why = why.lines().last().unwrap_or("").trim().trim_start_matches("error: ").to_string();
            pass.fail(errors::bad_text(at, format!("this regular expression cannot be read: {why}"), None))
        }
    }
}

fn basename(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    Value::str(text(&args[0]).rsplit('/').next().unwrap_or(""))
}

fn dirname(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    match text(&args[0]).rsplit_once('/') {
        Some(("", _)) => Value::str("/"),
        Some((dir, _)) => Value::str(dir),
        None => Value::str("."),
    }
}

fn version(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let whole = text(&args[0]);
    if whole.starts_with(|c: char| c.is_ascii_digit()) {
        return Value::Version(whole.into());
    }
    pass.fail(errors::bad_text(
        at,
        format!("`{whole}` is not a version"),
        Some("a version begins with a number, as in `5.4`"),
    ))
}

fn digest(pass: &mut Pass<'_>, args: &[Value], types: &[TyId], _: Span) -> Value {
    let settled = match types.first() {
        Some(ty) => pass.settle(&args[0], *ty),
        None => args[0].clone(),
    };
    let mut bytes = Vec::new();
    canonical(&settled, &mut bytes);
    let full = Sha256::digest(&bytes);
    Value::Str(full.iter().take(8).map(|b| format!("{b:02x}")).collect::<String>().into())
}

/// Bytes that are equal exactly for equal values.
fn canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::List(all) => {
            out.extend(format!("[{}:", all.len()).bytes());
            all.iter().for_each(|v| canonical(v, out));
        }
        Value::Dict(dict) => {
            out.extend(format!("{{{}:", dict.entries.len()).bytes());
            for entry in &dict.entries {
                out.extend(format!("{}:{}", entry.key.len(), entry.key).bytes());
                canonical(&entry.value, out);
            }
        }
        Value::Enum(index, payload) => {
            out.extend(format!("e{index}").bytes());
            payload.iter().flat_map(|p| p.iter()).for_each(|v| canonical(v, out));
        }
        other => {
            let plain = super::super::settle::plain(other);
            out.extend(format!("{}:{plain};", plain.len()).bytes());
        }
    }
}

fn template(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let (Value::Str(name), Value::Str(text), Value::Int(start)) = (&args[0], &args[1], &args[2]) else {
        return pass.failed(at, &[&args[0], &args[1]]);
    };
    Value::Template(Arc::new(Template {
        name: name.clone(),
        text: text.clone(),
        start: *start as u32,
        value: args[3].clone(),
        at,
    }))
}

fn file(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    args[0].clone()
}

fn to_json(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let settled = pass.settle(&args[0], TyId::TREE);
    let mut out = String::new();
    match json(&settled, &mut out) {
        Ok(()) => Value::Str(out.into()),
        Err(what) => pass.fail(errors::bad_text(
            at,
            format!("{what} cannot become a text"),
            Some("make it a file of its own, which may hold it"),
        )),
    }
}

fn json(value: &Value, out: &mut String) -> Result<(), &'static str> {
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => out.push_str(&super::super::settle::plain(value)),
        Value::List(all) => {
            out.push('[');
            for (i, item) in all.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                json(item, out)?;
            }
            out.push(']');
        }
        Value::Dict(dict) => {
            out.push('{');
            for (i, entry) in dict.entries.iter().filter(|e| !matches!(e.value, Value::None)).enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quoted(&entry.key, out);
                out.push(':');
                json(&entry.value, out)?;
            }
            out.push('}');
        }
        Value::Secret(_) => return Err("a secret"),
        Value::Template(_) => return Err("a template"),
        other => quoted(&super::super::settle::plain(other), out),
    }
    Ok(())
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}
