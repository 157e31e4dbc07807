//! How a switch ended, for the process that did it; and as a verdict, which is what everybody else reads.

use super::failure::{Failure, NotBegun, Refusal, Stuck};
use super::plan::steps::Plan;
use super::records::error_report::ErrorReport;
use super::records::generation::LaterVolume;
use super::records::verdict::Verdict;

/// How a switch ended, if it neither was refused nor got stuck.
#[derive(Debug)]
pub enum Outcome {
    /// The host is what it should be.
    Nothing {
        /// The committed generation.
        number: u64,
        /// What is not as it should be all the same.
        warnings: Vec<String>,
    },
    /// The generation asked for holds.
    Committed {
        /// Its number.
        number: u64,
        /// What was done.
        plan: Plan,
        /// Tasks of the generation before that this one does not know; what they did stays.
        stays: Vec<String>,
        /// What did not go as it should.
        warnings: Vec<String>,
    },
    /// The generation before holds again, as if nothing had been asked.
    Reverted {
        /// Why.
        failure: Failure,
        /// The generation that holds; none if there was none yet.
        to: Option<u64>,
        /// Tasks that were done and stay done.
        tasks: Vec<String>,
        /// Data that the generation before cannot read: their units go on as they were tried, and `to` has them so.
        forward: Vec<LaterVolume>,
    },
}

/// A switch that did not end on the generation asked for, nor cleanly on the one before.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// Nothing was touched.
    #[error(transparent)]
    NotBegun(#[from] NotBegun),
    /// It did not begin, after a switch that was cut off had been ended.
    #[error("{why}")]
    NotBegunAfter {
        /// Why it did not begin.
        why: NotBegun,
        /// How the other one ended.
        ended: Box<Outcome>,
    },
    /// Somebody must look.
    #[error(transparent)]
    Stuck(#[from] Stuck),
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
            Outcome::Reverted { failure, to, tasks, forward } => Self::Reverted {
                generation: *to,
                failure: failure.into(),
                tasks: tasks.clone(),
                forward: forward.clone(),
            },
        }
    }
}

impl From<&Refusal> for Verdict {
    fn from(refusal: &Refusal) -> Self {
        Self::Refused { reasons: vec![ErrorReport::of(refusal)], recovered: None }
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
                reasons: refusals.iter().map(|it| ErrorReport::of(it)).collect(),
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
            problems: problems.iter().map(ErrorReport::from).collect(),
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
