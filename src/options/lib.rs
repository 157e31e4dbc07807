//! Tables of the options that a document may have, by release, and what is wrong with a document by its table.
//!
//! Knows no program by name: what `nova.conf` or `haproxy.cfg` may hold is said by tables alone, which the caller hands in or a description
//! brings. Changes no document.

mod check;
mod compare;
mod container;
mod errors;
mod name;
mod suggest;
mod table;
mod tables;
#[cfg(test)]
mod tests;
mod value;

pub use check::{Defaulted, check_file, check_host, check_tasks, defaults};
pub use compare::{Changed, Fate, OtherDefault, between, other_defaults};
pub use name::OptionName;
pub use table::{Deprecated, Entry, Item, Kind, Place, Removed, Table};
pub use tables::{TableError, Tables};
