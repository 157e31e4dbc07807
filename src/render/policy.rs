//! What of the model stands in the manifest as it is: groups, gates, change policies, the order.
//!
//! Decides nothing, and writes no unit.

use super::lower::whole_secs;
use model::{self, At, Cloud, Container, Contract, Host, Text};
use std::collections::BTreeMap;
use store::manifest::{self, Ask, Change, Gate, Probe, Wait};

/// The groups that this host is part of.
pub fn groups(cloud: &Cloud, host: &Host) -> BTreeMap<String, manifest::Group> {
    let texts = |all: &[Text]| all.iter().map(At::to_string).collect::<Vec<_>>();
    let mine = |group: &model::Group| {
        let model::Group { name, at: _, members, quorum, max_unavailable, probe, progress, join_timeout } =
            group;
        let member = members.iter().find(|member| member.host == host.name)?;
        let group = manifest::Group {
            container: member.container.to_string(),
            hosts: members.iter().map(|member| member.host.to_string()).collect(),
            quorum: *quorum,
            max_unavailable: *max_unavailable,
            probe: texts(probe),
            progress: texts(progress),
            patience_secs: whole_secs(*join_timeout),
        };
        Some((name.to_string(), group))
    };
    cloud.groups.iter().filter_map(mine).collect()
}

/// A step of the order.
pub fn step(step: &plan::Step) -> manifest::Step {
    let plan::Step { unit, after, elsewhere, wait } = step;
    let wait = match wait {
        plan::Wait::Started => Wait::Started,
        plan::Wait::Healthy => Wait::Healthy,
        plan::Wait::Done => Wait::Done,
    };
    manifest::Step {
        unit: unit.clone(),
        after: after.clone(),
        after_tasks: elsewhere.tasks.clone(),
        after_groups: elsewhere.groups.clone(),
        wait,
    }
}

/// What a change does to a container.
pub fn change(it: &Container) -> Change {
    match &it.change {
        model::Change::Restart => Change::Restart,
        model::Change::StopStart => Change::StopStart,
        model::Change::Keep => Change::Keep,
        model::Change::Manual => Change::Manual,
        model::Change::Dataplane => Change::Dataplane,
        model::Change::Reload(words) => {
            let words: Vec<String> = words.iter().map(At::to_string).collect();
            match it.run.contract {
                Contract::Direct => Change::Reload { command: words },
                // Kolla's images copy their files; the new ones are copied before anybody is told to read them.
                Contract::Kolla => {
                    let first = ["bash", "-c", "sudo -E kolla_set_configs && \"$@\"", "reload"];
                    Change::Reload { command: first.into_iter().map(str::to_owned).chain(words).collect() }
                }
            }
        }
    }
}

/// When a container counts as up.
pub fn gate(it: &Container) -> Gate {
    let model::Gate { soak, probes, progress } = &it.gate;
    let probe = |(name, probe): &(std::sync::Arc<str>, model::Probe)| {
        let ask = match &probe.ask {
            // A missing address was reported when it was read.
            model::Ask::Tcp(address, port) => Ask::Tcp { address: (*address)?, port: *port },
            model::Ask::Http { address, port, path, status } => {
                Ask::Http { address: (*address)?, port: *port, path: path.to_string(), status: *status }
            }
            model::Ask::Command(words) => Ask::Command { command: words.iter().map(At::to_string).collect() },
        };
        Some((name.to_string(), Probe { ask, timeout_secs: whole_secs(probe.timeout) }))
    };
    Gate {
        healthy: it.health.is_some(),
        soak_secs: whole_secs(*soak),
        probes: probes.iter().filter_map(probe).collect(),
        progress: progress.iter().map(At::to_string).collect(),
    }
}
