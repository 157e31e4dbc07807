//! Runs programs of the host, each within a limit, and says what one did not do.

use std::process::{Command, Output};
use std::time::Duration;

use child::{self, ChildError, run_within};

/// What a program did not do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ToolError {
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error("`{command}` failed: {complaint}")]
    Failed { command: String, complaint: String },
    #[error("podman's Quadlet generator is not on this host")]
    NoQuadlet,
    #[error("cannot read the answer of `{command}`")]
    Answer { command: String, source: serde_json::Error },
}

/// The programs of this host.
#[derive(Debug, Default)]
pub struct HostTools;

/// Runs a program that only tells something.
pub(crate) fn run(command: &mut Command) -> Result<Output, ToolError> {
    Ok(run_within(command, child::ASK)?)
}

/// Runs a program that only tells something, and fails if it does.
pub(crate) fn ask_of(command: &mut Command) -> Result<Output, ToolError> {
    succeed(command, child::ASK)
}

/// Runs a program that changes something, and fails if it does.
pub(crate) fn change(command: &mut Command) -> Result<(), ToolError> {
    succeed(command, child::CHANGE).map(drop)
}

/// Runs a program within a limit of its own, and fails if it does.
pub(crate) fn succeed(command: &mut Command, within: Duration) -> Result<Output, ToolError> {
    let output = run_within(command, within)?;
    if output.status.success() { Ok(output) } else { Err(failed(&child::words(command), &output)) }
}

/// Says that a program failed, by the last line that it printed.
pub(crate) fn failed(command: &str, output: &Output) -> ToolError {
    let complaint = text(&output.stderr);
    let complaint = complaint.lines().last().map_or_else(|| output.status.to_string(), str::to_owned);
    ToolError::Failed { command: command.to_owned(), complaint }
}

/// Returns what a program printed, without white space at both ends.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
