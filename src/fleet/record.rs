//! The record of a rollout: how far each host has come. The controller writes it, synced, before each action that it tells of.
//!
//! Decides nothing, and is no file: it is data with one text.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::formats::Raised;
use super::plan::{FleetPlan, Planned};
use store::{Digest, versioned};

/// The version of this form.
pub const VERSION: u32 = 1;

/// A switch of a fleet that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The version of this form, [`VERSION`].
    pub version: u32,
    /// Names this rollout; no two of a cloud have the same.
    #[serde(deserialize_with = "activate::name::of_text")]
    pub rollout: String,
    /// Counts who led it, from 1; a host refuses a command of a lower one.
    pub epoch: u64,
    /// The digest of the cloud that is to be.
    pub cloud: Digest,
    /// How hosts become that.
    #[serde(default)]
    #[serde(alias = "way")]
    pub direction: Direction,
    /// The digest of the plan.
    pub plan: Digest,
    /// The hosts of each wave.
    pub waves: Vec<Vec<String>>,
    /// Hosts with tasks for when the last wave is committed, in the order in which they run them.
    pub last: Vec<String>,
    /// Units that wait for units of other hosts in the same wave.
    pub ties: Vec<Dependency>,
    /// Units that others wait for and that are over.
    pub over: BTreeSet<UnitRef>,
    /// How far each host has come.
    pub hosts: BTreeMap<String, HostRecord>,
    /// Which way it goes.
    pub course: Course,
    /// How it ended, once it did. What was stopped can be resumed; all else is over.
    pub end: Option<End>,
    /// Tasks that ran and past which there is no way back.
    pub no_return: BTreeSet<UnitRef>,
    /// Data that hosts change so that what they are now cannot read them: once such a host is committed there is no way back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raised: Vec<Raised>,
}

/// How hosts become what they are to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// By a new generation.
    #[default]
    New,
    /// By the newest generation that they have of it.
    Again,
}

/// What a host is and becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What it is; none if it has no generation.
    pub from: Option<Digest>,
    /// What it becomes.
    pub to: Digest,
}

/// How far one host has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostRecord {
    /// What it was; none if it had no generation.
    pub from: Option<Digest>,
    /// What it is to be.
    pub to: Digest,
    /// How far it is.
    pub phase: Phase,
}

/// How far a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing was asked of it, or it is back where it was.
    Waiting,
    /// It was asked to switch, and to wait for a confirmation.
    Switching,
    /// Its gates hold.
    Holding,
    /// It was asked to commit.
    Confirming,
    /// It is committed.
    Committed,
    /// It was asked to go back.
    Returning,
    /// It is back where it was, after it had been asked to switch.
    Returned,
    /// It went back, but for data of a later format, whose units go on as they were tried.
    Forward,
    /// It was asked to run what is left for the end.
    Finishing,
    /// It ran it.
    Finished,
    /// It could not be reached, and is left out.
    #[serde(alias = "behind")]
    Unreachable,
    /// Nobody knows, or it cannot go on by itself.
    Lost,
}

/// Which way a rollout goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "way", deny_unknown_fields)]
pub enum Course {
    /// To the new generation.
    Forward,
    /// Back to the former one.
    Back {
        /// Why.
        why: String,
    },
}

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end", deny_unknown_fields)]
pub enum End {
    /// All hosts are what they are to be.
    Done,
    /// All that can be reached are; the tasks for the end wait for the others.
    #[serde(alias = "behind")]
    Unreachable,
    /// A host refused to begin before any had begun; nothing was touched.
    Refused {
        /// Why.
        why: String,
    },
    /// All hosts that had a generation are back on it.
    Returned {
        /// Why.
        why: String,
    },
    /// Somebody must look: it goes neither on nor back by itself.
    Stopped {
        /// Why.
        why: String,
    },
}

impl End {
    /// Whether nobody can go on with it.
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Stopped { .. })
    }
}

/// A unit of a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitRef {
    /// The host.
    pub host: String,
    /// The unit.
    pub unit: String,
}

/// One unit that is over before another one of the same wave begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// What is waited for.
    pub before: UnitRef,
    /// What waits.
    pub after: UnitRef,
}

impl Record {
    /// Makes the record of a rollout that has not begun, given what each host of the plan is and becomes.
    pub fn of(plan: &FleetPlan, rollout: &str, cloud: Digest, hosts: &BTreeMap<String, Change>) -> Self {
        let is_unreachable = |name: &String| plan.waves.skipped.contains(name);
        let is_in_plan = |name: &String| {
            is_unreachable(name) || plan.waves.waves.iter().any(|wave| wave.hosts.contains(name))
        };
        let host = |(name, Change { from, to }): (&String, &Change)| {
            let phase = if is_unreachable(name) { Phase::Unreachable } else { Phase::Waiting };
            (name.clone(), HostRecord { from: from.clone(), to: to.clone(), phase })
        };
        let mut last: Vec<String> = Vec::new();
        for it in plan.nodes.iter().filter(|it| it.wave.is_none()) {
            if !last.contains(&it.node.host) {
                last.push(it.node.host.clone());
            }
        }
        Self {
            version: VERSION,
            rollout: rollout.to_owned(),
            epoch: 1,
            cloud,
            direction: Direction::New,
            plan: plan.digest(),
            waves: plan.waves.waves.iter().map(|wave| wave.hosts.clone()).collect(),
            last,
            ties: ties(plan),
            over: BTreeSet::new(),
            hosts: hosts.iter().filter(|(name, _)| is_in_plan(name)).map(host).collect(),
            course: Course::Forward,
            end: None,
            no_return: BTreeSet::new(),
            raised: Vec::new(),
        }
    }

    /// Returns the record's one text.
    pub fn to_text(&self) -> String {
        // Writing plain structs into memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What waits within a wave for a unit of another host; a later wave waits for all of an earlier one anyway.
fn ties(plan: &FleetPlan) -> Vec<Dependency> {
    let place = |it: &Planned| UnitRef { host: it.node.host.clone(), unit: it.node.unit.clone() };
    let mut ties = Vec::new();
    for it in plan.nodes.iter().filter(|it| it.wave.is_some()) {
        let before = it.node.after.iter().map(|idx| &plan.nodes[*idx]);
        let others = before.filter(|before| before.wave == it.wave && before.node.host != it.node.host);
        ties.extend(others.map(|before| Dependency { before: place(before), after: place(it) }));
    }
    ties
}

/// Reads a record from its text, and says in a line why it cannot be used.
pub fn parse_record(text: &str) -> Result<Record, String> {
    versioned::parse(text.as_bytes(), VERSION)
}
