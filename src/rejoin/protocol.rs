//! What is said at a listener: by the member of its own host one line of plain words, by other listeners one line of JSON each way, within what
//! `talk` wraps around it.
//!
//! Reads and writes texts and nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a member had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// It has no data, or none to be relied on.
    Nothing,
    /// It has data, and nobody can say how far they came.
    Unreadable,
    /// Its data were just made, for a group that has not begun yet.
    New,
    /// It has data.
    At {
        /// What tells these data from those of another beginning.
        history: String,
        /// Grows with each change.
        number: u64,
        /// Whether it left in order, when no other member was there any more.
        last: bool,
    },
}

impl Position {
    /// Reads what a member says behind `member`: `nothing`, `unreadable`, `new`, or `HISTORY:NUMBER` with ` last` behind it or not.
    pub fn parse(text: &str) -> Option<Self> {
        let (place, last) = match text.trim().strip_suffix(" last") {
            Some(place) => (place, true),
            None => (text.trim(), false),
        };
        match (place, place.split_once(':'), last) {
            ("nothing", _, false) => Some(Self::Nothing),
            ("unreadable", _, false) => Some(Self::Unreadable),
            ("new", _, false) => Some(Self::New),
            (_, Some((history, number)), last) if is_word(history) => {
                Some(Self::At { history: history.to_owned(), number: number.parse().ok()?, last })
            }
            _ => None,
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => out.write_str("no data"),
            Self::Unreadable => out.write_str("data that cannot be read"),
            Self::New => out.write_str("new data"),
            Self::At { history, number, last } => {
                write!(out, "{history}:{number}{}", if *last { ", the last to leave" } else { "" })
            }
        }
    }
}

/// What a member is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartDecision {
    /// Begin the group with your data, all of which goes on.
    Begin,
    /// Begin with your data, but as a new history: somebody who is gone may have come further in the old one.
    BeginAnew,
    /// Join the others.
    Join,
}

impl StartDecision {
    /// Returns the line that the member reads, without its end.
    pub fn line(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::BeginAnew => "begin-anew",
            Self::Join => "join",
        }
    }
}

/// What one listener asks of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask", deny_unknown_fields)]
pub enum Request {
    /// How is your member?
    State,
    /// Promise that your member starts only if mine takes part or gives this up. It is made to the one that asks.
    Promise {
        /// The attempt of the one that asks.
        round: String,
        /// Hosts that an operator counted as gone.
        without: Vec<String>,
    },
    /// All of us wait and nobody takes part: if yours runs without, it should wait too.
    StepBack,
}

/// How a member is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nobody knows: it has not said anything since its listener is there.
    Unknown,
    /// It does not run, and waits to be told.
    Waits(Position),
    /// It was told, and takes no part yet or no more.
    Starts,
    /// It takes part.
    TakesPart,
}

/// What a listener answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The hosts of the group as that host knows them, sorted.
    pub hosts: Vec<String>,
    /// Its member.
    pub state: State,
    /// The attempt in which it wants to begin or began.
    pub round: Option<String>,
    /// Whether what was asked for is promised.
    pub promised: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_members_say_them() {
        let at = |number, last| Some(Position::At { history: "6f-1".to_owned(), number, last });
        let cases = [
            ("nothing", Some(Position::Nothing)),
            ("unreadable", Some(Position::Unreadable)),
            ("new\n", Some(Position::New)),
            ("6f-1:17", at(17, false)),
            ("6f-1:17 last", at(17, true)),
            ("6f-1:-1", None),
            ("6f 1:17", None),
            (":17", None),
            ("", None),
            ("nothing last", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Position::parse(text), expected, "{text:?}");
        }
    }
}
