//! The order in which a host's units may start: acyclic, and the same for the same description.

use crate::model::{Cloud, Container, Host, Task, Text, errors};
use kl::diag::Problems;
use kl::source::Span;
use std::collections::{BTreeMap, BTreeSet};

/// A unit to start and what must be over before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The unit.
    pub unit: String,
    /// Units whose steps are over first, sorted.
    pub after: Vec<String>,
    /// When this step is over.
    pub wait: Wait,
}

/// When a step is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// When it was started.
    Started,
    /// When it is healthy.
    Healthy,
    /// When it ran to its end.
    Done,
}

/// A unit with what it waits for and where that is said.
struct Node {
    wait: Wait,
    waits_for: BTreeMap<String, Span>,
}

/// Orders containers and tasks; then what waits for nothing: timers and units written by hand.
pub(super) fn order(cloud: &Cloud, host: &Host, tasks: &[&Task], problems: &mut Problems) -> Vec<Step> {
    let awaited = awaited_containers(cloud, host, tasks);
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    for container in &host.containers {
        let healthy = container.health.is_some() && awaited.contains(&*container.name);
        let wait = if healthy { Wait::Healthy } else { Wait::Started };
        nodes.insert(service(&container.name), Node { wait, waits_for: container_waits(container) });
    }
    for task in tasks {
        nodes
            .insert(service(&task.name), Node { wait: Wait::Done, waits_for: task_waits(cloud, host, task) });
    }
    // A name that is not on this host is another host's affair.
    let known: BTreeSet<String> = nodes.keys().cloned().collect();
    nodes.values_mut().for_each(|node| node.waits_for.retain(|name, _| known.contains(name)));
    let mut steps = Vec::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    while !nodes.is_empty() {
        let ready = nodes.iter().find(|(_, node)| node.waits_for.keys().all(|name| done.contains(name)));
        let Some(name) = ready.map(|(name, _)| name.clone()) else {
            problems.push(errors::order_cycle(&cycle(&nodes, &done)));
            break;
        };
        if let Some(Node { wait, waits_for }) = nodes.remove(&name) {
            steps.push(Step { unit: name.clone(), after: waits_for.into_keys().collect(), wait });
        }
        done.insert(name);
    }
    let timers = host.timers.iter().map(|(name, _)| format!("{name}.timer"));
    let units =
        host.units.iter().filter(|(_, unit)| !unit.wanted_by.is_empty()).map(|(name, _)| name.to_string());
    steps.extend(timers.chain(units).map(|unit| Step { unit, after: Vec::new(), wait: Wait::Started }));
    steps
}

/// The name systemd knows a container or a task by.
pub fn service(name: &str) -> String {
    format!("{name}.service")
}

/// Containers of this host that a task waits to see healthy.
fn awaited_containers<'a>(cloud: &'a Cloud, host: &Host, tasks: &[&Task]) -> BTreeSet<&'a str> {
    let groups = tasks.iter().flat_map(|task| &task.after_healthy);
    groups.flat_map(|group| members(cloud, host, group)).collect()
}

/// The containers of a group on this host.
fn members<'a>(cloud: &'a Cloud, host: &Host, group: &Text) -> Vec<&'a str> {
    let group = cloud.groups.iter().find(|it| *it.name == *group.value);
    let members = group.into_iter().flat_map(|group| &group.members);
    members.filter(|member| member.host == host.name).map(|member| member.container.as_str()).collect()
}

fn container_waits(container: &Container) -> BTreeMap<String, Span> {
    container.needs.iter().chain(&container.after).map(|it| (service(it.as_str()), it.at)).collect()
}

fn task_waits(cloud: &Cloud, host: &Host, task: &Task) -> BTreeMap<String, Span> {
    let mut waits: BTreeMap<String, Span> =
        task.after.iter().map(|it| (service(it.as_str()), it.at)).collect();
    for group in &task.after_healthy {
        waits.extend(members(cloud, host, group).into_iter().map(|name| (service(name), group.at)));
    }
    waits
}

/// Walks from a unit that cannot start to one it waits for, until one comes again: that is the circle.
fn cycle(nodes: &BTreeMap<String, Node>, done: &BTreeSet<String>) -> Vec<(String, Span)> {
    let mut path: Vec<(String, Span)> = Vec::new();
    let mut at = nodes.keys().next().cloned();
    while let Some(name) = at {
        if let Some(first) = path.iter().position(|(seen, _)| *seen == name) {
            return path.split_off(first);
        }
        let next =
            nodes.get(&name).and_then(|node| node.waits_for.iter().find(|(it, _)| !done.contains(*it)));
        let Some((next, span)) = next else { break };
        path.push((name, *span));
        at = Some(next.clone());
    }
    path
}
