//! Drift on a host that is not there: each kind is found, some forbid a switch, and what is adopted by name comes back.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use kolla_lang::activate::adopt::accept::{AcceptError, accept, forget};
use kolla_lang::activate::adopt::containers::{kept_name, settle};
use kolla_lang::activate::drift::report::{Status, status};
use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::failure::{NotBegun, Refusal};
use kolla_lang::activate::finding::Kind;
use kolla_lang::activate::generation::current_generation;
use kolla_lang::activate::inventory::Container;
use kolla_lang::activate::outcome::{ActivateError, Outcome};
use kolla_lang::activate::request::Target;
use kolla_lang::store::{Closure, Digest};

use super::fake::{Ended, Fail, Fake, FakeSystemd, FakeTools, FakeUnit, Planted, Scenario};

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("a-fresh-host-has-no-drift", a_fresh_host_has_no_drift),
        ("each-kind-of-drift-is-found", each_kind_of_drift_is_found),
        ("a-foreign-drop-in-is-refused", a_foreign_drop_in_is_refused),
        ("an-edited-generation-is-refused", an_edited_generation_is_refused),
        ("a-foreign-stamp-is-refused", a_foreign_stamp_is_refused),
        ("a-unit-of-the-host-is-refused", a_unit_of_the_host_is_refused),
        ("an-adopted-file-comes-back", an_adopted_file_comes_back),
        (
            "one-name-that-is-wrong-adopts-and-forgets-nothing",
            one_name_that_is_wrong_adopts_and_forgets_nothing,
        ),
        ("what-was-accepted-in-part-is-no-refusal", what_was_accepted_in_part_is_no_refusal),
        ("an-adopted-folder-comes-back", an_adopted_folder_comes_back),
        ("an-adopted-container-comes-back", an_adopted_container_comes_back),
        ("adoption-is-by-content", adoption_is_by_content),
        ("an-adopted-container-survives-any-failure", an_adopted_container_survives_any_failure),
    ]
}

fn closure(text: &str) -> Closure {
    super::small::closure(text).unwrap_or_else(|error| panic!("{error}"))
}

fn web(exec: &str) -> Closure {
    closure(&format!(
        r#"{{"units": {{"web.service": {{"exec": "{exec}", "files": {{"web.conf": "[x]\np={{{{s}}}}\n"}}}}}},
            "order": ["web.service"], "secrets": ["s"], "sysctls": {{"vm.swappiness": "10"}}}}"#
    ))
}

fn with_hosts_file(exec: &str, text: &str) -> Closure {
    let mut closure = web(exec);
    super::small::add_host_file(&mut closure, "/etc/hosts", text);
    closure
}

fn host(closure: &Closure) -> Result<Fake, String> {
    let fake = Fake::with_generation(Some(closure))?;
    fake.world.borrow_mut().images.insert("localhost/x:1".to_owned());
    Ok(fake)
}

fn look(fake: &Fake) -> Result<Status, String> {
    let (mut systemd, mut tools) = (fake.systemd(), fake.tools());
    status(&fake.layout, &mut systemd, &mut tools).map_err(|error| error_chain(&error))
}

fn kinds(fake: &Fake) -> Result<Vec<(Kind, String)>, String> {
    let found = look(fake)?.findings.into_iter().filter(|it| it.is_drift());
    Ok(found.map(|it| (it.kind, it.name)).collect())
}

fn io<T>(result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn write(fake: &Fake, path: &str, text: &str) -> Result<PathBuf, String> {
    let at = fake.layout.at(path);
    io(fs::create_dir_all(at.parent().ok_or("no folder")?))?;
    io(fs::write(&at, text))?;
    Ok(at)
}

fn drift_of(ended: &Ended) -> Result<Vec<(Kind, String)>, String> {
    let Err(ActivateError::NotBegun(NotBegun::Refused(refusals))) = ended else {
        return Err(format!("not refused: {ended:?}"));
    };
    let drift = refusals.iter().filter_map(|it| match it {
        Refusal::Drift(finding) => Some((finding.kind, finding.name.clone())),
        _ => None,
    });
    Ok(drift.collect())
}

fn committed(ended: Ended) -> Result<u64, String> {
    match ended {
        Ok(Outcome::Committed { number, ref warnings, .. }) if warnings.is_empty() => Ok(number),
        other => Err(format!("not committed: {other:?}")),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("found {found:?}, and not {wanted:?}")) }
}

fn adopt(fake: &Fake, name: &str) -> Result<(), String> {
    accept(&fake.layout, &mut fake.tools(), &[name.to_owned()]).map(drop).map_err(|error| error_chain(&error))
}

fn a_fresh_host_has_no_drift() -> Result<(), String> {
    let fake = host(&web("a"))?;
    same(kinds(&fake)?, vec![])?;
    let bare = Fake::with_generation(None)?;
    let status = look(&bare)?;
    same((status.generation.is_none(), status.findings.len()), (true, 0))
}

/// A way to spoil a host, and the finding that must tell of it: its kind and the end of its name.
type Spoil = (Kind, &'static str, fn(&Fake) -> Result<(), String>);

const GENERATION: &str = "/etc/kolla-lang/generations/1";

/// Every kind of drift at least once.
const SPOILS: &[Spoil] = &[
    (Kind::Edited, "web.container", |it| edit(it, "quadlet/web/web.container")),
    (Kind::Edited, "units/new.service", |it| edit(it, "units/new.service")),
    (Kind::Edited, "host/files/etc/hosts", |it| edit(it, "host/files/etc/hosts")),
    (Kind::Edited, "host/listing.json", |it| edit(it, "host/listing.json")),
    (Kind::Edited, "manifest.json", |it| remove(it, &format!("{GENERATION}/manifest.json"))),
    (Kind::Edited, "generations/1", |it| edit(it, "manifest.json")),
    (Kind::Link, "/etc/hosts", |it| remove(it, "/etc/hosts")),
    (Kind::Kernel, "vm.swappiness", |it| write(it, "/proc/sys/vm/swappiness", "60").map(drop)),
    (Kind::DropIn, "a.conf", |it| write(it, "/etc/systemd/system/web.service.d/a.conf", "").map(drop)),
    (Kind::DropIn, "system.control/web.service.d/b.conf", |it| {
        unit(it, |unit| unit.state.drop_ins.push("/run/systemd/system.control/web.service.d/b.conf".into()))
    }),
    (Kind::Unit, "kolla-lang", |it| write(it, "/etc/systemd/system-generators/kolla-lang", "").map(drop)),
    (Kind::Unit, "web.service", |it| unit(it, |unit| unit.state.is_stale = true)),
    (Kind::Unit, "web.service", |it| {
        it.world.borrow_mut().defined = None;
        Ok(())
    }),
    (Kind::Unknown, "old.service", |it| {
        let text = "SourcePath=/etc/kolla-lang/generations/0/quadlet/old/old.container\n";
        write(it, "/run/systemd/generator/old.service", text).map(drop)
    }),
    (Kind::Unknown, "stray", |it| {
        let mut stray = theirs("x9", "stray");
        stray.labels.insert("kolla-lang.unit".into(), "stray".into());
        it.world.borrow_mut().theirs.insert("x9".into(), stray);
        Ok(())
    }),
    (Kind::Rendered, "web.conf", |it| io(fs::write(rendered(it)?.join("web.conf"), "p="))),
    (Kind::Rendered, "web.conf", |it| {
        io(fs::set_permissions(rendered(it)?.join("web.conf"), fs::Permissions::from_mode(0o644)))
    }),
    (Kind::Rendered, "more", |it| io(fs::write(rendered(it)?.join("more"), ""))),
    (Kind::Rendered, "", |it| io(fs::remove_dir_all(rendered(it)?))),
    (Kind::Down, "web.service", |it| unit(it, |unit| unit.state.active = "failed".into())),
    (Kind::Stamp, "web", |it| unit(it, |unit| unit.runs = Some("other".into()))),
    (Kind::Image, "web", |it| {
        it.world.borrow_mut().images.clear();
        Ok(())
    }),
    (Kind::Task, "t", |it| io(fs::remove_dir_all(it.layout.done()))),
    (Kind::Transit, "generation 1", |it| {
        kolla_lang::activate::generation::open_trial(&it.layout, 1).map_err(|error| error.to_string())
    }),
];

fn each_kind_of_drift_is_found() -> Result<(), String> {
    for (kind, name, spoil) in SPOILS {
        let mut closure = with_hosts_file("a", "127.0.0.1 localhost\n");
        super::small::add_task(&mut closure, "t", "once");
        let fake = host(&closure)?;
        same(kinds(&fake)?, vec![])?;
        spoil(&fake)?;
        let found = kinds(&fake)?;
        if !found.iter().any(|(k, n)| k == kind && n.ends_with(name)) {
            return Err(format!("no {kind:?} {name} but {found:?}"));
        }
    }
    Ok(())
}

fn edit(fake: &Fake, path: &str) -> Result<(), String> {
    write(fake, &format!("{GENERATION}/{path}"), "{").map(drop)
}

fn remove(fake: &Fake, path: &str) -> Result<(), String> {
    io(fs::remove_file(fake.layout.at(path)))
}

fn unit(fake: &Fake, spoil: fn(&mut FakeUnit)) -> Result<(), String> {
    spoil(fake.world.borrow_mut().units.get_mut("web.service").ok_or("no unit")?);
    Ok(())
}

fn rendered(fake: &Fake) -> Result<PathBuf, String> {
    let folder = io(fs::read_dir(fake.layout.at("/run/kolla-lang/files")))?.flatten().next();
    Ok(folder.ok_or("nothing was rendered")?.path())
}

fn theirs(id: &str, name: &str) -> Container {
    Container {
        id: id.to_owned(),
        name: name.to_owned(),
        state: "running".to_owned(),
        ..Container::default()
    }
}

fn a_foreign_drop_in_is_refused() -> Result<(), String> {
    let mut fake = host(&web("a"))?;
    let path = "/etc/systemd/system/web.service.d/limits.conf";
    write(&fake, path, "[Service]\nLimitNOFILE=5\n")?;
    same(drift_of(&fake.switch(&web("b")))?, vec![(Kind::DropIn, path.to_owned())])?;
    fake.untouched()?;
    adopt(&fake, path)?;
    same(committed(fake.switch(&web("b")))?, 2)?;
    // It changed since it was accepted.
    write(&fake, path, "[Service]\nLimitNOFILE=6\n")?;
    same(drift_of(&fake.switch(&web("c")))?, vec![(Kind::DropIn, path.to_owned())])
}

fn an_edited_generation_is_refused() -> Result<(), String> {
    let mut fake = host(&web("a"))?;
    let path = "/etc/kolla-lang/generations/1/quadlet/web/web.container";
    write(&fake, path, "[Container]\nImage=other\n")?;
    same(drift_of(&fake.switch(&web("b")))?, vec![(Kind::Edited, path.to_owned())])?;
    adopt(&fake, path)?;
    same(committed(fake.switch(&web("b")))?, 2)
}

fn a_foreign_stamp_is_refused() -> Result<(), String> {
    let mut fake = host(&web("a"))?;
    if let Some(unit) = fake.world.borrow_mut().units.get_mut("web.service") {
        unit.runs = Some("somebody's".to_owned());
    }
    same(drift_of(&fake.switch(&web("b")))?, vec![(Kind::Stamp, "web".to_owned())])?;
    adopt(&fake, "web")?;
    same(committed(fake.switch(&web("b")))?, 2)
}

/// A container called as a service of the host would take its place, and its end would be the end of both.
fn a_unit_of_the_host_is_refused() -> Result<(), String> {
    let folders = [
        "/etc/systemd/system",
        "/run/systemd/system",
        "/run/systemd/generator",
        "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ];
    for folder in folders {
        for before in [None, Some(closure(r#"{"units": {"b.service": {}}, "order": ["b.service"]}"#))] {
            let mut fake = Fake::with_generation(before.as_ref())?;
            fake.world.borrow_mut().images.insert("localhost/x:1".to_owned());
            let path = format!("{folder}/web.service");
            write(&fake, &path, "[Service]\nExecStart=/usr/sbin/webd\n")?;
            match fake.switch(&web("a")) {
                Err(ActivateError::NotBegun(NotBegun::Refused(all))) => {
                    let told: Vec<String> = all.iter().map(ToString::to_string).collect();
                    let expected = format!(
                        "web.service has the name of a unit of this host, {path}: give what the description calls so another name"
                    );
                    same(told, vec![expected])?;
                }
                other => return Err(format!("{folder}: {other:?}")),
            }
            same(fake.layout.trial().exists(), false)?;
        }
    }
    // What our own generator made of an earlier generation is no unit of the host.
    let mut fake = host(&web("a"))?;
    let text = "[Unit]\nSourcePath=/etc/kolla-lang/generations/1/quadlet/web/web.container\n";
    write(&fake, "/run/systemd/generator/web.service", text)?;
    same(committed(fake.switch(&web("b")))?, 2)?;
    // Neither is an instance of ours, but for one of a template of the host's.
    let instance = closure(r#"{"units": {"web@1.service": {}}, "order": ["web@1.service"]}"#);
    let mut fake = Fake::with_generation(None)?;
    write(&fake, "/usr/lib/systemd/system/web@.service", "")?;
    same(matches!(fake.switch(&instance), Err(ActivateError::NotBegun(NotBegun::Refused(_)))), true)
}

fn an_adopted_file_comes_back() -> Result<(), String> {
    let mut fake = host(&web("a"))?;
    let path = write(&fake, "/etc/hosts", "theirs\n")?;
    io(fs::set_permissions(&path, fs::Permissions::from_mode(0o664)))?;
    let wanted = with_hosts_file("a", "ours\n");
    match fake.switch(&wanted) {
        Err(ActivateError::NotBegun(NotBegun::Refused(all)))
            if matches!(all.as_slice(), [Refusal::Foreign { .. }]) => {}
        other => return Err(format!("{other:?}")),
    }
    adopt(&fake, "/etc/hosts")?;
    same(committed(fake.switch(&wanted))?, 2)?;
    same(io(fs::read_to_string(&path))?, "ours\n".to_owned())?;
    same(path.is_symlink(), true)?;
    // Once more by name changes nothing of what is kept, and it cannot be forgotten while it is set aside.
    adopt(&fake, "/etc/hosts")?;
    same(forget(&fake.layout, &["/etc/hosts".to_owned()]).is_err(), true)?;
    same(kinds(&fake)?, vec![])?;
    same(committed(fake.switch(&web("c")))?, 3)?;
    let mode = io(fs::metadata(&path))?.permissions().mode() & 0o777;
    same((io(fs::read_to_string(&path))?, path.is_symlink(), mode), ("theirs\n".to_owned(), false, 0o664))?;
    // A rollback takes its place again without being asked, as nothing changed in it.
    same(committed(fake.activate(Target::Before))?, 2)?;
    same(io(fs::read_to_string(&path))?, "ours\n".to_owned())?;
    same(committed(fake.switch(&web("d")))?, 4)?;
    same(forget(&fake.layout, &["/etc/hosts".to_owned()]).is_ok(), true)
}

/// What lies among the records of what was accepted.
fn records(fake: &Fake) -> Vec<String> {
    let all = fs::read_dir(fake.layout.adopted()).into_iter().flatten().flatten();
    let mut names: Vec<String> = all.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn one_name_that_is_wrong_adopts_and_forgets_nothing() -> Result<(), String> {
    let fake = host(&web("a"))?;
    let (good, bad) = ("/etc/hosts".to_owned(), "/etc/absent".to_owned());
    io(fs::write(fake.layout.at(&good), "theirs\n"))?;
    for names in [[good.clone(), bad.clone()], [bad.clone(), good.clone()]] {
        match accept(&fake.layout, &mut fake.tools(), &names) {
            Err(AcceptError::NotBegun(_)) => {}
            other => return Err(format!("{other:?}")),
        }
        same(records(&fake), vec![])?;
    }
    adopt(&fake, &good)?;
    let before = records(&fake);
    match forget(&fake.layout, &[good.clone(), bad]) {
        Err(AcceptError::NotBegun(_)) => {}
        other => return Err(format!("{other:?}")),
    }
    same(records(&fake), before)
}

fn what_was_accepted_in_part_is_no_refusal() -> Result<(), String> {
    let fake = host(&web("a"))?;
    let names = ["/etc/one".to_owned(), "/etc/two".to_owned()];
    for name in &names {
        io(fs::write(fake.layout.at(name), format!("{name}\n")))?;
    }
    // A folder where the copy of the second one must lie.
    let place = fake.layout.adopted().join("kept").join(Digest::of(b"/etc/two\n").as_str());
    io(fs::create_dir_all(place.join("x")))?;
    match accept(&fake.layout, &mut fake.tools(), &names) {
        Err(AcceptError::Half { name, done, .. }) => {
            same((name, done), (names[1].clone(), names[..1].to_vec()))
        }
        other => Err(format!("{other:?}")),
    }
}

fn an_adopted_folder_comes_back() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    write(&fake, "/etc/kolla/web/config.json", "{}")?;
    let path = fake.layout.at("/etc/kolla/web");
    match fake.switch(&web("a")) {
        Err(ActivateError::NotBegun(NotBegun::Refused(all)))
            if matches!(all.as_slice(), [Refusal::Foreign { .. }]) => {}
        other => return Err(format!("{other:?}")),
    }
    adopt(&fake, "/etc/kolla/web")?;
    same(committed(fake.switch(&web("a")))?, 1)?;
    same(path.is_symlink(), true)?;
    let none = closure(r#"{"units": {"b.service": {}}, "order": ["b.service"]}"#);
    same(committed(fake.switch(&none))?, 2)?;
    same(io(fs::read_to_string(path.join("config.json")))?, "{}".to_owned())?;
    same(io(fs::read_dir(fake.layout.at("/etc/kolla")))?.count(), 1)
}

fn an_adopted_container_comes_back() -> Result<(), String> {
    let mut fake = with_their_web()?;
    same(drift_of(&fake.switch(&web("a")))?, vec![(Kind::Foreign, "web".to_owned())])?;
    adopt(&fake, "web")?;
    let as_before = ("web".to_owned(), "enabled".to_owned());
    let aside = (kept_name("web", THEIRS), "disabled".to_owned());
    // A switch that fails brings it back by itself.
    fake.world.borrow_mut().unhealthy.insert("web".into());
    let sick = closure(r#"{"units": {"web.service": {"healthy": true}}, "order": ["web.service"]}"#);
    let ended = fake.switch(&sick);
    same(matches!(ended, Ok(Outcome::Reverted { .. })), true)?;
    same(their_web(&fake), as_before.clone())?;
    fake.world.borrow_mut().unhealthy.clear();
    same(committed(fake.switch(&web("a")))?, 2)?;
    same(their_web(&fake), aside)?;
    fake.world.borrow_mut().images.insert("localhost/x:1".to_owned());
    same(kinds(&fake)?, vec![])?;
    let none = closure(r#"{"units": {"b.service": {}}, "order": ["b.service"]}"#);
    same(committed(fake.switch(&none))?, 3)?;
    same(their_web(&fake), as_before)
}

/// The id of a container that another tool made, and the unit that runs it.
const THEIRS: &str = "0123456789abcdef";
const THEIR_UNIT: &str = "kolla-web-container.service";

/// Makes a bare host on which another tool runs a container of a name that we want.
fn with_their_web() -> Result<Fake, String> {
    let fake = Fake::with_generation(None)?;
    let mut world = fake.world.borrow_mut();
    world.theirs.insert(THEIRS.to_owned(), theirs(THEIRS, "web"));
    world.others.insert(THEIR_UNIT.to_owned());
    let state = &mut world.units.entry(THEIR_UNIT.to_owned()).or_default().state;
    (state.active, state.enabled) = ("active".to_owned(), "enabled".to_owned());
    drop(world);
    Ok(fake)
}

/// Returns the name of that container now, and whether its unit is enabled.
fn their_web(fake: &Fake) -> (String, String) {
    let world = fake.world.borrow();
    (world.theirs[THEIRS].name.clone(), world.units[THEIR_UNIT].state.enabled.clone())
}

fn an_adopted_container_survives_any_failure() -> Result<(), String> {
    for at in 1..1000 {
        let mut fake = with_their_web()?;
        adopt(&fake, "web")?;
        fake.world.borrow_mut().calls = 0;
        let ended = fake.switch_failing(&web("a"), Planted { at, fail: Fail::FromThen })?;
        let held = current_generation(&fake.layout).map_err(|error| error_chain(&error))?;
        let manifest = held.map(|it| it.closure.manifest);
        // Somebody looked after the host that got stuck: ours is stopped first, as it is by a recovery.
        if matches!(ended, Err(ActivateError::Stuck(_))) {
            fake.world.borrow_mut().units.remove("web.service");
        }
        let (mut systemd, mut tools) = (fake.systemd(), fake.tools());
        // What was cut off is finished by another call, and one more does nothing.
        for _ in 0..2 {
            if let Some(error) = settle(&fake.layout, &mut systemd, &mut tools, manifest.as_ref()).first() {
                return Err(format!("with call {at} failing: {}", error_chain(error)));
            }
        }
        let wanted = match manifest {
            Some(_) => (kept_name("web", THEIRS), "disabled".to_owned()),
            None => ("web".to_owned(), "enabled".to_owned()),
        };
        same(their_web(&fake), wanted).map_err(|error| format!("with call {at} failing: {error}"))?;
        if !fake.has_failed() {
            return committed(ended).map(drop);
        }
    }
    Err("the switch never ended".into())
}

fn adoption_is_by_content() -> Result<(), String> {
    let mut fake = host(&web("a"))?;
    let path = write(&fake, "/etc/hosts", "theirs\n")?;
    adopt(&fake, "/etc/hosts")?;
    io(fs::write(&path, "edited after\n"))?;
    let ended = fake.switch(&with_hosts_file("a", "ours\n"));
    same(matches!(&ended, Err(ActivateError::NotBegun(NotBegun::Refused(all))) if all.len() == 1), true)?;
    same(io(fs::read_to_string(&path))?, "edited after\n".to_owned())?;
    // A link is kept as a link.
    io(fs::remove_file(&path))?;
    io(symlink("elsewhere", &path))?;
    adopt(&fake, "/etc/hosts")?;
    same(committed(fake.switch(&with_hosts_file("a", "ours\n")))?, 2)?;
    same(committed(fake.switch(&web("b")))?, 3)?;
    same(io(fs::read_link(&path))?, PathBuf::from("elsewhere"))
}

impl Fake {
    pub(super) fn systemd(&self) -> FakeSystemd {
        FakeSystemd { world: std::rc::Rc::clone(&self.world), layout: self.layout.clone() }
    }

    pub(super) fn tools(&self) -> FakeTools {
        FakeTools(std::rc::Rc::clone(&self.world))
    }
}
