//! Names of units that are the host's, on a host that is not there: none is taken, none is stopped, and what ran before is not up.

use std::fs;
use std::sync::atomic::Ordering;

use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::failure::{Failure, NotBegun, Stuck};
use kolla_lang::activate::outcome::{ActivateError, Outcome};
use kolla_lang::store::Closure;

use super::fake::{Ended, Fake, FakeUnit, Scenario};

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("what-systemd-has-loaded-is-refused", what_systemd_has_loaded_is_refused),
        ("all-names-of-the-host-are-told-at-once", all_names_of_the_host_are_told_at_once),
        ("a-name-of-our-own-is-refused-in-a-closure", a_name_of_our_own_is_refused),
        ("what-became-the-hosts-is-not-stopped", what_became_the_hosts_is_not_stopped),
        ("what-ran-before-is-not-stopped", what_ran_before_is_not_stopped),
        ("a-way-back-starts-nothing-of-the-host", a_way_back_starts_nothing_of_the_host),
        ("what-ran-before-is-not-up", what_ran_before_is_not_up),
    ]
}

fn closure(names: &[&str], exec: &str) -> Closure {
    let units: Vec<String> = names.iter().map(|name| format!(r#""{name}": {{"exec": "{exec}"}}"#)).collect();
    let order: Vec<String> = names.iter().map(|name| format!(r#""{name}""#)).collect();
    let text = format!(r#"{{"units": {{{}}}, "order": [{}]}}"#, units.join(","), order.join(","));
    super::small::closure(&text).unwrap_or_else(|error| panic!("{error}"))
}

fn refusals(ended: &Ended) -> Result<Vec<String>, String> {
    match ended {
        Err(ActivateError::NotBegun(NotBegun::Refused(all))) => {
            Ok(all.iter().map(|it| error_chain(it)).collect())
        }
        other => Err(format!("not refused: {other:?}")),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("found {found:?}, and not {wanted:?}")) }
}

fn taken(unit: &str, by: &str) -> String {
    format!(
        "{unit} has the name of a unit of this host, {by}: give what the description calls so another name"
    )
}

/// Says whether systemd was asked for a job of a unit.
fn has_job(fake: &Fake, unit: &str) -> bool {
    let verbs = ["Start", "Stop", "Restart", "TryRestart", "Reload"];
    fake.world.borrow().log.iter().any(|call| verbs.iter().any(|verb| *call == format!("{verb} {unit}")))
}

fn what_systemd_has_loaded_is_refused() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    fake.world.borrow_mut().others.insert("ssh.service".to_owned());
    let ended = fake.switch(&closure(&["ssh.service"], "a"));
    same(refusals(&ended)?, vec![taken("ssh.service", "/etc/systemd/system/ssh.service")])?;
    same(has_job(&fake, "ssh.service"), false)
}

fn all_names_of_the_host_are_told_at_once() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&closure(&["web.service"], "a")))?;
    for name in ["cron.service", "docker.socket"] {
        let path = fake.layout.at("/usr/lib/systemd/system").join(name);
        fs::create_dir_all(path.parent().ok_or("no folder")?).map_err(|error| error.to_string())?;
        fs::write(path, "").map_err(|error| error.to_string())?;
    }
    let ended = fake.switch(&closure(&["cron.service", "docker.service", "web.service"], "b"));
    let by = "/usr/lib/systemd/system";
    let told = [
        taken("cron.service", &format!("{by}/cron.service")),
        taken("docker.service", &format!("{by}/docker.socket")),
    ];
    same(refusals(&ended)?, told.into())?;
    fake.untouched()
}

fn a_name_of_our_own_is_refused() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    let ended = fake.switch(&closure(&["kolla-lang-files.service"], "a"));
    let told = "kolla-lang-files.service has a name of kolla-lang's own units: give what the description calls so another name";
    same(refusals(&ended)?, vec![told.to_owned()])
}

fn what_became_the_hosts_is_not_stopped() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&closure(&["ssh.service", "web.service"], "a")))?;
    fake.world.borrow_mut().others.insert("ssh.service".to_owned());
    let ended = fake.switch(&closure(&["web.service"], "a"));
    let Ok(Outcome::Committed { warnings, .. }) = &ended else { return Err(format!("{ended:?}")) };
    let told =
        "ssh.service is a unit of this host by now, /etc/systemd/system/ssh.service: it is left as it is";
    same(warnings.clone(), vec![told.to_owned()])?;
    same(has_job(&fake, "ssh.service"), false)
}

/// Makes a host whose generation has a container by a name that a program of the host ran under before.
fn with_sshd() -> Result<Fake, String> {
    let fake = Fake::with_generation(Some(&closure(&["ssh.service", "web.service"], "a")))?;
    let path = fake.layout.at("/proc/777/comm");
    fs::create_dir_all(path.parent().ok_or("no folder")?).map_err(|error| error.to_string())?;
    fs::write(path, "sshd\n").map_err(|error| error.to_string())?;
    if let Some(unit) = fake.world.borrow_mut().units.get_mut("ssh.service") {
        unit.state.main_pid = 777;
    }
    Ok(fake)
}

fn what_ran_before_is_not_stopped() -> Result<(), String> {
    let mut fake = with_sshd()?;
    let ended = fake.switch(&closure(&["web.service"], "a"));
    let Ok(Outcome::Committed { warnings, .. }) = &ended else { return Err(format!("{ended:?}")) };
    same(warnings.clone(), vec!["ssh.service runs `sshd` and no container: it is left as it is".to_owned()])?;
    same(has_job(&fake, "ssh.service"), false)
}

fn a_way_back_starts_nothing_of_the_host() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&closure(&["ssh.service", "web.service"], "a")))?;
    // A package brings it while the switch is on its way.
    let is_stopped = |systemd: &mut super::fake::FakeSystemd| {
        let mut world = systemd.world.borrow_mut();
        if world.log.iter().any(|call| call == "Stop ssh.service") {
            world.others.insert("ssh.service".to_owned());
        }
    };
    fake.world.borrow_mut().meanwhile = Some(std::rc::Rc::new(is_stopped));
    fake.interrupted.store(true, Ordering::Relaxed);
    let ended = fake.switch(&closure(&["web.service"], "b"));
    let Err(ActivateError::Stuck(Stuck { problems, .. })) = &ended else { return Err(format!("{ended:?}")) };
    let is_told =
        problems.iter().any(|it| matches!(it, Failure::NotOurs { unit, .. } if unit == "ssh.service"));
    same((is_told, fake.world.borrow().log.iter().any(|call| call == "Start ssh.service")), (true, false))
}

/// The name was free when the host was looked at, and taken when the unit was started: nothing of ours runs.
fn what_ran_before_is_not_up() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    let unit = FakeUnit::default();
    fake.world.borrow_mut().units.insert("ssh.service".to_owned(), unit);
    let mut world = fake.world.borrow_mut();
    let state = &mut world.units.entry("ssh.service".to_owned()).or_default().state;
    (state.active, state.sub, state.main_pid) = ("active".to_owned(), "running".to_owned(), 777);
    drop(world);
    let ended = fake.switch(&closure(&["ssh.service"], "a"));
    let Ok(Outcome::Reverted { failure, .. }) = &ended else { return Err(format!("{ended:?}")) };
    let told = "ssh.service was not active within 30 s: active (running), its main process is not that of the container ssh";
    same(failure.to_string(), told.to_owned())
}
