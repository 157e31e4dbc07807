//! How a text is written within a text of another language: one table, for templates and for descriptions, for what is known and for
//! secrets, which are written on their host.
//!
//! Knows no program. An entry gives something whole, with its quotes, so that nobody can forget them.

use std::sync::Arc;

/// How a text becomes one of another language.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Encoder {
    /// The name of the builtin and of the filter.
    pub name: &'static str,
    /// What it is called in a sentence.
    pub called: &'static str,
    /// What begins it.
    pub open: &'static str,
    /// What ends it.
    pub close: &'static str,
    /// What is written in place of a character.
    pub escapes: &'static [(char, &'static str)],
    /// Which characters it can hold.
    pub chars: Chars,
}

/// Characters that a reader takes. None takes NUL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Chars {
    /// All.
    All,
    /// No control characters.
    Line,
    /// Those of printable ASCII.
    Ascii,
    /// Those of XML 1.0, section 2.2.
    Xml,
}

/// A reader that does not take every text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Limit {
    /// What it is called.
    pub reader: Arc<str>,
    /// Which characters it takes.
    pub chars: Chars,
    /// How many bytes of UTF-8 it takes, if there is a limit.
    pub most_bytes: Option<u32>,
}

impl Limit {
    /// Says why the reader does not take a text, if it does not.
    #[must_use]
    pub fn refusal(&self, text: &str) -> Option<String> {
        let Self { reader, chars, most_bytes } = self;
        let other = chars.first_other(text).map(|c| refusal(reader, *chars, c));
        let is_long = |most: &u32| text.len() > *most as usize;
        let long = || most_bytes.filter(|most| is_long(most)).map(|most| too_long(reader, most, text.len()));
        other.or_else(long)
    }
}

impl Chars {
    /// Returns the first character of a text that is not among them.
    #[must_use]
    pub fn first_other(self, text: &str) -> Option<char> {
        text.chars().find(|c| !self.has(*c))
    }

    fn has(self, c: char) -> bool {
        match self {
            Self::All => c != '\0',
            Self::Line => !c.is_control(),
            Self::Ascii => matches!(c, ' '..='~'),
            Self::Xml => matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..),
        }
    }

    /// Says which they are, after "takes".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::All => "every character but NUL",
            Self::Line => "no control characters",
            Self::Ascii => "printable ASCII alone",
            Self::Xml => "the characters of XML alone",
        }
    }
}

impl Encoder {
    /// Writes a text without what begins and ends it.
    #[must_use]
    pub fn inner(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match self.escapes.iter().find(|(it, _)| *it == c) {
                Some((_, written)) => out.push_str(written),
                None => out.push(c),
            }
        }
        out
    }

    /// Writes a text.
    #[must_use]
    pub fn whole(&self, text: &str) -> String {
        format!("{}{}{}", self.open, self.inner(text), self.close)
    }

    /// Says why a text cannot be written, if it cannot.
    #[must_use]
    pub fn refusal(&self, text: &str) -> Option<String> {
        self.chars.first_other(text).map(|c| refusal(self.called, self.chars, c))
    }
}

/// Says that a reader does not take a text for a character in it.
#[must_use]
pub fn refusal(reader: &str, chars: Chars, c: char) -> String {
    format!("{reader} takes {}, and this text has U+{:04X}", chars.words(), u32::from(c))
}

fn too_long(reader: &str, most: u32, n_bytes: usize) -> String {
    format!("{reader} takes at most {most} bytes, and this text has {n_bytes}")
}

/// Returns an entry of the table by its name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Encoder> {
    ALL.iter().copied().find(|it| it.name == name)
}

/// All encoders.
pub static ALL: [&Encoder; 9] = [
    &SQL_TEXT,
    &SQL_NAME,
    &SQL_PATTERN,
    &SHELL_WORD,
    &HAPROXY_WORD,
    &PYTHON_TEXT,
    &RUBY_TEXT,
    &JSON_TEXT,
    &XML_TEXT,
];

/// A text of SQL. A server in the mode `NO_BACKSLASH_ESCAPES` reads `\\` as two characters, so a script says its mode first.
pub static SQL_TEXT: Encoder = Encoder {
    name: "sql_text",
    called: "a text of SQL",
    open: "'",
    close: "'",
    escapes: &[('\'', "''"), ('\\', "\\\\"), ('\n', "\\n"), ('\r', "\\r"), ('\u{1a}', "\\Z")],
    chars: Chars::All,
};

/// A name of SQL.
pub static SQL_NAME: Encoder = Encoder {
    name: "sql_name",
    called: "a name of SQL",
    open: "`",
    close: "`",
    escapes: &[('`', "``")],
    chars: Chars::Line,
};

/// A name of SQL where a pattern may stand: the database of a GRANT.
pub static SQL_PATTERN: Encoder = Encoder {
    name: "sql_pattern",
    called: "a name of SQL",
    open: "`",
    close: "`",
    escapes: &[('`', "``"), ('\\', "\\\\"), ('_', "\\_"), ('%', "\\%")],
    chars: Chars::Line,
};

/// One word of a POSIX shell.
pub static SHELL_WORD: Encoder = Encoder {
    name: "shell_word",
    called: "a word of a shell",
    open: "'",
    close: "'",
    escapes: &[('\'', "'\\''")],
    chars: Chars::All,
};

/// One word of HAProxy's configuration (its manual, section 2.2), or a part of one.
pub static HAPROXY_WORD: Encoder = Encoder {
    name: "haproxy_word",
    called: "a word of HAProxy",
    open: "\"",
    close: "\"",
    escapes: &[('"', "\\\""), ('\\', "\\\\"), ('$', "\\$"), ('\n', "\\n"), ('\r', "\\r"), ('\t', "\\t")],
    chars: Chars::All,
};

/// A text of Python.
pub static PYTHON_TEXT: Encoder = Encoder {
    name: "python_text",
    called: "a text of Python",
    open: "'",
    close: "'",
    escapes: &[('\'', "\\'"), ('\\', "\\\\"), ('\n', "\\n"), ('\r', "\\r")],
    chars: Chars::All,
};

/// A text of Ruby in single quotes, which replaces nothing in it.
pub static RUBY_TEXT: Encoder = Encoder {
    name: "ruby_text",
    called: "a text of Ruby",
    open: "'",
    close: "'",
    escapes: &[('\'', "\\'"), ('\\', "\\\\")],
    chars: Chars::Line,
};

/// A text of JSON, which is one of YAML and TOML too.
pub static JSON_TEXT: Encoder = Encoder {
    name: "json_text",
    called: "a text of JSON",
    open: "\"",
    close: "\"",
    escapes: &[
        ('"', "\\\""),
        ('\\', "\\\\"),
        ('\u{1}', "\\u0001"),
        ('\u{2}', "\\u0002"),
        ('\u{3}', "\\u0003"),
        ('\u{4}', "\\u0004"),
        ('\u{5}', "\\u0005"),
        ('\u{6}', "\\u0006"),
        ('\u{7}', "\\u0007"),
        ('\u{8}', "\\b"),
        ('\u{9}', "\\t"),
        ('\u{a}', "\\n"),
        ('\u{b}', "\\u000b"),
        ('\u{c}', "\\f"),
        ('\u{d}', "\\r"),
        ('\u{e}', "\\u000e"),
        ('\u{f}', "\\u000f"),
        ('\u{10}', "\\u0010"),
        ('\u{11}', "\\u0011"),
        ('\u{12}', "\\u0012"),
        ('\u{13}', "\\u0013"),
        ('\u{14}', "\\u0014"),
        ('\u{15}', "\\u0015"),
        ('\u{16}', "\\u0016"),
        ('\u{17}', "\\u0017"),
        ('\u{18}', "\\u0018"),
        ('\u{19}', "\\u0019"),
        ('\u{1a}', "\\u001a"),
        ('\u{1b}', "\\u001b"),
        ('\u{1c}', "\\u001c"),
        ('\u{1d}', "\\u001d"),
        ('\u{1e}', "\\u001e"),
        ('\u{1f}', "\\u001f"),
    ],
    chars: Chars::All,
};

/// Text of XML, of an element or within the quotes of an attribute.
pub static XML_TEXT: Encoder = Encoder {
    name: "xml_text",
    called: "a text of XML",
    open: "",
    close: "",
    escapes: &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&apos;"),
        ('\t', "&#9;"),
        ('\n', "&#10;"),
        ('\r', "&#13;"),
    ],
    chars: Chars::Xml,
};
