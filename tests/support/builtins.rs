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

/// What is beside an example that is about files, secrets or tests, with the lines that a test gives before it is asked.
const SHOP: &str = r#"use kernel
option ports : {[Str]: Int} = { http = 80, ssh = 22 }
check "each port is another one" { require ports.http != ports.ssh }
cloud.name       = "shop"
networks.mgmt    = { cidr = 10.0.0.0/24, interface = "eth0" }
secrets."shop/ca"  = { kind = .authority }
secrets."shop/db"  = { kind = .password }
secrets."shop/tls" = { kind = .certificate(authority = "shop/ca", names = ["shop.example"]) }
hosts.web1 = {
  addresses.mgmt  = 10.0.0.11
  containers.shop = {
    image    = "registry.local/shop:1"
    contract = .direct
    files."/etc/motd" = text_file(file("./motd.txt"))
  }
}
"#;
const BESIDE: &str = "# --- motd.txt\nWelcome\n# --- shop.conf.j2\nlisten {{ port }}\n";

/// Those of which an example needs a cloud around it, and what is given there.
fn given(builtin: &Builtin) -> Option<&'static str> {
    match builtin.name {
        "secret" | "secret_part" | "template" | "file" | "rendered" | "built" => Some(""),
        "fails" | "reports" => Some("given { ports.ssh = 80 }, "),
        _ => None,
    }
}

fn example(builtin: &Builtin) -> Result<(), Failed> {
    let (expression, value) = builtin.example;
    let equal = format!("({expression}) == {value}");
    let text = match given(builtin) {
        Some(given) => format!("{SHOP}test \"the example\" {{ {given}expect {equal} }}\n{BESIDE}"),
        None => format!(
            "option ports : {{[Str]: Int}} = {{ http = 80, ssh = 22 }}\n\
             check \"the example\" {{ require {equal} }}\n"
        ),
    };
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
         stands for any type. In the examples `ports` is `{ http = 80, ssh = 22 }`; those with files, secrets and hosts are asked by a test of\n\
         a cloud that has them, `fails` and `reports` after `given { ports.ssh = 80 }`. This page is written by a test, from the table\n\
         of the builtins themselves.\n",
    );
    for (group, all) in groups {
        let _ = write!(out, "\n## {group}\n\n| name | types | does | example |\n|---|---|---|---|\n");
        for builtin in all {
            let (expression, value) = builtin.example;
            let example = format!("{} is {}", code(expression), code(value));
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
