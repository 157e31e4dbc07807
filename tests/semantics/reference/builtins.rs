//! A handful of builtins, and the properties of durations, sizes and networks.

use super::machine::Machine;
use super::program::*;
use super::values::{Val, to_set};
use kl::diag::Code;
use std::net::IpAddr;

impl Machine<'_> {
    /// A builtin called with values of types.
    pub fn builtin(&mut self, name: &str, args: Vec<Val>, types: &[Place]) -> Val {
        let items = args[0].items().to_vec();
        let holds = |v: &Val| matches!(v, Val::Bool(true));
        let text = |i: usize| match args.get(i) {
            Some(Val::Str(text)) => text.to_string(),
            _ => String::new(),
        };
        let str = |text: String| Val::Str(text.into());
        if matches!(name, "count" | "keys" | "values") && self.keys_failed(&args[0]) {
            return Val::Error;
        }
        match name {
            "first" => items.first().cloned().unwrap_or(Val::None),
            "last" => items.last().cloned().unwrap_or(Val::None),
            "get" => match &args[1] {
                Val::Str(key) if self.keys_of(&args[0]).contains(key) => self.entry(&args[0], key),
                _ if self.keys_failed(&args[0]) => Val::Error,
                _ => Val::None,
            },
            "count" => Val::Int(match &args[0] {
                Val::List(all) => all.len(),
                Val::Str(text) => text.chars().count(),
                map => self.keys_of(map).len(),
            } as i64),
            "index" => items.iter().position(|i| i.same(&args[1])).map_or(Val::None, |i| Val::Int(i as i64)),
            "sort" => {
                let mut items = items;
                items.sort_by(Val::order);
                Val::List(items)
            }
            "reverse" => Val::List(items.into_iter().rev().collect()),
            "set" => to_set(items),
            "list" => args[0].clone(),
            "flatten" => Val::List(items.iter().flat_map(|l| l.items().to_vec()).collect()),
            "keys" => Val::List(self.keys_of(&args[0]).into_iter().map(Val::Str).collect()),
            "values" => {
                let mut all = Vec::new();
                for key in self.keys_of(&args[0]) {
                    all.push(self.entry(&args[0], &key));
                }
                if all.iter().any(Val::is_error) { Val::Error } else { Val::List(all) }
            }
            "all" => Val::Bool(items.iter().all(holds)),
            "any" => Val::Bool(items.iter().any(holds)),
            "unique" => Val::Bool((0..items.len()).all(|i| (0..i).all(|j| !items[i].same(&items[j])))),
            "disjoint" => {
                let shared = |a: &Val, b: &Val| match (a, b) {
                    (Val::Cidr(a), Val::Cidr(b)) => a.contains(b) || b.contains(a),
                    _ => a.items().iter().any(|x| b.items().iter().any(|y| x.same(y))),
                };
                Val::Bool((0..items.len()).all(|i| (0..i).all(|j| !shared(&items[i], &items[j]))))
            }
            "sum" => self.sum(&items, types),
            "min" | "max" => {
                let first = args[0].order(&args[1]).is_lt() == (name == "min");
                args[if first { 0 } else { 1 }].clone()
            }
            "abs" => match &args[0] {
                Val::Int(n) => n.checked_abs().map_or_else(|| self.fail(Code::Arithmetic), Val::Int),
                Val::Float(n) => Val::Float(n.abs()),
                _ => Val::Error,
            },
            "float" => match &args[0] {
                Val::Int(n) => Val::Float(*n as f64),
                _ => Val::Error,
            },
            "int" => match (&args[0], text(0).trim().parse()) {
                // Beyond 53 bits a Float is no exact number.
                (Val::Float(n), _) if n.abs() < (1u64 << 53) as f64 => Val::Int(*n as i64),
                (Val::Float(_), _) => self.fail(Code::Arithmetic),
                (_, Ok(n)) => Val::Int(n),
                (_, Err(_)) => self.fail(Code::BadText),
            },
            "join" => {
                let all: Vec<String> = items.iter().map(super::values::shown).collect();
                str(all.join(&text(1)))
            }
            "split" => {
                // Between characters, where nothing is between the pieces.
                let all: Vec<String> = match text(1).as_str() {
                    "" => text(0).chars().map(String::from).collect(),
                    between => text(0).split(between).map(String::from).collect(),
                };
                Val::List(all.into_iter().map(str).collect())
            }
            "replace" => str(text(0).replace(&text(1), &text(2))),
            "upper" => str(text(0).to_uppercase()),
            "lower" => str(text(0).to_lowercase()),
            "trim" => str(text(0).trim().to_owned()),
            "starts_with" => Val::Bool(text(0).starts_with(&text(1))),
            "ends_with" => Val::Bool(text(0).ends_with(&text(1))),
            "contains" => Val::Bool(text(0).contains(&text(1))),
            "matches" => match regex::Regex::new(&format!("^(?:{})$", text(1))) {
                Ok(pattern) => Val::Bool(pattern.is_match(&text(0))),
                Err(_) => self.fail(Code::BadText),
            },
            "version" => Val::Version(text(0).into()),
            "basename" => str(text(0).rsplit('/').next().unwrap_or_default().to_owned()),
            "dirname" => match text(0).rfind('/') {
                Some(0) => str("/".into()),
                Some(i) => str(text(0)[..i].to_owned()),
                None => str(".".into()),
            },
            "escape" => {
                let escaped = |c: char| if text(1).contains(c) { format!("\\{c}") } else { c.to_string() };
                str(text(0).chars().map(escaped).collect())
            }
            "ip" => match text(0).parse() {
                Ok(ip) => Val::Ip(ip),
                Err(_) => self.fail(Code::BadText),
            },
            "cidr" => match (&args[0], &args[1]) {
                (Val::Ip(ip), Val::Int(n)) => {
                    let net = u8::try_from(*n).ok().and_then(|n| ipnet::IpNet::new(*ip, n).ok());
                    net.map_or_else(|| self.fail(Code::Arithmetic), Val::Cidr)
                }
                _ => Val::Error,
            },
            _ => Val::Error,
        }
    }

    fn sum(&mut self, items: &[Val], types: &[Place]) -> Val {
        let item = match types.first().map(|p| &p.ty) {
            Some(Ty::List(item) | Ty::Set(item)) => item.ty.clone(),
            _ => Ty::Unknown,
        };
        if let Ty::Float = item {
            return Val::Float(items.iter().map(|v| if let Val::Float(n) = v { *n } else { 0.0 }).sum());
        }
        let number = |v: &Val| match v {
            Val::Int(n) | Val::Duration(n) | Val::Size(n) => *n,
            _ => 0,
        };
        match (items.iter().map(number).try_fold(0i64, i64::checked_add), item) {
            (None, _) => self.fail(Code::Arithmetic),
            (Some(n), Ty::Duration) => Val::Duration(n),
            (Some(n), Ty::Size) => Val::Size(n),
            (Some(n), _) => Val::Int(n),
        }
    }

    /// `timeout.seconds`, `net.host(3)`.
    pub fn property(&mut self, value: &Val, name: &str, args: &[Val]) -> Val {
        let unit = |n: i64, units: &[(&str, i64)]| {
            let size = units.iter().find(|(u, _)| *u == name).map_or(1, |(_, size)| *size);
            Val::Int(n / size)
        };
        match (value, name) {
            (Val::Duration(n), _) => unit(
                *n,
                &[
                    ("ms", 1),
                    ("seconds", 1000),
                    ("minutes", 60_000),
                    ("hours", 3_600_000),
                    ("days", 86_400_000),
                ],
            ),
            (Val::Size(n), _) => {
                let binary = [("bytes", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
                unit(*n, &[&binary[..], &[("MB", 1_000_000), ("GB", 1_000_000_000)]].concat())
            }
            (Val::Cidr(net), "prefix") => Val::Int(i64::from(net.prefix_len())),
            (Val::Cidr(net), "address") => Val::Ip(net.network()),
            (Val::Cidr(net), "last") => Val::Ip(net.broadcast()),
            (Val::Cidr(net), "netmask") => Val::Ip(net.netmask()),
            (Val::Cidr(net), "host") => match args {
                [Val::Int(n)] => match moved(net.network(), *n) {
                    Some(ip) if *n >= 0 && net.contains(&ip) => Val::Ip(ip),
                    _ => self.fail(Code::Arithmetic),
                },
                _ => Val::Error,
            },
            (Val::Cidr(net), "subnet") => match args {
                [Val::Int(prefix), Val::Int(n)] => {
                    // Each of them is as many addresses behind the one before as it has itself.
                    let (most, own) = (i64::from(net.max_prefix_len()), i64::from(net.prefix_len()));
                    let fits = (own..=most).contains(prefix) && *n >= 0 && *n < 1 << 24 && {
                        let bits = *prefix - own;
                        bits > 24 || *n < 1 << bits
                    };
                    let first = fits.then(|| number(net.network()) + ((*n as u128) << (most - prefix)));
                    let found = first.and_then(|it| address(net.network(), it));
                    let found = found.and_then(|ip| ipnet::IpNet::new(ip, *prefix as u8).ok());
                    found.map_or_else(|| self.fail(Code::Arithmetic), Val::Cidr)
                }
                _ => Val::Error,
            },
            (Val::Ip(ip), "version") => Val::Int(if ip.is_ipv4() { 4 } else { 6 }),
            (Val::Ip(ip), "in_url") => Val::Str(host_of_url(*ip).into()),
            (Val::Ip(ip), "at") => match args {
                [Val::Int(port @ 0..=65535)] => Val::Str(format!("{}:{port}", host_of_url(*ip)).into()),
                [Val::Int(_)] => self.fail(Code::Arithmetic),
                _ => Val::Error,
            },
            (Val::Ip(IpAddr::V4(ip)), "numbers") => {
                Val::List(ip.octets().map(|n| Val::Int(i64::from(n))).to_vec())
            }
            (Val::Ip(IpAddr::V6(ip)), "numbers") => {
                Val::List(ip.segments().map(|n| Val::Int(i64::from(n))).to_vec())
            }
            _ => Val::Error,
        }
    }
}

fn host_of_url(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

/// The address of a number, of the kind of another.
fn address(like: IpAddr, n: u128) -> Option<IpAddr> {
    match like {
        IpAddr::V4(_) => u32::try_from(n).ok().map(|n| IpAddr::V4(n.into())),
        IpAddr::V6(_) => Some(IpAddr::V6(n.into())),
    }
}

/// The address that is so many behind another.
pub fn moved(ip: IpAddr, by: i64) -> Option<IpAddr> {
    let n = number(ip);
    let to = if by < 0 { n.checked_sub(by.unsigned_abs().into()) } else { n.checked_add(by as u128) };
    address(ip, to?)
}
