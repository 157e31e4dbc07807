//! What must hold on a host before its first switch.

use super::Text;
use super::read::{Reader, is_there};
use kl::data::Data;
use std::net::IpAddr;
use std::sync::Arc;

/// Something that must hold.
#[derive(Clone, Debug)]
pub struct Precheck {
    /// What is asked.
    pub ask: Question,
    /// What to do where it does not hold, if more can be said than of all of its kind.
    pub help: Text,
}

/// What is asked of a host that has nothing yet. What is absent was reported, but for the address of a port.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the kernel's schema says it")]
pub enum Question {
    Port { port: u16, address: Option<IpAddr>, protocol: Protocol, of: Option<Text>, by: Option<Text> },
    Space { path: Text, free: u64 },
    Module(Text),
    Version { command: Vec<Text>, least: Text },
    Resolves(Text),
    Ping(Option<IpAddr>),
    Tcp(Option<IpAddr>, u16),
    Mtu(Text, u64),
    Interface { name: Text, address: Option<IpAddr> },
    Unused { address: Option<IpAddr>, unless: Option<u16> },
    Firewall,
    System(Vec<Text>),
    Cores(u64),
    Memory(u64),
    Clock,
}

/// What a port belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Protocol {
    Tcp,
    Udp,
}

/// Decodes the prechecks of a host.
pub(super) fn prechecks(read: &mut Reader, host: &Data) -> Vec<(Arc<str>, Precheck)> {
    let field = read.field(host, "prechecks");
    read.entries(field).iter().map(|(name, it)| (name.clone(), precheck(read, it))).collect()
}

fn precheck(read: &mut Reader, data: &Data) -> Precheck {
    let (ask, help) = (read.field(data, "ask"), read.field(data, "help"));
    Precheck { ask: question(read, ask), help: read.text(help) }
}

fn question(read: &mut Reader, ask: &Data) -> Question {
    let (kind, payload) = read.variant(ask);
    let given = |read: &mut Reader, name: &str| read.payload(ask, payload, name);
    match kind {
        "port" => {
            let (number, address) = (given(read, "number"), given(read, "address"));
            let (protocol, of, by) = (given(read, "protocol"), given(read, "of"), given(read, "by"));
            let table = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp)];
            Question::Port {
                port: read.small(number),
                address: is_there(address).then(|| read.opt_ip(address)).flatten(),
                protocol: read.choose(protocol, &table, Protocol::Tcp),
                of: read.opt_text(of),
                by: read.opt_text(by),
            }
        }
        "space" => {
            let (path, free) = (given(read, "path"), given(read, "free"));
            Question::Space { path: read.text(path), free: read.size(free).value }
        }
        "module" => {
            let name = given(read, "name");
            Question::Module(read.text(name))
        }
        "version" => {
            let (command, least) = (given(read, "command"), given(read, "least"));
            Question::Version { command: read.texts(command), least: read.text(least) }
        }
        "resolves" => {
            let name = given(read, "name");
            Question::Resolves(read.text(name))
        }
        "ping" => {
            let address = given(read, "address");
            Question::Ping(read.opt_ip(address))
        }
        "tcp" => {
            let (address, port) = (given(read, "address"), given(read, "port"));
            Question::Tcp(read.opt_ip(address), read.small(port))
        }
        "mtu" => {
            let (interface, bytes) = (given(read, "interface"), given(read, "bytes"));
            Question::Mtu(read.text(interface), read.number(bytes).value)
        }
        "interface" => {
            let (name, address) = (given(read, "name"), given(read, "address"));
            Question::Interface {
                name: read.text(name),
                address: is_there(address).then(|| read.opt_ip(address)).flatten(),
            }
        }
        "unused" => {
            let (address, unless) = (given(read, "address"), given(read, "unless"));
            Question::Unused {
                address: read.opt_ip(address),
                unless: is_there(unless).then(|| read.small(unless)),
            }
        }
        "firewall" => Question::Firewall,
        "system" => {
            let among = given(read, "among");
            Question::System(read.texts(among))
        }
        "cores" => {
            let least = given(read, "least");
            Question::Cores(read.number(least).value)
        }
        "memory" => {
            let least = given(read, "least");
            Question::Memory(read.size(least).value)
        }
        _ => Question::Clock,
    }
}
