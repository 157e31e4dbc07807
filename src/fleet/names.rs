//! Many hosts in few words: `cmp01 to cmp40 and net01`. Words only.

use super::errors::listed;

/// Fewer hosts in a row than this are named one by one.
const RUN: usize = 3;

/// Names hosts: those whose names count up are named by the first and the last.
pub fn ranges<'a>(hosts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hosts: Vec<&str> = hosts.into_iter().collect();
    hosts.sort_by_key(|it| {
        let (front, digits) = numbered(it).unwrap_or((it, ""));
        let digits = digits.trim_start_matches('0');
        (front, digits.len(), digits, *it)
    });
    let mut words = Vec::new();
    let mut rest = hosts.as_slice();
    while let Some(first) = rest.first() {
        let n_run = 1 + rest.windows(2).take_while(|pair| is_next(pair[0], pair[1])).count();
        let (run, after) = rest.split_at(n_run);
        match run {
            [.., last] if n_run >= RUN => words.push(format!("{first} to {last}")),
            few => words.extend(few.iter().map(ToString::to_string)),
        }
        rest = after;
    }
    listed(&words)
}

/// Names hosts and counts them where they are not all named.
pub fn counted<'a>(hosts: impl IntoIterator<Item = &'a str>) -> String {
    let hosts: Vec<&str> = hosts.into_iter().collect();
    let names = ranges(hosts.iter().copied());
    if names.contains(" to ") { format!("{names} ({} hosts)", hosts.len()) } else { names }
}

/// Says whether a name is the one before it with its number counted up.
fn is_next(before: &str, after: &str) -> bool {
    let (Some((front, number)), Some((same, next))) = (numbered(before), numbered(after)) else {
        return false;
    };
    // `9` is before `10`, and neither `09` nor `9` is before `010`.
    let is_alike = number.len() == next.len() || !number.starts_with('0') && !next.starts_with('0');
    let following = |digits: &str| digits.parse::<u64>().ok()?.checked_add(1);
    front == same && is_alike && following(number).is_some_and(|it| next.parse() == Ok(it))
}

/// Splits a name before the digits that it ends with.
fn numbered(name: &str) -> Option<(&str, &str)> {
    let front = name.trim_end_matches(|it: char| it.is_ascii_digit());
    let digits = &name[front.len()..];
    (!digits.is_empty()).then_some((front, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_count_up_are_named_by_their_ends() {
        let check = |words: &str, expected: &str| assert_eq!(ranges(words.split(' ')), expected);
        check("a", "a");
        check("c1 c2", "c1 and c2");
        check("c1 c2 c3 d1", "c1 to c3 and d1");
        check("c08 c09 c10 c12", "c08 to c10 and c12");
        check("c10 c8 c9", "c8 to c10");
        check("c9 c010 c11", "c9, c010 and c11");
        check("a b c", "a, b and c");
        check("r1c1 r1c2 r1c3 r2c1", "r1c1 to r1c3 and r2c1");
        check(
            "c18446744073709551615 c18446744073709551616",
            "c18446744073709551615 and c18446744073709551616",
        );
    }
}
