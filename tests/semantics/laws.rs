//! What holds whatever a program says.

use crate::compare::{Compiled, compile, differences};
use crate::drive::for_programs;
use crate::reference::program::File;
use kl::data::{Data, DataKind};
use std::fmt::Write as _;

#[test]
fn both_evaluators_agree() {
    let (mut all, mut untyped) = (0usize, 0usize);
    for_programs("both evaluators agree", 1, |files| {
        all += 1;
        let found = differences(files);
        if found.first().is_some_and(|l| l == "not typed") {
            untyped += 1;
            if std::env::var("TYPES").is_ok() {
                return found;
            }
            return Vec::new();
        }
        found
    });
    println!("{untyped} of {all} not typed");
}

/// Values without their origins, as text.
fn shown(compiled: &Compiled) -> String {
    let mut out = String::new();
    let mut root: Vec<_> = compiled.root.iter().collect();
    root.sort_by_key(|(name, _)| name);
    for (name, data) in root {
        let _ = write!(out, "{name} = ");
        write_data(data, &mut out);
        out.push('\n');
    }
    for code in &compiled.codes {
        let _ = writeln!(out, "{code}");
    }
    out
}

fn write_data(data: &Data, out: &mut String) {
    if let Some(all) = data.entries() {
        out.push('{');
        for (name, inner) in all {
            let _ = write!(out, " {name} = ");
            write_data(inner, out);
        }
        out.push_str(" }");
        return;
    }
    match &data.kind {
        DataKind::Error(_) => out.push('?'),
        DataKind::Enum(name, payload) => {
            let _ = write!(out, ".{name}");
            payload.iter().for_each(|(_, inner)| write_data(inner, out));
        }
        DataKind::List(items) | DataKind::Set(items) => {
            out.push('[');
            for item in items.iter() {
                write_data(item, out);
                out.push(' ');
            }
            out.push(']');
        }
        other => {
            let _ = write!(out, "{other:?}");
        }
    }
}

/// Whether the first was typed, and evaluated without a cycle: where one is entered decides which of its leaves fail.
fn is_plain(compiled: &Compiled) -> bool {
    let spoils = |text: &str| {
        text.starts_with("kl::types") || text.starts_with("kl::parse") || text == "kl::eval::cycle"
    };
    !compiled.codes.iter().any(|code| spoils(code.as_str()))
}

fn differs(what: &str, a: String, b: String) -> Vec<String> {
    if a == b { Vec::new() } else { vec![format!("{what}:\n{a}\nand\n{b}")] }
}

#[test]
fn the_order_of_lines_decides_nothing() {
    for_programs("the order of lines decides nothing", 4, |files| {
        // A list grows by line.
        if files.iter().any(|f| f.text.contains("+=")) {
            return Vec::new();
        }
        let before = compile(files, None, 1);
        if !is_plain(&before) {
            return Vec::new();
        }
        let backwards = |f: &File| {
            let lines: Vec<&str> = f.text.lines().rev().collect();
            File { text: lines.join("\n") + "\n", ..f.clone() }
        };
        let after = compile(&files.iter().map(backwards).collect::<Vec<_>>(), None, 1);
        differs("other values with all lines backwards", shown(&before), shown(&after))
    });
}

#[test]
fn parts_and_threads_decide_nothing() {
    for_programs("parts and threads decide nothing", 2, |files| {
        let whole = compile(files, None, 1);
        if !is_plain(&whole) {
            return Vec::new();
        }
        let map = whole.root.iter().find(|(_, data)| matches!(data.kind, DataKind::Map(_)));
        let Some((name, _)) = map else { return Vec::new() };
        let apart = compile(files, Some(name), 1);
        let two = compile(files, Some(name), 2);
        // FIXME: whether a definition without rounds counts as beaten depends on what was asked first.
        let plain = |compiled: &Compiled| shown(compiled).replace("kl::merge::dead-definition\n", "");
        let mut out =
            differs(&format!("other values with the partition {name}"), plain(&whole), plain(&apart));
        out.extend(differs("other values with two threads", shown(&apart), shown(&two)));
        out.extend(differs(
            "other reports with two threads",
            apart.reports.join("\n"),
            two.reports.join("\n"),
        ));
        out
    });
}

#[test]
fn an_error_value_comes_with_a_report() {
    for_programs("an error value comes with a report", 4, |files| {
        let compiled = compile(files, None, 1);
        let failed = shown(&compiled).contains('?');
        let told = compiled.reports.iter().any(|report| report.contains(": error["));
        if failed && !told { vec!["an error value and no report".into()] } else { Vec::new() }
    });
}

#[test]
fn renaming_keys_renames_what_comes_out() {
    for_programs("renaming keys renames what comes out", 4, |files| {
        // Computed keys and texts that are changed do not follow a new name.
        let fixed = ["k${", "replace(", "upper(", "count(", "escape(", "ends_with(", "matches(", "split("];
        if files.iter().any(|f| fixed.iter().any(|text| f.text.contains(text))) {
            return Vec::new();
        }
        let before = compile(files, None, 1);
        if !is_plain(&before) {
            return Vec::new();
        }
        let renamed = |f: &File| File { text: f.text.replace("k1", "k1a"), ..f.clone() };
        let after = compile(&files.iter().map(renamed).collect::<Vec<_>>(), None, 1);
        differs("a key by another name", shown(&before).replace("k1", "k1a"), shown(&after))
    });
}
