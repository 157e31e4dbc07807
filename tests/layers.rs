//! Compares the table of layers in docs/ARCHITECTURE.md with what keeps them: the manifests of the crates under src/, which the compiler
//! obeys, and, within the one crate of the language, the paths that its files name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// What one layer may import: other layers, and crates from outside.
type Rule = (BTreeSet<String>, BTreeSet<String>);

#[test]
fn crates_import_what_the_table_allows() {
    let table = table();
    let mut wrong = Vec::new();
    for folder in std::fs::read_dir(root().join("src")).expect("src is there").flatten() {
        let Ok(manifest) = std::fs::read_to_string(folder.path().join("Cargo.toml")) else { continue };
        let layer = folder.file_name().to_string_lossy().into_owned();
        let manifest: toml::Table = manifest.parse().expect("cargo reads it");
        let names = manifest
            .get("dependencies")
            .and_then(toml::Value::as_table)
            .into_iter()
            .flat_map(toml::Table::keys);
        let (inner, outer): (BTreeSet<String>, _) = names
            .map(|name| if name == "kl" { "lang".to_owned() } else { name.replace('-', "_") })
            .partition(|name| name == "lang" || root().join("src").join(name).is_dir());
        if table.get(&layer) != Some(&(inner.clone(), outer.clone())) {
            wrong.push(format!("| {layer} | {} | {} |", listed(&inner), listed(&outer)));
        }
    }
    assert!(wrong.is_empty(), "docs/ARCHITECTURE.md should say:\n{}", wrong.join("\n"));
}

#[test]
fn the_language_imports_what_the_table_allows() {
    let table = table();
    let folder = root().join("lang/src");
    let layer_of = |path: &Path| {
        let first = path.strip_prefix(&folder).ok()?.components().next()?;
        Some(first.as_os_str().to_str()?.trim_end_matches(".rs").to_owned())
    };
    let mut wrong = BTreeSet::new();
    for path in
        WalkDir::new(&folder).into_iter().flatten().map(walkdir::DirEntry::into_path).filter(|it| is_rust(it))
    {
        let Some(layer) = layer_of(&path).filter(|it| it != "lib") else { continue };
        let Some((inner, _)) = table.get(&layer) else {
            panic!("docs/ARCHITECTURE.md has no line for `{layer}`")
        };
        let text = std::fs::read_to_string(&path).expect("a source is text");
        for rest in text.split("crate::").skip(1) {
            let used: String = rest.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
            if used != layer && table.contains_key(&used) && !inner.contains(&used) {
                wrong.insert(format!("{}: `{layer}` may not import `{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the table of docs/ARCHITECTURE.md:\n{wrong:#?}");
}

#[test]
fn comments_have_no_examples_that_nobody_runs() {
    let mut wrong = Vec::new();
    for top in ["src", "lang/src"] {
        for path in WalkDir::new(root().join(top)).into_iter().flatten().map(walkdir::DirEntry::into_path) {
            let Some(text) =
                is_rust(&path).then(|| std::fs::read_to_string(&path).expect("a source is text"))
            else {
                continue;
            };
            let fences = text.lines().filter_map(|it| {
                let it = it.trim_start();
                it.strip_prefix("//!").or(it.strip_prefix("///"))?.trim_start().strip_prefix("```")
            });
            // Every other one ends a block.
            wrong.extend(
                fences.step_by(2).filter(|it| *it != "text").map(|it| format!("{}: ```{it}", path.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "doctests are off, so these would never run:\n{}", wrong.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "rs")
}

fn listed(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        "–".to_owned()
    } else {
        names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// The rows of the table of layers.
fn table() -> BTreeMap<String, Rule> {
    let text = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("it is there");
    let names = |cell: &str| cell.split(',').map(|it| it.trim().to_owned()).filter(|it| it != "–").collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [layer, inner, outer] = cells[..] else { return None };
        Some((layer.to_owned(), (names(inner), names(outer))))
    };
    text.lines().skip_while(|it| !it.starts_with("| layer |")).skip(2).map_while(row).collect()
}
