//! Texts, patterns, versions, digests and documents.

use super::builtin::{Builtin, Call, Failure, Made};
use crate::data::SecretPart;
use crate::live::{Template, Value};
use crate::source::FileId;
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
    )
    .whole(),
    Builtin::new(
        G,
        "template",
        "(Str, Tree) -> Tree",
        "A file made by a template; rendered later, so it has no length and no digest.",
        ("rendered(text_file(template(\"./shop.conf.j2\", { port = 80 })))", "\"listen 80\\n\""),
        template,
    ),
    Builtin::new(
        G,
        "file",
        "(Str) -> Str",
        "The text of a file beside the description.",
        ("file(\"./motd.txt\")", "\"Welcome\\n\""),
        file,
    ),
    Builtin::new(
        G,
        "to_json",
        "(Tree) -> Str",
        "A document as one line of JSON; it holds no secret.",
        ("to_json({ a = [1, \"b\"] })", "\"{\\\"a\\\":[1,\\\"b\\\"]}\""),
        to_json,
    )
    .tree(),
];

fn text(value: &Value) -> &str {
    match value {
        Value::Str(text) | Value::Version(text) => text,
        _ => "",
    }
}

/// How long a text is.
fn length(value: &Value) -> u64 {
    text(value).len() as u64
}

fn join(call: &mut Call<'_>, args: &[Value]) -> Made {
    let Value::List(all) = &args[0] else { return Err(Failure::NotOfType) };
    let between = text(&args[1]);
    // Every item may be a text of its own, and what is between them comes with each.
    let n_bytes = args[0].measure().n_bytes;
    let n_between = (all.len() as u64).saturating_mul(length(&args[1]));
    call.budget.make_text(n_bytes.saturating_add(n_between))?;
    if all.iter().any(|v| matches!(v, Value::Secret(_))) {
        call.budget.make(args[0].measure().n_values.saturating_mul(2))?;
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
        return Ok(Value::Secret(parts.into()));
    }
    Ok(Value::Str(all.iter().map(text).collect::<Vec<_>>().join(between).into()))
}

/// What each small text takes besides its bytes.
const SMALL_TEXT: u64 = 16;

fn split(call: &mut Call<'_>, args: &[Value]) -> Made {
    let (whole, between) = (text(&args[0]), text(&args[1]));
    let n_pieces = whole.matches(between).count() as u64 + 1;
    call.budget.make(n_pieces)?;
    call.budget.make_text((whole.len() as u64).saturating_add(n_pieces.saturating_mul(SMALL_TEXT)))?;
    if between.is_empty() {
        return Ok(Value::List(whole.chars().map(|c| Value::str(&c.to_string())).collect()));
    }
    Ok(Value::List(whole.split(between).map(Value::str).collect()))
}

fn replace(call: &mut Call<'_>, args: &[Value]) -> Made {
    let n_times = text(&args[0]).matches(text(&args[1])).count() as u64;
    call.budget.make_text(n_times.saturating_mul(length(&args[2])).saturating_add(length(&args[0])))?;
    Ok(Value::Str(text(&args[0]).replace(text(&args[1]), text(&args[2])).into()))
}

/// A capital letter may take three times the bytes of a small one.
const MOST_BY_CASE: u64 = 3;

fn upper(call: &mut Call<'_>, args: &[Value]) -> Made {
    call.budget.make_text(length(&args[0]).saturating_mul(MOST_BY_CASE))?;
    Ok(Value::Str(text(&args[0]).to_uppercase().into()))
}

fn lower(call: &mut Call<'_>, args: &[Value]) -> Made {
    call.budget.make_text(length(&args[0]).saturating_mul(MOST_BY_CASE))?;
    Ok(Value::Str(text(&args[0]).to_lowercase().into()))
}

fn trim(call: &mut Call<'_>, args: &[Value]) -> Made {
    call.budget.make_text(length(&args[0]))?;
    Ok(Value::str(text(&args[0]).trim()))
}

fn starts_with(_: &mut Call<'_>, args: &[Value]) -> Made {
    Ok(Value::Bool(text(&args[0]).starts_with(text(&args[1]))))
}

fn ends_with(_: &mut Call<'_>, args: &[Value]) -> Made {
    Ok(Value::Bool(text(&args[0]).ends_with(text(&args[1]))))
}

fn contains(_: &mut Call<'_>, args: &[Value]) -> Made {
    Ok(Value::Bool(text(&args[0]).contains(text(&args[1]))))
}

/// How large a compiled pattern may be, in bytes: the one that is enough is what compiling and matching are counted by.
const PATTERN_SIZES: [u64; 4] = [4 << 10, 32 << 10, 256 << 10, 1 << 20];

/// How much of compiled patterns is kept, each counted with what it takes at least.
const KEPT_PATTERNS: u64 = 64 << 20;
const LEAST_KEPT: u64 = 32 << 10;

/// A compiled pattern and which of the sizes was enough.
#[derive(Clone)]
struct Pattern {
    regex: Arc<regex::Regex>,
    size: u64,
}

/// Bytes that a compiled pattern takes for each time that something is repeated: characters of ASCII, or of all languages.
const REPEATED: u64 = 96;
const REPEATED_WIDE: u64 = 1500;

/// The first of the sizes to try: what a pattern repeats tells whether a smaller one would be tried for nothing.
fn first_size(pattern: &str) -> usize {
    let (mut n_times, mut is_wide, mut in_class) = (0u64, false, false);
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => is_wide |= matches!(rest.next(), Some('w' | 'W' | 'd' | 'D' | 's' | 'S' | 'p' | 'P')),
            '[' if !in_class => {
                in_class = true;
                is_wide |= rest.as_str().starts_with('^');
            }
            ']' => in_class = false,
            '.' if !in_class => is_wide = true,
            '{' if !in_class => {
                let bounds = rest.as_str().split('}').next().unwrap_or_default();
                let most = bounds.rsplit(',').find_map(|it| it.parse::<u64>().ok());
                n_times = n_times.saturating_add(most.unwrap_or(0));
            }
            _ => {}
        }
    }
    let n_bytes = n_times.saturating_mul(if is_wide { REPEATED_WIDE } else { REPEATED });
    PATTERN_SIZES.iter().position(|size| *size >= n_bytes).unwrap_or(PATTERN_SIZES.len() - 1)
}

/// Patterns are few and asked for often, so each is compiled once.
fn compiled(pattern: &str) -> Result<Pattern, regex::Error> {
    static KNOWN: OnceLock<Mutex<(BTreeMap<String, Pattern>, u64)>> = OnceLock::new();
    let known =
        || KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(found) = known().0.get(pattern) {
        return Ok(found.clone());
    }
    let anchored = format!("^(?:{pattern})$");
    let mut made = Err(regex::Error::CompiledTooBig(0));
    for size in PATTERN_SIZES.into_iter().skip(first_size(pattern)) {
        made = regex::RegexBuilder::new(&anchored)
            .size_limit(size as usize)
            .build()
            .map(|regex| Pattern { regex: Arc::new(regex), size });
        if !matches!(made, Err(regex::Error::CompiledTooBig(_))) {
            break;
        }
    }
    let made = made?;
    let mut known = known();
    let kept = known.1 + made.size + LEAST_KEPT;
    if kept <= KEPT_PATTERNS && known.0.insert(pattern.to_string(), made.clone()).is_none() {
        known.1 = kept;
    }
    Ok(made)
}

fn matches(call: &mut Call<'_>, args: &[Value]) -> Made {
    let (whole, pattern) = (text(&args[0]), text(&args[1]));
    match compiled(pattern) {
        Ok(found) => {
            // Whether it was compiled before depends on other threads, so only what the description itself names is free.
            let compiling = if call.patterns.contains(pattern) { 0 } else { found.size / 4 };
            let matching = (whole.len() as u64).saturating_mul(found.size / 2048);
            call.budget.work(compiling.saturating_add(matching))?;
            Ok(Value::Bool(found.regex.is_match(whole)))
        }
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(Failure::LargePattern(PATTERN_SIZES[PATTERN_SIZES.len() - 1] >> 20))
        }
        Err(why) => {
            let why = why.to_string();
            let why = why.lines().last().unwrap_or("").trim().trim_start_matches("error: ");
            Err(Failure::Text(format!("this regular expression cannot be read: {why}"), None))
        }
    }
}

fn basename(call: &mut Call<'_>, args: &[Value]) -> Made {
    call.budget.make_text(length(&args[0]))?;
    Ok(Value::str(text(&args[0]).rsplit('/').next().unwrap_or("")))
}

fn dirname(call: &mut Call<'_>, args: &[Value]) -> Made {
    call.budget.make_text(length(&args[0]))?;
    Ok(match text(&args[0]).rsplit_once('/') {
        Some(("", _)) => Value::str("/"),
        Some((dir, _)) => Value::str(dir),
        None => Value::str("."),
    })
}

fn version(_: &mut Call<'_>, args: &[Value]) -> Made {
    let whole = text(&args[0]);
    if whole.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(Value::Version(whole.into()));
    }
    let help = Some("a version begins with a number, as in `5.4`");
    Err(Failure::Text(format!("`{whole}` is not a version"), help))
}

/// Steps that writing one value as text takes.
const WRITING: u64 = 8;

fn digest(call: &mut Call<'_>, args: &[Value]) -> Made {
    let measure = args[0].measure();
    call.budget.work(measure.n_values.saturating_mul(WRITING).saturating_add(measure.n_bytes / 8))?;
    let mut bytes = Vec::new();
    canonical(&args[0], &mut bytes);
    let full = Sha256::digest(&bytes);
    Ok(Value::Str(full.iter().take(8).map(|b| format!("{b:02x}")).collect::<String>().into()))
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
            let plain = super::super::format::plain(other);
            out.extend(format!("{}:{plain};", plain.len()).bytes());
        }
    }
}

fn template(call: &mut Call<'_>, args: &[Value]) -> Made {
    let (Value::Str(name), Value::Str(text), Value::Int(file)) = (&args[0], &args[1], &args[2]) else {
        return Err(Failure::NotOfType);
    };
    Ok(Value::Template(Arc::new(Template {
        name: name.clone(),
        text: text.clone(),
        file: FileId(*file as u16),
        value: args[3].clone(),
        at: call.at,
    })))
}

fn file(_: &mut Call<'_>, args: &[Value]) -> Made {
    Ok(args[0].clone())
}

fn to_json(call: &mut Call<'_>, args: &[Value]) -> Made {
    let measure = args[0].measure();
    // A character that is written as its number takes six.
    let n_bytes = measure.n_values.saturating_mul(24).saturating_add(measure.n_bytes.saturating_mul(6));
    call.budget.work(measure.n_values.saturating_mul(WRITING))?;
    call.budget.make_text(n_bytes)?;
    let mut out = String::new();
    json(&args[0], &mut out).map_err(|what| {
        let help = Some("make it a file of its own, which may hold it");
        Failure::Text(format!("{what} cannot become a text"), help)
    })?;
    Ok(Value::Str(out.into()))
}

fn json(value: &Value, out: &mut String) -> Result<(), &'static str> {
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => out.push_str(&super::super::format::plain(value)),
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
        other => quoted(&super::super::format::plain(other), out),
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
