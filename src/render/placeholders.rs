//! Placeholders that travel through a writer inside texts: where a secret goes in, and which leaf stands on which line.
//!
//! A mark lives in memory, between conversion and the finished text, and in no artifact. It is made of characters of a
//! private-use area; a text of the description that holds one of them is refused, so none can be forged.
//!
//! # How a secret stands in a text
//!
//! A hole in JSON, YAML or TOML always lies within a double-quoted text, and the value is escaped for one when it is put
//! in, so no value changes what the document is. In ini and env files it is escaped as their style says; in plain texts it is
//! put in as it is. A secret within a text of another language is escaped for that first: one table says what comes of both.

use super::style;
use kl::data::{Origin, SecretPart};
use kl::encode::JSON_TEXT;
use model::Style;
use std::collections::BTreeMap;
use store::manifest::{Encode, Hole};
use store::written::{self, Chars, Limit};

/// A text with interpolations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The text without secrets.
    pub text: String,
    /// Where secrets go, by growing offset.
    pub holes: Vec<Hole>,
}

const HOLE_OPEN: char = '\u{F5A0}';
const HOLE_CLOSE: char = '\u{F5A1}';
const LEAF_OPEN: char = '\u{F5A2}';
const LEAF_CLOSE: char = '\u{F5A3}';

/// Makes writers take double quotes: no other style of YAML or TOML can carry the control character in it. It is taken out
/// again, in whichever way the writer wrote it.
const QUOTE_ME: &str = "\u{7}\u{F5A4}";
const QUOTED: [&str; 3] = ["\\a\u{F5A4}", "\\u0007\u{F5A4}", QUOTE_ME];
/// Stands before what a writer shall write without quotes, as it is; taken out again.
const BARE: char = '\u{F5A5}';
const LAST: char = BARE;

/// Whether a text holds a character that marks are made of.
pub fn is_forged(text: &str) -> bool {
    text.contains(is_mark)
}

/// Whether a character is one that marks are made of.
pub fn is_mark(c: char) -> bool {
    (HOLE_OPEN..=LAST).contains(&c)
}

/// Something that a writer of YAML writes as it is, without quotes.
pub fn bare(text: &str) -> String {
    format!("{BARE}{text}")
}

/// Whether the writer escapes, so that a hole must lie in a double-quoted text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quoting {
    /// JSON, YAML, TOML.
    Forced,
    /// Formats that write texts as they are.
    Plain,
}

/// A text that a reader of YAML 1.1, as OpenStack's is, would take for a truth value or a number, in double quotes; any other
/// as it is. The writer knows YAML 1.2 only.
pub fn quoted_for_yaml(text: &str) -> String {
    // `=` is the default value of a map and `<<` merges one: types of YAML 1.1 that PyYAML knows.
    const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "=", "<<"];
    let word = WORDS.contains(&text.to_ascii_lowercase().as_str());
    let number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) && !text.contains('\n');
    // Line breaks of YAML 1.1 (https://yaml.org/spec/1.1/, section 5.4), which readers treat in several ways outside quotes, and the
    // byte order mark.
    let breaks = text.contains(['\u{85}', '\u{2028}', '\u{2029}', '\u{FEFF}']);
    if word || number || breaks { format!("{QUOTE_ME}{text}") } else { text.to_owned() }
}

type Escapes = BTreeMap<char, String>;

/// How a secret is written: within its text as the description says, and that in its file as the writer does.
fn how_written(encode: &kl::data::Encode, quoting: Quoting, style: &Style) -> (Encode, Escapes) {
    use kl::data::Encode as Said;
    let only = |may_hold: &dyn Fn(char) -> bool| {
        style.escapes.iter().filter(|(c, _)| may_hold(**c)).map(|(c, text)| (*c, text.clone())).collect()
    };
    match encode {
        Said::Plain if quoting == Quoting::Forced => (Encode::Quoted, style.escapes.clone()),
        Said::Plain => (Encode::Plain, style.escapes.clone()),
        Said::Url => (Encode::Url, only(&|c| c.is_ascii_alphanumeric() || "-._~%".contains(c))),
        Said::Base64 => (Encode::Base64, only(&|c| c.is_ascii_alphanumeric() || "+/=".contains(c))),
        Said::Escape(which) => {
            (Encode::Plain, both(which.chars().map(|c| (c, format!("\\{c}"))), quoting, style))
        }
        Said::Within(encoder) => {
            let inner = encoder.escapes.iter().map(|(c, text)| (*c, (*text).to_owned()));
            (Encode::Plain, both(inner, quoting, style))
        }
    }
}

/// One table for two: what comes of a character by the first, and of that by the writer of the file.
fn both(inner: impl Iterator<Item = (char, String)>, quoting: Quoting, style: &Style) -> Escapes {
    let mut all = match quoting {
        Quoting::Plain => style.escapes.clone(),
        Quoting::Forced => JSON_TEXT.escapes.iter().map(|(c, text)| (*c, (*text).to_owned())).collect(),
    };
    let outer = all.clone();
    for (c, text) in inner {
        let mut made = String::new();
        written::escape(&text, &outer, &mut made);
        all.insert(c, made);
    }
    all
}

/// Who reads a secret and does not take every text, the encoder's own language behind those of the description.
fn limits(encode: &kl::data::Encode, said: &[kl::encode::Limit]) -> Vec<Limit> {
    let own = match encode {
        kl::data::Encode::Within(encoder) => Some((encoder.called, encoder.chars, None)),
        _ => None,
    };
    let said = said.iter().map(|it| (&*it.reader, it.chars, it.most_bytes));
    let limit = |(reader, chars, most_bytes): (&str, kl::encode::Chars, Option<u32>)| {
        let chars = match chars {
            kl::encode::Chars::All if most_bytes.is_none() => return None,
            kl::encode::Chars::All => Chars::All,
            kl::encode::Chars::Line => Chars::Line,
            kl::encode::Chars::Ascii => Chars::Ascii,
            kl::encode::Chars::Xml => Chars::Xml,
        };
        Some(Limit { reader: reader.to_owned(), chars, most_bytes })
    };
    said.chain(own).filter_map(limit).collect()
}

/// The marks of one document.
#[derive(Default, Debug)]
pub struct Placeholders {
    holes: Vec<Hole>,
    leaves: Option<Vec<(Vec<String>, Origin)>>,
}

impl Placeholders {
    /// Placeholders for holes alone.
    pub fn of_holes() -> Placeholders {
        Placeholders::default()
    }

    /// Placeholders for holes and for leaves.
    pub fn of_leaves() -> Placeholders {
        Placeholders { holes: Vec::new(), leaves: Some(Vec::new()) }
    }

    /// Whether leaves are marked; then every leaf must become a text.
    pub fn wants_leaves(&self) -> bool {
        self.leaves.is_some()
    }

    /// The mark of a leaf, to stand before its text; empty where leaves are not marked.
    pub fn leaf(&mut self, steps: &[String], origin: Origin) -> String {
        let Some(leaves) = &mut self.leaves else { return String::new() };
        leaves.push((steps.to_owned(), origin));
        format!("{LEAF_OPEN}{}{LEAF_CLOSE}", leaves.len() - 1)
    }

    /// A secret text with a mark for each name in it, escaped as its style says.
    pub fn secret(&mut self, parts: &[SecretPart], quoting: Quoting, style: &Style) -> String {
        let mut text = String::new();
        for part in parts {
            match part {
                SecretPart::Text(plain) => text.push_str(&style::escape(plain, style)),
                SecretPart::Name { name, part, encode, limits: said } => {
                    if quoting == Quoting::Forced {
                        text.push_str(QUOTE_ME);
                    }
                    text.push_str(&format!("{HOLE_OPEN}{}{HOLE_CLOSE}", self.holes.len()));
                    let (how, escapes) = how_written(encode, quoting, style);
                    self.holes.push(Hole {
                        offset: 0,
                        shown: 0,
                        secret: name.to_string(),
                        part: part.as_ref().map(|name| name.to_string()),
                        encode: how,
                        escapes,
                        limits: limits(encode, said),
                    });
                }
            }
        }
        text
    }

    /// Takes the marks of holes out of a finished text. `None` when one was damaged on the way.
    pub fn split(self, text: &str) -> Option<Rendered> {
        let (mut out, mut holes) = (String::with_capacity(text.len()), Vec::new());
        let text = QUOTED.iter().fold(text.replace(BARE, ""), |text, quoted| text.replace(quoted, ""));
        let mut rest = text.as_str();
        while let Some(at) = rest.find(HOLE_OPEN) {
            out.push_str(&rest[..at]);
            let (digits, after) = rest[at + HOLE_OPEN.len_utf8()..].split_once(HOLE_CLOSE)?;
            let hole = self.holes.get(digits.parse::<usize>().ok()?)?;
            holes.push(Hole { offset: out.len() as u64, ..hole.clone() });
            rest = after;
        }
        out.push_str(rest);
        let damaged = is_forged(&out);
        (!damaged).then_some(Rendered { text: out, holes })
    }

    /// Says on which line, counted from 1, each marked leaf begins.
    pub fn lines(self, text: &str) -> Vec<(u32, Vec<String>, Origin)> {
        let leaves = self.leaves.unwrap_or_default();
        let mut found = Vec::new();
        let mut last = "";
        for (line, number) in text.lines().zip(1u32..) {
            let mut rest = line;
            while let Some((before, after)) = rest.split_once(LEAF_OPEN) {
                let Some((digits, after)) = after.split_once(LEAF_CLOSE) else { break };
                // A text of several lines begins below its key, and the key's line is the leaf's first.
                let below = before.trim().is_empty()
                    && ["|", "|-", "|+", "\"\"\"", "'''"].iter().any(|open| last.ends_with(open));
                if let Some((steps, origin)) =
                    digits.parse::<usize>().ok().and_then(|index| leaves.get(index))
                {
                    found.push((number - u32::from(below), steps.clone(), *origin));
                }
                rest = after;
            }
            last = line;
        }
        found
    }
}
