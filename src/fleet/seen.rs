//! From what hosts tell of themselves to what a plan and a rollout need to know. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::formats;
use super::plan::Known;
use super::record::{Phase, Record, UnitRef};
use super::rollout::{HostStatus, Open};
use activate::completions;
use activate::part::{Report, Stage};
use store::{Closure, Digest};

/// Returns what a rollout begins from on a host: what the host was when it became part of it, else what it is.
pub fn origin(report: &Report) -> Option<&Digest> {
    report.enrolled.as_ref().map_or(report.committed.as_ref(), |it| it.from.as_ref())
}

/// Says what a plan knows of a host: nothing but what it was when it cannot be asked.
pub fn known(report: Option<&Report>, from: Option<Closure>, to: Closure) -> Known {
    match report {
        Some(Report { done, down, formats, .. }) => {
            let completions = completions::of(&to.manifest, done);
            let (down, formats) = (down.clone(), formats.clone());
            Known { from, to, completions, reachable: true, down, formats }
        }
        None => {
            let formats = formats::described(from.as_ref());
            let (completions, down) = (BTreeMap::new(), BTreeSet::new());
            Known { from, to, completions, reachable: false, down, formats }
        }
    }
}

/// Says what a rollout sees of a host.
pub fn seen(report: &Report, rollout: &str) -> HostStatus {
    let is_part = report.enrolled.as_ref().is_some_and(|it| it.lead.rollout == rollout);
    let open = report.open.as_ref().filter(|_| is_part).map(|open| match open.stage {
        Stage::Switching => Open::Switching,
        Stage::Holding => Open::Holding,
        Stage::Returning => Open::Returning,
    });
    HostStatus {
        committed: report.committed.clone(),
        open,
        finished: report.finished,
        no_return: report.no_return.iter().cloned().collect(),
        forward: report.forward.clone(),
    }
}

/// How many leaders a rollout may have had that its record does not know: each is a `--resume` by somebody who has another record.
const MOST_UNKNOWN: u64 = 1000;

/// A host that heard of more leaders than there can have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// The host.
    pub host: String,
    /// How many leaders it says there were.
    pub epoch: u64,
}

/// Takes a rollout up again from what hosts tell: who leads counts from the highest that any of them heard, and what others wait for is over
/// where a host is committed. Whether a host was reached that was behind does not matter: another rollout does it. A host that counts far
/// more leaders than the record is not believed: from the last number there is no next one.
pub fn catch_up(record: &mut Record, reports: &BTreeMap<String, Report>) -> Result<(), Unheard> {
    let enrolled = reports.iter().filter_map(|(name, it)| Some((name, it.enrolled.as_ref()?)));
    let ours = enrolled.filter(|(_, it)| it.lead.rollout == record.rollout);
    let highest = ours.map(|(name, it)| (it.lead.epoch, name)).max();
    if let Some((epoch, host)) =
        highest.filter(|(epoch, _)| *epoch > record.epoch.saturating_add(MOST_UNKNOWN))
    {
        return Err(Unheard { host: host.clone(), epoch });
    }
    record.epoch = highest.map_or(0, |(epoch, _)| epoch).max(record.epoch);
    let is_there = |place: &&UnitRef| {
        let host = record.hosts.get(&place.host);
        host.is_some_and(|it| {
            reports.get(&place.host).is_some_and(|seen| seen.committed.as_ref() == Some(&it.to))
        })
    };
    let over: Vec<UnitRef> =
        record.ties.iter().map(|dependency| &dependency.before).filter(is_there).cloned().collect();
    record.over.extend(over);
    Ok(())
}

/// Adds hosts that are what they are to be but for tasks that wait for the end.
pub fn add_unfinished(
    record: &mut Record,
    reports: &BTreeMap<String, Report>,
    targets: &BTreeMap<String, Digest>,
) {
    for (name, report) in reports.iter().filter(|(_, it)| !it.finished) {
        let is_there = report.committed.is_some() && report.committed.as_ref() == targets.get(name);
        if let Some(to) = report.committed.clone().filter(|_| is_there && !record.hosts.contains_key(name)) {
            let host = super::record::HostRecord { from: Some(to.clone()), to, phase: Phase::Committed };
            record.hosts.insert(name.clone(), host);
            record.last.push(name.clone());
        }
    }
}

/// Rollouts that hosts are part of, by name, each with who leads it and its hosts.
pub type Claims = BTreeMap<String, (String, Vec<String>)>;

/// Names the rollouts that hosts are part of.
pub fn rollouts(reports: &BTreeMap<String, Report>) -> Claims {
    let mut rollouts = Claims::new();
    for (name, enrolled) in reports.iter().filter_map(|(name, it)| Some((name, it.enrolled.as_ref()?))) {
        let leader = || (enrolled.lead.leader.clone(), Vec::new());
        rollouts.entry(enrolled.lead.rollout.clone()).or_insert_with(leader).1.push(name.clone());
    }
    rollouts
}
