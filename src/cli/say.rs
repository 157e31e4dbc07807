//! Printing that does not mind a reader who went away: `kolla-lang generations | head` is no mistake, and a switch whose
//! terminal is gone must go on all the same.
//!
//! What is printed may come from a host, a file or a name. It cannot move a cursor, set a terminal, or turn the order of letters.

use std::borrow::Cow;
use std::fmt::{Arguments, Write as _};
use std::io::{self, Write};

/// Prints a line to standard output, if anybody reads.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::cli::say::print(&mut std::io::stdout(), format_args!($($words)*))
    };
}

/// Prints a line to standard error, if anybody reads.
macro_rules! say_wrong {
    ($($words:tt)*) => {
        $crate::cli::say::print(&mut std::io::stderr(), format_args!($($words)*))
    };
}

pub(crate) use {say, say_wrong};

/// Prints a line, with escapes in place of what a terminal would act on.
pub fn print(to: &mut dyn Write, words: Arguments<'_>) {
    let text = words.to_string();
    let _unread = write_line(to, &visible(&text));
}

/// Prints lines that this program coloured itself.
pub fn print_coloured(to: &mut dyn Write, text: &str) {
    let mut parts = text.split('\u{1b}');
    let mut out = visible(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        let colour = part
            .strip_prefix('[')
            .map_or(0, |it| it.find(|c: char| !c.is_ascii_digit() && c != ';').map_or(0, |n| n + 2));
        let is_colour = part.get(..colour).is_some_and(|it| it.ends_with('m'));
        out.push_str(if is_colour { "\u{1b}" } else { "\\u001b" });
        out.push_str(&visible(part));
    }
    let _unread = write_line(to, &out);
}

/// Prints a text as it is, which somebody asked for.
pub fn print_as_it_is(to: &mut dyn Write, text: &str) {
    let _unread = write_line(to, text);
}

fn write_line(to: &mut dyn Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.write_all(b"\n")
}

/// Writes `\u001b` and the like in place of characters that a terminal acts on or that hide others; line ends and tabs stay. The
/// escapes are those of JSON, whose texts stay what they are.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            // Writing into a text cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Control characters, and those that change the direction of what follows (https://www.unicode.org/reports/tr9/, section 2), or
/// break a line where none ends.
fn is_hidden(c: char) -> bool {
    let is_control = c.is_control() && !matches!(c, '\n' | '\t');
    is_control
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_acts_on_a_terminal() {
        let check = |text: &str, expected: &str| assert_eq!(visible(text), expected);
        check("keystone.service\n\tup", "keystone.service\n\tup");
        check("a\u{1b}[2Jb", "a\\u001b[2Jb");
        check("a\rb\u{7}", "a\\u000db\\u0007");
        check("\u{9b}31m", "\\u009b31m");
        check("\u{202e}gnp", "\\u202egnp");
        check("äöü 漢字", "äöü 漢字");
        let json = serde_json::json!({ "said": "\u{1b}\u{7f}\u{85}\u{202e}" }).to_string();
        let read: Result<serde_json::Value, _> = serde_json::from_str(&visible(&json));
        assert!(read.is_ok_and(|it| it["said"] == "\u{1b}\u{7f}\u{85}\u{202e}"));
    }
}
