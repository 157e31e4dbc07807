//! `kolla-lang options`: the options of a document, as the tables of the library know them.

use clap::Args;
use kl::diag::did_you_mean;
use kl::source::Span;
use serde_json::{Value, json};

use super::exit::Exit;
use super::options_of::tables;
use super::say::{say, say_wrong};
use model::{TableRef, Text};
use options::{Entry, OptionName, Table, TableError};

/// Say which options a configuration file has, of which type and range, with their defaults and what they do
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: kolla-lang options keystone.conf expiration\n          kolla-lang options keystone.conf '[token]*' --release epoxy --json\n\n\
Exit codes: 0 printed, 1 no such document, release or option"
)]
pub struct OptionsArgs {
    /// The document, by the name of its file
    document: String,
    /// Only options whose name, `[section] key`, holds this text; `*` in it is any text
    pattern: Option<String>,
    /// The release; without it the newest that there is a table of
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,
    /// Print one JSON value
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &OptionsArgs) -> Exit {
    let releases = match tables().releases(&args.document) {
        Ok(releases) => releases,
        Err(why) => return refused(&args.document, "", &why),
    };
    let release = args.release.as_deref().or(releases.last().map(String::as_str)).unwrap_or_default();
    let text = |text: &str| Text::new(text.into(), Span::default());
    let wanted = TableRef::Library { document: text(&args.document), release: text(release) };
    let table = match tables().get(&wanted) {
        Ok(table) => table,
        Err(why) => return refused(&args.document, release, &why),
    };
    let found: Vec<_> = table
        .options()
        .map(|(section, key, entry)| (OptionName::new(section, key), entry))
        .filter(|(name, _)| args.pattern.as_deref().is_none_or(|it| name.is_named_by(it)))
        .collect();
    let help = |name| tables().help(&wanted, &table, name);
    if args.json {
        let all: Vec<Value> = found.iter().map(|(name, entry)| as_json(*name, entry, help(*name))).collect();
        let (document, sources) = (&args.document, &table.sources);
        say!(
            "{}",
            json!({ "version": 1, "document": document, "release": release, "sources": sources, "options": all })
        );
        return Exit::Done;
    }
    if found.is_empty() {
        let pattern = args.pattern.as_deref().unwrap_or_default();
        say_wrong!("error: {} of {release} has no option `{pattern}`", args.document);
        if let Some(near) = did_you_mean(pattern, table.options().map(|(_, key, _)| key)) {
            say_wrong!("  help: {near}");
        }
        return Exit::Wrong;
    }
    let n = found.len();
    say!("{} of {release}: {n} option{}", args.document, if n == 1 { "" } else { "s" });
    for (name, entry) in found {
        say!("\n{}", as_text(&table, name, entry, help(name)).trim_end());
    }
    Exit::Done
}

/// Says why there is no table.
pub(super) fn refused(document: &str, release: &str, why: &TableError) -> Exit {
    match why {
        TableError::NoDocument(known) => {
            say_wrong!("error: there is no table of options of `{document}`");
            let near = did_you_mean(document, known.iter().map(String::as_str));
            say_wrong!(
                "  help: {}",
                near.unwrap_or_else(|| format!("there are those of {}", known.join(", ")))
            );
        }
        TableError::NoRelease(known) => {
            say_wrong!("error: there is no table of options of `{document}` for `{release}`");
            say_wrong!("  help: there are those for {}", known.join(", "));
        }
        TableError::Damaged(why) => {
            say_wrong!("error: this is a bug in kolla-lang: the table of `{document}` cannot be read: {why}");
            say_wrong!("{}", super::bug::HELP);
            return Exit::Bug;
        }
    }
    Exit::Wrong
}

fn as_text(table: &Table, name: OptionName<'_>, entry: &Entry, help: Option<String>) -> String {
    if let Some(now) = &entry.renamed_to {
        return format!("{name}\n  an old name of {}", OptionName::new(&now.section, &now.key));
    }
    let default = entry.default_text().map(|it| format!(" = {it}")).unwrap_or_default();
    let marks: Vec<&str> = [
        (entry.secret, "a secret"),
        (entry.mutable, "takes effect without a restart"),
        (entry.required, "must be given"),
        (entry.multiple, "may stand several times"),
    ]
    .into_iter()
    .filter_map(|(is_so, words)| is_so.then_some(words))
    .collect();
    let marks = if marks.is_empty() { String::new() } else { format!("; {}", marks.join("; ")) };
    let mut text = format!("{name}{default}\n  {}{marks}\n", entry.wanted());
    if let Some(it) = &entry.deprecated {
        let since = it.since.as_deref().map(|it| format!(" since {it}")).unwrap_or_default();
        let why = it.why.as_deref().map(|it| format!(": {it}")).unwrap_or_default();
        text.push_str(&format!("  deprecated{since}{why}\n"));
    }
    let old: Vec<String> = table
        .options()
        .filter(|(_, _, it)| {
            it.renamed_to.as_ref().is_some_and(|it| (&*it.section, &*it.key) == (name.section, name.key))
        })
        .map(|(section, key, _)| OptionName::new(section, key).to_string())
        .collect();
    if !old.is_empty() {
        text.push_str(&format!("  old names: {}\n", old.join(", ")));
    }
    if let Some(help) = help {
        text.push_str(&format!("  {help}\n"));
    }
    text
}

fn as_json(name: OptionName<'_>, entry: &Entry, help: Option<String>) -> Value {
    json!({
        "section": name.section, "key": name.key, "takes": entry.wanted(), "default": entry.default, "choices": entry.choices,
        "min": entry.min, "max": entry.max, "secret": entry.secret, "mutable": entry.mutable, "required": entry.required,
        "multiple": entry.multiple, "help": help,
        "deprecated": entry.deprecated.as_ref().map(|it| json!({ "since": it.since, "why": it.why })),
        "renamed_to": entry.renamed_to.as_ref().map(|it| json!({ "section": it.section, "key": it.key })),
    })
}
