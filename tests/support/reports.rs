//! tests/report/<code>.kl: one mistake per code, and beside it in .txt the whole printed report, 80 columns, no colour. tests/checks: the
//! same for what breaks a check of the library.

use super::files::Files;
use super::{engine, files_under, golden, read, root, trial};
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeMap;
use std::path::Path;

/// A test per case, one that every code has a case, and one that cases can be joined.
pub fn trials() -> Vec<Trial> {
    let mut out: Vec<Trial> = files_under("tests/report", "kl")
        .into_iter()
        .map(|path| trial(format!("report/{}", stem(&path)), move || report(&path)))
        .collect();
    out.extend(
        files_under("tests/checks", "kl")
            .into_iter()
            .map(|path| trial(format!("checks/{}", stem(&path)), move || broken_check(&path))),
    );
    out.push(trial("checks/each-has-a-case", each_check_has_a_case));
    for code in engine::codes() {
        out.push(trial(format!("code/{}/case", code.name), move || {
            let case = root().join(format!("tests/report/{}.kl", code.name));
            if case.is_file() {
                Ok(())
            } else {
                Err(format!("{} has no tests/report/{}.kl", code.text, code.name).into())
            }
        }));
    }
    out.push(trial("report/names-of-options-differ", joinable));
    out
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Wants one report, of the code that the file is named for.
fn report(path: &Path) -> Result<(), Failed> {
    let (name, outcome) = compiled(path)?;
    let code =
        engine::codes().into_iter().find(|c| c.name == name).ok_or("the file is not named for a code")?;
    let codes: Vec<&str> = outcome.reports.iter().map(|r| r.code.as_str()).collect();
    if codes != [code.text.as_str()] {
        let printed = outcome.printed();
        return Err(format!("gives {codes:?} and not {} alone:\n{printed}", code.text).into());
    }
    golden::compare_file(&path.with_extension("txt"), &outcome.printed())
}

fn broken_check(path: &Path) -> Result<(), Failed> {
    let (_, outcome) = compiled(path)?;
    golden::compare_file(&path.with_extension("txt"), &outcome.printed())
}

fn compiled(path: &Path) -> Result<(String, engine::Outcome), Failed> {
    let name = stem(path);
    let outcome = engine::compile(&Files::parse(&format!("{name}.kl"), &read(path)?));
    Ok((name, outcome))
}

/// Every check of the library is broken by a case.
fn each_check_has_a_case() -> Result<(), Failed> {
    let mut reports = String::new();
    for path in files_under("tests/checks", "txt") {
        reports.push_str(&read(&path)?);
    }
    for path in files_under("stdlib", "kl") {
        for line in read(&path)?.lines().filter(|line| line.starts_with("check \"")) {
            if !reports.contains(line) {
                return Err(format!("no case of tests/checks breaks this one: {line}").into());
            }
        }
    }
    Ok(())
}

/// Cases are drawn and joined to one cloud, so no two of them may declare an option of one name.
fn joinable() -> Result<(), Failed> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for path in files_under("tests/report", "kl") {
        for line in read(&path)?.lines().filter_map(|l| l.strip_prefix("option ")) {
            let name: String =
                line.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).collect();
            if let Some(other) = seen.insert(name.clone(), stem(&path)).filter(|o| *o != stem(&path)) {
                return Err(format!("`option {name}` is in {other}.kl and in {}.kl", stem(&path)).into());
            }
        }
    }
    Ok(())
}
