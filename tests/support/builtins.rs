//! The builtins: the example of each gives what it says, and the table of the book lists them all.

use super::files::Files;
use super::{engine, golden, root, trial};
use kl::value::builtins::{self, Builtin};
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A test per builtin, and one of the table.
pub fn trials() -> Vec<Trial> {
    let mut out: Vec<Trial> =
        builtins::all().map(|b| trial(format!("builtin/{}", b.name), move || example(b))).collect();
    out.push(trial("docs/book/builtins.md is the table", || {
        golden::compare_file(&root().join("docs/book/builtins.md"), &page())
    }));
    out
}

/// Those that need a file or a secret beside them have no example of one line; tests/lang has cases of them.
fn has_example(builtin: &Builtin) -> bool {
    builtin.example != ("1", "1")
}

fn example(builtin: &Builtin) -> Result<(), Failed> {
    let (expression, value) = builtin.example;
    let text = format!(
        "option ports : {{[Str]: Int}} = {{ http = 80, ssh = 22 }}\n\
         check \"the example\" {{ require ({expression}) == {value} }}\n"
    );
    let outcome = engine::compile(&Files::parse("example.kl", &text));
    if outcome.reports.is_empty() { Ok(()) } else { Err(outcome.printed().into()) }
}

fn page() -> String {
    let mut groups: BTreeMap<&str, Vec<&Builtin>> = BTreeMap::new();
    for builtin in builtins::all() {
        groups.entry(builtin.group).or_default().push(builtin);
    }
    let mut out = String::from(
        "# The builtins\n\n\
         A name with a dot is a property or a method of a type: `(4h).seconds`, `networks.mgmt.cidr.host(11)`. A single capital letter\n\
         stands for any type. In the examples `ports` is `{ http = 80, ssh = 22 }`. This page is written by a test, from the table of\n\
         the builtins themselves.\n",
    );
    for (group, all) in groups {
        let _ = write!(out, "\n## {group}\n\n| name | types | does | example |\n|---|---|---|---|\n");
        for builtin in all {
            let (expression, value) = builtin.example;
            let example = if has_example(builtin) {
                format!("{} is {}", code(expression), code(value))
            } else {
                String::new()
            };
            let types = builtin.signature.replace('|', "\\|");
            let _ = writeln!(out, "| `{}` | `{types}` | {} | {example} |", builtin.name, builtin.doc);
        }
    }
    out
}

/// A text as Markdown has code, also one with a backtick in it.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}
