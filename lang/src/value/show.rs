//! How values are written as text: in the language, for people.

use crate::data::{Data, DataKind, Encode, SecretPart};
use std::fmt::Write as _;

pub use super::format::push_step;
pub use super::format::{duration, float, ipv4, size};

/// The longest text that [`short`] gives, in characters.
const SHORT: usize = 48;

/// A value in the language, if it takes no more than a part of a line.
pub fn short(data: &Data) -> Option<String> {
    let has_lines = matches!(&data.kind, DataKind::Str(text) if text.contains('\n'));
    Some(text(data)).filter(|it| !has_lines && it.chars().count() <= SHORT && !it.contains('\n'))
}

/// A secret as it may be shown: by name.
pub fn secret(parts: &[SecretPart]) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            SecretPart::Text(text) => out.push_str(text),
            SecretPart::Name { name, part, encode, limits: _ } => {
                let part = part.as_ref().map_or(String::new(), |p| format!("#{p}"));
                let encode = match encode {
                    Encode::Plain => "",
                    Encode::Url => " urlencoded",
                    Encode::Base64 => " base64",
                    Encode::Escape(_) => " escaped",
                    Encode::Within(encoder) => &format!(" {}", encoder.name),
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
        DataKind::Float(n) => out.push_str(&float(*n)),
        DataKind::Str(text) => out.push_str(&quoted(text)),
        DataKind::Ip(ip) => out.push_str(&ip.to_string()),
        DataKind::Cidr(net) => out.push_str(&net.to_string()),
        DataKind::Duration(ms) => out.push_str(&duration(*ms)),
        DataKind::Size(bytes) => out.push_str(&size(*bytes)),
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
    push_step(&mut out, key);
    out
}

fn key_literal(name: &str) -> String {
    let word = word(name);
    if word.starts_with('"') { word } else { format!(".{word}") }
}
