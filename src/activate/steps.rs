//! Turns a difference into the steps of a switch, in order.
//!
//! Pure: the same closures and the same finished tasks give the same steps, so a dry run prints what a real one does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::diff::{Action, Difference};
use crate::store::Manifest;
use crate::store::manifest::{Change, Gate, TaskClass, Unit, Wait};

/// All that a switch does between the old generation and the new one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Units stopped under their old definition, all at once; systemd knows their order.
    pub stops: Vec<Stop>,
    /// Units started, restarted or reloaded under the new definition, each after those it names.
    pub acts: Vec<Act>,
    /// Units that changed and are left alone, and tasks that were done before.
    pub left: Vec<Left>,
}

/// One unit to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// The unit.
    pub unit: String,
    /// Why.
    pub reason: String,
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
        /// Whether there is a way back behind it.
        #[serde(skip)]
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

impl Left {
    /// Returns the word that people read.
    pub fn word(&self) -> &'static str {
        // A task that changed and was done before is not run.
        if self.action == Action::Task { "done" } else { self.action.word() }
    }
}

impl Verb {
    /// Returns the word that people read.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Restart | Self::RestartIfUp => "restart",
            Self::Reload { .. } => "reload",
            Self::Task { .. } => "run",
        }
    }
}

impl Plan {
    /// Says whether no unit is touched.
    pub fn touches_nothing(&self) -> bool {
        self.stops.is_empty() && self.acts.is_empty()
    }

    /// Writes the steps for people, one a line, aligned: verb, unit, reason.
    pub fn to_text(&self) -> String {
        let stops = self.stops.iter().map(|it| ("stop", &it.unit, it.reason.clone()));
        let acts = self.acts.iter().map(|it| (it.verb.word(), &it.unit, self.reason_of(it)));
        let left = self.left.iter().map(|it| (it.word(), &it.unit, it.reason.clone()));
        let lines: Vec<_> = stops.chain(acts).chain(left).collect();
        let width = lines.iter().map(|(_, unit, _)| unit.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (verb, unit, reason) in lines {
            // Writing into a text cannot fail.
            let _ = writeln!(text, "{verb:<8} {unit:<width$}  {reason}");
        }
        text
    }

    fn reason_of(&self, act: &Act) -> String {
        let after: Vec<&str> = act.after.iter().map(|idx| self.acts[*idx].unit.as_str()).collect();
        if after.is_empty() {
            act.reason.clone()
        } else {
            format!("{} (after {})", act.reason, after.join(", "))
        }
    }
}

/// Plans a switch. `is_done` says whether a task with this key was completed on the host.
pub fn plan(
    difference: &Difference,
    from: Option<&Manifest>,
    to: &Manifest,
    is_done: impl Fn(&str) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let tasks: BTreeMap<&str, (&String, &crate::store::manifest::Task)> =
        to.tasks.iter().map(|(name, task)| (task.unit.as_str(), (name, task))).collect();
    let mut verbs = BTreeMap::new();
    for (name, change) in &difference.units {
        let left = |reason: String| Left { unit: name.clone(), action: change.action, reason };
        let unit = to.units.get(name);
        let verb = match (change.action, unit) {
            (Action::Stop, _) | (_, None) => None,
            (Action::Nothing, _) => None,
            (Action::Keep | Action::Manual, _) => {
                plan.left.push(left(change.reason.clone()));
                None
            }
            (Action::Task, _) => match tasks.get(name.as_str()) {
                Some((_, task)) if is_done(&task.once) => {
                    plan.left.push(left(format!("before, as `{}`", task.once)));
                    None
                }
                Some((task, spec)) => {
                    Some(Verb::Task { task: (*task).clone(), once: spec.once.clone(), class: spec.class })
                }
                None => None,
            },
            (Action::Start | Action::StopStart, Some(unit)) => unit.boot.then_some(Verb::Start),
            (Action::Restart, Some(unit)) => Some(if unit.boot { Verb::Restart } else { Verb::RestartIfUp }),
            (Action::Reload, Some(unit)) => Some(match &unit.change {
                Change::Reload { command } => Verb::Reload { command: command.clone() },
                _ => Verb::Restart,
            }),
        };
        if let Some(verb) = verb {
            verbs.insert(name.as_str(), (verb, change.reason.as_str()));
        }
    }
    add_undone_tasks(&mut verbs, difference, &tasks, &is_done);
    plan.stops = stops(difference, from);
    plan.acts = in_order(verbs, to);
    plan
}

/// Adds tasks that did not change and were never completed: the last switch to them failed or they were cut off.
fn add_undone_tasks<'a>(
    verbs: &mut BTreeMap<&'a str, (Verb, &'a str)>,
    difference: &Difference,
    tasks: &BTreeMap<&'a str, (&'a String, &'a crate::store::manifest::Task)>,
    is_done: &impl Fn(&str) -> bool,
) {
    for (unit, (name, task)) in tasks {
        if !difference.units.contains_key(*unit) && !is_done(&task.once) {
            let verb = Verb::Task { task: (*name).clone(), once: task.once.clone(), class: task.class };
            verbs.insert(unit, (verb, "not done yet"));
        }
    }
}

/// Lists what is stopped under its old definition: what is gone, and what asks for it; users before what they use.
fn stops(difference: &Difference, from: Option<&Manifest>) -> Vec<Stop> {
    let Some(from) = from else { return Vec::new() };
    let stop = |name: &String| {
        let change = difference.units.get(name)?;
        let unit = from.units.get(name)?;
        let stop = Stop { unit: name.clone(), reason: change.reason.clone(), stop_secs: unit.stop_secs };
        matches!(change.action, Action::Stop | Action::StopStart).then_some(stop)
    };
    let ordered: BTreeSet<&String> = from.order.iter().map(|step| &step.unit).collect();
    let others = from.units.keys().filter(|name| !ordered.contains(name));
    others.chain(from.order.iter().rev().map(|step| &step.unit)).filter_map(stop).collect()
}

/// Puts acts into the manifest's order; one that waits for an untouched unit waits for what that one waits for.
fn in_order(mut verbs: BTreeMap<&str, (Verb, &str)>, to: &Manifest) -> Vec<Act> {
    let mut acts: Vec<Act> = Vec::new();
    let mut barriers: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for step in &to.order {
        let mut after: BTreeSet<usize> =
            step.after.iter().filter_map(|unit| barriers.get(unit.as_str())).flatten().copied().collect();
        if let (Some((verb, reason)), Some(unit)) =
            (verbs.remove(step.unit.as_str()), to.units.get(&step.unit))
        {
            let waits = after.iter().copied().collect();
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

fn act(name: &str, unit: &Unit, verb: Verb, reason: &str, after: Vec<usize>, wait: Wait) -> Act {
    Act {
        unit: name.to_owned(),
        verb,
        reason: reason.to_owned(),
        after,
        wait,
        gate: unit.gate,
        container: unit.container.clone(),
        start_secs: unit.start_secs,
        stop_secs: unit.stop_secs,
    }
}

/// Plans the way back: units that were stopped or touched come up again under the manifest that still holds.
///
/// `up` are those that ran before; `reloaded` those that took up files and must take up the old ones again.
pub fn plan_return(manifest: &Manifest, up: &BTreeSet<String>, reloaded: &BTreeSet<String>) -> Vec<Act> {
    let start = up.iter().map(|unit| (unit.as_str(), (Verb::Start, "as before")));
    let reload = reloaded.iter().filter(|unit| !up.contains(*unit)).filter_map(|unit| {
        let Change::Reload { command } = &manifest.units.get(unit)?.change else { return None };
        Some((unit.as_str(), (Verb::Reload { command: command.clone() }, "as before")))
    });
    in_order(start.chain(reload).collect(), manifest)
}
