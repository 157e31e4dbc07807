//! What differs between two clouds, for somebody who reviews a change: host by host, equal hosts together.
//!
//! Pure: reads no host and plans no waves. What is done with units is planned as a switch plans it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::alike::{Alike, Asked, Of, alike};
use super::compare::Compared;
use super::names::counted;
use super::rows::{write_change, write_units};
use activate::request::Options;
use store::Closure;

/// What differs between two clouds.
#[derive(Debug, Default, Serialize)]
pub struct Review {
    /// Hosts on which something differs, equal ones together.
    pub groups: Vec<Alike>,
    /// Hosts that only the second one describes, equal ones together: what is done is what makes them.
    pub added: Vec<Alike>,
    /// Hosts that only the first one describes. A switch leaves them as they are.
    pub gone: Vec<String>,
    /// Hosts of which nothing differs.
    pub unchanged: Vec<String>,
}

impl Review {
    /// Compares the hosts of two clouds.
    pub fn between(
        from: &BTreeMap<String, Closure>,
        to: &BTreeMap<String, Closure>,
        options: &Options,
    ) -> Self {
        let compared = |(name, to): (&String, &Closure)| {
            let compared = match from.get(name) {
                Some(from) => Compared::between(from, to, options),
                None => Compared::from_nothing(to, options),
            };
            (name.clone(), compared)
        };
        let all: BTreeMap<String, Compared> = to.iter().map(compared).collect();
        let mut review = Self::of(&all, |name| from.contains_key(name));
        review.gone = from.keys().filter(|name| !to.contains_key(*name)).cloned().collect();
        review
    }

    /// Groups hosts that were compared.
    pub fn of(all: &BTreeMap<String, Compared>, is_known: impl Fn(&str) -> bool) -> Self {
        let group = |is_wanted: &dyn Fn(&str) -> bool| {
            let hosts = all.iter().filter(|(name, it)| is_wanted(name) && !it.is_empty());
            alike(
                hosts
                    .map(|(host, it)| Of { host, units: it.units.clone(), change: Some(&it.change) })
                    .collect(),
            )
        };
        Self {
            groups: group(&|name| is_known(name)),
            added: group(&|name| !is_known(name)),
            gone: Vec::new(),
            unchanged: all.iter().filter(|(_, it)| it.is_empty()).map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Says whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.added.is_empty() && self.gone.is_empty()
    }

    /// Asks of each new value which line gave it, and notes what is known.
    pub fn trace(&mut self, line_of: &dyn Fn(Asked<'_>) -> Option<String>) {
        self.groups.iter_mut().for_each(|it| it.trace(line_of));
    }

    /// Writes it for people.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let units = self.groups.iter().chain(&self.added).flat_map(|it| &it.units);
        let width = units.map(|it| it.unit.len()).max().unwrap_or(0);
        for (word, groups) in [("", &self.groups), ("new: ", &self.added)] {
            for group in groups {
                // Writing into a text cannot fail, here and below.
                let _ = writeln!(text, "{word}{}", names(&group.hosts));
                if group.units.is_empty() {
                    let _ = writeln!(text, "  no unit is touched");
                }
                write_units(&mut text, 2, width, group);
                write_change(&mut text, 2, group);
            }
        }
        if !self.gone.is_empty() {
            let _ = writeln!(text, "no longer described, and left as it is: {}", names(&self.gone));
        }
        if self.is_empty() {
            let _ = writeln!(text, "nothing differs");
        } else if !self.unchanged.is_empty() {
            let _ = writeln!(text, "nothing differs on {}", names(&self.unchanged));
        }
        text
    }
}

fn names(hosts: &[String]) -> String {
    counted(hosts.iter().map(String::as_str))
}
