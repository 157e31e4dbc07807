//! Times as systemd reads them: the calendar events of systemd.time(7), and of `calendarspec.c` of systemd 252 what the page leaves out.
//!
//! Says whether a text is one and why not; computes no time. A zone is taken by its form, for which zones there are is the host's
//! matter.

use kl::diag::did_you_mean;

/// Words that stand for a whole time.
const SHORTHANDS: [&str; 12] = [
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "semiannually",
    "semi-annually",
    "biannually",
    "bi-annually",
    "annually",
    "yearly",
];

/// Days of the week, each in full before its first letters.
const DAYS: [[&str; 2]; 7] = [
    ["monday", "mon"],
    ["tuesday", "tue"],
    ["wednesday", "wed"],
    ["thursday", "thu"],
    ["friday", "fri"],
    ["saturday", "sat"],
    ["sunday", "sun"],
];

/// What names of zones begin with, of those that have a `/`.
const AREAS: [&str; 18] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Brazil",
    "Canada",
    "Chile",
    "Etc",
    "Europe",
    "Indian",
    "Mexico",
    "Pacific",
    "US",
    "posix",
    "right",
];

/// Names of zones without a `/`.
const ZONES: [&str; 43] = [
    "CET",
    "CST6CDT",
    "Cuba",
    "EET",
    "EST",
    "EST5EDT",
    "Egypt",
    "Eire",
    "Factory",
    "GB",
    "GB-Eire",
    "GMT",
    "GMT+0",
    "GMT-0",
    "GMT0",
    "Greenwich",
    "HST",
    "Hongkong",
    "Iceland",
    "Iran",
    "Israel",
    "Jamaica",
    "Japan",
    "Kwajalein",
    "Libya",
    "MET",
    "MST",
    "MST7MDT",
    "NZ",
    "NZ-CHAT",
    "Navajo",
    "PRC",
    "PST8PDT",
    "Poland",
    "Portugal",
    "ROC",
    "ROK",
    "Singapore",
    "Turkey",
    "UCT",
    "UTC",
    "WET",
    "Zulu",
];

/// The most numbers between commas.
const MOST_NUMBERS: usize = 240;

/// Seconds are counted in millionths.
const SECOND: i64 = 1_000_000;

/// Why a text is no time: what to do, if that is known.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NoTime {
    /// What is wrong with it.
    pub why: Option<String>,
    /// What was meant.
    pub help: Option<String>,
}

type Checked<T> = Result<T, NoTime>;

/// Says whether systemd reads a text as a time.
pub fn check(text: &str) -> Result<(), NoTime> {
    let Some((rest, word)) = text.rsplit_once(' ') else { return without_zone(text) };
    if is_zone(word) {
        return without_zone(rest);
    }
    let looks_like_zone = word.starts_with(|c: char| c.is_ascii_alphabetic());
    match without_zone(text) {
        Err(_) if looks_like_zone && !rest.is_empty() && without_zone(rest).is_ok() => Err(no_zone(word)),
        other => other,
    }
}

fn without_zone(text: &str) -> Checked<()> {
    if SHORTHANDS.iter().any(|it| it.eq_ignore_ascii_case(text)) {
        return Ok(());
    }
    if text.is_empty() {
        return Err(NoTime::default());
    }
    let after_days = weekdays(text)?;
    match date(after_days) {
        Ok(rest) => time(rest.unwrap_or(after_days)),
        Err(fault) => Err(fault),
    }
    .map_err(|fault| {
        if after_days.starts_with(|c: char| c.is_alphabetic()) { unknown_word(after_days) } else { fault }
    })
}

fn no_time(why: impl Into<String>) -> NoTime {
    NoTime { why: Some(why.into()), help: None }
}

fn unknown_word(text: &str) -> NoTime {
    let word = text.split([' ', ',', '.']).next().unwrap_or_default();
    let known = SHORTHANDS.into_iter().chain(DAYS.into_iter().flatten());
    NoTime { why: None, help: did_you_mean(&word.to_ascii_lowercase(), known) }
}

fn is_zone(word: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+".contains(&b))
    };
    match word.split_once('/') {
        Some((area, rest)) => AREAS.contains(&area) && rest.split('/').all(is_plain),
        None => word.eq_ignore_ascii_case("utc") || ZONES.contains(&word),
    }
}

fn no_zone(word: &str) -> NoTime {
    let area = word.split('/').next().unwrap_or_default();
    let help = did_you_mean(area, AREAS.into_iter().chain(ZONES)).unwrap_or_else(|| {
        "name a time zone as in `Europe/Berlin`, or leave it out for the host's own".to_owned()
    });
    NoTime { why: Some(format!("there is no time zone `{word}`")), help: Some(help) }
}

/// Reads days of the week and returns what follows them.
fn weekdays(text: &str) -> Checked<&str> {
    let mut rest = text;
    let mut from: Option<usize> = None;
    let mut is_first = true;
    loop {
        let found = DAYS.iter().enumerate().find_map(|(number, names)| {
            let name = names
                .iter()
                .find(|name| rest.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name)))?;
            Some((number, &rest[name.len()..]))
        });
        let Some((day, after)) = found else {
            return if is_first { Ok(rest) } else { Err(unknown_word(rest)) };
        };
        if !after.is_empty() && !after.starts_with(['-', '.', ',', ' ']) {
            return Err(unknown_word(rest));
        }
        if from.is_some_and(|from| from > day) {
            return Err(no_time("a range of days goes from Monday to Sunday, and not beyond"));
        }
        let (was_range, mut next) = (from.take().is_some(), after);
        let open = ["..", "-"].into_iter().find_map(|sign| after.strip_prefix(sign));
        match (open, after.strip_prefix(',')) {
            (Some(_), _) if was_range => return Err(no_time("a range of days has two ends")),
            (Some(behind), _) => (from, next) = (Some(day), behind),
            (None, Some(behind)) => next = behind,
            (None, None) if after.starts_with('.') => {
                return Err(no_time("a range of days is written `Mon..Fri`"));
            }
            (None, None) => {}
        }
        let ends = next.is_empty() || next.starts_with(' ');
        if ends && from.is_some() {
            return Err(no_time("a range of days has two ends"));
        }
        if ends {
            return Ok(next.trim_start_matches(' '));
        }
        (rest, is_first) = (next, false);
    }
}

/// Reads a date and returns what follows it; none if there is no date.
fn date(text: &str) -> Checked<Option<&str>> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(seconds) = text.strip_prefix('@') {
        let (_, rest) = number(seconds)?;
        return if rest.is_empty() {
            Ok(Some(""))
        } else {
            Err(no_time("nothing follows a time since 1970"))
        };
    }
    let (first, rest) = chain(text, 1)?;
    if rest.is_empty() || rest.starts_with(':') {
        return Ok(None);
    }
    let (second, rest, from_end) = next_of_date(rest)?;
    if ends(rest) {
        first.is_within(1, 12, false, "month")?;
        second.is_within(1, 31, from_end, "day")?;
        return Ok(Some(rest.trim_start_matches(' ')));
    }
    if from_end {
        return Err(no_time("`~` stands in front of the day, which is the last part of a date"));
    }
    let (third, rest, from_end) = next_of_date(rest)?;
    if !ends(rest) {
        return Err(no_time("a date is a year, a month and a day, as in `2027-01-31`"));
    }
    first.years().is_within(1970, 2199, false, "year")?;
    second.is_within(1, 12, false, "month")?;
    third.is_within(1, 31, from_end, "day")?;
    Ok(Some(rest.trim_start_matches(' ')))
}

fn ends(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(' ')
}

fn next_of_date(rest: &str) -> Checked<(Chain, &str, bool)> {
    let from_end = rest.starts_with('~');
    match rest.strip_prefix(['-', '~']) {
        Some(rest) => chain(rest, 1).map(|(chain, rest)| (chain, rest, from_end)),
        None => Err(no_time("a date is written as in `*-*-01`, and a time as in `03:30`")),
    }
}

/// Reads a time of the day; nothing is midnight.
fn time(text: &str) -> Checked<()> {
    if text.is_empty() {
        return Ok(());
    }
    let wrong = || no_time("a time of the day is written as in `03:30` or `03:30:00`");
    let (hours, rest) = chain(text, 1)?;
    let (minutes, rest) = chain(rest.strip_prefix(':').ok_or_else(wrong)?, 1)?;
    hours.is_within(0, 23, false, "hour")?;
    minutes.is_within(0, 59, false, "minute")?;
    if rest.is_empty() {
        return Ok(());
    }
    let (seconds, rest) = chain(rest.strip_prefix(':').ok_or_else(wrong)?, SECOND)?;
    if !rest.is_empty() {
        return Err(wrong());
    }
    seconds.is_within(0, 60 * SECOND - 1, false, "second")
}

/// The numbers of one part; without any it is every one.
struct Chain(Vec<Part>);

/// From a number, perhaps to another one, perhaps every so often.
struct Part {
    start: i64,
    stop: Option<i64>,
    repeat: i64,
    unit: i64,
}

impl Chain {
    /// A year of two digits is of this century or of the last one.
    fn years(mut self) -> Self {
        let whole = |year: i64| match year {
            0..70 => year + 2000,
            70..100 => year + 1900,
            year => year,
        };
        for part in &mut self.0 {
            (part.start, part.stop) = (whole(part.start), part.stop.map(whole));
        }
        self
    }

    fn is_within(&self, from: i64, to: i64, from_end: bool, what: &str) -> Checked<()> {
        let to = if from_end { to - 3 } else { to };
        for Part { start, stop, repeat, unit } in &self.0 {
            // The length of a range is a multiple of its step, and a range of one number is that number.
            let stop = stop.map(|stop| if stop > *start { stop - (stop - start) % repeat } else { stop });
            let (stop, repeat) = if stop == Some(*start) { (None, 0) } else { (stop, *repeat) };
            let outside = [Some(*start), stop].into_iter().flatten().find(|it| !(from..=to).contains(it));
            if let Some(number) = outside {
                let (number, to) = (number / unit, to / unit);
                return Err(no_time(format!("`{number}` is no {what}: there are {from} to {to}")));
            }
            let repeats_outside = match stop {
                Some(stop) => start + repeat > stop,
                None if from_end => start - repeat < from,
                None => start + repeat > to,
            };
            if repeats_outside || repeat > to - from {
                return Err(no_time(format!("a range or a step of the {what}s leads beyond {}", to / unit)));
            }
        }
        Ok(())
    }
}

/// Reads numbers between commas, in units of so much.
fn chain(text: &str, unit: i64) -> Checked<(Chain, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Ok((Chain(Vec::new()), rest));
    }
    let (mut parts, mut rest) = (Vec::new(), text);
    loop {
        let (part, after) = part(rest, unit)?;
        parts.push(part);
        if parts.len() > MOST_NUMBERS {
            return Err(no_time(format!("there are more than {MOST_NUMBERS} numbers")));
        }
        match after.strip_prefix(',') {
            Some(behind) => rest = behind,
            None => return Ok((Chain(parts), after)),
        }
    }
}

fn part(text: &str, unit: i64) -> Checked<(Part, &str)> {
    let (start, mut rest) = scaled(text, unit)?;
    let (mut stop, mut repeat) = (None, 0);
    if let Some(behind) = rest.strip_prefix("..") {
        let (end, after) = scaled(behind, unit)?;
        (stop, repeat, rest) = (Some(end), unit, after);
    }
    if let Some(behind) = rest.strip_prefix('/') {
        let (step, after) = scaled(behind, unit)?;
        if step == 0 {
            return Err(no_time("a step of 0 leads nowhere"));
        }
        (repeat, rest) = (step, after);
    } else if unit > 1 && stop.is_some_and(|stop| start + repeat > stop) {
        return Err(no_time("a range of seconds is at least a second long"));
    }
    if !rest.is_empty() && !rest.starts_with([' ', ',', '-', '~', ':']) {
        return Err(unreadable(rest));
    }
    Ok((Part { start, stop, repeat, unit }, rest))
}

fn unreadable(rest: &str) -> NoTime {
    let word = rest.split(' ').next().unwrap_or_default();
    if word.is_empty() { NoTime::default() } else { no_time(format!("`{word}` is no number")) }
}

/// Reads a number, with a fraction where it is of seconds.
fn scaled(text: &str, unit: i64) -> Checked<(i64, &str)> {
    let (whole, mut rest) = number(text)?;
    let too_large = || no_time("a number is too large");
    let mut value = whole.checked_mul(unit).ok_or_else(too_large)?;
    if let Some(fraction) = rest.strip_prefix('.').filter(|it| unit > 1 && !it.starts_with('.')) {
        let n_digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if n_digits == 0 {
            return Err(unreadable(rest));
        }
        let six: String = fraction[..n_digits].chars().chain("000000".chars()).take(6).collect();
        let is_half = fraction.as_bytes().get(6).is_some_and(|digit| n_digits > 6 && *digit >= b'5');
        value += six.parse::<i64>().unwrap_or_default() + i64::from(is_half);
        rest = &fraction[n_digits..];
    }
    if i32::try_from(value).is_err() {
        return Err(too_large());
    }
    Ok((value, rest))
}

fn number(text: &str) -> Checked<(i64, &str)> {
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if n_digits == 0 {
        return Err(unreadable(text));
    }
    let value = text[..n_digits].parse().map_err(|_| no_time("a number is too large"))?;
    Ok((value, &text[n_digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line was asked of `systemd-analyze calendar` of systemd 252.
    #[test]
    fn what_systemd_reads() {
        for text in [
            "minutely",
            "DAILY",
            "semi-annually",
            "Mon",
            "monday",
            "Mon..Fri",
            "Mon-Fri",
            "Sat,Sun",
            "Mon,Wed..Fri,",
            "Mon 3:30",
            "Sat,Thu,Mon..Wed,Sat..Sun",
            "Thu,Fri 2027-*-1,5 11:12:13",
            "*-*-* *:*:*",
            "*:0/15",
            "0..23/2:00",
            "03:30",
            "12:00:00",
            "*-*-01",
            "1-1",
            "*-1..6/2-*",
            "2027-01-31 04:05:06.789",
            "*:*:0/0.5",
            "*-*~1",
            "Mon *-05~07/1",
            "*-02~03",
            "99-1-1",
            "@1395716396",
            "daily UTC",
            "05:40 Europe/Berlin",
            "Mon 10:00 America/Argentina/Buenos_Aires",
            "hourly CET",
            "Mon..Sun",
            "00:00",
            "7:0:0",
            "*-*-* 06:00 utc",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_systemd_does_not_read() {
        for text in [
            "",
            "dayly",
            "* *-*-* 06:00:00",
            "every day at noon",
            "25:00",
            "12:60",
            "12:00:60",
            "13-1",
            "*-*-32",
            "*-*~29",
            "Fri..Mon",
            "Mon..",
            "Mon..Wed..Fri",
            "Mon.Fri",
            "Montag",
            "Mon,foo",
            "12",
            "1:2:3:4",
            "*:*/5",
            "*:0/0",
            "*:0/60",
            "5..3:00",
            "2027-1-1-1",
            "~1",
            "*~1-1",
            "@12 05:00",
            "03:30 Europa/Berlin",
            "03:30 CEST",
            "1969-01-01",
            "2200-01-01",
            "*:*:1..1",
            "UTC",
            " UTC",
            "5m",
            "03:30 ",
            "1.5:00",
            "Mon Tue",
            "noon",
            "99999999999999999999:00",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_meant() {
        let told = |text: &str| check(text).err().unwrap_or_default();
        assert_eq!(told("dayly").help.as_deref(), Some("did you mean `daily`?"));
        assert_eq!(told("Mon,Tus 03:30").help.as_deref(), Some("did you mean `tue`?"));
        assert_eq!(told("25:00").why.as_deref(), Some("`25` is no hour: there are 0 to 23"));
        assert_eq!(told("03:30 Europa/Berlin").help.as_deref(), Some("did you mean `Europe`?"));
    }
}
