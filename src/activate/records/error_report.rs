//! An error as it is told to people and written down: its words, its causes, and what the unit that failed had logged.

use std::error::Error;

use serde::{Deserialize, Serialize};

/// What stands for reasons that a command has printed as errors, see [`ErrorReport::printed`].
const PRINTED: &str = "its errors say why";

/// An error as it is told: its words, its causes, and the last lines of the unit that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// What went wrong.
    pub message: String,
    /// What caused it, the nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The last lines of the failed unit's log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

impl ErrorReport {
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

    /// Stands for reasons that a command has printed as errors before it told its end.
    pub fn printed() -> Self {
        Self { message: PRINTED.to_owned(), ..Self::default() }
    }

    /// Whether this stands for what was printed.
    pub fn is_printed(&self) -> bool {
        self.message == PRINTED
    }
}

/// Writes an error and its causes in one line.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
