//! The words of the reports of merging and evaluation.

use super::state::Read;
use super::taken::{Elsewhere, Missed};
use crate::diag::{Code, Diagnostic, Severity, did_you_mean};
use crate::rank::{self, strength_name};
use crate::source::Span;
use crate::types::errors::BRACKETS;
use crate::types::hir::{CheckDef, Program, TestDef, WhereId};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// How many lines that give one leaf are shown.
const N_SHOWN: usize = 12;

/// Two values for one leaf.
pub fn conflict(path: &str, places: &[(Span, u8)]) -> Diagnostic {
    let mut sorted = places.to_vec();
    sorted.sort();
    sorted.dedup();
    let (at, strength) = sorted[0];
    let mut out = Diagnostic::error(Code::Conflict, at, format!("two values for `{path}`"))
        .here(strength_name(strength).to_string());
    for (other, strength) in sorted.iter().skip(1).take(N_SHOWN) {
        out = out.label(*other, format!("{}: ambiguous", strength_name(*strength)));
    }
    if let Some(more) = sorted.len().checked_sub(N_SHOWN + 2) {
        out.message += &format!(", and {} more lines", more + 1);
    }
    // Nothing beats `force`, so one of those has to go.
    out.help(if strength == rank::FORCE {
        "remove one of them, or its `force`"
    } else {
        "write `?=` in the one that should give way, or `force` in the one that should win"
    })
}

/// Given and taken away with equal strength.
pub fn presence(path: &str, places: &[(Span, &str)]) -> Diagnostic {
    let mut out = Diagnostic::error(Code::Conflict, places[0].0, format!("`{path}` is given and taken away"))
        .here(places[0].1);
    for (at, text) in &places[1..] {
        out = out.label(*at, *text);
    }
    out.help("write `?=` in the one that should give way, or `force` in the one that should win")
}

/// A required leaf without a value.
pub fn missing(path: &str, used_at: Span, declared_at: Span) -> Diagnostic {
    let out = Diagnostic::error(Code::Missing, used_at, format!("`{path}` has no value"));
    let out = if used_at == declared_at {
        out.here("it is declared here, without a default")
    } else {
        out.label(declared_at, "it is declared here, without a default")
    };
    out.help(format!("define it: `{path} = …`"))
}

/// A key that is not there.
pub fn absent_key<'a>(
    at: Span,
    map: &str,
    key: &str,
    known: impl IntoIterator<Item = &'a str>,
    to_add: Option<String>,
) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().collect();
    let near = did_you_mean(key, known.iter().copied()).or(to_add);
    let help = near.unwrap_or_else(|| known_keys(map, key, known));
    let mut of = map.to_string();
    super::format::push_step(&mut of, key);
    Diagnostic::error(Code::AbsentKey, at, format!("no `{key}` in `{map}`")).help(help).tells_of(of)
}

/// The key that was meant, or those that there are.
pub fn known_keys<'a>(map: &str, key: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    did_you_mean(key, known.iter().copied()).unwrap_or_else(|| match known.len() {
        0 => format!("`{map}` has no keys"),
        1..=12 => format!("there {} {}", if known.len() == 1 { "is" } else { "are" }, list(&known)),
        n => format!("there are {n} keys, `{}` the first", known[0]),
    })
}

/// The item that was meant, or those that there are.
pub fn known_items<'a>(list_path: &str, item: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    did_you_mean(item, known.iter().copied()).unwrap_or_else(|| match known.len() {
        0 => format!("`{list_path}` is empty"),
        1..=12 => format!("there {} {}", if known.len() == 1 { "is" } else { "are" }, list(&known)),
        n => format!("there are {n} items, `{}` the first", known[0]),
    })
}

/// Something is taken away that is not there, anywhere.
pub fn nothing_taken(
    at: Span,
    missed: &Missed,
    name: &str,
    n_more: usize,
    giver: Option<(Span, Elsewhere)>,
) -> Diagnostic {
    let more = match n_more {
        0 => String::new(),
        n => format!(", nor {n} more"),
    };
    let message = format!("no `{name}` in `{}` to take away{more}", missed.path);
    let out = Diagnostic::error(Code::NothingTaken, at, message);
    match giver {
        // What was asked for is so: it is gone.
        Some((given_at, Elsewhere::Off)) => Diagnostic { severity: Severity::Warning, ..out }
            .label(given_at, "this would add it, but its `if` or `for` lets it add nothing")
            .help("remove it, or let it depend on the same condition"),
        Some((given_at, Elsewhere::OtherKeys)) => {
            out.label(given_at, "this adds it, but not here").help_opt(missed.help.clone())
        }
        None => out.help_opt(missed.help.clone()),
    }
}

/// A path that goes through a key that nobody adds.
pub fn absent_on_path<'a>(
    at: Span,
    map: &str,
    key: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().collect();
    let mut path = map.to_string();
    super::format::push_step(&mut path, key);
    let help = did_you_mean(key, known)
        .unwrap_or_else(|| format!("a path refines, it adds no key: to add it write `{path} = {{}}`"));
    Diagnostic::error(Code::AbsentKey, at, format!("`{path}` is not there to be refined")).help(help)
}

/// The same, where the key was there before the map was replaced.
pub fn replaced_on_path(report: Diagnostic, map: &str, replaced_at: Span) -> Diagnostic {
    report
        .label(replaced_at, format!("`{map}` is replaced here without it, by less strength"))
        .help("write both with one strength, as in `force … := …`, and this goes with the key")
}

fn list(names: &[&str]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

/// Links of a cycle that are shown.
const N_LINKS: usize = 12;

/// A value that needs itself.
pub fn cycle(at: Span, first: &str, chain: &[(String, Span)]) -> Diagnostic {
    // Of a long chain its beginning and its end tell enough.
    let n_left_out = chain.len().saturating_sub(N_LINKS);
    let left_out = N_LINKS / 2..N_LINKS / 2 + n_left_out;
    let more = format!("… {n_left_out} more …");
    let shown = |(i, (name, _)): (usize, &'_ (String, Span))| match i {
        i if i == left_out.start && n_left_out > 0 => Some(more.clone()),
        i if left_out.contains(&i) => None,
        _ => Some(name.clone()),
    };
    let names: Vec<String> = chain.iter().enumerate().filter_map(shown).chain([first.to_owned()]).collect();
    let mut out = Diagnostic::error(Code::Cycle, at, format!("`{first}` needs itself"))
        .here(format!("`{}`", names.join("` → `")));
    for (i, (name, place)) in chain.iter().enumerate().skip(1) {
        if *place != at && !left_out.contains(&i) {
            out = out.label(*place, format!("through `{name}`"));
        }
    }
    if first.starts_with("keys(") {
        return out.help("what adds or takes away keys cannot ask which keys there are: name them by texts, or let what adds them depend on the same condition");
    }
    out.help("break the chain: give one of them a value that does not read the others; a guard or call that reads what it adds is such a chain, a literal is not")
}

/// A value that breaks a condition. The words of what declares it say what it is to be.
pub fn broken_where(
    program: &Program,
    at: Span,
    path: &str,
    value: &str,
    cond: WhereId,
    through: Option<Span>,
) -> Diagnostic {
    let (cond, doc) = (&program.wheres[cond.0 as usize], &program.where_docs[cond.0 as usize]);
    let message = if path.is_empty() {
        format!("{value} is not allowed here")
    } else {
        format!("{value} is not allowed for `{path}`")
    };
    let mut out = Diagnostic::error(Code::Where, at, message).label(cond.at, "this must hold of `it`");
    if let Some(through) = through.filter(|t| *t != at) {
        out = out.label(through, "it comes in here");
    }
    match doc {
        Some(doc) => out.help(doc.replace('\n', " ")),
        None => out.help("change the value so that the condition holds"),
    }
}

/// How many witnesses, and how many places of values, a failed check shows.
const SHOWN: usize = 6;

/// A check that failed, with the rounds that prove it and the values that it read.
pub fn check(
    check: &CheckDef,
    at: Span,
    detail: Option<&str>,
    rounds: &[(String, Span)],
    reads: &[Read],
) -> Diagnostic {
    let title = &check.title;
    let message = match detail {
        Some(detail) => format!("{title}: {detail}"),
        None => format!("check failed: {title}"),
    };
    let mut out = if check.warn {
        Diagnostic::warning(Code::Check, at, message)
    } else {
        Diagnostic::error(Code::Check, at, message)
    };
    out = out.here("this does not hold").label(check.at, "the check");
    for (text, place) in rounds.iter().take(SHOWN) {
        out = out.label(*place, text.clone());
    }
    for (place, texts) in by_place(reads) {
        out = out.label(place, texts.join(", "));
    }
    let shown: Vec<&str> = rounds.iter().take(SHOWN).map(|(text, _)| text.as_str()).collect();
    if shown.is_empty() { out } else { out.help(format!("witnesses: {}", shown.join("; "))) }
}

/// An expectation of a test that does not hold, with the rounds that prove it and the values that it read.
pub fn expectation(
    test: &TestDef,
    at: Span,
    words: &str,
    rounds: &[(String, Span)],
    reads: &[Read],
) -> Diagnostic {
    let message = format!("{}: this is expected and does not hold", test.title);
    let mut out = Diagnostic::error(Code::Expect, at, message).here(words);
    for (text, place) in rounds.iter().take(SHOWN) {
        out = out.label(*place, text.clone());
    }
    for (place, texts) in by_place(reads) {
        out = out.label(place, texts.join(", "));
    }
    out
}

/// An expectation of a test whose value is none, because of a mistake that another one expects.
pub fn undecided(test: &TestDef, at: Span) -> Diagnostic {
    Diagnostic::error(Code::Expect, at, format!("{}: this cannot be decided", test.title))
        .here("it reads what failed")
        .help("a mistake that a test expects leaves no value: expect of it that it is reported, and nothing else")
}

/// A question of a test that its caller has no answer to.
pub fn refused(at: Span, why: &str, help: Option<String>) -> Diagnostic {
    Diagnostic::error(Code::Expect, at, why).help_opt(help)
}

/// The values that were read last, which are nearest to the demand, by the places where they were written.
fn by_place(reads: &[Read]) -> BTreeMap<Span, Vec<&str>> {
    let mut last: Vec<&Read> = Vec::new();
    for read in reads.iter().rev() {
        if last.len() < SHOWN && !last.contains(&read) {
            last.push(read);
        }
    }
    let mut places: BTreeMap<Span, Vec<&str>> = BTreeMap::new();
    for Read { at, text, .. } in last.into_iter().rev() {
        places.entry(*at).or_default().push(text);
    }
    places
}

/// Overflow, division by zero, an address outside its network.
pub fn arithmetic(at: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::Arithmetic, at, message)
}

/// An address in a text, without the brackets that it needs there or with those that it may not have.
pub fn brackets(at: Span, ip: IpAddr) -> Diagnostic {
    let message = match ip {
        IpAddr::V4(ip) => format!("{ip} is an address of IPv4 and may not be in brackets"),
        IpAddr::V6(ip) => format!("{ip} is an address of IPv6 and has to be in brackets here"),
    };
    Diagnostic::error(Code::BadText, at, message).help(BRACKETS)
}

/// A text that a builtin cannot read.
pub fn bad_text(at: Span, message: impl Into<String>, help: Option<&str>) -> Diagnostic {
    Diagnostic::error(Code::BadText, at, message).help_opt(help.map(str::to_string))
}

/// A regular expression that would take too much.
pub fn large_pattern(at: Span, most_mib: u64) -> Diagnostic {
    Diagnostic::error(Code::Budget, at, format!("this regular expression takes more than {most_mib} MiB"))
        .help("repeat less in it, or test the text in several steps")
}

/// More work than one part may cause.
pub fn budget(at: Span, what: &str, limit: u64) -> Diagnostic {
    Diagnostic::error(Code::Budget, at, format!("evaluation stopped after {limit} {what}"))
        .help("a loop over too much, or a chain too long: describe less at once")
}

/// `+=` weaker than the `=` that wins.
pub fn dropped(at: Span, winner: Span) -> Diagnostic {
    Diagnostic::warning(Code::DroppedPart, at, "this is dropped: a stronger definition sets the whole")
        .label(winner, "the stronger one")
        .help("remove it, or write the stronger one as `+=`")
}

/// A definition that wins over one of its own strength because its file happens to use the other's.
pub fn won_by_use(at: Span, loser: Span, used_at: Option<Span>) -> Diagnostic {
    let mut out = Diagnostic::warning(Code::WonByUse, at, "this wins over an equal one only by a `use`")
        .label(loser, "this gives way to it");
    if let Some(used_at) = used_at {
        out = out.label(used_at, "by this line, of a file that the description uses anyway");
    }
    out.help(
        "say which is meant: `?=` in the one that should give way, or `force` in the one that should win",
    )
}

/// A definition that never wins.
pub fn dead(at: Span, winner: Span) -> Diagnostic {
    Diagnostic::warning(Code::DeadDefinition, at, "this definition never wins")
        .label(winner, "this one of the same file always does")
        .help("remove one of the two")
}
