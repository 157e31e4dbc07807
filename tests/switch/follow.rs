//! Following a switch: whoever is told its end may ask the host for anything at once.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;

use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::journal;
use kolla_lang::activate::revert_timer::SWITCH_SERVICE;
use kolla_lang::activate::verdict::Verdict;
use kolla_lang::cli::follow::watch;
use kolla_lang::cli::host::Answer;
use kolla_lang::store::lock;

use super::fake::{Fake, FakeSystemd, Scenario};

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("follow-waits-for-the-journal-to-be-closed", waits_for_the_journal),
        ("follow-waits-for-the-lock-to-be-free", waits_for_the_lock),
    ]
}

/// Makes a host with one generation whose switch is followed, while its service still runs.
fn host() -> Result<(Fake, FakeSystemd), String> {
    let text = r#"{"units": {"web.service": {"image": "localhost/web:1"}}, "order": ["web.service"]}"#;
    let mut fake = Fake::with_generation(None)?;
    fake.switch(&super::small::closure(text)?).map_err(|error| error_chain(&error))?;
    let mut systemd = FakeSystemd { world: Rc::clone(&fake.world), layout: fake.layout.clone() };
    systemd.set_active(SWITCH_SERVICE, true);
    Ok((fake, systemd))
}

/// The end of a switch is in its journal before that is closed: on a busy machine long before.
fn waits_for_the_journal() -> Result<(), String> {
    let (fake, mut systemd) = host()?;
    let closed =
        journal::closed(&fake.layout).map_err(|error| error_chain(&error))?.pop().ok_or("no journal")?;
    let open = fake.layout.journal();
    fs::rename(&closed, &open).map_err(|error| error.to_string())?;
    let close = fake.layout.journal();
    // It is closed only when the follower asks whether somebody is still at it.
    fake.world.borrow_mut().asked = Some(Rc::new(move |_| drop(fs::rename(&open, &closed))));
    let verdict = watch(&fake.layout, &mut systemd, None, Answer::Json);
    is_committed(&verdict)?;
    if close.exists() { Err("its journal is open".into()) } else { Ok(()) }
}

/// A switch gives its lock back after its journal is closed.
fn waits_for_the_lock() -> Result<(), String> {
    let (fake, mut systemd) = host()?;
    let taken = lock::try_lock(&fake.layout.lock()).map_err(|error| error_chain(&error))?;
    let held = Rc::new(Cell::new(taken));
    let given = Rc::clone(&held);
    fake.world.borrow_mut().asked = Some(Rc::new(move |_| drop(given.take())));
    is_committed(&watch(&fake.layout, &mut systemd, None, Answer::Json))?;
    if held.take().is_some() { Err("its lock is taken".into()) } else { Ok(()) }
}

fn is_committed<E: std::fmt::Debug>(ended: &Result<Verdict, E>) -> Result<(), String> {
    if matches!(ended, Ok(Verdict::Committed { .. })) { Ok(()) } else { Err(format!("{ended:?}")) }
}
