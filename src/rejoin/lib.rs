//! Who of a group begins after all of its members were down. A member that starts says at its host's listener how far it had come, and is
//! told to begin or to join; the listeners of a group ask each other. A listener hears its member and hosts of the group, and nobody else.
//!
//! Knows no service: a member is a container that speaks the protocol of `words`. Why there is never more than one beginning:
//! docs/decisions, 2026-11-27, who begins; why nobody else is heard: 2026-11-29, who is heard.

mod ask;
mod book;
mod connect;
mod decide;
mod line;
pub mod listener;
pub mod member;
mod notes;
pub mod proof;
pub mod protocol;
pub mod report;
mod rounds;
mod seats;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod strangers;
mod talk;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proof::Key;

/// A group as one of its hosts knows it.
#[derive(Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// This host.
    pub host: String,
    /// The addresses of all hosts with a member, this one's too.
    pub addresses: BTreeMap<String, IpAddr>,
    /// Where each of them is asked.
    pub port: u16,
    /// What its hosts prove themselves by; none: it has one host.
    pub key: Option<Key>,
    /// How long a member may take to become healthy.
    pub patience: Duration,
}

impl Group {
    /// Returns all hosts with a member, sorted.
    pub fn hosts(&self) -> Vec<String> {
        self.addresses.keys().cloned().collect()
    }

    /// Returns where a host is asked, if it has a member.
    pub fn listener(&self, host: &str) -> Option<SocketAddr> {
        self.addresses.get(host).map(|address| SocketAddr::new(*address, self.port))
    }

    /// Returns the other hosts with a member, sorted.
    pub fn others(&self) -> impl Iterator<Item = &String> {
        self.addresses.keys().filter(|host| **host != self.host)
    }
}
