//! How a value is written into a hole: what stands in place of its characters, and whether its reader takes them all.
//!
//! Knows no reader but by the name that a description gives it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::{Encode, Format, Hole};

/// A reader of a hole that does not take every text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What it is called.
    pub reader: String,
    /// Which characters it takes.
    #[serde(default, skip_serializing_if = "Chars::is_all")]
    pub chars: Chars,
    /// How many bytes of UTF-8 it takes, if there is a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_bytes: Option<u32>,
}

/// Characters that a reader takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chars {
    /// All.
    #[default]
    All,
    /// No control characters.
    Line,
    /// Those of printable ASCII.
    Ascii,
    /// Those of XML 1.0.
    Xml,
}

impl Chars {
    fn is_all(&self) -> bool {
        *self == Self::All
    }

    fn has(self, c: char) -> bool {
        match self {
            Self::All => true,
            Self::Line => !c.is_control(),
            Self::Ascii => matches!(c, ' '..='~'),
            Self::Xml => matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::All => "every character",
            Self::Line => "no control characters",
            Self::Ascii => "printable ASCII alone",
            Self::Xml => "the characters of XML alone",
        }
    }
}

/// Says why a value cannot stand in a hole of a file, which is called so, behind the value's name; tells nothing of the value beyond
/// that.
pub fn unfit(file: &str, format: Format, hole: &Hole, value: &str) -> Option<String> {
    if value.contains('\0') {
        return Some("has a NUL, which no reader takes".to_owned());
    }
    let one_line = matches!(format, Format::Ini | Format::Env)
        && matches!(hole.encode, Encode::Plain | Encode::Escape(_));
    if one_line && value.contains(|c: char| c.is_control() && c != '\t' && !hole.escapes.contains_key(&c)) {
        return Some(format!(
            "has a line break or another control character, and {file} has one line for it"
        ));
    }
    hole.limits.iter().find_map(|Limit { reader, chars, most_bytes }| {
        if !value.chars().all(|c| chars.has(c)) {
            return Some(format!(
                "has a character that {reader}, which reads it in {file}, does not take: {reader} takes {}",
                chars.words()
            ));
        }
        let most = most_bytes.filter(|most| value.len() > *most as usize)?;
        Some(format!("is longer than {reader}, which reads it in {file}, takes: at most {most} bytes"))
    })
}

/// Returns how many bytes a text has at most with its escapes.
pub fn most_bytes(text: &str, escapes: &BTreeMap<char, String>) -> usize {
    let longest = escapes.values().map(String::len).max().unwrap_or(0).max(4);
    text.len().saturating_mul(longest)
}

/// Writes a text behind another, with something in place of the characters that have an escape.
pub fn escape(text: &str, escapes: &BTreeMap<char, String>, out: &mut String) {
    for c in text.chars() {
        match escapes.get(&c) {
            Some(written) => out.push_str(written),
            None => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(encode: Encode, escapes: &[(char, &str)], limits: &[(&str, Chars)]) -> Hole {
        Hole {
            offset: 0,
            secret: "db".into(),
            part: None,
            encode,
            escapes: escapes.iter().map(|(c, written)| (*c, (*written).to_owned())).collect(),
            limits: limits
                .iter()
                .map(|(reader, chars)| Limit { reader: (*reader).into(), chars: *chars, most_bytes: None })
                .collect(),
            shown: 0,
        }
    }

    #[test]
    fn what_a_reader_cannot_take_is_told_with_its_name() {
        let told = |format, hole: &Hole, value: &str| unfit("`f`", format, hole, value);
        let plain = hole(Encode::Plain, &[], &[]);
        assert_eq!(told(Format::Text, &plain, "a\nb\u{1}é"), None);
        assert_eq!(told(Format::Text, &plain, "a\0"), Some("has a NUL, which no reader takes".into()));
        let of_lines = "has a line break or another control character, and `f` has one line for it";
        assert_eq!(told(Format::Ini, &plain, "a\nb").as_deref(), Some(of_lines));
        assert_eq!(told(Format::Ini, &hole(Encode::Url, &[], &[]), "a\nb"), None);
        let escaped = hole(Encode::Plain, &[('\n', "\\n")], &[]);
        assert_eq!(told(Format::Ini, &escaped, "a\nb"), None);
        assert_eq!(told(Format::Ini, &escaped, "a\rb").as_deref(), Some(of_lines));
        let limited = hole(Encode::Url, &[], &[("a log", Chars::Line), ("Erlang", Chars::Ascii)]);
        assert_eq!(told(Format::Text, &limited, "a b"), None);
        let why = "has a character that Erlang, which reads it in `f`, does not take: Erlang takes printable ASCII alone";
        assert_eq!(told(Format::Text, &limited, "é").as_deref(), Some(why));
        let why = "has a character that a log, which reads it in `f`, does not take: a log takes no control characters";
        assert_eq!(told(Format::Text, &limited, "\u{85}").as_deref(), Some(why));
        let mut short = hole(Encode::Url, &[], &[("Erlang", Chars::All)]);
        short.limits[0].most_bytes = Some(4);
        assert_eq!(told(Format::Text, &short, "\u{e9}\u{e9}"), None);
        let why = "is longer than Erlang, which reads it in `f`, takes: at most 4 bytes";
        assert_eq!(told(Format::Text, &short, "\u{e9}\u{e9}a").as_deref(), Some(why));
        let xml = hole(Encode::Plain, &[], &[("XML", Chars::Xml)]);
        assert!(
            told(Format::Text, &xml, "a\n\u{1F511}").is_none()
                && told(Format::Text, &xml, "\u{FFFE}").is_some()
        );
    }
}
