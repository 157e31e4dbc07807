//! A dry run says what a switch does: its text, line by line, against what the journal of the real switch tells.

use std::collections::BTreeMap;
use std::fs;

use kolla_lang::activate::dry_run::{DryRun, dry_run};
use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::failure::NotBegun;
use kolla_lang::activate::journal::{Reader, Record};
use kolla_lang::activate::outcome::{ActivateError, Outcome};
use kolla_lang::activate::request::Options;
use kolla_lang::store::Closure;

use super::fake::{Fake, Scenario};

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("a-dry-run-stops-only-what-runs", stops_only_what_runs),
        ("a-dry-run-refuses-what-a-switch-refuses", refuses_what_a_switch_refuses),
        ("a-dry-run-changes-nothing", changes_nothing),
        ("a-dry-run-says-what-is-pulled", says_what_is_pulled),
        ("a-dry-run-stops-nothing-of-the-host", stops_nothing_of_the_host),
    ]
}

/// Compares the two texts for a pair of closures.
pub fn compare(from: Option<&Closure>, to: &Closure, options: Options) -> Result<(), String> {
    let mut fake = Fake::with_generation(from)?;
    fake.options = options;
    same_on(&mut fake, to)
}

fn same_on(fake: &mut Fake, to: &Closure) -> Result<(), String> {
    let said = said(fake, to)?;
    let journals = fake.layout.journals();
    if journals.exists() {
        fs::remove_dir_all(&journals).map_err(|error| error.to_string())?;
    }
    match (fake.switch(to), said) {
        (Ok(Outcome::Committed { plan, .. }), Said { lines, is_refused: false }) => {
            let mut done = told(fake)?;
            let left = plan.left.iter();
            done.extend(left.map(|it| (format!("{:<8} {}", it.word(), it.unit), it.reason.clone())));
            let skipped = plan.skipped.iter();
            done.extend(
                skipped.map(|it| {
                    (format!("no gate  {}", it.unit), format!("not asked: {}", it.gate.join(", ")))
                }),
            );
            match_lines(lines, done)
        }
        (Ok(Outcome::Nothing { .. }), Said { lines, is_refused: false }) if lines.is_empty() => Ok(()),
        (Err(ActivateError::NotBegun(NotBegun::Refused(_))), Said { is_refused: true, .. }) => Ok(()),
        (ended, said) => Err(format!("the dry run said {said:?}, and the switch ended with {ended:?}")),
    }
}

/// What a dry run said.
#[derive(Debug)]
struct Said {
    /// Its lines; the blanks that align them are one.
    lines: Vec<String>,
    is_refused: bool,
}

fn said(fake: &Fake, to: &Closure) -> Result<Said, String> {
    let (mut systemd, mut tools) = (fake.systemd(), fake.tools());
    let run = dry_run(&fake.layout, &mut systemd, &mut tools, to, &fake.options);
    let DryRun { preview, pulls, kernel, refusals, barred } = run.map_err(|error| error_chain(&error))?;
    if let Some(error) = barred {
        return Err(error.to_string());
    }
    let is_refused = !refusals.is_empty() || !preview.plan.refused.is_empty();
    let mut lines: Vec<String> = preview.plan.to_text().lines().map(str::to_owned).collect();
    lines.extend(pulls.iter().map(|image| format!("{:<8} {image}  ", "pull")));
    lines.extend(kernel.iter().map(|(key, value)| format!("{:<8} {key}  {value}", "set")));
    Ok(Said { lines, is_refused })
}

/// Returns what the journal of the last switch tells of: each action and its reason.
fn told(fake: &Fake) -> Result<Vec<(String, String)>, String> {
    let entries = fs::read_dir(fake.layout.journals()).map_err(|error| error.to_string())?.flatten();
    let mut deeds = Vec::new();
    for entry in entries {
        let mut reader = Reader::default();
        reader.feed(&fs::read(entry.path()).map_err(|error| error.to_string())?);
        while let Some(record) = reader.next_record() {
            deeds.extend(match record {
                Record::Stopping { unit, reason } => Some((format!("{:<8} {unit}", "stop"), reason)),
                Record::Acting { unit, verb, reason, .. } => Some((format!("{verb:<8} {unit}"), reason)),
                Record::Pulling { image } => Some((format!("{:<8} {image}", "pull"), String::new())),
                Record::Kernel { key, value, old: _ } => Some((format!("{:<8} {key}", "set"), value)),
                _ => None,
            });
        }
    }
    Ok(deeds)
}

/// Checks that each line was done and each action said, for the same reason. What comes after what is only said.
fn match_lines(lines: Vec<String>, deeds: Vec<(String, String)>) -> Result<(), String> {
    let mut open: BTreeMap<usize, &(String, String)> = deeds.iter().enumerate().collect();
    for line in &lines {
        let is_it = |deed: &(String, String)| {
            let rest = line.strip_prefix(deed.0.as_str()).filter(|rest| rest.starts_with(' '));
            rest.is_some_and(|rest| {
                let more = rest.trim_start().strip_prefix(deed.1.as_str());
                more.is_some_and(|more| {
                    more.is_empty() || more.starts_with(" (after ") || more.starts_with("; ")
                })
            })
        };
        let Some(at) = open.iter().find(|(_, deed)| is_it(deed)).map(|(at, _)| *at) else {
            return Err(format!("said and not done: {line}\ndone: {deeds:#?}"));
        };
        open.remove(&at);
    }
    match open.values().next() {
        Some(deed) => Err(format!("done and not said: {deed:?}\nsaid: {lines:#?}")),
        None => Ok(()),
    }
}

fn closure(text: &str) -> Closure {
    super::small::closure(text).unwrap_or_else(|error| panic!("{error}"))
}

fn two(sysctl: &str) -> Closure {
    closure(&format!(
        r#"{{"units": {{"a.service": {{}}, "b.service": {{}}}}, "order": ["a.service", "b.service"],
            "sysctls": {{"vm.swappiness": "{sysctl}"}}}}"#
    ))
}

fn stops_only_what_runs() -> Result<(), String> {
    let one =
        closure(r#"{"units": {"a.service": {}}, "order": ["a.service"], "sysctls": {"vm.swappiness": "7"}}"#);
    let mut fake = Fake::with_generation(Some(&two("5")))?;
    if let Some(unit) = fake.world.borrow_mut().units.get_mut("b.service") {
        unit.state.active = "inactive".into();
    }
    // Somebody set it by hand to what it is to become.
    fs::write(fake.layout.sysctl("vm.swappiness"), "7\n").map_err(|error| error.to_string())?;
    let said = said(&fake, &one)?.lines;
    if !said.is_empty() {
        return Err(format!("there is nothing to stop and nothing to set: {said:?}"));
    }
    same_on(&mut fake, &one)
}

/// What the host has by another file than a generation's is left, and stands there as that.
fn stops_nothing_of_the_host() -> Result<(), String> {
    let one = closure(r#"{"units": {"a.service": {}}, "order": ["a.service"]}"#);
    let mut fake = Fake::with_generation(Some(&two("5")))?;
    fake.world.borrow_mut().others.insert("b.service".to_owned());
    let said = said(&fake, &one)?.lines;
    let told = "keep     b.service  b.service is a unit of this host by now, /etc/systemd/system/b.service: it is left as it is";
    if !said.iter().any(|line| line == told) || said.iter().any(|line| line.starts_with("stop")) {
        return Err(format!("{said:?}"));
    }
    same_on(&mut fake, &one)
}

fn refuses_what_a_switch_refuses() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&two("5")))?;
    let at = fake.layout.at("/etc/systemd/system/a.service.d/x.conf");
    fs::create_dir_all(at.parent().ok_or("no folder")?).map_err(|error| error.to_string())?;
    fs::write(at, "").map_err(|error| error.to_string())?;
    if !said(&fake, &two("6"))?.is_refused {
        return Err("the dry run does not refuse".to_owned());
    }
    same_on(&mut fake, &two("6"))
}

fn changes_nothing() -> Result<(), String> {
    let wanted = closure(
        r#"{"units": {"c.service": {"files": {"c.conf": "{{s}}"}}}, "order": ["c.service"], "secrets": ["s"]}"#,
    );
    let fake = Fake::with_generation(Some(&two("5")))?;
    let before = super::gc::tree(&fake)?;
    said(&fake, &wanted)?;
    if super::gc::tree(&fake)? != before {
        return Err("the dry run left something behind".to_owned());
    }
    fake.untouched()
}

fn says_what_is_pulled() -> Result<(), String> {
    let wanted = closure(r#"{"units": {"c.service": {"image": "r.test/c:2"}}, "order": ["c.service"]}"#);
    let mut fake = Fake::with_generation(Some(&two("5")))?;
    fake.world.borrow_mut().no_image = Some("r.test/c:2".to_owned());
    match said(&fake, &wanted)?.lines.iter().any(|it| it.starts_with("pull     r.test/c:2")) {
        true => same_on(&mut fake, &wanted),
        false => Err("the dry run says nothing of the image".to_owned()),
    }
}
