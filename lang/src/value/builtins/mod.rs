//! The builtins: one table of name, types, documentation, example and function. Names with a dot are properties and
//! methods of the domain's literals.

use super::pass::Pass;
use crate::live::Value;
use crate::source::Span;
use crate::types::sig::Signatures;
use crate::types::ty::TyId;
use std::sync::OnceLock;

mod encoders;
mod lists;
mod net;
mod numbers;
mod secrets;
mod tests;
mod text;

pub use lists::witnesses;

/// What a builtin does: its arguments are no errors and of its types.
pub type Run = fn(&mut Pass<'_>, &[Value], &[TyId], Span) -> Value;

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
    pub const fn new(
        group: &'static str,
        name: &'static str,
        signature: &'static str,
        doc: &'static str,
        example: (&'static str, &'static str),
        run: Run,
    ) -> Builtin {
        Builtin { name, group, signature, doc, example, run, walks: true }
    }

    /// The same where it takes no longer for a large argument.
    pub const fn quick(self) -> Builtin {
        Builtin { walks: false, ..self }
    }
}

static GROUPS: &[&[Builtin]] =
    &[&lists::ALL, &text::ALL, &numbers::ALL, &net::ALL, &secrets::ALL, &encoders::ALL, &tests::ALL];

/// All builtins, by group.
pub fn all() -> impl Iterator<Item = &'static Builtin> {
    GROUPS.iter().flat_map(|g| g.iter())
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|b| b.name)
}

/// The names and types of all builtins: what the checker is told of them.
pub fn signatures() -> &'static Signatures {
    static ALL: OnceLock<Signatures> = OnceLock::new();
    ALL.get_or_init(|| Signatures::new(all().map(|b| (b.name, b.signature))))
}

/// The builtin at a place of the table.
pub fn get(index: u16) -> &'static Builtin {
    static FLAT: OnceLock<Vec<&'static Builtin>> = OnceLock::new();
    FLAT.get_or_init(|| all().collect())[index as usize]
}
