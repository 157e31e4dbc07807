//! A host as the planner sees it: which units run by which definition. Performs plans and says where they go wrong.

use std::collections::{BTreeMap, BTreeSet};

use kolla_lang::activate::observed::{Observed, ObservedUnit};
use kolla_lang::activate::request::Options;
use kolla_lang::activate::steps::{Plan, Verb};
use kolla_lang::store::Manifest;
use kolla_lang::store::manifest::{Change, Digests, Unit, UnitKind};

use super::pair::Pair;

/// A unit that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    digests: Digests,
    uses: Vec<String>,
    network: Option<String>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    units: BTreeMap<String, Run>,
}

impl Run {
    fn of(unit: &Unit) -> Self {
        Self { digests: unit.digests.clone(), uses: unit.uses.clone(), network: unit.network.clone() }
    }
}

impl Host {
    /// A host on which all of a manifest runs.
    pub fn running(manifest: &Manifest) -> Self {
        let runs = manifest.units.iter().filter(|(_, unit)| unit.kind != UnitKind::Task);
        Self { units: runs.map(|(name, unit)| (name.clone(), Run::of(unit))).collect() }
    }

    /// A host on which some of either side of a pair runs. Who runs is in a network that is there.
    pub fn mixed(pair: &Pair) -> Self {
        let names: std::collections::BTreeSet<&String> =
            pair.a.units.keys().chain(pair.b.units.keys()).collect();
        let mut host = Self::default();
        // Networks come first, for who is in one depends on which one is there.
        let is_network = |name: &&String| name.ends_with("-network.service");
        let (networks, others): (Vec<_>, Vec<_>) = names.into_iter().partition(is_network);
        for (name, choice) in networks.into_iter().chain(others).zip(pair.mix.iter().cycle()) {
            let unit = match choice {
                1 => pair.a.units.get(name),
                2 => pair.b.units.get(name),
                _ => None,
            };
            let Some(unit) = unit else { continue };
            let side = if *choice == 1 { &pair.a } else { &pair.b };
            let has_network = |it: &String| {
                host.units.get(it).map(|run| &run.digests.restart)
                    == side.units.get(it).map(|it| &it.digests.restart)
            };
            if unit.uses.iter().all(has_network) {
                host.units.insert(name.clone(), Run::of(unit));
            }
        }
        host
    }

    /// Names the units that do not run here as they run there.
    pub fn differing(&self, other: &Self) -> BTreeSet<String> {
        let names = self.units.keys().chain(other.units.keys());
        names.filter(|name| self.units.get(*name) != other.units.get(*name)).cloned().collect()
    }

    /// Returns what is seen of it.
    pub fn observed(&self) -> Observed {
        let seen = |run: &Run| ObservedUnit::Up {
            restart: Some(run.digests.restart.clone()),
            reload: Some(run.digests.reload.clone()),
        };
        self.units.iter().map(|(name, run)| (name.clone(), seen(run))).collect()
    }

    /// Does all that a plan says.
    pub fn perform(&mut self, plan: &Plan, to: &Manifest) -> Result<(), String> {
        self.perform_some(plan, to, usize::MAX)
    }

    /// Does the first steps of a plan.
    pub fn perform_some(&mut self, plan: &Plan, to: &Manifest, n_steps: usize) -> Result<(), String> {
        for stop in plan.stops.iter().take(n_steps) {
            self.stop(&stop.unit).map_err(|error| format!("{error}\n{}", plan.to_text()))?;
        }
        let mut open: Vec<usize> = (0..plan.acts.len()).collect();
        for _ in 0..n_steps.saturating_sub(plan.stops.len()).min(plan.acts.len()) {
            // Of those that may begin the last one is done first: nothing but `after` may decide.
            let may_begin = |idx: &usize| plan.acts[*idx].after.iter().all(|before| !open.contains(before));
            let Some(idx) = open.iter().copied().rev().find(may_begin) else {
                return Err(format!("nothing can begin\n{}", plan.to_text()));
            };
            open.retain(|it| *it != idx);
            let act = &plan.acts[idx];
            let done = match act.verb {
                Verb::Start => self.start(&act.unit, to),
                Verb::Restart => self.stop(&act.unit).and_then(|()| self.start(&act.unit, to)),
                Verb::RestartIfUp if self.units.contains_key(&act.unit) => {
                    self.stop(&act.unit).and_then(|()| self.start(&act.unit, to))
                }
                Verb::RestartIfUp | Verb::Task { .. } => Ok(()),
                Verb::Reload { .. } => self.reload(&act.unit, to),
            };
            done.map_err(|error| format!("{error}\n{}", plan.to_text()))?;
        }
        Ok(())
    }

    fn stop(&mut self, name: &str) -> Result<(), String> {
        self.units.remove(name);
        match self.units.iter().find(|(_, run)| run.uses.iter().any(|it| it == name)) {
            Some((user, _)) => Err(format!("{name} is stopped while {user} is in it")),
            None => Ok(()),
        }
    }

    /// Starts a unit as systemd does: one that runs goes on, and its networks start before it.
    fn start(&mut self, name: &str, to: &Manifest) -> Result<(), String> {
        let unit = to.units.get(name).ok_or_else(|| format!("{name} has no definition to start by"))?;
        if self.units.contains_key(name) {
            return Ok(());
        }
        for network in &unit.uses {
            self.start(network, to)?;
            let is_it = |run: &Run| Some(&run.network) == to.units.get(network).map(|it| &it.network);
            if !self.units.get(network).is_some_and(is_it) {
                return Err(format!("{name} starts in a network {network} that is another one"));
            }
        }
        self.units.insert(name.to_owned(), Run::of(unit));
        Ok(())
    }

    fn reload(&mut self, name: &str, to: &Manifest) -> Result<(), String> {
        let run = self.units.get_mut(name).ok_or_else(|| format!("{name} is reloaded and does not run"))?;
        let unit = to.units.get(name).ok_or_else(|| format!("{name} has no definition to reload by"))?;
        if run.digests.restart != unit.digests.restart {
            return Err(format!("{name} is reloaded and needs a restart"));
        }
        run.digests.reload = unit.digests.reload.clone();
        Ok(())
    }

    /// Checks that a manifest runs, and nothing else. What its policy leaves alone goes on as it was before.
    pub fn check(&self, to: &Manifest, before: &Self, options: &Options) -> Result<(), String> {
        for (name, unit) in &to.units {
            let (run, was) = (self.units.get(name), before.units.get(name));
            let is_left = match unit.change {
                Change::Keep | Change::Manual => true,
                Change::Dataplane => !options.allow_dataplane,
                _ => false,
            };
            match (unit.kind, run) {
                (UnitKind::Task, Some(run)) if run.digests.restart != unit.digests.restart => {
                    return Err(format!("{name} runs on by another definition"));
                }
                (UnitKind::Task, _) | (UnitKind::Network, None) => {}
                (_, Some(run)) if is_left && Some(run) == was => {}
                (_, Some(run)) if run.digests == unit.digests => {}
                (_, run) => return Err(format!("{name} is {run:?}, not {:?}", unit.digests)),
            }
        }
        match self.units.keys().find(|name| !to.units.contains_key(*name)) {
            Some(name) => Err(format!("{name} is left running")),
            None => Ok(()),
        }
    }
}
