//! `kolla-lang rejoin`: the listener of a group on this host. Run by a unit of each host with a member, for as long as it is up.
//!
//! Turns arguments into a group, with the key that the generation of this host has; decides nothing about it.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::net::IpAddr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use clap::Args;

use super::exit::Exit;
use super::host::complain;
use activate::generation;
use activate::layout::Layout;
use rejoin::member::Contained;
use rejoin::proof::Key;
use rejoin::{Group, listener};
use secrets::Vault;

/// Let the members of a group find the one to begin with
#[derive(Debug, Args)]
pub struct RejoinArgs {
    /// The group
    group: String,
    /// The name of this host in the description
    #[arg(long)]
    host: String,
    /// A host with a member, and its address
    #[arg(long = "member", value_name = "HOST=ADDRESS", value_parser = member, required = true)]
    members: Vec<(String, IpAddr)>,
    /// The port at which each host of the group is asked
    #[arg(long)]
    port: u16,
    /// The secret that hosts of the group prove themselves by, and how often it was made; none where the group has one host
    #[arg(long, value_name = "SECRET=VERSION", value_parser = key)]
    key: Option<(String, u32)>,
    /// The container of this host's member
    #[arg(long)]
    container: String,
    /// Seconds that a member may take to become healthy
    #[arg(long, value_name = "SECONDS")]
    patience: u64,
    /// What says, run in the container, that the member takes part
    #[arg(required = true, last = true)]
    probe: Vec<String>,
}

/// Runs the command, which ends only when it fails: its unit tries it again.
pub fn run(args: &RejoinArgs) -> Exit {
    match open(args) {
        Ok(()) => Exit::Done,
        Err(error) => complain(error.as_ref(), Exit::Refused),
    }
}

fn open(args: &RejoinArgs) -> Result<(), Box<dyn Error>> {
    let RejoinArgs { group, host, members, port, key, container, patience, probe } = args;
    let layout = Layout::new("/");
    let key = match key {
        Some((name, version)) => Some(load_key(&layout, name, *version)?),
        None => None,
    };
    let group = Group {
        name: group.clone(),
        host: host.clone(),
        addresses: members.iter().cloned().collect::<BTreeMap<_, _>>(),
        port: *port,
        key,
        patience: Duration::from_secs(*patience),
    };
    let member = Contained { container: container.clone(), probe: probe.clone() };
    // Without a word systemd ends the unit after a while, and starts it again.
    Ok(listener::keep_open(group, Box::new(member), &layout, || drop(tell_systemd("READY=1")))?)
}

/// Opens the key of a group in the generation that the unit of this process is of.
fn load_key(layout: &Layout, name: &str, version: u32) -> Result<Key, Box<dyn Error>> {
    let number = match generation::on_trial(layout)? {
        Some(number) => Some(number),
        None => generation::booted(layout)?,
    };
    let number = number.ok_or("this host has no generation")?;
    let closure = generation::load_closure(layout, number)?;
    if closure.manifest.secrets.get(name).is_none_or(|it| it.version != version) {
        return Err(format!("generation {number} has not making {version} of the secret `{name}`").into());
    }
    let text = Vault::new(layout.host_keys()).read(&closure, name, None)?;
    Ok(Key::new(&text).ok_or_else(|| format!("the secret `{name}` is too short for a key"))?)
}

/// Tells systemd how its unit is, if it asked for that: sd_notify(3).
fn tell_systemd(word: &str) -> std::io::Result<()> {
    let Some(place) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let address = match place.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(OsStr::new(&place))?,
    };
    UnixDatagram::unbound()?.send_to_addr(word.as_bytes(), &address).map(drop)
}

fn member(text: &str) -> Result<(String, IpAddr), String> {
    let (host, address) = text.split_once('=').ok_or("it is written HOST=ADDRESS")?;
    Ok((host.to_owned(), address.parse().map_err(|error| format!("{error}"))?))
}

fn key(text: &str) -> Result<(String, u32), String> {
    let (name, version) = text.rsplit_once('=').ok_or("it is written SECRET=VERSION")?;
    Ok((name.to_owned(), version.parse().map_err(|error| format!("{error}"))?))
}
