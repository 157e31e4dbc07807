//! Gates, policies, networks and tasks on a host that is not there: what opens a gate, what fails it, and what is left alone.

use kolla_lang::activate::dry_run::dry_run;
use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::failure::{Failure, NotBegun};
use kolla_lang::activate::outcome::{ActivateError, Outcome};
use kolla_lang::activate::request::{NoGate, Options, Target};
use kolla_lang::activate::{completions, contracts, generation};
use kolla_lang::store::Closure;

use super::fake::{Ended, Fake, Scenario};

/// Returns the tests of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("a-probe-opens-the-gate-late", a_probe_opens_the_gate_late),
        ("a-probe-that-is-never-answered-goes-back", a_probe_that_is_never_answered_goes_back),
        ("a-unit-that-flaps-goes-back", a_unit_that_flaps_goes_back),
        ("progress-moves-the-deadline", progress_moves_the_deadline),
        ("no-progress-is-no-reason-to-wait", no_progress_is_no_reason_to_wait),
        ("a-skipped-gate-is-not-asked", a_skipped_gate_is_not_asked),
        ("a-soak-time-is-waited-for", a_soak_time_is_waited_for),
        ("a-reload-of-what-is-down-starts-it", a_reload_of_what_is_down_starts_it),
        ("a-contract-runs-when-all-is-committed", a_contract_runs_when_all_is_committed),
        ("a-contract-that-is-left-waits-for-another-switch", a_contract_that_is_left_waits),
        ("a-generation-behind-a-contract-is-refused", a_generation_behind_a_contract_is_refused),
        ("a-task-that-was-never-finished-cannot-be-named", a_task_that_was_never_finished_cannot_be_named),
        ("who-goes-on-is-not-behind-a-contract", who_goes_on_is_not_behind_a_contract),
        ("what-a-task-did-is-gone-with-its-volume", what_a_task_did_is_gone_with_its_volume),
        ("a-one-way-task-is-asked-about", a_one_way_task_is_asked_about),
        ("a-failed-contract-is-a-warning-and-runs-again", a_failed_contract_runs_again),
        ("a-volume-made-anew-runs-its-task-again", a_volume_made_anew_runs_its_task_again),
        ("the-data-plane-is-restarted-on-request", the_data_plane_is_restarted_on_request),
        ("a-network-is-made-anew-and-back", a_network_is_made_anew_and_back),
    ]
}

fn closure(text: &str) -> Closure {
    super::small::closure(text).unwrap_or_else(|error| panic!("{error}"))
}

/// One unit with these further keys.
fn api(exec: &str, more: &str) -> Closure {
    closure(&format!(
        r#"{{"units": {{"api.service": {{"exec": "{exec}"{more}}}}}, "order": ["api.service"]}}"#
    ))
}

const PROBE: &str = r#", "probes": {"up": {"tcp": {"address": "10.0.0.1", "port": 80}}}"#;

fn committed(ended: &Ended) -> Result<(), String> {
    if matches!(ended, Ok(Outcome::Committed { .. })) { Ok(()) } else { Err(format!("{ended:?}")) }
}

fn reverted(ended: &Ended) -> Result<&Failure, String> {
    match ended {
        Ok(Outcome::Reverted { failure, .. }) => Ok(failure),
        other => Err(format!("{other:?}")),
    }
}

fn is(found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("`{found}` is not `{expected}`")) }
}

fn count(fake: &Fake, call: &str) -> usize {
    fake.world.borrow().log.iter().filter(|it| it.starts_with(call)).count()
}

fn a_probe_opens_the_gate_late() -> Result<(), String> {
    let (from, to) = (api("one", ""), api("two", PROBE));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.world.borrow_mut().answers_after.insert("api".into(), 5);
    let ended = fake.switch(&to);
    committed(&ended)?;
    fake.check(Some(&from), &to, &ended)?;
    is(&count(&fake, "probe tcp 10.0.0.1:80").to_string(), "5")
}

fn a_probe_that_is_never_answered_goes_back() -> Result<(), String> {
    let (from, to) = (api("one", ""), api("two", PROBE));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.world.borrow_mut().refusing.insert("api".into());
    let ended = fake.switch(&to);
    let words =
        "api.service was not up within 30 s: active (running), probe up (tcp 10.0.0.1:80): status 503";
    is(&reverted(&ended)?.to_string(), words)?;
    fake.check(Some(&from), &to, &ended)
}

fn a_unit_that_flaps_goes_back() -> Result<(), String> {
    // The old one has no soak time, so that the way back does not see the restart that the new one is failed for.
    let (from, to) = (api("one", r#", "soak": 0"#), api("two", ""));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.world.borrow_mut().flapping.insert("api.service".into());
    let ended = fake.switch(&to);
    let failure = reverted(&ended)?;
    if !matches!(failure, Failure::Died { unit, .. } if unit == "api.service") {
        return Err(error_chain(failure));
    }
    fake.check(Some(&from), &to, &ended)
}

fn progress_moves_the_deadline() -> Result<(), String> {
    let more = format!(r#"{PROBE}, "progress": ["how", "far"]"#);
    let (from, to) = (api("one", ""), api("two", &more));
    let mut fake = Fake::with_generation(Some(&from))?;
    {
        let mut world = fake.world.borrow_mut();
        // Twice a second it is asked, so this is twice as long as its 30 s.
        world.answers_after.insert("api".into(), 120);
        world.advancing.insert("api".into(), 0.5);
    }
    let before = fake.world.borrow().now;
    let ended = fake.switch(&to);
    committed(&ended)?;
    let took = fake.world.borrow().now - before;
    if took.as_secs() < 50 {
        return Err(format!("it took {took:?}"));
    }
    if !fake.world.borrow().alarms.is_empty() {
        return Err("a timer is left".into());
    }
    // The timer of PID 1 would else have taken the host back from a switch that still comes further.
    if count(&fake, "arm") < 2 {
        return Err(format!("the timer was not set anew: {:#?}", fake.world.borrow().log));
    }
    fake.check(Some(&from), &to, &ended)
}

fn no_progress_is_no_reason_to_wait() -> Result<(), String> {
    let more = format!(r#"{PROBE}, "progress": ["how", "far"]"#);
    let (from, to) = (api("one", ""), api("two", &more));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.world.borrow_mut().refusing.insert("api".into());
    fake.world.borrow_mut().advancing.insert("api".into(), 0.0);
    let before = fake.world.borrow().now;
    let ended = fake.switch(&to);
    let words = "api.service was not up within 30 s: active (running), probe up (tcp 10.0.0.1:80): status 503, progress at 0";
    is(&reverted(&ended)?.to_string(), words)?;
    let took = fake.world.borrow().now - before;
    if took.as_secs() > 60 {
        return Err(format!("it took {took:?}"));
    }
    fake.check(Some(&from), &to, &ended)
}

fn a_skipped_gate_is_not_asked() -> Result<(), String> {
    let (from, to) = (api("one", ""), api("two", PROBE));
    let mut fake = Fake::with_generation(Some(&from))?;
    fake.world.borrow_mut().refusing.insert("api".into());
    fake.options.no_gate = NoGate::from_words(&["api".to_owned()]);
    let ended = fake.switch(&to);
    committed(&ended)?;
    let Ok(Outcome::Committed { plan, .. }) = &ended else { return Err(format!("{ended:?}")) };
    is(&format!("{:?}", plan.skipped[0].gate), r#"["probe up (tcp 10.0.0.1:80)", "2 s without a restart"]"#)?;
    is(&count(&fake, "probe").to_string(), "0")
}

fn a_soak_time_is_waited_for() -> Result<(), String> {
    let to = api("two", r#", "soak": 20"#);
    let mut fake = Fake::with_generation(None)?;
    let ended = fake.switch(&to);
    committed(&ended)?;
    if fake.world.borrow().now.as_secs() < 20 {
        return Err("it was not waited for".into());
    }
    fake.check(None, &to, &ended)
}

fn a_reload_of_what_is_down_starts_it() -> Result<(), String> {
    let with = |text: &str| api("one", &format!(r#", "change": "reload", "files": {{"a.conf": "{text}"}}"#));
    let (from, to) = (with("1"), with("2"));
    let mut fake = Fake::with_generation(Some(&from))?;
    if let Some(unit) = fake.world.borrow_mut().units.get_mut("api.service") {
        (unit.state.active, unit.runs) = ("inactive".into(), None);
    }
    committed(&fake.switch(&to))?;
    is(&count(&fake, "exec").to_string(), "0")?;
    is(&count(&fake, "Start api.service").to_string(), "1")
}

fn contract(key: &str, exec: &str) -> Closure {
    closure(&format!(
        r#"{{"units": {{"api.service": {{"exec": "{exec}"}},
            "drop.service": {{"task": "{key}", "class": "contract", "after": ["api.service"]}}}},
            "order": ["api.service", "drop.service"]}}"#
    ))
}

fn a_contract_runs_when_all_is_committed() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&contract("1", "one")))?;
    let to = contract("2", "two");
    committed(&fake.switch(&to))?;
    let place = |call: &str| fake.world.borrow().log.iter().rposition(|it| it == call);
    // The last reload reads the committed generation.
    if place("Start drop.service") < place("daemon-reload") || !completions::is_done(&fake.layout, "2") {
        return Err(format!("{:#?}", fake.world.borrow().log));
    }
    Ok(())
}

fn a_contract_that_is_left_waits() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&contract("1", "one")))?;
    let to = contract("2", "two");
    fake.options.leave_last = true;
    for _ in 0..2 {
        let ended = fake.switch(&to);
        if ended.is_err() || completions::is_done(&fake.layout, "2") {
            return Err(format!("{ended:?}: {:#?}", fake.world.borrow().log));
        }
    }
    fake.options.leave_last = false;
    let ended = fake.switch(&to);
    if completions::is_done(&fake.layout, "2") { Ok(()) } else { Err(format!("{ended:?}")) }
}

/// Wants a switch to be refused for one reason, with nothing touched.
fn refused(fake: &mut Fake, target: Target, reason: &str) -> Result<(), String> {
    let n_calls = |fake: &Fake| {
        let touches = ["Start", "Stop", "Restart", "Reload", "daemon-reload", "arm"];
        let log = &fake.world.borrow().log;
        log.iter().filter(|call| touches.iter().any(|word| call.starts_with(word))).count()
    };
    let before = (n_calls(fake), generation::booted(&fake.layout).ok());
    let ended = fake.activate(target);
    let Err(ActivateError::NotBegun(NotBegun::Refused(refusals))) = &ended else {
        return Err(format!("{ended:?}"));
    };
    is(&refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), reason)?;
    if (n_calls(fake), generation::booted(&fake.layout).ok()) == before {
        Ok(())
    } else {
        Err(format!("something was touched: {:#?}", fake.world.borrow().log))
    }
}

fn new(closure: &Closure) -> Target {
    Target::New { closure: Box::new(closure.clone()), cloud: None }
}

fn behind(number: u64, done_for: u64) -> String {
    format!(
        "there is no way back past the task `drop`, done for generation {done_for}: generation {number} may need what it changed; once \
         that is there again, `--allow-rollback-past drop`"
    )
}

fn a_generation_behind_a_contract_is_refused() -> Result<(), String> {
    let (first, second, third) = (api("one", ""), contract("2", "two"), contract("3", "three"));
    let mut fake = Fake::with_generation(Some(&first))?;
    committed(&fake.switch(&second))?;
    committed(&fake.switch(&third))?;
    // The second one has a task of this name too, and not this one.
    refused(&mut fake, Target::Before, &behind(2, 3))?;
    let both = format!("{}\n{}", behind(1, 2), behind(1, 3));
    refused(&mut fake, Target::Number(1), &both)?;
    // The same description built again is no other generation.
    refused(&mut fake, new(&first), &both)?;
    let dry = dry_run(&fake.layout, &mut fake.systemd(), &mut fake.tools(), &first, &fake.options)
        .map_err(|error| error_chain(&error))?;
    is(&dry.refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), &both)?;
    fake.options.allow_rollback_past.insert("drpo".into());
    let misnamed = "`--allow-rollback-past drpo` names no task that was finished on this host\n  help: finished were drop";
    refused(&mut fake, Target::Before, &format!("{misnamed}\n{}", behind(2, 3)))?;
    // The slip is told beside a good name too: who made it meant another task.
    fake.options.allow_rollback_past.insert("drop".into());
    refused(&mut fake, Target::Before, misnamed)?;
    fake.options.allow_rollback_past.remove("drpo");
    let ended = fake.activate(Target::Before);
    if matches!(&ended, Ok(Outcome::Committed { number: 2, stays, .. }) if stays == &["drop"]) {
        Ok(())
    } else {
        Err(format!("{ended:?}"))
    }
}

fn a_task_that_was_never_finished_cannot_be_named() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&api("one", "")))?;
    committed(&fake.switch(&api("two", "")))?;
    fake.options.allow_rollback_past.insert("drop".into());
    refused(
        &mut fake,
        Target::Before,
        "`--allow-rollback-past drop` names no task that was finished on this host",
    )
}

fn who_goes_on_is_not_behind_a_contract() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&api("one", "")))?;
    committed(&fake.switch(&contract("2", "two")))?;
    // The task is described no more, as it was done; what fails then goes back to a generation that has it. Two jobs were done before.
    let ended =
        fake.switch_failing(&api("three", ""), super::fake::Planted { at: 3, fail: super::fake::Fail::Job })?;
    if !matches!(&ended, Ok(Outcome::Reverted { to: Some(2), .. })) {
        return Err(format!("{ended:?}"));
    }
    committed(&fake.switch(&api("three", "")))?;
    committed(&fake.switch(&api("four", "")))?;
    // Both lived without it.
    committed(&fake.activate(Target::Before))?;
    committed(&fake.activate(Target::Before))
}

fn what_a_task_did_is_gone_with_its_volume() -> Result<(), String> {
    let with = |exec: &str| {
        closure(&format!(
            r#"{{"units": {{"api.service": {{"exec": "{exec}"}},
                "drop.service": {{"task": "1", "class": "contract", "volumes": ["db"], "after": ["api.service"]}}}},
                "order": ["api.service", "drop.service"]}}"#
        ))
    };
    let mut fake = Fake::with_generation(Some(&api("one", "")))?;
    fake.world.borrow_mut().volumes.insert("db".into(), "made at 1".into());
    committed(&fake.switch(&with("two")))?;
    refused(&mut fake, Target::Before, &behind(1, 2))?;
    fake.world.borrow_mut().volumes.insert("db".into(), "made at 2".into());
    committed(&fake.activate(Target::Before))
}

fn a_one_way_task_is_asked_about() -> Result<(), String> {
    let with = |exec: &str| with_volume("one-way", exec);
    let mut fake = Fake::with_generation(Some(&api("one", "")))?;
    let words = "sync.service: there is no way back past the task `sync`; make sure of a backup, then `--allow-one-way` lets it run";
    refused(&mut fake, new(&with("two")), words)?;
    fake.options.allow_one_way = true;
    committed(&fake.switch(&with("two")))?;
    fake.options = Options::default();
    // It is asked about where it runs, and not again.
    committed(&fake.switch(&with("three")))?;
    committed(&fake.activate(Target::Before))?;
    refused(&mut fake, Target::Before, &behind(1, 2).replace("drop", "sync"))
}

fn a_failed_contract_runs_again() -> Result<(), String> {
    let (from, to) = (contract("1", "one"), contract("2", "two"));
    let mut fake = Fake::with_generation(Some(&from))?;
    // The second job is the task's: the first one restarts its service.
    let planted = super::fake::Planted { at: 2, fail: super::fake::Fail::Job };
    let ended = fake.switch_failing(&to, planted)?;
    match &ended {
        Ok(Outcome::Committed { warnings, .. }) if warnings.len() == 2 => {}
        other => return Err(format!("{other:?}")),
    }
    if contracts::left_over(&fake.layout, &to.manifest).len() != 1 {
        return Err("it counts as done".into());
    }
    let again = fake.switch(&to);
    if !matches!(&again, Ok(Outcome::Nothing { warnings, .. }) if warnings.is_empty())
        || !completions::is_done(&fake.layout, "2")
    {
        return Err(format!("{again:?}"));
    }
    Ok(())
}

fn with_volume(class: &str, exec: &str) -> Closure {
    closure(&format!(
        r#"{{"units": {{"sync.service": {{"task": "1", "class": "{class}", "volumes": ["db"]}},
            "api.service": {{"exec": "{exec}", "after": ["sync.service"]}}}},
            "order": ["sync.service", "api.service"]}}"#
    ))
}

fn a_volume_made_anew_runs_its_task_again() -> Result<(), String> {
    for class in ["expand", "one-way"] {
        let mut fake = Fake::with_generation(None)?;
        fake.options.allow_one_way = true;
        fake.world.borrow_mut().volumes.insert("db".into(), "made at 1".into());
        committed(&fake.switch(&with_volume(class, "one")))?;
        committed(&fake.switch(&with_volume(class, "two")))?;
        is(&count(&fake, "Start sync.service").to_string(), "1")?;
        fake.world.borrow_mut().volumes.insert("db".into(), "made at 2".into());
        let ended = fake.switch(&with_volume(class, "three"));
        if class == "expand" {
            committed(&ended)?;
            is(&count(&fake, "Start sync.service").to_string(), "2")?;
            continue;
        }
        let Err(ActivateError::NotBegun(NotBegun::Refused(refusals))) = &ended else {
            return Err(format!("{ended:?}"));
        };
        let words = "sync.service: it was done as `1`, but its volume db was made anew since; its class forbids to do it again";
        is(&refusals[0].to_string(), words)?;
    }
    Ok(())
}

fn the_data_plane_is_restarted_on_request() -> Result<(), String> {
    let with = |exec: &str| api(exec, r#", "change": "dataplane""#);
    let mut fake = Fake::with_generation(Some(&with("one")))?;
    let ended = fake.switch(&with("two"));
    let Ok(Outcome::Committed { plan, .. }) = &ended else { return Err(format!("{ended:?}")) };
    is(&format!("{} pending, {} jobs", plan.pending(), count(&fake, "Start ")), "1 pending, 0 jobs")?;
    fake.check(Some(&with("one")), &with("two"), &ended)?;
    fake.options.allow_dataplane = true;
    let ended = fake.switch(&with("two"));
    if !matches!(&ended, Ok(Outcome::Nothing { warnings, .. }) if warnings.is_empty()) {
        return Err(format!("{ended:?}"));
    }
    is(&count(&fake, "Restart api.service").to_string(), "1")?;
    fake.switch(&with("two")).map_err(|error| error_chain(&error))?;
    is(&count(&fake, "Restart api.service").to_string(), "1")
}

fn a_network_is_made_anew_and_back() -> Result<(), String> {
    let with = |subnet: &str| {
        closure(&format!(
            r#"{{"networks": {{"front": {{"subnet": "{subnet}"}}}}, "units": {{"web.service":
                {{"uses": ["front-network.service"]}}}}, "order": ["web.service"]}}"#
        ))
    };
    let mut fake = Fake::with_generation(Some(&with("10.1.0.0/24")))?;
    let jobs = |fake: &Fake| {
        let log = &mut fake.world.borrow_mut().log;
        let jobs: Vec<String> =
            log.drain(..).filter(|it| it.starts_with("Start ") || it.starts_with("Stop ")).collect();
        jobs.join(", ")
    };
    let expected =
        "Stop web.service, Stop front-network.service, Start front-network.service, Start web.service";
    committed(&fake.switch(&with("10.2.0.0/24")))?;
    is(&jobs(&fake), expected)?;
    committed(&fake.activate(Target::Before))?;
    is(&jobs(&fake), expected)
}
