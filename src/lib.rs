//! kolla-lang: from a description of a cloud to running hosts that can go back.
//!
//! The layers below the command line are crates of their own, and each names in its Cargo.toml what it may import:
//! docs/ARCHITECTURE.md.

pub mod cli;

pub use {
    activate, child, fleet, images, lab, model, options, plan, rejoin, render, secrets, sign, stdlib, store,
};
