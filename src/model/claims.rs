//! Ports of a host: each of an address has one container, whether that listens in the host's network or has the port published.
//!
//! Of two that listen a check of the library says so; here is what that cannot read, the texts of `publish`.

use super::errors;
use super::host::Host;
use super::read::Reader;
use kl::source::Span;
use std::net::IpAddr;

/// What takes ports of a host.
struct Claim<'a> {
    container: &'a str,
    at: Span,
    is_published: bool,
    address: Option<IpAddr>,
    ports: (u16, u16),
    protocol: &'a str,
}

impl Claim<'_> {
    /// The first port that both take.
    fn shared(&self, other: &Self) -> Option<u16> {
        let first = self.ports.0.max(other.ports.0);
        let same_place = self.address.is_none() || other.address.is_none() || self.address == other.address;
        (same_place && self.protocol == other.protocol && first <= self.ports.1.min(other.ports.1))
            .then_some(first)
    }
}

/// Reports ports that two containers of a host take, of which at least one is published.
pub(super) fn check_ports(read: &mut Reader, host: &Host) {
    let mut claims: Vec<Claim<'_>> = Vec::new();
    for container in &host.containers {
        claims.extend(container.publish.iter().map(|it| Claim {
            container: &container.name,
            at: it.at,
            is_published: true,
            address: whole(it.value.address),
            ports: it.value.outside,
            protocol: it.value.protocol,
        }));
        claims.extend(container.listens.iter().map(|(_, it)| Claim {
            container: &container.name,
            at: it.at,
            is_published: false,
            address: whole(it.address),
            ports: (it.port, it.port),
            protocol: &it.protocol,
        }));
    }
    for (place, claim) in claims.iter().enumerate() {
        for first in claims[..place].iter().filter(|it| it.is_published || claim.is_published) {
            let Some(port) = claim.shared(first) else { continue };
            let (protocol, host) = (claim.protocol, &host.name);
            let message = if claim.container == first.container {
                format!("`{}` on `{host}` takes the port {port} of {protocol} twice", claim.container)
            } else {
                format!(
                    "`{}` and `{}` on `{host}` both take the port {port} of {protocol}",
                    first.container, claim.container
                )
            };
            let report = errors::bad_value(claim.at, message).label(first.at, "the other one");
            read.report(report.help("give one of them another port or another address of the host"));
        }
    }
}

/// An address; none where it means every one.
fn whole(address: Option<IpAddr>) -> Option<IpAddr> {
    address.filter(|it| !it.is_unspecified())
}
