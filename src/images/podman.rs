//! The podman of this machine, asked what a tag means to it. Pulls nothing.

use std::process::{Command, Stdio};

use super::lock::Pinned;

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
    let mut command = Command::new("timeout");
    let within = super::ANSWER_WITHIN.as_secs().to_string();
    command.args([&within, "podman", "image", "inspect", "--format", "{{.Digest}}", "--", reference]);
    let output = command.stdin(Stdio::null()).output().map_err(PodmanError::Run)?;
    if !output.status.success() {
        return Err(match output.status.code() {
            Some(125) => PodmanError::None,
            Some(124) => PodmanError::Answer(format!("nothing within {within} s")),
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
