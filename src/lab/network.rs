//! The networks of a lab: a network namespace of its own with one bridge per wire, which is a described network, or several that
//! hosts have on one interface.
//!
//! The machine's own network is never touched, and nothing leads out of a lab.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use super::spec::LabSpec;
use super::{LabError, tool};

/// The network namespace of a lab.
#[derive(Debug, Clone)]
pub(super) struct Networks {
    name: String,
    /// The number of each network's bridge.
    bridges: BTreeMap<String, usize>,
}

impl Networks {
    /// Returns the networks of a lab; they need not be there.
    pub fn new(spec: &LabSpec) -> Self {
        let all = spec.wires();
        let mut wires: Vec<_> = all.values().copied().collect();
        wires.sort_unstable();
        wires.dedup();
        let number = |wire: &str| wires.iter().position(|it| *it == wire).unwrap_or_default();
        Self {
            name: format!("kolla-lab-{}", spec.name),
            bridges: all.iter().map(|(network, wire)| ((*network).to_owned(), number(wire))).collect(),
        }
    }

    /// Returns the file that stands for the namespace.
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// Makes the namespace and its bridges, as far as they are not there.
    pub fn create(&self) -> Result<(), LabError> {
        // A name can outlive its namespace when /run is not a file system of its own.
        if !tool::answers("ip", &["-netns", &self.name, "link", "show", "lo"]) {
            if self.path().exists() {
                self.remove()?;
            }
            tool::run(Command::new("ip").args(["netns", "add", &self.name]))?;
        }
        self.ip(&["link", "set", "lo", "up"])?;
        for (network, idx) in &self.bridges {
            let bridge = bridge(*idx);
            if !tool::answers("ip", &["-netns", &self.name, "link", "show", &bridge]) {
                // No waiting for a spanning tree, and multicast reaches every port: VRRP has no querier to ask.
                self.ip(&[
                    "link",
                    "add",
                    &bridge,
                    "type",
                    "bridge",
                    "forward_delay",
                    "0",
                    "mcast_snooping",
                    "0",
                ])?;
                self.ip(&["link", "set", &bridge, "alias", network])?;
            }
            self.ip(&["link", "set", &bridge, "up"])?;
        }
        Ok(())
    }

    /// Plugs a host's port into the bridge of its network.
    pub fn plug(&self, port: &str, network: &str) -> Result<(), LabError> {
        let idx = self.bridges.get(network).copied().unwrap_or_default();
        self.ip(&["link", "set", port, "master", &bridge(idx)])?;
        self.ip(&["link", "set", port, "up"])
    }

    /// Takes a host's port off its bridge. It keeps its carrier, as behind a switch that forwards nothing.
    pub fn unplug(&self, port: &str) -> Result<(), LabError> {
        self.ip(&["link", "set", port, "nomaster"])
    }

    /// Removes a port of a host that has ended. It goes by itself too, but only once the kernel has taken the host's own networks apart.
    pub fn remove_port(&self, port: &str) -> Result<(), LabError> {
        if !self.has(port) {
            return Ok(());
        }
        let removed = self.ip(&["link", "delete", port]);
        if self.has(port) { removed } else { Ok(()) }
    }

    /// Returns whether a port is there to be plugged in.
    pub fn has(&self, port: &str) -> bool {
        tool::answers("ip", &["-netns", &self.name, "link", "show", port])
    }

    /// Removes the namespace with all that is in it, if it is there.
    pub fn remove(&self) -> Result<(), LabError> {
        if self.path().exists() {
            tool::run(Command::new("ip").args(["netns", "delete", &self.name]))?;
        }
        Ok(())
    }

    fn ip(&self, args: &[&str]) -> Result<(), LabError> {
        tool::run(Command::new("ip").args(["-netns", &self.name]).args(args)).map(drop)
    }
}

/// Returns the name of the n-th bridge; the network's own name may be too long for an interface, so it is the alias.
fn bridge(idx: usize) -> String {
    format!("br{idx}")
}
