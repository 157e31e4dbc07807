//! Lists, sets and maps, and the functions that check a whole cloud.

use super::super::budget::Exceeded;
use super::builtin::{Builtin, Call, Failure, Made, Question};
use crate::live::{Value, to_set};
use crate::types::ty::{Ty, TyId};
use std::cmp::Ordering;

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
    Builtin::asked(
        G,
        "get",
        "({[K]: V}, Key) -> V? or (Tree, Key) -> Tree",
        "The value of a key, `none` if it is not there.",
        ("get(ports, \"https\") ?? 443", "443"),
        Question::Get,
    )
    .quick(),
    Builtin::asked(
        G,
        "count",
        "([T]) -> Int or (set of T) -> Int or ({[K]: V}) -> Int or (Str) -> Int",
        "How many items, keys, or characters of a text.",
        ("count([7, 8, 9])", "3"),
        Question::Count,
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
    Builtin::asked(
        G,
        "keys",
        "({[K]: V}) -> [K]",
        "The keys of a map, in order.",
        ("keys(ports)", "[\"http\", \"ssh\"]"),
        Question::Keys,
    ),
    Builtin::asked(
        G,
        "values",
        "({[K]: V}) -> [V]",
        "The values of a map, in the order of the keys.",
        ("values(ports)", "[80, 22]"),
        Question::Values,
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

fn first(_: &mut Call<'_>, args: &[Value]) -> Made {
    Ok(items(&args[0]).first().cloned().unwrap_or(Value::None))
}

fn last(_: &mut Call<'_>, args: &[Value]) -> Made {
    Ok(items(&args[0]).last().cloned().unwrap_or(Value::None))
}

fn index(_: &mut Call<'_>, args: &[Value]) -> Made {
    let found = items(&args[0]).iter().position(|i| i.order(&args[1]) == Ordering::Equal);
    Ok(found.map_or(Value::None, |i| Value::Int(i as i64)))
}

/// Counts what sorting takes.
fn count_sorting(call: &mut Call<'_>, value: &Value) -> Result<(), Exceeded> {
    let n_rounds = u64::from((items(value).len() as u64 + 1).ilog2());
    call.budget.work(value.measure().n_steps().saturating_mul(n_rounds))
}

fn sort(call: &mut Call<'_>, args: &[Value]) -> Made {
    count_sorting(call, &args[0])?;
    call.budget.make(items(&args[0]).len() as u64)?;
    let mut all = items(&args[0]).to_vec();
    all.sort_by(Value::order);
    Ok(Value::List(all.into()))
}

fn reverse(call: &mut Call<'_>, args: &[Value]) -> Made {
    call.budget.make(items(&args[0]).len() as u64)?;
    Ok(Value::List(items(&args[0]).iter().rev().cloned().collect()))
}

fn set(call: &mut Call<'_>, args: &[Value]) -> Made {
    count_sorting(call, &args[0])?;
    call.budget.make(items(&args[0]).len() as u64)?;
    Ok(to_set(items(&args[0]).to_vec()))
}

fn list(_: &mut Call<'_>, args: &[Value]) -> Made {
    Ok(args[0].clone())
}

fn flatten(call: &mut Call<'_>, args: &[Value]) -> Made {
    let n_items = items(&args[0]).iter().map(|list| items(list).len() as u64).sum();
    call.budget.make(n_items)?;
    Ok(Value::List(items(&args[0]).iter().flat_map(|l| items(l).to_vec()).collect()))
}

fn all(_: &mut Call<'_>, args: &[Value]) -> Made {
    Ok(Value::Bool(items(&args[0]).iter().all(|v| matches!(v, Value::Bool(true)))))
}

fn any(_: &mut Call<'_>, args: &[Value]) -> Made {
    Ok(Value::Bool(items(&args[0]).iter().any(|v| matches!(v, Value::Bool(true)))))
}

fn unique(call: &mut Call<'_>, args: &[Value]) -> Made {
    count_sorting(call, &args[0])?;
    let mut sorted: Vec<&Value> = items(&args[0]).iter().collect();
    sorted.sort_by(|a, b| a.order(b));
    Ok(Value::Bool(sorted.windows(2).all(|w| w[0].order(w[1]) != Ordering::Equal)))
}

fn disjoint(call: &mut Call<'_>, args: &[Value]) -> Made {
    let all = items(&args[0]);
    if let Some(Value::Cidr(_)) = all.first() {
        // Each is compared with each.
        call.budget.work((all.len() as u64).saturating_mul(all.len() as u64) / 2)?;
        let nets: Vec<_> =
            all.iter().filter_map(|v| if let Value::Cidr(n) = v { Some(n) } else { None }).collect();
        let clash = |i: usize| {
            nets[i + 1..]
                .iter()
                .any(|n| n.contains(&***n) && (n.contains(&**nets[i]) || nets[i].contains(&***n)))
        };
        return Ok(Value::Bool(!(0..nets.len()).any(clash)));
    }
    let n_items = all.iter().map(|list| items(list).len() as u64).sum();
    count_sorting(call, &args[0])?;
    call.budget.make(n_items)?;
    call.budget.unmake(n_items);
    let mut sorted: Vec<&Value> = Vec::new();
    for list in all {
        let mut own: Vec<&Value> = items(list).iter().collect();
        own.sort_by(|a, b| a.order(b));
        own.dedup_by(|a, b| a.order(b) == Ordering::Equal);
        sorted.extend(own);
    }
    sorted.sort_by(|a, b| a.order(b));
    Ok(Value::Bool(sorted.windows(2).all(|w| w[0].order(w[1]) != Ordering::Equal)))
}

fn sum(call: &mut Call<'_>, args: &[Value]) -> Made {
    let all = items(&args[0]);
    let total = |f: fn(&Value) -> Option<i64>| all.iter().filter_map(f).try_fold(0i64, i64::checked_add);
    let found = match all.first() {
        Some(Value::Float(_)) => {
            let numbers = all.iter().filter_map(|v| if let Value::Float(n) = v { Some(n) } else { None });
            return Ok(Value::Float(numbers.sum()));
        }
        Some(Value::Size(_)) => {
            total(|v| if let Value::Size(n) = v { Some(*n) } else { None }).map(Value::Size)
        }
        Some(Value::Duration(_)) => {
            total(|v| if let Value::Duration(n) = v { Some(*n) } else { None }).map(Value::Duration)
        }
        Some(_) => total(|v| if let Value::Int(n) = v { Some(*n) } else { None }).map(Value::Int),
        None => Some(zero(call)),
    };
    found.ok_or_else(|| Failure::Arithmetic("the sum is too large".into()))
}

/// The sum of nothing, by the type of the items.
fn zero(call: &Call<'_>) -> Value {
    let item = call.of.first().map(|ty| match call.types.get(*ty) {
        Ty::List(item) => *item,
        _ => *ty,
    });
    match item {
        Some(TyId::FLOAT) => Value::Float(0.0),
        Some(TyId::SIZE) => Value::Size(0),
        Some(TyId::DURATION) => Value::Duration(0),
        _ => Value::Int(0),
    }
}
