//! What is asked of a host: handed from the command to the process that switches, as data.
//!
//! Holds no closure but its name: the closure lies in the host's store by then.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::failure::NotBegun;
use super::layout::Layout;
use super::part::Part;
use super::switch::Target;
use crate::sign::Signed;
use crate::store::{Digest, Store};

/// A switch that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Names this switch; no two on a host have the same.
    pub tx: String,
    /// What the host is to become.
    pub goal: Goal,
    /// How.
    #[serde(default)]
    pub options: Options,
}

/// What a host is to become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// A new generation.
    New {
        /// Names the closure in the host's store.
        closure: Digest,
        /// The digest of the whole cloud it was built with, where that is known.
        cloud: Option<Digest>,
    },
    /// A generation that the host has.
    Number(u64),
    /// The newest generation that the host has with a closure.
    Again {
        /// Names the closure.
        closure: Digest,
        /// The digest of the cloud that is to be, where that is known.
        cloud: Option<Digest>,
    },
    /// The generation before the committed one.
    Before,
}

/// How a switch is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seconds within which somebody must confirm, or the host goes back.
    pub confirm_within: Option<u64>,
    /// Seconds within which the whole switch must end; by default what its steps may take together.
    pub deadline: Option<u64>,
    /// Units whose gates are not waited for.
    pub no_gate: NoGate,
    /// Whether units of the data plane may be stopped and restarted.
    pub allow_dataplane: bool,
    /// Whether tasks may run behind which there is no way back.
    pub allow_one_way: bool,
    /// Finished tasks that the host may go back behind, by name.
    pub allow_behind: BTreeSet<String>,
    /// Whether tasks of class `contract` are left to a later switch.
    pub leave_last: bool,
    /// The part in a rollout, if this switch is one.
    pub part: Option<Part>,
    /// The rollout whose claim to this host ends.
    pub take_over: Option<String>,
    /// Of an operator, where the host takes nothing else.
    pub signature: Option<Signed>,
}

/// Whose gates are not waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoGate {
    /// Those of these units, by the name of the unit or of its container.
    Of(BTreeSet<String>),
    /// Nobody's.
    All,
}

impl Default for NoGate {
    fn default() -> Self {
        Self::Of(BTreeSet::new())
    }
}

impl NoGate {
    /// Reads the words of an option: names, or `all`.
    pub fn from_words(words: &[String]) -> Self {
        if words.iter().any(|word| word == "all") {
            return Self::All;
        }
        Self::Of(words.iter().cloned().collect())
    }

    /// Says whether a unit's gate is not waited for.
    pub fn skips(&self, unit: &str) -> bool {
        match self {
            Self::All => true,
            Self::Of(names) => names.iter().any(|name| names_unit(name, unit)),
        }
    }

    /// Returns the names that no unit has.
    pub fn unknown<'a>(&'a self, units: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'a String> {
        let names = match self {
            Self::All => None,
            Self::Of(names) => Some(names),
        };
        let is_known = move |name: &str| units(name) || units(&format!("{name}.service"));
        names.into_iter().flatten().filter(move |name| !is_known(name))
    }
}

fn names_unit(name: &str, unit: &str) -> bool {
    unit == name || unit.strip_suffix(".service") == Some(name)
}

impl Goal {
    /// Puts the closure of a target into the host's store and returns its name, or what else was asked for.
    pub fn of(target: &Target, layout: &Layout) -> Result<Self, NotBegun> {
        Ok(match target {
            Target::New { closure, cloud } => {
                let closure = Store::open(layout.store())?.add(closure)?;
                Self::New { closure, cloud: cloud.clone() }
            }
            Target::Number(number) => Self::Number(*number),
            Target::Again { closure, cloud } => {
                Self::Again { closure: closure.clone(), cloud: cloud.clone() }
            }
            Target::Before => Self::Before,
        })
    }

    /// Returns what is asked for, with its closure.
    pub fn load(self, layout: &Layout) -> Result<Target, NotBegun> {
        Ok(match self {
            Self::New { closure, cloud } => {
                Target::New { closure: Box::new(Store::open(layout.store())?.load(&closure)?), cloud }
            }
            Self::Number(number) => Target::Number(number),
            Self::Again { closure, cloud } => Target::Again { closure, cloud },
            Self::Before => Target::Before,
        })
    }
}
