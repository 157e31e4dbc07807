//! Words: how far one reaches, and whether it is a name or a keyword there.

use super::kind::Keyword;

/// The length of the word at the beginning of `text`; 0 if there is none.
pub fn length(text: &str) -> usize {
    match text.as_bytes().first() {
        Some(b) if b.is_ascii_alphabetic() || *b == b'_' => name_length(text),
        _ => 0,
    }
}

/// As [`length`], but the first character may be a digit, as it may after a `.`.
pub fn name_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let run = |from: usize| bytes[from..].iter().take_while(|b| is_word_byte(**b)).count();
    let mut end = run(0);
    while end > 0 && bytes.get(end) == Some(&b'-') {
        match run(end + 1) {
            0 => break,
            more => end += 1 + more,
        }
    }
    end
}

/// Whether a byte may stand inside a word.
pub fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a name must be where `rest` comes right after a word: before an operator of a definition, a `:`, or an
/// adjacent `.` or `[`.
fn name_must_be(rest: &str) -> bool {
    if rest.starts_with('[') || rest.starts_with('.') && !rest.starts_with("..") {
        return true;
    }
    let next = rest.trim_start_matches([' ', '\t']);
    next.starts_with('=') && !next.starts_with("==")
        || next.starts_with(':')
        || ["?=", "+=", "-="].iter().any(|op| next.starts_with(op))
}

/// The keyword that a word is, given what comes right after it and whether `key` or `set` was right before it.
pub fn keyword(word: &str, rest: &str, after_key: bool) -> Option<Keyword> {
    match word {
        "key" if of_follows(rest) => Some(Keyword::Key),
        "set" if of_follows(rest) => Some(Keyword::Set),
        "of" if after_key => Some(Keyword::Of),
        _ => Keyword::find(word).filter(|_| !name_must_be(rest)),
    }
}

fn of_follows(rest: &str) -> bool {
    let next = rest.trim_start();
    next.len() < rest.len() && name_length(next) == 2 && next.starts_with("of")
}
