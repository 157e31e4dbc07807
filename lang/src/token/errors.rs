//! The words of the reports about tokens.

use super::text::Quote;
use super::{address, number};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// A character that begins no token.
pub fn bad_character(at: Span, text: &str) -> Diagnostic {
    let shown = text.escape_debug();
    let help = match text.chars().next() {
        Some('|') => Some("write `or`"),
        Some('!') => Some("write `not`"),
        Some('“' | '”' | '„' | '‘' | '’' | '`') => Some("quote a text with `\"`"),
        Some('\'') => Some("quote a text with `\"`"),
        Some('$') => Some("write `${…}` inside a text only"),
        Some(c) if c.is_alphanumeric() => Some("make a name of ASCII letters, digits, `_` and `-`"),
        Some(c) if c.is_whitespace() => Some("write a plain space"),
        _ => None,
    };
    Diagnostic::error(Code::BadCharacter, at, format!("`{shown}` means nothing here"))
        .help_opt(help.map(str::to_owned))
}

/// `//` and `/*`.
pub fn foreign_comment(at: Span, text: &str) -> Diagnostic {
    Diagnostic::error(Code::BadCharacter, at, format!("`{text}` begins no comment"))
        .help("a comment begins with `#` and goes to the end of its line")
}

/// `&&`, `||`, `!`, and a `;` that separates.
pub fn foreign_sign(at: Span, text: &str, help: &str) -> Diagnostic {
    Diagnostic::error(Code::BadCharacter, at, format!("`{text}` means nothing here")).help(help)
}

/// A `;` at the end of a line.
pub fn semicolon(at: Span, help: &str) -> Diagnostic {
    Diagnostic::error(Code::BadCharacter, at, "`;` means nothing here").help(help)
}

/// A character in a text or a comment that nobody can see.
pub fn unseen(at: Span, c: char) -> Diagnostic {
    let message = format!("the character U+{:04X} cannot be seen", c as u32);
    Diagnostic::error(Code::BadCharacter, at, message)
        .help(format!("leave it out; in a text between `\"` write `\\u{{{:x}}}` where it is meant", c as u32))
}

/// Something that looks like an address and is none.
pub fn bad_address(at: Span, text: &str, fault: address::Fault) -> Diagnostic {
    use address::Fault;
    let (here, help) = match fault {
        Fault::Part => (
            "not four numbers from 0 to 255",
            "write four numbers from 0 to 255, without leading zeros".into(),
        ),
        Fault::Parts => ("more than four numbers", "write four numbers from 0 to 255".into()),
        Fault::Prefix(longest) => {
            ("the prefix is longer than the address", format!("write a prefix from 0 to {longest}"))
        }
        Fault::Groups => (
            "neither an IPv6 address nor a MAC",
            "write eight groups of hex digits or fewer and one `::`, or six pairs for a MAC".into(),
        ),
        Fault::Tail => {
            ("letters are glued to its end", "put a space or an operator after the address".into())
        }
    };
    Diagnostic::error(Code::BadAddress, at, format!("`{text}` is no address")).here(here).help(help)
}

/// Something that looks like a number and is none.
pub fn bad_number(at: Span, text: &str, fault: number::Fault<'_>) -> Diagnostic {
    use number::Fault;
    let (here, help) = match fault {
        Fault::LeadingZero if text.bytes().all(|b| (b'0'..b'8').contains(&b)) => {
            ("it begins with a zero", format!("write 0o{}, or \"{text}\" for a Mode", &text[1..]))
        }
        Fault::LeadingZero => ("it begins with a zero", "leave out the leading zeros".to_owned()),
        Fault::TooLarge => {
            ("it does not fit 64 bits", "write a number below 2^63, which is about 9.2e18".to_owned())
        }
        Fault::NotWhole => (
            "no whole number of bytes or milliseconds",
            "write it in a smaller unit, as a whole number".to_owned(),
        ),
        Fault::Points => ("it has two points", format!("write \"{text}\" if it is a version or a name")),
        Fault::Digits => {
            ("a digit or `_` does not belong there", "write as in `1_000`, `0o640` or `0xff`".to_owned())
        }
        Fault::Unit(_) => return unknown_unit(at, text, ""),
    };
    Diagnostic::error(Code::BadNumber, at, format!("`{text}` is no number")).here(here).help(help)
}

/// A number with letters that are no unit.
pub fn unknown_unit(at: Span, text: &str, unit: &str) -> Diagnostic {
    let units: Vec<_> = number::units().collect();
    let help = match unit.as_bytes() {
        [b'e' | b'E', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            "write the number out: there are no exponents".to_owned()
        }
        _ => match number::meant(text) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write one of {}, or put a space after the number", units.join(" ")),
        },
    };
    Diagnostic::error(Code::UnknownUnit, at, format!("`{text}` has an unknown unit")).help(help)
}

/// A text that does not end. `hole` is the `${` that is open in it.
pub fn open_text(at: Span, quote: Quote, hole: Option<Span>) -> Diagnostic {
    if let Some(hole) = hole {
        return Diagnostic::error(Code::OpenText, hole, "a `${` in a text is not closed")
            .label(at, "the text begins here")
            .help("close it with `}`, or write `\\${` for a plain `${`");
    }
    let help = match quote {
        Quote::Block => "close it with `\"\"\"`".to_owned(),
        Quote::Plain => {
            "close it with `\"` on its line; a text of many lines stands between `\"\"\"` and `\"\"\"`"
                .to_owned()
        }
        Quote::Raw => "close it with `'` on its line".to_owned(),
    };
    Diagnostic::error(Code::OpenText, at, "a text is not closed").here("it begins here").help(help)
}

/// A backslash with something after it that is no escape.
pub fn bad_escape(at: Span, text: &str) -> Diagnostic {
    let help = if text.starts_with("\\u") {
        "write the number of a character in hex, as in `\\u{e4}`"
    } else {
        "write one of `\\n` `\\t` `\\\"` `\\\\` `\\$` `\\u{…}`, or quote the text with `'`"
    };
    Diagnostic::error(Code::BadEscape, at, format!("`{text}` is no escape")).help(help)
}
