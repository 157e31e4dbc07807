//! Properties of the planner, for random pairs of manifests and random hosts between them.
//!
//! `SEED=n` draws the same cases again, `CASES=n` draws that many; both are printed.

#[path = "properties/host.rs"]
mod host;
#[path = "support/manifest.rs"]
mod manifest;
#[path = "properties/pair.rs"]
mod pair;

use std::collections::{BTreeMap, BTreeSet};

use host::Host;
use kolla_lang::activate::completions::{self, Completion, Completions};
use kolla_lang::activate::diff::diff;
use kolla_lang::activate::observed::{Observed, ObservedUnit, plan_observed};
use kolla_lang::activate::request::Options;
use kolla_lang::activate::steps::{Plan, plan};
use kolla_lang::fleet::compare::Compared;
use kolla_lang::store::{Closure, Manifest};
use pair::{Pair, pair, shuffled};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Tries a property for as many pairs as are asked for.
fn for_pairs(name: &str, property: impl Fn(&Pair) -> Result<(), String>) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seed, cases) = (number("SEED").unwrap_or(1), number("CASES").unwrap_or(400));
    println!("{name}: seed {seed}, {cases} cases");
    let cases = u32::try_from(cases).unwrap_or(u32::MAX);
    let config =
        Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let tried = runner
        .run(&pair(), |pair| property(&pair).map_err(|error| TestCaseError::fail(format!("{error}\n"))));
    if let Err(error) = tried {
        panic!("{name}, seed {seed}: {error}");
    }
}

fn done(manifest: &Manifest) -> Completions {
    manifest.tasks.keys().map(|name| (name.clone(), Completion::Done)).collect()
}

/// Plans from what a host shows to a manifest, with the units that may run by either of a pair.
fn planned(host: &Host, pair: &Pair, to: &Manifest, options: &Options) -> Plan {
    let boots = |name: &str| to.units.get(name).is_some_and(|unit| unit.boot);
    plan_observed(&host.observed(), &[&pair.b, &pair.a], to, boots, &done(to), options)
}

fn is_empty(plan: &Plan) -> bool {
    plan.touches_nothing() && plan.left.iter().all(|it| it.word() == "done") && plan.refused.is_empty()
}

#[test]
fn from_itself_to_itself_is_nothing() {
    for_pairs("plan(a, a) is empty", |pair| {
        let closure = Closure::new(pair.a.clone());
        let difference = diff(Some(&closure), &closure);
        let plan = plan(&difference, Some(&pair.a), &pair.a, &done(&pair.a), &Options::default());
        let seen = planned(&Host::running(&pair.a), pair, &pair.a, &Options::default());
        if difference.is_empty() && is_empty(&plan) && is_empty(&seen) {
            return Ok(());
        }
        Err(format!("{difference:?}\n{}{}", plan.to_text(), seen.to_text()))
    });
}

#[test]
fn from_one_manifest_to_another_ends_there() {
    for_pairs("plan(a, b) ends in b", |pair| {
        let difference = diff(Some(&Closure::new(pair.a.clone())), &Closure::new(pair.b.clone()));
        for options in [Options::default(), allowed()] {
            let plan = plan(&difference, Some(&pair.a), &pair.b, &done(&pair.b), &options);
            if !plan.refused.is_empty() {
                continue;
            }
            let mut host = Host::running(&pair.a);
            host.perform(&plan, &pair.b)
                .and_then(|()| host.check(&pair.b, &Host::running(&pair.a), &options))?;
        }
        Ok(())
    });
}

#[test]
fn from_any_mix_each_side_is_reached() {
    for_pairs("plan(observed, b) ends in b, plan(observed, a) in a", |pair| {
        let before = Host::mixed(pair);
        for to in [&pair.a, &pair.b] {
            for options in [Options::default(), allowed()] {
                let plan = planned(&before, pair, to, &options);
                if !plan.refused.is_empty() {
                    continue;
                }
                let mut host = before.clone();
                host.perform(&plan, to).and_then(|()| host.check(to, &before, &options))?;
                // Once there, nothing is left to do: recovery may be killed and run again.
                let again = planned(&host, pair, to, &options);
                if !again.touches_nothing() {
                    return Err(format!("{}then again\n{}", plan.to_text(), again.to_text()));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn cut_off_anywhere_the_rest_is_planned_again() {
    for_pairs("a plan that is cut off is planned again from what is seen", |pair| {
        let difference = diff(Some(&Closure::new(pair.a.clone())), &Closure::new(pair.b.clone()));
        let plan = plan(&difference, Some(&pair.a), &pair.b, &done(&pair.b), &allowed());
        for n_steps in 0..=plan.stops.len() + plan.acts.len() {
            let mut before = Host::running(&pair.a);
            before.perform_some(&plan, &pair.b, n_steps)?;
            for to in [&pair.a, &pair.b] {
                let mut host = before.clone();
                let rest = planned(&host, pair, to, &allowed());
                host.perform(&rest, to)
                    .and_then(|()| host.check(to, &before, &allowed()))
                    .map_err(|error| format!("after {n_steps} steps of\n{}{error}", plan.to_text()))?;
            }
        }
        Ok(())
    });
}

#[test]
fn a_comparison_names_what_a_switch_touches_and_nothing_else() {
    for_pairs("a comparison names what a switch touches", |pair| {
        let (a, b) = (Closure::new(pair.a.clone()), Closure::new(pair.b.clone()));
        for options in [Options::default(), allowed()] {
            let compared = Compared::between(&a, &b, &options);
            let is_step = |verb: &str| ["stop", "start", "restart", "reload", "run"].contains(&verb);
            let units = compared.units.iter();
            let named: BTreeSet<&str> =
                units.filter(|it| is_step(it.verb)).map(|it| it.unit.as_str()).collect();
            let completions = completions::of(&pair.b, &completions::after(&pair.a));
            let plan = plan(&diff(Some(&a), &b), Some(&pair.a), &pair.b, &completions, &options);
            let acts = plan.acts.iter().chain(&plan.after_commit).map(|it| it.unit.as_str());
            let touched: BTreeSet<&str> = plan.stops.iter().map(|it| it.unit.as_str()).chain(acts).collect();
            if named != touched {
                return Err(format!("named {named:?}, touched {touched:?}"));
            }
            if plan.refused.is_empty() {
                let before = Host::running(&pair.a);
                let mut host = before.clone();
                host.perform(&plan, &pair.b)?;
                if let Some(unit) = host.differing(&before).iter().find(|it| !named.contains(it.as_str())) {
                    return Err(format!("{unit} runs in another way and is not named"));
                }
            }
            if compared.is_empty() != (a.digest() == b.digest()) {
                return Err(format!("{compared:?}"));
            }
        }
        let same = Compared::between(&a, &a, &Options::default());
        if same.is_empty() { Ok(()) } else { Err(format!("{same:?}")) }
    });
}

#[test]
fn the_order_of_maps_decides_nothing() {
    for_pairs("the plan does not depend on map order", |pair| {
        let (a, b) = (shuffled(&pair.a, pair.salt)?, shuffled(&pair.b, pair.salt.wrapping_add(1))?);
        let text = |a: &Manifest, b: &Manifest, observed: &Observed| {
            let difference = diff(Some(&Closure::new(a.clone())), &Closure::new(b.clone()));
            let first = plan(&difference, Some(a), b, &done(b), &Options::default());
            let second =
                plan_observed(observed, &[b, a], b, |name| b.units[name].boot, &done(b), &Options::default());
            format!("{first:?}\n{second:?}")
        };
        let observed = Host::mixed(pair).observed();
        let mut backwards: BTreeMap<String, ObservedUnit> = BTreeMap::new();
        for (name, seen) in observed.iter().rev() {
            backwards.insert(name.clone(), seen.clone());
        }
        let (one, other) = (text(&pair.a, &pair.b, &observed), text(&a, &b, &backwards));
        if one == other { Ok(()) } else { Err(format!("{one}\nis not\n{other}")) }
    });
}

fn allowed() -> Options {
    Options { allow_dataplane: true, ..Options::default() }
}
