//! What a lab is to be: hosts and where they stand in which networks.
//!
//! Knows nothing of services, and does not look at the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::LabError;

/// A lab: hosts on one machine, in networks of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabSpec {
    /// Tells labs on one machine apart; a host name by its letters.
    pub name: String,
    /// Where the lab keeps what its hosts write; by default a folder of its name under /var/lib/kolla-lang/lab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// Its hosts, in the order they are started.
    pub hosts: Vec<LabHost>,
    /// Folders of this machine that every host sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// Storage of podman with the images that hosts use; by default they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<PathBuf>,
}

/// One host of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabHost {
    /// Its host name.
    pub name: String,
    /// Debian's code name of its release; by default the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Its network ports. The first address is the one its name stands for in /etc/hosts.
    pub networks: Vec<LabPort>,
}

/// A host's port in a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabPort {
    /// The network's name.
    pub network: String,
    /// The network's addresses.
    pub cidr: IpNet,
    /// The host's own address in it, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The name of the interface in the host.
    pub interface: String,
    /// Its hardware address; by default one that the kernel makes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Networks of the other family on the same wire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<LabNetwork>,
}

/// A further network of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabNetwork {
    /// The network's name.
    pub network: String,
    /// The network's addresses.
    pub cidr: IpNet,
    /// The host's own address in it, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

impl LabPort {
    /// Returns its networks: the name and the addresses of each, and the host's own address there.
    pub fn networks(&self) -> impl Iterator<Item = (&str, IpNet, Option<IpAddr>)> {
        let also = self.also.iter().map(|it| (it.network.as_str(), it.cidr, it.address));
        std::iter::once((self.network.as_str(), self.cidr, self.address)).chain(also)
    }
}

/// A folder of this machine that every host sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The folder here.
    pub from: PathBuf,
    /// Its path in the hosts.
    pub to: PathBuf,
}

impl LabSpec {
    /// Returns its networks, sorted, each with the name of its wire: networks that some host has on one interface are on one wire,
    /// which is called as the first of them.
    pub fn wires(&self) -> BTreeMap<&str, &str> {
        let ports: Vec<_> = self.hosts.iter().flat_map(|host| &host.networks).collect();
        let all = ports.iter().flat_map(|port| port.networks());
        let mut wires: BTreeMap<_, _> = all.map(|(name, ..)| (name, name)).collect();
        for port in ports {
            let here: BTreeSet<_> = port.networks().map(|(name, ..)| wires[name]).collect();
            let Some(first) = here.first().copied() else { continue };
            wires.values_mut().filter(|it| here.contains(**it)).for_each(|it| *it = first);
        }
        wires
    }

    /// Refuses a lab that contradicts itself or cannot be built on a Linux machine.
    pub fn check(&self) -> Result<(), LabError> {
        label("the lab", &self.name, 20)?;
        if self.hosts.is_empty() {
            return wrong("it has no host");
        }
        let mut hosts = BTreeSet::new();
        let mut cidrs: BTreeMap<&str, IpNet> = BTreeMap::new();
        let mut addresses: BTreeMap<(&str, IpAddr), &str> = BTreeMap::new();
        for host in &self.hosts {
            label("a host", &host.name, 30)?;
            if !hosts.insert(&host.name) {
                return wrong(format!("two hosts are called `{}`", host.name));
            }
            let mut interfaces = BTreeSet::new();
            for port in &host.networks {
                interface_name(&port.interface)?;
                if !interfaces.insert(&port.interface) {
                    return wrong(format!("host `{}` has two interfaces `{}`", host.name, port.interface));
                }
                for (network, cidr, address) in port.networks() {
                    if let Some(first) = cidrs.insert(network, cidr)
                        && first != cidr
                    {
                        return wrong(format!("network `{network}` is both {first} and {cidr}"));
                    }
                    let Some(address) = address else { continue };
                    if !cidr.contains(&address) {
                        return wrong(format!(
                            "{address} of host `{}` is not in {network}, {cidr}",
                            host.name
                        ));
                    }
                    if let Some(first) = addresses.insert((network, address), &host.name) {
                        return wrong(format!(
                            "`{first}` and `{}` both are {address} in {network}",
                            host.name
                        ));
                    }
                }
            }
        }
        if let Some(images) = self.images.as_ref().filter(|it| !it.is_absolute()) {
            return wrong(format!("the storage of its images, {}, is not a whole path", images.display()));
        }
        for share in &self.shares {
            if !share.from.is_absolute() || !share.to.is_absolute() || share.to == Path::new("/") {
                return wrong(format!(
                    "the share {} at {} is not a pair of whole paths",
                    share.from.display(),
                    share.to.display()
                ));
            }
        }
        Ok(())
    }
}

/// Reads a lab from the text of a JSON file.
pub fn parse_spec(text: &str, path: &Path) -> Result<LabSpec, LabError> {
    let spec: LabSpec =
        serde_json::from_str(text).map_err(|source| LabError::ParseSpec { path: path.to_owned(), source })?;
    spec.check()?;
    Ok(spec)
}

/// Reads a lab from a JSON file.
pub fn load_spec(path: &Path) -> Result<LabSpec, LabError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| LabError::ReadSpec { path: path.to_owned(), source })?;
    parse_spec(&text, path)
}

fn wrong<T>(what: impl Into<String>) -> Result<T, LabError> {
    Err(LabError::Spec { what: what.into() })
}

/// Refuses what cannot be a host name. Both names together are the name of a machine, of at most 64 letters.
fn label(whose: &str, name: &str, longest: usize) -> Result<(), LabError> {
    let inside = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let whole = !name.is_empty()
        && name.len() <= longest
        && name.chars().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if whole {
        Ok(())
    } else {
        wrong(format!("{whose} is called `{name}`, which cannot be a host name of up to {longest} letters"))
    }
}

/// Refuses what the kernel would refuse as the name of an interface (IFNAMSIZ is 16 with the end mark).
fn interface_name(name: &str) -> Result<(), LabError> {
    let inside = |it: char| it.is_ascii_graphic() && it != '/' && it != ':';
    let whole = !name.is_empty() && name.len() <= 15 && name.chars().all(inside) && name != "lo";
    if whole { Ok(()) } else { wrong(format!("`{name}` cannot be the name of an interface")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        match parse_spec(text, Path::new("spec.json")).expect_err("it is refused") {
            LabError::Spec { what } => what,
            other => panic!("another error: {other}"),
        }
    }

    fn host(name: &str, address: &str, interface: &str) -> String {
        format!(
            r#"{{"name":"{name}","networks":[{{"network":"internal","cidr":"10.0.0.0/24","address":"{address}","interface":"{interface}"}}]}}"#
        )
    }

    #[test]
    fn a_whole_lab_is_read() {
        let text = format!(
            r#"{{"name":"cloud","hosts":[{},{}]}}"#,
            host("ctl01", "10.0.0.11", "eth0"),
            host("ctl02", "10.0.0.12", "eth0")
        );
        let spec = parse_spec(&text, Path::new("spec.json")).expect("it is whole");
        assert_eq!(spec.wires().into_iter().collect::<Vec<_>>(), [("internal", "internal")]);
        assert_eq!(spec.hosts[1].networks[0].address, Some("10.0.0.12".parse().unwrap()));
    }

    #[test]
    fn networks_on_one_interface_are_one_wire() {
        let port = |network: &str, also: &str| {
            format!(r#"{{"network":"{network}","cidr":"10.0.0.0/24","interface":"{network}"{also}}}"#)
        };
        let also = r#","also":[{"network":"a6","cidr":"fd00::/64"}]"#;
        let text = format!(
            r#"{{"name":"cloud","hosts":[{{"name":"one","networks":[{},{}]}}]}}"#,
            port("b", also),
            port("c", "")
        );
        let spec = parse_spec(&text, Path::new("spec.json")).expect("it is whole");
        assert_eq!(spec.wires().into_iter().collect::<Vec<_>>(), [("a6", "a6"), ("b", "a6"), ("c", "c")]);
    }

    #[test]
    fn contradictions_are_refused_by_name() {
        let lab = |hosts: &[String]| format!(r#"{{"name":"cloud","hosts":[{}]}}"#, hosts.join(","));
        let cases = [
            (lab(&[]), "it has no host"),
            (lab(&[host("CTL", "10.0.0.1", "eth0")]), "cannot be a host name"),
            (lab(&[host("a", "10.0.1.1", "eth0")]), "is not in internal"),
            (lab(&[host("a", "10.0.0.1", "an-interface-too-long")]), "cannot be the name of an interface"),
            (lab(&[host("a", "10.0.0.1", "eth0"), host("b", "10.0.0.1", "eth0")]), "both are 10.0.0.1"),
            (
                lab(&[host("a", "10.0.0.1", "eth0"), host("a", "10.0.0.2", "eth0")]),
                "two hosts are called `a`",
            ),
        ];
        for (text, expected) in cases {
            let what = refused(&text);
            assert!(what.contains(expected), "{what} instead of {expected}");
        }
    }
}
