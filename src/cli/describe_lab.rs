//! The hosts of a lab, read out of a description: their networks, interfaces and addresses.

use std::path::Path;

use super::build::describes_cloud;
use super::describe::{JobsArgs, compile};
use super::exit::Exit;
use super::host::Answer;
use super::report;
use super::say::say_wrong;
use crate::lab::{LabHost, LabPort, LabSpec, release_with};
use crate::model::{Cloud, decode_cloud, decode_host};

/// Reads the hosts of a lab out of the cloud that a file describes. What is wrong was printed.
pub fn spec(file: Option<&Path>) -> Result<LabSpec, Exit> {
    let compiled = compile(file)?.compiled;
    if !describes_cloud(&compiled) {
        say_wrong!("error: this description makes no cloud");
        say_wrong!("  help: `use kernel`, or a module that does, and describe `cloud` and `hosts`");
        return Err(Exit::Wrong);
    }
    let (cloud, cloud_problems) = decode_cloud(compiled.root());
    let (hosts, part_problems) = compiled.parts(JobsArgs { jobs: None }.count(), |name, data| {
        let (host, problems) = decode_host(name, &data);
        let networks = host
            .addresses
            .iter()
            .filter_map(|(network, address)| port(&cloud, network, address.value.parse().ok()?))
            .collect::<Vec<_>>();
        let release = release_with(host.podman.as_str());
        (LabHost { name: name.to_string(), release, networks }, problems.in_part(name))
    });
    let mut all = compiled.problems().clone();
    all.extend(cloud_problems);
    all.extend(part_problems);
    let mut spec =
        LabSpec { name: cloud.name.value.to_string(), dir: None, hosts: Vec::new(), shares: Vec::new() };
    for (host, problems) in hosts {
        all.extend(problems);
        spec.hosts.push(host);
    }
    match report::print_all(&all.sorted(), compiled.sources(), Answer::Text) {
        Exit::Done => Ok(spec),
        exit => Err(exit),
    }
}

fn port(cloud: &Cloud, network: &str, address: std::net::IpAddr) -> Option<LabPort> {
    let (_, site) = cloud.networks.iter().find(|(name, _)| &**name == network)?;
    let interface = site.interface.to_string();
    Some(LabPort { network: network.to_owned(), cidr: site.cidr?, address, interface })
}
