//! Hosts that wait for each other, directly or through others: they can only switch together. Knows no groups.

use std::collections::{BTreeMap, BTreeSet};

use super::members::Order;

/// Hosts that must be in one wave: one host, or a cycle of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together<'a> {
    /// The hosts.
    pub hosts: BTreeSet<&'a str>,
    /// Other hosts that must have switched before, or do so in the same wave.
    pub after: BTreeSet<&'a str>,
}

/// Splits hosts into those that must switch together, by the name of the first of each. An order that names another host is
/// nobody's here.
pub fn together<'a>(hosts: &BTreeSet<&'a str>, orders: &'a BTreeSet<Order>) -> Vec<Together<'a>> {
    let mut before: BTreeMap<&str, BTreeSet<&str>> =
        hosts.iter().map(|host| (*host, BTreeSet::new())).collect();
    for order in orders {
        let (one, other) = (order.before.as_str(), order.after.as_str());
        if one != other
            && hosts.contains(one)
            && let Some(before) = before.get_mut(other)
        {
            before.insert(one);
        }
    }
    let all_before: BTreeMap<&str, BTreeSet<&str>> =
        hosts.iter().map(|host| (*host, reached(host, &before))).collect();
    let mut out = Vec::new();
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    for host in hosts {
        if placed.contains(host) {
            continue;
        }
        let waits_back = |it: &&&str| all_before.get(**it).is_some_and(|before| before.contains(host));
        let mut cycle: BTreeSet<&str> = all_before[host].iter().filter(waits_back).copied().collect();
        cycle.insert(host);
        placed.extend(&cycle);
        let all = cycle.iter().flat_map(|host| &before[host]).copied();
        let after = all.filter(|it| !cycle.contains(it)).collect();
        out.push(Together { hosts: cycle, after });
    }
    out
}

/// All hosts that one waits for, directly or through others.
fn reached<'a>(host: &str, before: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = before.get(host).into_iter().flatten().copied().collect();
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            open.extend(before.get(next).into_iter().flatten());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(orders: &[(&str, &str)], expected: &str) {
        let order = |(before, after): &(&str, &str)| Order {
            before: (*before).to_owned(),
            after: (*after).to_owned(),
            what: String::new(),
        };
        let orders = orders.iter().map(order).collect();
        let words = |it: &Together| {
            let join = |hosts: &BTreeSet<&str>| hosts.iter().copied().collect::<Vec<_>>().join("+");
            if it.after.is_empty() {
                join(&it.hosts)
            } else {
                format!("{}>{}", join(&it.after), join(&it.hosts))
            }
        };
        let found: Vec<String> =
            together(&BTreeSet::from(["a", "b", "c", "d"]), &orders).iter().map(words).collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn who_waits_for_each_other_is_together() {
        check(&[], "a b c d");
        check(&[("a", "b"), ("b", "c")], "a a>b b>c d");
        check(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")], "a+b+c c>d");
        check(&[("c", "d"), ("d", "c"), ("b", "c"), ("x", "a")], "a b b>c+d");
    }
}
