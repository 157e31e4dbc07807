//! Whatever sorts has a total order, and "beats" is a strict partial one that the order of additions agrees with.

use kl::diag::{Code, Diagnostic, Problems};
use kl::live::{Dict, Entry, Template, Value, compare_versions};
use kl::rank::{self, Rank, Uses, strongest};
use kl::source::{FileId, Span};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::cmp::Ordering;
use std::sync::Arc;

/// Tries a property for as many random inputs as are asked for.
fn for_all<S: Strategy>(name: &str, inputs: S, property: impl Fn(S::Value) -> Result<(), String>) {
    let (rng_seed, failure_persistence) = (RngSeed::Fixed(1), None);
    let config = Config { cases: 2000, rng_seed, failure_persistence, ..Config::default() };
    let tried = TestRunner::new(config).run(&inputs, |input| property(input).map_err(TestCaseError::fail));
    if let Err(error) = tried {
        panic!("{name}: {error}");
    }
}

/// Tries the laws of a total order on three things.
fn is_total<T: std::fmt::Debug>(all: [&T; 3], order: impl Fn(&T, &T) -> Ordering) -> Result<(), String> {
    for a in all {
        if order(a, a) != Ordering::Equal {
            return Err(format!("{a:?} differs from itself"));
        }
        for b in all {
            if order(a, b) != order(b, a).reverse() {
                return Err(format!("{a:?} and {b:?} turned round are not turned round"));
            }
            for c in all {
                if order(a, b).is_le() && order(b, c).is_le() && order(a, c).is_gt() {
                    return Err(format!("{a:?}, {b:?}, {c:?} make a cycle"));
                }
                if order(a, b).is_eq() && order(a, c) != order(b, c) {
                    return Err(format!("{a:?} and {b:?} are equal, and {c:?} tells them apart"));
                }
            }
        }
    }
    Ok(())
}

/// Files from 0 to 7 of which some are of the library; each uses some of those before it.
fn files() -> impl Strategy<Value = (Vec<bool>, Uses)> {
    (vec(any::<bool>(), 8), vec(vec(any::<bool>(), 8), 8)).prop_map(|(is_site, wanted)| {
        let direct: Vec<Vec<(FileId, Span)>> = (0..8)
            .map(|i| {
                // The library uses nothing of the site.
                (0..i)
                    .filter(|j| wanted[i][*j] && (is_site[i] || !is_site[*j]))
                    .map(|j| (FileId(j as u16), Span::default()))
                    .collect()
            })
            .collect();
        let uses = Uses::new(direct, &is_site, vec![FileId(7)]);
        (is_site, uses)
    })
}

/// A rank that a definition of such a file can have.
fn rank_of(is_site: &[bool], file: usize, strength: u8) -> Rank {
    let all: &[u8] = match is_site[file] {
        true => &[rank::SITE_SUGGEST, rank::SITE, rank::FORCE],
        false => &[rank::LIBRARY_SUGGEST, rank::LIBRARY],
    };
    Rank { strength: all[strength as usize % all.len()], file: FileId(file as u16) }
}

#[test]
fn strengths_are_a_strict_order() {
    let drawn = (files(), vec((0usize..8, any::<u8>()), 3));
    for_all("strengths", drawn, |((is_site, uses), drawn)| {
        let ranks: Vec<Rank> = drawn.iter().map(|(file, s)| rank_of(&is_site, *file, *s)).collect();
        for a in &ranks {
            if a.beats(*a, &uses) {
                return Err(format!("{a:?} beats itself"));
            }
            for b in &ranks {
                if a.beats(*b, &uses) && b.beats(*a, &uses) {
                    return Err(format!("{a:?} and {b:?} beat each other"));
                }
                if a.beats(*b, &uses) && a.order(&uses) <= b.order(&uses) {
                    return Err(format!("{a:?} beats {b:?} and is not sorted after it"));
                }
                for c in &ranks {
                    if a.beats(*b, &uses) && b.beats(*c, &uses) && !a.beats(*c, &uses) {
                        return Err(format!("{a:?} beats {b:?} beats {c:?}, and does not beat it"));
                    }
                }
            }
        }
        Ok(())
    });
}

#[test]
fn the_strongest_are_those_that_nothing_beats() {
    let drawn = (files(), vec((0usize..8, any::<u8>()), 0..20));
    for_all("the strongest", drawn, |((is_site, uses), drawn)| {
        let ranks: Vec<Rank> = drawn.iter().map(|(file, s)| rank_of(&is_site, *file, *s)).collect();
        let found = strongest(ranks.iter().copied(), &uses);
        for rank in &ranks {
            let unbeaten = !ranks.iter().any(|other| other.beats(*rank, &uses));
            if unbeaten != found.contains(rank) {
                return Err(format!("{rank:?} of {ranks:?}: found {found:?}"));
            }
        }
        Ok(())
    });
}

fn text() -> impl Strategy<Value = Arc<str>> {
    "[ab]{0,2}".prop_map(Arc::from)
}

/// Any value, with few texts and numbers, so that equal ones are met.
fn value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![-2i64..3, any::<i64>()];
    let float =
        prop_oneof![Just(0.0), Just(-0.0), Just(1.5), Just(f64::NAN), Just(f64::INFINITY), any::<f64>()];
    let leaf = prop_oneof![
        Just(Value::Error(Problems::default().push(Diagnostic::error(
            Code::Missing,
            Span::default(),
            "it has no value"
        )))),
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        number.clone().prop_map(Value::Int),
        number.clone().prop_map(Value::Duration),
        number.prop_map(Value::Size),
        float.prop_map(Value::Float),
        text().prop_map(Value::Str),
        version().prop_map(Value::Version),
        any::<[u8; 2]>().prop_map(|[a, b]| Value::Ip([10, 0, a % 2, b % 2].into())),
        (0u32..3).prop_map(|n| Value::Enum(n, None)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let dict = vec((text(), inner.clone()), 0..3).prop_map(|mut all| {
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all.dedup_by(|a, b| a.0 == b.0);
            let entry = |(key, value)| Entry { key, value, at: Span::default() };
            Value::Dict(Arc::new(Dict::of(all.into_iter().map(entry).collect())))
        });
        let template = (text(), inner.clone()).prop_map(|(name, value)| {
            let text = name.clone();
            let file = FileId::default();
            Value::Template(Arc::new(Template { name, text, file, value, at: Span::default() }))
        });
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|all| Value::List(all.into())),
            (0u32..3, vec(inner, 1..3)).prop_map(|(n, all)| Value::Enum(n, Some(all.into()))),
            dict,
            template,
        ]
    })
}

fn version() -> impl Strategy<Value = Arc<str>> {
    "([0-9]{1,2}|rc|a|99999999999999999999)?([.~+_-]([0-9]{1,2}|rc|b|0)){0,3}".prop_map(Arc::from)
}

#[test]
fn values_have_a_total_order() {
    for_all("values", (value(), value(), value()), |(a, b, c)| is_total([&a, &b, &c], Value::order));
}

#[test]
fn versions_have_a_total_order() {
    for_all("versions", (version(), version(), version()), |(a, b, c)| {
        is_total([&a, &b, &c], |a, b| compare_versions(a, b))
    });
}
