//! What is done on all hosts, and what of it waits for what, across hosts too: one graph without a cycle. Knows no waves.
//!
//! The actions of a host are those of its own plan, which a switch carries out; here they are only tied together.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::errors::Refusal;
use activate::steps::{Act, Plan, Verb};
use store::Manifest;
use store::manifest::{Step, TaskClass, UnitKind};

/// One host, as the graph needs it.
#[derive(Debug)]
pub struct Side<'a> {
    /// What it is to become.
    pub to: &'a Manifest,
    /// What a switch does there; empty where nothing differs.
    pub plan: &'a Plan,
    /// Groups whose member on it is down and comes up by its plan.
    pub comes_up: BTreeSet<&'a str>,
}

/// One unit of one host that is acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// The host.
    pub host: String,
    /// The unit.
    pub unit: String,
    /// What is done: `stop`, `start`, `restart`, `reload` or `run`.
    #[serde(rename = "do")]
    pub action: &'static str,
    /// Why.
    pub reason: String,
    /// Whether there is a way back past it, for a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<TaskClass>,
    /// Indices of nodes that are over first.
    pub after: Vec<usize>,
}

/// Nodes of all hosts, and which pairs of them no host knows of by itself: the first is over before the second begins.
#[derive(Debug, Default)]
pub struct Graph {
    /// The nodes, host by host, each host's in the order of its own plan.
    pub nodes: Vec<Node>,
    /// Pairs of nodes, of two hosts or of one through another.
    pub across: Vec<(usize, usize)>,
}

/// Names a unit of the fleet: its host and the unit.
type UnitRef<'a> = (&'a str, &'a str);

/// Ties the plans of hosts together. A cycle is refused; a compiled description has none.
pub fn graph(sides: &BTreeMap<&str, Side<'_>>) -> Result<Graph, Refusal> {
    let mut graph = Graph::default();
    let mut acted: BTreeMap<UnitRef, usize> = BTreeMap::new();
    for (host, side) in sides {
        for (unit, idx) in add_host(&mut graph.nodes, host, side.plan) {
            acted.insert((host, unit), idx);
        }
    }
    let steps = steps(sides);
    let waits = waits(sides, &steps);
    // What a host waits for by itself is in its plan already; what it waits for through another host is not.
    let own = waits.iter().map(|(place, before)| {
        (*place, before.iter().filter(|it| it.0 == place.0).copied().collect::<BTreeSet<_>>())
    });
    let own = own.collect();
    let tasks =
        sides.iter().flat_map(|(host, side)| side.to.tasks.values().map(|it| (*host, it.unit.as_str())));
    let tasks = tasks.collect();
    let (all, known) = (barriers(&waits, &acted, &tasks)?, barriers(&own, &acted, &tasks)?);
    for (place, idx) in &acted {
        let before = nodes_before(place, &waits, &all);
        let more: Vec<usize> = before.difference(&nodes_before(place, &own, &known)).copied().collect();
        graph.across.extend(more.iter().map(|it| (*it, *idx)));
        graph.nodes[*idx].after.extend(more);
    }
    graph.across.sort_unstable();
    Ok(graph)
}

/// The nodes that a step comes right after.
fn nodes_before<'a>(
    place: &UnitRef<'a>,
    waits: &BTreeMap<UnitRef<'a>, BTreeSet<UnitRef<'a>>>,
    barriers: &BTreeMap<UnitRef<'a>, BTreeSet<usize>>,
) -> BTreeSet<usize> {
    let before = waits.get(place).into_iter().flatten();
    before.filter_map(|it| barriers.get(it)).flatten().copied().collect()
}

/// Adds what one host does; returns its units with the nodes that make them what they are to be.
fn add_host<'a>(nodes: &mut Vec<Node>, host: &str, plan: &'a Plan) -> Vec<(&'a str, usize)> {
    let first_stop = nodes.len();
    let node = |unit: &str, action, reason: &str| Node {
        host: host.to_owned(),
        unit: unit.to_owned(),
        action,
        reason: reason.to_owned(),
        class: None,
        after: Vec::new(),
    };
    nodes.extend(plan.stops.iter().map(|stop| node(&stop.unit, "stop", &stop.reason)));
    let stops: Vec<usize> = (first_stop..nodes.len()).collect();
    let mut out = Vec::new();
    for (acts, first) in [(&plan.acts, stops), (&plan.after_commit, Vec::new())] {
        let n_before = nodes.len();
        for act in acts {
            let Act { unit, verb, reason, after, .. } = act;
            let after = match after.as_slice() {
                [] => first.clone(),
                after => after.iter().map(|idx| n_before + idx).collect(),
            };
            let class = match verb {
                Verb::Task { class, .. } => Some(*class),
                _ => None,
            };
            out.push((unit.as_str(), nodes.len()));
            nodes.push(Node { class, after, ..node(unit, verb.word(), reason) });
        }
    }
    out
}

/// All steps of all hosts, also those that do nothing this time: who waits for them waits for what they wait for.
fn steps<'a>(sides: &BTreeMap<&'a str, Side<'a>>) -> BTreeMap<UnitRef<'a>, &'a Step> {
    let of_host = |(host, side): (&&'a str, &Side<'a>)| {
        let host = *host;
        side.to.order.iter().map(move |step| ((host, step.unit.as_str()), step)).collect::<Vec<_>>()
    };
    sides.iter().flat_map(of_host).collect()
}

/// What each step waits for, on its host and on others.
fn waits<'a>(
    sides: &BTreeMap<&'a str, Side<'a>>,
    steps: &BTreeMap<UnitRef<'a>, &'a Step>,
) -> BTreeMap<UnitRef<'a>, BTreeSet<UnitRef<'a>>> {
    let mut tasks: BTreeMap<&str, UnitRef> = BTreeMap::new();
    let mut members: BTreeMap<&str, Vec<UnitRef>> = BTreeMap::new();
    for (host, side) in sides {
        tasks.extend(side.to.tasks.iter().map(|(name, task)| (name.as_str(), (*host, task.unit.as_str()))));
        // A member that is up is up under its old definition too; only one that comes up by the switch is waited for.
        for group in &side.comes_up {
            let unit = side.to.groups.get(*group).and_then(|group| unit_of(side.to, &group.container));
            members.entry(group).or_default().extend(unit.map(|unit| (*host, unit)));
        }
    }
    let of_step = |((host, unit), step): (&UnitRef<'a>, &&'a Step)| {
        let here = step.after.iter().map(|unit| (*host, unit.as_str()));
        let done = step.after_tasks.iter().filter_map(|task| tasks.get(task.as_str()).copied());
        let up = step.after_groups.iter().filter_map(|group| members.get(group.as_str())).flatten().copied();
        ((*host, *unit), here.chain(done).chain(up).filter(|place| steps.contains_key(place)).collect())
    };
    steps.iter().map(of_step).collect()
}

/// The nodes that a step stands for: its own if it acts, else those of all that it waits for. A task that does not act was done before, and
/// so was all that it waits for.
fn barriers<'a>(
    waits: &BTreeMap<UnitRef<'a>, BTreeSet<UnitRef<'a>>>,
    acted: &BTreeMap<UnitRef<'a>, usize>,
    tasks: &BTreeSet<UnitRef<'a>>,
) -> Result<BTreeMap<UnitRef<'a>, BTreeSet<usize>>, Refusal> {
    let mut users: BTreeMap<UnitRef, Vec<UnitRef>> = BTreeMap::new();
    for (place, before) in waits {
        before.iter().for_each(|it| users.entry(*it).or_default().push(*place));
    }
    let mut open: BTreeMap<UnitRef, usize> = waits.iter().map(|(place, it)| (*place, it.len())).collect();
    let mut ready: Vec<UnitRef> = open.iter().filter(|(_, n)| **n == 0).map(|(place, _)| *place).collect();
    let mut barriers: BTreeMap<UnitRef, BTreeSet<usize>> = BTreeMap::new();
    while let Some(place) = ready.pop() {
        open.remove(&place);
        let own = acted.get(&place).map(|idx| BTreeSet::from([*idx]));
        let barrier = match own {
            Some(own) => own,
            None if tasks.contains(&place) => BTreeSet::new(),
            None => nodes_before(&place, waits, &barriers),
        };
        barriers.insert(place, barrier);
        for user in users.remove(&place).unwrap_or_default() {
            if let Some(n) = open.get_mut(&user) {
                *n -= 1;
                if *n == 0 {
                    ready.push(user);
                }
            }
        }
    }
    if barriers.len() == waits.len() {
        return Ok(barriers);
    }
    let words = |(host, unit): &UnitRef| format!("{unit} on {host}");
    Err(Refusal::Cycle { units: open.keys().map(words).collect() })
}

/// Returns the unit of a container, if the host has one.
pub fn unit_of<'a>(manifest: &'a Manifest, container: &str) -> Option<&'a str> {
    let is_it = |(_, unit): &(&String, &store::manifest::Unit)| {
        unit.kind == UnitKind::Container && unit.container.as_deref() == Some(container)
    };
    manifest.units.iter().find(is_it).map(|(name, _)| name.as_str())
}
