//! Texts of ini and env files: when they stand in double quotes, and what is written in place of a character.
//!
//! Knows no reader by name: what one does with quotes and backslashes is said by the description, as a [`Style`].

use super::placeholders;
use model::{Quotes, Style};
use store::written;

/// The style of a shell, and of systemd's EnvironmentFile= (systemd.exec(5)).
pub fn of_shell() -> Style {
    let escapes = ['"', '\\', '$', '`'].map(|it| (it, format!("\\{it}")));
    Style { quotes: Quotes::Words, escapes: escapes.into() }
}

/// Writes something in place of the characters that have an escape.
pub fn escape(text: &str, style: &Style) -> String {
    let mut out = String::with_capacity(text.len());
    written::escape(text, &style.escapes, &mut out);
    out
}

/// Puts a text, escaped before, into quotes where its style wants it to be.
pub fn quote(text: String, style: &Style) -> String {
    let wanted = match &style.quotes {
        Quotes::Never => false,
        Quotes::For(chars) => {
            let for_all = !chars.is_empty() && text.contains(placeholders::is_mark);
            for_all || has_loose_ends(&text) || text.contains(|c| chars.contains(c))
        }
        Quotes::Words => !text.chars().all(|c| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c)),
    };
    if wanted { format!("\"{text}\"") } else { text }
}

/// Whether a reader that drops white space and one pair of quotes at the ends would read something else. What a secret begins or
/// ends with is not known; and readers that know bytes alone take the last one of some characters, 0xA0, for white space.
pub fn has_loose_ends(text: &str) -> bool {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else { return false };
    let is_open = |c: char| c.is_whitespace() || !c.is_ascii();
    is_open(first) || is_open(last) || (first == last && ['"', '\''].contains(&first))
}

/// The first character of a text that a line of a file cannot hold and that has no escape.
pub fn unwritable(text: &str, style: &Style) -> Option<char> {
    text.chars().find(|c| c.is_control() && *c != '\t' && !style.escapes.contains_key(c))
}
