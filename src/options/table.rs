//! One table: the options of a document in one release, as it is written in JSON. docs/book/options.md is its format for people.

use serde::Deserialize;
use serde_json::{Number, Value};
use std::collections::BTreeMap;

use super::name::is_like;
use super::value::{Rule, plain};

/// The format that is read.
const FORMAT: u32 = 1;

/// How often a name leads to another one before it is taken for a circle.
const N_RENAMES: usize = 8;

/// The options of a document in one release.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    format: u32,
    /// What it was made from: versions by package.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Options by section and key. A `*` in a key stands for any text; keys above all sections are those of the section "".
    pub sections: BTreeMap<String, BTreeMap<String, Entry>>,
    /// Sections of any name.
    #[serde(default)]
    pub patterns: Vec<Pattern>,
    /// Options that an earlier release had, by section and key.
    #[serde(default)]
    pub removed: BTreeMap<String, BTreeMap<String, Removed>>,
    /// Sections that may have keys which the table does not know.
    #[serde(default)]
    pub open: Vec<String>,
}

/// Sections of any name that have the options of one that the table names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// The names; `*` stands for any text.
    pub like: String,
    /// Whose options they have.
    pub section: String,
}

/// An option.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Entry {
    /// What it takes.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The least number.
    pub min: Option<Number>,
    /// The greatest number.
    pub max: Option<Number>,
    /// The most characters of a text.
    pub longest: Option<usize>,
    /// All that it may be.
    pub choices: Option<Vec<Value>>,
    /// Whether letters of either case are the same choice.
    pub ignore_case: bool,
    /// What an item of a list, or a value of a dictionary, is.
    pub item: Option<Box<Item>>,
    /// A regular expression that finds something in a right text.
    pub pattern: Option<String>,
    /// What holds where it is not given.
    pub default: Option<Value>,
    /// Whether it is a secret.
    pub secret: bool,
    /// Whether a change takes effect without a restart.
    pub mutable: bool,
    /// Whether it must be given. Said to people; nobody knows here which part of a program asks for it.
    pub required: bool,
    /// Whether it may stand several times.
    pub multiple: bool,
    /// Set when it will be removed.
    pub deprecated: Option<Deprecated>,
    /// Set when this is an old name of another option, which is still read.
    pub renamed_to: Option<Place>,
    /// What it does.
    pub help: Option<String>,
}

impl Entry {
    /// What it takes, in words.
    pub fn wanted(&self) -> String {
        Rule::of(self).wanted()
    }

    /// Its default as a text.
    pub fn default_text(&self) -> Option<String> {
        self.default.as_ref().map(plain)
    }
}

/// What an item of a list is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Item {
    /// What it takes.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The least number.
    pub min: Option<Number>,
    /// The greatest number.
    pub max: Option<Number>,
    /// The most characters of a text.
    pub longest: Option<usize>,
    /// All that it may be.
    pub choices: Option<Vec<Value>>,
    /// Whether letters of either case are the same choice.
    pub ignore_case: bool,
    /// What an item of it is, if it is a list itself.
    pub item: Option<Box<Item>>,
    /// A regular expression that finds something in a right text.
    pub pattern: Option<String>,
}

/// What an option takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Text,
    Int,
    Float,
    Bool,
    List,
    Dict,
    Port,
    Ip,
    Host,
    Uri,
    Path,
    #[default]
    Any,
}

/// That an option will be removed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deprecated {
    /// Since which release.
    pub since: Option<String>,
    /// Why, and what to do.
    pub why: Option<String>,
}

/// Where an option is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The section.
    pub section: String,
    /// The key.
    pub key: String,
}

/// That an option is gone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// Since which release.
    #[serde(rename = "in")]
    pub since: String,
    /// What does the same now.
    pub instead: Option<Place>,
}

impl Table {
    /// Reads a table.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Self = serde_json::from_str(text).map_err(|it| it.to_string())?;
        if table.format != FORMAT {
            return Err(format!("it is of format {}, and this program reads {FORMAT}", table.format));
        }
        let patterns = table.options().filter_map(|(_, _, it)| it.pattern.as_deref());
        for pattern in patterns {
            regex::Regex::new(pattern).map_err(|it| format!("`{pattern}` is no regular expression: {it}"))?;
        }
        Ok(table)
    }

    /// The section whose options a section of this name has by a pattern.
    pub fn pattern_of(&self, name: &str) -> Option<&str> {
        self.patterns.iter().find(|it| is_like(&it.like, name)).map(|it| it.section.as_str())
    }

    /// The options of a section, by its name or by a pattern.
    pub fn section(&self, name: &str) -> Option<&BTreeMap<String, Entry>> {
        self.sections.get(name).or_else(|| self.sections.get(self.pattern_of(name)?))
    }

    /// An option as it is written: an old name is its own entry.
    pub fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        let options = self.section(section)?;
        let by_pattern =
            || options.iter().find(|(like, _)| like.contains('*') && is_like(like, key)).map(|(_, it)| it);
        options.get(key).or_else(by_pattern)
    }

    /// The option that a name stands for, through its renames, and its place now if that is another one.
    pub fn resolve<'a>(&'a self, entry: &'a Entry) -> (Option<&'a Entry>, Option<&'a Place>) {
        let (mut entry, mut place) = (entry, None);
        for _ in 0..N_RENAMES {
            let Some(next) = &entry.renamed_to else { return (Some(entry), place) };
            place = Some(next);
            match self.entry(&next.section, &next.key) {
                Some(found) => entry = found,
                None => break,
            }
        }
        (None, place)
    }

    /// Whether a section may have keys that the table does not know.
    pub fn is_open(&self, section: &str) -> bool {
        let is_named = |name: &str| self.open.iter().any(|it| is_like(it, name));
        let is_pattern = !self.sections.contains_key(section);
        is_named(section) || is_pattern && self.pattern_of(section).is_some_and(is_named)
    }

    /// That an option is gone, if it was one.
    pub fn removed(&self, section: &str, key: &str) -> Option<&Removed> {
        self.removed.get(section)?.get(key)
    }

    /// All options that are not old names, in order.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str, &Entry)> {
        self.sections.iter().flat_map(|(section, options)| {
            options.iter().map(move |(key, entry)| (section.as_str(), key.as_str(), entry))
        })
    }
}
