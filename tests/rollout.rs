//! A rollout in simulated time, for random clouds: it always ends, on one generation everywhere or with the reason why not; no group
//! is hurt at any moment, forward and back; the controller may die at any call. And a fleet of 100 hosts takes as long as the
//! slowest host of each wave.
//!
//! `SEED=n` draws the same clouds again, `CASES=n` draws that many; both are printed.

#[path = "fleet/random.rs"]
mod random;
#[path = "fleet/simulator.rs"]
mod simulator;
#[path = "fleet/world.rs"]
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use kolla_lang::activate::generation::LaterVolume;
use kolla_lang::activate::request::Options;
use kolla_lang::cli::report::Warnings;
use kolla_lang::fleet::formats::Raised;
use kolla_lang::fleet::graph::Node;
use kolla_lang::fleet::members::{Fleet, Group, Host, Order, State};
use kolla_lang::fleet::plan::{FleetPlan, Known, Planned, plan_fleet};
use kolla_lang::fleet::record::{Change, Course, End, Record, parse_record};
use kolla_lang::fleet::rollout::{Command, Event, HostStatus, Open, begin, resume, take};
use kolla_lang::fleet::waves::{WaveOptions, Waves, plan_waves};
use kolla_lang::store::Digest;
use kolla_lang::store::manifest::TaskClass;
use kolla_lang::store::version::Version;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use random::cases;
use simulator::play;
use world::{Fate, World};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A plan with these waves, in which each host that waits for another has a unit that does.
fn plan_of(fleet: &Fleet, waves: Waves, last: &[String]) -> FleetPlan {
    let wave_of = |host: &str| waves.waves.iter().position(|wave| wave.hosts.iter().any(|it| it == host));
    let mut nodes: Vec<Planned> = Vec::new();
    let mut add = |host: &str, unit: String, class, after, wave| {
        let (host, reason) = (host.to_owned(), String::new());
        nodes.push(Planned { node: Node { host, unit, action: "start", reason, class, after }, wave });
        nodes.len() - 1
    };
    for (host, wave) in fleet.hosts.keys().filter_map(|host| Some((host, wave_of(host)?))) {
        let orders = fleet.orders.iter().enumerate().filter(|(_, order)| order.after == *host);
        let early = orders.filter_map(|(idx, order)| Some((idx, &order.before, wave_of(&order.before)?)));
        let tasks = early
            .map(|(idx, before, wave)| add(before, format!("task{idx}.service"), None, vec![], Some(wave)));
        let tasks: Vec<usize> = tasks.collect();
        add(host, "user.service".to_owned(), None, tasks, Some(wave));
    }
    for host in last {
        add(host, "tidy.service".to_owned(), Some(TaskClass::Contract), vec![], None);
    }
    let (cloud, left, unchanged) = ("random".to_owned(), vec![], vec![]);
    FleetPlan { cloud, waves, nodes, no_return: None, left, unchanged, changes: BTreeMap::new() }
}

fn changes(fleet: &Fleet) -> BTreeMap<String, Change> {
    let change = |(name, host): (&String, &Host)| {
        let from = (host.state != State::Bare).then(|| Digest::of(format!("{name} old").as_bytes()));
        (name.clone(), Change { from, to: Digest::of(format!("{name} new").as_bytes()) })
    };
    fleet.hosts.iter().map(change).collect()
}

/// How one random rollout goes, by the bits of a number.
fn fates(fleet: &Fleet, salt: u64) -> BTreeMap<String, Fate> {
    let trouble = salt % 8;
    let fate = |(idx, name): (usize, &String)| {
        let bits = salt.rotate_left(idx as u32 * 7 + 5);
        let fate = Fate {
            takes: 5_000 + bits % 55_000,
            refuses: trouble == 7 && bits.is_multiple_of(4),
            fails: matches!(trouble, 1..=4) && bits.is_multiple_of(4),
            vanishes: trouble == 5 && bits.is_multiple_of(6),
            one_way: trouble == 6 && bits.is_multiple_of(4)
                || matches!(trouble, 4 | 5) && bits.is_multiple_of(7),
            raises: matches!(trouble, 2 | 3 | 5) && bits.is_multiple_of(3),
        };
        (name.clone(), fate)
    };
    fleet.hosts.keys().enumerate().map(fate).collect()
}

/// Says which hosts change their data.
fn raised(record: &Record, fates: &BTreeMap<String, Fate>) -> Vec<Raised> {
    let version = |text: &str| Version::parse(text).unwrap_or_else(|| panic!("{text}"));
    let had_one = |name: &String| record.hosts.get(name).is_some_and(|it| it.from.is_some());
    let all = fates.iter().filter(|(name, it)| it.raises && had_one(name));
    all.map(|(host, _)| {
        let (has, reads) = (version("2.0"), version("1.0"));
        let units = vec!["db.service".to_owned()];
        Raised { host: host.clone(), data: LaterVolume { volume: "db".to_owned(), has, reads, units } }
    })
    .collect()
}

#[test]
fn a_rollout_ends_whatever_happens() {
    let (seed, n_cases) = (number("SEED", 1), number("CASES", 400));
    println!("rollouts in simulated time: seed {seed}, {n_cases} clouds");
    let config = Config {
        cases: u32::try_from(n_cases).unwrap_or(u32::MAX),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let ends: RefCell<BTreeMap<&str, u64>> = RefCell::default();
    let count = |what, n| *ends.borrow_mut().entry(what).or_default() += n;
    let drawn = (cases(8), prop::collection::vec(1u64..20, 0..4));
    let tried = TestRunner::new(config).run(&drawn, |(mut case, mut deaths)| {
        // What is down by accident is another test's; here hosts are up, new, or away throughout.
        case.fleet.hosts.values_mut().for_each(|host| host.down.clear());
        let wave_options = WaveOptions { canary: None, max_parallel: case.wave_options.max_parallel };
        let Ok(waves) = plan_waves(&case.fleet, &wave_options) else { return Ok(()) };
        play(&case.fleet, &wave_options, &waves, case.salt).map_err(TestCaseError::fail)?;
        let last: Vec<String> = waves.waves.iter().flat_map(|it| &it.hosts).take(2).cloned().collect();
        let last = if case.salt.is_multiple_of(3) { last } else { Vec::new() };
        let plan = plan_of(&case.fleet, waves, &last);
        let mut record = Record::of(&plan, "17", Digest::of(b"cloud"), &changes(&case.fleet));
        let fates = fates(&case.fleet, case.salt);
        record.raised = raised(&record, &fates);
        if parse_record(&record.to_text()) != Ok(record.clone()) {
            return Err(TestCaseError::fail("the record is not read as it was written"));
        }
        deaths.sort_unstable();
        let mut world = World::new(&case.fleet, record, fates, deaths, case.salt | 1);
        let (end, _) = world.run().map_err(TestCaseError::fail)?;
        count("controllers died", world.n_died);
        count("committed hosts went back", world.n_returned);
        count(
            match end {
                End::Done => "done",
                End::Unreachable => "behind",
                End::Refused { .. } => "refused",
                End::Returned { .. } => "returned",
                End::Stopped { .. } => "stopped",
            },
            1,
        );
        Ok(())
    });
    if let Err(error) = tried {
        panic!("seed {seed}: {error}");
    }
    println!("ended: {:?}", ends.borrow());
    assert!(ends.borrow().len() == 7, "not every end was seen");
}

/// Three hosts in waves: data of the first one are of a later format when the second one fails.
#[test]
fn nobody_goes_back_below_its_data() {
    let names = ["one", "two", "three"].map(str::to_owned);
    let group = Group {
        members: names.iter().cloned().collect(),
        quorum: true,
        max_unavailable: 1,
        ..Group::default()
    };
    let host = || Host { touches: ["db".to_owned()].into(), ..running() };
    let fleet = Fleet {
        hosts: names.iter().map(|name| (name.clone(), host())).collect(),
        groups: [("db".to_owned(), group)].into(),
        ..Fleet::default()
    };
    let options = WaveOptions { canary: Some("one".to_owned()), max_parallel: None };
    let waves = plan_waves(&fleet, &options).unwrap_or_else(|why| panic!("{why:?}"));
    let second = waves.waves[1].hosts[0].clone();
    let plan = plan_of(&fleet, waves, &[]);
    let mut record = Record::of(&plan, "17", Digest::of(b"cloud"), &changes(&fleet));
    let fate = Fate { raises: true, ..Fate::default() };
    record.raised = raised(&record, &names.iter().map(|name| (name.clone(), fate.clone())).collect());
    begin(&mut record);
    take(&mut record, Event::Holding("one".to_owned()));
    let next = take(&mut record, Event::Committed("one".to_owned()));
    assert!(matches!(&next[..], [Command::Switch { host, .. }] if *host == second), "{next:?}");
    let why = "web.service could not be started".to_owned();
    assert_eq!(take(&mut record, Event::Forward { host: second.clone(), why }), []);
    let words = format!(
        "{second}: web.service could not be started; there is no way back: on one the volume db has data of format 2.0, which db.service \
         of format 1.0 cannot read"
    );
    assert_eq!(record.end, Some(End::Stopped { why: words }));
    // Whoever resumes finds the same: nobody is asked for anything.
    let now = |committed: &str, forward: Option<&str>| HostStatus {
        committed: Some(Digest::of(committed.as_bytes())),
        open: None,
        finished: true,
        no_return: Vec::new(),
        forward: forward.map(|it| Digest::of(it.as_bytes())),
    };
    let seen = names.iter().map(|name| {
        let (new, old) = (format!("{name} new"), format!("{name} old"));
        let status = match name {
            it if it == "one" => now(&new, None),
            it if *it == second => now("composed", Some(&old)),
            _ => now(&old, None),
        };
        (name.clone(), status)
    });
    let seen: BTreeMap<String, HostStatus> = seen.collect();
    assert_eq!(resume(&mut record, &seen), []);
    assert!(matches!(&record.end, Some(End::Stopped { .. })), "{:?}", record.end);
    // One that went there while nobody led goes on from there.
    let mut record = Record { course: Course::Forward, end: None, ..record };
    let next = resume(&mut record, &seen);
    let from = Some(Digest::of(b"composed"));
    assert!(
        matches!(&next[..], [Command::Switch { host, from: it, .. }] if *host == second && *it == from),
        "{next:?}"
    );
}

/// One host went back by itself while nobody led, and the one that waits for it is still at it.
#[test]
fn nobody_begins_for_a_host_that_goes_back() {
    let bare = |touches| Host { state: State::Bare, differs: true, touches, down: Default::default() };
    let names = ["early", "late"].map(str::to_owned);
    let order = Order { before: names[0].clone(), after: names[1].clone(), what: "task".to_owned() };
    let hosts = names.iter().map(|name| (name.clone(), bare(Default::default()))).collect();
    let fleet = Fleet { hosts, orders: [order].into(), ..Fleet::default() };
    let waves = plan_waves(&fleet, &WaveOptions::default()).unwrap_or_else(|why| panic!("{why:?}"));
    let plan = plan_of(&fleet, waves, &[]);
    let mut record = Record::of(&plan, "17", Digest::of(b"cloud"), &changes(&fleet));
    begin(&mut record);
    let Some(dependency) = record.ties.first().cloned() else { panic!("nobody waits: {record:#?}") };
    let over = Event::Over(dependency.before);
    assert_eq!(take(&mut record, over.clone()), [Command::Release(dependency.after.clone())]);
    let seen = |open| HostStatus {
        committed: None,
        open: Some(open),
        finished: false,
        no_return: Vec::new(),
        forward: None,
    };
    let [early, late] = names;
    let back = [(early.clone(), seen(Open::Returning)), (late.clone(), seen(Open::Switching))].into();
    assert_eq!(resume(&mut record, &back), []);
    assert_eq!(take(&mut record, over), [], "it tells again what it did before");
    let returned = Event::Returned { host: early.clone(), why: "its gates failed".to_owned() };
    let again = take(&mut record, returned);
    assert!(matches!(&again[..], [Command::Switch { host, .. }] if *host == early), "{again:?}");
}

/// How long this thread has run on a processor: what else the machine does is not in it (proc_pid_schedstat(5)).
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or_default())
}

#[test]
fn a_hundred_hosts_take_as_long_as_the_slowest_of_each_wave() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let built =
        kolla_lang::cli::build::build(Some(&root.join("tests/fleet/hundred/cloud.kl")), Warnings::Allowed);
    let next =
        kolla_lang::cli::build::build(Some(&root.join("tests/fleet/hundred/next.kl")), Warnings::Allowed);
    let (Ok(built), Ok(next)) = (built, next) else { panic!("the description is wrong") };
    let known = |(name, to)| (String::clone(&name), Known::since(built.closures.get(&name).cloned(), to));
    let hosts: BTreeMap<String, Known> = next.closures.into_iter().map(known).collect();
    let before = processor_time();
    let plan = plan_fleet(&hosts, &Options::default(), &WaveOptions::default());
    let plan = plan.unwrap_or_else(|why| panic!("{why:?}"));
    let took = processor_time() - before;
    let change = |(name, it): (&String, &Known)| {
        (name.clone(), Change { from: it.from.as_ref().map(|it| it.digest()), to: it.to.digest() })
    };
    let changes = hosts.iter().map(change).collect();
    let record = Record::of(&plan, "17", Digest::of(b"cloud"), &changes);
    // Groups are not looked at here but by the other test; what counts is the time.
    let fleet =
        Fleet { hosts: hosts.keys().map(|name| (name.clone(), running())).collect(), ..Fleet::default() };
    let mut salt = number("SEED", 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut fates: BTreeMap<String, Fate> = BTreeMap::new();
    for name in hosts.keys() {
        salt = salt.rotate_left(13).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1;
        let takes = 5_000 + salt % 55_000;
        fates.insert(name.clone(), Fate { takes, ..Fate::default() });
    }
    let slowest = |hosts: &Vec<String>| hosts.iter().map(|host| fates[host].takes).max().unwrap_or_default();
    let least: u64 = plan.waves.waves.iter().map(|wave| slowest(&wave.hosts)).sum();
    let mut world = World::new(&fleet, record, fates.clone(), Vec::new(), salt);
    let (end, time) = world.run().unwrap_or_else(|error| panic!("{error}"));
    println!(
        "hosts: {}, waves: {}, planned in {} ms, slowest of each wave {least} ms, switched in {time} ms",
        hosts.len(),
        plan.waves.waves.len(),
        took.as_millis()
    );
    assert_eq!(end, End::Done);
    assert!(hosts.len() == 100 && time * 10 <= least * 11, "{time} ms is more than a tenth over {least} ms");
}

fn running() -> Host {
    Host { state: State::Running, differs: true, touches: Default::default(), down: Default::default() }
}
