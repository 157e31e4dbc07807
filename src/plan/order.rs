//! The order in which a host's units may start: acyclic, and the same for the same description. Across hosts nothing is
//! ordered here, but a cycle that goes through several hosts is found.

use kl::diag::Problems;
use kl::source::Span;
use model::{At, Class, Cloud, Container, Host, Task, Text, errors};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A unit to start and what must be over before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The unit.
    pub unit: String,
    /// Units whose steps are over first, sorted.
    pub after: Vec<String>,
    /// What it waits for beyond its host.
    pub elsewhere: Elsewhere,
    /// When this step is over.
    pub wait: Wait,
}

/// What a step waits for on other hosts. The host's own order knows nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// Tasks that must be done, by name, sorted.
    pub tasks: Vec<String>,
    /// Groups whose members must be up, by name, sorted.
    pub groups: Vec<String>,
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
    elsewhere: Elsewhere,
}

/// Orders containers, tasks and the units written by hand that containers need; then what nobody waits for: timers and other units.
pub(super) fn order(cloud: &Cloud, host: &Host, tasks: &[&Task], problems: &mut Problems) -> Vec<Step> {
    check_contracts(cloud, host, tasks, problems);
    let awaited = awaited_containers(cloud, host, tasks);
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    for container in &host.containers {
        let healthy = container.health.is_some() && awaited.contains(&*container.name);
        let wait = if healthy { Wait::Healthy } else { Wait::Started };
        let (waits_for, elsewhere) =
            (container_waits(container), elsewhere(cloud, host, &container.after, &[]));
        nodes.insert(service(&container.name), Node { wait, waits_for, elsewhere });
    }
    for task in tasks {
        let (waits_for, elsewhere) =
            (task_waits(cloud, host, task), elsewhere(cloud, host, &task.after, &task.after_healthy));
        nodes.insert(service(&task.name), Node { wait: Wait::Done, waits_for, elsewhere });
    }
    let needed: BTreeSet<&str> =
        host.containers.iter().flat_map(|it| &it.needs_units).map(At::as_str).collect();
    let (needed, others): (Vec<_>, Vec<_>) = host
        .units
        .iter()
        .map(|(name, unit)| (name.to_string(), unit))
        .partition(|(name, _)| needed.contains(&**name));
    for (name, _) in needed {
        let (waits_for, elsewhere) = (BTreeMap::new(), Elsewhere::default());
        nodes.insert(name, Node { wait: Wait::Started, waits_for, elsewhere });
    }
    let mut steps = sorted(nodes).unwrap_or_else(|cycle| {
        problems.push(errors::order_cycle(&cycle));
        Vec::new()
    });
    let timers = host.timers.iter().map(|(name, _)| format!("{name}.timer"));
    let units = others.into_iter().filter(|(_, unit)| !unit.wanted_by.is_empty()).map(|(name, _)| name);
    let step = |unit| Step { unit, after: Vec::new(), elsewhere: Elsewhere::default(), wait: Wait::Started };
    steps.extend(timers.chain(units).map(step));
    steps
}

/// A task of class contract runs when all else is over and committed, so nothing but its like can wait for it.
fn check_contracts(cloud: &Cloud, host: &Host, tasks: &[&Task], problems: &mut Problems) {
    let is_contract = |name: &&Text| {
        cloud.tasks.iter().any(|task| *task.name == *name.value && task.class == Class::Contract)
    };
    let by_containers = host.containers.iter().flat_map(|it| &it.after);
    let by_tasks = tasks.iter().filter(|it| it.class != Class::Contract).flat_map(|it| &it.after);
    for name in by_containers.chain(by_tasks).filter(is_contract) {
        problems.push(errors::waits_for_contract(name.at, name.as_str()));
    }
}

/// Sorts units so that each stands after what it waits for, by name where nothing decides; or returns a cycle.
fn sorted(mut nodes: BTreeMap<String, Node>) -> Result<Vec<Step>, Vec<(String, Span)>> {
    // A name that is not here is another host's affair.
    let known: BTreeSet<String> = nodes.keys().cloned().collect();
    nodes.values_mut().for_each(|node| node.waits_for.retain(|name, _| known.contains(name)));
    let mut waiting: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, node) in &nodes {
        for before in node.waits_for.keys() {
            waiting.entry(before.clone()).or_default().push(name.clone());
        }
    }
    let mut left: BTreeMap<String, usize> =
        nodes.iter().map(|(name, node)| (name.clone(), node.waits_for.len())).collect();
    let mut ready: BTreeSet<String> =
        left.iter().filter(|(_, left)| **left == 0).map(|(name, _)| name.clone()).collect();
    let mut steps = Vec::new();
    while let Some(name) = ready.pop_first() {
        for next in waiting.remove(&name).unwrap_or_default() {
            if let Some(count) = left.get_mut(&next) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(next);
                }
            }
        }
        if let Some(Node { wait, waits_for, elsewhere }) = nodes.remove(&name) {
            steps.push(Step { unit: name, after: waits_for.into_keys().collect(), elsewhere, wait });
        }
    }
    if nodes.is_empty() { Ok(steps) } else { Err(cycle(&nodes)) }
}

/// What the containers of one host wait for, to look for cycles through several hosts.
#[derive(Debug, Default)]
pub struct HostWaits {
    host: Arc<str>,
    containers: Vec<(String, Vec<(String, Span)>)>,
}

/// Keeps what a host's containers wait for; small, for all hosts are kept at once.
pub fn host_waits(host: &Host) -> HostWaits {
    let waits = |it: &Container| {
        let needs = it.needs.iter().map(|need| (format!("{}/{need}", host.name), need.at));
        let after = it.after.iter().map(|task| (task.to_string(), task.at));
        (format!("{}/{}", host.name, it.name), needs.chain(after).collect())
    };
    let waiting = host.containers.iter().filter(|it| !it.needs.is_empty() || !it.after.is_empty());
    HostWaits { host: host.name.clone(), containers: waiting.map(waits).collect() }
}

impl HostWaits {
    /// Returns what each container waits for, by names alone.
    pub fn into_names(self) -> BTreeMap<String, Vec<String>> {
        let names = |all: Vec<(String, Span)>| all.into_iter().map(|(name, _)| name).collect();
        self.containers.into_iter().map(|(container, all)| (container, names(all))).collect()
    }

    /// The same back again. Where it was written is not known.
    pub fn of_names(host: &str, names: &BTreeMap<String, Vec<String>>) -> Self {
        let nowhere = |all: &Vec<String>| all.iter().map(|name| (name.clone(), Span::default())).collect();
        let containers = names.iter().map(|(container, all)| (container.clone(), nowhere(all))).collect();
        Self { host: host.into(), containers }
    }
}

/// Looks for a cycle that goes through several hosts; one within a host was reported when that was planned.
pub fn check_fleet(cloud: &Cloud, hosts: &[HostWaits], problems: &mut Problems) {
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    for (name, waits) in hosts.iter().flat_map(|host| &host.containers) {
        let waits_for = waits.iter().cloned().collect();
        nodes.insert(name.clone(), Node { wait: Wait::Started, waits_for, elsewhere: Elsewhere::default() });
    }
    for task in &cloud.tasks {
        let mut waits_for: BTreeMap<String, Span> =
            task.after.iter().map(|it| (it.to_string(), it.at)).collect();
        for name in &task.after_healthy {
            let group = cloud.groups.iter().find(|it| *it.name == *name.value);
            let members = group.into_iter().flat_map(|group| &group.members);
            waits_for.extend(members.map(|it| (format!("{}/{}", it.host, it.container), name.at)));
        }
        let elsewhere = Elsewhere::default();
        nodes.insert(task.name.to_string(), Node { wait: Wait::Done, waits_for, elsewhere });
    }
    let Err(cycle) = sorted(nodes) else { return };
    let place = |name: &str| match name.split_once('/') {
        Some((host, _)) => Some(host.to_owned()),
        None => cloud.tasks.iter().find(|task| *task.name == *name).map(|task| task.on.to_string()),
    };
    let places: BTreeSet<String> = cycle.iter().filter_map(|(name, _)| place(name)).collect();
    let is_planned = |name: &String| hosts.iter().any(|host| *host.host == **name);
    if places.len() > 1 || !places.iter().all(is_planned) {
        problems.push(errors::order_cycle(&cycle));
    }
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
    let services = container.needs.iter().chain(&container.after).map(|it| (service(it.as_str()), it.at));
    services.chain(container.needs_units.iter().map(|it| (it.to_string(), it.at))).collect()
}

fn task_waits(cloud: &Cloud, host: &Host, task: &Task) -> BTreeMap<String, Span> {
    let mut waits: BTreeMap<String, Span> =
        task.after.iter().map(|it| (service(it.as_str()), it.at)).collect();
    for group in &task.after_healthy {
        waits.extend(members(cloud, host, group).into_iter().map(|name| (service(name), group.at)));
    }
    waits
}

/// What a container or a task waits for that is not on its host: the fleet's affair.
fn elsewhere(cloud: &Cloud, host: &Host, after: &[Text], after_healthy: &[Text]) -> Elsewhere {
    let is_elsewhere =
        |name: &&Text| cloud.tasks.iter().any(|it| *it.name == *name.value && it.on.value != host.name);
    let has_others = |name: &&Text| {
        let group = cloud.groups.iter().find(|it| *it.name == *name.value);
        group.is_some_and(|group| group.members.iter().any(|member| member.host != host.name))
    };
    let tasks: BTreeSet<String> = after.iter().filter(is_elsewhere).map(Text::to_string).collect();
    let groups: BTreeSet<String> = after_healthy.iter().filter(has_others).map(Text::to_string).collect();
    Elsewhere { tasks: tasks.into_iter().collect(), groups: groups.into_iter().collect() }
}

/// Walks from a unit that cannot start to one it waits for, until one comes again: that is the cycle.
fn cycle(nodes: &BTreeMap<String, Node>) -> Vec<(String, Span)> {
    let mut path: Vec<(String, Span)> = Vec::new();
    let mut at = nodes.keys().next().cloned();
    while let Some(name) = at {
        if let Some(first) = path.iter().position(|(seen, _)| *seen == name) {
            return path.split_off(first);
        }
        // What is left waits for something that is left.
        let next =
            nodes.get(&name).and_then(|node| node.waits_for.iter().find(|(it, _)| nodes.contains_key(*it)));
        let Some((next, span)) = next else { break };
        path.push((name, *span));
        at = Some(next.clone());
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(waits_for: &[&str]) -> Node {
        Node {
            wait: Wait::Started,
            elsewhere: Elsewhere::default(),
            waits_for: waits_for.iter().map(|it| (it.to_string(), Span::default())).collect(),
        }
    }

    fn check(nodes: &[(&str, &[&str])], expected: &str) {
        let nodes = nodes.iter().map(|(name, waits)| (name.to_string(), node(waits))).collect();
        let found = match sorted(nodes) {
            Ok(steps) => steps.into_iter().map(|step| step.unit).collect::<Vec<_>>().join(" "),
            Err(cycle) => {
                let names: Vec<String> = cycle.into_iter().map(|(name, _)| name).collect();
                format!("cycle: {}", names.join(" "))
            }
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_waited_for_comes_first_and_names_decide_the_rest() {
        check(&[("c", &[]), ("a", &["b"]), ("b", &["c"]), ("d", &[])], "c b a d");
    }

    #[test]
    fn what_is_not_here_is_not_waited_for() {
        check(&[("a", &["elsewhere"])], "a");
    }

    #[test]
    fn a_circle_is_shown_without_what_only_waits_for_it() {
        check(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &[])], "cycle: b c");
        check(&[("a", &["a"])], "cycle: a");
    }
}
