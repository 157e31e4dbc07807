//! What follows for a member that waits from what the listeners of the others answered. Pure: asks nobody.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::protocol::{Answer, Position, StartDecision, State};

/// What a member that waits knows.
#[derive(Debug)]
pub struct Known<'a> {
    /// Its host.
    pub host: &'a str,
    /// All hosts of the group, sorted.
    pub hosts: &'a [String],
    /// How far it had come.
    pub position: &'a Position,
    /// What the listeners of the others answered, by host.
    pub answers: &'a BTreeMap<String, Answer>,
    /// Hosts that an operator counted as gone.
    pub without: &'a BTreeSet<String>,
}

/// What it does.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It joins the others.
    Join,
    /// It begins by this word, once each of these promised to wait for it.
    Begin(StartDecision, Vec<String>),
    /// It waits, and this is why.
    Wait(String),
}

/// Decides what a member that waits does.
pub fn decide(known: &Known<'_>) -> Decision {
    let Known { host, hosts, position, answers, without } = known;
    if answers.values().any(|it| it.state == State::TakesPart) {
        return Decision::Join;
    }
    if let Some((other, _)) = answers.iter().find(|(_, it)| it.hosts != *hosts) {
        return Decision::Wait(format!("{other} has a group of other hosts: switch both to one description"));
    }
    if let Some((other, _)) = answers.iter().find(|(_, it)| it.state == State::Starts) {
        return Decision::Wait(format!("{other} was started and takes no part yet"));
    }
    let waiting: BTreeMap<&str, &Position> =
        answers.iter().filter_map(|(it, answer)| waits(it, answer)).collect();
    if let Some(why) = has_nothing_to_begin_with(position, &waiting) {
        return Decision::Wait(why);
    }
    let mine = rank(host, position);
    if let Some((first, _)) = waiting.iter().find(|(it, other)| rank(it, other) > mine) {
        return Decision::Wait(format!("{first} came further, and begins when it can"));
    }
    let silent: Vec<&str> =
        hosts.iter().map(String::as_str).filter(|it| it != host && !waiting.contains_key(it)).collect();
    let missed: Vec<&str> = silent.iter().copied().filter(|it| !without.contains(*it)).collect();
    // Where nobody else has data there was no group yet, and nobody to wait for.
    let is_first = **position == Position::New;
    if missed.is_empty() || is_first {
        let word =
            if silent.is_empty() || is_first { StartDecision::Begin } else { StartDecision::BeginAnew };
        return Decision::Begin(word, waiting.keys().map(|it| (*it).to_owned()).collect());
    }
    Decision::Wait(format!("no position of {}", missed.join(" and ")))
}

/// Who waits and counts: whoever has data of which nobody knows how far they came may have come furthest.
fn waits<'a>(host: &'a str, answer: &'a Answer) -> Option<(&'a str, &'a Position)> {
    match &answer.state {
        State::Waits(position) if *position != Position::Unreadable => Some((host, position)),
        _ => None,
    }
}

/// Says why a member cannot be the one to begin, whoever else answers.
fn has_nothing_to_begin_with(mine: &Position, waiting: &BTreeMap<&str, &Position>) -> Option<String> {
    let differs = |other: &Position| match (mine, other) {
        (Position::New, Position::New | Position::At { .. }) => true,
        (Position::At { history, .. }, Position::At { history: other, .. }) => history != other,
        _ => false,
    };
    match mine {
        Position::Nothing => {
            return Some("it has no data: it begins nothing, and joins the others".to_owned());
        }
        Position::Unreadable => {
            return Some("its data cannot be read: it begins nothing, and joins the others".to_owned());
        }
        Position::New | Position::At { .. } => {}
    }
    let (other, _) = waiting.iter().find(|(_, it)| differs(it))?;
    Some(format!(
        "its data and those of {other} are of different beginnings: empty the volume of the one that is wrong"
    ))
}

/// Who came furthest: the greatest. Of equals the one that was the last to leave, then the first by name.
fn rank<'a>(host: &'a str, position: &Position) -> (u64, bool, Reverse<&'a str>) {
    let (number, last) = match position {
        Position::At { number, last, .. } => (number.saturating_add(1), *last),
        Position::New => (1, false),
        Position::Nothing | Position::Unreadable => (0, false),
    };
    (number, last, Reverse(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str) -> Position {
        Position::parse(text).unwrap_or_else(|| panic!("{text} is no position"))
    }

    /// One word per host, the first one is asked: its position, or `up`, `starts`, `?` without a member, `-` without an answer,
    /// `gone` without an answer and counted as gone.
    fn check(words: &str, expected: &str) {
        let words: Vec<&str> = words.split(", ").collect();
        let hosts: Vec<String> = (1..=words.len()).map(|it| format!("h{it}")).collect();
        let answer = |word: &&str| match *word {
            "-" | "gone" => None,
            "up" => Some(State::TakesPart),
            "starts" => Some(State::Starts),
            "?" => Some(State::Unknown),
            text => Some(State::Waits(position(text))),
        };
        let named = hosts.iter().zip(&words).skip(1);
        let answers = named.clone().filter_map(|(host, word)| {
            let state = answer(word)?;
            Some((host.clone(), Answer { hosts: hosts.clone(), state, round: None, promised: false }))
        });
        let known = Known {
            host: "h1",
            hosts: &hosts,
            position: &position(words.first().copied().unwrap_or_default()),
            answers: &answers.collect(),
            without: &named.filter(|(_, word)| **word == "gone").map(|(host, _)| host.clone()).collect(),
        };
        let found = match decide(&known) {
            Decision::Join => "join".to_owned(),
            Decision::Begin(word, asked) => {
                format!("{}, promised by {}", word.line(), asked.join(" "))
            }
            Decision::Wait(why) => why,
        };
        assert!(found.starts_with(expected), "{words:?}: {found}, not {expected}");
    }

    #[test]
    fn whoever_waits_joins_one_that_takes_part() {
        check("a:5, up, -", "join");
        check("nothing, -, up", "join");
        check("new, a:5, up", "join");
        check("a:5 last, starts, up", "join");
    }

    #[test]
    fn the_one_that_came_furthest_begins_when_all_answered() {
        check("a:5, a:4, a:3", "begin, promised by h2 h3");
        check("a:5, a:5, a:5", "begin, promised by h2 h3");
        check("a:5, a:6, a:3", "h2 came further");
        check("a:5, a:5, a:5 last", "h3 came further");
        check("a:5, nothing, a:5", "begin, promised by h2 h3");
        check("a:0, nothing, nothing", "begin, promised by h2 h3");
    }

    #[test]
    fn fewer_wait_for_the_others() {
        check("a:5, a:4, -", "no position of h3");
        check("a:5, ?, -", "no position of h2 and h3");
        check("a:5, unreadable, a:5", "no position of h2");
        check("unreadable, a:5, a:5", "its data cannot be read");
        check("a:5, starts, a:4", "h2 was started");
        check("a:5, b:4, a:4", "its data and those of h2 are of different beginnings");
    }

    #[test]
    fn the_last_to_leave_waits_for_all_too() {
        check("a:5 last, a:5, a:5", "begin, promised by h2 h3");
        check("a:5 last, a:5, -", "no position of h3");
        check("a:5 last, a:6, -", "h2 came further");
    }

    #[test]
    fn an_operator_counts_hosts_as_gone() {
        check("a:5, a:4, gone", "begin-anew, promised by h2");
        check("a:5, gone, gone", "begin-anew, promised by ");
        check("a:5, a:6, gone", "h2 came further");
        check("nothing, gone, gone", "it has no data");
    }

    #[test]
    fn new_data_begin_where_nobody_has_others() {
        check("new, -, -", "begin, promised by ");
        check("new, nothing, ?", "begin, promised by h2");
        check("new, a:5, -", "its data and those of h2");
        check("nothing, nothing, nothing", "it has no data");
        assert!(
            rank("h2", &Position::New) > rank("h1", &Position::Nothing),
            "whoever has nothing came no further"
        );
    }
}
