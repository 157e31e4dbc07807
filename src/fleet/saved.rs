//! A plan that somebody looked at, so that nothing else is done than what was seen: hosts that are something else by now are named, and
//! so is another description.
//!
//! Decides nothing, and is no file: it is data with one text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::{Change, Record};
use crate::store::{Digest, versioned};

/// The version of this form.
pub const VERSION: u32 = 1;

/// What a plan was made of and what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// The version of this form, [`VERSION`].
    pub version: u32,
    /// The digest of the cloud that is to be.
    pub cloud: Digest,
    /// The digest of the plan.
    pub plan: Digest,
    /// What each host was, and what it was to become.
    pub hosts: BTreeMap<String, Change>,
}

impl Saved {
    /// Keeps the plan of a rollout that has not begun.
    pub fn of(record: &Record) -> Self {
        let change = |(name, it): (&String, &super::record::HostRecord)| {
            (name.clone(), Change { from: it.from.clone(), to: it.to.clone() })
        };
        Self {
            version: VERSION,
            cloud: record.cloud.clone(),
            plan: record.plan.clone(),
            hosts: record.hosts.iter().map(change).collect(),
        }
    }

    /// Says in which ways a rollout that has not begun is not this one; nothing if it is.
    pub fn differences(&self, record: &Record) -> Vec<String> {
        let now = Self::of(record);
        let mut differences = Vec::new();
        for (name, was) in &self.hosts {
            match now.hosts.get(name) {
                Some(is) if is.from != was.from => {
                    differences.push(format!("{name} is {}, and was {}", short(&is.from), short(&was.from)));
                }
                Some(is) if is.to != was.to => {
                    let (is, was) = (is.to.short(), was.to.short());
                    differences.push(format!("{name} is to become {is}, and was to become {was}"));
                }
                Some(_) => {}
                None => differences.push(format!("nothing is to be done on {name} any more")),
            }
        }
        let is_new = |name: &&String| !self.hosts.contains_key(*name);
        differences.extend(now.hosts.keys().filter(is_new).map(|it| format!("{it} was not in it")));
        if differences.is_empty() && self.plan != now.plan {
            differences.push(
                "what is done in which order is not the same: members are down, or tasks were done"
                    .to_owned(),
            );
        }
        differences
    }

    /// Returns the one text of it.
    pub fn to_text(&self) -> String {
        // Writing plain structs into memory cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Reads a plan from its text, and says in a line why it cannot be used.
pub fn parse_saved(text: &str) -> Result<Saved, String> {
    versioned::parse(text.as_bytes(), VERSION)
}

fn short(digest: &Option<Digest>) -> String {
    digest.as_ref().map_or_else(|| "without a generation".to_owned(), |it| it.short().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::record::{Course, HostRecord, Phase, Way};
    use super::*;

    /// Reads `NAME FROM TO`; `-` is no generation.
    fn record(plan: &str, hosts: &[&str]) -> Record {
        let digest = |it: &str| (it != "-").then(|| Digest::of(it.as_bytes()));
        let host = |line: &&str| {
            let words: Vec<&str> = line.split(' ').collect();
            let [name, from, to] = words[..] else { panic!("{line}") };
            let to = Digest::of(to.as_bytes());
            (name.to_owned(), HostRecord { from: digest(from), to, phase: Phase::Waiting })
        };
        Record {
            version: 1,
            rollout: "17".to_owned(),
            epoch: 1,
            cloud: Digest::of(b"cloud"),
            way: Way::New,
            plan: Digest::of(plan.as_bytes()),
            waves: Vec::new(),
            last: Vec::new(),
            ties: Vec::new(),
            over: BTreeSet::new(),
            hosts: hosts.iter().map(host).collect(),
            course: Course::Forward,
            end: None,
            no_return: BTreeSet::new(),
        }
    }

    #[test]
    fn whatever_changed_since_is_named() {
        let saved = Saved::of(&record("p", &["a 1 2", "b - 2"]));
        assert_eq!(parse_saved(&saved.to_text()).as_ref(), Ok(&saved));
        let cases: [(&str, &[&str], &[&str]); 6] = [
            ("p", &["a 1 2", "b - 2"], &[]),
            ("q", &["a 1 2", "b - 2"], &["what is done in which order"]),
            ("p", &["a 3 2", "b - 2"], &["a is "]),
            ("p", &["a 1 3", "b 1 2"], &["a is to become ", "b is "]),
            ("p", &["a 1 2"], &["nothing is to be done on b any more"]),
            ("p", &["a 1 2", "b - 2", "c 1 2"], &["c was not in it"]),
        ];
        for (plan, hosts, expected) in cases {
            let found = saved.differences(&record(plan, hosts));
            assert_eq!(found.len(), expected.len(), "{hosts:?}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.starts_with(expected), "{hosts:?}: {found}");
            }
        }
    }
}
