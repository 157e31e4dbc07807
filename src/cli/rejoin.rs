//! `kolla-lang rejoin`: the door of a group on this host. Run by a unit of each host with a member, for as long as it is up.
//!
//! Turns arguments into a group; decides nothing about it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use clap::Args;

use super::exit::Exit;
use super::host::complain;
use crate::rejoin::{Group, door};

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
    let RejoinArgs { group, host, members, port, container, patience, probe } = args;
    let group = Group {
        name: group.clone(),
        host: host.clone(),
        addresses: members.iter().cloned().collect::<BTreeMap<_, _>>(),
        port: *port,
        container: container.clone(),
        probe: probe.clone(),
        patience: Duration::from_secs(*patience),
    };
    match door::keep_open(group) {
        Ok(()) => Exit::Done,
        Err(error) => complain(&error, Exit::Refused),
    }
}

fn member(text: &str) -> Result<(String, IpAddr), String> {
    let (host, address) = text.split_once('=').ok_or("it is written HOST=ADDRESS")?;
    Ok((host.to_owned(), address.parse().map_err(|error| format!("{error}"))?))
}
