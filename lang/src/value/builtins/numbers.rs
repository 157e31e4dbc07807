//! Numbers, durations and sizes.

use super::builtin::{Builtin, Call, Failure, Made};
use crate::live::Value;
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
        |_, args| duration(args, 1),
    ),
    Builtin::new(
        D,
        "Duration.seconds",
        "(Duration) -> Int",
        "In whole seconds.",
        ("(4h).seconds", "14400"),
        |_, args| duration(args, 1000),
    ),
    Builtin::new(
        D,
        "Duration.minutes",
        "(Duration) -> Int",
        "In whole minutes.",
        ("(4h).minutes", "240"),
        |_, args| duration(args, 60_000),
    ),
    Builtin::new(
        D,
        "Duration.hours",
        "(Duration) -> Int",
        "In whole hours.",
        ("(4h).hours", "4"),
        |_, args| duration(args, 3_600_000),
    ),
    Builtin::new(
        D,
        "Duration.days",
        "(Duration) -> Int",
        "In whole days.",
        ("(48h).days", "2"),
        |_, args| duration(args, 86_400_000),
    ),
    Builtin::new(S, "Size.bytes", "(Size) -> Int", "In bytes.", ("(1KiB).bytes", "1024"), |_, args| {
        size(args, 1)
    }),
    Builtin::new(S, "Size.KiB", "(Size) -> Int", "In whole KiB.", ("(1MiB).KiB", "1024"), |_, args| {
        size(args, 1 << 10)
    }),
    Builtin::new(S, "Size.MiB", "(Size) -> Int", "In whole MiB.", ("(8GiB).MiB", "8192"), |_, args| {
        size(args, 1 << 20)
    }),
    Builtin::new(S, "Size.GiB", "(Size) -> Int", "In whole GiB.", ("(8GiB).GiB", "8"), |_, args| {
        size(args, 1 << 30)
    }),
    Builtin::new(
        S,
        "Size.MB",
        "(Size) -> Int",
        "In whole MB, of 1000 kB each.",
        ("(2GB).MB", "2000"),
        |_, args| size(args, 1_000_000),
    ),
    Builtin::new(
        S,
        "Size.GB",
        "(Size) -> Int",
        "In whole GB, of 1000 MB each.",
        ("(2TB).GB", "2000"),
        |_, args| size(args, 1_000_000_000),
    ),
];

fn min(_: &mut Call<'_>, args: &[Value]) -> Made {
    let greater = args[0].order(&args[1]) == Ordering::Greater;
    Ok(args[usize::from(greater)].clone())
}

fn max(_: &mut Call<'_>, args: &[Value]) -> Made {
    let less = args[0].order(&args[1]) == Ordering::Less;
    Ok(args[usize::from(less)].clone())
}

fn abs(_: &mut Call<'_>, args: &[Value]) -> Made {
    match &args[0] {
        Value::Int(n) => n.checked_abs().map(Value::Int).ok_or_else(too_large),
        Value::Float(n) => Ok(Value::Float(n.abs())),
        _ => Err(Failure::NotOfType),
    }
}

fn float(_: &mut Call<'_>, args: &[Value]) -> Made {
    match &args[0] {
        Value::Int(n) => Ok(Value::Float(*n as f64)),
        _ => Err(Failure::NotOfType),
    }
}

fn int(_: &mut Call<'_>, args: &[Value]) -> Made {
    match &args[0] {
        Value::Str(text) => {
            let number = text.trim().parse().map(Value::Int);
            number.map_err(|_| Failure::Text(format!("`{text}` is not a number"), None))
        }
        // A Float has 53 bits: beyond that its whole part is no exact number.
        Value::Float(n) if n.abs() < 9_007_199_254_740_992.0 => Ok(Value::Int(n.trunc() as i64)),
        _ => Err(too_large()),
    }
}

fn too_large() -> Failure {
    Failure::Arithmetic("the result is too large".into())
}

fn duration(args: &[Value], unit: i64) -> Made {
    match &args[0] {
        Value::Duration(ms) => Ok(Value::Int(ms / unit)),
        _ => Err(Failure::NotOfType),
    }
}

fn size(args: &[Value], unit: i64) -> Made {
    match &args[0] {
        Value::Size(bytes) => Ok(Value::Int(bytes / unit)),
        _ => Err(Failure::NotOfType),
    }
}
