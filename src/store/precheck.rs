//! What must hold on a host before its first switch: plain data of the manifest.
//!
//! Asks nobody anything; that is `activate`.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Something that must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Precheck {
    /// What is asked.
    pub ask: Question,
    /// What to do where it does not hold; empty where no more can be said than of all of its kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub help: String,
}

/// What is asked of a host that has nothing of kolla-lang yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Question {
    /// Whether nobody has a port.
    Port {
        /// The port.
        port: u16,
        /// The address; absent for any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// What it belongs to.
        protocol: Protocol,
        /// The unit that may have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
    },
    /// Whether so much is free on the file system of a path.
    Space {
        /// The path, which need not be there.
        path: String,
        /// How much.
        bytes: u64,
    },
    /// Whether the kernel has a module or can load it.
    Module {
        /// Its name.
        name: String,
    },
    /// Whether a command tells at least a version.
    Version {
        /// Its words.
        command: Vec<String>,
        /// The version.
        least: String,
    },
    /// Whether a name has an address.
    Resolves {
        /// The name.
        name: String,
    },
    /// Whether a host answers a ping.
    Ping {
        /// Its address.
        address: IpAddr,
    },
    /// Whether something accepts connections.
    Tcp {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
    /// Whether an interface takes packets of at least a size.
    Mtu {
        /// Its name.
        interface: String,
        /// The size.
        bytes: u64,
    },
    /// Whether an interface is there and up, and has an address.
    Interface {
        /// Its name.
        name: String,
        /// The address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
    },
    /// Whether nobody has an address.
    Unused {
        /// The address.
        address: IpAddr,
        /// Who accepts connections at this port of it may have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unless: Option<u16>,
    },
    /// Whether no firewall drops what none of its rules names.
    Firewall,
    /// Whether the system is one of some.
    System {
        /// `ID` and `VERSION_ID` of `/etc/os-release`, with a blank between.
        among: Vec<String>,
    },
    /// Whether there are at least so many processors.
    Cores {
        /// How many.
        least: u64,
    },
    /// Whether there is at least so much memory.
    Memory {
        /// How much.
        bytes: u64,
    },
    /// Whether the clock is synchronised.
    Clock,
}

/// What a port belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Protocol {
    Tcp,
    Udp,
}

impl Question {
    /// Returns what must hold, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Port { port, address, protocol, unit: _ } => {
                let protocol = if *protocol == Protocol::Tcp { "tcp" } else { "udp" };
                match address {
                    Some(address) => format!("{protocol} port {port} of {address} is free"),
                    None => format!("{protocol} port {port} is free"),
                }
            }
            Self::Space { path, bytes } => format!("{path} has {} free", size(*bytes)),
            Self::Module { name } => format!("the kernel has the module {name}"),
            Self::Version { command, least } => format!("`{}` tells {least} or later", command.join(" ")),
            Self::Resolves { name } => format!("{name} has an address"),
            Self::Ping { address } => format!("{address} answers a ping"),
            Self::Tcp { address, port } => {
                format!("{} accepts connections", SocketAddr::new(*address, *port))
            }
            Self::Mtu { interface, bytes } => format!("{interface} takes packets of {bytes} bytes"),
            Self::Interface { name, address: Some(address) } => format!("{name} is up and has {address}"),
            Self::Interface { name, address: None } => format!("{name} is up"),
            Self::Unused { address, unless: None } => format!("nobody has {address}"),
            Self::Unused { address, unless: Some(_) } => format!("nobody but this cloud has {address}"),
            Self::Firewall => "no firewall drops what none of its rules names".to_owned(),
            Self::System { among } => format!("the system is one of: {}", among.join(", ")),
            Self::Cores { least } => format!("it has {least} processors or more"),
            Self::Memory { bytes } => {
                format!("it has {} of memory, but for what the kernel takes", size(*bytes))
            }
            Self::Clock => "the clock is synchronised".to_owned(),
        }
    }
}

/// Returns a size in words, in MiB where it is a GiB or more: what lacks a little must not look the same.
pub fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{bytes} bytes"),
        mib => format!("{mib} MiB"),
    }
}
