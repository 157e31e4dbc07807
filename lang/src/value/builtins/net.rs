//! Addresses and networks.

use super::builtin::{Builtin, Call, Failure, Made};
use crate::live::Value;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

const G: &str = "Addresses and networks";

pub(super) static ALL: [Builtin; 12] = [
    Builtin::new(
        G,
        "Cidr.host",
        "(Cidr, Int) -> Ip",
        "The address with this number in the network.",
        ("(10.0.0.0/24).host(11)", "10.0.0.11"),
        host,
    ),
    Builtin::new(
        G,
        "Cidr.address",
        "(Cidr) -> Ip",
        "The first address: that of the network.",
        ("(10.0.0.7/24).address", "10.0.0.0"),
        address,
    ),
    Builtin::new(
        G,
        "Cidr.last",
        "(Cidr) -> Ip",
        "The last address: for IPv4 the broadcast.",
        ("(10.0.0.0/24).last", "10.0.0.255"),
        last,
    ),
    Builtin::new(
        G,
        "Cidr.prefix",
        "(Cidr) -> Int",
        "The length of the prefix.",
        ("(10.0.0.0/24).prefix", "24"),
        prefix,
    ),
    Builtin::new(
        G,
        "Cidr.netmask",
        "(Cidr) -> Ip",
        "The mask of the network.",
        ("(10.0.0.0/24).netmask", "255.255.255.0"),
        netmask,
    ),
    Builtin::new(
        G,
        "Cidr.subnet",
        "(Cidr, Int, Int) -> Cidr",
        "The network with this number among those of a longer prefix.",
        ("(10.0.0.0/16).subnet(24, 3)", "10.0.3.0/24"),
        subnet,
    ),
    Builtin::new(G, "Ip.version", "(Ip) -> Int", "4 or 6.", ("(fd00::1).version", "6"), ip_version),
    Builtin::new(
        G,
        "Ip.numbers",
        "(Ip) -> [Int]",
        "The numbers of an address: four of 8 bits, or of IPv6 eight of 16.",
        ("(fd00::1).numbers", "[64768, 0, 0, 0, 0, 0, 0, 1]"),
        ip_numbers,
    ),
    Builtin::new(
        G,
        "Ip.at",
        "(Ip, Int) -> Str",
        "The address with this port: of IPv6 it is in brackets.",
        ("(fd00::1).at(80)", "\"[fd00::1]:80\""),
        ip_at,
    ),
    Builtin::new(
        G,
        "Ip.in_url",
        "(Ip) -> Str",
        "The address as the host of a URL: of IPv6 it is in brackets.",
        ("(fd00::1).in_url", "\"[fd00::1]\""),
        ip_in_url,
    ),
    Builtin::new(
        G,
        "ip",
        "(Str) -> Ip",
        "The address that a text spells.",
        ("ip(\"10.0.0.1\")", "10.0.0.1"),
        ip,
    ),
    Builtin::new(
        G,
        "cidr",
        "(Ip, Int) -> Cidr",
        "A network of an address and the length of its prefix.",
        ("cidr(10.0.0.1, 24)", "10.0.0.1/24"),
        cidr,
    ),
];

fn net(value: &Value) -> Option<&IpNet> {
    match value {
        Value::Cidr(net) => Some(net),
        _ => None,
    }
}

fn host(_: &mut Call<'_>, args: &[Value]) -> Made {
    let (Some(net), Value::Int(n)) = (net(&args[0]), &args[1]) else { return Err(Failure::NotOfType) };
    match move_ip(net.network(), *n).filter(|ip| *n >= 0 && net.contains(ip)) {
        Some(ip) => Ok(Value::Ip(ip)),
        None => Err(Failure::Arithmetic(format!("{net} has no address number {n}"))),
    }
}

fn address(_: &mut Call<'_>, args: &[Value]) -> Made {
    net(&args[0]).map(|n| Value::Ip(n.network())).ok_or(Failure::NotOfType)
}

fn last(_: &mut Call<'_>, args: &[Value]) -> Made {
    net(&args[0]).map(|n| Value::Ip(n.broadcast())).ok_or(Failure::NotOfType)
}

fn prefix(_: &mut Call<'_>, args: &[Value]) -> Made {
    net(&args[0]).map(|n| Value::Int(i64::from(n.prefix_len()))).ok_or(Failure::NotOfType)
}

fn netmask(_: &mut Call<'_>, args: &[Value]) -> Made {
    net(&args[0]).map(|n| Value::Ip(n.netmask())).ok_or(Failure::NotOfType)
}

fn subnet(_: &mut Call<'_>, args: &[Value]) -> Made {
    let (Some(net), Value::Int(prefix), Value::Int(n)) = (net(&args[0]), &args[1], &args[2]) else {
        return Err(Failure::NotOfType);
    };
    let found = u8::try_from(*prefix)
        .ok()
        .and_then(|p| net.trunc().subnets(p).ok())
        .and_then(|mut all| usize::try_from(*n).ok().filter(|n| *n < 1 << 24).and_then(|n| all.nth(n)));
    match found {
        Some(found) => Ok(Value::Cidr(Arc::new(found))),
        None => Err(Failure::Arithmetic(format!("{net} has no network number {n} with prefix {prefix}"))),
    }
}

fn ip_version(_: &mut Call<'_>, args: &[Value]) -> Made {
    match &args[0] {
        Value::Ip(ip) => Ok(Value::Int(if ip.is_ipv4() { 4 } else { 6 })),
        _ => Err(Failure::NotOfType),
    }
}

fn ip_numbers(_: &mut Call<'_>, args: &[Value]) -> Made {
    match &args[0] {
        Value::Ip(IpAddr::V4(ip)) => {
            Ok(Value::List(ip.octets().map(|it| Value::Int(i64::from(it))).into_iter().collect()))
        }
        Value::Ip(IpAddr::V6(ip)) => {
            Ok(Value::List(ip.segments().map(|it| Value::Int(i64::from(it))).into_iter().collect()))
        }
        _ => Err(Failure::NotOfType),
    }
}

fn in_url(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn ip_at(_: &mut Call<'_>, args: &[Value]) -> Made {
    let (Value::Ip(ip), Value::Int(port)) = (&args[0], &args[1]) else { return Err(Failure::NotOfType) };
    match u16::try_from(*port) {
        Ok(port) => Ok(Value::Str(format!("{}:{port}", in_url(*ip)).into())),
        Err(_) => Err(Failure::Arithmetic(format!("{port} is no port: it lies outside of 0 to 65535"))),
    }
}

fn ip_in_url(_: &mut Call<'_>, args: &[Value]) -> Made {
    match &args[0] {
        Value::Ip(ip) => Ok(Value::Str(in_url(*ip).into())),
        _ => Err(Failure::NotOfType),
    }
}

fn ip(_: &mut Call<'_>, args: &[Value]) -> Made {
    let Value::Str(text) = &args[0] else { return Err(Failure::NotOfType) };
    text.parse().map(Value::Ip).map_err(|_| Failure::Text(format!("`{text}` is not an address"), None))
}

fn cidr(_: &mut Call<'_>, args: &[Value]) -> Made {
    let (Value::Ip(ip), Value::Int(prefix)) = (&args[0], &args[1]) else { return Err(Failure::NotOfType) };
    match u8::try_from(*prefix).ok().and_then(|p| IpNet::new(*ip, p).ok()) {
        Some(net) => Ok(Value::Cidr(Arc::new(net))),
        None => Err(Failure::Arithmetic(format!("{prefix} is no length of a prefix"))),
    }
}

/// An address moved by a number.
pub fn move_ip(ip: IpAddr, by: i64) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) => {
            let moved = i64::from(u32::from(ip)).checked_add(by)?;
            Some(IpAddr::V4(u32::try_from(moved).ok()?.into()))
        }
        IpAddr::V6(ip) => {
            let moved = if by < 0 {
                u128::from(ip).checked_sub(u128::from(by.unsigned_abs()))?
            } else {
                u128::from(ip).checked_add(by as u128)?
            };
            Some(IpAddr::V6(moved.into()))
        }
    }
}
