//! Folders with secrets on a host that is not there: when memory is mounted for them, what follows where it cannot be, and what
//! is told of folders that could not be rendered.

use std::fs;

use kolla_lang::activate::contents::render_content;
use kolla_lang::activate::drift::report::status;
use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::failure::NotBegun;
use kolla_lang::activate::finding::{Finding, Kind};
use kolla_lang::activate::generation;
use kolla_lang::activate::outcome::{ActivateError, Outcome};
use kolla_lang::secrets::Vault;
use kolla_lang::store::Closure;
use kolla_lang::store::closure::secret_path;

use super::fake::{Fail, Fake, Planted, Scenario};

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("memory-is-mounted-before-anything-is-rendered", memory_is_mounted_before_anything_is_rendered),
        ("memory-that-cannot-be-mounted-is-refused", memory_that_cannot_be_mounted_is_refused),
        ("a-folder-in-use-is-not-hidden", a_folder_in_use_is_not_hidden),
        ("one-secret-keeps-no-other-folder-away", one_secret_keeps_no_other_folder_away),
        ("status-tells-why-files-are-missing", status_tells_why_files_are_missing),
    ]
}

/// Makes a closure of two containers, each with a secret of its own; the second reads its files live.
fn closure(exec: &str) -> Closure {
    let text = format!(
        r#"{{"units": {{"a.service": {{"exec": "{exec}", "files": {{"a.conf": "p={{{{one}}}}\n"}}}},
                "b.service": {{"files": {{"b.conf": "p={{{{two}}}}\n"}}}},
                "c.service": {{"change": "reload", "files": {{"c.conf": "p={{{{one}}}}\n"}}}}}},
            "order": ["a.service", "b.service", "c.service"], "secrets": ["one", "two"]}}"#
    );
    super::small::closure(&text).unwrap_or_else(|error| panic!("{error}"))
}

fn io<T>(result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn same<T: PartialEq + std::fmt::Debug>(is: T, should_be: T) -> Result<(), String> {
    if is == should_be { Ok(()) } else { Err(format!("{is:?} instead of {should_be:?}")) }
}

/// Returns where in the log something was mounted.
fn mounts(fake: &Fake) -> Vec<(usize, String)> {
    let log = fake.world.borrow().log.clone();
    log.into_iter().enumerate().filter(|(_, call)| call.starts_with("mount ")).collect()
}

fn rendered(fake: &Fake) -> Result<Vec<Finding>, String> {
    let all =
        status(&fake.layout, &mut fake.systemd(), &mut fake.tools()).map_err(|error| error_chain(&error))?;
    Ok(all.findings.into_iter().filter(|it| it.kind == Kind::Rendered).collect())
}

/// Makes it so that a secret cannot be read.
fn lose(fake: &Fake, secret: &str) -> Result<(), String> {
    io(fs::write(fake.layout.generation(1).join(secret_path(secret)), "torn"))
}

fn memory_is_mounted_before_anything_is_rendered() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    let ended = fake.switch(&closure("x"));
    fake.check(None, &closure("x"), &ended)?;
    let names: Vec<String> = mounts(&fake).into_iter().map(|it| it.1).collect();
    same(names, ["files", "live"].map(|it| format!("mount memory at {it}")).to_vec())?;
    let first = fake.world.borrow().log.iter().position(|call| call.starts_with("arm "));
    same(mounts(&fake).iter().all(|(at, _)| Some(*at) < first), true)?;
    // It is there already for the next one.
    fake.world.borrow_mut().log.clear();
    same(matches!(fake.switch(&closure("y")), Ok(Outcome::Committed { .. })), true)?;
    same(mounts(&fake), vec![])?;
    // What has no files needs no memory.
    let mut bare = Fake::with_generation(None)?;
    let text = r#"{"units": {"a.service": {}}, "order": ["a.service"]}"#;
    let ended = bare.switch(&super::small::closure(text)?);
    same(matches!(ended, Ok(Outcome::Committed { .. })), true)?;
    same(mounts(&bare), vec![])
}

fn memory_that_cannot_be_mounted_is_refused() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    let _committed = fake.switch(&closure("x"));
    for (at, call) in mounts(&fake) {
        let mut fake = Fake::with_generation(None)?;
        let planted = Planted { at: at as u64 + 1, fail: Fail::Once };
        let ended = fake.switch_failing(&closure("x"), planted)?;
        fake.check(None, &closure("x"), &ended)?;
        let Err(ActivateError::NotBegun(NotBegun::Refused(refusals))) = &ended else {
            return Err(format!("{call}: {ended:?}"));
        };
        let path = fake.layout.run().join(call.rsplit(' ').next().unwrap_or_default());
        let expected = format!("cannot mount memory that is never swapped at {}: planted", path.display());
        same(refusals.iter().map(|it| error_chain(it)).collect(), vec![expected])?;
        let is_empty = |path| fs::read_dir(path).map_or(0, Iterator::count) == 0;
        same(is_empty(path) && is_empty(fake.layout.generations()), true)?;
        same(fake.layout.generator().exists(), false)?;
    }
    Ok(())
}

fn a_folder_in_use_is_not_hidden() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    let used = fake.layout.at("/run/kolla-lang/live/c");
    io(fs::create_dir_all(&used))?;
    same(matches!(fake.switch(&closure("x")), Ok(Outcome::Committed { .. })), true)?;
    same(mounts(&fake).into_iter().map(|it| it.1).collect(), vec!["mount memory at files".to_owned()])?;
    same(io(fs::read_dir(&used))?.count(), 1)?;
    let found = rendered(&fake)?;
    let [finding] = found.as_slice() else { return Err(format!("{found:?}")) };
    same(finding.name.as_str(), "/run/kolla-lang/live")?;
    same(finding.help.as_str(), "it becomes memory with the next boot")
}

fn one_secret_keeps_no_other_folder_away() -> Result<(), String> {
    let fake = Fake::with_generation(Some(&closure("x")))?;
    let folder = fake.layout.at("/run/kolla-lang/files");
    io(fs::remove_dir_all(&folder))?;
    lose(&fake, "one")?;
    let closure = generation::load_closure(&fake.layout, 1).map_err(|error| error_chain(&error))?;
    let problems =
        render_content(&fake.layout, &mut fake.tools(), &Vault::new(fake.layout.host_keys()), &closure);
    same(
        problems.iter().map(|it| error_chain(it)).collect(),
        vec!["the secret `one` cannot be opened: it is torn or was edited".to_owned()],
    )?;
    same(io(fs::read_dir(&folder))?.count(), 1)
}

fn status_tells_why_files_are_missing() -> Result<(), String> {
    let fake = Fake::with_generation(Some(&closure("x")))?;
    same(rendered(&fake)?, vec![])?;
    io(fs::remove_dir_all(fake.layout.at("/run/kolla-lang/files")))?;
    lose(&fake, "one")?;
    let found: Vec<(String, String)> =
        rendered(&fake)?.into_iter().map(|it| (it.expected, it.found)).collect();
    let told = |unit: &str, found: &str| (format!("the files of {unit}.service"), found.to_owned());
    same(
        found,
        vec![
            told("a", "nothing: the secret `one` cannot be opened: it is torn or was edited"),
            told("b", "nothing"),
            told("c", "what cannot be compared: the secret `one` cannot be opened: it is torn or was edited"),
        ],
    )
}
