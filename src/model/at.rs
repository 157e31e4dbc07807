//! A value of the description and the place where it was written.

use std::fmt;
use std::sync::Arc;

use kl::source::Span;

/// A value and the place where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub at: Span,
}

/// A text and its place.
pub type Text = At<Arc<str>>;

impl<T> At<T> {
    /// Puts a value and its place together.
    pub fn new(value: T, at: Span) -> At<T> {
        At { value, at }
    }
}

impl At<Arc<str>> {
    /// The same without white space at both ends, as a file of one line has it.
    #[must_use]
    pub fn trimmed(self) -> Self {
        match self.value.trim() {
            trimmed if trimmed.len() < self.value.len() => Self { value: trimmed.into(), at: self.at },
            _ => self,
        }
    }

    /// The text alone.
    pub fn as_str(&self) -> &str {
        &self.value
    }
}

impl<T: fmt::Display> fmt::Display for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
