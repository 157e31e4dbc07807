//! What differs on hosts, for people: a line for each unit, file and key. Words only.

use std::fmt::Write as _;

use super::alike::{Alike, FileRow, KeyRow, TextRow, Values};
use super::names::{counted, ranges};
use activate::diff::Several;

/// More different values of one key than this are counted: the key is then one that each host has its own value of.
const N_VALUES: usize = 4;
/// More lines of a text than this are counted.
const N_LINES: usize = 60;

/// Writes what is done with units, each in its line, aligned.
pub fn write_units(text: &mut String, indent: usize, width: usize, alike: &Alike) {
    for it in &alike.units {
        // Writing into a text cannot fail, here and below.
        let _ = writeln!(text, "{:indent$}{:<8} {:<width$}  {}", "", it.verb, it.unit, it.reason);
    }
}

/// Writes what differs besides.
pub fn write_change(text: &mut String, indent: usize, alike: &Alike) {
    for key in &alike.kernel {
        write_key(text, indent, key, &alike.hosts);
    }
    for file in &alike.files {
        write_file(text, indent, file, &alike.hosts);
    }
    for secret in &alike.secrets {
        let _ = writeln!(text, "{:indent$}secret {}: {}", "", secret.name, secret.how.words());
    }
    for key in &alike.rest {
        write_key(text, indent, key, &alike.hosts);
    }
}

fn write_file(text: &mut String, indent: usize, file: &FileRow, hosts: &[String]) {
    let FileRow { unit, name, how, access, keys, texts } = file;
    let unit = unit.as_deref().map(|unit| format!("{unit}: ")).unwrap_or_default();
    let _ = writeln!(text, "{:indent$}{unit}{name} {}", "", how.word());
    if let Some(access) = access {
        let _ = writeln!(text, "{:indent$}  {access}", "");
    }
    for key in keys {
        write_key(text, indent + 2, key, hosts);
    }
    let (shown, others) = texts.split_at(texts.len().min(1));
    for row in shown {
        write_text(text, indent + 2, row, hosts);
    }
    if !others.is_empty() {
        let _ = writeln!(
            text,
            "{:indent$}  with other lines on {}",
            "",
            names(others.iter().map(|it| &it.hosts))
        );
    }
}

fn write_text(text: &mut String, indent: usize, row: &TextRow, hosts: &[String]) {
    let at = row.at.as_ref().map(|at| format!("  {at}")).unwrap_or_default();
    let on = if row.hosts.len() == hosts.len() { String::new() } else { on(&row.hosts) };
    if !(at.is_empty() && on.is_empty()) {
        let _ = writeln!(text, "{:indent$}{}", "", format!("{on}{at}").trim_start());
    }
    let lines: Vec<&str> = row.text.lines().collect();
    for line in lines.iter().take(N_LINES) {
        let _ = writeln!(text, "{:indent$}{}", "", line.trim_end());
    }
    if lines.len() > N_LINES {
        let _ = writeln!(text, "{:indent$}and {} lines more", "", lines.len() - N_LINES);
    }
}

fn write_key(text: &mut String, indent: usize, row: &KeyRow, hosts: &[String]) {
    let KeyRow { key, values } = row;
    if let [all] = values.as_slice()
        && all.hosts.len() == hosts.len()
    {
        write_values(text, indent, key, all);
        return;
    }
    let n_shown = if values.len() > N_VALUES { N_VALUES - 1 } else { values.len() };
    let (shown, others) = values.split_at(n_shown);
    for values in shown {
        write_values(text, indent, &format!("{key} {}", on(&values.hosts)), values);
    }
    if !others.is_empty() {
        let hosts = names(others.iter().map(|it| &it.hosts));
        let _ = writeln!(text, "{:indent$}{key}: and {} values more, on {hosts}", "", others.len());
    }
}

/// Names hosts of several rows, in order.
fn names<'a>(all: impl Iterator<Item = &'a Vec<String>>) -> String {
    ranges(all.flatten().map(String::as_str))
}

fn on(hosts: &[String]) -> String {
    format!("on {}", counted(hosts.iter().map(String::as_str)))
}

fn write_values(text: &mut String, indent: usize, key: &str, values: &Values) {
    let Values { hosts: _, old, new, several, at } = values;
    let at = at.as_ref().map(|at| format!("  ({at})")).unwrap_or_default();
    match several {
        Some(Several { gone, come }) => {
            let _ = writeln!(text, "{:indent$}{key}{at}", "");
            for (sign, values) in [("-", gone), ("+", come)] {
                for value in values {
                    let _ = writeln!(text, "{:indent$}  {sign} {}", "", one_line(value));
                }
            }
        }
        None => {
            let value = |it: &Option<String>| it.as_deref().map_or_else(|| "(absent)".to_owned(), one_line);
            let _ = writeln!(text, "{:indent$}{key}: {} → {}{at}", "", value(old), value(new));
        }
    }
}

/// Writes a value on one line. An empty one and one with line breaks are written as a text in quotes.
pub fn one_line(value: &str) -> String {
    let is_plain = !value.is_empty() && !value.contains(|it: char| it.is_control()) && value.trim() == value;
    if is_plain { value.to_owned() } else { format!("{value:?}") }
}
