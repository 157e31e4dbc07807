//! tests/stdlib/*.kl: the tests of the library's modules, written in the language and run by the tool as users run theirs.

use super::{files_under, read, root, transcripts, trial};
use libtest_mimic::{Failed, Trial};
use std::path::Path;

/// A test per file that has some.
pub fn trials() -> Vec<Trial> {
    files_under("tests/stdlib", "kl")
        .into_iter()
        .filter_map(|path| {
            let name = path.file_stem()?.to_string_lossy().into_owned();
            Some(trial(format!("stdlib/{name}"), move || passes(&path, &name)))
        })
        .collect()
}

fn passes(path: &Path, name: &str) -> Result<(), Failed> {
    let (printed, code) = transcripts::run(&format!("kolla-lang test tests/stdlib/{name}.kl"), root())?;
    let n_tests = read(path)?.lines().filter(|line| line.starts_with("test \"")).count();
    let wanted = match n_tests {
        0 => "no tests in".to_owned(),
        n => format!("{n} passed, 0 failed"),
    };
    if code == 0 && printed.contains(&wanted) { Ok(()) } else { Err(printed.into()) }
}
