//! The podman of this machine, asked what a tag means to it. Pulls nothing.

use std::process::Command;

use super::lock::Pinned;
use child::{ChildError, run_within};

/// What podman did not say.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PodmanError {
    #[error("cannot run podman")]
    Run(#[source] std::io::Error),
    #[error("the podman of this machine does not have it")]
    None,
    #[error("podman says of its digest: {0}")]
    Answer(String),
}

/// Returns the digest of an image that this machine's podman has.
pub fn ask(reference: &str) -> Result<Pinned, PodmanError> {
    let mut command = Command::new("podman");
    command.args(["image", "inspect", "--format", "{{.Digest}}", "--", reference]);
    let output = run_within(&mut command, super::ANSWER_WITHIN).map_err(|error| match error {
        ChildError::Run { source, .. } => PodmanError::Run(source),
        ChildError::Late { secs, .. } => PodmanError::Answer(format!("nothing within {secs} s")),
    })?;
    if !output.status.success() {
        return Err(match output.status.code() {
            Some(125) => PodmanError::None,
            _ => PodmanError::Answer(last_line(&output.stderr)),
        });
    }
    let said = last_line(&output.stdout);
    Pinned::parse(&said).ok_or(PodmanError::Answer(said))
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().last().unwrap_or_default().trim().chars().take(200).collect()
}
