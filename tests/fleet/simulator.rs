//! Plays a fleet's switch moment by moment and says what went wrong. Shares nothing with the planner but its plain data: which
//! rules hold is written here a second time, from the side of the services.

use std::collections::{BTreeMap, BTreeSet};

use kolla_lang::fleet::members::{Fleet, Group, State};
use kolla_lang::fleet::waves::{WaveOptions, Waves};

/// Up or down, for each member of each group.
type Members = BTreeMap<(String, String), bool>;

/// Looks at every moment that the waves allow; of many, at some.
pub fn play(fleet: &Fleet, wave_options: &WaveOptions, plan: &Waves, salt: u64) -> Result<(), String> {
    each_once(fleet, plan)?;
    in_order(fleet, plan)?;
    canary_first(fleet, wave_options, plan)?;
    let mut is_up = members(fleet);
    let mut salt = salt;
    for wave in &plan.waves {
        if wave_options.max_parallel.is_some_and(|most| wave.hosts.len() > most) {
            return Err(format!("{:?} are more than {:?}", wave.hosts, wave_options.max_parallel));
        }
        for moment in moments(&wave.hosts, &mut salt) {
            within_all_budgets(fleet, &is_up, &moment)?;
        }
        for host in &wave.hosts {
            act(fleet, &mut is_up, host, true);
        }
    }
    Ok(())
}

/// Every host that differs and can be reached is in one wave; the others that differ are behind.
fn each_once(fleet: &Fleet, plan: &Waves) -> Result<(), String> {
    for (name, host) in &fleet.hosts {
        let n_waves = plan.waves.iter().filter(|wave| wave.hosts.contains(name)).count();
        let reached = host.state != State::Unreachable;
        if n_waves != usize::from(host.differs && reached) {
            return Err(format!("{name} is in {n_waves} waves"));
        }
        if plan.skipped.contains(name) != (host.differs && !reached) {
            return Err(format!("{name} is behind or is not, wrongly"));
        }
    }
    match plan.waves.iter().any(|wave| wave.hosts.is_empty()) {
        true => Err("a wave of nobody".to_owned()),
        false => Ok(()),
    }
}

fn in_order(fleet: &Fleet, plan: &Waves) -> Result<(), String> {
    let wave_of = |host: &String| plan.waves.iter().position(|wave| wave.hosts.contains(host));
    for order in &fleet.orders {
        let before = fleet.hosts.get(&order.before);
        match (wave_of(&order.before), wave_of(&order.after)) {
            (Some(before), Some(after)) if before > after => {
                return Err(format!("{} comes after {}", order.before, order.after));
            }
            (None, Some(_)) if before.is_some_and(|it| it.differs && it.state == State::Unreachable) => {
                return Err(format!("{} does not wait for {}", order.after, order.before));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The first wave that has a host with something to lose has one host, or hosts that cannot be told apart by their order.
fn canary_first(fleet: &Fleet, wave_options: &WaveOptions, plan: &Waves) -> Result<(), String> {
    let runs = |host: &String| fleet.hosts.get(host).is_some_and(|it| it.state == State::Running);
    let first = plan.waves.iter().find(|wave| wave.hosts.iter().any(runs));
    if plan.waves.iter().filter(|wave| wave.canary).count() != usize::from(first.is_some()) {
        return Err("not one canary".to_owned());
    }
    let Some(first) = first else { return Ok(()) };
    let alone = first.hosts.len() == 1 || first.hosts.iter().all(|it| waits(fleet, it, &first.hosts[0]));
    let wished = wave_options.canary.as_ref().is_none_or(|it| first.hosts == [it.clone()]);
    if first.canary && alone && wished { Ok(()) } else { Err(format!("{first:?} is no canary")) }
}

/// Whether two hosts wait for each other.
pub fn waits(fleet: &Fleet, one: &str, other: &str) -> bool {
    let reaches = |from: &str, to: &str| {
        let mut seen = BTreeSet::from([from.to_owned()]);
        loop {
            let is_wanted = |host: &String| {
                fleet.hosts.get(host).is_some_and(|it| it.differs && it.state != State::Unreachable)
            };
            let next = fleet
                .orders
                .iter()
                .find(|it| seen.contains(&it.before) && !seen.contains(&it.after) && is_wanted(&it.after));
            match next {
                Some(order) => seen.insert(order.after.clone()),
                None => return seen.contains(to),
            };
        }
    };
    one == other || reaches(one, other) && reaches(other, one)
}

/// What is up before anything happens.
pub fn members(fleet: &Fleet) -> Members {
    let mut out = Members::new();
    for (group, it) in &fleet.groups {
        for host in it.members.iter().chain(&it.leaving) {
            let host_is_up = fleet.hosts[host].state == State::Running;
            let is_up = host_is_up && !fleet.hosts[host].down.contains(group);
            out.insert((group.clone(), host.clone()), is_up);
        }
    }
    out
}

/// A host acts: its touched members go down, or are up when its gates hold. A member that left is no member any more.
pub fn act(fleet: &Fleet, is_up: &mut Members, host: &str, up: bool) {
    for group in &fleet.hosts[host].touches {
        let member = (group.clone(), host.to_owned());
        if up && fleet.groups[group].leaving.contains(host) {
            is_up.remove(&member);
        } else {
            is_up.insert(member, up);
        }
    }
}

/// Checks one moment of a wave, in which some of its hosts are down at the same time.
pub fn within_all_budgets(fleet: &Fleet, is_up: &Members, down_now: &[&String]) -> Result<(), String> {
    fleet.groups.keys().try_for_each(|group| within_budget(fleet, is_up, down_now, group))
}

/// Checks what one moment of a wave does to a group.
pub fn within_budget(
    fleet: &Fleet,
    is_up: &Members,
    down_now: &[&String],
    group: &str,
) -> Result<(), String> {
    let it: &Group = &fleet.groups[group];
    let mut then = is_up.clone();
    down_now.iter().for_each(|host| act(fleet, &mut then, host, false));
    let of_group = |members: &Members| -> Vec<bool> {
        members.iter().filter(|((of, _), _)| of == group).map(|(_, up)| *up).collect()
    };
    let (before, after) = (of_group(is_up), of_group(&then));
    let n_up = |members: &[bool]| members.iter().filter(|up| **up).count();
    if n_up(&after) == n_up(&before) || it.members.len() + it.leaving.len() == 1 {
        return Ok(());
    }
    let n_down = after.len() - n_up(&after);
    if n_down as u64 > it.max_unavailable {
        return Err(format!("{n_down} of {group} are down, {down_now:?} now"));
    }
    // A quorum that somebody takes a member from must have more than half of those that stay, before and after.
    let n = it.members.len();
    if it.quorum && n > 1 && 2 * n.saturating_sub(n_down) <= n {
        return Err(format!("{n_down} of {n} of the quorum {group} are down, {down_now:?} now"));
    }
    if it.quorum && n <= 1 && n_down > 1 {
        return Err(format!("{n_down} of the quorum {group} that shrinks are down, {down_now:?} now"));
    }
    Ok(())
}

/// Subsets of a wave's hosts that may be down at once: all of them for a small wave, else the whole one and prefixes of random orders.
fn moments<'a>(hosts: &'a [String], salt: &mut u64) -> Vec<Vec<&'a String>> {
    if hosts.len() <= 8 {
        let subset = |bits: usize| {
            hosts
                .iter()
                .enumerate()
                .filter(move |(idx, _)| bits >> idx & 1 == 1)
                .map(|(_, host)| host)
                .collect()
        };
        return (1..1usize << hosts.len()).map(subset).collect();
    }
    let mut out: Vec<Vec<&String>> = vec![hosts.iter().collect()];
    for _ in 0..8 {
        let mut order: Vec<&String> = hosts.iter().collect();
        for idx in (1..order.len()).rev() {
            order.swap(idx, next(salt) as usize % (idx + 1));
        }
        out.extend((1..order.len()).map(|n| order[..n].to_vec()));
        // The first of them are up again while the last of them act.
        out.extend((1..order.len()).map(|n| order[n..].to_vec()));
    }
    out
}

/// The next of a sequence of numbers; splitmix64.
fn next(salt: &mut u64) -> u64 {
    *salt = salt.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut it = *salt;
    it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    it ^ (it >> 31)
}
