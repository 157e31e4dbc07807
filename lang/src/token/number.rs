//! Numbers, with or without a unit. What begins with a digit and is no address is one token, right or wrong.

use super::Lit;
use super::word::is_word_byte;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::opt;
use nom::multi::many0_count;
use nom::sequence::preceded;
use nom::{IResult, Parser};

/// Why something that looks like a number is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault<'a> {
    /// `0640`.
    LeadingZero,
    /// It does not fit 64 bits.
    TooLarge,
    /// `1.3B`: no whole number of bytes or milliseconds.
    NotWhole,
    /// `1.2.3`.
    Points,
    /// `0o9`, `1_`: digits that do not belong there.
    Digits,
    /// Letters that are no unit.
    Unit(&'a str),
}

/// The units: how each is spelt, and how many milliseconds or bytes it is.
const UNITS: [(&str, Unit); 14] = [
    ("ms", Unit::Time(1)),
    ("s", Unit::Time(1000)),
    ("m", Unit::Time(60_000)),
    ("h", Unit::Time(3_600_000)),
    ("d", Unit::Time(86_400_000)),
    ("B", Unit::Size(1)),
    ("kB", Unit::Size(1000)),
    ("MB", Unit::Size(1000_i64.pow(2))),
    ("GB", Unit::Size(1000_i64.pow(3))),
    ("TB", Unit::Size(1000_i64.pow(4))),
    ("KiB", Unit::Size(1024)),
    ("MiB", Unit::Size(1024_i64.pow(2))),
    ("GiB", Unit::Size(1024_i64.pow(3))),
    ("TiB", Unit::Size(1024_i64.pow(4))),
];

#[derive(Clone, Copy)]
enum Unit {
    Time(i64),
    Size(i64),
}

/// The spellings of all units.
pub fn units() -> impl Iterator<Item = &'static str> {
    UNITS.iter().map(|(name, _)| *name)
}

/// The number with a unit that was most likely meant by one with the unit of another program, as `8Gi` or `30sec`.
pub fn meant(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')?;
    let (digits, unit) = text.split_at(end);
    let unit = match unit.trim_start().to_ascii_lowercase().as_str() {
        "msec" | "msecs" | "millis" | "milliseconds" => "ms",
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "byte" | "bytes" => "B",
        "k" | "ki" | "kib" => "KiB",
        "kb" => "kB",
        "m" | "mi" | "mib" => "MiB",
        "mb" => "MB",
        "g" | "gi" | "gib" => "GiB",
        "gb" => "GB",
        "t" | "ti" | "tib" => "TiB",
        "tb" => "TB",
        _ => return None,
    };
    let meant = format!("{digits}{unit}");
    matches!(number(&meant), Some((len, Ok(_))) if len == meant.len()).then_some(meant)
}

/// The number at the beginning of `text`: its length, and its value or what is wrong. `None`: no digit there.
pub fn number(text: &str) -> Option<(usize, Result<Lit, Fault<'_>>)> {
    let (rest, found) = alt((based, decimal)).parse(text).ok()?;
    Some((text.len() - rest.len(), found))
}

fn glued(text: &str) -> IResult<&str, &str> {
    take_while(|c: char| c.is_ascii() && is_word_byte(c as u8)).parse(text)
}

/// `0o640`, `0xff`.
fn based(text: &str) -> IResult<&str, Result<Lit, Fault<'_>>> {
    let (rest, (base, digits)) = (alt((tag("0o"), tag("0x"))), glued).parse(text)?;
    let radix = if base == "0o" { 8 } else { 16 };
    let found = if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        Err(Fault::Digits)
    } else {
        i64::from_str_radix(digits, radix).map(Lit::Int).map_err(|_| Fault::TooLarge)
    };
    Ok((rest, found))
}

/// `1_000`, `1.5`, `1.5GiB`.
fn decimal(text: &str) -> IResult<&str, Result<Lit, Fault<'_>>> {
    let digits = || take_while1(|c: char| c.is_ascii_digit() || c == '_');
    let fraction = || preceded(char('.'), digit1::<&str, _>);
    let (_, _) = digit1(text)?;
    let (rest, (whole, part, more, unit)) =
        (digits(), opt(fraction()), many0_count(fraction()), glued).parse(text)?;
    let found = if more > 0 {
        Err(Fault::Points)
    } else if whole.len() > 1 && whole.starts_with('0') {
        Err(Fault::LeadingZero)
    } else if whole.ends_with('_') || whole.contains("__") {
        Err(Fault::Digits)
    } else {
        value(&whole.replace('_', ""), part, unit)
    };
    Ok((rest, found))
}

fn value<'a>(whole: &str, part: Option<&str>, unit: &'a str) -> Result<Lit, Fault<'a>> {
    if unit.is_empty() {
        return match part {
            None => whole.parse().map(Lit::Int).map_err(|_| Fault::TooLarge),
            Some(part) => match format!("{whole}.{part}").parse::<f64>() {
                Ok(float) if float.is_finite() => Ok(Lit::Float(float)),
                _ => Err(Fault::TooLarge),
            },
        };
    }
    match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, Unit::Time(ms))) => scaled(whole, part, *ms).map(Lit::Duration),
        Some((_, Unit::Size(bytes))) => scaled(whole, part, *bytes).map(Lit::Size),
        None => Err(Fault::Unit(unit)),
    }
}

/// `whole.part × factor`, if that is a whole number.
fn scaled(whole: &str, part: Option<&str>, factor: i64) -> Result<i64, Fault<'static>> {
    let part = part.unwrap_or_default().trim_end_matches('0');
    // Twenty places times the largest unit still fit 128 bits, and nobody writes more.
    if part.len() > 20 {
        return Err(Fault::NotWhole);
    }
    let places = 10_u128.pow(part.len() as u32);
    let fraction = part.bytes().fold(0_u128, |n, digit| n * 10 + u128::from(digit - b'0'));
    let exact = fraction * u128::from(factor.unsigned_abs());
    if exact % places != 0 {
        return Err(Fault::NotWhole);
    }
    let whole = whole.parse::<i64>().map_err(|_| Fault::TooLarge)?;
    let more = i64::try_from(exact / places).map_err(|_| Fault::TooLarge)?;
    whole.checked_mul(factor).and_then(|n| n.checked_add(more)).ok_or(Fault::TooLarge)
}
