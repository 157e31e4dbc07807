//! What the waves are planned from: hosts, groups and order, as plain data. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};

/// A cloud before a switch of all its hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    /// The hosts by name.
    pub hosts: BTreeMap<String, Host>,
    /// The groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Which host comes before which other one, or in the same wave.
    pub orders: BTreeSet<Order>,
}

/// One host before the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Whether it runs anything, and whether anybody can know.
    pub state: State,
    /// Whether it is to become another generation than it has.
    pub differs: bool,
    /// The groups whose member on this host a switch stops, starts, restarts or reloads.
    pub touches: BTreeSet<String>,
    /// The groups whose member on this host is down already. Where the state says that all are, nothing has to be named.
    pub down: BTreeSet<String>,
}

/// Whether a host runs anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has no generation, so nothing of it is up.
    Bare,
    /// It has a generation; what is not said to be down is up.
    Running,
    /// It does not answer: all of it counts as down, and it is left out.
    Unreachable,
}

/// Members on several hosts that form one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The hosts that have a member as described.
    pub members: BTreeSet<String>,
    /// The hosts that have a member now and lose it by the switch. They count while they are touched, and then no longer.
    pub leaving: BTreeSet<String>,
    /// Whether more than half must stay up.
    pub quorum: bool,
    /// How many may be down at once.
    pub max_unavailable: u64,
}

/// One host that waits for another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The host whose wave is earlier or the same.
    pub before: String,
    /// The host that waits.
    pub after: String,
    /// What on `before` is waited for, like `keystone-db-sync`.
    pub what: String,
}

impl Fleet {
    /// Returns the hosts that have something to do and can be reached, by name.
    pub fn to_switch(&self) -> impl Iterator<Item = (&str, &Host)> {
        let is_wanted = |host: &Host| host.differs && host.state != State::Unreachable;
        self.hosts.iter().filter(move |(_, host)| is_wanted(host)).map(|(name, host)| (name.as_str(), host))
    }

    /// Returns the hosts that have something to do and cannot be reached, by name.
    pub fn skipped(&self) -> Vec<String> {
        let is_unreachable = |host: &Host| host.differs && host.state == State::Unreachable;
        self.hosts.iter().filter(|(_, host)| is_unreachable(host)).map(|(name, _)| name.clone()).collect()
    }
}

impl Host {
    /// Says whether the member of a group on this host is down before the switch.
    pub fn is_down(&self, group: &str) -> bool {
        self.state != State::Running || self.down.contains(group)
    }
}
