//! The builtins: one table of name, types, documentation, example and function. Names with a dot are properties and
//! methods of the domain's literals. A builtin is given values and gives a value; it evaluates nothing and reports nothing.

use crate::types::sig::Signatures;
use std::sync::OnceLock;

mod builtin;
mod encoders;
mod lists;
mod net;
mod numbers;
mod secrets;
mod tests;
mod text;

pub use builtin::{Builtin, Call, Failure, Function, Made, Question, Run};
pub(super) use net::move_ip;

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
