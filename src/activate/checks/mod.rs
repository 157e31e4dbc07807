//! What could forbid a switch, found before anything is touched. Changes nothing.

pub mod formats;
pub mod guard;
pub mod images;
pub mod irreversible;
pub mod modes;
pub mod names;
pub mod prechecks;
pub mod preflight;
