//! Reads structured files into keys and values, so that a difference can be told key by key.
//!
//! Reads only what it can read for sure: anything else is compared as lines by the caller.

use std::collections::BTreeMap;

use store::manifest::Format;

/// Keys with their values, each written as a path like `DEFAULT.workers` or `servers[0].port`. A repeated option, as oslo.config and
/// systemd know it, is one key with all its values.
pub type Keys = BTreeMap<String, Vec<String>>;

/// Reads a text of a known format; nothing means that it has no keys or is not of that format.
pub fn read_keys(format: Format, text: &str) -> Option<Keys> {
    match format {
        Format::Text => None,
        Format::Ini => read_ini(text),
        Format::Env => read_env(text),
        Format::Json => serde_json::from_str(text).ok().map(|value| flatten(&value)),
        Format::Yaml => serde_yaml_ng::from_str(text).ok().map(|value| flatten(&value)),
        Format::Toml => toml::from_str(text).ok().map(|value| flatten(&value)),
    }
}

/// Reads sections and options.
fn read_ini(text: &str) -> Option<Keys> {
    let mut keys = Keys::new();
    let mut section = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.strip_suffix(']')?.trim().to_owned();
            continue;
        }
        // An option alone, like MariaDB's `skip-name-resolve`, is one with an empty value.
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        add(&mut keys, path(&section, key.trim()), value.trim());
    }
    Some(keys)
}

fn read_env(text: &str) -> Option<Keys> {
    let mut keys = Keys::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, value) = line.split_once('=')?;
        add(&mut keys, key.trim().to_owned(), value);
    }
    Some(keys)
}

fn add(keys: &mut Keys, key: String, value: &str) {
    keys.entry(key).or_default().push(value.to_owned());
}

fn path(front: &str, key: &str) -> String {
    if front.is_empty() { key.to_owned() } else { format!("{front}.{key}") }
}

/// Writes each leaf of a tree with its path. An empty list or map is a leaf too.
pub fn flatten(value: &serde_json::Value) -> Keys {
    let mut keys = Keys::new();
    // A stack and not recursion: the depth is the file's to choose.
    let mut open = vec![(String::new(), value)];
    while let Some((at, value)) = open.pop() {
        match value {
            serde_json::Value::Object(map) if !map.is_empty() => {
                open.extend(map.iter().map(|(key, value)| (path(&at, key), value)));
            }
            serde_json::Value::Array(list) if !list.is_empty() => {
                open.extend(list.iter().enumerate().map(|(idx, value)| (format!("{at}[{idx}]"), value)));
            }
            serde_json::Value::String(text) => {
                add(&mut keys, at, text);
            }
            leaf => {
                add(&mut keys, at, &leaf.to_string());
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: Format, text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<String> = expected.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let keys = read_keys(format, text).unwrap_or_default();
        let found: Vec<String> =
            keys.iter().map(|(key, values)| format!("{key}={}", values.join(", "))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_format_is_read_into_paths() {
        check(Format::Ini, "[a]\nx = 1\n# c\nx=2\nflag\n", &[("a.flag", ""), ("a.x", "1, 2")]);
        check(Format::Env, "A=b c\n", &[("A", "b c")]);
        check(
            Format::Json,
            r#"{"a":[1,{"b":null}],"c":{}}"#,
            &[("a[0]", "1"), ("a[1].b", "null"), ("c", "{}")],
        );
        check(Format::Yaml, "a:\n  b: yes please\n", &[("a.b", "yes please")]);
        check(Format::Toml, "[a]\nb = 1\n", &[("a.b", "1")]);
    }

    #[test]
    fn what_is_not_of_its_format_has_no_keys() {
        assert_eq!(read_keys(Format::Json, "{"), None);
        assert_eq!(read_keys(Format::Ini, "[a\n"), None);
        assert_eq!(read_keys(Format::Text, "a=b"), None);
    }
}
