//! No mistake is lost: whatever expression of a description is replaced by a name that nobody declares, wherever it
//! stands, the name is reported. The descriptions are the cases of tests/lang, the examples and the library.
//!
//! The places of the library are sampled; `CASES=all` takes every one, `SEED=n` others.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a test reads its own cases and says what it drew"
)]

use kl::diag::{Problems, Severity};
use kl::source::{FileId, ReadError, World};
use kl::types::{items, load};
use kl::value::builtins;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[path = "lost/places.rs"]
mod places;
use places::{Kind, places};

/// A name that no description declares.
const NOPE: &str = "nope";

/// The files of a description and the library that it uses.
#[derive(Clone)]
struct Files {
    site: BTreeMap<String, Arc<str>>,
    library: Arc<BTreeMap<String, Arc<str>>>,
}

impl World for Files {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        self.site.get(path).cloned().ok_or(ReadError::Missing)
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        self.site.get(&format!("library/{path}")).or_else(|| self.library.get(path)).cloned()
    }

    fn library_modules(&self) -> Vec<String> {
        Vec::new()
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All texts below a folder of the workspace, by their path in it.
fn texts_below(folder: &str) -> BTreeMap<String, Arc<str>> {
    let top = workspace().join(folder);
    let (mut folders, mut out) = (vec![top.clone()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let name = path.strip_prefix(&top).expect("it is below").to_string_lossy().replace('\\', "/");
                out.insert(name, text.into());
            }
        }
    }
    out
}

/// The errors that the checker reports of a description; none, if the file of that name is no part of it.
fn reported(world: &Files, entry: &str, name: &str) -> Option<Vec<String>> {
    let mut problems = Problems::default();
    let files = load::load(world, &[entry], &mut problems).ok()?;
    let name = name.strip_prefix("library/").unwrap_or(name);
    files.sources.files().find(|(_, file)| &*file.name == name)?;
    let (_, problems) = items::check(world, builtins::signatures(), files, None, problems);
    let errors = problems.iter().filter(|d| d.severity == Severity::Error);
    Some(errors.map(|d| d.message.clone()).collect())
}

/// Whether a text can be parsed as it is: otherwise what is in it may have been skipped.
fn parses(text: &str) -> Option<kl::syntax::ast::File> {
    let mut problems = Problems::default();
    let file = kl::syntax::parse(text, FileId(0), &mut problems);
    problems.is_empty().then_some(file)
}

/// The places of a file of a description at which a mistake is lost. `chosen` says which are tried.
fn lost(files: &Files, entry: &str, name: &str, text: &str, chosen: &mut dyn FnMut() -> bool) -> Vec<String> {
    let Some(tree) = parses(text) else { return Vec::new() };
    let mut out = Vec::new();
    for (kind, at) in places(&tree) {
        if !chosen() {
            continue;
        }
        let wrong = match kind {
            Kind::Expr => NOPE,
            Kind::Type => "Nope",
        };
        let (from, to) = (at.start as usize, at.end as usize);
        let broken = format!("{}{wrong}{}", &text[..from], &text[to..]);
        let mut world = files.clone();
        world.site.insert(name.to_string(), broken.into());
        let Some(seen) = reported(&world, entry, name) else { continue };
        if !seen.iter().any(|message| message.contains(&format!("`{wrong}`"))) {
            let line = text[..from].matches('\n').count() + 1;
            let was = text[from..to].replace('\n', " ");
            out.push(format!("{name}:{line}: `{wrong}` for `{was}` is lost; said: {seen:?}"));
        }
    }
    out
}

/// The files of a case, and the entry among them; as docs/CONTRIBUTING.md describes.
fn case_files(text: &str, library: &Arc<BTreeMap<String, Arc<str>>>) -> Files {
    let (mut site, mut name, mut body) = (BTreeMap::new(), "case.kl".to_string(), String::new());
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("# --- ") {
            Some(next) => {
                site.insert(std::mem::replace(&mut name, next.trim().to_string()), body.as_str().into());
                body.clear();
            }
            None => body.push_str(line),
        }
    }
    site.insert(name, body.as_str().into());
    Files { site, library: library.clone() }
}

fn every() -> impl FnMut() -> bool {
    || true
}

#[test]
fn in_no_case() {
    let library = Arc::new(texts_below("stdlib"));
    let mut wrong = Vec::new();
    let mut n = 0;
    for (file, text) in texts_below("tests/lang") {
        for case in format!("\n{text}").split("\n--- ").skip(1) {
            let (title, case) = case.split_once('\n').unwrap_or((case, ""));
            let files = case_files(case, &library);
            for (name, text) in files.site.clone() {
                n += 1;
                let found = lost(&files, "case.kl", &name, &text, &mut every());
                wrong.extend(found.into_iter().map(|it| format!("{file}/{title}: {it}")));
            }
        }
    }
    assert!(n > 100, "there are cases");
    assert!(wrong.is_empty(), "{} lost:\n{}", wrong.len(), wrong.join("\n"));
}

/// Says yes once in `of` times, beginning anywhere: what a seed chooses.
fn sampled(of: u64, seed: u64) -> impl FnMut() -> bool {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.is_multiple_of(of)
    }
}

#[test]
fn in_no_example_and_no_module() {
    let library = Arc::new(texts_below("stdlib"));
    let setting = |name: &str| std::env::var(name).ok();
    let seed = setting("SEED").and_then(|text| text.parse().ok()).unwrap_or(1);
    let of = if setting("CASES").as_deref() == Some("all") { 1 } else { 40 };
    println!("seed {seed}, one place of {of}");
    let mut chosen = sampled(of, seed);
    let mut wrong = Vec::new();
    for example in ["all-in-one", "three-controllers"] {
        let site = texts_below(&format!("examples/{example}"));
        let files = Files { site: site.clone(), library: library.clone() };
        for (name, text) in site.iter().filter(|(name, _)| name.ends_with(".kl")) {
            wrong.extend(lost(&files, "cloud.kl", name, text, &mut chosen));
        }
    }
    let site = texts_below("examples/all-in-one");
    let files = Files { site, library: library.clone() };
    for (name, text) in library.iter().filter(|(name, _)| name.ends_with(".kl")) {
        // As a file of the case it stands before the library's own.
        wrong.extend(lost(&files, "cloud.kl", &format!("library/{name}"), text, &mut chosen));
    }
    assert!(wrong.is_empty(), "{} lost:\n{}", wrong.len(), wrong.join("\n"));
}
