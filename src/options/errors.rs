//! What is said of documents that do not fit their tables. Words only.

use kl::data::Origin;
use kl::diag::{Code, Diagnostic};
use model::{Schema, TableRef};
use std::fmt;

use super::OptionName;
use super::table::{Deprecated, Place, Removed};
use super::tables::TableError;

/// The most characters of a help that a report shows.
const N_CHARS: usize = 300;

/// A document whose table is asked.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    /// Its path.
    pub path: &'a str,
    /// Its table.
    pub table: &'a TableRef,
}

impl fmt::Display for Document<'_> {
    /// "keystone.conf of epoxy"; by a description's own table, its path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table {
            TableRef::Library { document, release } if release.value.is_empty() => write!(f, "{document}"),
            TableRef::Library { document, release } => write!(f, "{document} of {release}"),
            TableRef::Own(_) => f.write_str(self.path),
        }
    }
}

/// A report at the value. What brought it into a document says nothing of it: where a container and a task have the same file, it is one report.
fn at(origin: Origin, code: Code, message: String) -> Diagnostic {
    Diagnostic::error(code, origin.at, message)
}

fn warning(report: Diagnostic) -> Diagnostic {
    Diagnostic { severity: kl::diag::Severity::Warning, ..report }
}

/// A table that cannot be had.
pub(crate) fn no_table(path: &str, schema: &Schema, error: &TableError) -> Diagnostic {
    let code = Code::OptionTable;
    match (&schema.table, error) {
        (TableRef::Library { document, .. }, TableError::NoDocument(known)) => {
            let message = format!("the library has no table of options of `{document}`");
            let near = kl::diag::did_you_mean(&document.value, known.iter().map(String::as_str));
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Diagnostic::error(code, document.at, message).help(near.unwrap_or_else(|| {
                format!(
                    "it has those of {known}; give one of your own: `.own(text = file(\"options.json\"))`"
                )
            }))
        }
        (TableRef::Library { document, release }, TableError::NoRelease(known)) => {
            let message =
                format!("`{document}` has no table of options for {release}: nothing is checked in it");
            Diagnostic::warning(code, release.at, message)
                .help(format!("there are tables for {}", known.join(", ")))
        }
        (table, TableError::Damaged(why)) => {
            let (place, what) = match table {
                TableRef::Library { document, .. } => {
                    (document.at, format!("of {}", Document { path, table }))
                }
                TableRef::Own(text) => (text.at, format!("of {path}")),
            };
            Diagnostic::error(code, place, format!("the table of options {what} cannot be read: {why}"))
                .help("its format is in the book: docs/book/options.md")
        }
        (TableRef::Own(text), _) => Diagnostic::bug(text.at, "a table that is there was not found"),
    }
}

/// An option that the table does not know.
pub(crate) fn unknown(
    origin: Origin,
    of: Document<'_>,
    name: OptionName<'_>,
    is_section_known: bool,
    meant: Option<String>,
) -> Diagnostic {
    let message = if is_section_known {
        format!("`{name}` is no option of {of}")
    } else {
        format!("`{name}`: {of} has no section `{}`", name.section)
    };
    at(origin, Code::UnknownOption, message).help(meant.unwrap_or_else(|| {
        let command = match of.table {
            TableRef::Library { document, release } => {
                format!("`kolla-lang options {document} --release {release}` lists what there is; if")
            }
            TableRef::Own(_) => "take it out; or, if".to_owned(),
        };
        format!("{command} a plugin reads it, name it in `extra` of the document's `schema`")
    }))
}

/// An option that an earlier release had.
pub(crate) fn removed(origin: Origin, of: Document<'_>, name: OptionName<'_>, it: &Removed) -> Diagnostic {
    let message = format!("`{name}` is no option of {of} any more: it was removed in {}", it.since);
    at(origin, Code::RemovedOption, message).help(match &it.instead {
        Some(place) => format!("write `{}`", named(place)),
        None => "take it out".to_owned(),
    })
}

/// An old name of an option.
pub(crate) fn renamed(origin: Origin, of: Document<'_>, name: OptionName<'_>, now: &Place) -> Diagnostic {
    let message = format!("`{name}` is an old name of an option of {of}");
    warning(at(origin, Code::DeprecatedOption, message)).help(format!("write `{}`", named(now)))
}

/// An option that will be removed.
pub(crate) fn deprecated(
    origin: Origin,
    of: Document<'_>,
    name: OptionName<'_>,
    it: &Deprecated,
) -> Diagnostic {
    let since = it.since.as_deref().map(|it| format!(" since {it}")).unwrap_or_default();
    let message = format!("`{name}` of {of} is deprecated{since}");
    warning(at(origin, Code::DeprecatedOption, message)).help(match it.why.as_deref() {
        Some(why) if !why.trim().is_empty() => format!("take it out: {}", short(why)),
        _ => "take it out: a later release will not have it".to_owned(),
    })
}

/// A value that does not fit its option.
pub(crate) fn bad(
    origin: Origin,
    of: Document<'_>,
    name: OptionName<'_>,
    wanted: &str,
    wrong: &str,
    help: Option<String>,
) -> Diagnostic {
    let message = format!("`{name}` of {of} takes {wanted}, and this {wrong}");
    at(origin, Code::BadOption, message).help_opt(help.map(|it| format!("`{}`: {}", name.key, short(&it))))
}

/// Several values of an option that has one.
pub(crate) fn several(origin: Origin, of: Document<'_>, name: OptionName<'_>, wanted: &str) -> Diagnostic {
    let message = format!("`{name}` of {of} may stand once, and a list is a line for each item");
    at(origin, Code::BadOption, message)
        .help(format!("it takes {wanted}: write one text, as in `join([…], \",\")`"))
}

/// A secret that everybody can read.
pub(crate) fn plain_secret(origin: Origin, of: Document<'_>, name: OptionName<'_>) -> Diagnostic {
    let message = format!("`{name}` of {of} is a secret, and this is a plain text");
    at(origin, Code::PlainSecret, message)
        .help("declare it, as in `secrets.\"my/password\" = {}`, and write `secret(\"my/password\")`")
}

fn named(place: &Place) -> String {
    OptionName::new(&place.section, &place.key).to_string()
}

/// A text of one line, cut where it becomes long.
fn short(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(N_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
