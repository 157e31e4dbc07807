//! What somebody accepted by name: files and containers that the description takes over, and other drift.
//!
//! Nothing is lost by it. Each is recorded before anything is done to it, with all that is needed to bring it back, and it
//! comes back when the description no longer asks for its place. Records stay after that, so a rollback needs no second
//! yes; something else in the same place does.

pub mod accept;
pub mod containers;
pub mod links;
pub mod places;
