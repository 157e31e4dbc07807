//! A host that is not there, as part of a rollout: it waits for other hosts, holds for a word, goes back when it is asked to, and is
//! nobody else's meanwhile.

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kolla_lang::activate::back::{Back, way_back};
use kolla_lang::activate::compare::compare;
use kolla_lang::activate::completions::{self, Completion};
use kolla_lang::activate::dry_run::dry_run;
use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::failure::{Failure, NotBegun, Refusal};
use kolla_lang::activate::gc::Roots;
use kolla_lang::activate::journal::{Reader, Record};
use kolla_lang::activate::outcome::{ActivateError, Outcome};
use kolla_lang::activate::part::{Claim, Enrolled, Lead, Open, Part, Report, Stage};
use kolla_lang::activate::report::report;
use kolla_lang::activate::request::Target;
use kolla_lang::activate::systemd::Systemd as _;
use kolla_lang::activate::{enrol, release};
use kolla_lang::store::manifest::Group;
use kolla_lang::store::{Closure, Digest, files};

use super::fake::{Ended, Fake, FakeSystemd, Rescue, Scenario};

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("a-unit-waits-until-it-is-released", a_unit_waits_until_it_is_released),
        ("what-is-released-before-does-not-wait", what_is_released_before_does_not_wait),
        ("a-unit-waits-no-longer-than-it-may", a_unit_waits_no_longer_than_it_may),
        ("a-switch-killed-while-it-waits-is-whole-again", a_switch_killed_while_it_waits),
        ("a-host-of-a-rollout-is-nobody-elses", a_host_of_a_rollout_is_nobody_elses),
        ("a-host-that-is-something-else-is-refused", a_host_that_is_something_else_is_refused),
        ("an-earlier-leader-is-refused", an_earlier_leader_is_refused),
        ("in-a-rollout-a-contract-waits-for-the-end", a_contract_waits_for_the_end),
        ("who-ends-a-cut-off-switch-runs-no-contract", who_ends_a_switch_runs_no_contract),
        ("back-from-holding", back_from_holding),
        ("back-from-committed", back_from_committed),
        ("back-to-nothing", back_to_nothing),
        ("what-a-rollout-needs-stays", what_a_rollout_needs_stays),
        ("an-earlier-generation-again-within-a-rollout", an_earlier_generation_again_within_a_rollout),
        ("nothing-on-a-host", nothing_on_a_host),
        ("a-host-tells-how-it-is", a_host_tells_how_it_is),
        ("a-host-tells-behind-what-there-is-no-way-back", a_host_tells_of_no_return),
    ]
}

fn closure(text: &str) -> Closure {
    super::small::closure(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The API waits for nothing here but for the database, and for whom a part names.
fn site(exec: &str) -> Closure {
    closure(&format!(
        r#"{{"units": {{"db.service": {{"exec": "{exec}", "healthy": true}}, "api.service": {{"exec": "{exec}", "after": ["db.service"]}}}},
            "order": ["db.service", "api.service"]}}"#
    ))
}

/// The same with a task of a class that comes after the database.
fn with_task(exec: &str, class: &str) -> Closure {
    closure(&format!(
        r#"{{"units": {{"db.service": {{"exec": "{exec}"}}, "drop.service": {{"task": "drop {exec}", "class": "{class}", "after": ["db.service"]}}}},
            "order": ["db.service", "drop.service"]}}"#
    ))
}

fn lead(rollout: &str, epoch: u64) -> Lead {
    Lead { rollout: rollout.to_owned(), epoch, leader: format!("ann{epoch} on desk") }
}

fn part(epoch: u64, from: Option<&Closure>, waits: &[&str]) -> Part {
    let waits = waits.iter().map(|unit| (*unit).to_owned()).collect();
    Part { lead: lead("17-1", epoch), from: from.map(Closure::digest), waits, finish: false }
}

fn want(is_right: bool, found: &dyn std::fmt::Debug) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(format!("{found:?}")) }
}

fn is(found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("`{found}` is not `{expected}`")) }
}

fn committed(ended: &Ended) -> Result<(), String> {
    want(matches!(ended, Ok(Outcome::Committed { warnings, .. }) if warnings.is_empty()), ended)
}

fn refused(ended: &Ended, words: &str) -> Result<(), String> {
    let Err(ActivateError::NotBegun(NotBegun::Refused(reasons))) = ended else {
        return Err(format!("{ended:?}"));
    };
    want(reasons[0].to_string().contains(words), reasons)
}

fn enrolled(fake: &Fake) -> Result<Option<Enrolled>, String> {
    Enrolled::load(&fake.layout).map_err(|error| error.to_string())
}

/// Does something once a switch has waited for so long.
fn after(fake: &Fake, secs: u64, act: impl Fn(&mut FakeSystemd) + 'static) {
    let at = fake.world.borrow().now + Duration::from_secs(secs);
    let acted = RefCell::new(false);
    let meanwhile = move |systemd: &mut FakeSystemd| {
        if systemd.now() >= at && !acted.replace(true) {
            act(systemd);
        }
    };
    fake.world.borrow_mut().meanwhile = Some(Rc::new(meanwhile));
}

fn release_after(fake: &Fake, secs: u64, unit: &str) {
    let (unit, tx) = (unit.to_owned(), (fake.switches + 1).to_string());
    after(fake, secs, move |systemd| {
        release::give(&systemd.layout, std::slice::from_ref(&unit), &tx)
            .unwrap_or_else(|error| panic!("{error}"));
    });
}

/// Returns what the journal of the last switch tells.
fn told(fake: &Fake) -> Vec<Record> {
    let mut reader = Reader::default();
    let path = fake.layout.closed_journal(&fake.switches.to_string());
    reader.feed(&files::read(&path).unwrap_or_default());
    std::iter::from_fn(|| reader.next_record()).collect()
}

fn current_generation(fake: &Fake) -> Vec<String> {
    let unit = |record| if let Record::Held { unit } = record { Some(unit) } else { None };
    told(fake).into_iter().filter_map(unit).collect()
}

fn tell(fake: &Fake) -> Result<Report, String> {
    report(&fake.layout, &mut fake.systemd(), &mut fake.tools()).map_err(|error| error_chain(&error))
}

fn a_unit_waits_until_it_is_released() -> Result<(), String> {
    let (from, to) = (site("one"), site("two"));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.options.part = Some(part(1, Some(&from), &["api.service"]));
    release_after(&fake, 600, "api.service");
    let began = fake.world.borrow().now;
    let ended = fake.switch(&to);
    committed(&ended)?;
    fake.check(Some(&from), &to, &ended)?;
    want(current_generation(&fake) == ["api.service"], &told(&fake))?;
    want(fake.world.borrow().now - began >= Duration::from_secs(600), &fake.world.borrow().now)?;
    // The timer of the whole switch ends long before.
    let log = fake.world.borrow().log.clone();
    want(log.iter().any(|call| call.starts_with("arm kolla-lang-revert-2-9.timer")), &log)?;
    want(fake.world.borrow().alarms.is_empty(), &fake.world.borrow().alarms)?;
    want(
        enrolled(&fake)?.is_some_and(|it| it.from == Some(from.digest()) && it.to == to.digest()),
        &"no record",
    )
}

fn what_is_released_before_does_not_wait() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&site("one")))?;
    fake.options.part = Some(part(1, Some(&site("one")), &["api.service"]));
    let give = |tx: &str, unit: &str| release::give(&fake.layout, &[unit.to_owned()], tx);
    give("2", "api.service").map_err(|error| error.to_string())?;
    let other = give("1", "old.service").and(give("2", "../evil")).err();
    want(
        matches!(&other, Some(NotBegun::Refused(why)) if matches!(why[0], Refusal::NoUnitName { .. })),
        &other,
    )?;
    committed(&fake.switch(&site("two")))?;
    want(current_generation(&fake).is_empty(), &told(&fake))?;
    // What was said to another switch is gone.
    want(!fake.layout.release("old.service").exists(), &"a release is left")
}

fn a_unit_waits_no_longer_than_it_may() -> Result<(), String> {
    let (from, to) = (site("one"), site("two"));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.options.part = Some(part(1, Some(&from), &["api.service"]));
    // A release of another switch is none, and whoever gives it is told so.
    let said = Rc::new(RefCell::new(None));
    let given = Rc::clone(&said);
    after(&fake, 60, move |systemd| {
        *given.borrow_mut() = release::give(&systemd.layout, &["api.service".to_owned()], "1").err();
    });
    let ended = fake.switch(&to);
    let Ok(Outcome::Reverted { failure, .. }) = &ended else { return Err(format!("{ended:?}")) };
    is(&failure.to_string(), "other hosts were not as far as api.service needs within 900 s")?;
    want(said.borrow().is_some(), &said)?;
    // The way back waits for nobody.
    fake.check(Some(&from), &to, &ended)
}

fn a_switch_killed_while_it_waits() -> Result<(), String> {
    for rescue in [Rescue::Recovery, Rescue::Reboot] {
        for from in [None, Some(site("one"))] {
            let to = site("two");
            for at in 1.. {
                let mut fake = Fake::with_generation(from.as_ref())?;
                fake.options.part = Some(part(1, from.as_ref(), &["api.service"]));
                release_after(&fake, 2, "api.service");
                if !fake.switch_killed(&to, at) {
                    break;
                }
                fake.rescue(rescue)
                    .and_then(|()| fake.check_whole(from.as_ref(), &to))
                    .map_err(|error| format!("killed before call {at}, {rescue:?}: {error}"))?;
                let after = enrolled(&fake)?;
                want(
                    after.is_none_or(|it| it.from == from.as_ref().map(Closure::digest)),
                    &"another record",
                )?;
            }
        }
    }
    Ok(())
}

fn a_host_of_a_rollout_is_nobody_elses() -> Result<(), String> {
    let (from, to) = (site("one"), site("two"));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.options.part = Some(part(1, Some(&from), &[]));
    committed(&fake.switch(&to))?;
    let words = "this host is part of the rollout `17-1`, led by ann1 on desk";
    let other = Part { lead: lead("17-2", 5), ..part(1, Some(&to), &[]) };
    for part in [None, Some(other)] {
        fake.options.part = part;
        for target in [new(&from), new(&to), Target::Before, Target::Number(1)] {
            let seen = compare(&fake.layout, &mut fake.systemd(), &target, &fake.options);
            is(&seen.err().map(|error| error.to_string()).unwrap_or_default(), words)?;
            let ended = fake.activate(target);
            want(matches!(ended, Err(ActivateError::NotBegun(NotBegun::InRollout { .. }))), &ended)?;
        }
    }
    fake.options.part = None;
    let barred = |fake: &Fake| {
        let dry = dry_run(&fake.layout, &mut fake.systemd(), &mut fake.tools(), &from, &fake.options);
        Ok::<_, String>(dry.map_err(|error| error_chain(&error))?.barred.map(|error| error.to_string()))
    };
    is(&barred(&fake)?.unwrap_or_default(), words)?;
    fake.options.take_over = Some("17-1".to_owned());
    want(barred(&fake)?.is_none(), &"a dry run says otherwise")?;
    want(matches!(fake.switch(&to), Ok(Outcome::Nothing { number: 2, .. })), &"it is that already")?;
    want(enrolled(&fake)?.is_none(), &"its claim is over")?;
    fake.options.take_over = None;
    committed(&fake.activate(Target::Before))
}

fn new(closure: &Closure) -> Target {
    Target::New { closure: Box::new(closure.clone()), cloud: None }
}

fn a_host_that_is_something_else_is_refused() -> Result<(), String> {
    let (from, to) = (site("one"), site("two"));
    let mut fake = Fake::with_generation(Some(&from))?;
    for (other, found) in
        [(Some(site("three")), from.digest().to_string()), (None, from.digest().to_string())]
    {
        fake.options.part = Some(part(1, other.as_ref(), &[]));
        let ended = fake.switch(&to);
        let wanted = other.map_or("a host without a generation".to_owned(), |it| it.digest().to_string());
        let words = format!(
            "drift: this host is to go on from {wanted}, and is {found}; plan again, from what it is now"
        );
        refused(&ended, &words)?;
        fake.check(Some(&from), &to, &ended)?;
        want(enrolled(&fake)?.is_none(), &"it is enrolled")?;
    }
    // What is there already is well, and enrolled.
    fake.options.part = Some(part(1, Some(&to), &[]));
    want(matches!(fake.switch(&from), Ok(Outcome::Nothing { number: 1, .. })), &"it is that already")?;
    want(enrolled(&fake)?.is_some(), &"it is not enrolled")
}

fn an_earlier_leader_is_refused() -> Result<(), String> {
    let (from, to) = (site("one"), site("two"));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.options.part = Some(part(2, Some(&from), &[]));
    committed(&fake.switch(&to))?;
    fake.options.part = Some(part(1, Some(&from), &[]));
    let ended = fake.switch(&to);
    refused(&ended, "ann2 on desk has taken over the rollout `17-1`, as its epoch 2")?;
    fake.options.part = Some(part(3, Some(&from), &[]));
    want(matches!(fake.switch(&to), Ok(Outcome::Nothing { number: 2, .. })), &"it is that already")?;
    want(enrolled(&fake)?.is_some_and(|it| it.lead == lead("17-1", 3)), &"who leads it is noted")?;
    let end = |epoch| enrol::end(&fake.layout, Claim { rollout: "17-1", epoch });
    want(end(2).is_err(), &"who led it earlier ends it")?;
    want(enrol::end(&fake.layout, Claim { rollout: "17-2", epoch: 9 }).is_err(), &"another one ends it")?;
    end(3).and_then(|()| end(3)).map_err(|error| error.to_string())?;
    want(enrolled(&fake)?.is_none(), &"it is over")
}

fn a_contract_waits_for_the_end() -> Result<(), String> {
    let (from, to) = (site("one"), with_task("two", "contract"));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.options.part = Some(part(1, Some(&from), &[]));
    committed(&fake.switch(&to))?;
    let is_done = |fake: &Fake| completions::is_done(&fake.layout, "drop two");
    want(!is_done(&fake) && !tell(&fake)?.finished, &fake.world.borrow().log)?;
    // The same again is no reason to run it either.
    want(matches!(fake.switch(&to), Ok(Outcome::Nothing { number: 2, .. })), &"it is that already")?;
    want(!is_done(&fake), &fake.world.borrow().log)?;
    fake.options.part = Some(Part { finish: true, ..part(1, Some(&from), &[]) });
    let seen = compare(&fake.layout, &mut fake.systemd(), &new(&to), &fake.options);
    want(matches!(seen, Ok(None)), &seen)?;
    let ended = fake.switch(&to);
    want(matches!(&ended, Ok(Outcome::Nothing { number: 2, warnings }) if warnings.is_empty()), &ended)?;
    want(is_done(&fake) && tell(&fake)?.finished, &fake.world.borrow().log)
}

fn who_ends_a_switch_runs_no_contract() -> Result<(), String> {
    let (from, to) = (site("one"), with_task("two", "contract"));
    for at in 1.. {
        let mut fake = Fake::with_generation(Some(&from))?;
        fake.options.part = Some(part(1, Some(&from), &[]));
        if !fake.switch_killed(&to, at) {
            return Ok(());
        }
        // Who ends it knows of no part, as the timer's service does.
        fake.options.part = None;
        fake.rescue(Rescue::Recovery)?;
        if completions::is_done(&fake.layout, "drop two") {
            return Err(format!("killed before call {at}: the task was run"));
        }
    }
    Ok(())
}

fn back_from_holding() -> Result<(), String> {
    let (from, to) = (site("one"), site("two"));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.options.part = Some(part(1, Some(&from), &[]));
    fake.options.confirm_within = Some(600);
    let interrupted = Rc::clone(&fake.interrupted);
    after(&fake, 30, move |_| interrupted.store(true, Ordering::Relaxed));
    let ended = fake.switch(&to);
    want(matches!(ended, Ok(Outcome::Reverted { failure: Failure::Interrupted, to: Some(1), .. })), &ended)?;
    want(told(&fake).iter().any(|it| matches!(it, Record::Waiting { .. })), &told(&fake))?;
    fake.check(Some(&from), &to, &ended)?;
    let enrolled = enrol::renew(&fake.layout, &lead("17-1", 2)).map_err(|error| error.to_string())?;
    want(enrolled.lead.epoch == 2, &enrolled)?;
    let back = way_back(&fake.layout, &enrolled);
    want(matches!(back, Ok(Back::There(Some(1)))), &back)
}

fn back_from_committed() -> Result<(), String> {
    let (from, to) = (site("one"), site("two"));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.options.part = Some(part(1, Some(&from), &[]));
    committed(&fake.switch(&to))?;
    let enrolled = enrol::renew(&fake.layout, &lead("17-1", 2)).map_err(|error| error.to_string())?;
    let Ok(Back::Switch(target, options)) = way_back(&fake.layout, &enrolled) else {
        return Err("there is a way back".to_owned());
    };
    fake.options = *options;
    let ended = fake.activate(target);
    want(matches!(ended, Ok(Outcome::Committed { number: 1, .. })), &ended)?;
    let after = enrol::find(&fake.layout, &lead("17-1", 2)).map_err(|error| error.to_string())?;
    want(after == enrolled, &after)?;
    let back = way_back(&fake.layout, &after);
    want(matches!(back, Ok(Back::There(Some(1)))), &back)?;
    // And on again, by the same record.
    fake.options.part = Some(part(3, Some(&from), &[]));
    committed(&fake.switch(&to))
}

fn back_to_nothing() -> Result<(), String> {
    let to = site("two");
    let mut fake = Fake::with_generation(None)?;
    let unknown = enrol::renew(&fake.layout, &lead("17-1", 1));
    refused(
        &unknown.map(|_| Outcome::Nothing { number: 0, warnings: vec![] }).map_err(ActivateError::from),
        "is not part of the rollout",
    )?;
    fake.options.part = Some(part(1, None, &[]));
    fake.interrupted.store(true, Ordering::Relaxed);
    let ended = fake.switch(&to);
    want(matches!(ended, Ok(Outcome::Reverted { to: None, .. })), &ended)?;
    let find = |fake: &Fake| enrol::find(&fake.layout, &lead("17-1", 1)).map_err(|error| error.to_string());
    let back = way_back(&fake.layout, &find(&fake)?);
    want(matches!(back, Ok(Back::There(None))), &back)?;
    fake.interrupted.store(false, Ordering::Relaxed);
    committed(&fake.switch(&to))?;
    let back = way_back(&fake.layout, &find(&fake)?);
    let is_right = |why: &Refusal| matches!(why, Refusal::NoFormer);
    want(matches!(&back, Err(NotBegun::Refused(why)) if is_right(&why[0])), &back)
}

fn what_a_rollout_needs_stays() -> Result<(), String> {
    let closures = [site("one"), site("two"), site("three"), site("four")];
    let mut fake = Fake::with_generation(Some(&closures[0]))?;
    fake.options.part = Some(part(1, Some(&closures[0]), &[]));
    committed(&fake.switch(&closures[1]))?;
    let record = enrolled(&fake)?;
    fake.options.part = None;
    fake.options.take_over = Some("17-1".to_owned());
    committed(&fake.switch(&closures[2]))?;
    committed(&fake.switch(&closures[3]))?;
    let roots = |fake: &Fake| {
        let roots = Roots::find(&fake.layout, &mut fake.tools(), 1).map_err(|error| error_chain(&error))?;
        Ok::<_, String>(roots.generations.keys().copied().collect::<Vec<_>>())
    };
    want(roots(&fake)? == [3, 4], &roots(&fake))?;
    kolla_lang::store::sealed::write(&fake.layout.rollout(), &record.ok_or("no record")?)
        .map_err(|error| error.to_string())?;
    want(roots(&fake)? == [1, 2, 3, 4], &roots(&fake))
}

fn a_host_tells_how_it_is() -> Result<(), String> {
    let (from, mut to) = (site("one"), site("two"));
    to.manifest.groups.insert("database".to_owned(), group("db"));
    to.manifest.groups.insert("apis".to_owned(), group("api"));
    let mut fake = Fake::with_generation(None)?;
    let bare = tell(&fake)?;
    let nothing = Report {
        version: 1,
        generation: None,
        committed: None,
        cloud: None,
        made: 0,
        before: None,
        enrolled: None,
        open: None,
        finished: true,
        done: [].into(),
        no_return: [].into(),
        down: [].into(),
        formats: [].into(),
        forward: None,
    };
    want(bare == nothing, &bare)?;
    want(!fake.layout.store().exists(), &"it made something")?;
    committed(&fake.switch(&from))?;
    fake.options.part = Some(part(1, Some(&from), &[]));
    fake.options.confirm_within = Some(60);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let reports = Rc::clone(&seen);
    after(&fake, 5, move |systemd| {
        // Once with the service of the switch there, once as if it were gone.
        for is_there in [true, false] {
            systemd.set_active("kolla-lang-switch.service", is_there);
            let mut tools = super::fake::FakeTools(Rc::clone(&systemd.world));
            let layout = systemd.layout.clone();
            let said = report(&layout, systemd, &mut tools).map_err(|error| error_chain(&error));
            reports.borrow_mut().push(said.map(|it| it.open));
        }
        let path = systemd.layout.confirmation();
        files::write_atomic(&path, b"2", 0o600).unwrap_or_else(|error| panic!("{error}"));
    });
    committed(&fake.switch(&to))?;
    let open = |stage| Ok(Some(Open { tx: "2".to_owned(), stage }));
    want(*seen.borrow() == [open(Stage::Holding), open(Stage::Returning)], &seen)?;
    let after = tell(&fake)?;
    want(after.committed == Some(to.digest()) && after.generation == Some(2), &after)?;
    let before = after.before.as_ref().map(|it| (&it.closure, &it.cloud));
    want(before == Some((&from.digest(), &None)) && after.made > 0, &after)?;
    want(after.enrolled == enrolled(&fake)? && after.open.is_none() && after.down.is_empty(), &after)?;
    // Its switch closes the journal and is gone while it is asked whether somebody is at it.
    let (open, closed) = (fake.layout.journal(), fake.layout.closed_journal("2"));
    fs::rename(&closed, &open).map_err(|error| error.to_string())?;
    fake.world.borrow_mut().asked = Some(Rc::new(move |_| fs::rename(&open, &closed).unwrap_or(())));
    let over = tell(&fake)?;
    fake.world.borrow_mut().asked = None;
    want(over == after, &over)?;
    fake.world.borrow_mut().unhealthy.insert("db".to_owned());
    want(tell(&fake)?.down == ["database".to_owned()].into(), &"one is unhealthy")?;
    fake.systemd().set_active("api.service", false);
    want(tell(&fake)?.down == ["apis".to_owned(), "database".to_owned()].into(), &"both are down")
}

/// A host that goes back within a rollout commits the generation that it has, and notes what cloud that is for.
fn an_earlier_generation_again_within_a_rollout() -> Result<(), String> {
    let (first, second) = (site("one"), site("two"));
    let mut fake = Fake::with_generation(Some(&first))?;
    committed(&fake.switch(&second))?;
    fake.options.part = Some(part(1, Some(&second), &[]));
    let cloud = Some(Digest::of(b"cloud"));
    let again = || Target::Again { closure: first.digest(), cloud: cloud.clone() };
    let ended = fake.activate(again());
    want(matches!(ended, Ok(Outcome::Committed { number: 1, .. })), &ended)?;
    want(enrolled(&fake)?.is_some_and(|it| it.to == first.digest() && it.cloud == cloud), &"its record")?;
    let twice = fake.activate(again());
    want(matches!(twice, Ok(Outcome::Nothing { number: 1, .. })), &twice)?;
    let unknown = Target::Again { closure: site("three").digest(), cloud: None };
    let refused = fake.activate(unknown);
    want(
        matches!(&refused, Err(ActivateError::NotBegun(NotBegun::Refused(why))) if matches!(why[0], Refusal::NotFrom { .. } | Refusal::NoGenerationOf { .. })),
        &refused,
    )
}

/// What a host had is gone when it is switched to nothing, but for its volumes, and comes back.
fn nothing_on_a_host() -> Result<(), String> {
    let there = site("one");
    let mut fake = Fake::with_generation(Some(&there))?;
    let volumes = fake.world.borrow().volumes.clone();
    let runs = |fake: &Fake| {
        let world = fake.world.borrow();
        let is_up = |unit: &&String| world.units.get(*unit).is_some_and(|it| it.state.active == "active");
        there.manifest.units.keys().filter(is_up).count()
    };
    let nothing = Closure::new(there.manifest.emptied());
    committed(&fake.switch(&nothing))?;
    want(runs(&fake) == 0, &"something runs")?;
    want(fake.world.borrow().volumes == volumes, &"its volumes")?;
    committed(&fake.activate(Target::Before))?;
    want(runs(&fake) > 0, &"nothing runs")
}

fn group(container: &str) -> Group {
    Group {
        container: container.to_owned(),
        hosts: vec!["ctl01".to_owned()],
        quorum: false,
        max_unavailable: 1,
        probe: vec![],
        progress: vec![],
        patience_secs: 60,
    }
}

fn a_host_tells_of_no_return() -> Result<(), String> {
    let (from, to) = (with_task("one", "one-way"), with_task("two", "one-way"));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.options.part = Some(part(1, Some(&from), &["db.service"]));
    fake.options.allow_one_way = true;
    want(completions::of(&to.manifest, &tell(&fake)?.done).is_empty(), &"nothing of it is done")?;
    // What ran before it began is no part of it.
    std::thread::sleep(Duration::from_millis(1100));
    release_after(&fake, 1, "db.service");
    committed(&fake.switch(&to))?;
    let after = tell(&fake)?;
    want(after.no_return == ["drop.service".to_owned()].into(), &after)?;
    want(completions::of(&to.manifest, &after.done).values().eq([&Completion::Done]), &after)?;
    let enrolled = enrol::find(&fake.layout, &lead("17-1", 1)).map_err(|error| error.to_string())?;
    let Ok(Back::Switch(target, options)) = way_back(&fake.layout, &enrolled) else {
        return Err("there is a way back".to_owned());
    };
    fake.options = *options;
    refused(&fake.activate(target), "there is no way back past the task `drop`")
}
