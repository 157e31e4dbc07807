//! Places in a text where an address of IPv6 has to be in brackets: before a port, and as the host of a URL.
//!
//! Knows the text around an interpolation, and not what it holds.

use crate::syntax::ast::TextPart;

/// Why an address that is written without brackets is wrong at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bare {
    /// A port follows.
    BeforePort,
    /// It is the host of a URL.
    InUrl,
    /// Brackets are written around it, which only an address of IPv6 has.
    InBrackets,
}

/// Whether the interpolation with this index stands where an address needs brackets.
pub fn bare_at(parts: &[TextPart], index: usize) -> Option<Bare> {
    let before = parts[..index].iter().map(|it| match it {
        TextPart::Literal(text) => text,
        TextPart::Hole(_) => "*",
    });
    let before: String = before.collect();
    let after = match parts.get(index + 1) {
        Some(TextPart::Literal(text)) => text,
        _ => "",
    };
    place(&before, after, parts.get(index + 2).is_some())
}

/// The same by what is written before, what is written after, and whether another interpolation follows that.
fn place(before: &str, after: &str, more: bool) -> Option<Bare> {
    let (inner, bracketed) = match (before.strip_suffix('['), after.strip_prefix(']')) {
        (Some(_), Some(rest)) => (rest, true),
        _ => (after, false),
    };
    let is_port = inner
        .strip_prefix(':')
        .is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit()) || (rest.is_empty() && more));
    // What follows `://` is the host until a path, a query or the end of the URL.
    let ends =
        |it: char| it.is_whitespace() || matches!(it, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '(' | ')');
    let in_url = before.rsplit_once("://").is_some_and(|(_, rest)| !rest.contains(ends));
    match (bracketed, is_port, in_url) {
        (_, false, false) => None,
        (true, ..) => Some(Bare::InBrackets),
        (false, true, _) => Some(Bare::BeforePort),
        (false, false, true) => Some(Bare::InUrl),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_the_text_around() {
        let cases = [
            ("", ":80", false, Some(Bare::BeforePort)),
            ("listen ", ":", true, Some(Bare::BeforePort)),
            ("[", "]:80", false, Some(Bare::InBrackets)),
            ("http://[", "]/", false, Some(Bare::InBrackets)),
            ("http://", "/v3", false, Some(Bare::InUrl)),
            ("mysql://me:@", "", false, Some(Bare::InUrl)),
            ("tcp://", ":80", false, Some(Bare::BeforePort)),
            ("", ": is the VIP", false, None),
            ("", ":", false, None),
            ("http://shop/?from=", "", false, None),
            ("https://shop, ", "", false, None),
            ("[", "]", false, None),
        ];
        for (before, after, more, expected) in cases {
            assert_eq!(place(before, after, more), expected, "{before}${{}}{after}");
        }
    }
}
