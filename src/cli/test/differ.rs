//! What differs between two values, as lines for people: leaf by leaf with its path, items of lists and lines of texts as a diff.

use activate::lines;
use kl::data::{Data, DataKind};
use kl::value::expect::Failure;
use kl::value::show;
use std::collections::BTreeMap;

/// The most lines that are shown of one difference.
const N_SHOWN: usize = 40;

/// What an expectation compared, where that does not fit into its report.
pub fn of_failure(failure: &Failure) -> Vec<String> {
    let mut lines = match (&failure.sides, &failure.subject) {
        (Some((left, right)), _) if show::short(left).is_some() && show::short(right).is_some() => Vec::new(),
        (Some((left, right)), _) => between(left, right),
        (None, Some(text)) => text.lines().map(str::to_owned).collect(),
        (None, None) => Vec::new(),
    };
    let n_more = lines.len().saturating_sub(N_SHOWN);
    if n_more > 0 {
        lines.truncate(N_SHOWN);
        lines.push(format!("… and {n_more} more lines"));
    }
    lines
}

fn between(left: &Data, right: &Data) -> Vec<String> {
    let mut out = vec!["--- left".to_owned(), "+++ right".to_owned()];
    match (&left.kind, &right.kind) {
        (DataKind::Str(left), DataKind::Str(right)) => out.extend(of_texts(left, right)),
        _ => {
            let (left, right) = (leaves(left), leaves(right));
            let paths: BTreeMap<&String, ()> =
                left.keys().chain(right.keys()).map(|path| (path, ())).collect();
            for path in paths.into_keys().filter(|path| left.get(*path) != right.get(*path)) {
                let named = |sign: &str, value: &str| match path.as_str() {
                    "" => format!("{sign}{value}"),
                    path => format!("{sign}{path} = {value}"),
                };
                out.extend(left.get(path).map(|value| named("-", value)));
                out.extend(right.get(path).map(|value| named("+", value)));
            }
        }
    }
    out
}

fn of_texts(left: &str, right: &str) -> Vec<String> {
    lines::compare(left, right).hunks().lines().map(str::to_owned).collect()
}

/// The leaves of a value by their paths within it; items of a list by their positions.
fn leaves(data: &Data) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    collect(data, String::new(), &mut out);
    out
}

fn collect(data: &Data, path: String, out: &mut BTreeMap<String, String>) {
    if let Some(entries) = data.entries().filter(|all| !all.is_empty()) {
        for (key, value) in entries {
            let mut path = path.clone();
            show::push_step(&mut path, key);
            collect(value, path, out);
        }
        return;
    }
    match data.items().filter(|items| items.iter().any(|item| item.entries().is_some())) {
        Some(items) => {
            for (i, item) in items.iter().enumerate() {
                collect(item, format!("{path}[{i}]"), out);
            }
        }
        None => {
            out.insert(path, show::text(data));
        }
    }
}
