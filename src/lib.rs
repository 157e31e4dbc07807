//! kolla-lang: from a description of a cloud to running hosts that can go back.
//!
//! Layers, top to bottom, and what each may import: docs/ARCHITECTURE.md.

pub mod activate;
pub mod child;
pub mod cli;
pub mod fleet;
pub mod images;
pub mod lab;
pub mod model;
pub mod plan;
pub mod rejoin;
pub mod render;
pub mod secrets;
pub mod sign;
pub mod stdlib;
pub mod store;
