//! Values while evaluation runs. Their types are static, so a key is a text here and an enum a number.

use crate::data::SecretPart;
use crate::diag::Reported;
use crate::source::{FileId, Span};
use ipnet::IpNet;
use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

mod items;

pub use items::{Items, Measure};

/// A record or map or tree of the one tree, read leaf by leaf.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// Failed, and was reported.
    Error(Reported),
    /// Absent.
    None,
    /// A Bool.
    Bool(bool),
    /// An Int.
    Int(i64),
    /// A Float.
    Float(f64),
    /// A Str or a key.
    Str(Arc<str>),
    /// An Ip.
    Ip(IpAddr),
    /// A Cidr.
    Cidr(Arc<IpNet>),
    /// Milliseconds.
    Duration(i64),
    /// Bytes.
    Size(i64),
    /// A Version: its numbers and the rest.
    Version(Arc<str>),
    /// A variant and its payload in the order of the declaration.
    Enum(u32, Option<Items>),
    /// A text finished on the host.
    Secret(Arc<[SecretPart]>),
    /// A list; a set is one that is sorted, without doubles.
    List(Items),
    /// A record, map or tree that is no node: what was written.
    Dict(Arc<Dict>),
    /// A record, map or tree of the one tree.
    Node(NodeId),
    /// What is evaluated when it is read, by number: only where a leaf is explained.
    Thunk(u32),
    /// A template and what it is rendered with.
    Template(Arc<Template>),
}

/// A template call.
#[derive(Debug)]
pub struct Template {
    /// The file's name.
    pub name: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// The file that it is.
    pub file: FileId,
    /// A Tree.
    pub value: Value,
    /// Where the call was written.
    pub at: Span,
}

/// What was written of a record, map or tree; sorted by key. A `none` is kept: it takes away.
#[derive(Clone, Debug, Default)]
pub struct Dict {
    /// The entries, sorted bytewise.
    pub entries: Vec<Entry>,
    measure: OnceLock<Measure>,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key or the field's name.
    pub key: Arc<str>,
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub at: Span,
}

impl Dict {
    /// Of entries that are sorted.
    pub fn of(entries: Vec<Entry>) -> Dict {
        Dict { entries, measure: OnceLock::new() }
    }

    /// How much it holds; found once, when nobody changes it any more.
    pub fn measure(&self) -> Measure {
        *self.measure.get_or_init(|| {
            let all = Measure::around(self.entries.iter().map(|it| it.value.measure()));
            let keys: usize = self.entries.iter().map(|it| it.key.len()).sum();
            Measure { n_bytes: all.n_bytes.saturating_add(keys as u64), ..all }
        })
    }

    /// The entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.binary_search_by(|e| (*e.key).cmp(key)).ok().map(|i| &self.entries[i])
    }

    /// The entry of a key, made with a `none` if it is not there.
    pub fn slot(&mut self, key: &Arc<str>, at: Span) -> &mut Entry {
        self.measure = OnceLock::new();
        let i = match self.entries.binary_search_by(|e| e.key.cmp(key)) {
            Ok(i) => i,
            Err(i) => {
                self.entries.insert(i, Entry { key: key.clone(), value: Value::None, at });
                i
            }
        };
        &mut self.entries[i]
    }
}

impl Value {
    /// A text.
    pub fn str(text: &str) -> Value {
        Value::Str(text.into())
    }

    /// The text of a Str or key.
    pub fn as_str(&self) -> Option<&Arc<str>> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list or set.
    pub fn items(&self) -> Option<&Items> {
        match self {
            Value::List(all) => Some(all),
            _ => None,
        }
    }

    /// A list of items, or the error of one of them.
    pub fn list(items: Vec<Value>) -> Value {
        match items.iter().find_map(Value::failed) {
            Some(reported) => Value::Error(reported),
            None => Value::List(items.into()),
        }
    }

    /// That its failure was reported, if it failed.
    pub fn failed(&self) -> Option<Reported> {
        match self {
            Value::Error(reported) => Some(*reported),
            _ => None,
        }
    }

    /// That a failure in it was reported, if there is one.
    pub fn failed_inside(&self) -> Option<Reported> {
        self.measure().failed
    }

    /// How much it holds. A record of the tree counts as one value: who reads it counts its fields.
    pub fn measure(&self) -> Measure {
        match self {
            Value::Str(text) | Value::Version(text) => Measure::of_one(text.len()),
            Value::List(all) | Value::Enum(_, Some(all)) => all.measure(),
            Value::Dict(dict) => dict.measure(),
            Value::Secret(parts) => Measure { n_values: 1 + parts.len() as u64, ..Measure::of_one(0) },
            Value::Template(it) => Measure::around([it.value.measure()].into_iter()),
            other => Measure { failed: other.failed(), ..Measure::of_one(0) },
        }
    }

    /// Whether it is a record, map or Tree.
    pub fn has_parts(&self) -> bool {
        matches!(self, Value::Dict(_) | Value::Node(_) | Value::Thunk(_))
    }

    /// Whether it failed.
    pub fn is_error(&self) -> bool {
        self.failed().is_some()
    }

    fn class(&self) -> u8 {
        match self {
            Value::Error(_) => 0,
            Value::None => 1,
            Value::Bool(_) => 2,
            Value::Int(_) => 3,
            Value::Float(_) => 4,
            Value::Str(_) => 5,
            Value::Ip(_) => 6,
            Value::Cidr(_) => 7,
            Value::Duration(_) => 8,
            Value::Size(_) => 9,
            Value::Version(_) => 10,
            Value::Enum(..) => 11,
            Value::Secret(_) => 12,
            Value::List(_) => 13,
            Value::Dict(_) => 14,
            Value::Node(_) => 15,
            Value::Template(_) => 16,
            Value::Thunk(_) => 17,
        }
    }

    /// A total order on values of one type, and equality of canonical forms. Nodes are compared after being read.
    pub fn order(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b))
            | (Value::Duration(a), Value::Duration(b))
            | (Value::Size(a), Value::Size(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
            (Value::Str(a), Value::Str(b)) => a.cmp(b),
            (Value::Ip(a), Value::Ip(b)) => a.cmp(b),
            (Value::Cidr(a), Value::Cidr(b)) => a.cmp(b),
            (Value::Version(a), Value::Version(b)) => compare_versions(a, b),
            (Value::Enum(a, x), Value::Enum(b, y)) => {
                a.cmp(b).then_with(|| order_all(x.as_deref().unwrap_or(&[]), y.as_deref().unwrap_or(&[])))
            }
            (Value::Secret(a), Value::Secret(b)) => a.cmp(b),
            (Value::List(a), Value::List(b)) => order_all(a, b),
            (Value::Dict(a), Value::Dict(b)) => {
                for (x, y) in a.entries.iter().zip(&b.entries) {
                    let first = x.key.cmp(&y.key).then_with(|| x.value.order(&y.value));
                    if first != Ordering::Equal {
                        return first;
                    }
                }
                a.entries.len().cmp(&b.entries.len())
            }
            (Value::Template(a), Value::Template(b)) => {
                a.name.cmp(&b.name).then_with(|| a.text.cmp(&b.text)).then_with(|| a.value.order(&b.value))
            }
            (Value::Node(a), Value::Node(b)) => a.cmp(b),
            _ => self.class().cmp(&other.class()),
        }
    }
}

fn order_all(a: &[Value], b: &[Value]) -> Ordering {
    for (x, y) in a.iter().zip(b) {
        let first = x.order(y);
        if first != Ordering::Equal {
            return first;
        }
    }
    a.len().cmp(&b.len())
}

/// Compares versions: runs of digits as numbers, the rest as text.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let (a, b) = (version_parts(a), version_parts(b));
    for i in 0..a.len().max(b.len()) {
        // A missing part is 0, so "5" and "5.0" are one version.
        let (x, y) = (a.get(i).map_or("0", |s| s), b.get(i).map_or("0", |s| s));
        let first = match (x.parse::<u64>(), y.parse::<u64>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            (Ok(_), Err(_)) => Ordering::Greater,
            (Err(_), Ok(_)) => Ordering::Less,
            _ => x.cmp(y),
        };
        if first != Ordering::Equal {
            return first;
        }
    }
    Ordering::Equal
}

fn version_parts(text: &str) -> Vec<&str> {
    text.split(['.', '-', '+', '~', '_']).filter(|s| !s.is_empty()).collect()
}

/// Sorts and removes doubles: what a set is.
pub fn to_set(mut items: Vec<Value>) -> Value {
    items.sort_by(Value::order);
    items.dedup_by(|a, b| a.order(b) == Ordering::Equal);
    Value::List(items.into())
}
