//! What the commands that act on this host share: finding its closure, and saying what is wrong.
//!
//! Decides nothing about switches; that is in [`activate`].

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::say::say_wrong;
use fleet::errors::listed;
use fleet::ssh::Reach;
use store::{Closure, Digest, Store, tree};

/// A built cloud.
#[derive(Debug)]
pub struct Built {
    /// The closure of each host.
    pub closures: BTreeMap<String, Closure>,
    /// The digest of the whole cloud, where all of it was built.
    pub cloud: Option<Digest>,
    /// How each host is reached.
    pub reach: BTreeMap<String, Reach>,
    /// The roles of each host.
    pub roles: BTreeMap<String, BTreeSet<String>>,
}

/// Builds the cloud that a file describes, or `cloud.kl`. What is wrong with it was printed when the exit code comes back.
pub type Build<'a> = &'a dyn Fn(Option<&Path>) -> Result<Built, Exit>;

/// Which description a command acts on.
#[derive(Debug, Args)]
pub struct FromArgs {
    /// The description; without it `cloud.kl` in this folder
    pub file: Option<PathBuf>,
    /// Take a closure from a folder, as `build --out` writes it, instead of building one
    #[arg(long, value_name = "DIR", hide = true, conflicts_with = "file")]
    pub closure: Option<PathBuf>,
    /// A closure that is in the store by now, instead of building one.
    #[command(flatten)]
    pub stored: StoredArgs,
}

/// A closure that another machine brought here.
#[derive(Debug, Clone, Default, Args)]
pub struct StoredArgs {
    /// Take a closure that is in the store by now
    #[arg(long, value_name = "DIGEST", hide = true, conflicts_with_all = ["file", "closure"])]
    pub stored: Option<Digest>,
    /// The digest of the cloud that closure was built with
    #[arg(long, value_name = "DIGEST", hide = true, requires = "stored")]
    pub cloud: Option<Digest>,
}

impl StoredArgs {
    /// Returns the closure, if one is named and is one for this host.
    fn closure(&self) -> Result<Option<(Closure, Option<Digest>)>, Exit> {
        let Some(digest) = &self.stored else { return Ok(None) };
        Ok(Some((load_stored(digest)?, self.cloud.clone())))
    }
}

/// Returns a closure that is in the store, and is one for this host.
pub fn load_stored(digest: &Digest) -> Result<Closure, Exit> {
    let loaded = Store::default_root().and_then(Store::open).and_then(|store| store.load(digest));
    let closure = loaded.map_err(|error| complain(&error, Exit::Refused))?;
    let host = closure.manifest.host.clone();
    let mut closures = BTreeMap::from([(host.clone(), closure)]);
    if local_name(&closures).is_none() {
        say_wrong!("error: this host is `{}`, and what it should become is `{host}`", node_name());
        say_wrong!("  help: look at `hosts.{host}.ssh`, or at the name that this host has");
        return Err(Exit::Refused);
    }
    closures.remove(&host).ok_or(Exit::Bug)
}

impl FromArgs {
    /// Returns this host's closure, or that of the host asked for, and the cloud's digest.
    pub fn closure(&self, host: Option<&str>, build: Build<'_>) -> Result<(Closure, Option<Digest>), Exit> {
        if let Some(found) = self.stored.closure()? {
            return Ok(found);
        }
        if let Some(folder) = &self.closure {
            let closure = tree::load_tree(folder).map_err(|error| complain(&error, Exit::Wrong))?;
            return Ok((closure, None));
        }
        let mut built = build(self.file.as_deref())?;
        let name = match host {
            Some(host) => Some(host.to_owned()),
            None => local_name(&built.closures),
        };
        if let Some(closure) = name.as_ref().and_then(|name| built.closures.remove(name)) {
            return Ok((closure, built.cloud));
        }
        Err(no_host(&name.unwrap_or_else(node_name), built.closures.keys()))
    }
}

/// Says that a description lacks a host, and which it has.
pub fn no_host<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Exit {
    say_wrong!("error: the description has no host `{name}`");
    say_wrong!("  help: it has {}", listed(&known.cloned().collect::<Vec<_>>()));
    Exit::Wrong
}

/// Returns the name in the description of the host this runs on.
pub fn local_name(closures: &BTreeMap<String, Closure>) -> Option<String> {
    let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    name_of(closures, machine_id.trim(), &node_name())
}

/// Returns the name in the description of a host: a stated machine-id decides, else the host's own name, in which capitals mean nothing
/// (RFC 4343).
fn name_of(closures: &BTreeMap<String, Closure>, machine_id: &str, own_name: &str) -> Option<String> {
    let by_id = |it: &&Closure| it.manifest.machine_id.as_deref() == Some(machine_id);
    let by_name =
        |it: &&Closure| it.manifest.machine_id.is_none() && it.manifest.host.eq_ignore_ascii_case(own_name);
    let found = closures.values().find(by_id).or_else(|| closures.values().find(by_name));
    found.map(|closure| closure.manifest.host.clone())
}

/// Returns this host's own name, without its domain.
pub fn node_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Says how much of a command's answer is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Lines for people, while it goes on.
    Text,
    /// One JSON value at the end.
    Json,
    /// One JSON value a line: each record of a switch as it is written, its end as the last.
    Events,
}

impl Answer {
    /// Reads the flag that all commands have.
    pub fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// Reads the flag that commands have which switch.
    pub fn or_events(self, events: bool) -> Self {
        if events { Self::Events } else { self }
    }
}

/// Refuses to go on for anyone but root.
pub fn require_root(what: &str) -> Result<(), Exit> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    say_wrong!("error: `{what}` changes this host and must run as root; nothing was touched");
    Err(Exit::Refused)
}

/// Prints an error with its causes, and returns the exit code it was given.
pub fn complain(error: &dyn Error, exit: Exit) -> Exit {
    say_wrong!("error: {error}");
    say_causes(error.source());
    exit
}

/// Prints what could not be done with all its causes, and returns the exit code it was given.
pub fn complain_of(what: &str, cause: &dyn Error, exit: Exit) -> Exit {
    say_wrong!("error: {what}");
    say_wrong!("  caused by: {cause}");
    say_causes(cause.source());
    exit
}

fn say_causes(first: Option<&dyn Error>) {
    let mut cause = first;
    while let Some(error) = cause {
        say_wrong!("  caused by: {error}");
        cause = error.source();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::manifest::{Backend, Manifest};

    #[test]
    fn a_host_is_known_by_its_machine_id_or_by_its_name_in_any_case() {
        let closure = |host: &str, id: Option<&str>| {
            let mut manifest = Manifest::new("c", host, Backend::Quadlet, "0");
            manifest.machine_id = id.map(str::to_owned);
            (host.to_owned(), Closure::new(manifest))
        };
        let all = BTreeMap::from([closure("web1", None), closure("web2", Some("2f"))]);
        let name = |id: &str, own: &str| name_of(&all, id, own);
        assert_eq!(name("1f", "web1").as_deref(), Some("web1"));
        assert_eq!(name("1f", "WEB1").as_deref(), Some("web1"));
        assert_eq!(name("2f", "WEB1").as_deref(), Some("web2"));
        assert_eq!(name("1f", "web2"), None);
    }
}
