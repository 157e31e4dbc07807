//! What follows from values that failed: a report at the place of such a value tells of what stood in for it, and says nothing new.

use kl::data::{Data, DataKind};
use kl::diag::Problems;
use kl::source::Span;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The reports that do not follow from a value that failed.
pub fn not_derived<'a>(problems: Problems, values: impl IntoIterator<Item = &'a Data>) -> Problems {
    if problems.is_empty() {
        return problems;
    }
    let mut failed = BTreeSet::new();
    values.into_iter().for_each(|data| failed_below(data, &mut failed));
    problems.without(|report| failed.contains(&report.at))
}

/// The places of the values that failed.
fn failed_below(data: &Data, out: &mut BTreeSet<Span>) {
    let all = |entries: &[(Arc<str>, Data)], out: &mut BTreeSet<Span>| {
        entries.iter().for_each(|(_, it)| failed_below(it, out));
    };
    match &data.kind {
        DataKind::Error(_) => {
            out.insert(data.origin.at);
            out.extend(data.origin.through);
        }
        DataKind::Enum(_, entries)
        | DataKind::Record(entries)
        | DataKind::Map(entries)
        | DataKind::Tree(entries) => all(entries, out),
        DataKind::List(items) | DataKind::Set(items) => items.iter().for_each(|it| failed_below(it, out)),
        DataKind::Template(call) => failed_below(&call.value, out),
        DataKind::None
        | DataKind::Bool(_)
        | DataKind::Int(_)
        | DataKind::Float(_)
        | DataKind::Str(_)
        | DataKind::Ip(_)
        | DataKind::Cidr(_)
        | DataKind::Duration(_)
        | DataKind::Size(_)
        | DataKind::Key(_)
        | DataKind::Secret(_) => {}
    }
}
