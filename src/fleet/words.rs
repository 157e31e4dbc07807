//! What a plan of a fleet says to people: its waves, and a line for each step in them. Words only.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::errors::listed;
use super::plan::{FleetPlan, Planned};

/// More hosts than this are counted and not listed: nobody reads a thousand lists.
const N_LISTED: usize = 12;

impl FleetPlan {
    /// Says whether nothing is to be done on any host.
    pub fn is_empty(&self) -> bool {
        self.waves.waves.is_empty() && self.waves.behind.is_empty()
    }

    /// Writes the plan for people: wave by wave, host by host, each action with its reason and what it waits for.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}: {}\n", self.cloud, self.summary());
        let width = self.nodes.iter().map(|it| it.node.unit.len()).max().unwrap_or(0);
        let width = self.left.iter().map(|it| it.left.unit.len()).max().unwrap_or(0).max(width);
        let n_hosts = self.waves.waves.iter().map(|wave| wave.hosts.len()).sum::<usize>();
        for (idx, wave) in self.waves.waves.iter().enumerate() {
            let canary = if wave.canary { ", the canary" } else { "" };
            let _ = writeln!(text, "wave {}{canary}: {}", idx + 1, wave.hosts.join(" "));
            for host in &wave.hosts {
                let nodes: Vec<&Planned> = self.of_host(host).filter(|it| it.wave.is_some()).collect();
                if n_hosts > N_LISTED {
                    let _ = writeln!(text, "  {host}: {}", counted(&nodes));
                    continue;
                }
                let _ = writeln!(text, "  {host}");
                nodes
                    .iter()
                    .for_each(|it| line(&mut text, width, it.node.action, &it.node.unit, &self.reason(it)));
                for it in self.left.iter().filter(|it| it.host == *host) {
                    line(&mut text, width, it.left.word(), &it.left.unit, &it.left.reason);
                }
            }
        }
        self.last(&mut text, width);
        self.notes(&mut text);
        text
    }

    fn summary(&self) -> String {
        let n_hosts: usize = self.waves.waves.iter().map(|wave| wave.hosts.len()).sum();
        match (n_hosts, self.waves.waves.len()) {
            (0, _) if self.waves.behind.is_empty() => "nothing to do".to_owned(),
            (0, _) => "nothing can be done".to_owned(),
            (1, _) => "1 host in 1 wave".to_owned(),
            (n_hosts, 1) => format!("{n_hosts} hosts in 1 wave"),
            (n_hosts, n_waves) => format!("{n_hosts} hosts in {n_waves} waves"),
        }
    }

    fn of_host<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Planned> {
        self.nodes.iter().filter(move |it| it.node.host == host)
    }

    /// Tells of what runs when the last wave is committed.
    fn last(&self, text: &mut String, width: usize) {
        let last: Vec<&Planned> = self.nodes.iter().filter(|it| it.wave.is_none()).collect();
        if last.is_empty() {
            return;
        }
        let when = match self.waves.behind.as_slice() {
            [] => "when all is committed".to_owned(),
            behind => format!("when all is committed, {} too", listed(behind)),
        };
        let _ = writeln!(text, "{when}");
        let mut host = "";
        for it in last {
            if it.node.host != host {
                host = &it.node.host;
                let _ = writeln!(text, "  {host}");
            }
            line(text, width, it.node.action, &it.node.unit, &self.reason(it));
        }
    }

    fn notes(&self, text: &mut String) {
        if let Some(it) = self.no_return.map(|idx| &self.nodes[idx]) {
            let when = match it.wave {
                Some(wave) => format!("in wave {}", wave + 1),
                None => "at the end".to_owned(),
            };
            let _ = writeln!(text, "no way back behind {} on {}, {when}", it.node.unit, it.node.host);
        }
        for outage in &self.waves.outages {
            let (group, host) = (&outage.group, &outage.host);
            let _ = writeln!(
                text,
                "nobody answers for the group `{group}` while {host} switches: it has one member"
            );
        }
        for host in &self.waves.behind {
            let _ = writeln!(text, "behind: {host} cannot be reached and is left out");
        }
        if !self.unchanged.is_empty() && !self.waves.waves.is_empty() {
            let _ = writeln!(text, "nothing differs on {}", listed(&self.unchanged));
        }
    }

    /// Says why something is done, and what it waits for: units of its own host by name, others with their host.
    fn reason(&self, it: &Planned) -> String {
        let name = |idx: &usize| {
            let before = &self.nodes[*idx].node;
            match before.host == it.node.host {
                true => before.unit.clone(),
                false => format!("{} on {}", before.unit, before.host),
            }
        };
        // That stops come first goes without saying.
        let awaited = it.node.after.iter().filter(|idx| self.nodes[**idx].node.action != "stop");
        let after: Vec<String> = awaited.map(name).collect();
        let reason = &it.node.reason;
        if after.is_empty() { reason.clone() } else { format!("{reason} (after {})", after.join(", ")) }
    }
}

fn line(text: &mut String, width: usize, action: &str, unit: &str, reason: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(text, "    {action:<8} {unit:<width$}  {reason}");
}

/// How many of each action, in the order in which they come first.
fn counted(nodes: &[&Planned]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    nodes.iter().for_each(|it| *counts.entry(it.node.action).or_default() += 1);
    let order = ["stop", "run", "start", "restart", "reload"];
    let words: Vec<String> =
        order.iter().filter_map(|action| Some(format!("{} {action}", counts.get(action)?))).collect();
    if words.is_empty() { "a new generation, and no unit is touched".to_owned() } else { words.join(", ") }
}
