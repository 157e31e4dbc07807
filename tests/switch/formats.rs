//! Formats of data on a host that is not there: no program is given what a later one wrote.

use std::collections::BTreeMap;

use kolla_lang::activate::failure::{Failure, NotBegun, Stuck};
use kolla_lang::activate::guard::may_start;
use kolla_lang::activate::outcome::{ActivateError, Outcome};
use kolla_lang::activate::request::Target;
use kolla_lang::activate::{generation, listed};
use kolla_lang::secrets::generate::generate;
use kolla_lang::store::Closure;
use kolla_lang::store::closure::secret_path;
use kolla_lang::store::manifest::{Alphabet, SecretKind};

use super::fake::{Ended, Fail, Fake, FakeTools, Planted, Rescue, Scenario};
use super::keys;

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("an-earlier-format-is-refused", an_earlier_format_is_refused),
        ("a-format-that-is-not-taken-over-is-refused", a_format_that_is_not_taken_over_is_refused),
        ("a-damaged-record-of-a-format-is-refused", a_damaged_record_is_refused),
        ("what-reads-an-earlier-format-goes-on", what_reads_an_earlier_format_goes_on),
        ("a-later-format-goes-on-after-a-kill", killed_and_recovered_it_goes_on),
        ("a-later-format-goes-on-after-a-power-cut", after_a_power_cut_it_goes_on),
        ("what-does-not-fit-together-stays-down", what_does_not_fit_together_stays_down),
        ("a-unit-of-an-earlier-format-may-not-start", a_unit_of_an_earlier_format_may_not_start),
    ]
}

/// A service that writes the volume `db` in a format, and takes over data of another one.
fn with(version: &str, from: &str) -> Closure {
    super::small::closure(&format!(
        r#"{{"units": {{"api.service": {{"exec": "run {version}"}}}}, "order": ["api.service"],
            "formats": {{"db": {{"version": "{version}", "from": [{from}], "units": ["api.service"]}}}}}}"#
    ))
    .unwrap_or_else(|error| panic!("{error}"))
}

fn host_with(closure: &Closure) -> Result<Fake, String> {
    let mut fake = Fake::with_generation(None)?;
    fake.world.borrow_mut().volumes.insert("db".into(), "made at 1".into());
    committed(&fake.switch(closure))?;
    Ok(fake)
}

fn committed(ended: &Ended) -> Result<(), String> {
    if matches!(ended, Ok(Outcome::Committed { .. })) { Ok(()) } else { Err(format!("{ended:?}")) }
}

fn starts(fake: &Fake) -> usize {
    let word = |it: &&String| it.contains("tart api.service");
    fake.world.borrow().log.iter().filter(word).count()
}

fn refused(fake: &mut Fake, target: Target, words: &str) -> Result<(), String> {
    let before = starts(fake);
    let ended = fake.activate(target);
    let Err(ActivateError::NotBegun(NotBegun::Refused(refusals))) = &ended else {
        return Err(format!("{ended:?}"));
    };
    let told = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    if told.starts_with(words) && starts(fake) == before { Ok(()) } else { Err(told) }
}

fn new(closure: &Closure) -> Target {
    Target::New { closure: Box::new(closure.clone()), cloud: None }
}

fn an_earlier_format_is_refused() -> Result<(), String> {
    let mut fake = host_with(&with("3.13", ""))?;
    committed(&fake.switch(&with("4.0", "\"3.13\"")))?;
    let words = "the volume db has data of format 4.0, which api.service of format 3.13 cannot read";
    refused(&mut fake, Target::Before, words)?;
    refused(&mut fake, new(&with("3.13.7", "")), &words.replace("3.13", "3.13.7"))?;
    // Data of before, in a volume that was made anew.
    fake.world.borrow_mut().volumes.insert("db".into(), "made at 2".into());
    let described = words.to_owned();
    refused(&mut fake, Target::Before, &described)?;
    fake.world.borrow_mut().volumes.remove("db");
    committed(&fake.activate(Target::Before))
}

fn a_format_that_is_not_taken_over_is_refused() -> Result<(), String> {
    let mut fake = host_with(&with("3.10", ""))?;
    let last = with("4.0", "\"3.13\"");
    refused(
        &mut fake,
        new(&last),
        "the volume db has data of format 3.10, which api.service of format 4.0 does not take over",
    )?;
    committed(&fake.switch(&with("3.13", "")))?;
    committed(&fake.switch(&last))
}

fn a_damaged_record_is_refused() -> Result<(), String> {
    let mut fake = host_with(&with("3.13", ""))?;
    let path = fake.layout.formats().join("db.json");
    std::fs::write(path, "{\"version\":1,\"vol").map_err(|error| error.to_string())?;
    refused(&mut fake, new(&with("4.0", "")), "the record of the format of the volume db is damaged")
}

/// Two services: `api`, which writes the volume `db` in a format, and `web`, which starts when that is up.
fn pair(version: &str, web: &str) -> Closure {
    super::small::closure(&format!(
        r#"{{"units": {{"api.service": {{"exec": "run {version}", "files": {{"api.conf": "[x]\nv={version} {{{{s}}}}\n"}}, "healthy": true}},
                       "web.service": {{"exec": "{web}", "after": ["api.service"], "files": {{"web.conf": "[x]\nw={web} {{{{s}}}}\n"}}}}}},
            "order": ["api.service", "web.service"], "secrets": ["s"],
            "formats": {{"db": {{"version": "{version}", "units": ["api.service"]}}}}}}"#
    ))
    .unwrap_or_else(|error| panic!("{error}"))
}

fn runs(fake: &Fake, unit: &str, closure: &Closure) -> Result<(), String> {
    let world = fake.world.borrow();
    let seen = world.units.get(unit).ok_or_else(|| format!("{unit} never ran"))?;
    let wanted = closure.manifest.units[unit].digests.restart.to_string();
    if seen.state.is_up() && seen.runs.as_ref() == Some(&wanted) {
        return Ok(());
    }
    Err(format!("{unit} does not run as it should: {seen:?}\n{:#?}", world.log))
}

fn booted(fake: &Fake) -> Result<(u64, Closure), String> {
    let current = generation::current_generation(&fake.layout).map_err(|error| error.to_string())?;
    current.map(|it| (it.number, it.closure)).ok_or_else(|| "no generation".to_owned())
}

fn what_reads_an_earlier_format_goes_on() -> Result<(), String> {
    let (old, new) = (pair("3.13", "first"), pair("4.0", "second"));
    let mut fake = host_with(&old)?;
    fake.world.borrow_mut().jobs = 0;
    let before = starts(&fake);
    // The first job is that of `api`, the second that of `web`.
    let ended = fake.switch_failing(&new, Planted { at: 2, fail: Fail::Job })?;
    let Ok(Outcome::Reverted { to: Some(3), forward, .. }) = &ended else { return Err(format!("{ended:?}")) };
    let told: Vec<String> = forward.iter().map(ToString::to_string).collect();
    let words = "the volume db has data of format 4.0, which api.service of format 3.13 cannot read";
    if told != [words] {
        return Err(format!("{told:?}"));
    }
    runs(&fake, "api.service", &new)?;
    runs(&fake, "web.service", &old)?;
    // It was never stopped: one job restarted it, and another only waited for its gate.
    let log = fake.world.borrow().log.clone();
    if starts(&fake) != before + 2 || log.iter().any(|it| it == "Stop api.service") {
        return Err(format!("{log:#?}"));
    }
    let (number, closure) = booted(&fake)?;
    if number != 3 || closure.manifest.formats != new.manifest.formats {
        return Err(format!("generation {number} is committed: {:?}", closure.manifest.formats));
    }
    let listed: Vec<u64> = listed::list(&fake.layout)
        .map_err(|error| error.to_string())?
        .iter()
        .filter(|it| it.committed)
        .map(|it| it.number)
        .collect();
    if listed != [1, 3] {
        return Err(format!("generations {listed:?}"));
    }
    refused(&mut fake, Target::Before, words)?;
    refused(&mut fake, Target::Number(1), words)?;
    refused(&mut fake, self::new(&old), words)?;
    // The same as somebody describes it: nothing is started, and nothing is held any more.
    let n_starts = starts(&fake);
    committed(&fake.switch(&pair("4.0", "first")))?;
    let record =
        generation::load_record(&fake.layout, booted(&fake)?.0).map_err(|error| error.to_string())?;
    if starts(&fake) != n_starts || record.forward.is_some() {
        return Err(format!("{record:?}"));
    }
    committed(&fake.switch(&new))?;
    runs(&fake, "api.service", &new)?;
    runs(&fake, "web.service", &new)
}

/// Kills a switch to a later format before each of its calls, and looks that no program is ever given what a later one wrote, and that
/// nothing stays down.
fn every_kill(rescue: Rescue) -> Result<(), String> {
    let (old, new) = (pair("3.13", "first"), pair("4.0", "second"));
    let mut n_forward = 0;
    for at in 1..10_000 {
        for again in [None, Some(3), Some(9), Some(17)] {
            let mut fake = host_with(&old)?;
            if !fake.switch_killed(&new, at) {
                return if n_forward > 0 { Ok(()) } else { Err("nothing was ever held forward".into()) };
            }
            if let Some(again) = again {
                fake.recover_killed(again);
            }
            let is_later = recorded(&fake)?.contains("\"4.0\"");
            fake.rescue(rescue)?;
            let (number, closure) = booted(&fake)?;
            let web = if number == 2 { &new } else { &old };
            let api = if is_later { &new } else { &old };
            n_forward += u64::from(number == 3);
            let looked = runs(&fake, "api.service", api).and_then(|()| runs(&fake, "web.service", web));
            looked.map_err(|error| format!("killed before call {at}, recovery before {again:?}: {error}"))?;
            if (closure.manifest.formats == new.manifest.formats) != is_later {
                return Err(format!("killed before call {at}: generation {number} is committed"));
            }
        }
    }
    Err("the switch never ended".into())
}

fn recorded(fake: &Fake) -> Result<String, String> {
    std::fs::read_to_string(fake.layout.formats().join("db.json")).map_err(|error| error.to_string())
}

fn killed_and_recovered_it_goes_on() -> Result<(), String> {
    every_kill(Rescue::Recovery)
}

fn after_a_power_cut_it_goes_on() -> Result<(), String> {
    every_kill(Rescue::Reboot)
}

/// The later program shares a secret with another service, and that was made anew: no generation can have both.
fn what_does_not_fit_together_stays_down() -> Result<(), String> {
    let (old, mut new) = (pair("3.13", "first"), pair("4.0", "second"));
    let kind = SecretKind::Password { length: 20, alphabet: Alphabet::Alphanumeric };
    let made = generate(&kind, &|_| None).map_err(|error| error.to_string())?;
    let (spec, text) = keys::sealed("s", kind, made, BTreeMap::new()).map_err(|error| error.to_string())?;
    new.manifest.secrets.insert("s".to_owned(), spec);
    new.add_file(secret_path("s"), text, 0o600);
    let mut fake = host_with(&old)?;
    fake.world.borrow_mut().jobs = 0;
    let ended = fake.switch_failing(&new, Planted { at: 2, fail: Fail::Job })?;
    let Err(ActivateError::Stuck(Stuck { problems, .. })) = &ended else { return Err(format!("{ended:?}")) };
    let [failure @ Failure::Outgrown { units, volume, .. }] = problems.as_slice() else {
        return Err(format!("{problems:?}"));
    };
    if (units.as_str(), volume.as_str()) != ("api.service", "db") || !failure.to_string().contains("secret s")
    {
        return Err(failure.to_string());
    }
    runs(&fake, "web.service", &old)?;
    let is_up = fake.world.borrow().units.get("api.service").is_some_and(|it| it.state.is_up());
    if is_up || booted(&fake)?.0 != 1 { Err(format!("{:#?}", fake.world.borrow().log)) } else { Ok(()) }
}

fn a_unit_of_an_earlier_format_may_not_start() -> Result<(), String> {
    let (old, new) = (with("3.13", ""), with("4.0", ""));
    let mut fake = host_with(&old)?;
    let mut tools = FakeTools(std::rc::Rc::clone(&fake.world));
    let ask = |fake: &Fake, tools: &mut FakeTools, closure: &Closure| {
        may_start(&fake.layout, tools, &closure.manifest, "api.service").map_err(|error| error.to_string())
    };
    ask(&fake, &mut tools, &old)?;
    committed(&fake.switch(&new))?;
    ask(&fake, &mut tools, &new)?;
    let words = "the volume db has data of format 4.0, which api.service of format 3.13 cannot read";
    match ask(&fake, &mut tools, &old) {
        Err(told) if told.starts_with(words) => {}
        other => return Err(format!("{other:?}")),
    }
    // Another volume of that name.
    fake.world.borrow_mut().volumes.insert("db".into(), "made at 2".into());
    ask(&fake, &mut tools, &old)
}
