//! Garbage on a host that is not there: what roots hold stays, the rest goes, and a collection that was cut off is finished by another.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::gc::{self, Item, Kind, Roots, garbage};
use kolla_lang::activate::outcome::Outcome;
use kolla_lang::activate::request::Target;
use kolla_lang::activate::{generation, listed, pins};
use kolla_lang::store::sweep::Sweep;
use kolla_lang::store::{Closure, Store};

use super::fake::{Fake, Scenario};

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("gc-keeps-what-roots-hold", keeps_what_roots_hold),
        ("gc-keeps-journals-of-what-stays", keeps_journals_of_what_stays),
        ("gc-that-was-cut-off-is-finished", what_was_cut_off_is_finished),
        ("gc-keeps-a-switch-that-is-open", keeps_a_switch_that_is_open),
        ("gc-stops-where-it-cannot-know", stops_where_it_cannot_know),
    ]
}

/// One that differs from all others in its file, its image and its unit.
fn closure(n: u64) -> Closure {
    let text = format!(
        r#"{{"units": {{"web.service": {{"image": "localhost/web:{n}", "files": {{"web.conf": "n={n} {{{{s}}}}\n"}}}}}},
            "order": ["web.service"], "secrets": ["s"]}}"#
    );
    super::small::closure(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// Makes a host with generations 1 to 6, each in its store, and 3 pinned.
fn host() -> Result<Fake, String> {
    let mut fake = Fake::with_generation(None)?;
    let store = Store::open(fake.layout.store()).map_err(|error| error_chain(&error))?;
    for n in 1..=6 {
        store.add(&closure(n)).map_err(|error| error_chain(&error))?;
        fake.world.borrow_mut().images.insert(format!("localhost/web:{n}"));
        match fake.switch(&closure(n)) {
            Ok(Outcome::Committed { number, .. }) if number == n => {}
            other => return Err(format!("{other:?}")),
        }
    }
    fake.world.borrow_mut().networks.insert("old-0123".to_owned());
    pins::pin(&fake.layout, "good", 3).map_err(|error| error.to_string())?;
    write(&fake, "/etc/kolla-lang/engine/old", "an engine of nobody")?;
    write(&fake, "/etc/kolla-lang/generations/.tmp-x/new/manifest.json", "half")?;
    write(&fake, "/var/lib/kolla-lang/store/objects/00/.tmp-y", "half")?;
    Ok(fake)
}

fn write(fake: &Fake, path: &str, text: &str) -> Result<(), String> {
    let at = fake.layout.at(path);
    fs::create_dir_all(at.parent().ok_or("no folder")?).map_err(|error| error.to_string())?;
    fs::write(at, text).map_err(|error| error.to_string())
}

fn find(fake: &Fake, keep: usize) -> Result<(Roots, Vec<Item>), String> {
    let mut tools = fake.tools();
    let roots = Roots::find(&fake.layout, &mut tools, keep).map_err(|error| error_chain(&error))?;
    let store = Sweep::begin(&fake.layout.store()).map_err(|error| error_chain(&error))?;
    let items = garbage::find(&fake.layout, &mut tools, &roots, store.as_ref(), keep);
    Ok((roots, items.map_err(|error| error_chain(&error))?))
}

fn collect(fake: &Fake, items: &[Item]) -> Result<(), String> {
    match gc::collect(&fake.layout, &mut fake.tools(), items).first() {
        Some((item, error)) => Err(format!("{}: {}", item.name, error_chain(error))),
        None => Ok(()),
    }
}

fn numbers(fake: &Fake) -> Result<Vec<u64>, String> {
    Ok(listed::list(&fake.layout).map_err(|error| error_chain(&error))?.iter().map(|it| it.number).collect())
}

/// Lists all paths of a host but those a collection leaves alone anyway.
pub fn tree(fake: &Fake) -> Result<BTreeSet<String>, String> {
    let (mut open, mut all) = (vec![fake.layout.root().to_owned()], BTreeSet::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| error.to_string())?.flatten() {
            let is_folder = entry.file_type().is_ok_and(|it| it.is_dir());
            all.insert(fake.layout.name(&entry.path()));
            if is_folder {
                open.push(entry.path());
            }
        }
    }
    Ok(all)
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("found {found:?}, and not {wanted:?}")) }
}

fn n_in(fake: &Fake, folder: &str) -> usize {
    fs::read_dir(fake.layout.at(folder)).into_iter().flatten().count()
}

fn keeps_what_roots_hold() -> Result<(), String> {
    let fake = host()?;
    // A container of the second generation goes on running, and has its files mounted.
    let mounted = generation::load_closure(&fake.layout, 2).map_err(|error| error_chain(&error))?;
    let folder = fake.layout.folder(&mounted.manifest.folders[0]);
    fake.world.borrow_mut().mounts = vec![folder.join("web.conf").display().to_string()];
    let before = tree(&fake)?;
    let (roots, items) = find(&fake, 1)?;
    let reasons: Vec<(u64, &str)> =
        roots.generations.iter().map(|(number, reason)| (*number, reason.as_str())).collect();
    same(reasons, vec![(3, "is pinned as `good`"), (5, "is where a rollback goes"), (6, "boots")])?;
    same(tree(&fake)?, before)?;
    collect(&fake, &items)?;
    same(numbers(&fake)?, vec![3, 5, 6])?;
    let images: Vec<String> = fake.world.borrow().images.iter().cloned().collect();
    same(images, [3, 5, 6].map(|n| format!("localhost/web:{n}")).to_vec())?;
    same(fake.world.borrow().networks.len(), 0)?;
    same(n_in(&fake, "/etc/kolla-lang/engine"), 1)?;
    // What boots, and what is mounted; the others are rendered anew when they are needed.
    same((n_in(&fake, "/run/kolla-lang/files"), folder.exists()), (2, true))?;
    let store = Store::open(fake.layout.store()).map_err(|error| error_chain(&error))?;
    for n in 1..=6 {
        same(store.load(&closure(n).digest()).is_ok(), [3, 5, 6].contains(&n))?;
    }
    drop(store);
    same(find(&fake, 1)?.1, vec![])?;
    // With a name taken away its generation goes; a rollback finds what it needs.
    pins::unpin(&fake.layout, "good").map_err(|error| error.to_string())?;
    collect(&fake, &find(&fake, 9)?.1)?;
    same(numbers(&fake)?, vec![3, 5, 6])?;
    collect(&fake, &find(&fake, 0)?.1)?;
    same(numbers(&fake)?, vec![5, 6])?;
    let mut fake = fake;
    let ended = fake.activate(Target::Before);
    same(matches!(ended, Ok(Outcome::Committed { number: 5, .. })), true)
}

/// Lists the journals of a host by the names of their switches, and sorts them.
fn journals(fake: &Fake) -> Result<Vec<u64>, String> {
    let names = fs::read_dir(fake.layout.journals()).map_err(|error| error.to_string())?.flatten();
    let number = |name: String| name.strip_suffix(".journal")?.parse().ok();
    let mut all: Vec<u64> =
        names.filter_map(|it| number(it.file_name().to_string_lossy().into_owned())).collect();
    all.sort_unstable();
    Ok(all)
}

fn keeps_journals_of_what_stays() -> Result<(), String> {
    let mut fake = host()?;
    same(journals(&fake)?, (1..=6).collect())?;
    // There and back: the last switch to each is the one that tells of it. Then three that were refused.
    for to in [5, 6, 5, 6] {
        let ended = fake.activate(Target::Number(to));
        same(matches!(ended, Ok(Outcome::Committed { .. })), true)?;
    }
    for _ in 0..3 {
        same(fake.activate(Target::Number(77)).is_err(), true)?;
    }
    // Files are made within one tick of the clock; what was last is told apart by it.
    for (tx, age) in (1..=13).rev().zip(0..) {
        let file = fs::File::options().append(true).open(fake.layout.closed_journal(&tx.to_string()));
        let then = SystemTime::now() - Duration::from_secs(age);
        file.and_then(|it| it.set_modified(then)).map_err(|error| error.to_string())?;
    }
    write(&fake, "/var/lib/kolla-lang/journal/notes.txt", "of somebody")?;
    let before = tree(&fake)?;
    let (_, items) = find(&fake, 2)?;
    let listed = items.iter().filter(|it| it.kind == Kind::Journal).count();
    same((listed, tree(&fake)?), (8, before))?;
    collect(&fake, &items)?;
    // Generations 3, 5 and 6 stay, and the last two switches, whatever they were.
    same((numbers(&fake)?, journals(&fake)?), (vec![3, 5, 6], vec![3, 9, 10, 12, 13]))?;
    same(fake.layout.journals().join("notes.txt").exists(), true)?;
    // The last one is never removed: it can be followed.
    collect(&fake, &find(&fake, 0)?.1)?;
    same(journals(&fake)?, vec![3, 9, 10, 13])
}

fn what_was_cut_off_is_finished() -> Result<(), String> {
    let whole = host()?;
    let items = find(&whole, 1)?.1;
    collect(&whole, &items)?;
    let wanted = shape(&whole)?;
    for n in 0..items.len() {
        let fake = host()?;
        collect(&fake, &find(&fake, 1)?.1[..n])?;
        // Half of a generation that is on its way out is not one.
        if let Some(Item { kind: Kind::Generation, name, .. }) = find(&fake, 1)?.1.first() {
            let gone = format!(".tmp-gone-{name}");
            let at = fake.layout.generations();
            fs::rename(at.join(name), at.join(&gone)).map_err(|error| error.to_string())?;
            fs::remove_file(at.join(gone).join("manifest.json")).map_err(|error| error.to_string())?;
        }
        collect(&fake, &find(&fake, 1)?.1)?;
        same(shape(&fake)?, wanted.clone()).map_err(|error| format!("cut off before {n}: {error}"))?;
    }
    Ok(())
}

/// Says what is left of a host, without the names that are by chance: of secrets and of what holds them.
fn shape(fake: &Fake) -> Result<Vec<String>, String> {
    let is_by_chance = |path: &&String| Path::new(path).starts_with("/var/lib/kolla-lang/journal");
    Ok(tree(fake)?.iter().filter(|it| !is_by_chance(it)).cloned().collect())
}

fn keeps_a_switch_that_is_open() -> Result<(), String> {
    let fake = host()?;
    generation::open_trial(&fake.layout, 1).map_err(|error| error.to_string())?;
    let (roots, items) = find(&fake, 1)?;
    same(roots.generations.get(&1).map(String::as_str), Some("is on trial"))?;
    collect(&fake, &items)?;
    same(numbers(&fake)?, vec![1, 3, 5, 6])?;
    same(n_in(&fake, "/run/kolla-lang/files"), 2)?;
    // A journal that names no generation yet: what it is about to write is not known.
    write(&fake, "/var/lib/kolla-lang/journal/open.journal", "")?;
    same(find(&fake, 1).is_err(), true)
}

fn stops_where_it_cannot_know() -> Result<(), String> {
    for (path, text) in [
        ("/var/lib/kolla-lang/history.jsonl", "{}\n"),
        ("/var/lib/kolla-lang/pins/x.json", ""),
        ("/etc/kolla-lang/generations/3/manifest.json", "{}"),
        ("/etc/kolla-lang/generations/6/host/generation.json", "{}"),
    ] {
        let fake = host()?;
        write(&fake, path, text)?;
        if find(&fake, 1).is_ok() {
            return Err(format!("garbage is told with {path} damaged"));
        }
    }
    // One that goes need not be whole.
    let fake = host()?;
    write(&fake, "/etc/kolla-lang/generations/2/manifest.json", "{}")?;
    collect(&fake, &find(&fake, 1)?.1)?;
    same(numbers(&fake)?, vec![3, 5, 6])
}
