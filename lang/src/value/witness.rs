//! What proves a check over a generator wrong: the rounds that break it.

use super::format;
use super::state::Witness;
use crate::live::{Items, Value};
use std::cmp::Ordering;

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
                    let value = format::plain(&items[pair[0]]);
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
