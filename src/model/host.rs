//! A host: what runs on it, its volumes and networks, its own files, timers and units.

use super::calendar::{self, NoTime};
use super::container::{Container, File};
use super::decode;
use super::names::reserved;
use super::precheck::{Precheck, prechecks};
use super::read::Reader;
use super::{At, Text, errors};
use kl::data::{Data, DataKind};
use kl::diag::Problems;
use kl::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name.
    pub name: Arc<str>,
    /// Where it was defined.
    pub at: Span,
    /// What it may be used for.
    pub roles: Vec<Text>,
    /// Its addresses by network, sorted.
    pub addresses: Vec<(Arc<str>, Text)>,
    /// How it is plugged into each network, by network, sorted.
    pub interfaces: Vec<(Arc<str>, Interface)>,
    /// Hardware addresses by the names that their interfaces are given, sorted.
    pub links: Vec<(Arc<str>, Text)>,
    /// What must hold before it is first switched, by name, sorted.
    pub prechecks: Vec<(Arc<str>, Precheck)>,
    /// How to reach it.
    pub ssh: Ssh,
    /// The version of its podman.
    pub podman: Text,
    /// The version of its systemd.
    pub systemd: u64,
    /// How containers become units.
    pub backend: At<Backend>,
    /// Its containers, by name.
    pub containers: Vec<Container>,
    /// Its volumes by name, sorted.
    pub volumes: Vec<(Arc<str>, Volume)>,
    /// Its container networks by name, sorted.
    pub bridges: Vec<(Arc<str>, Bridge)>,
    /// Its own files by path, sorted.
    pub files: Vec<(Arc<str>, File)>,
    /// Its timers by name, sorted.
    pub timers: Vec<(Arc<str>, Timer)>,
    /// Its raw units by name, sorted.
    pub units: Vec<(Arc<str>, RawUnit)>,
    /// Kernel parameters, sorted.
    pub sysctls: Vec<(Arc<str>, Text)>,
    /// Kernel modules, sorted.
    pub modules: Vec<Text>,
}

/// How a host is plugged into a network.
#[derive(Clone, Debug)]
pub struct Interface {
    /// The interface that the cable is in.
    pub link: Text,
    /// What carries its address: the same, or a VLAN on it.
    pub name: Text,
}

/// How to reach a host.
#[derive(Clone, Debug)]
pub struct Ssh {
    /// Who logs in.
    pub user: Text,
    /// Where; empty: the host's name.
    pub address: Text,
    /// At which port.
    pub port: u64,
    /// Its public key, which secrets are encrypted to.
    pub key: Option<Text>,
}

/// How containers become units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// By podman's Quadlet.
    Quadlet,
    /// By plain services that run podman.
    Systemd,
}

/// A named volume.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Where it was defined.
    pub at: Span,
    /// What is mounted.
    pub device: Option<Text>,
    /// The kind of its file system.
    pub fs: Option<Text>,
    /// Mount options.
    pub options: Vec<Text>,
    /// Whether nothing that a task did is lost with it.
    pub ephemeral: bool,
    /// The format of its data.
    pub format: Option<Format>,
}

/// The format of data in a volume.
#[derive(Clone, Debug)]
pub struct Format {
    /// Its version, numbers between dots.
    pub version: Text,
    /// Earlier ones that are taken over directly; none: all.
    pub from: Vec<Text>,
}

/// A container network.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// Where it was defined.
    pub at: Span,
    /// How it reaches the world.
    pub driver: Driver,
    /// Its addresses.
    pub subnet: Option<Text>,
    /// The host's address in it.
    pub gateway: Option<Text>,
    /// The host's interface.
    pub parent: Option<Text>,
    /// Largest packet.
    pub mtu: Option<At<i64>>,
    /// Whether there is no way out.
    pub internal: bool,
    /// Whether containers find each other by name.
    pub dns: bool,
}

/// How a container network reaches the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are podman's")]
pub enum Driver {
    Bridge,
    Macvlan,
    Ipvlan,
}

/// What runs at stated times.
#[derive(Clone, Debug)]
pub struct Timer {
    /// Where it was defined.
    pub at: Span,
    /// When.
    pub calendar: Text,
    /// A random delay of at most this.
    pub spread: Duration,
    /// Whether a missed run is made up for.
    pub persistent: bool,
    /// The container to run in.
    pub within: Option<Text>,
    /// What to run.
    pub command: Vec<Text>,
    /// How long it may take.
    pub timeout: Duration,
}

/// A unit written by hand.
#[derive(Clone, Debug)]
pub struct RawUnit {
    /// Where it was defined.
    pub at: Span,
    /// The unit file.
    pub text: Text,
    /// What starts it at boot.
    pub wanted_by: Vec<Text>,
    /// What a change does to it.
    pub change: UnitChange,
}

/// What a change does to a raw unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum UnitChange {
    Restart,
    Reload,
    Keep,
}

/// Decodes one host. Fields that modules added to its type are not read.
pub fn decode_host(name: &str, data: &Data) -> (Host, Problems) {
    let mut read = Reader::default();
    let read = &mut read;
    let map = |read: &mut Reader, name: &str| {
        let field = read.field(data, name);
        read.entries(field)
    };
    let (roles, podman, systemd, backend, modules) = (
        read.field(data, "roles"),
        read.field(data, "podman"),
        read.field(data, "systemd"),
        read.field(data, "backend"),
        read.field(data, "modules"),
    );
    let host = Host {
        name: name.into(),
        at: data.origin.at,
        roles: read.texts(roles),
        addresses: map(read, "addresses").iter().map(|(key, it)| (key.clone(), read.display(it))).collect(),
        interfaces: map(read, "interfaces")
            .iter()
            .map(|(key, it)| (key.clone(), interface(read, it)))
            .collect(),
        links: map(read, "links").iter().map(|(key, it)| (key.clone(), read.text(it))).collect(),
        prechecks: prechecks(read, data),
        ssh: ssh(read, data),
        podman: read.text(podman),
        systemd: read.number(systemd).value,
        backend: {
            let table = [("quadlet", Backend::Quadlet), ("systemd", Backend::Systemd)];
            At::new(read.choose(backend, &table, Backend::Quadlet), backend.origin.at)
        },
        containers: map(read, "containers")
            .iter()
            .map(|(key, it)| decode::container(read, key, it))
            .collect(),
        volumes: map(read, "volumes").iter().map(|(key, it)| (key.clone(), volume(read, it))).collect(),
        bridges: map(read, "bridges").iter().map(|(key, it)| (key.clone(), bridge(read, it))).collect(),
        files: decode::files(read, data),
        timers: map(read, "timers").iter().map(|(key, it)| (key.clone(), timer(read, it))).collect(),
        units: map(read, "units").iter().map(|(key, it)| (key.clone(), raw_unit(read, key, it))).collect(),
        sysctls: map(read, "sysctls").iter().map(|(key, it)| (setting(key), read.text(it))).collect(),
        modules: read.texts(modules),
    };
    check_names(read, &host);
    super::claims::check_ports(read, &host);
    check_sysctls(read, &host);
    (host, std::mem::take(&mut read.problems))
}

/// Returns the name of a kernel setting with dots between its parts. As sysctl.d(5) says, where the first separator is a slash, slashes
/// part and dots belong to names; else it is the other way round.
fn setting(key: &str) -> Arc<str> {
    let swapped = |it: char| match it {
        '.' => '/',
        '/' => '.',
        it => it,
    };
    match key.find(['.', '/']) {
        Some(first) if key[first..].starts_with('/') => key.chars().map(swapped).collect::<String>().into(),
        _ => key.into(),
    }
}

/// A kernel setting is one, and has one line.
fn check_sysctls(read: &mut Reader, host: &Host) {
    for (place, (key, value)) in host.sysctls.iter().enumerate() {
        if key.is_empty() || key.contains(|it: char| it.is_whitespace() || it.is_control() || it == '=') {
            read.report(errors::bad_value(
                value.at,
                format!("`{}` is no name of a kernel setting", key.escape_debug()),
            ));
        }
        if value.as_str().contains(|it: char| it.is_control() && it != '\t') {
            let report = errors::bad_value(value.at, format!("the value of `{key}` is not one line of text"));
            read.report(report.help("give each setting a key of its own"));
        }
        if let Some((_, first)) = host.sysctls[..place].iter().find(|(other, _)| other == key) {
            let report = errors::bad_value(value.at, format!("two values for the kernel setting `{key}`"));
            read.report(
                report.label(first.at, "the other one").help("leave one out: dots and slashes mean the same"),
            );
        }
    }
}

impl Host {
    /// Takes images that a lock pins by their digests.
    pub fn pin(&mut self, pinned: impl Fn(&str) -> Option<String>) {
        self.containers.iter_mut().for_each(|it| it.run.pin(&pinned));
    }

    /// The names of all units that it is described with but for those of tasks, and where each was defined.
    pub fn unit_names(&self) -> impl Iterator<Item = (String, Span)> {
        let containers = self.containers.iter().map(|it| (format!("{}.service", it.name), it.at));
        let timers = self
            .timers
            .iter()
            .flat_map(|(name, it)| [(format!("{name}.timer"), it.at), (format!("{name}.service"), it.at)]);
        let volumes = self.volumes.iter().map(|(name, it)| (format!("{name}-volume.service"), it.at));
        let bridges = self.bridges.iter().map(|(name, it)| (format!("{name}-network.service"), it.at));
        let units = self.units.iter().map(|(name, it)| (name.to_string(), it.at));
        containers.chain(timers).chain(volumes).chain(bridges).chain(units)
    }
}

/// Every unit of a host has a name of its own, whatever it was made from.
fn check_names(read: &mut Reader, host: &Host) {
    let (mut seen, mut things) = (BTreeMap::<String, Span>::new(), BTreeSet::new());
    for (name, at) in host.unit_names() {
        // One report for what becomes several units: they differ in what follows the last dot. One line may define many things.
        let thing = name.rsplit_once('.').map_or(name.as_str(), |it| it.0).to_owned();
        if things.insert((thing, at)) {
            read.report_all(reserved(&name, at));
        }
        if let Some(first_at) = seen.insert(name.clone(), at) {
            let report =
                errors::bad_value(at, format!("two things on `{}` would be the unit `{name}`", host.name));
            read.report(report.label(first_at, "the other one"));
        }
    }
}

fn interface(read: &mut Reader, data: &Data) -> Interface {
    let (link, name) = (read.field(data, "link"), read.field(data, "name"));
    Interface { link: read.text(link), name: read.text(name) }
}

fn ssh(read: &mut Reader, data: &Data) -> Ssh {
    let field = read.field(data, "ssh");
    let (user, address) = (read.field(field, "user"), read.field(field, "address"));
    let (port, key) = (read.field(field, "port"), read.field(field, "key"));
    Ssh {
        user: read.text(user),
        address: read.text(address),
        port: read.number(port).value,
        key: read.opt_text(key).map(|key| key.trimmed()),
    }
}

fn format(read: &mut Reader, volume: &Data) -> Option<Format> {
    let field = read.field(volume, "format");
    if field.kind == DataKind::None {
        return None;
    }
    let (version, from) = (read.field(field, "version"), read.field(field, "from"));
    Some(Format { version: read.text(version), from: read.texts(from) })
}

fn volume(read: &mut Reader, data: &Data) -> Volume {
    let (device, fs, options) =
        (read.field(data, "device"), read.field(data, "fs"), read.field(data, "options"));
    let ephemeral = read.field(data, "ephemeral");
    let volume = Volume {
        at: data.origin.at,
        device: read.opt_text(device),
        fs: read.opt_text(fs),
        options: read.texts(options),
        ephemeral: read.bool(ephemeral),
        format: format(read, data),
    };
    if device.kind == DataKind::None && (volume.fs.is_some() || !volume.options.is_empty()) {
        let report = errors::bad_value(volume.at, "a volume without a device has nothing to mount");
        read.report(report.help("name a `device`, or leave `fs` and `options` out"));
    }
    volume
}

fn bridge(read: &mut Reader, data: &Data) -> Bridge {
    let (driver, subnet, gateway) =
        (read.field(data, "driver"), read.field(data, "subnet"), read.field(data, "gateway"));
    let (parent, mtu) = (read.field(data, "parent"), read.field(data, "mtu"));
    let (internal, dns) = (read.field(data, "internal"), read.field(data, "dns"));
    let table = [("bridge", Driver::Bridge), ("macvlan", Driver::Macvlan), ("ipvlan", Driver::Ipvlan)];
    let bridge = Bridge {
        at: data.origin.at,
        driver: read.choose(driver, &table, Driver::Bridge),
        subnet: read.opt_display(subnet),
        gateway: read.opt_display(gateway),
        parent: read.opt_text(parent),
        mtu: read.opt_int(mtu),
        internal: read.bool(internal),
        dns: read.bool(dns),
    };
    if let (Some(gateway), DataKind::None) = (&bridge.gateway, &subnet.kind) {
        read.report(errors::bad_value(gateway.at, "a gateway needs a `subnet` to lie in"));
    }
    if let (Some(parent), Driver::Bridge) = (&bridge.parent, bridge.driver) {
        read.report(errors::bad_value(parent.at, "only a macvlan or an ipvlan has a parent"));
    }
    bridge
}

fn timer(read: &mut Reader, data: &Data) -> Timer {
    let (calendar, spread, persistent) =
        (read.field(data, "calendar"), read.field(data, "spread"), read.field(data, "persistent"));
    let (within, command, timeout) =
        (read.field(data, "within"), read.field(data, "command"), read.field(data, "timeout"));
    let timer = Timer {
        at: data.origin.at,
        calendar: read.text(calendar),
        spread: read.duration(spread),
        persistent: read.bool(persistent),
        within: read.opt_text(within),
        command: read.texts(command),
        timeout: read.duration(timeout),
    };
    if !calendar.is_error()
        && let Err(NoTime { why, help }) = calendar::check(timer.calendar.as_str())
    {
        let why = why.map_or(String::new(), |why| format!(": {why}"));
        let message = format!("`{}` is no time as systemd.time(7) writes it{why}", timer.calendar);
        let help =
            help.unwrap_or_else(|| "write `daily`, or days and a time, as in `Mon..Fri 03:30`".to_owned());
        read.report(errors::bad_value(timer.calendar.at, message).help(help));
    }
    timer
}

fn raw_unit(read: &mut Reader, name: &str, data: &Data) -> RawUnit {
    if name.contains("@.") {
        let report = errors::bad_value(data.origin.at, format!("`{name}` is a template, which never runs"));
        read.report(report.help("describe each instance that should run, by its whole name"));
    }
    let (text, wanted_by, change) =
        (read.field(data, "text"), read.field(data, "wanted_by"), read.field(data, "change"));
    let table =
        [("restart", UnitChange::Restart), ("reload", UnitChange::Reload), ("keep", UnitChange::Keep)];
    RawUnit {
        at: data.origin.at,
        text: read.text(text),
        wanted_by: read.texts(wanted_by),
        change: read.choose(change, &table, UnitChange::Restart),
    }
}
