//! What an option is called: the section of a document that it stands in, and its key there.

use std::fmt;

/// The name of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OptionName<'a> {
    /// The section; empty for a key above all sections.
    pub section: &'a str,
    /// The key.
    pub key: &'a str,
}

impl<'a> OptionName<'a> {
    /// Puts a section and a key together.
    pub fn new(section: &'a str, key: &'a str) -> Self {
        Self { section, key }
    }
}

impl OptionName<'_> {
    /// Whether its name holds a text in which `*` is any text.
    pub fn is_named_by(self, pattern: &str) -> bool {
        is_like(&format!("*{pattern}*"), &self.to_string())
    }
}

impl fmt::Display for OptionName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.section {
            "" => f.write_str(self.key),
            section => write!(f, "[{section}] {}", self.key),
        }
    }
}

/// Whether a name is one of those that a pattern stands for: `*` in it is any text.
pub(crate) fn is_like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
