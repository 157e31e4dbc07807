//! One document by the tables of two releases: what becomes of its options.

use kl::data::Origin;
use model::File;

use super::OptionName;
use super::check::each_option;
use super::table::{Entry, Place, Table};
use super::value::{Rule, Written, written};

/// What becomes of an option that a document has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is no option any more; what does the same now, where that is known.
    Gone(Option<Place>),
    /// It has another name, and the one that it had is still read.
    Renamed(Place),
    /// It will be removed; why, and what to do.
    Deprecated(Option<String>),
    /// Its value does not fit any more: "is none of its choices".
    Refused(String),
    /// What holds without it is another value: what it was, and what it is.
    Default(Option<String>, Option<String>),
}

/// An option that a document has, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Changed {
    /// Its section; empty for a key above all sections.
    pub section: String,
    /// Its key.
    pub key: String,
    /// Where its value comes from.
    pub origin: Origin,
    /// What becomes of it.
    pub fate: Fate,
}

/// An option of two releases whose default differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OtherDefault {
    /// Its section; empty for a key above all sections.
    pub section: String,
    /// Its key, in the later release.
    pub key: String,
    /// What holds without it in the earlier release; none where nothing is said of it.
    pub was: Option<String>,
    /// The same in the later one.
    pub is: Option<String>,
}

/// Says what becomes of the options of a document where another release takes the place of one.
pub fn between(file: &File, from: &Table, to: &Table) -> Vec<Changed> {
    let mut all = Vec::new();
    each_option(&file.content, |name, data| {
        // What the first release does not know either is no option of it.
        let Some(before) = from.entry(name.section, name.key) else { return };
        let text = match written(data) {
            Written::Text(text) => Some(text),
            Written::Unknown | Written::Several(_) | Written::Keys => None,
        };
        if let Some(fate) = fate_of(name, before, text.as_deref(), from, to) {
            let (section, key) = (name.section.to_owned(), name.key.to_owned());
            all.push(Changed { section, key, origin: data.origin, fate });
        }
    });
    all
}

fn fate_of(
    name: OptionName<'_>,
    before: &Entry,
    text: Option<&str>,
    from: &Table,
    to: &Table,
) -> Option<Fate> {
    let Some(now) = to.entry(name.section, name.key) else {
        let instead = to.removed(name.section, name.key).and_then(|it| it.instead.clone());
        return (!to.is_open(name.section)).then_some(Fate::Gone(instead));
    };
    let (entry, place) = to.resolve(now);
    if let Some(place) = place.filter(|_| before.renamed_to.is_none()) {
        return Some(Fate::Renamed(place.clone()));
    }
    let (entry, before) = (entry?, from.resolve(before).0?);
    if let Some(wrong) =
        text.filter(|it| Rule::of(before).refusal(it).is_none()).and_then(|it| Rule::of(entry).refusal(it))
    {
        return Some(Fate::Refused(wrong));
    }
    if let Some(it) = entry.deprecated.as_ref().filter(|_| before.deprecated.is_none()) {
        return Some(Fate::Deprecated(it.why.clone()));
    }
    let (was, is) = (before.default_text(), entry.default_text());
    (was != is).then_some(Fate::Default(was, is))
}

/// Finds the options of both releases whose default differs, sorted.
pub fn other_defaults(from: &Table, to: &Table) -> Vec<OtherDefault> {
    let mut all = Vec::new();
    for (section, key, entry) in to.options().filter(|(_, _, it)| it.renamed_to.is_none()) {
        let Some(before) = from.entry(section, key).and_then(|it| from.resolve(it).0) else { continue };
        let (was, is) = (before.default_text(), entry.default_text());
        if was != is {
            all.push(OtherDefault { section: section.to_owned(), key: key.to_owned(), was, is });
        }
    }
    all.sort();
    all
}
