//! The hosts of a lab, read out of a description: their networks, interfaces and addresses, and their images.

use std::path::Path;

use super::build::describes_cloud;
use super::describe::{JobsArgs, compile};
use super::exit::Exit;
use super::host::Answer;
use super::lab_images::Wanted;
use super::report::{self, Warnings};
use super::say::say_wrong;
use lab::{LabHost, LabNetwork, LabPort, LabSpec, release_with};
use model::{Cloud, Host, Interface, decode_cloud, decode_host, decode_image_set};

/// Reads the hosts of a lab out of the cloud that a file describes, and the images that they use. What is wrong was printed.
pub fn spec(file: Option<&Path>) -> Result<(LabSpec, Wanted), Exit> {
    let compiled = compile(file)?.compiled;
    if !describes_cloud(&compiled) {
        say_wrong!("error: this description makes no cloud");
        say_wrong!("  help: `use kernel`, or a module that does, and describe `cloud` and `hosts`");
        return Err(Exit::Wrong);
    }
    let (cloud, cloud_problems) = decode_cloud(compiled.root());
    let (hosts, part_problems) = compiled.parts(JobsArgs { jobs: None }.count(), |name, data| {
        let (host, problems) = decode_host(name, &data);
        let ports = host.interfaces.iter().filter_map(|(network, it)| port(&cloud, &host, network, it));
        let networks = by_interface(ports);
        let release = release_with(host.podman.as_str());
        let images: Vec<String> = host.containers.iter().map(|it| it.run.image.to_string()).collect();
        (LabHost { name: name.to_string(), release, networks }, images, problems.in_part(name))
    });
    let mut all = compiled.problems().clone();
    all.extend(cloud_problems);
    all.extend(part_problems);
    let mut spec = LabSpec {
        name: cloud.name.value.to_string(),
        dir: None,
        hosts: Vec::new(),
        shares: Vec::new(),
        images: None,
    };
    let mut wanted = Wanted { images: Default::default(), set: decode_image_set(compiled.root()).0 };
    wanted.images.extend(cloud.tasks.iter().map(|it| it.run.image.to_string()));
    for (host, images, problems) in hosts {
        all.extend(problems);
        spec.hosts.push(host);
        wanted.images.extend(images);
    }
    match report::print_all(&all.sorted(), compiled.sources(), Answer::Text, Warnings::Allowed) {
        Exit::Done => Ok((spec, wanted)),
        exit => Err(exit),
    }
}

/// Returns a host's port in a network. A VLAN is a network like others: its port has the name of the VLAN's interface.
fn port(cloud: &Cloud, host: &Host, network: &str, it: &Interface) -> Option<LabPort> {
    let (_, site) = cloud.networks.iter().find(|(name, _)| &**name == network)?;
    let address = host.addresses.iter().find(|(name, _)| &**name == network);
    let mac = host.links.iter().find(|(name, _)| **name == *it.link.as_str());
    Some(LabPort {
        network: network.to_owned(),
        cidr: site.cidr?,
        address: address.and_then(|(_, it)| it.value.parse().ok()),
        interface: it.name.to_string(),
        mac: mac.map(|(_, it)| it.to_string()),
        also: Vec::new(),
    })
}

/// Puts networks of different families on one interface into one port; two of one family are refused later.
fn by_interface(ports: impl Iterator<Item = LabPort>) -> Vec<LabPort> {
    let mut all: Vec<LabPort> = Vec::new();
    for port in ports {
        let is_v4 = port.cidr.addr().is_ipv4();
        let shared = all.iter_mut().find(|it| {
            it.interface == port.interface && it.networks().all(|(_, cidr, _)| cidr.addr().is_ipv4() != is_v4)
        });
        match shared {
            Some(first) => {
                let LabPort { network, cidr, address, interface: _, mac: _, also: _ } = port;
                first.also.push(LabNetwork { network, cidr, address });
            }
            None => all.push(port),
        }
    }
    all
}
