//! A host's part in a rollout: who leads it, from what it goes to what, and what it tells of itself.
//!
//! The host's own record wins over the controller's. While it is there, nobody else switches this host.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::completions::Done;
use crate::machine::layout::Layout;
use store::sealed::{self, SealedError};
use store::version::Version;
use store::{Digest, files};

/// The version of [`Report`].
pub const VERSION: u32 = 1;

/// Who leads a rollout: every command of it names this. A host refuses another rollout, and a lower epoch of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lead {
    /// Names the rollout; no two of a cloud have the same.
    #[serde(deserialize_with = "crate::machine::name::of_text")]
    pub rollout: String,
    /// Counts who led it, from 1.
    pub epoch: u64,
    /// Who leads it, for people: a user and a machine.
    pub leader: String,
}

/// What a host asks of a command: that it is of its rollout, and of nobody who led it earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The rollout.
    pub rollout: &'a str,
    /// Which of those it is who led it.
    pub epoch: u64,
}

impl Lead {
    /// Returns what a host asks for.
    pub fn claim(&self) -> Claim<'_> {
        Claim { rollout: &self.rollout, epoch: self.epoch }
    }

    /// Returns it as words of a command line.
    pub fn words(&self) -> [String; 3] {
        let Self { rollout, epoch, leader } = self;
        [format!("--rollout={rollout}"), format!("--epoch={epoch}"), format!("--leader={leader}")]
    }
}

/// What a switch within a rollout needs beside what any other needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Who asks.
    pub lead: Lead,
    /// The closure that the host must have to begin; none for no generation.
    pub from: Option<Digest>,
    /// Units that wait for units of other hosts: each begins when it is released.
    pub waits: BTreeSet<String>,
    /// Whether this is the end of the rollout: tasks of class `contract` run now, and not before.
    pub finish: bool,
}

impl Part {
    /// Returns it as words of a command line.
    pub fn words(&self) -> Vec<String> {
        let Self { lead, from, waits, finish } = self;
        let mut words = lead.words().to_vec();
        words.push(format!("--from={}", from.as_ref().map_or("none", Digest::as_str)));
        words.extend(waits.iter().map(|unit| format!("--wait-for={unit}")));
        words.extend(finish.then(|| "--finish".to_owned()));
        words
    }
}

/// A host's record of the rollout that it is part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// Who leads it.
    pub lead: Lead,
    /// What the host was; none if it had no generation. That generation is kept until the rollout ends.
    pub from: Option<Digest>,
    /// What it is to be.
    pub to: Digest,
    /// The digest of the cloud that is to be.
    pub cloud: Option<Digest>,
    /// Seconds since 1970, when it began.
    pub time: u64,
}

impl Enrolled {
    /// Reads the record of the rollout that a host is part of.
    pub fn load(layout: &Layout) -> Result<Option<Self>, SealedError> {
        let path = layout.rollout();
        if files::exists(&path) { sealed::read(&path).map(Some) } else { Ok(None) }
    }
}

/// What a host says of itself to whoever leads or means to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The version of this form, [`VERSION`].
    pub version: u32,
    /// The committed generation.
    pub generation: Option<u64>,
    /// The closure of the committed generation; none if there is no generation.
    pub committed: Option<Digest>,
    /// The digest of the cloud that the committed generation was made for, where that is known.
    pub cloud: Option<Digest>,
    /// Seconds since 1970, when the committed generation was made.
    pub made: u64,
    /// What it was before: where a rollback leads to.
    pub before: Option<Former>,
    /// The rollout it is part of.
    pub enrolled: Option<Enrolled>,
    /// The switch that is open.
    pub open: Option<Open>,
    /// Whether no task of class `contract` of the committed generation is left to run.
    pub finished: bool,
    /// All tasks that were done on it.
    pub done: Done,
    /// Units of tasks that ran since this rollout began and past which there is no way back.
    pub no_return: BTreeSet<String>,
    /// Groups whose member on it should be up and is not.
    pub down: BTreeSet<String>,
    /// The formats that the data in its volumes have, by the volume, where that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub formats: BTreeMap<String, Version>,
    /// Where a way back held data of a later format forward: the closure that it was to go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Digest>,
}

/// What a host was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Former {
    /// The closure of the generation.
    pub closure: Digest,
    /// The digest of the cloud that it was made for, where that is known.
    pub cloud: Option<Digest>,
    /// Seconds since 1970, when it was made.
    pub made: u64,
}

/// A switch that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Names it.
    #[serde(deserialize_with = "crate::machine::name::of_text")]
    pub tx: String,
    /// How far it is.
    pub stage: Stage,
}

/// How far an open switch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It goes on.
    Switching,
    /// Its gates hold, and it waits for a confirmation.
    Holding,
    /// It goes back, or nobody goes on with it.
    Returning,
}
