//! The cases of tests/lang through both evaluators: what they expect, and what the reference says of them.

use crate::compare::{compile, differences};
use crate::reference::program::File;
use std::path::Path;

/// A case: its name, what is expected in comments, its files.
pub struct Small {
    pub name: String,
    pub expected: Vec<String>,
    pub files: Vec<File>,
}

/// The files of a text in which a line `# --- name` begins the next one.
pub fn files_of(text: &str) -> Vec<File> {
    let mut out = vec![File { name: "case.kl".into(), library: false, text: String::new() }];
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("# --- ") {
            Some(name) => {
                let name = name.trim();
                let library = name.strip_prefix("library/");
                let file = File {
                    name: library.unwrap_or(name).into(),
                    library: library.is_some(),
                    text: String::new(),
                };
                out.push(file);
            }
            None => out.last_mut().expect("the entry").text.push_str(line),
        }
    }
    out
}

/// Files as one text, as [`files_of`] reads it.
pub fn text_of(files: &[File]) -> String {
    let mut out = files[0].text.clone();
    for file in &files[1..] {
        out.push_str(&format!(
            "# --- {}{}\n{}",
            if file.library { "library/" } else { "" },
            file.name,
            file.text
        ));
    }
    out
}

/// All cases of a folder of the repository, but for those about clouds: there is no kernel here.
pub fn small(folder: &str) -> Vec<Small> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "kl"));
    paths.sort();
    let mut out = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a file");
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for case in text.split("\n--- ").skip(1) {
            let (name, body) = case.split_once('\n').unwrap_or((case, ""));
            let body = format!("{body}\n");
            let is_expected =
                |l: &&str| ["# error[", "# warning[", "# help:", "# value "].iter().any(|m| l.starts_with(m));
            let expected: Vec<String> = body.lines().take_while(is_expected).map(str::to_owned).collect();
            // Those of whole clouds want the library, those of tests want somebody who runs them, and there are no budgets here.
            if body.contains("use kernel") || stem == "clouds" || stem == "tests" || stem == "budget" {
                continue;
            }
            out.push(Small { name: format!("{stem}/{name}"), expected, files: files_of(&body) });
        }
    }
    out
}

/// Codes that only types give: the reference takes it that types fit.
const ONLY_TYPES: [&str; 2] = ["kl::types::", "kl::parse::"];

#[test]
fn cases_of_the_language_mean_the_same() {
    let mut wrong = Vec::new();
    for case in small("tests/lang") {
        let skipped = case.expected.iter().any(|l| ONLY_TYPES.iter().any(|t| l.contains(t)));
        // FIXME: the reference reads a file as it is, and lacks some builtins.
        let unknown = ["files/a-file-as-an-editor-of-another-system-left-it", "values/escaped-characters"];
        if unknown.contains(&case.name.as_str()) {
            continue;
        }
        let secret = case.name.starts_with("secrets/") || case.expected.iter().any(|l| l.contains("kl::lex"));
        // The reference walks over all definitions for each that it looks for, and has no budget.
        let long = case.name.starts_with("budget/") || case.files.iter().any(|f| f.text.contains("1..20000"));
        if skipped || secret || long || case.expected.iter().any(|l| l.contains("use-cycle")) {
            continue;
        }
        let found = differences(&case.files);
        if !found.is_empty() {
            wrong.push(format!("{}\n  {}", case.name, found.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn cases_of_the_language_give_their_codes() {
    let mut wrong = Vec::new();
    for case in small("tests/lang") {
        let wanted: Vec<&str> = case
            .expected
            .iter()
            .filter_map(|l| l.strip_prefix("# error[").or(l.strip_prefix("# warning[")))
            .filter_map(|l| l.split(']').next())
            .collect();
        let seen = compile(&case.files, Some("hosts"), 2);
        let all: Vec<&str> =
            seen.reports.iter().filter_map(|r| r.split('[').nth(1)?.split(']').next()).collect();
        let (mut a, mut b) = (wanted, all);
        a.sort_unstable();
        b.sort_unstable();
        if a != b {
            wrong.push(format!("{}: {b:?} instead of {a:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
