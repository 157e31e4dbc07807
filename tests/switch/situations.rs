//! The situations of `tests/situations/`: the steps that are planned, where a host ends, and whether the book names each.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

use super::fake::Fake;
use super::{folders, options, side, steps};

/// Returns the tests of all situations, and of the table in the book.
pub fn trials(root: &Path) -> Vec<Trial> {
    let mut trials = Vec::new();
    let cases = folders(&root.join("tests/situations"));
    for case in &cases {
        let (name, at, there) = (name_of(case), case.clone(), case.clone());
        trials.push(Trial::test(format!("situation/{name}/steps"), move || steps(&at)));
        trials.push(Trial::test(format!("situation/{name}/end"), move || end(&there)));
    }
    let book = root.join("docs/book/situations.md");
    trials.push(Trial::test("situation/table", move || table(&book, &cases)));
    trials
}

fn name_of(case: &Path) -> String {
    case.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Switches a host from one side to the other, and looks where it ended.
fn end(case: &Path) -> Result<(), Failed> {
    if case.join("doubtful.txt").exists() {
        // What became of its volumes is seen by podman alone.
        return Ok(());
    }
    let (from, to) = (side(case, "from.json")?, side(case, "to.json")?.ok_or("no to.json")?);
    let mut fake = Fake::with_generation(from.as_ref())?;
    fake.options = options(case)?;
    let ended = fake.switch(&to);
    Ok(fake.check(from.as_ref(), &to, &ended)?)
}

/// Compares the table of the book with the cases: each case has a row, and each row that names a case names one.
fn table(book: &Path, cases: &[PathBuf]) -> Result<(), Failed> {
    let text = fs::read_to_string(book)?;
    let mut named = BTreeSet::new();
    for row in text.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [situation, case, what] = cells.as_slice() else {
            return Err(format!("a row has not three cells: {row}").into());
        };
        if situation.is_empty() || what.is_empty() {
            return Err(format!("a row says too little: {row}").into());
        }
        let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        for path in quoted(what).iter().filter(|it| it.starts_with("tests/")) {
            if !Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists() {
                return Err(format!("there is no {path}: {row}").into());
            }
        }
        let names = quoted(case);
        named.extend(names);
    }
    let known: BTreeSet<String> = cases.iter().map(|case| name_of(case)).collect();
    let elsewhere = |name: &&String| !known.contains(*name) && !name.contains('/');
    let unknown: Vec<&String> = named.iter().filter(elsewhere).collect();
    let missing: Vec<&String> = known.iter().filter(|name| !named.contains(*name)).collect();
    if unknown.is_empty() && missing.is_empty() && !known.is_empty() {
        return Ok(());
    }
    Err(format!("{}: rows without a case {unknown:?}, cases without a row {missing:?}", book.display())
        .into())
}
