//! Whole clouds: each folder of tests/cloud has a `cloud.kl`, and under `expected/` the tree of files that each host gets,
//! or the reports. The examples are compiled the same way and must have no report, and so are the sites that shows boot and those that
//! benchmarks measure. `BLESS=1` writes what there is now.

use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

#[path = "support/site.rs"]
mod site;
use site::{folders, render};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut trials = Vec::new();
    for folder in folders(&root.join("tests/cloud")) {
        let name = format!("cloud::{}", folder.file_name().unwrap_or_default().to_string_lossy());
        trials.push(Trial::test(name, move || golden(&folder, &folder.join("expected"))));
    }
    for folder in folders(&root.join("examples")) {
        let name = format!("example::{}", folder.file_name().unwrap_or_default().to_string_lossy());
        let expected = root.join("tests/cloud").join(folder.file_name().unwrap_or_default()).join("expected");
        trials.push(Trial::test(name, move || {
            compiles(&folder)?;
            if expected.exists() { golden(&folder, &expected) } else { Ok(()) }
        }));
    }
    for parent in ["tests/show", "tests/crash"] {
        for folder in folders(&root.join(parent)) {
            let name = folder.strip_prefix(root).unwrap_or(&folder).to_string_lossy().into_owned();
            trials.push(Trial::test(name, move || compiles(&folder)));
        }
    }
    for (generator, sizes) in [("gen_build.py", &["3"] as &[&str]), ("gen_open.py", &[])] {
        let script = root.join("tests/bench").join(generator);
        trials.push(Trial::test(format!("tests/bench/{generator}"), move || generated(&script, sizes)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Compiles what a generator of a benchmark writes into the folder that it is called with.
fn generated(script: &Path, sizes: &[&str]) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let made = Command::new("python3").arg("-B").arg(script).args(sizes).arg(folder.path()).output()?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
    }
    compiles(folder.path())
}

fn compiles(site: &Path) -> Result<(), Failed> {
    let (closures, reports) = render(site, |_| {})?;
    if !reports.is_empty() {
        return Err(reports.join("\n").into());
    }
    if closures.is_empty() { Err("no host".into()) } else { Ok(()) }
}

fn golden(site: &Path, expected: &Path) -> Result<(), Failed> {
    let (closures, reports) = render(site, |_| {})?;
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    if !reports.is_empty() {
        found.insert("reports.txt".to_owned(), reports.join("\n") + "\n");
    }
    // Where something is wrong no host gets anything.
    let is_wrong = reports.iter().any(|report| report.contains(": error["));
    for closure in closures.into_iter().filter(|_| !is_wrong) {
        let host = closure.manifest.host.clone();
        // The version of this program is not what the case is about.
        let manifest = closure.manifest.to_text().replace(env!("CARGO_PKG_VERSION"), "0.0.0");
        found.insert(format!("{host}/manifest.json"), manifest);
        for (path, file) in closure.files {
            found.insert(format!("{host}/{path}"), String::from_utf8_lossy(&file.bytes).into_owned());
        }
    }
    if std::env::var_os("BLESS").is_some() {
        return bless(expected, &found).map_err(|error| error.to_string().into());
    }
    let mut wrong = String::new();
    let kept = read_tree(expected);
    for path in kept.keys().chain(found.keys()).collect::<std::collections::BTreeSet<_>>() {
        let (old, new) =
            (kept.get(path).map_or("", String::as_str), found.get(path).map_or("", String::as_str));
        if old != new {
            let diff = similar::TextDiff::from_lines(old, new);
            wrong.push_str(&format!("{path}\n{}", diff.unified_diff().context_radius(2)));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong}\naccept with BLESS=1").into()) }
}

fn read_tree(folder: &Path) -> BTreeMap<String, String> {
    let files = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|it| it.file_type().is_file());
    let read = |it: walkdir::DirEntry| {
        let path = it.path().strip_prefix(folder).ok()?.to_string_lossy().into_owned();
        Some((path, std::fs::read_to_string(it.path()).ok()?))
    };
    files.filter_map(read).collect()
}

fn bless(folder: &Path, found: &BTreeMap<String, String>) -> std::io::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    for (path, text) in found {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}
