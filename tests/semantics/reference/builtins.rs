//! A handful of builtins, and the properties of durations, sizes and networks.

use super::machine::Machine;
use super::program::*;
use super::values::{Val, to_set};
use kl::diag::Code;

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
            "int" => match text(0).trim().parse() {
                Ok(n) => Val::Int(n),
                Err(_) => self.fail(Code::BadText),
            },
            "join" => {
                let all: Vec<String> = items.iter().map(super::values::shown).collect();
                str(all.join(&text(1)))
            }
            "split" => Val::List(text(0).split(&text(1)).map(|t| Val::Str(t.into())).collect()),
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
            (Val::Cidr(net), "address") => Val::Ip(net.addr()),
            (Val::Cidr(net), "host") => match (net, args) {
                (ipnet::IpNet::V4(net), [Val::Int(n)]) => {
                    let found = u32::try_from(*n).ok().and_then(|n| u32::from(net.network()).checked_add(n));
                    match found.map(std::net::Ipv4Addr::from) {
                        Some(ip) if net.contains(&ip) => Val::Ip(ip.into()),
                        _ => self.fail(Code::Arithmetic),
                    }
                }
                _ => Val::Error,
            },
            _ => Val::Error,
        }
    }
}
