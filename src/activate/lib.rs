//! Makes a host be what a closure says, keeps every generation, and goes back.
//!
//! Knows nothing of the language or of the cloud model: all it needs is in the host's manifest. Its folders are layers, each
//! imports only from those before it; docs/ARCHITECTURE.md lists them. What other layers use is named here.

mod machine;

mod records;

pub mod adopt;

mod plan;

pub mod failure;
pub mod outcome;

pub mod drift;

mod checks;

mod perform;

mod rollout;

pub mod switch;

pub mod gc;

pub use checks::{guard, prechecks};
pub use machine::systemd::lazy_systemd;
pub use machine::{ask, inventory, layout, memory, name, podman, systemd, tool};
pub use perform::{contents, contracts, host, release, revert_timer};
pub use plan::{diff, document, lines, observed, steps, words};
pub use records::{
    adopted, completions, error_report, finding, generation, history, journal, listed, operators, part, pins,
    request, verdict,
};
pub use rollout::{back, enrol, report};
pub use switch::{compare, dry_run, recover};
