//! What a plan of a fleet says to people: its waves, and a line for each step in them. Words only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::alike::{Alike, Asked, Of, alike};
use super::names::{counted, ranges};
use super::plan::{FleetPlan, Planned};
use super::rows::{write_change, write_units};
use activate::words::Line;

impl FleetPlan {
    /// Says whether nothing is to be done on any host.
    pub fn is_empty(&self) -> bool {
        self.waves.waves.is_empty() && self.waves.skipped.is_empty()
    }

    /// Writes the plan for people: wave by wave, equal hosts together, each action with its reason and what it waits for, and the keys that
    /// differ.
    pub fn to_text(&self) -> String {
        self.to_text_of(&self.all_alike())
    }

    /// Writes the plan for people, by its groups of equal hosts.
    pub fn to_text_of(&self, groups: &Groups) -> String {
        let mut text = format!("{}: {}\n", self.cloud, self.summary());
        let units = groups.waves.iter().flatten().chain(&groups.last).flat_map(|it| &it.units);
        let width = units.map(|it| it.unit.len()).max().unwrap_or(0);
        for (idx, (wave, groups)) in self.waves.waves.iter().zip(&groups.waves).enumerate() {
            let canary = if wave.canary { ", the canary" } else { "" };
            let hosts = counted(wave.hosts.iter().map(String::as_str));
            let _ = writeln!(text, "wave {}{canary}: {hosts}", idx + 1);
            // Of a single group the line above names the hosts.
            let indent = if groups.len() > 1 { 4 } else { 2 };
            for group in groups {
                if groups.len() > 1 {
                    let _ = writeln!(text, "  {}", counted(group.hosts.iter().map(String::as_str)));
                }
                if group.units.is_empty() {
                    let _ = writeln!(text, "{:indent$}no unit is touched", "");
                }
                write_units(&mut text, indent, width, group);
                write_change(&mut text, indent, group);
            }
        }
        self.last(&mut text, width, &groups.last);
        self.notes(&mut text);
        text
    }

    /// Groups the hosts of each wave, and those on which something is done at the end.
    pub fn all_alike(&self) -> Groups {
        let of = |hosts: &mut dyn Iterator<Item = &String>, wave: Option<usize>| {
            alike(hosts.map(|host| self.of_host(host, wave)).collect())
        };
        let waves = self.waves.waves.iter().enumerate();
        let waves = waves.map(|(idx, wave)| of(&mut wave.hosts.iter(), Some(idx))).collect();
        let mut last: Vec<&String> =
            self.nodes.iter().filter(|it| it.wave.is_none()).map(|it| &it.node.host).collect();
        last.dedup();
        Groups { waves, last: of(&mut last.into_iter(), None) }
    }

    fn of_host<'a>(&'a self, host: &'a str, wave: Option<usize>) -> Of<'a> {
        let nodes = self.nodes.iter().filter(|it| it.node.host == host && it.wave == wave);
        let mut units: Vec<Line> = nodes.map(|it| self.line(it)).collect();
        if wave.is_some() {
            let left = self.left.iter().filter(|it| it.host == host).map(|it| &it.left);
            units.extend(left.map(|it| Line {
                verb: it.word(),
                unit: it.unit.clone(),
                reason: it.reason.clone(),
            }));
        }
        Of { host, units, change: wave.and_then(|_| self.changes.get(host)) }
    }

    /// Says how many hosts switch in how many waves.
    pub fn summary(&self) -> String {
        let n_hosts: usize = self.waves.waves.iter().map(|wave| wave.hosts.len()).sum();
        match (n_hosts, self.waves.waves.len()) {
            (0, _) if self.waves.skipped.is_empty() => "nothing to do".to_owned(),
            (0, _) => "nothing can be done".to_owned(),
            (1, _) => "1 host in 1 wave".to_owned(),
            (n_hosts, 1) => format!("{n_hosts} hosts in 1 wave"),
            (n_hosts, n_waves) => format!("{n_hosts} hosts in {n_waves} waves"),
        }
    }

    /// Tells of what runs when the last wave is committed.
    fn last(&self, text: &mut String, width: usize, last: &[Alike]) {
        if last.is_empty() {
            return;
        }
        let when = match self.waves.skipped.as_slice() {
            [] => "when all is committed".to_owned(),
            skipped => format!("when all is committed, {} too", ranges(skipped.iter().map(String::as_str))),
        };
        let _ = writeln!(text, "{when}");
        for group in last {
            let _ = writeln!(text, "  {}", counted(group.hosts.iter().map(String::as_str)));
            write_units(text, 4, width, group);
        }
    }

    fn notes(&self, text: &mut String) {
        for line in self.note_lines() {
            let _ = writeln!(text, "{line}");
        }
    }

    /// Returns what else is to be known: where the way back ends, who answers for nobody, who is left out.
    pub fn note_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(it) = self.no_return.map(|idx| &self.nodes[idx]) {
            let when = match it.wave {
                Some(wave) => format!("in wave {}", wave + 1),
                None => "at the end".to_owned(),
            };
            lines.push(format!("no way back past {} on {}, {when}", it.node.unit, it.node.host));
        }
        for outage in &self.waves.outages {
            let (group, host) = (&outage.group, &outage.host);
            lines.push(format!(
                "nobody answers for the group `{group}` while {host} switches: it has one member"
            ));
        }
        for host in &self.waves.skipped {
            lines.push(format!("skipped: {host} cannot be reached"));
        }
        if !self.unchanged.is_empty() && !self.waves.waves.is_empty() {
            lines.push(format!("nothing differs on {}", counted(self.unchanged.iter().map(String::as_str))));
        }
        lines
    }

    /// Says what is done, why, and what it waits for: units of its own host by name, others with their hosts.
    pub fn line(&self, it: &Planned) -> Line {
        // That stops come first goes without saying.
        let awaited = it.node.after.iter().map(|idx| &self.nodes[*idx].node).filter(|it| it.action != "stop");
        let mut units: Vec<(&str, BTreeSet<&str>)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for before in awaited {
            let idx = *places.entry(&before.unit).or_insert(units.len());
            if idx == units.len() {
                units.push((&before.unit, BTreeSet::new()));
            }
            units[idx].1.insert(&before.host);
        }
        let name =
            |(unit, hosts): &(&str, BTreeSet<&str>)| match hosts.iter().all(|host| *host == it.node.host) {
                true => (*unit).to_owned(),
                false => format!("{unit} on {}", ranges(hosts.iter().copied())),
            };
        let after: Vec<String> = units.iter().map(name).collect();
        let reason = match after.as_slice() {
            [] => it.node.reason.clone(),
            after => format!("{} (after {})", it.node.reason, after.join(", ")),
        };
        Line { verb: it.node.action, unit: it.node.unit.clone(), reason }
    }
}

/// The hosts of a plan, equal ones together.
#[derive(Debug)]
pub struct Groups {
    /// By wave.
    pub waves: Vec<Vec<Alike>>,
    /// Those on which something is done when the last wave is committed.
    pub last: Vec<Alike>,
}

impl Groups {
    /// Asks of each new value which line of the description gave it, and notes what is known.
    pub fn trace(&mut self, line_of: &dyn Fn(Asked<'_>) -> Option<String>) {
        self.waves.iter_mut().flatten().for_each(|it| it.trace(line_of));
    }
}
