//! How a switch ended, as data: what the journal keeps, what `--json` prints, and what people are told.
//!
//! Made by the process that switches, read by whoever follows it.

use std::error::Error;

use serde::{Deserialize, Serialize};

use super::failure::{ActivateError, Failure, NotBegun, Refusal, Stuck};
use super::switch::Outcome;

/// How a switch ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Verdict {
    /// The host was what it should be.
    Nothing {
        /// The committed generation; none on a host that has none, and is to have none.
        generation: Option<u64>,
        /// What is not as it should be all the same.
        warnings: Vec<String>,
    },
    /// The generation asked for holds.
    Committed {
        /// Its number.
        generation: u64,
        /// The steps, as a dry run prints them.
        plan: serde_json::Value,
        /// Units that changed and were left alone: word, unit, reason.
        left: Vec<(String, String, String)>,
        /// How many of them wait for somebody.
        #[serde(default)]
        pending: usize,
        /// Gates that were not waited for: unit, what would have been asked.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skipped: Vec<(String, String)>,
        /// Tasks of the generation before that stay done.
        stays: Vec<String>,
        /// What did not go as it should.
        warnings: Vec<String>,
    },
    /// The generation before holds again.
    Reverted {
        /// Its number; none if there was none yet.
        generation: Option<u64>,
        /// Why.
        failure: Trouble,
        /// Tasks that were done and stay done.
        tasks: Vec<String>,
    },
    /// Nothing was touched.
    Refused {
        /// Why.
        reasons: Vec<Trouble>,
        /// What was done all the same, before this switch was looked at: a switch that had been cut off was ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recovered: Option<String>,
    },
    /// Somebody must look.
    Stuck {
        /// The generation that was tried, and is kept.
        kept: u64,
        /// Why it did not hold.
        failure: Trouble,
        /// What could not be taken back.
        problems: Vec<Trouble>,
    },
    /// Another one is at it.
    Locked,
    /// The host is part of a rollout that somebody else leads.
    InRollout {
        /// Names the rollout.
        rollout: String,
        /// Who leads it.
        leader: String,
    },
}

/// An error as it is told: its words, its causes, and the last lines of the unit that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What went wrong.
    pub message: String,
    /// What caused it, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The last lines of the failed unit's log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

impl Trouble {
    /// Takes the words of an error.
    pub fn of(error: &dyn Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        Self { message: error.to_string(), causes, log: Vec::new() }
    }
}

impl From<&Failure> for Trouble {
    fn from(failure: &Failure) -> Self {
        Self { log: failure.log().to_vec(), ..Self::of(failure) }
    }
}

impl Verdict {
    /// Says how a switch ended.
    pub fn of<E>(ended: &Result<Outcome, E>) -> Self
    where
        for<'a> Self: From<&'a E>,
    {
        match ended {
            Ok(outcome) => outcome.into(),
            Err(error) => error.into(),
        }
    }

    /// Says that a switch that was open ended like this before another one was looked at.
    pub fn ended_first(&self) -> String {
        let how = match self {
            Self::Reverted { .. } => "a switch that was cut off was taken back first",
            _ => "a switch that was cut off was ended first",
        };
        match self {
            Self::Reverted { generation: Some(number), .. }
            | Self::Committed { generation: number, .. }
            | Self::Nothing { generation: Some(number), .. } => {
                format!("{how}, and this host is on generation {number}")
            }
            Self::Reverted { generation: None, .. } | Self::Nothing { generation: None, .. } => {
                format!("{how}, and this host has no generation")
            }
            _ => how.to_owned(),
        }
    }

    /// Says of a refusal what was done before it.
    pub fn after(self, ended: &Self) -> Self {
        match self {
            Self::Refused { reasons, .. } => Self::Refused { reasons, recovered: Some(ended.ended_first()) },
            other => other,
        }
    }
}

impl From<&Outcome> for Verdict {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Nothing { number, warnings } => {
                Self::Nothing { generation: Some(*number), warnings: warnings.clone() }
            }
            Outcome::Committed { number, plan, stays, warnings } => Self::Committed {
                generation: *number,
                // Writing plain structs into memory cannot fail.
                plan: serde_json::to_value(plan).unwrap_or_default(),
                left: plan
                    .left
                    .iter()
                    .map(|it| (it.word().into(), it.unit.clone(), it.reason.clone()))
                    .collect(),
                pending: plan.pending(),
                skipped: plan.skipped.iter().map(|it| (it.unit.clone(), it.gate.join(", "))).collect(),
                stays: stays.clone(),
                warnings: warnings.clone(),
            },
            Outcome::Reverted { failure, to, tasks } => {
                Self::Reverted { generation: *to, failure: failure.into(), tasks: tasks.clone() }
            }
        }
    }
}

impl From<&Refusal> for Verdict {
    fn from(refusal: &Refusal) -> Self {
        Self::Refused { reasons: vec![Trouble::of(refusal)], recovered: None }
    }
}

impl From<&NotBegun> for Verdict {
    fn from(why: &NotBegun) -> Self {
        match why {
            NotBegun::Locked => Self::Locked,
            NotBegun::InRollout { rollout, leader } => {
                Self::InRollout { rollout: rollout.clone(), leader: leader.clone() }
            }
            NotBegun::Refused(refusals) => Self::Refused {
                reasons: refusals.iter().map(|it| Trouble::of(it)).collect(),
                recovered: None,
            },
        }
    }
}

impl From<&Stuck> for Verdict {
    fn from(Stuck { number, failure, problems }: &Stuck) -> Self {
        Self::Stuck {
            kept: *number,
            failure: failure.as_ref().into(),
            problems: problems.iter().map(Trouble::from).collect(),
        }
    }
}

impl From<&ActivateError> for Verdict {
    fn from(error: &ActivateError) -> Self {
        match error {
            ActivateError::NotBegun(why) => why.into(),
            ActivateError::NotBegunAfter { why, ended } => Self::from(why).after(&ended.as_ref().into()),
            ActivateError::Stuck(stuck) => stuck.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_journals_from_before_rollouts_are_read() {
        let read = |text: &str| serde_json::from_str::<Verdict>(text).ok();
        let nothing = read(r#"{"outcome":"nothing","generation":3,"warnings":[]}"#);
        assert_eq!(nothing, Some(Verdict::Nothing { generation: Some(3), warnings: Vec::new() }));
        assert_eq!(read(r#"{"outcome":"locked"}"#), Some(Verdict::Locked));
    }
}
