//! Switches of hosts: what is planned for a pair of closures, and where a host ends when any call fails at any moment.
//!
//! The cases are data, in `tests/switch/<name>/` and `tests/situations/<name>/`: `from.json`, `to.json` and the expected
//! `steps.txt`. Set `BLESS=1` to accept.

#[path = "switch/drift.rs"]
mod drift;
#[path = "switch/dry.rs"]
mod dry;
#[path = "switch/fake.rs"]
mod fake;
#[path = "switch/follow.rs"]
mod follow;
#[path = "switch/formats.rs"]
mod formats;
#[path = "switch/gates.rs"]
mod gates;
#[path = "switch/gc.rs"]
mod gc;
#[path = "switch/keys.rs"]
mod keys;
#[path = "support/manifest.rs"]
mod manifest;
#[path = "switch/memory.rs"]
mod memory;
#[path = "switch/names.rs"]
mod names;
#[path = "switch/part.rs"]
mod part;
#[path = "switch/plain.rs"]
mod plain;
#[path = "switch/readers.rs"]
mod readers;
#[path = "switch/secrets.rs"]
mod secrets;
#[path = "switch/situations.rs"]
mod situations;
#[path = "switch/small.rs"]
mod small;

use std::fs;
use std::path::{Path, PathBuf};

use fake::{Fail, Fake, Planted, Rescue};
use kolla_lang::activate::completions::{Completion, Completions};
use kolla_lang::activate::diff::diff;
use kolla_lang::activate::request::Options;
use kolla_lang::activate::steps::plan;
use kolla_lang::store::Closure;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/switch");
    let mut trials = Vec::new();
    for case in folders(&root) {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let at = case.clone();
        trials.push(Trial::test(format!("{name}/steps"), move || steps(&at)));
        for fail in [Fail::Once, Fail::FromThen, Fail::Job] {
            let at = case.clone();
            trials.push(Trial::test(format!("{name}/{}", fail.name()), move || every_failure(&at, fail)));
        }
        for rescue in [Rescue::Recovery, Rescue::Reboot] {
            let at = case.clone();
            let name = format!("{name}/{}/{rescue:?}", Fail::Kill.name());
            trials.push(Trial::test(name, move || every_kill(&at, rescue)));
        }
    }
    for case in folders(&root).into_iter().chain(folders(&root.with_file_name("situations"))) {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        trials.push(Trial::test(format!("dry-run/{name}"), move || {
            let (from, to) = (side(&case, "from.json")?, side(&case, "to.json")?.ok_or("no to.json")?);
            dry::compare(from.as_ref(), &to, options(&case)?).map_err(Failed::from)
        }));
    }
    trials.extend(
        fake::scenarios()
            .into_iter()
            .chain(drift::scenarios())
            .chain(dry::scenarios())
            .chain(follow::scenarios())
            .chain(formats::scenarios())
            .chain(gates::scenarios())
            .chain(gc::scenarios())
            .chain(memory::scenarios())
            .chain(names::scenarios())
            .chain(readers::scenarios())
            .chain(part::scenarios())
            .chain(plain::scenarios())
            .chain(secrets::scenarios())
            .map(|(name, run)| Trial::test(name, move || run().map_err(Failed::from))),
    );
    trials.extend(situations::trials(Path::new(env!("CARGO_MANIFEST_DIR"))));
    libtest_mimic::run(&arguments, trials).exit();
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Reads one side of a case; a missing file is a host without a generation.
fn side(case: &Path, name: &str) -> Result<Option<Closure>, Failed> {
    match fs::read_to_string(case.join(name)) {
        Ok(text) => {
            Ok(Some(small::closure(&text).map_err(|error| format!("{}/{name}: {error}", case.display()))?))
        }
        Err(_) => Ok(None),
    }
}

/// Returns the stamps of the tasks that were done before, which are those of the old generation; `doubtful.txt` in the
/// case names those whose volume is another one now.
fn completions(case: &Path, from: Option<&Closure>, to: &Closure) -> Result<Completions, Failed> {
    let is_done =
        |once: &str| from.is_some_and(|it| it.manifest.tasks.values().any(|task| task.once == once));
    let done = to.manifest.tasks.iter().filter(|(_, task)| is_done(&task.once));
    let mut completions: Completions = done.map(|(name, _)| (name.clone(), Completion::Done)).collect();
    for name in fs::read_to_string(case.join("doubtful.txt")).unwrap_or_default().lines() {
        let completion = completions.get_mut(name).ok_or_else(|| format!("doubtful.txt names {name}"))?;
        *completion = Completion::Doubtful("its volume is another one".to_owned());
    }
    Ok(completions)
}

/// Reads what is asked of a switch beside its generation; without a file nothing is.
fn options(case: &Path) -> Result<Options, Failed> {
    match fs::read_to_string(case.join("options.json")) {
        Ok(text) => Ok(serde_json::from_str(&text)?),
        Err(_) => Ok(Options::default()),
    }
}

/// Compares the planned steps and the difference with the expected text.
fn steps(case: &Path) -> Result<(), Failed> {
    let (from, to) = (side(case, "from.json")?, side(case, "to.json")?.ok_or("no to.json")?);
    let difference = diff(from.as_ref(), &to);
    let completions = completions(case, from.as_ref(), &to)?;
    let options = options(case)?;
    let plan = plan(&difference, from.as_ref().map(|it| &it.manifest), &to.manifest, &completions, &options);
    let mut text = plan.to_text();
    for file in &difference.files {
        let unit = file.unit.as_deref().unwrap_or("host");
        let lines = file.lines.map(|(more, less)| format!(" +{more} -{less}")).unwrap_or_default();
        text += &format!("file     {unit} {} {}{lines}\n", file.name, file.how.word());
        for key in &file.keys {
            let value = |it: &Option<String>| it.clone().unwrap_or_else(|| "(absent)".to_owned());
            text += &format!("           {} : {} → {}\n", key.key, value(&key.old), value(&key.new));
        }
    }
    let path = case.join("steps.txt");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &text)?;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if text == expected {
        return Ok(());
    }
    Err(format!(
        "{}: expected\n{expected}\ngot\n{text}\naccept with BLESS=1 cargo test --test switch",
        path.display()
    )
    .into())
}

/// Runs the switch again and again, each time killed one call later, as is the recovery that follows.
fn every_kill(case: &Path, rescue: Rescue) -> Result<(), Failed> {
    let (from, to) = (side(case, "from.json")?, side(case, "to.json")?.ok_or("no to.json")?);
    for at in 1..10_000 {
        for again in [None, Some(2), Some(7), Some(16)] {
            let mut fake = Fake::with_generation(from.as_ref())?;
            if !fake.switch_killed(&to, at) {
                return Ok(());
            }
            if let Some(again) = again {
                fake.recover_killed(again);
            }
            fake.rescue(rescue)
                .and_then(|()| fake.check_whole(from.as_ref(), &to))
                .map_err(|error| format!("killed before call {at}, recovery before {again:?}: {error}"))?;
        }
    }
    Err("the switch never ended".into())
}

/// Runs the switch again and again, each time with a failure one call later, until none is left to fail.
fn every_failure(case: &Path, fail: Fail) -> Result<(), Failed> {
    let (from, to) = (side(case, "from.json")?, side(case, "to.json")?.ok_or("no to.json")?);
    for at in 1..10_000 {
        let mut fake = Fake::with_generation(from.as_ref())?;
        let planted = Planted { at, fail };
        let ended = fake.switch_failing(&to, planted)?;
        fake.check(from.as_ref(), &to, &ended).map_err(|error| format!("with call {at} failing: {error}"))?;
        if !fake.has_failed() {
            return Ok(());
        }
    }
    Err("the switch never ended".into())
}
