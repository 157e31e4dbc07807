//! Whether a wave may begin, by what hosts tell now: what was planned may be long ago, and members fail meanwhile. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::members::{Fleet, State};
use super::rules::{BudgetExceeded, Down};
use activate::part::Report;
use store::Digest;

/// Returns the group whose disruption budget a wave would exceed, if there is one. Hosts that tell nothing count as down; `goals` are what hosts are to be.
pub fn exceeded(
    planned: &Fleet,
    reports: &BTreeMap<String, Report>,
    targets: &BTreeMap<String, Digest>,
    wave: &[String],
) -> Option<BudgetExceeded> {
    let mut fleet = planned.clone();
    for (name, host) in &mut fleet.hosts {
        let Some(report) = reports.get(name) else {
            host.state = State::Unreachable;
            continue;
        };
        let is_there = report.committed.is_some() && report.committed.as_ref() == targets.get(name);
        // Members that it gained by the switch are like any other now.
        if is_there {
            (host.state, host.down) = (State::Running, report.down.clone());
        } else {
            host.down.extend(report.down.iter().cloned());
        }
    }
    let wave: BTreeSet<&str> = wave.iter().map(String::as_str).collect();
    Down::at_first(&fleet).exceeded_by(&BTreeSet::new(), &wave)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::{Group, Host};

    fn host() -> Host {
        let groups: BTreeSet<String> = BTreeSet::from(["db".to_owned()]);
        Host { state: State::Running, differs: true, touches: groups, down: BTreeSet::new() }
    }

    fn report(committed: &str, down: &[&str]) -> Report {
        Report {
            version: 1,
            generation: Some(1),
            committed: Some(Digest::of(committed.as_bytes())),
            cloud: None,
            made: 0,
            before: None,
            enrolled: None,
            open: None,
            finished: true,
            done: BTreeMap::new(),
            no_return: BTreeSet::new(),
            down: down.iter().map(|it| (*it).to_owned()).collect(),
            formats: BTreeMap::new(),
            forward: None,
        }
    }

    /// Says whose budget the second of three members would exceed, when the first has switched and tells this, and the third this.
    fn check(first: Option<Report>, third: Option<Report>, expected: Option<&[&str]>) {
        let names = ["a", "b", "c"].map(str::to_owned);
        let members: BTreeSet<String> = names.iter().cloned().collect();
        let group = Group { members, quorum: true, max_unavailable: 1, ..Group::default() };
        let planned = Fleet {
            hosts: names.iter().map(|name| (name.clone(), host())).collect(),
            groups: BTreeMap::from([("db".to_owned(), group)]),
            ..Fleet::default()
        };
        let targets = names.iter().map(|name| (name.clone(), Digest::of(b"new"))).collect();
        let told = [first, Some(report("old", &[])), third];
        let reports: BTreeMap<String, Report> =
            names.iter().cloned().zip(told).filter_map(|(name, it)| Some((name, it?))).collect();
        let exceeded = exceeded(&planned, &reports, &targets, &names[1..2]);
        assert_eq!(
            exceeded.map(|it| it.down),
            expected.map(|it| it.iter().map(|it| (*it).to_owned()).collect())
        );
    }

    #[test]
    fn a_wave_begins_when_the_one_before_is_up_again() {
        check(Some(report("new", &[])), Some(report("old", &[])), None);
        check(Some(report("new", &["db"])), Some(report("old", &[])), Some(&["a"]));
    }

    #[test]
    fn what_failed_or_went_silent_since_the_plan_counts_as_down() {
        check(Some(report("new", &[])), Some(report("old", &["db"])), Some(&["c"]));
        check(Some(report("new", &[])), None, Some(&["c"]));
        check(None, Some(report("old", &[])), Some(&["a"]));
    }
}
