//! The builtins: one table of name, types, documentation, example and function. Names with a dot are properties and
//! methods of the domain's literals.

use super::pass::Pass;
use super::value::Value;
use crate::source::Span;
use crate::types::ty::TyId;
use std::sync::OnceLock;

mod lists;
mod net;
mod numbers;
mod secrets;
mod sig;
mod text;

pub use lists::witnesses;
pub use sig::{Scheme, Sig};

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
    schemes: OnceLock<Vec<Scheme>>,
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
        Builtin { name, group, signature, doc, example, run, schemes: OnceLock::new() }
    }

    /// Its types.
    pub fn schemes(&self) -> &[Scheme] {
        self.schemes.get_or_init(|| sig::parse(self.signature))
    }
}

static GROUPS: &[&[Builtin]] = &[&lists::ALL, &text::ALL, &numbers::ALL, &net::ALL, &secrets::ALL];

/// All builtins, by group.
pub fn all() -> impl Iterator<Item = &'static Builtin> {
    GROUPS.iter().flat_map(|g| g.iter())
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|b| b.name)
}

/// The place of a builtin in the table.
pub fn find(name: &str) -> Option<u16> {
    all().position(|b| b.name == name).map(|i| i as u16)
}

/// The builtin at a place of the table.
pub fn get(index: u16) -> &'static Builtin {
    static FLAT: OnceLock<Vec<&'static Builtin>> = OnceLock::new();
    FLAT.get_or_init(|| all().collect())[index as usize]
}
