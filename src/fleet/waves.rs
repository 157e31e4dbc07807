//! From what is known of the hosts to waves: hosts that switch at the same time, one wave after the other.
//!
//! Whoever is chosen first leaves all others as possible as they were: a wave that came up has nothing down that was not down
//! before. So the first fit finds an order whenever there is one, and a refusal is a proof that there is none.

use std::collections::BTreeSet;

use serde::Serialize;

use super::cycles::{Together, together};
use super::errors::{NoCanary, Refusal};
use super::members::{Fleet, State};
use super::rules::{Down, disruption_budget};

/// What somebody asks of the waves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaveOptions {
    /// The host that switches alone before all others that run something; by default the first that can.
    pub canary: Option<String>,
    /// How many hosts may switch at once; by default as many as the groups allow.
    pub max_parallel: Option<usize>,
}

/// The waves of a switch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Waves {
    /// The waves in order.
    pub waves: Vec<Wave>,
    /// Hosts that are left out because they cannot be reached, by name.
    pub skipped: Vec<String>,
    /// Groups of one member, which nobody answers for while it is touched.
    pub outages: Vec<Outage>,
}

/// Hosts that switch at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wave {
    /// The hosts, by name.
    pub hosts: Vec<String>,
    /// Whether it is the first one of hosts that run something, which shows whether the change is good.
    pub canary: bool,
}

/// A group that has no member up for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// The group.
    pub group: String,
    /// The host of its only member.
    pub host: String,
}

/// Plans the waves, or says why there are none.
pub fn plan_waves(fleet: &Fleet, wave_options: &WaveOptions) -> Result<Waves, Refusal> {
    check_behind(fleet)?;
    let names: BTreeSet<&str> = fleet.to_switch().map(|(name, _)| name).collect();
    let mut planner = Planner {
        fleet,
        max_parallel: wave_options.max_parallel.unwrap_or(usize::MAX),
        down: Down::at_first(fleet),
        left: together(&names, &fleet.orders),
        done: BTreeSet::new(),
    };
    planner.check_parallel()?;
    if let Some(canary) = &wave_options.canary {
        check_canary(fleet, canary, &planner.left)?;
    }
    let mut waves = Vec::new();
    let mut canary_due = fleet.to_switch().any(|(_, host)| host.state == State::Running);
    while !planner.left.is_empty() {
        planner.sort();
        let mut wave = planner.fill(|it| !canary_due || planner.is_bare(it));
        let canary = canary_due && wave.is_empty();
        if canary {
            canary_due = false;
            wave = planner.canary(wave_options.canary.as_deref())?;
        }
        if wave.is_empty() {
            return Err(planner.stuck());
        }
        planner.finish(&wave);
        waves.push(Wave { hosts: wave.into_iter().map(str::to_owned).collect(), canary });
    }
    Ok(Waves { waves, skipped: fleet.skipped(), outages: outages(fleet) })
}

/// The waves on their way.
struct Planner<'a> {
    fleet: &'a Fleet,
    max_parallel: usize,
    down: Down<'a>,
    left: Vec<Together<'a>>,
    done: BTreeSet<&'a str>,
}

impl<'a> Planner<'a> {
    fn check_parallel(&self) -> Result<(), Refusal> {
        match self.left.iter().find(|it| it.hosts.len() > self.max_parallel) {
            Some(it) => Err(Refusal::Parallel { hosts: owned(&it.hosts), max_parallel: self.max_parallel }),
            None => Ok(()),
        }
    }

    /// Puts those first whose members are down: whatever comes up makes room for others. Then names decide.
    fn sort(&mut self) {
        let Self { down, left, .. } = self;
        let is_up = |it: &Together| !it.hosts.iter().any(|host| down.is_any_down_on(host));
        left.sort_by_cached_key(|it| (is_up(it), it.hosts.first().copied()));
    }

    fn is_bare(&self, it: &Together) -> bool {
        let is_bare = |host: &&str| self.fleet.hosts.get(*host).is_some_and(|it| it.state == State::Bare);
        it.hosts.iter().all(is_bare)
    }

    /// Says whether all that some hosts wait for has switched, or does so in the same wave.
    fn is_ready(&self, it: &Together, wave: &BTreeSet<&str>) -> bool {
        it.after.iter().all(|host| self.done.contains(host) || wave.contains(host))
    }

    /// Fills a wave with the first that fit, until nothing fits any more.
    fn fill(&self, is_wanted: impl Fn(&Together) -> bool) -> BTreeSet<&'a str> {
        let mut wave = BTreeSet::new();
        let mut open: Vec<&Together<'a>> = self.left.iter().filter(|it| is_wanted(it)).collect();
        loop {
            let n_before = wave.len();
            // Who does not fit into a wave fits no better when it has grown; who only waits may.
            open.retain(|it| {
                if !self.is_ready(it, &wave) {
                    return true;
                }
                let has_room = wave.len() + it.hosts.len() <= self.max_parallel;
                if has_room && self.down.exceeded_by(&wave, &it.hosts).is_none() {
                    wave.extend(&it.hosts);
                }
                false
            });
            if wave.len() == n_before {
                return wave;
            }
        }
    }

    /// Chooses the first hosts to switch that run something: the one asked for, else one alone if that can be.
    fn canary(&self, intended: Option<&str>) -> Result<BTreeSet<&'a str>, Refusal> {
        let nobody = BTreeSet::new();
        if let Some(host) = intended {
            let Some(it) = self.left.iter().find(|it| it.hosts.contains(host)) else {
                return Ok(nobody);
            };
            if !self.is_ready(it, &nobody) {
                let before: BTreeSet<&str> = it.after.difference(&self.done).copied().collect();
                return Err(Refusal::Canary { host: host.to_owned(), why: NoCanary::After(owned(&before)) });
            }
            return match self.down.exceeded_by(&nobody, &it.hosts) {
                Some(exceeded) => Err(Refusal::Group { hosts: owned(&it.hosts), exceeded }),
                None => Ok(it.hosts.clone()),
            };
        }
        let can_be = |it: &&Together| {
            self.is_ready(it, &nobody) && self.down.exceeded_by(&nobody, &it.hosts).is_none()
        };
        let alone = self.left.iter().filter(can_be).find(|it| it.hosts.len() == 1);
        let first = alone.or_else(|| self.left.iter().find(can_be));
        Ok(first.map(|it| it.hosts.clone()).unwrap_or_default())
    }

    fn finish(&mut self, wave: &BTreeSet<&'a str>) {
        self.down.came_up(wave);
        self.done.extend(wave);
        self.left.retain(|it| it.hosts.is_disjoint(wave));
    }

    /// Names the group that keeps the first of those away that wait for nobody.
    fn stuck(&self) -> Refusal {
        let nobody = BTreeSet::new();
        let blocked = |it: &Together| {
            let exceeded = self.down.exceeded_by(&nobody, &it.hosts)?;
            self.is_ready(it, &nobody).then(|| Refusal::Group { hosts: owned(&it.hosts), exceeded })
        };
        // Circles are taken together, so somebody waits for nobody, and only a group can keep him away.
        self.left.iter().find_map(blocked).unwrap_or(Refusal::Parallel {
            hosts: self.left.first().map(|it| owned(&it.hosts)).unwrap_or_default(),
            max_parallel: self.max_parallel,
        })
    }
}

/// Refuses to go on without a host that another one waits for.
fn check_behind(fleet: &Fleet) -> Result<(), Refusal> {
    let state = |host: &str| fleet.hosts.get(host).filter(|it| it.differs).map(|it| it.state);
    let waits = |order: &&super::members::Order| {
        state(&order.before) == Some(State::Unreachable)
            && state(&order.after).is_some_and(|it| it != State::Unreachable)
    };
    match fleet.orders.iter().find(waits) {
        Some(order) => Err(Refusal::WaitsForBehind {
            host: order.after.clone(),
            what: order.what.clone(),
            before: order.before.clone(),
        }),
        None => Ok(()),
    }
}

fn check_canary(fleet: &Fleet, canary: &str, all: &[Together]) -> Result<(), Refusal> {
    let others =
        |it: &Together| it.hosts.iter().filter(|it| **it != canary).map(|it| (*it).to_owned()).collect();
    let why = match fleet.hosts.get(canary) {
        None => NoCanary::Unknown,
        Some(host) if host.state == State::Unreachable => NoCanary::Unreachable,
        Some(host) if !host.differs => NoCanary::Unchanged,
        Some(host) if host.state == State::Bare => NoCanary::Bare,
        Some(_) => match all.iter().find(|it| it.hosts.contains(canary) && it.hosts.len() > 1) {
            Some(it) => NoCanary::Together(others(it)),
            None => return Ok(()),
        },
    };
    Err(Refusal::Canary { host: canary.to_owned(), why })
}

/// Finds members that are up, are touched, and have nobody beside them.
fn outages(fleet: &Fleet) -> Vec<Outage> {
    let of_host = |(name, host): (&str, &super::members::Host)| {
        let is_alone = |group: &&String| {
            !host.is_down(group)
                && fleet.groups.get(*group).is_some_and(|group| disruption_budget(group).is_none())
        };
        let outage = |group: &String| Outage { group: group.clone(), host: name.to_owned() };
        host.touches.iter().filter(is_alone).map(outage).collect::<Vec<_>>()
    };
    fleet.to_switch().flat_map(of_host).collect()
}

fn owned(hosts: &BTreeSet<&str>) -> Vec<String> {
    hosts.iter().map(|host| (*host).to_owned()).collect()
}
