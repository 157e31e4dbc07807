//! What hosts are to become, and whether a rollout of that may begin or go on, by what they tell of themselves. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::formats;
use super::no_start::NoStart;
use super::plan::{FleetPlan, Known, data_of};
use super::record::{Change, Direction, Record};
use super::rollout::{Command, resume};
use super::seen::{self, Claims};
use activate::part::{Former, Open, Report};
use activate::request::Options;
use store::{Closure, Digest};

/// Seconds that a host of a wave waits for the others, if nothing else is asked for.
const CONFIRM_WITHIN: u64 = 600;

/// Returns how each of many switches is to be done: it waits for the others, and what is for the end is asked of it by itself.
pub fn of_each(options: &Options) -> Options {
    let confirm_within = options.confirm_within.or(Some(CONFIRM_WITHIN));
    Options { confirm_within, leave_last: false, ..options.clone() }
}

/// What hosts are to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    /// What names the closures, by host; any other host becomes what is described.
    pub wanted: BTreeMap<String, Digest>,
    /// The digest of that cloud; none where it is the described one.
    pub cloud: Option<Digest>,
    /// How hosts become that.
    pub direction: Direction,
    /// Hosts that are left out: they have no generation to stay on, or to go back to.
    pub left_out: BTreeSet<String>,
    /// Whether a host that is not meant is something else than what is described: old code lives on.
    pub lags: bool,
}

/// What is known of a fleet before its rollout.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What the hosts that were reached tell of themselves.
    pub reports: BTreeMap<String, Report>,
    /// What names the closure that each host is to be.
    pub digests: BTreeMap<String, Digest>,
    /// The digest of the cloud that is to be.
    pub cloud: Digest,
    /// How hosts become that.
    pub direction: Direction,
    /// Hosts that are meant to stay what they are.
    pub others: BTreeSet<String>,
    /// Whether one of these is something else than what is described, or somebody said so.
    pub lags: bool,
}

impl Facts {
    /// Takes what hosts are to become from the record of a rollout that began: the description may say something else by now.
    pub fn recorded(&self, record: &Record) -> Aim {
        let wanted = record.hosts.iter().map(|(name, host)| (name.clone(), host.to.clone())).collect();
        let (cloud, direction) = (Some(record.cloud.clone()), record.direction);
        Aim { wanted, cloud, direction, left_out: BTreeSet::new(), lags: self.lags }
    }

    /// Finds what hosts were before the newest cloud among them. A host that it did not change stays what it is.
    pub fn before(&self) -> Result<Aim, NoStart> {
        let made_for = |it: &&Report| it.cloud.is_some();
        let newest = self.reports.values().filter(made_for).max_by_key(|it| it.made);
        let newest = newest.map(|it| it.cloud.clone()).ok_or(NoStart::NoCloud)?;
        let (mut wanted, mut formers, mut bare) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (name, Report { committed, cloud, before, .. }) in &self.reports {
            let Some(committed) = committed else { continue };
            let is_meant = *cloud == newest && !self.others.contains(name);
            let former = before.as_ref().filter(|_| is_meant);
            if is_meant && former.is_none() {
                bare.push(name.clone());
            }
            wanted.insert(name.clone(), former.map_or(committed, |it| &it.closure).clone());
            formers.extend(former);
        }
        if !bare.is_empty() {
            return Err(NoStart::First { hosts: bare });
        }
        let last: Option<&Former> = formers.into_iter().max_by_key(|it| it.made);
        let cloud = last.map_or(newest, |it| it.cloud.clone());
        Ok(Aim { wanted, cloud, direction: Direction::Again, left_out: self.bare(|_| true), lags: self.lags })
    }

    /// Lets hosts that are not meant stay what they are: they count in their groups, and nothing is asked of them.
    pub fn described(&self) -> Aim {
        let committed = |name: &String| Some((name.clone(), self.reports.get(name)?.committed.clone()?));
        let lags = |name: &String| committed(name).map(|(_, it)| it) != self.digests.get(name).cloned();
        Aim {
            wanted: self.others.iter().filter_map(committed).collect(),
            cloud: None,
            direction: Direction::New,
            left_out: self.bare(|name| self.others.contains(name)),
            lags: self.others.iter().any(lags),
        }
    }

    /// Returns hosts that were reached and have no generation.
    fn bare(&self, is_asked: impl Fn(&String) -> bool) -> BTreeSet<String> {
        let bare = self.reports.iter().filter(|(name, it)| it.committed.is_none() && is_asked(name));
        bare.map(|(name, _)| name.clone()).collect()
    }

    /// Notes what hosts are to become.
    pub fn aim(&mut self, aim: Aim) {
        let Aim { wanted, cloud, direction, left_out: _, lags } = aim;
        self.digests.extend(wanted);
        self.cloud = cloud.unwrap_or_else(|| self.cloud.clone());
        (self.direction, self.lags) = (direction, lags);
    }

    /// Checks that this description is the one that a rollout is about, of which no record tells.
    pub fn check_same(&self, rollout: &str, record: Option<&Record>, claims: &Claims) -> Result<(), NoStart> {
        if claims.len() > 1 {
            return Err(NoStart::Several { rollouts: claims.keys().cloned().collect() });
        }
        let told = self.reports.values().filter_map(|it| it.enrolled.as_ref());
        let mut clouds = told.filter(|it| it.lead.rollout == rollout).filter_map(|it| it.cloud.as_ref());
        match record.map(|it| &it.cloud).or_else(|| clouds.next()) {
            Some(cloud) if *cloud != self.cloud => {
                let (rollout, cloud, described) = (rollout.to_owned(), cloud.clone(), self.cloud.clone());
                Err(NoStart::OtherCloud { rollout, cloud, described })
            }
            _ => Ok(()),
        }
    }

    /// Returns what names the closure that the rollout of each host begins from.
    pub fn origins(&self) -> BTreeMap<String, Digest> {
        let origin = |(name, report): (&String, &Report)| Some((name.clone(), seen::origin(report)?.clone()));
        self.reports.iter().filter_map(origin).collect()
    }

    /// Makes the record of a rollout that has not begun, and returns beside it hosts whose tasks for the end it leaves: until all hosts
    /// are what the description says, somebody runs what is old.
    pub fn record(
        &self,
        known: &BTreeMap<String, Known>,
        plan: &FleetPlan,
        rollout: &str,
    ) -> (Record, Vec<String>) {
        let change = |(name, known): (&String, &Known)| {
            let from = known.from.as_ref().map(Closure::digest);
            Some((name.clone(), Change { from, to: self.digests.get(name)?.clone() }))
        };
        // Nobody knows what a silent host was before.
        let is_part = |(name, known): &(&String, &Known)| {
            let is_known = known.reachable || self.direction == Direction::New;
            is_known && !plan.unchanged.contains(name) && !self.others.contains(*name)
        };
        let changes = known.iter().filter(is_part).filter_map(change).collect();
        let mut record = Record::of(plan, rollout, self.cloud.clone(), &changes);
        record.direction = self.direction;
        record.raised = formats::raised(&data_of(known));
        record.raised.retain(|it| record.hosts.contains_key(&it.host));
        if self.lags {
            let held = std::mem::take(&mut record.last);
            return (record, held);
        }
        seen::add_unfinished(&mut record, &self.reports, &self.digests);
        (record, Vec::new())
    }

    /// Goes on with a rollout, from its record or as its hosts tell: what is asked of them next, and the switches that are open.
    pub fn take_up(&self, record: &mut Record) -> Result<(Vec<Command>, BTreeMap<String, Open>), NoStart> {
        seen::catch_up(record, &self.reports).map_err(|seen::Unheard { host, epoch }| NoStart::Unheard {
            host,
            epoch,
            rollout: record.rollout.clone(),
        })?;
        let hosts = self.reports.iter().filter(|(name, _)| record.hosts.contains_key(*name));
        let seen = hosts.map(|(name, it)| (name.clone(), seen::seen(it, &record.rollout))).collect();
        let commands = resume(record, &seen);
        let open = self.reports.iter().filter_map(|(name, it)| Some((name.clone(), it.open.clone()?)));
        Ok((commands, open.collect()))
    }
}

/// Returns the hosts that have none of these roles, if any role is named.
pub fn others(
    all: &BTreeMap<String, BTreeSet<String>>,
    roles: &[String],
) -> Result<BTreeSet<String>, NoStart> {
    let known: BTreeSet<&String> = all.values().flatten().collect();
    if let Some(role) = roles.iter().find(|role| !known.contains(role)) {
        let known = known.into_iter().cloned().collect();
        return Err(NoStart::NoRole { role: role.clone(), known });
    }
    let is_other = |its: &BTreeSet<String>| !roles.is_empty() && !roles.iter().any(|role| its.contains(role));
    Ok(all.iter().filter(|(_, its)| is_other(its)).map(|(name, _)| name.clone()).collect())
}

/// Refuses to begin where another rollout has not ended.
pub fn check_free(claims: &Claims, record: Option<&Record>) -> Result<(), NoStart> {
    let unended = record.map(|it| &it.rollout).filter(|it| !claims.contains_key(*it)).cloned();
    if claims.is_empty() && unended.is_none() {
        return Ok(());
    }
    Err(NoStart::Open { claims: claims.clone(), unended })
}

/// Refuses the name of a task that no host has: a slip of the pen allows nothing.
pub fn check_tasks(known: &BTreeMap<String, Known>, allowed: &BTreeSet<String>) -> Result<(), NoStart> {
    let done: BTreeSet<String> = known.values().flat_map(|it| it.done_on_it(allowed)).collect();
    match allowed.difference(&done).next() {
        Some(task) => Err(NoStart::NoTask { task: task.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activate::part::VERSION;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    /// A host that is `committed` as part of a cloud, made at a time, and was `before`; `-` is nothing.
    fn report(committed: &str, cloud: &str, made: u64, before: &str) -> Report {
        let some = |name: &str| (name != "-").then(|| digest(name));
        Report {
            version: VERSION,
            generation: some(committed).map(|_| 1),
            committed: some(committed),
            cloud: some(cloud),
            made,
            before: some(before).map(|closure| Former { closure, cloud: some("c1"), made: made - 1 }),
            enrolled: None,
            open: None,
            finished: true,
            done: BTreeMap::new(),
            no_return: BTreeSet::new(),
            down: BTreeSet::new(),
            formats: BTreeMap::new(),
            forward: None,
        }
    }

    fn facts(reports: &[(&str, Report)], others: &[&str]) -> Facts {
        let name = |name: &&str| (*name).to_owned();
        Facts {
            reports: reports.iter().map(|(it, report)| (name(it), report.clone())).collect(),
            digests: reports.iter().map(|(it, _)| (name(it), digest(&format!("new {it}")))).collect(),
            cloud: digest("described"),
            direction: Direction::New,
            others: others.iter().map(name).collect(),
            lags: false,
        }
    }

    fn names(all: impl IntoIterator<Item = String>) -> String {
        all.into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_way_back_is_from_the_newest_cloud_alone() {
        let all = facts(
            &[
                ("a", report("a2", "c2", 20, "a1")),
                ("b", report("b1", "c1", 10, "b0")),
                ("bare", report("-", "-", 0, "-")),
            ],
            &[],
        );
        let Ok(aim) = all.before() else { panic!("there is a way back") };
        let wanted = BTreeMap::from([("a".to_owned(), digest("a1")), ("b".to_owned(), digest("b1"))]);
        assert_eq!((aim.wanted, aim.cloud, aim.direction), (wanted, Some(digest("c1")), Direction::Again));
        assert_eq!(names(aim.left_out), "bare");
    }

    #[test]
    fn there_is_no_way_back_from_a_first_generation_or_without_a_cloud() {
        let first = facts(&[("a", report("a1", "c1", 10, "-"))], &[]);
        assert!(matches!(first.before(), Err(NoStart::First { hosts }) if hosts == ["a"]));
        let none = facts(&[("a", report("a1", "-", 10, "a0"))], &[]);
        assert!(matches!(none.before(), Err(NoStart::NoCloud)));
    }

    #[test]
    fn hosts_that_are_not_meant_stay_and_are_said_to_lag() {
        let hosts = [("a", report("a1", "c1", 1, "-")), ("b", report("-", "-", 0, "-"))];
        let aim = facts(&hosts, &["a", "b"]).described();
        assert_eq!(aim.wanted, BTreeMap::from([("a".to_owned(), digest("a1"))]));
        assert!(aim.lags);
        assert_eq!(names(aim.left_out), "b");
        let same = facts(&[("a", report("new a", "c1", 1, "-"))], &["a"]).described();
        assert!(!same.lags);
    }

    #[test]
    fn roles_choose_hosts_and_a_wrong_one_is_named() {
        let role = |name: &str| BTreeSet::from([name.to_owned()]);
        let all = BTreeMap::from([("a".to_owned(), role("control")), ("b".to_owned(), role("compute"))]);
        let others = |roles: &[&str]| {
            others(&all, &roles.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).map(names)
        };
        assert_eq!(others(&[]).ok().as_deref(), Some(""));
        assert_eq!(others(&["control"]).ok().as_deref(), Some("b"));
        assert!(matches!(others(&["nova"]), Err(NoStart::NoRole { role, .. }) if role == "nova"));
    }

    #[test]
    fn each_of_many_switches_waits_for_the_others() {
        let asked = Options { leave_last: true, ..Options::default() };
        assert_eq!(of_each(&asked), Options { confirm_within: Some(600), ..Options::default() });
        let asked = Options { confirm_within: Some(5), ..asked };
        assert_eq!(of_each(&asked).confirm_within, Some(5));
    }
}
