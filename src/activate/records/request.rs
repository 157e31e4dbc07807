//! What is asked of a host: handed from the command to the process that switches, as data.
//!
//! Holds no closure but its name: the closure lies in the host's store by then.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::part::Part;
use crate::machine::layout::Layout;
use sign::Signed;
use store::{Closure, Digest, Store, StoreError};

/// A switch that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Names this switch; no two on a host have the same.
    pub tx: String,
    /// What the host is to become.
    pub requested: Requested,
    /// How.
    #[serde(default)]
    pub options: Options,
}

/// What a host is to become. Of a new generation it has the closure, or what stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target<C = Box<Closure>> {
    /// A closure, as a new generation.
    New {
        /// The closure.
        closure: C,
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

/// What a host is to become, as data: a digest names the closure, which lies in the host's store.
pub type Requested = Target<Digest>;

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
    /// Whether tasks may run past which there is no way back.
    pub allow_one_way: bool,
    /// Finished tasks that the host may go back past, by name.
    pub allow_rollback_past: BTreeSet<String>,
    /// Whether tasks of class `contract` are left to a later switch.
    pub leave_last: bool,
    /// The part in a rollout, if this switch is one.
    pub part: Option<Part>,
    /// The rollout whose claim to this host ends.
    pub take_over: Option<String>,
    /// Of an operator, where the host takes nothing else.
    pub signature: Option<Signed>,
}

impl Options {
    /// Returns them as words of a command line, which the commands that switch read to the same options.
    pub fn words(&self) -> Vec<String> {
        let Self {
            confirm_within,
            deadline,
            no_gate,
            allow_dataplane,
            allow_one_way,
            allow_rollback_past,
            leave_last,
            part,
            take_over,
            signature,
        } = self;
        let mut words = Vec::new();
        words.extend(confirm_within.map(|secs| format!("--confirm-within={secs}s")));
        words.extend(deadline.map(|secs| format!("--deadline={secs}s")));
        words.extend(no_gate.words().map(|name| format!("--no-gate={name}")));
        words.extend(allow_dataplane.then(|| "--allow-dataplane".to_owned()));
        words.extend(allow_one_way.then(|| "--allow-one-way".to_owned()));
        words.extend(allow_rollback_past.iter().map(|task| format!("--allow-rollback-past={task}")));
        words.extend(leave_last.then(|| "--leave-last".to_owned()));
        words.extend(signature.iter().map(|it| format!("--signature={}", String::from(it.clone()))));
        words.extend(part.iter().flat_map(Part::words));
        words.extend(take_over.iter().map(|name| format!("--take-over={name}")));
        words
    }
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

    /// Returns the words that it is read from.
    fn words(&self) -> impl Iterator<Item = &str> {
        let (all, names) = match self {
            Self::All => (Some("all"), None),
            Self::Of(names) => (None, Some(names)),
        };
        all.into_iter().chain(names.into_iter().flatten().map(String::as_str))
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

impl<C> Target<C> {
    /// Returns the same with something else for a new closure.
    fn with<D, E>(&self, change: impl FnOnce(&C) -> Result<D, E>) -> Result<Target<D>, E> {
        Ok(match self {
            Self::New { closure, cloud } => Target::New { closure: change(closure)?, cloud: cloud.clone() },
            Self::Number(number) => Target::Number(*number),
            Self::Again { closure, cloud } => {
                Target::Again { closure: closure.clone(), cloud: cloud.clone() }
            }
            Self::Before => Target::Before,
        })
    }
}

impl Target {
    /// Puts a new closure into the host's store, so that what is asked for is data.
    pub fn store(&self, layout: &Layout) -> Result<Requested, StoreError> {
        self.with(|closure| Store::open(layout.store())?.add(closure))
    }
}

impl Requested {
    /// Returns what is asked for with its closure, out of the host's store.
    pub fn load(&self, layout: &Layout) -> Result<Target, StoreError> {
        self.with(|closure| Ok(Box::new(Store::open(layout.store())?.load(closure)?)))
    }
}
