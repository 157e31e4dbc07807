//! What a builtin is, what it is given, and why it may give nothing.

use super::super::budget::{Budget, Exceeded};
use crate::live::Value;
use crate::source::Span;
use crate::types::ty::{TyId, Types};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a builtin is given besides its arguments.
pub struct Call<'c> {
    /// What may be spent.
    pub budget: &'c mut Budget,
    /// The types of the description.
    pub types: &'c Types,
    /// The types of the arguments.
    pub of: &'c [TyId],
    /// The patterns that conditions name: they are compiled for free.
    pub patterns: &'c BTreeSet<Arc<str>>,
    /// Where the call is written.
    pub at: Span,
}

/// Why a builtin gives no value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// An argument is not of its type, which the checker rules out.
    NotOfType,
    /// More was wanted than may be spent.
    Exceeded(Exceeded),
    /// There is no such number, for this reason.
    Arithmetic(String),
    /// A text cannot be read or made, for this reason, and perhaps a next step.
    Text(String, Option<&'static str>),
    /// A regular expression that takes more than so many MiB.
    LargePattern(u64),
}

impl From<Exceeded> for Failure {
    fn from(exceeded: Exceeded) -> Failure {
        Failure::Exceeded(exceeded)
    }
}

/// What a builtin makes.
pub type Made = Result<Value, Failure>;

/// A builtin's function: its arguments are no errors and of its types.
pub type Function = fn(&mut Call<'_>, &[Value]) -> Made;

/// What only evaluation itself can answer, as it reads the tree or asks the caller of the language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// The value of a key.
    Get,
    /// How many items, keys or characters.
    Count,
    /// The keys of a map.
    Keys,
    /// The values of a map.
    Values,
    /// The text that is made of a file.
    Rendered,
    /// The text of a file that is built.
    Built,
    /// Whether a check fails.
    Fails,
    /// Whether a code is reported.
    Reports,
}

/// How a builtin is run.
#[derive(Clone, Copy)]
pub enum Run {
    /// On its arguments as they are: what lies in a record or a map may not be known yet.
    Plain(Function),
    /// Its first argument is read with all that lies in it.
    Composite(Function),
    /// The same, and it is a document.
    Tree(Function),
    /// By evaluation.
    Asked(Question),
}

/// A builtin.
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its group in the book.
    pub group: &'static str,
    /// Its types, several separated by `or`.
    pub signature: &'static str,
    /// One line.
    pub doc: &'static str,
    /// An expression, and the text of its value as `eval` prints it.
    pub example: (&'static str, &'static str),
    /// What it does.
    pub run: Run,
    /// Whether it walks its arguments, which is counted before it does.
    pub walks: bool,
}

impl Builtin {
    /// An entry of the table.
    pub(super) const fn new(
        group: &'static str,
        name: &'static str,
        signature: &'static str,
        doc: &'static str,
        example: (&'static str, &'static str),
        run: Function,
    ) -> Builtin {
        Builtin { name, group, signature, doc, example, run: Run::Plain(run), walks: true }
    }

    /// An entry that evaluation answers.
    pub(super) const fn asked(
        group: &'static str,
        name: &'static str,
        signature: &'static str,
        doc: &'static str,
        example: (&'static str, &'static str),
        question: Question,
    ) -> Builtin {
        Builtin { name, group, signature, doc, example, run: Run::Asked(question), walks: true }
    }

    /// The same where it takes no longer for a large argument.
    pub(super) const fn quick(self) -> Builtin {
        Builtin { walks: false, ..self }
    }

    /// The same with its first argument read with all that lies in it.
    pub(super) const fn whole(self) -> Builtin {
        match self.run {
            Run::Plain(run) => Builtin { run: Run::Composite(run), ..self },
            _ => self,
        }
    }

    /// The same with its first argument read as a document.
    pub(super) const fn tree(self) -> Builtin {
        match self.run {
            Run::Plain(run) => Builtin { run: Run::Tree(run), ..self },
            _ => self,
        }
    }
}
