//! Where tables come from: containers of the library, each read once, and texts of a description.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::OptionName;
use super::container::{self, Part};
use super::table::Table;
use model::TableRef;

/// Why there is no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableError {
    /// There is none of this document; those that there are.
    NoDocument(Vec<String>),
    /// There is none of this release of it; those that there are.
    NoRelease(Vec<String>),
    /// It cannot be read.
    Damaged(String),
}

/// Helps of options by section and key.
type Helps = BTreeMap<String, BTreeMap<String, String>>;

/// A document and a release; of a description's own table, its text and nothing.
type Key = (Arc<str>, Arc<str>);

/// What was read of tables, by name.
type Known<T> = Mutex<BTreeMap<Key, T>>;

/// Finds the container of a document.
type Finder = dyn Fn(&str) -> Option<&'static [u8]> + Send + Sync;

/// Tables that can be asked for, each read when it is first.
pub struct Tables {
    documents: Vec<String>,
    find: Box<Finder>,
    tables: Known<Result<Arc<Table>, TableError>>,
    helps: Known<Arc<Helps>>,
}

impl Tables {
    /// Takes containers from a library that has these documents.
    pub fn new(
        documents: Vec<String>,
        find: impl Fn(&str) -> Option<&'static [u8]> + Send + Sync + 'static,
    ) -> Self {
        Self { documents, find: Box::new(find), tables: Mutex::default(), helps: Mutex::default() }
    }

    /// The documents that the library has tables of.
    pub fn documents(&self) -> &[String] {
        &self.documents
    }

    /// The releases that the library has tables of a document for.
    pub fn releases(&self, document: &str) -> Result<Vec<String>, TableError> {
        let found = (self.find)(document).ok_or_else(|| TableError::NoDocument(self.documents.clone()))?;
        container::releases(found).map_err(TableError::Damaged)
    }

    /// Finds a table.
    pub fn get(&self, wanted: &TableRef) -> Result<Arc<Table>, TableError> {
        // Who else wants it waits, and reads it no second time.
        let mut known = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(key(wanted)).or_insert_with(|| self.load(wanted).map(Arc::new)).clone()
    }

    /// What an option does, in words; none where nobody says it.
    pub fn help(&self, wanted: &TableRef, table: &Table, name: OptionName<'_>) -> Option<String> {
        let own = table.entry(name.section, name.key).and_then(|it| it.help.clone());
        let TableRef::Library { document, release } = wanted else { return own };
        let mut known = self.helps.lock().unwrap_or_else(PoisonError::into_inner);
        let helps = known.entry(key(wanted)).or_insert_with(|| {
            let line = (self.find)(&document.value)
                .and_then(|it| container::read(it, &release.value, Part::Help).ok().flatten());
            // A table without helps is one all the same.
            Arc::new(line.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default())
        });
        let section = match table.sections.contains_key(name.section) {
            true => name.section,
            false => table.pattern_of(name.section).unwrap_or(name.section),
        };
        own.or_else(|| helps.get(section)?.get(name.key).cloned())
    }

    fn load(&self, wanted: &TableRef) -> Result<Table, TableError> {
        match wanted {
            TableRef::Own(text) => Table::parse(&text.value).map_err(TableError::Damaged),
            TableRef::Library { document, release } => {
                let find = (self.find)(&document.value);
                let found = find.ok_or_else(|| TableError::NoDocument(self.documents.clone()))?;
                let line =
                    container::read(found, &release.value, Part::Table).map_err(TableError::Damaged)?;
                match line {
                    Some(json) => Table::parse(&json).map_err(TableError::Damaged),
                    None => Err(TableError::NoRelease(self.releases(&document.value)?)),
                }
            }
        }
    }
}

fn key(wanted: &TableRef) -> Key {
    match wanted {
        TableRef::Library { document, release } => (document.value.clone(), release.value.clone()),
        TableRef::Own(text) => (text.value.clone(), "".into()),
    }
}
