//! Lists, sets and maps, and the functions that check a whole cloud.

use super::super::budget::within;
use super::super::check::Witness;
use super::super::errors;
use super::super::pass::Pass;
use super::Builtin;
use crate::diag::Reported;
use crate::live::{Items, Value, to_set};
use crate::source::Span;
use crate::types::ty::TyId;
use std::cmp::Ordering;
use std::sync::Arc;

const G: &str = "Lists, sets and maps";

pub(super) static ALL: [Builtin; 17] = [
    Builtin::new(
        G,
        "first",
        "([T]) -> T? or (set of T) -> T?",
        "The first item, `none` of an empty list.",
        ("first([3, 4]) ?? 0", "3"),
        first,
    )
    .quick(),
    Builtin::new(
        G,
        "last",
        "([T]) -> T? or (set of T) -> T?",
        "The last item, `none` of an empty list.",
        ("last([3, 4]) ?? 0", "4"),
        last,
    )
    .quick(),
    Builtin::new(
        G,
        "get",
        "({[K]: V}, Key) -> V? or (Tree, Key) -> Tree",
        "The value of a key, `none` if it is not there.",
        ("get(ports, \"https\") ?? 443", "443"),
        get,
    )
    .quick(),
    Builtin::new(
        G,
        "count",
        "([T]) -> Int or (set of T) -> Int or ({[K]: V}) -> Int or (Str) -> Int",
        "How many items, keys, or characters of a text.",
        ("count([7, 8, 9])", "3"),
        count,
    ),
    Builtin::new(
        G,
        "index",
        "([T], T) -> Int?",
        "The position of an item, from 0; `none` if it is not there.",
        ("index([7, 8], 8) ?? -1", "1"),
        index,
    ),
    Builtin::new(
        G,
        "sort",
        "([T]) -> [T] or (set of T) -> [T]",
        "The items in order.",
        ("sort([3, 1, 2])", "[1, 2, 3]"),
        sort,
    ),
    Builtin::new(
        G,
        "reverse",
        "([T]) -> [T]",
        "The items from the last to the first.",
        ("reverse([1, 2])", "[2, 1]"),
        reverse,
    ),
    Builtin::new(
        G,
        "set",
        "([T]) -> set of T",
        "The items as a set: in order, each once.",
        ("count(set([2, 1, 2]))", "2"),
        set,
    ),
    Builtin::new(
        G,
        "list",
        "(set of T) -> [T] or ([T]) -> [T]",
        "The items of a set as a list, in order.",
        ("list(set([2, 1]))", "[1, 2]"),
        list,
    )
    .quick(),
    Builtin::new(
        G,
        "flatten",
        "([[T]]) -> [T]",
        "The lists one after the other.",
        ("flatten([[1], [2, 3]])", "[1, 2, 3]"),
        flatten,
    ),
    Builtin::new(
        G,
        "keys",
        "({[K]: V}) -> [K]",
        "The keys of a map, in order.",
        ("keys(ports)", "[\"http\", \"ssh\"]"),
        keys,
    ),
    Builtin::new(
        G,
        "values",
        "({[K]: V}) -> [V]",
        "The values of a map, in the order of the keys.",
        ("values(ports)", "[80, 22]"),
        values,
    ),
    Builtin::new(
        G,
        "all",
        "([Bool]) -> Bool",
        "Whether all hold.",
        ("all(p > 20 for _, p in ports)", "true"),
        all,
    ),
    Builtin::new(
        G,
        "any",
        "([Bool]) -> Bool",
        "Whether at least one holds.",
        ("any(p == 22 for _, p in ports)", "true"),
        any,
    ),
    Builtin::new(
        G,
        "unique",
        "([T]) -> Bool",
        "Whether no two items are equal.",
        ("unique([1, 2, 1])", "false"),
        unique,
    ),
    Builtin::new(
        G,
        "disjoint",
        "([[T]]) -> Bool or ([set of T]) -> Bool or ([Cidr]) -> Bool",
        "Whether no two of the lists, sets or networks share anything.",
        ("disjoint([10.0.0.0/24, 10.0.1.0/24])", "true"),
        disjoint,
    ),
    Builtin::new(
        G,
        "sum",
        "([Int]) -> Int or ([Float]) -> Float or ([Size]) -> Size or ([Duration]) -> Duration",
        "The sum of all items.",
        ("sum([1, 2, 3])", "6"),
        sum,
    ),
];

fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(all) => all,
        _ => &[],
    }
}

fn first(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    items(&args[0]).first().cloned().unwrap_or(Value::None)
}

fn last(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    items(&args[0]).last().cloned().unwrap_or(Value::None)
}

fn get(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let Value::Str(key) = &args[1] else { return pass.failed(at, &[&args[0], &args[1]]) };
    if within!(pass.has_key(&args[0], key, at)) { pass.entry_of(&args[0], key, at) } else { Value::None }
}

/// The keys of a map, counted as elements that are made. If not all are known, there are none.
fn all_keys(pass: &mut Pass<'_>, map: &Value, at: Span) -> Result<Vec<Arc<str>>, Reported> {
    match pass.keys_failed(map) {
        Some(reported) => Err(reported),
        None => pass.counted_keys(map, at),
    }
}

fn count(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    Value::Int(match &args[0] {
        Value::List(all) => all.len() as i64,
        Value::Str(text) => text.chars().count() as i64,
        map => within!(all_keys(pass, map, at)).len() as i64,
    })
}

fn index(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    let found = items(&args[0]).iter().position(|i| i.order(&args[1]) == Ordering::Equal);
    found.map_or(Value::None, |i| Value::Int(i as i64))
}

/// Counts what sorting takes.
fn sorting(pass: &mut Pass<'_>, value: &Value, at: Span) -> Result<(), Reported> {
    let n_rounds = u64::from((items(value).len() as u64 + 1).ilog2());
    pass.work(value.measure().n_steps().saturating_mul(n_rounds), at)
}

fn sort(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    within!(sorting(pass, &args[0], at));
    within!(pass.make(items(&args[0]).len() as u64, at));
    let mut all = items(&args[0]).to_vec();
    all.sort_by(Value::order);
    Value::List(all.into())
}

fn reverse(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    within!(pass.make(items(&args[0]).len() as u64, at));
    Value::List(items(&args[0]).iter().rev().cloned().collect())
}

fn set(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    within!(sorting(pass, &args[0], at));
    within!(pass.make(items(&args[0]).len() as u64, at));
    to_set(items(&args[0]).to_vec())
}

fn list(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    args[0].clone()
}

fn flatten(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let n_items = items(&args[0]).iter().map(|list| items(list).len() as u64).sum();
    within!(pass.make(n_items, at));
    Value::List(items(&args[0]).iter().flat_map(|l| items(l).to_vec()).collect())
}

fn keys(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    Value::List(within!(all_keys(pass, &args[0], at)).into_iter().map(Value::Str).collect())
}

fn values(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let keys = within!(all_keys(pass, &args[0], at));
    Value::list(keys.iter().map(|k| pass.entry_of(&args[0], k, at)).collect())
}

fn all(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    Value::Bool(items(&args[0]).iter().all(|v| matches!(v, Value::Bool(true))))
}

fn any(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    Value::Bool(items(&args[0]).iter().any(|v| matches!(v, Value::Bool(true))))
}

fn unique(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    within!(sorting(pass, &args[0], at));
    let mut sorted: Vec<&Value> = items(&args[0]).iter().collect();
    sorted.sort_by(|a, b| a.order(b));
    Value::Bool(sorted.windows(2).all(|w| w[0].order(w[1]) != Ordering::Equal))
}

fn disjoint(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    let all = items(&args[0]);
    if let Some(Value::Cidr(_)) = all.first() {
        // Each is compared with each.
        within!(pass.work((all.len() as u64).saturating_mul(all.len() as u64) / 2, at));
        let nets: Vec<_> =
            all.iter().filter_map(|v| if let Value::Cidr(n) = v { Some(n) } else { None }).collect();
        let clash = |i: usize| {
            nets[i + 1..]
                .iter()
                .any(|n| n.contains(&***n) && (n.contains(&**nets[i]) || nets[i].contains(&***n)))
        };
        return Value::Bool(!(0..nets.len()).any(clash));
    }
    let n_items = all.iter().map(|list| items(list).len() as u64).sum();
    within!(sorting(pass, &args[0], at).and_then(|()| pass.make(n_items, at)));
    pass.unmake(n_items);
    let mut sorted: Vec<&Value> = Vec::new();
    for list in all {
        let mut own: Vec<&Value> = items(list).iter().collect();
        own.sort_by(|a, b| a.order(b));
        own.dedup_by(|a, b| a.order(b) == Ordering::Equal);
        sorted.extend(own);
    }
    sorted.sort_by(|a, b| a.order(b));
    Value::Bool(sorted.windows(2).all(|w| w[0].order(w[1]) != Ordering::Equal))
}

fn sum(pass: &mut Pass<'_>, args: &[Value], types: &[TyId], at: Span) -> Value {
    let all = items(&args[0]);
    let total = |f: fn(&Value) -> Option<i64>| all.iter().filter_map(f).try_fold(0i64, i64::checked_add);
    let found = match all.first() {
        Some(Value::Float(_)) => {
            return Value::Float(
                all.iter().filter_map(|v| if let Value::Float(n) = v { Some(n) } else { None }).sum(),
            );
        }
        Some(Value::Size(_)) => {
            total(|v| if let Value::Size(n) = v { Some(*n) } else { None }).map(Value::Size)
        }
        Some(Value::Duration(_)) => {
            total(|v| if let Value::Duration(n) = v { Some(*n) } else { None }).map(Value::Duration)
        }
        Some(_) => total(|v| if let Value::Int(n) = v { Some(*n) } else { None }).map(Value::Int),
        None => Some(zero(pass, types)),
    };
    found.unwrap_or_else(|| pass.fail(errors::arithmetic(at, "the sum is too large")))
}

/// The sum of nothing, by the type of the items.
fn zero(pass: &Pass<'_>, types: &[TyId]) -> Value {
    let types_table = &pass.eng.program.types;
    let item = types.first().map(|t| match types_table.get(*t) {
        crate::types::ty::Ty::List(item) => *item,
        _ => *t,
    });
    match item {
        Some(TyId::FLOAT) => Value::Float(0.0),
        Some(TyId::SIZE) => Value::Size(0),
        Some(TyId::DURATION) => Value::Duration(0),
        _ => Value::Int(0),
    }
}

/// What proves a check wrong: the rounds of a generator that break it, in words.
pub fn witnesses(name: &str, items: &[Value], labels: &[String]) -> Vec<Witness> {
    let mut out = Vec::new();
    match name {
        "all" => {
            for (i, (item, label)) in items.iter().zip(labels).enumerate() {
                if matches!(item, Value::Bool(false)) {
                    out.push(Witness { text: format!("not for {label}"), rounds: vec![i] });
                }
            }
        }
        "unique" => {
            let mut order: Vec<usize> = (0..items.len()).collect();
            order.sort_by(|a, b| items[*a].order(&items[*b]).then(a.cmp(b)));
            for pair in order.windows(2) {
                if items[pair[0]].order(&items[pair[1]]) == Ordering::Equal {
                    let value = super::super::settle::plain(&items[pair[0]]);
                    let text = format!("{value} for {} and for {}", labels[pair[0]], labels[pair[1]]);
                    out.push(Witness { text, rounds: pair.to_vec() });
                }
            }
        }
        "disjoint" => {
            let as_items = |v: &Value| -> Items {
                match v {
                    Value::List(all) => all.clone(),
                    other => vec![other.clone()].into(),
                }
            };
            'outer: for (i, a) in items.iter().enumerate() {
                for (j, b) in items.iter().enumerate().skip(i + 1) {
                    let shared = match (a, b) {
                        (Value::Cidr(x), Value::Cidr(y)) => x.contains(&**y) || y.contains(&**x),
                        _ => as_items(a)
                            .iter()
                            .any(|x| as_items(b).iter().any(|y| x.order(y) == Ordering::Equal)),
                    };
                    if shared {
                        let text = format!("{} and {} share something", labels[i], labels[j]);
                        out.push(Witness { text, rounds: vec![i, j] });
                        if out.len() > 5 {
                            break 'outer;
                        }
                    }
                }
            }
        }
        _ => {}
    }
    out
}
