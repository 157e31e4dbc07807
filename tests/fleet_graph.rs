//! Properties of the graph of a fleet, for random clouds of closures: each host does what its own plan says, nothing waits in a
//! circle, and whatever waits for a task or a group of another host has it before.
//!
//! `SEED=n` draws the same clouds again, `CASES=n` draws that many; both are printed.

#[path = "fleet/clouds.rs"]
mod clouds;
#[path = "support/manifest.rs"]
mod manifest;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use clouds::{Cloud, clouds, host_name, unit_name};
use kolla_lang::activate::diff::diff;
use kolla_lang::activate::request::Options;
use kolla_lang::activate::steps::plan;
use kolla_lang::fleet::plan::{FleetPlan, Known, Planned, plan_fleet};
use kolla_lang::fleet::waves::WaveOptions;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// All that a plan may name is planned; what asks for leave is the switch.
fn options() -> Options {
    Options { allow_one_way: true, ..Options::default() }
}

#[test]
fn the_graph_holds_what_the_description_says() {
    let (seed, n_cases) = (number("SEED", 1), number("CASES", 400));
    println!(
        "each host's own plan, no cycle, and what is waited for comes before: seed {seed}, {n_cases} clouds"
    );
    let config = Config {
        cases: u32::try_from(n_cases).unwrap_or(u32::MAX),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    let (n_planned, n_across) = (Cell::new(0u64), Cell::new(0usize));
    let tried = TestRunner::new(config).run(&clouds(), |cloud| {
        let known = cloud.known();
        let Ok(fleet) = plan_fleet(&known, &options(), &WaveOptions::default()) else { return Ok(()) };
        n_planned.set(n_planned.get() + 1);
        n_across.set(n_across.get() + across(&fleet));
        check(&cloud, &known, &fleet)
            .map_err(|error| TestCaseError::fail(format!("{error}\n{}", fleet.to_text())))
    });
    if let Err(error) = tried {
        panic!("seed {seed}: {error}");
    }
    println!("planned: {}, waits across hosts: {}", n_planned.get(), n_across.get());
    assert!(n_planned.get() * 3 > n_cases && n_across.get() > 0, "hardly a cloud says anything");
}

/// How many waits tie two hosts together.
fn across(fleet: &FleetPlan) -> usize {
    let is_other = |it: &Planned, before: &usize| fleet.nodes[*before].node.host != it.node.host;
    fleet.nodes.iter().map(|it| it.node.after.iter().filter(|before| is_other(it, before)).count()).sum()
}

fn check(cloud: &Cloud, known: &BTreeMap<String, Known>, fleet: &FleetPlan) -> Result<(), String> {
    for (host, it) in known {
        own_plan(host, it, fleet)?;
    }
    let before = all_before(fleet)?;
    for (idx, it) in fleet.nodes.iter().enumerate() {
        for earlier in &it.node.after {
            if wave(&fleet.nodes[*earlier]) > wave(it) {
                return Err(format!("{} waits for a later wave", it.node.unit));
            }
        }
        waits_kept(cloud, known, fleet, idx, &before[idx])?;
    }
    Ok(())
}

/// What runs when all is committed comes after every wave.
fn wave(it: &Planned) -> usize {
    it.wave.unwrap_or(usize::MAX)
}

/// A host does what a switch of it alone would do, in that order.
fn own_plan(host: &str, known: &Known, fleet: &FleetPlan) -> Result<(), String> {
    let from = known.from.as_ref();
    let is_same = from.is_some_and(|from| from.digest() == known.to.digest());
    let mut expected = Vec::new();
    if !is_same && known.reachable {
        let from_manifest = from.map(|it| &it.manifest);
        let difference = diff(from, &known.to);
        let plan = plan(&difference, from_manifest, &known.to.manifest, &known.completions, &options());
        expected.extend(plan.stops.iter().map(|it| ("stop", it.unit.clone())));
        let acts = plan.acts.iter().chain(&plan.after_commit);
        expected.extend(acts.map(|it| (it.verb.word(), it.unit.clone())));
    }
    let of_host = fleet.nodes.iter().filter(|it| it.node.host == host);
    let found: Vec<(&str, String)> = of_host.map(|it| (it.node.action, it.node.unit.clone())).collect();
    if found == expected { Ok(()) } else { Err(format!("{host} does {found:?}, not {expected:?}")) }
}

/// All that comes before each node by what it waits for; a cycle is an error.
fn all_before(fleet: &FleetPlan) -> Result<Vec<BTreeSet<usize>>, String> {
    let mut done: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    while done.len() < fleet.nodes.len() {
        let is_next = |idx: &usize| {
            !done.contains_key(idx) && fleet.nodes[*idx].node.after.iter().all(|it| done.contains_key(it))
        };
        let Some(next) = (0..fleet.nodes.len()).find(is_next) else { return Err("a cycle".to_owned()) };
        let mut all: BTreeSet<usize> = fleet.nodes[next].node.after.iter().copied().collect();
        all.extend(fleet.nodes[next].node.after.iter().flat_map(|it| &done[it]));
        done.insert(next, all);
    }
    Ok(done.into_values().collect())
}

/// Whatever a unit waits for, through others that do nothing too, is over before it begins. Behind a task that does nothing there is nothing:
/// it was done before, and so was what it waits for.
fn waits_kept(
    cloud: &Cloud,
    known: &BTreeMap<String, Known>,
    fleet: &FleetPlan,
    idx: usize,
    before: &BTreeSet<usize>,
) -> Result<(), String> {
    let it = &fleet.nodes[idx];
    let thing = (0..cloud.things.len()).find(|thing| unit_name(*thing) == it.node.unit);
    let (Some(thing), false) = (thing, it.node.action == "stop") else { return Ok(()) };
    let mut open = vec![thing];
    let mut seen = BTreeSet::new();
    while let Some(next) = open.pop() {
        let members = cloud.things[next].groups.iter().flat_map(|group| cloud.members(*group));
        // A later member could not have been described as one that is waited for.
        let down = members.filter(|it| *it < next && comes_up(cloud, known, fleet, *it));
        for wait in cloud.things[next].waits.iter().copied().chain(down) {
            let is_it = |it: &&usize| {
                fleet.nodes[**it].node.unit == unit_name(wait) && fleet.nodes[**it].node.action != "stop"
            };
            let node = (0..fleet.nodes.len()).find(|it| is_it(&it));
            match node {
                Some(node) if before.contains(&node) || wave(&fleet.nodes[node]) < wave(it) => {}
                Some(_) => return Err(format!("{} does not wait for {}", it.node.unit, unit_name(wait))),
                None if !cloud.things[wait].is_task && seen.insert(wait) => open.push(wait),
                None => {}
            }
        }
    }
    Ok(())
}

/// Whether a member is down before, and up after the switch.
fn comes_up(cloud: &Cloud, known: &BTreeMap<String, Known>, fleet: &FleetPlan, member: usize) -> bool {
    let it = &known[&host_name(cloud.things[member].host)];
    let was_there = it.from.as_ref().is_some_and(|from| from.manifest.units.contains_key(&unit_name(member)));
    let acts = |node: &Planned| node.node.unit == unit_name(member) && node.node.action != "stop";
    !was_there && it.reachable && fleet.nodes.iter().any(acts)
}
