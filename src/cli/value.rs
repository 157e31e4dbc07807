//! Values as `eval` prints them: in the language for people, in JSON for programs.

use kl::data::{Data, DataKind, Encode, SecretPart};
use kl::value::show;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::fmt::Write as _;

/// A value that serializes as JSON: addresses, keys, durations and sizes are texts, a variant with a payload is an
/// object of one key, a secret is an object that names it.
#[derive(Debug)]
pub struct Json<'a>(pub &'a Data);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match &self.0.kind {
            DataKind::Error(_) | DataKind::None => out.serialize_none(),
            DataKind::Bool(b) => out.serialize_bool(*b),
            DataKind::Int(n) => out.serialize_i64(*n),
            DataKind::Float(n) => out.serialize_f64(*n),
            DataKind::Str(text) | DataKind::Key(text) => out.serialize_str(text),
            DataKind::Ip(ip) => out.collect_str(ip),
            DataKind::Cidr(net) => out.collect_str(net),
            DataKind::Duration(ms) => out.serialize_str(&show::duration(*ms)),
            DataKind::Size(bytes) => out.serialize_str(&show::size(*bytes)),
            DataKind::Enum(name, payload) if payload.is_empty() => out.serialize_str(name),
            DataKind::Enum(name, payload) => {
                let mut map = out.serialize_map(Some(1))?;
                map.serialize_entry(&**name, &Fields(payload))?;
                map.end()
            }
            DataKind::Secret(parts) => {
                let mut map = out.serialize_map(Some(1))?;
                map.serialize_entry("secret", &secret(parts))?;
                map.end()
            }
            DataKind::List(all) | DataKind::Set(all) => {
                let mut seq = out.serialize_seq(Some(all.len()))?;
                for item in all.iter() {
                    seq.serialize_element(&Json(item))?;
                }
                seq.end()
            }
            DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) => Fields(all).serialize(out),
            DataKind::Template(call) => {
                let mut map = out.serialize_map(Some(2))?;
                map.serialize_entry("template", &*call.name)?;
                map.serialize_entry("value", &Json(&call.value))?;
                map.end()
            }
        }
    }
}

struct Fields<'a>(&'a [(std::sync::Arc<str>, Data)]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(&**key, &Json(value))?;
        }
        map.end()
    }
}

/// A secret as it may be shown: by name.
fn secret(parts: &[SecretPart]) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            SecretPart::Text(text) => out.push_str(text),
            SecretPart::Name { name, part, encode } => {
                let part = part.as_ref().map_or(String::new(), |p| format!("#{p}"));
                let encode = match encode {
                    Encode::Plain => "",
                    Encode::Url => " urlencoded",
                    Encode::Base64 => " base64",
                    Encode::Escape(_) => " escaped",
                };
                let _ = write!(out, "<secret {name}{part}{encode}>");
            }
        }
    }
    out
}

/// A value in the language, over several lines where it is long.
pub fn text(data: &Data) -> String {
    let mut out = String::new();
    write(data, 0, &mut out);
    out
}

fn write(data: &Data, depth: usize, out: &mut String) {
    match &data.kind {
        DataKind::Error(_) => out.push('?'),
        DataKind::None => out.push_str("none"),
        DataKind::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        DataKind::Int(n) => out.push_str(&n.to_string()),
        DataKind::Float(n) => out.push_str(&show::float(*n)),
        DataKind::Str(text) => out.push_str(&quoted(text)),
        DataKind::Ip(ip) => out.push_str(&ip.to_string()),
        DataKind::Cidr(net) => out.push_str(&net.to_string()),
        DataKind::Duration(ms) => out.push_str(&show::duration(*ms)),
        DataKind::Size(bytes) => out.push_str(&show::size(*bytes)),
        DataKind::Key(name) => out.push_str(&key_literal(name)),
        DataKind::Enum(name, payload) => {
            out.push('.');
            out.push_str(name);
            if !payload.is_empty() {
                out.push('(');
                for (i, (name, value)) in payload.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    out.push_str(&format!("{name} = "));
                    write(value, depth, out);
                }
                out.push(')');
            }
        }
        DataKind::Secret(parts) => out.push_str(&secret(parts)),
        DataKind::List(all) | DataKind::Set(all) => {
            out.push('[');
            for (i, item) in all.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write(item, depth, out);
            }
            out.push(']');
        }
        DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) => {
            if all.is_empty() {
                return out.push_str("{}");
            }
            out.push_str("{\n");
            for (key, value) in all.iter() {
                out.push_str(&"  ".repeat(depth + 1));
                out.push_str(&word(key));
                out.push_str(" = ");
                write(value, depth + 1, out);
                out.push('\n');
            }
            out.push_str(&"  ".repeat(depth));
            out.push('}');
        }
        DataKind::Template(call) => {
            out.push_str(&format!("template({}, ", quoted(&call.name)));
            write(&call.value, depth, out);
            out.push(')');
        }
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '$' => out.push_str("\\$"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn word(key: &str) -> String {
    let mut out = String::new();
    kl::value::show::push_step(&mut out, key);
    out
}

fn key_literal(name: &str) -> String {
    let word = word(name);
    if word.starts_with('"') { word } else { format!(".{word}") }
}
