//! Properties of the waves of a fleet, for random clouds: played moment by moment, no group's disruption budget is exceeded; what is refused is
//! impossible, by trying every way; and a planner with a fault is caught.
//!
//! `SEED=n` draws the same clouds again, `CASES=n` draws that many; both are printed.

#[path = "fleet/brute.rs"]
mod brute;
#[path = "fleet/random.rs"]
mod random;
#[path = "fleet/simulator.rs"]
mod simulator;

use std::cell::Cell;

use brute::Ways;
use kolla_lang::activate::request::Options;
use kolla_lang::cli::report::Warnings;
use kolla_lang::fleet::errors::{NoCanary, Refusal};
use kolla_lang::fleet::members::{Fleet, State};
use kolla_lang::fleet::picture::picture;
use kolla_lang::fleet::plan::{Known, plan_fleet};
use kolla_lang::fleet::waves::{WaveOptions, plan_waves};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use random::{Case, cases};
use simulator::play;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Tries a property for as many clouds as are asked for.
fn for_clouds(name: &str, most_hosts: usize, property: impl Fn(&Case) -> Result<(), String>) {
    let (seed, n_cases) = (number("SEED", 1), number("CASES", 400));
    println!("{name}: seed {seed}, {n_cases} clouds");
    let config = Config {
        cases: u32::try_from(n_cases).unwrap_or(u32::MAX),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let tried = runner.run(&cases(most_hosts), |case| {
        property(&case).map_err(|error| TestCaseError::fail(format!("{error}\n")))
    });
    if let Err(error) = tried {
        panic!("{name}, seed {seed}: {error}");
    }
}

#[test]
fn played_moment_by_moment_no_group_is_hurt() {
    let n_planned = Cell::new(0u64);
    for_clouds("no wave takes down more than a group bears", 24, |case| {
        let Case { fleet, wave_options, salt } = case;
        match plan_waves(fleet, wave_options) {
            Ok(plan) => {
                n_planned.set(n_planned.get() + 1);
                play(fleet, wave_options, &plan, *salt).map_err(|error| format!("{error}\n{plan:#?}"))
            }
            Err(_) => Ok(()),
        }
    });
    println!("planned: {}", n_planned.get());
    assert!(n_planned.get() * 10 > number("CASES", 400), "hardly a cloud could be planned");
}

#[test]
fn what_is_refused_is_impossible_and_the_group_is_the_reason() {
    let (n_refused, n_groups) = (Cell::new(0u64), Cell::new(0u64));
    for_clouds("what is refused is impossible, what is planned is not", 6, |case| {
        let Case { fleet, wave_options, salt } = case;
        let ways = Ways::of(fleet, wave_options);
        match plan_waves(fleet, wave_options) {
            Ok(plan) if !ways.is_possible() => Err(format!("planned, and yet impossible: {plan:#?}")),
            Ok(plan) => {
                let canary = plan.waves.iter().find(|wave| wave.canary);
                if canary.is_some_and(|it| it.hosts.len() > 1)
                    && ways.has_single_canary(wave_options.max_parallel)
                {
                    return Err(format!("one host alone could be the canary: {plan:#?}"));
                }
                play(fleet, wave_options, &plan, *salt)
            }
            Err(refusal) => {
                n_refused.set(n_refused.get() + 1);
                if refusal.group().is_some() {
                    n_groups.set(n_groups.get() + 1);
                }
                is_true(&refusal, fleet, &ways).map_err(|error| format!("{refusal}\n{error}"))
            }
        }
    });
    println!("refused: {}, of these for a group: {}", n_refused.get(), n_groups.get());
    assert!(n_groups.get() > 0, "no cloud was refused for a group");
}

/// Whether a refusal says what is so.
fn is_true(refusal: &Refusal, fleet: &Fleet, ways: &Ways<'_>) -> Result<(), String> {
    let holds = match refusal {
        Refusal::Group { hosts, exceeded } => {
            if ways.is_ever_spared(hosts, &exceeded.group) {
                return Err("the group that is named is no reason".to_owned());
            }
            true
        }
        Refusal::Parallel { .. } => true,
        Refusal::WaitsForBehind { before, .. } => fleet.hosts[before].state == State::Unreachable,
        // These are refused for what was asked, not for what is possible.
        Refusal::Canary { host, why: NoCanary::Unchanged } => return is(!fleet.hosts[host].differs),
        Refusal::Canary { host, why: NoCanary::Unreachable } => {
            return is(fleet.hosts[host].state == State::Unreachable);
        }
        Refusal::Canary { host, why: NoCanary::Bare } => return is(fleet.hosts[host].state == State::Bare),
        // Neither units nor their data nor the graph are known to the planner of waves.
        Refusal::Canary { why: NoCanary::Unknown, .. }
        | Refusal::Unit { .. }
        | Refusal::LaterFormat { .. }
        | Refusal::FormatStep { .. }
        | Refusal::GroupFormat { .. }
        | Refusal::Cycle { .. } => false,
        Refusal::Canary { why: NoCanary::After(_) | NoCanary::Together(_), .. } => true,
    };
    is(holds && !ways.is_possible())
}

fn is(holds: bool) -> Result<(), String> {
    if holds { Ok(()) } else { Err("it is possible all the same".to_owned()) }
}

/// How many clouds show a fault of a planner that sees the fleet as this makes it.
fn n_caught(name: &str, blinded: impl Fn(&Fleet) -> Fleet) -> u64 {
    let n_caught = Cell::new(0u64);
    for_clouds(name, 8, |case| {
        let Case { fleet, wave_options, salt } = case;
        if let Ok(plan) = plan_waves(&blinded(fleet), wave_options)
            && play(fleet, wave_options, &plan, *salt).is_err()
        {
            n_caught.set(n_caught.get() + 1);
        }
        Ok(())
    });
    println!("caught: {} times", n_caught.get());
    n_caught.get()
}

#[test]
fn a_planner_that_forgets_who_is_down_is_caught() {
    let forgets = |fleet: &Fleet| {
        let mut fleet = fleet.clone();
        fleet.hosts.values_mut().for_each(|host| host.down.clear());
        fleet
    };
    assert!(n_caught("planted: members that are down count as up", forgets) > 0);
}

#[test]
fn a_planner_that_sees_one_group_of_a_host_is_caught() {
    let forgets = |fleet: &Fleet| {
        let mut fleet = fleet.clone();
        let first = |host: &kolla_lang::fleet::members::Host| host.touches.iter().take(1).cloned().collect();
        fleet.hosts.values_mut().for_each(|host| host.touches = first(host));
        fleet
    };
    assert!(n_caught("planted: of a host's groups only the first counts", forgets) > 0);
}

#[test]
fn a_planner_that_ignores_the_order_is_caught() {
    let forgets = |fleet: &Fleet| Fleet { orders: Default::default(), ..fleet.clone() };
    assert!(n_caught("planted: nobody waits", forgets) > 0);
}

#[test]
fn the_picture_of_the_book_is_what_is_drawn() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let site = |file: &str| {
        let file = root.join("tests/fleet/site").join(file);
        kolla_lang::cli::build::build(Some(&file), Warnings::Allowed)
    };
    let (Ok(from), Ok(to)) = (site("cloud.kl"), site("upgrade.kl")) else { panic!("the site is wrong") };
    let known = |(name, to): (String, _)| (name.clone(), Known::since(from.closures.get(&name).cloned(), to));
    let hosts = to.closures.into_iter().map(known).collect();
    let wave_options = WaveOptions { canary: None, max_parallel: Some(3) };
    let plan = plan_fleet(&hosts, &Options { allow_one_way: true, ..Options::default() }, &wave_options)
        .unwrap_or_else(|why| panic!("{why:?}"));
    let (path, drawn) = (root.join("docs/book/plan.svg"), picture(&plan));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &drawn).unwrap_or_else(|error| panic!("{error}"));
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == drawn, "docs/book/plan.svg is not what is drawn; accept with BLESS=1");
}
