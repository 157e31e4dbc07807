//! Values in JSON, as `eval` prints them for programs. How they are written in the language is the language's own business.

use kl::data::{Data, DataKind};
use kl::value::show;
use serde::Serialize;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

/// Appends a value as JSON: addresses, keys, durations and sizes are texts, a variant with a payload is an object of one key, a
/// secret is an object that names it.
pub fn write_json(out: &mut Vec<u8>, data: &Data) {
    match &data.kind {
        DataKind::Error(_) | DataKind::None => out.extend_from_slice(b"null"),
        DataKind::Bool(true) => out.extend_from_slice(b"true"),
        DataKind::Bool(false) => out.extend_from_slice(b"false"),
        DataKind::Int(n) => write_plain(out, n),
        DataKind::Float(n) => write_plain(out, n),
        DataKind::Str(text) | DataKind::Key(text) => write_text(out, text),
        DataKind::Ip(IpAddr::V4(ip)) => {
            out.push(b'"');
            show::ipv4(*ip, |byte| out.push(byte));
            out.push(b'"');
        }
        // Writing into memory cannot fail.
        DataKind::Ip(ip) => drop(write!(out, "\"{ip}\"")),
        DataKind::Cidr(net) => drop(write!(out, "\"{net}\"")),
        DataKind::Duration(ms) => write_text(out, &show::duration(*ms)),
        DataKind::Size(bytes) => write_text(out, &show::size(*bytes)),
        DataKind::Enum(name, payload) if payload.is_empty() => write_name(out, name),
        DataKind::Enum(name, payload) => write_entry(out, name, |out| write_entries(out, payload)),
        DataKind::Secret(parts) => write_entry(out, "secret", |out| write_text(out, &show::secret(parts))),
        DataKind::List(all) | DataKind::Set(all) => {
            out.push(b'[');
            for (i, item) in all.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_json(out, item);
            }
            out.push(b']');
        }
        DataKind::Record(all) | DataKind::Map(all) | DataKind::Tree(all) => write_entries(out, all),
        DataKind::Template(call) => {
            out.extend_from_slice(b"{\"template\":");
            write_text(out, &call.name);
            out.extend_from_slice(b",\"value\":");
            write_json(out, &call.value);
            out.push(b'}');
        }
    }
}

fn write_entries(out: &mut Vec<u8>, all: &[(Arc<str>, Data)]) {
    out.push(b'{');
    for (i, (key, value)) in all.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_text(out, key);
        out.push(b':');
        write_json(out, value);
    }
    out.push(b'}');
}

/// An object of one key.
fn write_entry(out: &mut Vec<u8>, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'{');
    write_text(out, key);
    out.push(b':');
    write(out);
    out.push(b'}');
}

/// Appends a text as JSON.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    match has_escapes(text.as_bytes()) {
        true => write_plain(out, text),
        false => write_name(out, text),
    }
}

/// Appends the name of a variant, or another text of which nothing has to be escaped.
fn write_name(out: &mut Vec<u8>, name: &str) {
    out.reserve(name.len() + 2);
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
}

/// Whether a text has control characters, quotes or backslashes. Eight bytes are looked at at once, for there is seldom one.
fn has_escapes(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else {
        return text.iter().any(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\');
    };
    let (words, _) = text.as_chunks();
    words.iter().fold(word_escapes(last), |found, word| found | word_escapes(word))
}

/// The same of eight bytes.
fn word_escapes(word: &[u8; 8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(*word);
    // Whether any byte of a word is less than 32, or is a certain one.
    let is_less = word.wrapping_sub(ONES * 32) & !word & HIGH != 0;
    let has = |byte: u8| {
        let word = word ^ (ONES * u64::from(byte));
        word.wrapping_sub(ONES) & !word & HIGH != 0
    };
    is_less | has(b'"') | has(b'\\')
}

fn write_plain(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Writing a number or a text into memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_as_the_library_writes_it() {
        for byte in 0..=255u8 {
            for at in [0, 3, 7, 8, 9, 15, 16] {
                let mut text = "plain text of two words".to_owned();
                text.insert(at, char::from(byte));
                let mut out = Vec::new();
                write_text(&mut out, &text);
                assert_eq!(String::from_utf8(out).ok(), serde_json::to_string(&text).ok(), "{byte} at {at}");
            }
        }
    }
}
