//! Random clouds as closures: units with two definitions, tasks, groups, and what waits for what across hosts without a cycle.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::empty;
use kolla_lang::fleet::plan::Known;
use kolla_lang::store::manifest::*;
use kolla_lang::store::{Closure, Digest};
use proptest::prelude::*;

/// A container or a task of one host. What it waits for has a lower index.
#[derive(Debug, Clone)]
pub struct Thing {
    pub host: usize,
    pub is_task: bool,
    /// What it is before the switch and after it; none where it is not described.
    pub before: Option<u8>,
    pub after: u8,
    pub class: TaskClass,
    /// Indices of tasks and of containers of its own host.
    pub waits: BTreeSet<usize>,
    /// Groups by index, for a task; all of their members have a lower index than it.
    pub groups: BTreeSet<usize>,
    /// The group that it is a member of, for a container.
    pub member_of: Option<usize>,
}

/// A cloud of closures.
#[derive(Debug, Clone)]
pub struct Cloud {
    pub things: Vec<Thing>,
    /// By host: has no generation, cannot be reached.
    pub hosts: Vec<(bool, bool)>,
}

/// How many groups there may be.
const N_GROUPS: usize = 3;

pub fn host_name(idx: usize) -> String {
    format!("h{idx}")
}

pub fn unit_name(idx: usize) -> String {
    format!("u{idx}.service")
}

/// Draws clouds.
pub fn clouds() -> impl Strategy<Value = Cloud> {
    let thing =
        (any::<u8>(), any::<bool>(), prop::option::weighted(0.8, 0u8..2), 0u8..2, 0u8..8, any::<u32>());
    let host = (prop::bool::weighted(0.2), prop::bool::weighted(0.05));
    (prop::collection::vec(thing, 1..24), prop::collection::vec(host, 1..6)).prop_map(|(raw, hosts)| {
        let mut things: Vec<Thing> = Vec::new();
        for (idx, (host, is_task, before, after, class, bits)) in raw.into_iter().enumerate() {
            let host = usize::from(host) % hosts.len();
            let bit = |n: usize| bits >> (n % 32) & 1 == 1;
            let may_wait =
                |it: &Thing| it.is_task && it.class != TaskClass::Contract || it.host == host && !it.is_task;
            let waits = (0..idx).filter(|it| may_wait(&things[*it]) && bit(*it) && bit(it * 7 + 3)).collect();
            let is_free = |group: usize| {
                !things.iter().any(|it| it.host == host && it.member_of == Some(group))
                    && !things.iter().any(|it| it.groups.contains(&group))
            };
            let member_of = (0..N_GROUPS).find(|group| !is_task && bit(group + 9) && is_free(*group));
            let groups = (0..N_GROUPS).filter(|group| is_task && bit(group + 17)).collect();
            let class =
                [TaskClass::Expand, TaskClass::OneWay, TaskClass::Contract][usize::from(class.min(7)) / 3];
            things.push(Thing { host, is_task, before, after, class, waits, groups, member_of });
        }
        Cloud { things, hosts }
    })
}

impl Cloud {
    /// Returns what is known of its hosts before the switch.
    pub fn known(&self) -> BTreeMap<String, Known> {
        let known = |(idx, (is_bare, is_lost)): (usize, &(bool, bool))| {
            let from = (!is_bare).then(|| self.closure(idx, |it| it.before));
            let known = Known::since(from, self.closure(idx, |it| Some(it.after)));
            (host_name(idx), Known { reachable: !is_lost, ..known })
        };
        self.hosts.iter().enumerate().map(known).collect()
    }

    /// The containers of a group.
    pub fn members(&self, group: usize) -> impl Iterator<Item = usize> {
        let is_member = move |(_, it): &(usize, &Thing)| it.member_of == Some(group);
        self.things.iter().enumerate().filter(is_member).map(|(idx, _)| idx)
    }

    fn closure(&self, host: usize, side: impl Fn(&Thing) -> Option<u8>) -> Closure {
        let mut manifest = empty("random", &host_name(host));
        let here = self.things.iter().enumerate().filter(|(_, it)| it.host == host);
        for (idx, thing, version) in here.filter_map(|(idx, it)| Some((idx, it, side(it)?))) {
            let name = unit_name(idx);
            manifest.units.insert(name.clone(), unit(idx, thing, version));
            if thing.is_task {
                let once = format!("{idx}/{version}");
                let (unit, volumes) = (name.clone(), vec![]);
                manifest.tasks.insert(
                    format!("u{idx}"),
                    Task { unit, once, class: thing.class, repeat: false, volumes },
                );
            }
            if let Some(group) = thing.member_of {
                manifest.groups.insert(format!("g{group}"), self.group(idx, group));
            }
            let (here, others): (Vec<_>, Vec<_>) =
                thing.waits.iter().partition(|it| self.things[**it].host == host);
            let has_others = |group: &&usize| self.members(**group).any(|it| self.things[it].host != host);
            let of_groups = thing.groups.iter().flat_map(|group| self.members(*group));
            let members_here = of_groups.filter(|it| self.things[*it].host == host);
            let after: BTreeSet<usize> = here.into_iter().copied().chain(members_here).collect();
            manifest.order.push(Step {
                unit: name,
                after: after
                    .into_iter()
                    .map(unit_name)
                    .filter(|it| manifest.units.contains_key(it))
                    .collect(),
                after_tasks: others.into_iter().map(|it| format!("u{it}")).collect(),
                after_groups: thing.groups.iter().filter(has_others).map(|it| format!("g{it}")).collect(),
                wait: if thing.is_task { Wait::Done } else { Wait::Started },
            });
        }
        Closure::new(manifest)
    }

    fn group(&self, idx: usize, group: usize) -> Group {
        Group {
            container: format!("u{idx}"),
            hosts: self.members(group).map(|it| host_name(self.things[it].host)).collect(),
            quorum: group == 0,
            max_unavailable: group.max(1) as u64,
            probe: vec![],
            progress: vec![],
            patience_secs: 60,
        }
    }
}

fn unit(idx: usize, thing: &Thing, version: u8) -> Unit {
    let digest = |what: &str| Digest::of(format!("{idx} {what} {version}").as_bytes());
    Unit {
        kind: if thing.is_task { UnitKind::Task } else { UnitKind::Container },
        files: vec![],
        container: Some(format!("u{idx}")),
        image: None,
        digests: Digests { restart: digest("restart"), reload: digest("reload"), meta: digest("meta") },
        change: if idx.is_multiple_of(3) { Change::StopStart } else { Change::Restart },
        gate: Gate::default(),
        stop_secs: 10,
        start_secs: 10,
        boot: !thing.is_task,
        network: None,
        drains: false,
        uses: vec![],
    }
}
