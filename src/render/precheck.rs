//! What must hold before a host's first switch, as the manifest has it.

use model::{self, Host, Protocol, Question};
use plan::order::service;
use std::collections::BTreeMap;
use store::precheck::{self, Precheck};

/// Returns the prechecks of a host by name.
pub fn prechecks(host: &Host) -> BTreeMap<String, Precheck> {
    let one = |(name, it): &(std::sync::Arc<str>, model::Precheck)| {
        Some((name.to_string(), Precheck { ask: question(&it.ask)?, help: it.help.to_string() }))
    };
    host.prechecks.iter().filter_map(one).collect()
}

/// Returns a question; none where something of it is wrong, which was reported.
fn question(ask: &Question) -> Option<precheck::Question> {
    Some(match ask {
        Question::Port { port, address, protocol, of, by } => precheck::Question::Port {
            port: *port,
            address: *address,
            protocol: match protocol {
                Protocol::Tcp => precheck::Protocol::Tcp,
                Protocol::Udp => precheck::Protocol::Udp,
            },
            unit: of.as_ref().map(|it| service(it.as_str())).or_else(|| by.as_ref().map(ToString::to_string)),
        },
        Question::Space { path, free } => precheck::Question::Space { path: path.to_string(), bytes: *free },
        Question::Module(name) => precheck::Question::Module { name: name.to_string() },
        Question::Version { command, least } => precheck::Question::Version {
            command: command.iter().map(ToString::to_string).collect(),
            least: least.to_string(),
        },
        Question::Resolves(name) => precheck::Question::Resolves { name: name.to_string() },
        Question::Ping(address) => precheck::Question::Ping { address: (*address)? },
        Question::Tcp(address, port) => precheck::Question::Tcp { address: (*address)?, port: *port },
        Question::Mtu(interface, bytes) => {
            precheck::Question::Mtu { interface: interface.to_string(), bytes: *bytes }
        }
        Question::Interface { name, address } => {
            precheck::Question::Interface { name: name.to_string(), address: *address }
        }
        Question::Unused { address, unless } => {
            precheck::Question::Unused { address: (*address)?, unless: *unless }
        }
        Question::Firewall => precheck::Question::Firewall,
        Question::System(among) => {
            precheck::Question::System { among: among.iter().map(ToString::to_string).collect() }
        }
        Question::Cores(least) => precheck::Question::Cores { least: *least },
        Question::Memory(bytes) => precheck::Question::Memory { bytes: *bytes },
        Question::Clock => precheck::Question::Clock,
    })
}
