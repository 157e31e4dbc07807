//! The parser against whole modules and against small cases; nothing is checked or evaluated here.

use kl::diag::Problems;
use kl::source::{Layer, SourceMap};
use std::path::{Path, PathBuf};

/// All `.kl` files below a folder of the workspace, by name.
fn kl_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "kl") {
                let text = std::fs::read_to_string(&path).expect("a file");
                files.push((path, text));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn references_parse() {
    let files = kl_files("../tests/reference/kl");
    assert_eq!(files.len(), 10, "a reference is missing");
    let mut wrong = Vec::new();
    for (path, text) in files {
        let mut sources = SourceMap::default();
        let mut problems = Problems::default();
        sources.add(&path.display().to_string(), text.as_str().into(), Layer::Site);
        let file = kl::syntax::parse(&text, 0, &mut problems);
        assert!(!file.items.is_empty());
        wrong.extend(problems.sorted().iter().map(|d| d.one_line(&sources)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
