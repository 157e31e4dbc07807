//! Numbers, durations and sizes.

use super::super::errors;
use super::super::pass::Pass;
use super::Builtin;
use crate::live::Value;
use crate::source::Span;
use crate::types::ty::TyId;
use std::cmp::Ordering;

const N: &str = "Numbers";
const D: &str = "Durations";
const S: &str = "Sizes";

pub(super) static ALL: [Builtin; 16] = [
    Builtin::new(
        N,
        "min",
        "(Int, Int) -> Int or (Float, Float) -> Float or (Size, Size) -> Size or (Duration, Duration) -> Duration",
        "The smaller of two.",
        ("min(3, 2)", "2"),
        min,
    ),
    Builtin::new(
        N,
        "max",
        "(Int, Int) -> Int or (Float, Float) -> Float or (Size, Size) -> Size or (Duration, Duration) -> Duration",
        "The larger of two.",
        ("max(3, 2)", "3"),
        max,
    ),
    Builtin::new(N, "abs", "(Int) -> Int or (Float) -> Float", "Without its sign.", ("abs(-3)", "3"), abs),
    Builtin::new(N, "float", "(Int) -> Float", "An Int as a Float.", ("float(3)", "3.0"), float),
    Builtin::new(
        N,
        "int",
        "(Str) -> Int or (Float) -> Int",
        "The number that a text spells; a Float without its fraction.",
        ("int(\"42\")", "42"),
        int,
    ),
    Builtin::new(
        D,
        "Duration.ms",
        "(Duration) -> Int",
        "In milliseconds.",
        ("(2s).ms", "2000"),
        |p, a, _, at| duration(p, at, a, 1),
    ),
    Builtin::new(
        D,
        "Duration.seconds",
        "(Duration) -> Int",
        "In whole seconds.",
        ("(4h).seconds", "14400"),
        |p, a, _, at| duration(p, at, a, 1000),
    ),
    Builtin::new(
        D,
        "Duration.minutes",
        "(Duration) -> Int",
        "In whole minutes.",
        ("(4h).minutes", "240"),
        |p, a, _, at| duration(p, at, a, 60_000),
    ),
    Builtin::new(
        D,
        "Duration.hours",
        "(Duration) -> Int",
        "In whole hours.",
        ("(4h).hours", "4"),
        |p, a, _, at| duration(p, at, a, 3_600_000),
    ),
    Builtin::new(
        D,
        "Duration.days",
        "(Duration) -> Int",
        "In whole days.",
        ("(48h).days", "2"),
        |p, a, _, at| duration(p, at, a, 86_400_000),
    ),
    Builtin::new(S, "Size.bytes", "(Size) -> Int", "In bytes.", ("(1KiB).bytes", "1024"), |p, a, _, at| {
        size(p, at, a, 1)
    }),
    Builtin::new(S, "Size.KiB", "(Size) -> Int", "In whole KiB.", ("(1MiB).KiB", "1024"), |p, a, _, at| {
        size(p, at, a, 1 << 10)
    }),
    Builtin::new(S, "Size.MiB", "(Size) -> Int", "In whole MiB.", ("(8GiB).MiB", "8192"), |p, a, _, at| {
        size(p, at, a, 1 << 20)
    }),
    Builtin::new(S, "Size.GiB", "(Size) -> Int", "In whole GiB.", ("(8GiB).GiB", "8"), |p, a, _, at| {
        size(p, at, a, 1 << 30)
    }),
    Builtin::new(
        S,
        "Size.MB",
        "(Size) -> Int",
        "In whole MB, of 1000 kB each.",
        ("(2GB).MB", "2000"),
        |p, a, _, at| size(p, at, a, 1_000_000),
    ),
    Builtin::new(
        S,
        "Size.GB",
        "(Size) -> Int",
        "In whole GB, of 1000 MB each.",
        ("(2TB).GB", "2000"),
        |p, a, _, at| size(p, at, a, 1_000_000_000),
    ),
];

fn min(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    if args[0].order(&args[1]) == Ordering::Greater { args[1].clone() } else { args[0].clone() }
}

fn max(_: &mut Pass<'_>, args: &[Value], _: &[TyId], _: Span) -> Value {
    if args[0].order(&args[1]) == Ordering::Less { args[1].clone() } else { args[0].clone() }
}

fn abs(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    match &args[0] {
        Value::Int(n) => match n.checked_abs() {
            Some(n) => Value::Int(n),
            None => pass.fail(errors::arithmetic(at, "the result is too large")),
        },
        Value::Float(n) => Value::Float(n.abs()),
        _ => pass.failed(at, &[&args[0]]),
    }
}

fn float(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    match &args[0] {
        Value::Int(n) => Value::Float(*n as f64),
        _ => pass.failed(at, &[&args[0]]),
    }
}

fn int(pass: &mut Pass<'_>, args: &[Value], _: &[TyId], at: Span) -> Value {
    match &args[0] {
        Value::Str(text) => match text.trim().parse() {
            Ok(n) => Value::Int(n),
            Err(_) => pass.fail(errors::bad_text(at, format!("`{text}` is not a number"), None)),
        },
        // A Float has 53 bits: beyond that its whole part is no exact number.
        Value::Float(n) if n.abs() < 9_007_199_254_740_992.0 => Value::Int(n.trunc() as i64),
        _ => pass.fail(errors::arithmetic(at, "the result is too large")),
    }
}

fn duration(pass: &mut Pass<'_>, at: Span, args: &[Value], unit: i64) -> Value {
    match &args[0] {
        Value::Duration(ms) => Value::Int(ms / unit),
        other => pass.failed(at, &[other]),
    }
}

fn size(pass: &mut Pass<'_>, at: Span, args: &[Value], unit: i64) -> Value {
    match &args[0] {
        Value::Size(bytes) => Value::Int(bytes / unit),
        other => pass.failed(at, &[other]),
    }
}
