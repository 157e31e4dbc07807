//! Values, their order, and how a text shows them.

use super::program::Name;
use ipnet::IpNet;
use kl::source::Span;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

/// A path from the root: names of fields and keys.
pub type Path = Vec<Name>;

/// The fields or entries that were written, each with its place; a `none` takes away.
pub type Dict = BTreeMap<Name, (Val, Span)>;

#[derive(Clone, Debug)]
pub enum Val {
    /// Failed, and was reported.
    Error,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A text or a key.
    Str(Name),
    Ip(IpAddr),
    Cidr(IpNet),
    Duration(i64),
    Size(i64),
    Version(Name),
    /// A variant by its position, with its payload.
    Enum(usize, Name, Vec<Val>),
    /// A list, or a set: sorted and without doubles.
    List(Vec<Val>),
    Dict(Rc<Dict>),
    /// A record, map or Tree of the one tree.
    Node(Path),
}

impl Val {
    pub fn is_error(&self) -> bool {
        matches!(self, Val::Error)
    }

    pub fn is_tree(&self) -> bool {
        matches!(self, Val::Dict(_) | Val::Node(_))
    }

    pub fn items(&self) -> &[Val] {
        match self {
            Val::List(all) => all,
            _ => &[],
        }
    }

    fn class(&self) -> u8 {
        match self {
            Val::Error => 0,
            Val::None => 1,
            Val::Bool(_) => 2,
            Val::Int(_) => 3,
            Val::Float(_) => 4,
            Val::Str(_) => 5,
            Val::Ip(_) => 6,
            Val::Cidr(_) => 7,
            Val::Duration(_) => 8,
            Val::Size(_) => 9,
            Val::Version(_) => 10,
            Val::Enum(..) => 11,
            Val::List(_) => 12,
            Val::Dict(_) => 13,
            Val::Node(_) => 14,
        }
    }

    /// An order on values of one type; equal is what the language calls equal.
    pub fn order(&self, other: &Val) -> Ordering {
        match (self, other) {
            (Val::Bool(a), Val::Bool(b)) => a.cmp(b),
            (Val::Int(a), Val::Int(b))
            | (Val::Duration(a), Val::Duration(b))
            | (Val::Size(a), Val::Size(b)) => a.cmp(b),
            (Val::Float(a), Val::Float(b)) => a.total_cmp(b),
            (Val::Str(a), Val::Str(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Val::Ip(a), Val::Ip(b)) => a.cmp(b),
            (Val::Cidr(a), Val::Cidr(b)) => a.cmp(b),
            (Val::Version(a), Val::Version(b)) => versions(a, b),
            (Val::Enum(a, _, x), Val::Enum(b, _, y)) => a.cmp(b).then_with(|| order_all(x, y)),
            (Val::List(a), Val::List(b)) => order_all(a, b),
            (Val::Dict(a), Val::Dict(b)) => {
                let first =
                    a.iter().zip(b.iter()).map(|((k, x), (l, y))| k.cmp(l).then_with(|| x.0.order(&y.0)));
                first.reduce(Ordering::then).unwrap_or(Ordering::Equal).then_with(|| a.len().cmp(&b.len()))
            }
            (Val::Node(a), Val::Node(b)) => a.cmp(b),
            _ => self.class().cmp(&other.class()),
        }
    }

    pub fn same(&self, other: &Val) -> bool {
        self.order(other) == Ordering::Equal
    }
}

fn order_all(a: &[Val], b: &[Val]) -> Ordering {
    let first = a.iter().zip(b).map(|(x, y)| x.order(y)).find(|o| *o != Ordering::Equal);
    first.unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// A version is its parts between points; parts that are numbers are compared as such, a part that lacks is 0.
fn versions(a: &str, b: &str) -> Ordering {
    let parts = |t: &str| t.split('.').map(|p| p.parse::<u64>().unwrap_or(0)).collect::<Vec<_>>();
    let (mut a, mut b) = (parts(a), parts(b));
    let n = a.len().max(b.len());
    a.resize(n, 0);
    b.resize(n, 0);
    a.cmp(&b)
}

/// The items as a set.
pub fn to_set(mut items: Vec<Val>) -> Val {
    items.sort_by(Val::order);
    items.dedup_by(|a, b| a.same(b));
    Val::List(items)
}

/// What a hole in a text makes of a value.
pub fn shown(value: &Val) -> String {
    match value {
        Val::Bool(b) => b.to_string(),
        Val::Int(n) => n.to_string(),
        Val::Float(n) if n.fract() == 0.0 => format!("{n:.1}"),
        Val::Float(n) => n.to_string(),
        Val::Str(text) | Val::Version(text) => text.to_string(),
        Val::Ip(ip) => ip.to_string(),
        Val::Cidr(net) => net.to_string(),
        Val::Enum(_, name, _) => name.to_string(),
        _ => "?".into(),
    }
}
