//! A host without Quadlet that is not there: systemd reads its units before anything is touched.

use kolla_lang::activate::failure::NotBegun;
use kolla_lang::activate::outcome::{ActivateError, Outcome};
use kolla_lang::store::Closure;
use kolla_lang::store::manifest::Backend;

use super::fake::{Fake, Scenario};

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("what-systemd-reads-otherwise-is-refused", what_systemd_reads_otherwise_is_refused),
        ("quadlet-is-not-asked-without-quadlet", quadlet_is_not_asked_without_quadlet),
    ]
}

fn plain(limit: &str) -> Closure {
    let text = format!(
        r#"{{"others": {{"web.service": {{"text": "[Service]\nExecStart=/bin/web\nMemoryMax={limit}\n"}}}}}}"#
    );
    let mut closure = super::small::closure(&text).unwrap_or_else(|error| panic!("{error}"));
    closure.manifest.backend = Backend::Systemd;
    closure
}

fn what_systemd_reads_otherwise_is_refused() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    let ended = fake.switch(&plain("lots"));
    let Err(ActivateError::NotBegun(NotBegun::Refused(refusals))) = &ended else {
        return Err(format!("{ended:?}"));
    };
    let text = refusals[0].to_string();
    if !text.starts_with("systemd does not read these units as they are written")
        || !text.contains("web.service")
    {
        return Err(text);
    }
    fake.check(None, &plain("lots"), &ended)
}

fn quadlet_is_not_asked_without_quadlet() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    let ended = fake.switch(&plain("1G"));
    match &ended {
        Ok(Outcome::Committed { number: 1, .. }) => {}
        _ => return Err(format!("{ended:?}")),
    }
    let calls = fake.world.borrow().log.clone();
    let asked = |what: &str| calls.iter().any(|call| call.contains(what));
    if asked("quadlet") || !asked("systemd-analyze verify") {
        return Err(format!("{calls:?}"));
    }
    fake.check(None, &plain("1G"), &ended)
}
