//! Random pairs of manifests of one host that have much in common, as two generations do.

use super::manifest::empty;
use kolla_lang::store::manifest::*;
use kolla_lang::store::{Digest, Manifest};
use proptest::prelude::*;

/// Two manifests, and what chooses a host between them.
#[derive(Clone)]
pub struct Pair {
    pub a: Manifest,
    pub b: Manifest,
    /// For each unit that either knows: down, by a, by b.
    pub mix: Vec<u8>,
    pub salt: u64,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (side, manifest) in [("a", &self.a), ("b", &self.b)] {
            for (name, unit) in &manifest.units {
                let Digests { restart, reload, .. } = &unit.digests;
                let (change, uses) = (&unit.change, &unit.uses);
                writeln!(out, "{side} {name} {} {} {change:?} {uses:?}", restart.short(), reload.short())?;
            }
        }
        write!(out, "mix {:?}", self.mix)
    }
}

/// How one unit looks on one side; none where it is not described.
#[derive(Debug, Clone)]
struct Side {
    restart: u8,
    reload: u8,
    policy: u8,
    /// The network it is in, if any.
    network: Option<u8>,
    /// Which of the units before it it comes after.
    after: u8,
}

const N_UNITS: usize = 6;
const N_NETWORKS: usize = 2;
const N_TASKS: usize = 2;

fn side() -> impl Strategy<Value = Side> {
    (0..2u8, 0..2u8, 0..6u8, prop::option::weighted(0.4, 0..N_NETWORKS as u8), any::<u8>()).prop_map(
        |(restart, reload, policy, network, after)| Side { restart, reload, policy, network, after },
    )
}

/// A unit on both sides: often the same, often gone or new on one.
fn sides() -> impl Strategy<Value = [Option<Side>; 2]> {
    (side(), side(), 0..8u8).prop_map(|(a, b, how)| match how {
        0 => [Some(a), None],
        1 => [None, Some(b)],
        2 | 3 => [Some(a), Some(b)],
        4 => [Some(a.clone()), Some(Side { reload: b.reload, ..a })],
        _ => [Some(a.clone()), Some(a)],
    })
}

/// Draws a pair.
pub fn pair() -> impl Strategy<Value = Pair> {
    let networks = prop::collection::vec((0..3u8, 0..3u8), N_NETWORKS);
    let tasks = prop::collection::vec((0..2u8, 0..2u8), N_TASKS);
    let units = prop::collection::vec(sides(), N_UNITS);
    let mix = prop::collection::vec(0..3u8, N_UNITS + N_NETWORKS + N_TASKS);
    (units, networks, tasks, mix, any::<u64>()).prop_map(|(units, networks, tasks, mix, salt)| {
        let of = |side: usize| {
            let units: Vec<_> = units.iter().map(|both| both[side].as_ref()).collect();
            let pick = |both: &(u8, u8)| if side == 0 { both.0 } else { both.1 };
            manifest(
                &units,
                &networks.iter().map(pick).collect::<Vec<_>>(),
                &tasks.iter().map(pick).collect::<Vec<_>>(),
            )
        };
        Pair { a: of(0), b: of(1), mix, salt }
    })
}

fn manifest(units: &[Option<&Side>], networks: &[u8], tasks: &[u8]) -> Manifest {
    let mut manifest = empty("c", "h");
    let mut earlier: Vec<String> = Vec::new();
    for (idx, version) in tasks.iter().enumerate() {
        let name = format!("t{idx}");
        let unit_name = format!("{name}.service");
        let digests = digests(&format!("{name} {version}"), "");
        manifest.units.insert(unit_name.clone(), unit(UnitKind::Task, digests, Change::Keep, false));
        let task = Task {
            unit: unit_name.clone(),
            once: format!("{name} {version}"),
            class: TaskClass::Expand,
            repeat: false,
            volumes: vec![],
        };
        manifest.tasks.insert(name, task);
        manifest.order.push(Step {
            unit: unit_name.clone(),
            after: vec![],
            after_tasks: vec![],
            after_groups: vec![],
            wait: Wait::Done,
        });
        earlier.push(unit_name);
    }
    for (idx, side) in units.iter().enumerate() {
        let Some(side) = side else { continue };
        let name = format!("u{idx}.service");
        // 2 of 3 networks are described; nobody is in one that is not.
        let network = side.network.filter(|it| networks[usize::from(*it)] < 2);
        let reload = if side.policy == 1 { side.reload.to_string() } else { String::new() };
        let restart = format!("{name} {} {network:?}", side.restart);
        let change = match side.policy {
            1 => Change::Reload { command: vec!["reload".into()] },
            2 => Change::StopStart,
            3 => Change::Keep,
            4 => Change::Manual,
            5 => Change::Dataplane,
            _ => Change::Restart,
        };
        let mut unit = unit(UnitKind::Container, digests(&restart, &reload), change, true);
        unit.container = Some(format!("u{idx}"));
        unit.uses = network.map(network_name).into_iter().collect();
        manifest.units.insert(name.clone(), unit);
        let after = earlier.iter().enumerate().filter(|(bit, _)| side.after >> (bit % 8) & 1 == 1);
        let after = after.map(|(_, name)| name.clone()).collect();
        manifest.order.push(Step {
            unit: name.clone(),
            after,
            after_tasks: vec![],
            after_groups: vec![],
            wait: Wait::Started,
        });
        earlier.push(name);
    }
    for (idx, version) in networks.iter().enumerate().filter(|(_, version)| **version < 2) {
        let name = network_name(idx as u8);
        let digests = digests(&format!("{name} {version}"), "");
        let mut unit = unit(UnitKind::Network, digests, Change::Restart, false);
        unit.network = Some(format!("n{idx}-{version}"));
        manifest.units.insert(name, unit);
    }
    manifest
}

fn network_name(idx: u8) -> String {
    format!("n{idx}-network.service")
}

fn digests(restart: &str, reload: &str) -> Digests {
    let of = |text: &str| Digest::of(text.as_bytes());
    Digests { restart: of(restart), reload: of(reload), meta: of("") }
}

fn unit(kind: UnitKind, digests: Digests, change: Change, boot: bool) -> Unit {
    Unit {
        kind,
        files: vec![],
        container: None,
        image: None,
        digests,
        change,
        gate: Gate::default(),
        stop_secs: 10,
        start_secs: 10,
        boot,
        network: None,
        drains: false,
        uses: vec![],
    }
}

/// Writes a manifest with the keys of all its maps in another order, and reads it again.
pub fn shuffled(manifest: &Manifest, salt: u64) -> Result<Manifest, String> {
    let value = serde_json::to_value(manifest).map_err(|error| error.to_string())?;
    let mut text = String::new();
    write(&value, &mut { salt }, &mut text);
    parse_manifest(&text).map_err(|error| error.to_string())
}

fn write(value: &serde_json::Value, salt: &mut u64, text: &mut String) {
    match value {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            for at in (1..entries.len()).rev() {
                *salt = salt.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                entries.swap(at, (*salt >> 33) as usize % (at + 1));
            }
            text.push('{');
            for (idx, (key, value)) in entries.into_iter().enumerate() {
                text.push_str(if idx == 0 { "" } else { "," });
                text.push_str(&format!("{}:", serde_json::Value::from(key.as_str())));
                write(value, salt, text);
            }
            text.push('}');
        }
        serde_json::Value::Array(all) => {
            text.push('[');
            for (idx, value) in all.iter().enumerate() {
                text.push_str(if idx == 0 { "" } else { "," });
                write(value, salt, text);
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}
