//! How a switch ended, as data: what the journal keeps, what `--json` prints, and what people are told.
//!
//! Made by the process that switches, read by whoever follows it.

use serde::{Deserialize, Serialize};

use super::error_report::ErrorReport;
use super::generation::LaterVolume;

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
        failure: ErrorReport,
        /// Tasks that were done and stay done.
        tasks: Vec<String>,
        /// Data that the generation before cannot read: their units go on as they were tried, and all else went back. Somebody must look.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        forward: Vec<LaterVolume>,
    },
    /// Nothing was touched.
    Refused {
        /// Why.
        reasons: Vec<ErrorReport>,
        /// What was done all the same, before this switch was looked at: a switch that had been cut off was ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recovered: Option<String>,
    },
    /// Somebody must look.
    Stuck {
        /// The generation that was tried, and is kept.
        kept: u64,
        /// Why it did not hold.
        failure: ErrorReport,
        /// What could not be taken back.
        problems: Vec<ErrorReport>,
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

impl Verdict {
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

    /// The same with what a command printed as errors in place of what stands for it.
    pub fn with_printed(mut self, printed: &str) -> Self {
        let reasons: &mut [ErrorReport] = match &mut self {
            Self::Refused { reasons, .. } => reasons,
            Self::Stuck { failure, .. } => std::slice::from_mut(failure),
            _ => &mut [],
        };
        for reason in reasons.iter_mut().filter(|it| it.is_printed() && !printed.is_empty()) {
            reason.message = printed.trim_start_matches("error: ").to_owned();
        }
        self
    }

    /// Says of a refusal what was done before it.
    pub fn after(self, ended: &Self) -> Self {
        match self {
            Self::Refused { reasons, .. } => Self::Refused { reasons, recovered: Some(ended.ended_first()) },
            other => other,
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
