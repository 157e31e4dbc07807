//! From the closures of all hosts to the plan of the fleet: its waves, and everything that is done in them.
//!
//! Pure. What each host does is planned by the same function as its own switch.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::compare::Change;
use super::errors::Refusal;
use super::formats::{self, HostData};
use super::graph::{Graph, Node, Side, graph, unit_of};
use super::members::{Fleet, Group, Host, Order, State};
use super::waves::{WaveOptions, Waves, plan_waves};
use activate::completions::{self, Completions};
use activate::diff::diff;
use activate::request::Options;
use activate::steps::{Left, Plan, plan};
use store::manifest::TaskClass;
use store::version::Version;
use store::{Closure, Digest};

/// What is known of one host before the switch.
#[derive(Debug, Clone)]
pub struct Known {
    /// What it is; nothing where it has no generation.
    pub from: Option<Closure>,
    /// What it is to become.
    pub to: Closure,
    /// Which tasks were done on it.
    pub completions: Completions,
    /// Whether it answers.
    pub reachable: bool,
    /// Groups whose member on it is down.
    pub down: BTreeSet<String>,
    /// The formats that data in its volumes have.
    pub formats: BTreeMap<String, Version>,
}

/// What a switch of the fleet does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FleetPlan {
    /// The name of the cloud.
    pub cloud: String,
    /// Which hosts switch when, which are left out, and what nobody answers for meanwhile.
    #[serde(flatten)]
    pub waves: Waves,
    /// Everything that is done, wave by wave, host by host.
    pub nodes: Vec<Planned>,
    /// The index of the first node past which there is no way back.
    pub no_return: Option<usize>,
    /// What changed and is left alone.
    pub left: Vec<LeftOn>,
    /// Hosts of which nothing differs, by name.
    pub unchanged: Vec<String>,
    /// What differs on hosts that were something before. The digest does not count it: closures have their own.
    #[serde(skip)]
    pub changes: BTreeMap<String, Change>,
}

/// One node of the graph with its wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// The node.
    #[serde(flatten)]
    pub node: Node,
    /// The index of its wave; none for what is done when the last wave is committed.
    pub wave: Option<usize>,
}

/// A unit that is left alone, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOn {
    /// The host.
    pub host: String,
    /// The unit and the reason.
    #[serde(flatten)]
    pub left: Left,
}

impl Known {
    /// Returns which of these tasks the host has in what it is.
    pub fn done_on_it(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let tasks = self.from.as_ref().map(|it| &it.manifest.tasks);
        names.iter().filter(|name| tasks.is_some_and(|it| it.contains_key(*name))).cloned().collect()
    }

    fn data(&self) -> HostData<'_> {
        let Self { from, to, formats, reachable, .. } = self;
        let from = from.as_ref().map(|it| &it.manifest);
        HostData { from, to: &to.manifest, formats, reachable: *reachable }
    }

    /// Takes for known what an earlier build says: all of it was switched to, all of its tasks were done.
    pub fn since(from: Option<Closure>, to: Closure) -> Self {
        let done = from.as_ref().map(|from| completions::after(&from.manifest)).unwrap_or_default();
        let completions = completions::of(&to.manifest, &done);
        let formats = formats::described(from.as_ref());
        Self { from, to, completions, reachable: true, down: BTreeSet::new(), formats }
    }
}

/// Says of hosts what concerns their data.
pub fn data_of(hosts: &BTreeMap<String, Known>) -> BTreeMap<String, HostData<'_>> {
    hosts.iter().map(|(name, known)| (name.clone(), known.data())).collect()
}

/// One host with its own plan.
struct Planning<'a> {
    known: &'a Known,
    differs: bool,
    plan: Plan,
    change: Option<Change>,
}

/// Plans a switch of all hosts, or says everything that is in the way.
pub fn plan_fleet(
    hosts: &BTreeMap<String, Known>,
    options: &Options,
    wave_options: &WaveOptions,
) -> Result<FleetPlan, Vec<Refusal>> {
    let all: BTreeMap<&str, Planning> =
        hosts.iter().map(|(name, known)| (name.as_str(), plan_host(known, options))).collect();
    refused(&all)?;
    let mut fleet = fleet(&all);
    formats::check(&data_of(hosts), &fleet)?;
    let sides = all.iter().map(|(name, it)| (*name, side(it, &fleet.hosts[*name]))).collect();
    let graph = graph(&sides).map_err(|refusal| vec![refusal])?;
    fleet.orders = orders(&graph);
    let waves = plan_waves(&fleet, wave_options).map_err(|refusal| vec![refusal])?;
    let nodes = in_waves(graph, &waves);
    let is_here = |it: &&Planning| it.differs && it.known.reachable;
    let left = all.iter().filter(|(_, it)| is_here(it)).flat_map(|(host, it)| {
        it.plan.left.iter().map(|left| LeftOn { host: (*host).to_owned(), left: left.clone() })
    });
    Ok(FleetPlan {
        cloud: all.values().next().map(|it| it.known.to.manifest.cloud.clone()).unwrap_or_default(),
        no_return: nodes.iter().position(|it| it.node.is_one_way()),
        nodes,
        left: left.collect(),
        unchanged: all.iter().filter(|(_, it)| !it.differs).map(|(name, _)| (*name).to_owned()).collect(),
        changes: all
            .iter()
            .filter(|(_, it)| it.known.reachable)
            .filter_map(|(name, it)| Some(((*name).to_owned(), it.change.clone()?)))
            .collect(),
        waves,
    })
}

/// Plans one host as its own switch would. One that is the same closure does nothing, whatever its completion records are.
fn plan_host<'a>(known: &'a Known, options: &Options) -> Planning<'a> {
    let Known { from, to, completions, .. } = known;
    let differs = from.as_ref().is_none_or(|from| from.digest() != to.digest());
    if !differs {
        return Planning { known, differs, plan: Plan::default(), change: None };
    }
    let difference = diff(from.as_ref(), to);
    let from_manifest = from.as_ref().map(|from| &from.manifest);
    let plan = plan(&difference, from_manifest, &to.manifest, completions, options);
    let change = from.as_ref().map(|from| Change::of(&difference, &plan.left, Some(from), to));
    Planning { known, differs, plan, change }
}

fn refused(all: &BTreeMap<&str, Planning>) -> Result<(), Vec<Refusal>> {
    let of_host = |(host, it): (&&str, &Planning)| {
        let host = (*host).to_owned();
        let refusal = |refused: &activate::steps::Refused| Refusal::Unit {
            host: host.clone(),
            unit: refused.unit.clone(),
            reason: refused.reason.clone(),
        };
        it.plan.refused.iter().map(refusal).collect::<Vec<_>>()
    };
    let reached = all.iter().filter(|(_, it)| it.known.reachable);
    let refusals: Vec<Refusal> = reached.flat_map(of_host).collect();
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

/// Says of hosts and groups what their waves are planned from, but for the order between hosts.
pub fn fleet_of(hosts: &BTreeMap<String, Known>, options: &Options) -> Fleet {
    fleet(&hosts.iter().map(|(name, known)| (name.as_str(), plan_host(known, options))).collect())
}

fn fleet(all: &BTreeMap<&str, Planning>) -> Fleet {
    let mut fleet = Fleet::default();
    for (name, it) in all {
        for (group, spec) in &it.known.to.manifest.groups {
            let entry = fleet.groups.entry(group.clone()).or_insert_with(|| Group {
                quorum: spec.quorum,
                max_unavailable: spec.max_unavailable,
                ..Group::default()
            });
            // Where manifests differ, as where one host lies, the strictest holds.
            entry.quorum |= spec.quorum;
            entry.max_unavailable = entry.max_unavailable.min(spec.max_unavailable);
            entry.members.insert((*name).to_owned());
        }
    }
    for (name, it) in all {
        let groups = it.known.from.iter().flat_map(|from| from.manifest.groups.keys());
        for group in groups.filter(|group| !it.known.to.manifest.groups.contains_key(*group)) {
            if let Some(group) = fleet.groups.get_mut(group) {
                group.leaving.insert((*name).to_owned());
            }
        }
        fleet.hosts.insert((*name).to_owned(), host(it));
    }
    fleet
}

fn host(it: &Planning) -> Host {
    let Known { from, to, reachable, down, .. } = it.known;
    let state = match (reachable, from) {
        (false, _) => State::Unreachable,
        (true, None) => State::Bare,
        (true, Some(_)) => State::Running,
    };
    let stopped = it.plan.stops.iter().map(|stop| stop.unit.as_str());
    let acted: BTreeSet<&str> = stopped.chain(it.plan.acts.iter().map(|act| act.unit.as_str())).collect();
    let sides = [Some(&to.manifest), from.as_ref().map(|from| &from.manifest)];
    let members = sides.into_iter().flatten().flat_map(|side| {
        side.groups.iter().filter_map(|(group, spec)| Some((group, unit_of(side, &spec.container)?)))
    });
    let touches = members.filter(|(_, unit)| acted.contains(unit)).map(|(group, _)| group.clone()).collect();
    // A member that the host does not have yet is down until it comes.
    let is_new = |(_, spec): &(&String, &store::manifest::Group)| {
        let unit = unit_of(&to.manifest, &spec.container);
        let is_there = |from: &Closure| unit.is_some_and(|unit| from.manifest.units.contains_key(unit));
        from.as_ref().is_some_and(|from| !is_there(from))
    };
    let new = to.manifest.groups.iter().filter(is_new).map(|(group, _)| group.clone());
    Host { state, differs: it.differs, touches, down: down.iter().cloned().chain(new).collect() }
}

fn side<'a>(it: &'a Planning<'a>, host: &'a Host) -> Side<'a> {
    let comes_up = |group: &&String| it.known.reachable && host.is_down(group);
    let comes_up = host.touches.iter().filter(comes_up).map(String::as_str).collect();
    Side { to: &it.known.to.manifest, plan: &it.plan, comes_up }
}

/// Which hosts wait for which. What runs after the last wave holds nobody up.
fn orders(graph: &Graph) -> BTreeSet<Order> {
    let node = |idx: usize| &graph.nodes[idx];
    let is_early = |(before, after): &&(usize, usize)| !node(*before).is_last() && !node(*after).is_last();
    let order = |(before, after): &(usize, usize)| Order {
        before: node(*before).host.clone(),
        after: node(*after).host.clone(),
        what: node(*before).unit.clone(),
    };
    graph.across.iter().filter(is_early).map(order).filter(|order| order.before != order.after).collect()
}

/// Puts nodes into their waves, and leaves out those of hosts that are in none.
fn in_waves(graph: Graph, waves: &Waves) -> Vec<Planned> {
    let waves_of = waves.waves.iter().enumerate();
    let wave_of: BTreeMap<&str, usize> =
        waves_of.flat_map(|(idx, wave)| wave.hosts.iter().map(move |host| (host.as_str(), idx))).collect();
    let mut kept: Vec<(usize, &Node)> = graph.nodes.iter().enumerate().collect();
    kept.retain(|(_, node)| wave_of.contains_key(node.host.as_str()));
    // Hosts are in the order of their names already, and nodes in that of their host.
    kept.sort_by_key(|(_, node)| (node.is_last(), wave_of[node.host.as_str()], node.host.as_str()));
    let places: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, (old, _))| (*old, new)).collect();
    let planned = |(_, node): &(usize, &Node)| Planned {
        wave: (!node.is_last()).then(|| wave_of[node.host.as_str()]),
        node: Node {
            after: node.after.iter().filter_map(|idx| places.get(idx).copied()).collect(),
            ..(*node).clone()
        },
    };
    kept.iter().map(planned).collect()
}

impl FleetPlan {
    /// Returns the digest of all that it says: a plan of other facts has another one.
    pub fn digest(&self) -> Digest {
        // Writing plain structs into memory cannot fail.
        Digest::of(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}

impl Node {
    /// Says whether it is done when the last wave is committed.
    pub fn is_last(&self) -> bool {
        self.class == Some(TaskClass::Contract)
    }

    /// Says whether there is no way back past it.
    pub fn is_one_way(&self) -> bool {
        matches!(self.class, Some(TaskClass::OneWay | TaskClass::Contract))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::manifest::parse_manifest;

    fn known(host: &str, quorum: bool, max_unavailable: u64) -> Known {
        let text = format!(
            r#"{{"version":1,"cloud":"t","host":"{host}","backend":"quadlet","engine":"0","groups":{{"db":
            {{"container":"db","hosts":["a","b","c"],"quorum":{quorum},"max_unavailable":{max_unavailable},"patience_secs":9}}}}}}"#
        );
        let to = Closure::new(parse_manifest(&text).unwrap_or_else(|error| panic!("{error}")));
        Known {
            from: None,
            to,
            completions: Completions::default(),
            reachable: true,
            down: BTreeSet::new(),
            formats: BTreeMap::new(),
        }
    }

    #[test]
    fn the_strictest_manifest_says_how_many_may_be_down() {
        for liar in ["a", "b", "c"] {
            let hosts = ["a", "b", "c"].map(|host| {
                let (quorum, most) = if host == liar { (false, 3) } else { (true, 1) };
                (host.to_owned(), known(host, quorum, most))
            });
            let fleet = fleet_of(&BTreeMap::from(hosts), &Options::default());
            let group = &fleet.groups["db"];
            assert_eq!((group.quorum, group.max_unavailable), (true, 1), "{liar}");
        }
    }
}
