//! The exit codes of all commands, in one place. The book repeats this table.

use std::process::ExitCode;

use activate::verdict::Verdict;
use lab::LabError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// All was done, or nothing had to be.
    Done = 0,
    /// The description or the usage is wrong.
    Wrong = 1,
    /// Refused, and nothing was touched.
    Refused = 2,
    /// Something failed, and the host is cleanly back where it was.
    Reverted = 3,
    /// It was committed, with warnings.
    Warnings = 4,
    /// Somebody must look.
    Stuck = 5,
    /// Another one is at it.
    Locked = 6,
    /// A bug in kolla-lang.
    Bug = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<&Verdict> for Exit {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Nothing { warnings, .. } | Verdict::Committed { warnings, .. }
                if !warnings.is_empty() =>
            {
                Self::Warnings
            }
            Verdict::Nothing { .. } | Verdict::Committed { .. } => Self::Done,
            Verdict::Reverted { forward, .. } if !forward.is_empty() => Self::Stuck,
            Verdict::Reverted { .. } => Self::Reverted,
            Verdict::Refused { .. } => Self::Refused,
            Verdict::Stuck { .. } => Self::Stuck,
            Verdict::Locked | Verdict::InRollout { .. } => Self::Locked,
        }
    }
}

impl From<&LabError> for Exit {
    fn from(error: &LabError) -> Self {
        match error {
            LabError::Spec { .. }
            | LabError::ReadSpec { .. }
            | LabError::ParseSpec { .. }
            | LabError::NoLab { .. }
            | LabError::NoHost { .. } => Self::Wrong,
            LabError::Missing { .. }
            | LabError::NotRunning { .. }
            | LabError::Differs { .. }
            | LabError::NoMirror
            | LabError::NoCgroup
            | LabError::Spawn { .. }
            | LabError::Tool { .. }
            | LabError::File { .. } => Self::Refused,
            LabError::Died { .. } | LabError::Slow { .. } | LabError::Mounted { .. } => Self::Stuck,
            LabError::Locked { .. } => Self::Locked,
        }
    }
}
