//! The host that a switch acts on: what it is asked and changed by, and what was done so far.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::failure::Failure;
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::machine::systemd::Systemd;
use crate::records::journal::Journal;
use crate::records::request::Options;
use secrets::Vault;

/// The host that is acted on.
pub struct Host<'a> {
    /// Its paths.
    pub layout: &'a Layout,
    /// Its systemd.
    pub systemd: &'a mut dyn Systemd,
    /// Its programs.
    pub tools: &'a mut dyn Tools,
    /// What opens its secrets. Its keys are read once in a switch.
    pub vault: Vault,
    /// Names the switch.
    pub tx: String,
    /// How the switch is to be done.
    pub options: Options,
    /// Where actions are written down before they are done.
    pub journal: Journal,
    /// Timers that take the host back, to be ended when the switch is.
    pub alarms: Vec<String>,
    /// The timer of the whole switch, once it is set.
    pub armed_timer: Option<ArmedTimer>,
    /// Set when somebody wants it to end before it is done; then it goes back.
    pub interrupted: &'a AtomicBool,
}

impl Host<'_> {
    /// Says whether somebody wants it to end.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// The timer of a whole switch, as it was set last.
#[derive(Debug, Clone)]
pub struct ArmedTimer {
    /// The program that takes the host back.
    pub engine: PathBuf,
    /// Seconds until then.
    pub secs: u64,
    /// How often it was set.
    pub n_times: u32,
    /// When it was set last.
    pub since: Duration,
}

/// What was done so far, true also after a failure.
#[derive(Debug, Default)]
pub struct Progress {
    /// Units that a job was asked for, stops included.
    pub touched: BTreeSet<String>,
    /// Units whose live files were replaced.
    pub reloaded: BTreeSet<String>,
    /// Tasks that were completed.
    pub tasks: Vec<String>,
    /// Units that were to be stopped and are the host's own by now, each with the words for it.
    pub spared: Vec<Failure>,
}
