//! What a switch tells while it runs: each deed before it is done, and how it went.
//!
//! The command line shows it. A journal that survives a power cut will be another listener, at the same places.

use super::steps::{Act, Stop};

/// A listener to a switch.
pub trait Journal {
    /// Is called for each event, in order; for an intent, before anything is done.
    fn tell(&mut self, event: &Told<'_>);
}

/// What is told.
#[derive(Debug)]
#[non_exhaustive]
pub enum Told<'a> {
    /// Intent: the host is checked; nothing is touched yet.
    Checking,
    /// Intent: a unit is stopped under its old definition.
    Stopping(&'a Stop),
    /// Intent: a generation goes on trial.
    OnTrial {
        /// Its number.
        number: u64,
    },
    /// Intent: a kernel setting gets a value or a module is loaded.
    Kernel {
        /// Its key or name.
        key: &'a str,
        /// The value, or `loaded`.
        value: &'a str,
    },
    /// Intent: a unit is started, restarted, reloaded or run.
    Acting(&'a Act),
    /// A unit is up, or a task done.
    Up {
        /// The unit.
        unit: &'a str,
        /// Seconds since it was begun.
        secs: f32,
    },
    /// Intent: the generation is committed.
    Committing {
        /// Its number.
        number: u64,
    },
    /// Intent: the host goes back.
    Reverting {
        /// The generation that holds; none if there is none yet.
        to: Option<u64>,
    },
}

/// Listens and says nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Journal for Silent {
    fn tell(&mut self, _: &Told<'_>) {}
}
