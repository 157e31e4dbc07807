//! Compares the table of layers in docs/ARCHITECTURE.md with what the sources name. It reads text and knows nothing of
//! Rust's resolution beyond `crate::`, `super::` and the first segment of a path.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// What one layer may name.
#[derive(Debug, Default)]
struct Rule {
    layers: BTreeSet<String>,
    crates: BTreeSet<String>,
}

impl Rule {
    fn allows_layer(&self, name: &str) -> bool {
        self.layers.contains("everything") || self.layers.contains(name)
    }

    fn allows_crate(&self, name: &str) -> bool {
        self.crates.contains("everything") || self.crates.contains(name)
    }
}

#[test]
fn sources_import_what_the_table_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = parse_table(&read(&root.join("docs/ARCHITECTURE.md")));
    let outside: BTreeSet<String> = [root.join("Cargo.toml"), root.join("lang/Cargo.toml")]
        .iter()
        .flat_map(|p| dependencies(&read(p)))
        .collect();
    let mut wrong = Vec::new();
    for (base, is_lang) in [("lang/src", true), ("src", false)] {
        for path in rust_files(&root.join(base)) {
            let relative = path.strip_prefix(root.join(base)).expect("walked from here");
            let module = module_path(relative);
            let Some(layer) = module.first().cloned() else { continue };
            let shown = format!("{base}/{}", relative.display());
            let Some(rule) = rules.get(&layer) else {
                wrong.push(format!("{shown}: `{layer}` has no line in the table of docs/ARCHITECTURE.md"));
                continue;
            };
            for used in paths_in(&strip(&read(&path))) {
                match target_of(&used, &module, relative, is_lang, &outside) {
                    Named::Layer(to) if to != layer && rules.contains_key(&to) && !rule.allows_layer(&to) => {
                        wrong.push(format!(
                            "{shown}: `{layer}` may not import `{to}` (`{}`)",
                            used.join("::")
                        ));
                    }
                    Named::Lang if !rule.allows_layer("lang") => {
                        wrong.push(format!(
                            "{shown}: `{layer}` may not import `lang` (`{}`)",
                            used.join("::")
                        ));
                    }
                    Named::Crate(name) if !rule.allows_crate(&name) => {
                        wrong.push(format!("{shown}: `{layer}` may not name the crate `{name}`"));
                    }
                    _ => {}
                }
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "against the table of docs/ARCHITECTURE.md:\n  {}", wrong.join("\n  "));
}

#[test]
fn every_layer_of_the_table_is_explained() {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ARCHITECTURE.md"));
    let folders: String = text.lines().filter(|l| l.starts_with("| `")).collect();
    for layer in parse_table(&text).keys() {
        let known = ["lang/src", "src"].iter().any(|b| folders.contains(&format!("`{b}/{layer}")));
        assert!(known, "docs/ARCHITECTURE.md has a rule for `{layer}` and no line that says what it is");
    }
}

/// What the beginning of a path names.
enum Named {
    Layer(String),
    Lang,
    Crate(String),
    Nothing,
}

fn target_of(
    used: &[String],
    module: &[String],
    file: &Path,
    is_lang: bool,
    outside: &BTreeSet<String>,
) -> Named {
    let second = |it: &[String]| it.get(1).cloned().map_or(Named::Nothing, Named::Layer);
    match used[0].as_str() {
        "crate" | "kolla_lang" => second(used),
        "kl" if !is_lang => Named::Lang,
        "super" => {
            let n_up = used.iter().take_while(|s| *s == "super").count();
            let is_folder = file.file_name().is_some_and(|n| n == "mod.rs");
            let depth = module.len()
                - usize::from(is_folder && module.len() > 1 && module.last().is_some_and(|m| m == "mod"));
            if n_up < depth {
                Named::Nothing
            } else {
                used.get(n_up).cloned().map_or(Named::Nothing, Named::Layer)
            }
        }
        name if outside.contains(name) && name != "kl" => Named::Crate(name.to_owned()),
        _ => Named::Nothing,
    }
}

/// The lines of the table, by layer.
fn parse_table(text: &str) -> BTreeMap<String, Rule> {
    let rows = text
        .lines()
        .skip_while(|l| !l.starts_with("| layer"))
        .skip(2)
        .take_while(|l| l.starts_with('|'))
        .map(|l| l.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let words = |cell: &str| {
        cell.split(',').map(|w| w.trim().to_owned()).filter(|w| w != "–" && !w.is_empty()).collect()
    };
    let rules: BTreeMap<String, Rule> = rows
        .filter(|cells| cells.len() == 3)
        .map(|cells| (cells[0].to_owned(), Rule { layers: words(cells[1]), crates: words(cells[2]) }))
        .collect();
    assert!(rules.len() > 5, "the table of layers in docs/ARCHITECTURE.md could not be read");
    rules
}

/// The names under `[dependencies]`, as Rust spells them.
fn dependencies(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|l| l.trim() != "[dependencies]")
        .skip(1)
        .take_while(|l| !l.starts_with('['))
        .filter_map(|l| l.split(['=', '.', ' ']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// `token/lex.rs` is `token::lex`; `lib.rs` and `main.rs` are nothing: they may name all of their crate.
fn module_path(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        file.with_extension("").iter().map(|p| p.to_string_lossy().into_owned()).collect();
    if matches!(parts.last().map(String::as_str), Some("lib" | "main")) && parts.len() == 1 {
        parts.clear();
    }
    if parts.last().is_some_and(|p| p == "mod") {
        parts.pop();
    }
    parts
}

fn rust_files(under: &Path) -> Vec<PathBuf> {
    WalkDir::new(under)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("the sources can be read").into_path())
        .filter(|p| {
            p.extension().is_some_and(|e| e == "rs") && p.file_name().is_some_and(|n| n != "tests.rs")
        })
        .collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The text without comments, and with every string literal empty.
fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let n_skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |i| i + 2)
        } else if let Some(n) = raw_string(rest) {
            n
        } else if c == '"' {
            plain_string(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find("'").map_or(1, |i| i + 2)
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.push(' ');
        rest = &rest[n_skip..];
    }
    out
}

fn plain_string(text: &str) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string that begins here.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let n_hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[n_hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(n_hashes));
    let opened = text.len() - body.len();
    Some(body.find(&close).map_or(text.len(), |i| opened + i + close.len()))
}

/// Every path with `::` in a text, and those of `use a::{b, c::d}` one by one.
fn paths_in(text: &str) -> Vec<Vec<String>> {
    let bytes = text.as_bytes();
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let begins = is_word(bytes[at])
            && (at == 0 || !is_word(bytes[at - 1]))
            && !text[..at].trim_end().ends_with("::");
        if !begins {
            at += 1;
            continue;
        }
        let mut segments = Vec::new();
        let mut next = at;
        loop {
            let end = next + bytes[next..].iter().take_while(|b| is_word(**b)).count();
            segments.push(text[next..end].to_owned());
            next = end;
            if !text[end..].starts_with("::") {
                break;
            }
            next = end + 2;
            if next >= bytes.len() || !is_word(bytes[next]) {
                break;
            }
        }
        if text[..next].ends_with("::") && text[next..].starts_with('{') {
            let (heads, n_read) = group_heads(&text[next..]);
            out.extend(heads.into_iter().map(|head| segments.iter().cloned().chain([head]).collect()));
            next += n_read;
        } else if segments.len() > 1 || text[..next].ends_with("::") {
            out.push(segments);
        }
        at = next.max(at + 1);
    }
    out
}

/// The first names inside `{…}`, and the length of it all: of `{a, b::c, d::{e}}` they are a, b and d.
fn group_heads(text: &str) -> (Vec<String>, usize) {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut word = String::new();
    let mut taking = false;
    for (i, c) in text.char_indices() {
        match c {
            '{' => {
                depth += 1;
                taking = depth == 1;
            }
            '}' | ',' if depth == 1 => {
                if !word.is_empty() {
                    heads.push(std::mem::take(&mut word));
                }
                taking = true;
                if c == '}' {
                    return (heads, i + 1);
                }
            }
            '}' => depth -= 1,
            c if depth == 1 && taking && (c.is_alphanumeric() || c == '_') => word.push(c),
            ':' if depth == 1 => taking = false,
            _ => {}
        }
    }
    (heads, text.len())
}

#[test]
fn the_reader_of_paths_sees_what_is_there() {
    let seen = |text: &str| paths_in(&strip(text)).iter().map(|p| p.join("::")).collect::<Vec<_>>();
    assert_eq!(seen("use crate::{diag::Code, source::{Span, World}};"), ["crate::diag", "crate::source"]);
    assert_eq!(seen("let x = nom::IResult::<u8>::new(); // miette::no"), ["nom::IResult"]);
    assert_eq!(seen("r#\"serde::x\"# \"a\\\"toml::b\" crate::plan::X"), ["crate::plan::X"]);
    assert_eq!(seen("std::fmt::Result"), ["std::fmt::Result"]);
}
