//! How many members of a group may be down, and whether a wave would take down more. Chooses no wave.

use std::collections::{BTreeMap, BTreeSet};

use super::members::{Fleet, Group};

/// Returns how many members of a group may be down at once; none where there is no limit, for a group of one has no other.
pub fn disruption_budget(group: &Group) -> Option<usize> {
    if group.members.union(&group.leaving).count() <= 1 {
        return None;
    }
    let most = usize::try_from(group.max_unavailable).unwrap_or(usize::MAX);
    // A group that shrinks to one is no quorum any more; those that leave go one by one.
    let of_quorum = match group.members.len() {
        0 | 1 => 1,
        n => (n - 1) / 2,
    };
    Some(if group.quorum { most.min(of_quorum) } else { most })
}

/// Which members are down between two waves.
#[derive(Debug, Clone)]
pub struct Down<'a> {
    fleet: &'a Fleet,
    hosts: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

/// A group whose disruption budget a wave would exceed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetExceeded {
    /// The group.
    pub group: String,
    /// Hosts whose members are up and would be taken down, by name.
    pub taken: Vec<String>,
    /// Hosts whose members are down before, by name.
    pub down: Vec<String>,
    /// How many may be down at once.
    pub disruption_budget: usize,
}

impl<'a> Down<'a> {
    /// Finds what is down before the first wave.
    pub fn at_first(fleet: &'a Fleet) -> Self {
        let hosts_of = |(name, group): (&'a String, &'a Group)| {
            let members = group.members.union(&group.leaving).map(String::as_str);
            let is_down = |host: &&str| fleet.hosts.get(*host).is_some_and(|host| host.is_down(name));
            (name.as_str(), members.filter(is_down).collect())
        };
        Self { fleet, hosts: fleet.groups.iter().map(hosts_of).collect() }
    }

    /// Says whether a member that is touched on a host is down.
    pub fn is_any_down_on(&self, host: &str) -> bool {
        let touches = self.fleet.hosts.get(host).into_iter().flat_map(|host| &host.touches);
        touches.filter_map(|group| self.hosts.get(group.as_str())).any(|down| down.contains(host))
    }

    /// Returns the first group, by name, that would exceed its disruption budget if these hosts joined those of a wave.
    ///
    /// Members that are down count as down, whoever took them down; to touch no others hurts nobody.
    pub fn exceeded_by(&self, wave: &BTreeSet<&str>, joining: &BTreeSet<&str>) -> Option<BudgetExceeded> {
        let touched = joining.iter().filter_map(|host| self.fleet.hosts.get(*host));
        let groups: BTreeSet<&String> = touched.flat_map(|host| &host.touches).collect();
        groups.into_iter().find_map(|name| {
            let disruption_budget = disruption_budget(self.fleet.groups.get(name)?)?;
            let down = self.hosts.get(name.as_str())?;
            let touches =
                |host: &&&str| self.fleet.hosts.get(**host).is_some_and(|host| host.touches.contains(name));
            let touched: BTreeSet<&str> = wave.union(joining).filter(touches).copied().collect();
            let taken: Vec<String> = touched.difference(down).map(|it| (*it).to_owned()).collect();
            if taken.is_empty() || down.union(&touched).count() <= disruption_budget {
                return None;
            }
            let down = down.iter().map(|it| (*it).to_owned()).collect();
            Some(BudgetExceeded { group: name.clone(), taken, down, disruption_budget })
        })
    }

    /// Counts what a wave touched as up: its gates hold.
    pub fn came_up(&mut self, wave: &BTreeSet<&str>) {
        let fleet = self.fleet;
        for host in wave {
            for group in fleet.hosts.get(*host).into_iter().flat_map(|host| &host.touches) {
                if let Some(down) = self.hosts.get_mut(group.as_str()) {
                    down.remove(*host);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(n: usize, n_leaving: usize, quorum: bool, max_unavailable: u64) -> Group {
        let hosts = |prefix: &str, n: usize| (0..n).map(|idx| format!("{prefix}{idx}")).collect();
        Group { members: hosts("h", n), leaving: hosts("l", n_leaving), quorum, max_unavailable }
    }

    fn check(group: &Group, expected: Option<usize>) {
        assert_eq!(disruption_budget(group), expected, "{group:?}");
    }

    #[test]
    fn a_quorum_needs_more_than_half() {
        check(&group(3, 0, true, 9), Some(1));
        check(&group(4, 0, true, 9), Some(1));
        check(&group(5, 0, true, 9), Some(2));
        check(&group(5, 0, true, 1), Some(1));
        check(&group(2, 0, true, 1), Some(0));
    }

    #[test]
    fn a_group_of_one_has_no_limit_and_others_have_theirs() {
        check(&group(1, 0, true, 1), None);
        check(&group(1, 2, true, 3), Some(1));
        check(&group(40, 0, false, 4), Some(4));
    }
}
