//! What only the caller of the language knows, and a test may ask.

use crate::data::Data;
use crate::diag::Diagnostic;

/// What the caller of the language answers a test.
pub trait Caller {
    /// The text that the caller makes of a value, which was written as `name`.
    fn rendered(&self, name: &str, value: &Data) -> Answer;

    /// The text of a file that the caller makes of the part of the description at a path.
    fn built(&self, path: &[String], file: &str) -> Answer;

    /// All that was reported of the description with what the test gives.
    fn reports(&self) -> &[Diagnostic];
}

/// An answer of the caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The text.
    Text(String),
    /// There is none, for this reason, and perhaps a next step.
    Refused(String, Option<String>),
    /// There is none, for a reason that was reported.
    Failed,
}

/// What expectations ask, while they are evaluated.
pub struct Asked<'p> {
    pub(super) caller: &'p dyn Caller,
    /// Which reports a test expects, by their place in [`Caller::reports`].
    pub(super) expected: Vec<bool>,
}
