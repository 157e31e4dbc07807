//! What is asked of a host: handed from the command to the process that switches, as data.
//!
//! Holds no closure but its name: the closure lies in the host's store by then.

use serde::{Deserialize, Serialize};

use super::failure::ActivateError;
use super::layout::Layout;
use super::switch::Target;
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
    /// The generation before the committed one.
    Before,
}

/// How a switch is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seconds within which somebody must confirm, or the host goes back.
    pub confirm_within: Option<u64>,
}

impl Goal {
    /// Puts the closure of a target into the host's store and returns its name, or what else was asked for.
    pub fn of(target: &Target, layout: &Layout) -> Result<Self, ActivateError> {
        Ok(match target {
            Target::New { closure, cloud } => {
                let closure = Store::open(layout.store())?.add(closure)?;
                Self::New { closure, cloud: cloud.clone() }
            }
            Target::Number(number) => Self::Number(*number),
            Target::Before => Self::Before,
        })
    }

    /// Returns what is asked for, with its closure.
    pub fn load(self, layout: &Layout) -> Result<Target, ActivateError> {
        Ok(match self {
            Self::New { closure, cloud } => {
                Target::New { closure: Box::new(Store::open(layout.store())?.load(&closure)?), cloud }
            }
            Self::Number(number) => Target::Number(number),
            Self::Before => Target::Before,
        })
    }
}
