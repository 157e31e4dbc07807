//! Turns what differs into the steps of a switch, in order.
//!
//! Pure: the same difference, the same completion records and the same options give the same steps, so a dry run prints what a real
//! one does.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::diff::{Action, Difference, UnitChange};
use crate::records::completions::{Completion, Completions};
use crate::records::request::Options;
use store::Manifest;
use store::manifest::{Change, Gate, Task, TaskClass, Unit, UnitKind, Wait};

/// All that a switch does between the old generation and the new one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Units stopped under their old definition, all at once; systemd knows their order.
    pub stops: Vec<Stop>,
    /// Units started, restarted or reloaded under the new definition, each after those it names.
    pub acts: Vec<Act>,
    /// Tasks that run when the new generation is committed: nothing of the old one may be left.
    pub after_commit: Vec<Act>,
    /// Units that changed and are left alone, and tasks that were done before.
    pub left: Vec<Left>,
    /// Gates that somebody asked not to wait for.
    pub skipped: Vec<Skipped>,
    /// Reasons not to begin.
    pub refused: Vec<Refused>,
}

/// One unit to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// The unit.
    pub unit: String,
    /// Why.
    pub reason: String,
    /// Whether what runs in it is a container.
    #[serde(skip)]
    pub is_container: bool,
    /// Seconds it may take.
    pub stop_secs: u64,
}

/// One unit to act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Act {
    /// The unit.
    pub unit: String,
    /// What is done with it.
    pub verb: Verb,
    /// Why.
    pub reason: String,
    /// Indices of acts that must be over first; each is smaller than this one's.
    pub after: Vec<usize>,
    /// When those that come after it may begin.
    #[serde(skip)]
    pub wait: Wait,
    /// When it counts as up.
    #[serde(skip)]
    pub gate: Gate,
    /// Its container, if it has one.
    #[serde(skip)]
    pub container: Option<String>,
    /// Seconds until the gate must hold.
    pub start_secs: u64,
    /// Seconds a stop of it may take, as part of a restart or of a revert.
    #[serde(skip)]
    pub stop_secs: u64,
}

/// What is done with a unit under its new definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Verb {
    /// It is started.
    Start,
    /// It is restarted, or started if it was down.
    Restart,
    /// It is restarted if it runs: nobody starts it but its timer.
    RestartIfUp,
    /// Its live files are replaced, then it is told.
    Reload {
        /// Run in its container; empty means a reload of the unit.
        command: Vec<String>,
    },
    /// It runs to its end.
    Task {
        /// The task's name.
        task: String,
        /// The key that is stamped when it is done.
        once: String,
        /// Whether there is a way back past it.
        class: TaskClass,
    },
}

/// A unit that is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The unit.
    pub unit: String,
    /// What was asked for.
    pub action: Action,
    /// Why it is left, or why it would have changed.
    pub reason: String,
}

/// A gate that is not waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The unit.
    pub unit: String,
    /// What would have been waited for, in words.
    pub gate: Vec<String>,
}

/// A reason not to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The unit.
    pub unit: String,
    /// Why nothing can be done with it.
    pub reason: String,
}

impl Plan {
    /// Takes the stops out of units that do not run anyway.
    pub fn stop_only(&mut self, runs: impl Fn(&str) -> bool) {
        self.stops.retain(|stop| runs(&stop.unit));
    }
}

/// Plans a switch from one manifest to another.
pub fn plan(
    difference: &Difference,
    from: Option<&Manifest>,
    to: &Manifest,
    completions: &Completions,
    options: &Options,
) -> Plan {
    plan_units(&difference.units, from, to, completions, options)
}

/// Plans what is to be done with units, by what differs of each; `from` defines those that are stopped.
pub fn plan_units(
    units: &BTreeMap<String, UnitChange>,
    from: Option<&Manifest>,
    to: &Manifest,
    completions: &Completions,
    options: &Options,
) -> Plan {
    let mut plan = Plan::default();
    let tasks: BTreeMap<&str, (&String, &Task)> =
        to.tasks.iter().map(|(name, task)| (task.unit.as_str(), (name, task))).collect();
    let units = &with_dataplane(units, from, to, options, &mut plan);
    let mut verbs = BTreeMap::new();
    for (name, change) in units {
        let Some(unit) = to.units.get(name) else { continue };
        let reason = change.reason.clone();
        let verb = match change.action {
            Action::Stop | Action::Nothing => None,
            Action::Keep | Action::Manual | Action::Dataplane => {
                plan.left.push(Left { unit: name.clone(), action: change.action, reason });
                None
            }
            Action::Task => match tasks.get(name.as_str()) {
                Some((task, spec)) => task_verb(task, spec, reason, completions, options, &mut plan),
                None => None,
            },
            Action::Recreate | Action::Resume => Some((Verb::Start, reason)),
            // Nothing but its users starts a network at boot; here it comes before them, and fails in its own name.
            Action::Start | Action::StopStart => {
                (unit.boot || unit.kind == UnitKind::Network).then_some((Verb::Start, reason))
            }
            Action::Restart if unit.boot => Some((Verb::Restart, reason)),
            Action::Restart => Some((Verb::RestartIfUp, format!("{reason}; only if it runs"))),
            Action::Reload => Some(match &unit.change {
                Change::Reload { command } => (Verb::Reload { command: command.clone() }, reason),
                _ => (Verb::Restart, reason),
            }),
        };
        if let Some(verb) = verb {
            verbs.insert(name.as_str(), verb);
        }
    }
    // Tasks that did not change and were never completed: the last switch to them failed, or their volume is another one.
    for (unit, (task, spec)) in &tasks {
        if !units.contains_key(*unit)
            && completions.get(*task) != Some(&Completion::Done)
            && let Some(verb) =
                task_verb(task, spec, "not done yet".to_owned(), completions, options, &mut plan)
        {
            verbs.insert(unit, verb);
        }
    }
    let is_contract = |verb: &Verb| matches!(verb, Verb::Task { class: TaskClass::Contract, .. });
    let (last, first) = verbs.into_iter().partition(|(_, (verb, _))| is_contract(verb));
    plan.stops = stops(units, from);
    plan.acts = in_order(first, to);
    plan.after_commit = in_order(last, to);
    skip_gates(&mut plan, to, options);
    plan
}

/// Decides about the data plane, and about what else is left running: whether it is restarted, left, or in the way.
fn with_dataplane(
    units: &BTreeMap<String, UnitChange>,
    from: Option<&Manifest>,
    to: &Manifest,
    options: &Options,
    plan: &mut Plan,
) -> BTreeMap<String, UnitChange> {
    let mut decided = units.clone();
    let is_dataplane = |name: &String| {
        let unit = from.and_then(|from| from.units.get(name));
        unit.is_some_and(|unit| unit.change == Change::Dataplane)
    };
    for (name, change) in &mut decided {
        let refuse = match change.action {
            Action::Dataplane if options.allow_dataplane => {
                change.action = Action::StopStart;
                continue;
            }
            Action::Manual if must_stop(name, units, from) && options.allow_dataplane => {
                change.action = Action::StopStart;
                continue;
            }
            Action::Manual | Action::Dataplane => must_stop(name, units, from),
            Action::Stop => is_dataplane(name) && !options.allow_dataplane,
            _ => false,
        };
        if refuse {
            let why = if to.units.contains_key(name) {
                "and is left running by its policy"
            } else {
                "and is of the data plane"
            };
            let reason = format!("{}, {why}: `--allow-dataplane` lets it be stopped", change.reason);
            plan.refused.push(Refused { unit: name.clone(), reason });
        } else if change.action == Action::Dataplane {
            change.reason =
                format!("{}; it is of the data plane, `--allow-dataplane` restarts it", change.reason);
        }
    }
    decided
}

/// Says whether a unit cannot go on running because a network that it is in is made anew or goes away.
fn must_stop(name: &str, units: &BTreeMap<String, UnitChange>, from: Option<&Manifest>) -> bool {
    let Some(unit) = from.and_then(|from| from.units.get(name)) else { return false };
    let is_going = |network: &String| {
        units.get(network).is_some_and(|it| matches!(it.action, Action::Recreate | Action::Stop))
    };
    unit.uses.iter().any(is_going)
}

/// Decides whether a task runs. What was done once runs again only if its class says that this does no harm, and what leaves no way
/// back runs only if that is allowed.
fn task_verb(
    name: &str,
    task: &Task,
    reason: String,
    completions: &Completions,
    options: &Options,
    plan: &mut Plan,
) -> Option<(Verb, String)> {
    let reason = match (completions.get(name), task.class) {
        (None, _) => reason,
        (Some(Completion::Done), _) => {
            let reason = format!("before, as `{}`", task.once);
            plan.left.push(Left { unit: task.unit.clone(), action: Action::Task, reason });
            return None;
        }
        (Some(Completion::Doubtful(why)), TaskClass::Expand) => format!("done before, but {why}"),
        (Some(Completion::Doubtful(why)), TaskClass::OneWay | TaskClass::Contract) => {
            let reason =
                format!("it was done as `{}`, but {why}; its class forbids to do it again", task.once);
            plan.refused.push(Refused { unit: task.unit.clone(), reason });
            return None;
        }
    };
    if task.class == TaskClass::OneWay && !options.allow_one_way {
        let reason = format!(
            "there is no way back past the task `{name}`; make sure of a backup, then `--allow-one-way` lets it run"
        );
        plan.refused.push(Refused { unit: task.unit.clone(), reason });
    }
    let verb = Verb::Task { task: name.to_owned(), once: task.once.clone(), class: task.class };
    Some((verb, reason))
}

/// Lists what is stopped under its old definition: what is gone, and what asks for it; users before what they use.
fn stops(units: &BTreeMap<String, UnitChange>, from: Option<&Manifest>) -> Vec<Stop> {
    let Some(from) = from else { return Vec::new() };
    let stop = |name: &String| {
        let change = units.get(name)?;
        let unit = from.units.get(name)?;
        let is_container = unit.container.is_some();
        let (reason, stop_secs) = (change.reason.clone(), unit.stop_secs);
        let stop = Stop { unit: name.clone(), reason, is_container, stop_secs };
        matches!(change.action, Action::Stop | Action::StopStart | Action::Recreate).then_some(stop)
    };
    let ordered: BTreeSet<&String> = from.order.iter().map(|step| &step.unit).collect();
    let is_network = |name: &&String| from.units.get(*name).is_some_and(|it| it.kind == UnitKind::Network);
    let others = || from.units.keys().filter(|name| !ordered.contains(name));
    let users =
        others().filter(|name| !is_network(name)).chain(from.order.iter().rev().map(|step| &step.unit));
    users.chain(others().filter(is_network)).filter_map(stop).collect()
}

/// Puts acts into the manifest's order; one that waits for an untouched unit waits for what that one waits for. A unit that drains is
/// restarted before those that do not: what it is finishing they may have to answer.
fn in_order(mut verbs: BTreeMap<&str, (Verb, String)>, to: &Manifest) -> Vec<Act> {
    let mut acts: Vec<Act> = Vec::new();
    let mut barriers: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    // Networks wait for nothing, and no step names them: who is in one comes after it.
    for (name, unit) in to.units.iter().filter(|(_, unit)| unit.kind == UnitKind::Network) {
        if let Some((verb, reason)) = verbs.remove(name.as_str()) {
            barriers.insert(name, BTreeSet::from([acts.len()]));
            acts.push(act(name, unit, verb, reason, Vec::new(), Wait::Started));
        }
    }
    let early = up_to_drains(&verbs, to);
    let mut drains: BTreeSet<usize> = BTreeSet::new();
    let (first, others): (Vec<_>, Vec<_>) =
        to.order.iter().partition(|step| early.contains(step.unit.as_str()));
    for step in first.into_iter().chain(others) {
        let uses = to.units.get(&step.unit).map(|unit| unit.uses.as_slice()).unwrap_or_default();
        let mut after: BTreeSet<usize> = step
            .after
            .iter()
            .chain(uses)
            .filter_map(|unit| barriers.get(unit.as_str()))
            .flatten()
            .copied()
            .collect();
        if let (Some((verb, reason)), Some(unit)) =
            (verbs.remove(step.unit.as_str()), to.units.get(&step.unit))
        {
            if verb == Verb::Restart && unit.drains {
                drains.insert(acts.len());
            } else if verb == Verb::Restart && !early.contains(step.unit.as_str()) {
                after.extend(&drains);
            }
            let waits = after.into_iter().collect();
            after = BTreeSet::from([acts.len()]);
            acts.push(act(&step.unit, unit, verb, reason, waits, step.wait));
        }
        barriers.insert(&step.unit, after);
    }
    // What no step names waits for nothing: timers, raw units.
    for (name, (verb, reason)) in verbs {
        if let Some(unit) = to.units.get(name) {
            acts.push(act(name, unit, verb, reason, Vec::new(), Wait::Started));
        }
    }
    acts
}

/// Returns the units that drain and are restarted, with all that they wait for.
fn up_to_drains<'a>(verbs: &BTreeMap<&str, (Verb, String)>, to: &'a Manifest) -> BTreeSet<&'a str> {
    let is_drained = |name: &str| {
        let is_restarted = verbs.get(name).is_some_and(|(verb, _)| *verb == Verb::Restart);
        is_restarted && to.units.get(name).is_some_and(|unit| unit.drains)
    };
    let mut early = BTreeSet::new();
    for step in to.order.iter().rev() {
        if is_drained(&step.unit) || early.contains(step.unit.as_str()) {
            early.insert(step.unit.as_str());
            early.extend(step.after.iter().map(String::as_str));
        }
    }
    early
}

fn act(name: &str, unit: &Unit, verb: Verb, reason: String, after: Vec<usize>, wait: Wait) -> Act {
    Act {
        unit: name.to_owned(),
        verb,
        reason,
        after,
        wait,
        gate: unit.gate.clone(),
        container: unit.container.clone(),
        start_secs: unit.start_secs,
        stop_secs: unit.stop_secs,
    }
}

/// Takes the gates away that are not waited for, and notes what they would have asked.
fn skip_gates(plan: &mut Plan, to: &Manifest, options: &Options) {
    for name in options.no_gate.unknown(|unit| to.units.contains_key(unit)) {
        let reason = "`--no-gate` names it, and there is no such unit".to_owned();
        plan.refused.push(Refused { unit: name.clone(), reason });
    }
    for act in plan.acts.iter_mut().filter(|act| options.no_gate.skips(&act.unit)) {
        let has_gate = matches!(act.verb, Verb::Start | Verb::Restart | Verb::Reload { .. });
        let gate = std::mem::replace(&mut act.gate, Gate { soak_secs: 0, ..Gate::default() });
        if has_gate && !gate.words().is_empty() {
            plan.skipped.push(Skipped { unit: act.unit.clone(), gate: gate.words() });
        }
    }
}

/// Plans tasks of class `contract` of a generation that is committed already.
pub fn contract_acts(manifest: &Manifest, is_wanted: impl Fn(&Task) -> bool) -> Vec<Act> {
    let is_left = |task: &Task| task.class == TaskClass::Contract && is_wanted(task);
    let all = manifest.tasks.iter().filter(|(_, task)| is_left(task));
    let verb = |name: &String, task: &Task| {
        let verb = Verb::Task { task: name.clone(), once: task.once.clone(), class: task.class };
        (verb, "not done yet".to_owned())
    };
    in_order(all.map(|(name, task)| (task.unit.as_str(), verb(name, task))).collect(), manifest)
}
