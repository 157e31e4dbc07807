//! When a started unit counts as up: plain data of the manifest.
//!
//! Asks nobody anything; that is `activate`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Seconds that a unit must stay up where nothing else is said: what dies of its configuration does so within this time.
pub const SOAK_SECS: u64 = 2;

/// Says when a started unit counts as up: when systemd says active, and all that is asked for here.
///
/// [`super::manifest::Unit::start_secs`] is its deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Whether the container's own health check must say healthy.
    #[serde(default, skip_serializing_if = "is_false")]
    pub healthy: bool,
    /// Seconds for which it must be active without a restart.
    #[serde(default = "soak_secs", skip_serializing_if = "is_usual_soak")]
    pub soak_secs: u64,
    /// Questions that must all be answered well, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub probes: BTreeMap<String, Probe>,
    /// Run in the container while the gate is not open: prints a number. The deadline begins anew whenever that grew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<String>,
}

/// One question with what a good answer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// What is asked.
    pub ask: Ask,
    /// Seconds an answer may take; later is no answer.
    pub timeout_secs: u64,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// Whether something accepts connections.
    Tcp {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
    /// Whether a server answers with this status; redirects are answers, not followed.
    Http {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// The path, with its `/`.
        path: String,
        /// The status of a good answer.
        status: u16,
    },
    /// Whether a command in the container ends with 0.
    Command {
        /// Its words.
        command: Vec<String>,
    },
}

impl Default for Gate {
    fn default() -> Self {
        Self { healthy: false, soak_secs: SOAK_SECS, probes: BTreeMap::new(), progress: Vec::new() }
    }
}

impl Gate {
    /// Returns what it waits for beyond being active, in words.
    pub fn words(&self) -> Vec<String> {
        let healthy = self.healthy.then(|| "healthy".to_owned());
        let probes = self.probes.iter().map(|(name, probe)| format!("probe {name} ({})", probe.ask.words()));
        let soak = (self.soak_secs > 0).then(|| format!("{} s without a restart", self.soak_secs));
        healthy.into_iter().chain(probes).chain(soak).collect()
    }
}

impl Ask {
    /// Returns what is asked, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Tcp { address, port } => format!("tcp {}", place(address, *port)),
            Self::Http { address, port, path, status } => {
                format!("http {status} from {}{path}", place(address, *port))
            }
            Self::Command { command } => command.join(" "),
        }
    }
}

/// Writes an address with its port, as in a URL.
fn place(address: &IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(*address, port).to_string()
}

fn soak_secs() -> u64 {
    SOAK_SECS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_usual_soak(secs: &u64) -> bool {
    *secs == SOAK_SECS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(super) fn is_false(it: &bool) -> bool {
    !it
}
