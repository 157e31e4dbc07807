//! One document by its table: which keys it has that the table does not know, and which values do not fit.

use kl::data::{Data, DataKind, Origin};
use kl::diag::Problems;
use model::{File, Host, Schema, Task};

use super::errors::Document;
use super::name::is_like;
use super::table::{Entry, Kind, Table};
use super::tables::Tables;
use super::value::{Rule, Written, as_bool, holds_no_secret, plain, written};
use super::{OptionName, errors, suggest};

/// Reports what is wrong with a document, if it names a table.
pub fn check_file(path: &str, file: &File, tables: &Tables, problems: &mut Problems) {
    let Some(schema) = &file.schema else { return };
    let table = match tables.get(&schema.table) {
        Ok(table) => table,
        Err(error) => {
            problems.push(errors::no_table(path, schema, &error));
            return;
        }
    };
    let of = Document { path, table: &schema.table };
    let mut check = Check { of, schema, table: &table, tables, problems };
    each_option(&file.content, |name, data| check.option(name, data));
}

/// Reports what is wrong with the documents of a host: its own, and those of its containers.
pub fn check_host(host: &Host, tables: &Tables) -> Problems {
    let mut problems = Problems::default();
    let of_containers = host.containers.iter().flat_map(|it| &it.run.files);
    for (path, file) in host.files.iter().chain(of_containers) {
        check_file(path, file, tables, &mut problems);
    }
    problems
}

/// Reports what is wrong with the documents of tasks.
pub fn check_tasks(tasks: &[Task], tables: &Tables) -> Problems {
    let mut problems = Problems::default();
    for (path, file) in tasks.iter().flat_map(|it| &it.run.files) {
        check_file(path, file, tables, &mut problems);
    }
    problems
}

/// A value that says no more than what holds without it.
#[derive(Clone, Debug)]
pub struct Defaulted {
    /// Its section; empty for a key above all sections.
    pub section: String,
    /// Its key.
    pub key: String,
    /// What it is.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// The values of a document that are the defaults of its table. What cannot be checked has none.
pub fn defaults(file: &File, tables: &Tables) -> Vec<Defaulted> {
    let Some(table) = file.schema.as_ref().and_then(|it| tables.get(&it.table).ok()) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    each_option(&file.content, |name, data| {
        let entry = table.entry(name.section, name.key).and_then(|it| table.resolve(it).0);
        let default = entry.and_then(|it| Some((it.kind, it.default.as_ref()?)));
        if let (Some((kind, default)), Written::Text(text)) = (default, written(data)) {
            let default = plain(default);
            let is_same = match kind {
                Kind::Bool => as_bool(&default) == as_bool(&text),
                Kind::Float => default.parse::<f64>().ok() == text.parse::<f64>().ok(),
                _ => default == *text,
            };
            if is_same {
                let (section, key) = (name.section.to_owned(), name.key.to_owned());
                all.push(Defaulted { section, key, value: text.into_owned(), origin: data.origin });
            }
        }
    });
    all
}

/// Walks through a document: keys above all sections, then those of each section.
pub(crate) fn each_option<'a>(content: &'a Data, mut each: impl FnMut(OptionName<'a>, &'a Data)) {
    for (name, data) in content.entries().unwrap_or_default() {
        match data.entries() {
            Some(keys) => keys.iter().for_each(|(key, it)| each(OptionName::new(name, key), it)),
            None => each(OptionName::new("", name), data),
        }
    }
}

struct Check<'a> {
    of: Document<'a>,
    schema: &'a Schema,
    table: &'a Table,
    tables: &'a Tables,
    problems: &'a mut Problems,
}

impl Check<'_> {
    fn option(&mut self, name: OptionName<'_>, data: &Data) {
        if matches!(data.kind, DataKind::None | DataKind::Error(_)) || self.is_extra(name) {
            return;
        }
        let of = self.of;
        let Some(entry) = self.table.entry(name.section, name.key) else {
            self.problems.extend(self.unknown(name, data.origin));
            return;
        };
        let (found, renamed) = self.table.resolve(entry);
        if let Some(place) = renamed {
            self.problems.push(errors::renamed(data.origin, of, name, place));
        }
        let Some(entry) = found else { return };
        if let Some(it) = entry.deprecated.as_ref().filter(|_| renamed.is_none()) {
            self.problems.push(errors::deprecated(data.origin, of, name, it));
        }
        self.value(name, entry, data);
    }

    /// Whether the description says that it is not checked.
    fn is_extra(&self, name: OptionName<'_>) -> bool {
        self.schema.extra.iter().any(|(section, keys)| {
            is_like(section, name.section) && keys.iter().any(|it| is_like(it.as_str(), name.key))
        })
    }

    fn unknown(&self, name: OptionName<'_>, origin: Origin) -> Problems {
        let (of, table) = (self.of, self.table);
        let mut problems = Problems::default();
        if let Some(it) = table.removed(name.section, name.key) {
            problems.push(errors::removed(origin, of, name, it));
        } else if !table.is_open(name.section) {
            let is_section_known = table.section(name.section).is_some();
            let meant = suggest::meant(table, name);
            problems.push(errors::unknown(origin, of, name, is_section_known, meant));
        }
        problems
    }

    fn value(&mut self, name: OptionName<'_>, entry: &Entry, data: &Data) {
        let rule = Rule::of(entry);
        match written(data) {
            Written::Unknown => {}
            Written::Keys if matches!(entry.kind, Kind::Dict | Kind::Any) => {}
            Written::Keys => self.bad(name, rule, "has keys of its own", data.origin),
            Written::Several(items) if entry.multiple || items.len() == 1 => {
                items.iter().for_each(|it| self.value(name, entry, it));
            }
            // An empty list is no line at all.
            Written::Several([]) => {}
            Written::Several(_) => {
                self.problems.push(errors::several(data.origin, self.of, name, &rule.wanted()));
            }
            Written::Text(text) => {
                let is_plain = !matches!(data.kind, DataKind::Secret(_));
                if entry.secret && is_plain && !holds_no_secret(&text) {
                    self.problems.push(errors::plain_secret(data.origin, self.of, name));
                } else if let Some(wrong) = rule.refusal(&text) {
                    self.bad(name, rule, &wrong, data.origin);
                }
            }
        }
    }

    fn bad(&mut self, name: OptionName<'_>, rule: Rule<'_>, wrong: &str, origin: Origin) {
        let (of, wanted) = (self.of, rule.wanted());
        let help = self.tables.help(of.table, self.table, name);
        self.problems.push(errors::bad(origin, of, name, &wanted, wrong, help));
    }
}
