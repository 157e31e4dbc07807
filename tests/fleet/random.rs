//! Random clouds: hosts in several states, groups that overlap on them, hosts that wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use kolla_lang::fleet::members::{Fleet, Group, Host, Order, State};
use kolla_lang::fleet::waves::WaveOptions;
use proptest::prelude::*;
use proptest::sample::subsequence;

/// A cloud, and what is asked of its waves.
#[derive(Debug, Clone)]
pub struct Case {
    pub fleet: Fleet,
    pub wave_options: WaveOptions,
    /// Chooses the moments that are looked at.
    pub salt: u64,
}

/// One host before it is known which groups there are: its state, whether it differs, and which of ten groups are down on it.
type RawHost = (u8, bool, Vec<bool>);
/// One group: members, touched, leaving, quorum, how many may be down.
type RawGroup = (Vec<usize>, u64, bool, u64);

/// Draws clouds of at most so many hosts.
pub fn cases(most_hosts: usize) -> impl Strategy<Value = Case> {
    (2..=most_hosts).prop_flat_map(move |n| {
        let host = (0u8..12, prop::bool::weighted(0.85), prop::collection::vec(prop::bool::weighted(0.1), 5));
        let all: Vec<usize> = (0..n).collect();
        let group = (subsequence(all, 1..=n), any::<u64>(), any::<bool>(), 1u64..=3);
        let orders = prop::collection::vec((0..n, 0..n), 0..=n);
        let wave_options = (prop::option::weighted(0.2, 0..n), prop::option::weighted(0.2, 1usize..=3));
        (
            prop::collection::vec(host, n),
            prop::collection::vec(group, 1..=5),
            orders,
            wave_options,
            (any::<u64>(), 0u8..3),
        )
            .prop_map(|(hosts, groups, orders, wave_options, (salt, kind))| {
                case(&hosts, &groups, &orders, wave_options, salt, kind)
            })
    })
}

fn case(
    hosts: &[RawHost],
    groups: &[RawGroup],
    orders: &[(usize, usize)],
    (canary, max_parallel): (Option<usize>, Option<usize>),
    salt: u64,
    kind: u8,
) -> Case {
    let mut fleet = Fleet { hosts: hosts.iter().enumerate().map(host).collect(), ..Fleet::default() };
    for (idx, (members, bits, quorum, max_unavailable)) in groups.iter().enumerate() {
        let group = format!("g{idx}");
        let (mut staying, mut leaving) = (BTreeSet::new(), BTreeSet::new());
        for (member, name) in members.iter().map(|member| (*member, name(*member))) {
            // Most members are touched, a few leave: a change of one group is a change on all its hosts.
            let bits = bits.rotate_right(member as u32 * 5) & 31;
            let leaves = bits == 0 && hosts[member].1;
            if leaves {
                leaving.insert(name.clone())
            } else {
                staying.insert(name.clone())
            };
            if let Some(host) = fleet.hosts.get_mut(&name)
                && host.differs
                && (leaves || bits > 6)
            {
                host.touches.insert(group.clone());
            }
        }
        let (quorum, max_unavailable) = (*quorum, *max_unavailable);
        fleet.groups.insert(group, Group { members: staying, leaving, quorum, max_unavailable });
    }
    // In most clouds the order has no cycle, as in most descriptions.
    let order = |(one, other): &(usize, usize)| {
        let (before, after) = if kind == 0 { (*one, *other) } else { (*one.min(other), *one.max(other)) };
        (before != after).then(|| Order { before: name(before), after: name(after), what: "task".to_owned() })
    };
    fleet.orders = orders.iter().take(if kind == 2 { 1 } else { orders.len() }).filter_map(order).collect();
    Case { fleet, wave_options: WaveOptions { canary: canary.map(name), max_parallel }, salt }
}

fn name(idx: usize) -> String {
    // Names do not grow with the index, so that no order of theirs is the order of the hosts by accident.
    format!("{}{idx}", ["m", "c", "x", "a"][idx % 4])
}

fn host((idx, (state, differs, down)): (usize, &RawHost)) -> (String, Host) {
    let state = match state {
        0 => State::Unreachable,
        1 | 2 => State::Bare,
        _ => State::Running,
    };
    let down: BTreeMap<usize, bool> = down.iter().copied().enumerate().collect();
    let down = down.into_iter().filter(|(_, is_down)| *is_down).map(|(group, _)| format!("g{group}"));
    (name(idx), Host { state, differs: *differs, touches: BTreeSet::new(), down: down.collect() })
}
