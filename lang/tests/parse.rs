//! The parser against whole modules and against small cases; nothing is checked or evaluated here.

#![allow(clippy::disallowed_methods, reason = "a test reads its own cases")]

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

/// Parses and counts the problems.
fn parses(text: &str) -> usize {
    let mut problems = Problems::default();
    let file = kl::syntax::parse(text, 0, &mut problems);
    drop(file);
    problems.iter().count()
}

#[test]
fn any_prefix_of_a_reference_parses() {
    for (_, text) in kl_files("../tests/reference/kl") {
        for (end, _) in text.char_indices() {
            parses(&text[..end]);
        }
    }
}

#[test]
fn a_reference_without_any_one_token_parses() {
    for (path, text) in kl_files("../tests/reference/kl") {
        let tokens = kl::token::lex(&text, 0, &mut Problems::default());
        for token in &tokens.code {
            let (before, behind) = (&text[..token.at.start as usize], &text[token.at.end as usize..]);
            let n_problems = parses(&format!("{before}{behind}"));
            assert!(n_problems <= 5, "{} without {token:?}: {n_problems} problems", path.display());
        }
    }
}

#[test]
fn nesting_is_limited() {
    let n = 10_000;
    let cases = [
        format!("a = {}1{}", "(".repeat(n), ")".repeat(n)),
        format!("a = {}1{}", "[".repeat(n), "]".repeat(n)),
        format!("a = {}", "[".repeat(n)),
        format!("{}b = 1{}", "a = { ".repeat(n), "}".repeat(n)),
        format!("{}b = 1", "a = { ".repeat(n)),
        format!("{}b = 1{}", "if a { ".repeat(n), "}".repeat(n)),
        format!("{}b = 1{}", "for a in b { ".repeat(n), "}".repeat(n)),
        format!("if a {{}}{}", " else if a {}".repeat(n)),
        format!("a = {}1{}", "if b then ".repeat(n), " else c".repeat(n)),
        format!("a = {}1", "if b then c else ".repeat(n)),
        format!("a = {}1", "- ".repeat(n)),
        format!("a = {}1", "not ".repeat(n)),
        format!("a = 1{}", " + 1".repeat(n)),
        format!("a = 1{}", " ?? 1".repeat(n)),
        format!("a = b{}", ".b".repeat(n)),
        format!("a = b{}", "()".repeat(n)),
        format!("a = b{}", "[b]".repeat(n)),
        format!("a = {}1{}", "f(".repeat(n), ")".repeat(n)),
        format!("a = {}1{}", ".f(".repeat(n), ")".repeat(n)),
        format!("a = {}1{}", "\"${".repeat(n), "}\"".repeat(n)),
        format!("a = {}1{}", "match b { c -> ".repeat(n), "}".repeat(n)),
        format!("option a : {}Int{}", "[".repeat(n), "]".repeat(n)),
        format!("option a : {}Int", "set of ".repeat(n)),
        format!("option a : {}Int{}", "{[Str]: ".repeat(n), "}".repeat(n)),
        format!("option a : {}Int{}", "{ a : ".repeat(n), "}".repeat(n)),
        format!("option a : {}Int{}", "enum { a(a: ".repeat(n), ") }".repeat(n)),
        format!("check \"c\" {{ {}require a{} }}", "for a in b { ".repeat(n), "}".repeat(n)),
    ];
    for text in cases {
        let mut problems = Problems::default();
        let file = kl::syntax::parse(&format!("{text}\nafter = 1"), 0, &mut problems);
        let codes: Vec<_> = problems.iter().map(|d| d.code.name()).collect();
        let start: String = text.chars().take(40).collect();
        assert_eq!(codes, ["too-deep"], "{start}");
        assert!(format!("{:?}", file.items.last()).contains("after"), "{start}");
    }
}
