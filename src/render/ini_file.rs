//! The ini writer. Ours and not a library's: a list is a repeated key, an empty text is `k =` without a space at the end,
//! `DEFAULT` comes first, and kept writers do one of the three at most.

use super::doc::Doc;
use super::encode::float;

/// Writes a document of at most two levels; what it cannot carry was refused before.
pub fn write(doc: &Doc) -> String {
    let Doc::Map(entries) = doc else { return String::new() };
    let mut out = String::new();
    for (key, value) in entries {
        if !matches!(value, Doc::Map(_)) {
            write_key(&mut out, key, value);
        }
    }
    let is_default = |name: &str| name == "DEFAULT";
    let sections = || entries.iter().filter(|(_, value)| matches!(value, Doc::Map(_)));
    let first = sections().filter(|(name, _)| is_default(name));
    for (name, section) in first.chain(sections().filter(|(name, _)| !is_default(name))) {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("[{name}]\n"));
        if let Doc::Map(keys) = section {
            keys.iter().for_each(|(key, value)| write_key(&mut out, key, value));
        }
    }
    out
}

fn write_key(out: &mut String, key: &str, value: &Doc) {
    match value {
        Doc::List(items) => items.iter().for_each(|item| write_key(out, key, item)),
        Doc::Bool(value) => out.push_str(&format!("{key} = {value}\n")),
        Doc::Int(value) => out.push_str(&format!("{key} = {value}\n")),
        Doc::Float(value) => out.push_str(&format!("{key} = {}\n", float(*value))),
        Doc::Text(text) if text.is_empty() => out.push_str(&format!("{key} =\n")),
        Doc::Text(text) => out.push_str(&format!("{key} = {text}\n")),
        Doc::Map(_) => {}
    }
}
