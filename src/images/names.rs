//! What the name of a registry means, asked of the machine by `getent`.
//!
//! Not of the C library that this program is linked with: a static one loads the machine's modules for names (nsswitch.conf(5)) beside
//! itself, and ends the program where they are of another version.

use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use child::{self, run_within};

/// How many addresses of a name are tried.
const MOST: usize = 16;

/// The names that the machine knows.
#[derive(Debug)]
pub struct Names;

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let addresses = match host.parse() {
            Ok(address) => vec![address],
            Err(_) if is_name(host) => {
                let mut getent = Command::new("getent");
                let output = run_within(getent.args(["ahosts", host]), child::ASK.min(*timeout.after));
                parse_addresses(&output.map_err(|error| ureq::Error::Other(Box::new(error)))?.stdout)
            }
            Err(_) => Vec::new(),
        };
        let mut found = self.empty();
        for address in addresses.into_iter().take(MOST) {
            found.push(SocketAddr::new(address, port));
        }
        if found.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(found) }
    }
}

/// Says whether a text may be asked for as a name: it is no option of `getent`.
fn is_name(host: &str) -> bool {
    let is_fit = |it: char| it.is_ascii_alphanumeric() || ".-_".contains(it);
    host.chars().all(is_fit) && host.starts_with(|it: char| it.is_ascii_alphanumeric())
}

/// Reads lines like `192.0.2.1 STREAM registry.example`, one for each address and kind of socket.
fn parse_addresses(text: &[u8]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in String::from_utf8_lossy(text).lines() {
        let address = line.split_whitespace().next().and_then(|it| it.parse().ok());
        found.extend(address.filter(|it| !found.contains(it)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_counts_once_and_in_order() {
        let text = b"2001:db8::1     STREAM registry.example\n2001:db8::1     DGRAM\n192.0.2.1       STREAM\n192.0.2.1 RAW\nno\n\n";
        let addresses = parse_addresses(text).iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(addresses, ["2001:db8::1", "192.0.2.1"]);
        assert!(parse_addresses(b"").is_empty());
    }

    #[test]
    fn what_is_asked_for_is_a_name() {
        assert!(
            ["quay.io", "registry", "my_registry.local", "1password.example"].iter().all(|it| is_name(it))
        );
        assert!(["", "-s", "--help", "a b", "a\n", ".", "ä.example"].iter().all(|it| !is_name(it)));
    }
}
