//! The parser against whole modules and against small cases; nothing is checked or evaluated here.

#![allow(clippy::disallowed_methods, reason = "a test reads its own cases")]

use kl::diag::Problems;
use kl::source::{FileId, Layer, SourceMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[path = "parse/show.rs"]
mod show;

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
        let file = kl::syntax::parse(&text, FileId(0), &mut problems);
        assert!(!file.items.is_empty());
        wrong.extend(problems.sorted().iter().map(|d| d.one_line(&sources)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_tree_keeps_all_of_its_text() {
    for folder in ["../tests/reference/kl", "../stdlib", "../tests/mistakes"] {
        for (path, text) in kl_files(folder) {
            let file = kl::syntax::parse(&text, FileId(0), &mut Problems::default());
            let pieces = file.tokens.lossless().map(|it| &text[it.at.start as usize..it.at.end as usize]);
            assert_eq!(pieces.collect::<String>(), text, "{}", path.display());
        }
    }
}

/// Parses and counts the problems.
fn parses(text: &str) -> usize {
    let mut problems = Problems::default();
    let file = kl::syntax::parse(text, FileId(0), &mut problems);
    drop(file);
    problems.iter().count()
}

/// What a case says of its source: the reports, then the tree, a line for each.
fn outcome(source: &str) -> String {
    let mut sources = SourceMap::default();
    let mut problems = Problems::default();
    sources.add("case.kl", source.into(), Layer::Site);
    let file = kl::syntax::parse(source, FileId(0), &mut problems);
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "# {text}").expect("a String takes all");
    let place = |at: kl::source::Span| {
        let (start, end) = (sources.position(at.first()), sources.position(at.after()));
        match start.line == end.line {
            true => format!("{}:{}-{}", start.line, start.column, end.column),
            false => format!("{}:{}-{}:{}", start.line, start.column, end.line, end.column),
        }
    };
    for d in problems.sorted() {
        line(format!("{}[{}] {} {}", d.severity, d.code.name(), place(d.at), d.message));
        if !d.at_text.is_empty() {
            line(format!("here: {}", d.at_text));
        }
        d.labels.iter().for_each(|label| line(format!("label {} {}", place(label.at), label.text)));
        d.help.iter().for_each(|help| line(format!("help: {help}")));
    }
    file.items.iter().for_each(|item| line(format!("tree: {}", show::item(item))));
    out
}

/// A case is a line `--- name`, the source, a line `---`, and what is said of it. Places count from the source's first line.
#[test]
fn cases() {
    let mut wrong = Vec::new();
    for (path, text) in kl_files("tests/parse") {
        let mut now = String::new();
        let mut name = "";
        let mut source: Option<String> = None;
        for line in text.split_inclusive('\n') {
            match (line.trim_end().strip_prefix("---"), &mut source) {
                (Some(""), Some(read)) => {
                    let result = outcome(read);
                    if !text.contains(&format!("--- {name}\n{read}---\n{result}\n")) {
                        wrong.push(format!("{} {name}:\n{result}", path.display()));
                    }
                    write!(now, "--- {name}\n{read}---\n{result}\n").expect("a String takes all");
                    source = None;
                }
                (Some(title), _) => {
                    name = title.trim();
                    source = Some(String::new());
                }
                (None, Some(read)) => read.push_str(line),
                (None, None) if name.is_empty() => now.push_str(line),
                (None, None) => {}
            }
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, now).expect("a case file that can be written");
        }
    }
    assert!(wrong.is_empty(), "{}\naccept with BLESS=1 cargo test -p kl --test parse", wrong.join("\n"));
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
        let tokens = kl::token::lex(&text, FileId(0), &mut Problems::default());
        for token in &tokens.code {
            let (before, after) = (&text[..token.at.start as usize], &text[token.at.end as usize..]);
            let n_problems = parses(&format!("{before}{after}"));
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
        format!("a = {}1{}", "f(a = ".repeat(n), ")".repeat(n)),
        format!("a = {}1{}", "[x for x in ".repeat(n), "]".repeat(n)),
        format!("a = {}1{}", "[{ let a = ".repeat(n), "}]".repeat(n)),
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
        let file = kl::syntax::parse(&format!("{text}\nafter = 1"), FileId(0), &mut problems);
        let codes: Vec<_> = problems.iter().map(|d| d.code.name()).collect();
        let start: String = text.chars().take(40).collect();
        assert_eq!(codes, ["too-deep"], "{start}");
        assert!(format!("{:?}", file.items.last()).contains("after"), "{start}");
    }
}
