//! Unit files as text: sections of keys in the order they were added. Each line either means something at run time or is
//! only for readers, so that a changed description restarts nothing.

use std::fmt::Write as _;

/// Whether a line changes what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It does.
    Meaning,
    /// It does not: descriptions, marks, digests.
    Meta,
}

/// A section's name, and its keys with their values.
type Section = (String, Vec<(String, String, Line)>);

/// A unit file.
#[derive(Clone, Debug, Default)]
pub struct UnitText {
    sections: Vec<Section>,
}

impl UnitText {
    /// Adds a key to a section, after all others of that section.
    pub fn add(&mut self, section: &str, key: &str, value: impl Into<String>) {
        self.push(section, key, value.into(), Line::Meaning);
    }

    /// Adds a key that changes nothing at run time.
    pub fn add_meta(&mut self, section: &str, key: &str, value: impl Into<String>) {
        self.push(section, key, value.into(), Line::Meta);
    }

    /// Adds all keys of a section of another file.
    pub fn take_section(&mut self, section: &str, other: &UnitText) {
        let found = other.sections.iter().find(|(name, _)| name == section);
        for (key, value, line) in found.iter().flat_map(|(_, entries)| entries) {
            self.push(section, key, value.clone(), *line);
        }
    }

    /// Adds a key that means something or not.
    pub fn push(&mut self, section: &str, key: &str, value: String, line: Line) {
        let entry = (key.to_owned(), value, line);
        match self.sections.iter_mut().find(|(name, _)| name == section) {
            Some((_, entries)) => entries.push(entry),
            None => self.sections.push((section.to_owned(), vec![entry])),
        }
    }

    /// The whole file.
    pub fn text(&self) -> String {
        self.lines(|_| true)
    }

    /// What decides about a restart.
    pub fn meaning(&self) -> String {
        self.lines(|line| line == Line::Meaning)
    }

    /// What changes nothing.
    pub fn meta(&self) -> String {
        self.lines(|line| line == Line::Meta)
    }

    fn lines(&self, wanted: impl Fn(Line) -> bool) -> String {
        let mut out = String::new();
        for (name, entries) in &self.sections {
            if !out.is_empty() {
                out.push('\n');
            }
            // Writing into a String cannot fail.
            let _ = writeln!(out, "[{name}]");
            for (key, value, _) in entries.iter().filter(|(_, _, line)| wanted(*line)) {
                let _ = writeln!(out, "{key}={value}");
            }
        }
        out
    }
}
