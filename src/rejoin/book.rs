//! How this host's member stands, and to whom it is promised: what all threads of a listener share, each action under one lock.
//!
//! Asks nobody and waits for nothing. An instant is given to it by its caller.

use std::time::{Duration, Instant};

use super::protocol::{Answer, Position, StartDecision, State};

/// An attempt that takes longer than this to gather its promises is given up.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(8);
/// A promise to a host that an operator counts as gone holds this long all the same: by then its attempt is over.
const OVERRIDABLE_AFTER: Duration = Duration::from_secs(10);

/// What a listener knows of its member.
#[derive(Debug, Default)]
pub struct Book {
    stand: Stand,
    promise: Option<Promise>,
    n_members: u64,
}

#[derive(Debug, Default)]
enum Stand {
    #[default]
    Unknown,
    Waits {
        position: Position,
        member: u64,
        run: String,
    },
    Told {
        word: StartDecision,
        round: Option<String>,
        member: u64,
        run: String,
        at: Instant,
    },
}

/// That the member starts only if another one takes part or gave its attempt up.
#[derive(Debug, Clone)]
struct Promise {
    to: String,
    round: String,
    at: Instant,
}

impl Book {
    /// Notes that a member came in a run of its container and waits to be told, and returns its number: what it was told in an earlier run
    /// is over. None while another one waits, and for one that comes beside the one that was told in this run: what those said stands.
    pub fn comes(&mut self, position: Position, run: &str) -> Option<u64> {
        match &self.stand {
            Stand::Waits { .. } => return None,
            Stand::Told { run: told, .. } if told == run => return None,
            Stand::Told { .. } | Stand::Unknown => {}
        }
        self.n_members += 1;
        self.stand = Stand::Waits { position, member: self.n_members, run: run.to_owned() };
        Some(self.n_members)
    }

    /// Notes that a member went away while it waited.
    pub fn goes(&mut self, number: u64) {
        if matches!(self.stand, Stand::Waits { member, .. } if member == number) {
            self.stand = Stand::Unknown;
        }
    }

    /// Notes that a member was told and did not hear it: nobody knows how it is.
    pub fn unheard(&mut self, number: u64) {
        if matches!(self.stand, Stand::Told { member, .. } if member == number) {
            self.stand = Stand::Unknown;
        }
    }

    /// Returns what a member was told, if it was.
    pub fn word(&self, number: u64) -> Option<StartDecision> {
        match &self.stand {
            Stand::Told { word, member, .. } if *member == number => Some(*word),
            _ => None,
        }
    }

    /// Returns how far the member had come, if it waits.
    pub fn position(&self) -> Option<Position> {
        match &self.stand {
            Stand::Waits { position, .. } => Some(position.clone()),
            _ => None,
        }
    }

    /// Returns how long ago the member was told, if it was.
    pub fn told_for(&self, now: Instant) -> Option<Duration> {
        match &self.stand {
            Stand::Told { at, .. } => Some(now.duration_since(*at)),
            _ => None,
        }
    }

    /// Returns how the member stands, as far as that is known without asking it.
    pub fn state(&self) -> State {
        match &self.stand {
            Stand::Unknown => State::Unknown,
            Stand::Waits { position, .. } => State::Waits(position.clone()),
            Stand::Told { .. } => State::Starts,
        }
    }

    /// Returns the attempt of this host in which its member begins or wants to.
    pub fn round(&self, host: &str) -> Option<String> {
        match &self.stand {
            Stand::Told { round, .. } => round.clone(),
            Stand::Waits { .. } => {
                self.promise.as_ref().filter(|it| it.to == host).map(|it| it.round.clone())
            }
            Stand::Unknown => None,
        }
    }

    /// Promises to wait for a host's attempt, if the member waits and nobody else was promised that. `without` are hosts that an
    /// operator counted as gone.
    pub fn promise(&mut self, to: &str, round: &str, without: &[String], now: Instant) -> bool {
        let is_void =
            |it: &Promise| without.contains(&it.to) && now.duration_since(it.at) > OVERRIDABLE_AFTER;
        if self.promise.as_ref().is_some_and(is_void) {
            self.promise = None;
        }
        if !matches!(self.stand, Stand::Waits { .. }) {
            return false;
        }
        match &self.promise {
            Some(it) => it.to == to && it.round == round,
            None => {
                self.promise = Some(Promise { to: to.to_owned(), round: round.to_owned(), at: now });
                true
            }
        }
    }

    /// Gives up what was promised to a host if that host is in no attempt any more, or in another one.
    pub fn hears(&mut self, host: &str, answer: &Answer) {
        let is_over = |it: &Promise| it.to == host && answer.round.as_deref() != Some(it.round.as_str());
        if self.promise.as_ref().is_some_and(is_over) {
            self.promise = None;
        }
    }

    /// Gives up an attempt of this host.
    pub fn gives_up(&mut self, host: &str) {
        if self.promise.as_ref().is_some_and(|it| it.to == host) {
            self.promise = None;
        }
    }

    /// Tells the member to begin, if the attempt for which promises were gathered still stands.
    pub fn begins(&mut self, host: &str, attempt: &str, word: StartDecision, now: Instant) -> bool {
        let stands = |it: &Promise| {
            it.to == host && it.round == attempt && now.duration_since(it.at) < LONGEST_ATTEMPT
        };
        if !self.promise.as_ref().is_some_and(stands) {
            return false;
        }
        self.tell(word, Some(attempt.to_owned()), now)
    }

    /// Tells the member to join, if it waits.
    pub fn joins(&mut self, now: Instant) -> bool {
        self.tell(StartDecision::Join, None, now)
    }

    fn tell(&mut self, word: StartDecision, round: Option<String>, now: Instant) -> bool {
        let Stand::Waits { member, run, .. } = &self.stand else { return false };
        self.stand = Stand::Told { word, round, member: *member, run: run.clone(), at: now };
        self.promise = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting() -> Book {
        let mut book = Book::default();
        book.comes(Position::Nothing, "1");
        book
    }

    fn answer(round: Option<&str>) -> Answer {
        let round = round.map(str::to_owned);
        Answer { hosts: vec![], state: State::Unknown, round, promised: false }
    }

    #[test]
    fn one_attempt_at_a_time_is_promised_to() {
        let (mut book, now) = (waiting(), Instant::now());
        assert!(book.promise("a", "1", &[], now));
        assert!(book.promise("a", "1", &[], now));
        assert!(!book.promise("a", "2", &[], now));
        assert!(!book.promise("b", "1", &[], now));
        book.hears("a", &answer(Some("1")));
        assert!(!book.promise("b", "1", &[], now));
        book.hears("a", &answer(None));
        assert!(book.promise("b", "1", &[], now));
    }

    #[test]
    fn an_operator_s_word_ends_a_promise_once_the_attempt_is_over() {
        let (mut book, now) = (waiting(), Instant::now());
        let gone = ["a".to_owned()];
        assert!(book.promise("a", "1", &[], now));
        assert!(!book.promise("b", "1", &gone, now + LONGEST_ATTEMPT));
        assert!(book.promise("b", "1", &gone, now + OVERRIDABLE_AFTER + Duration::from_secs(1)));
    }

    #[test]
    fn a_member_begins_only_in_an_attempt_that_stands() {
        let (mut book, now) = (waiting(), Instant::now());
        assert!(!book.begins("me", "1", StartDecision::Begin, now));
        assert!(book.promise("me", "1", &[], now));
        assert_eq!(book.round("me").as_deref(), Some("1"));
        assert!(!book.begins("me", "2", StartDecision::Begin, now));
        assert!(!book.begins("me", "1", StartDecision::Begin, now + LONGEST_ATTEMPT));
        assert!(book.begins("me", "1", StartDecision::Begin, now));
        assert_eq!((book.state(), book.round("me").as_deref()), (State::Starts, Some("1")));
        assert!(!book.promise("b", "1", &[], now));
    }

    #[test]
    fn only_a_member_that_waits_is_told_and_promised() {
        let (mut book, now) = (Book::default(), Instant::now());
        assert!(!book.joins(now) && !book.promise("a", "1", &[], now));
        let first = book.comes(Position::New, "1").unwrap_or_default();
        book.goes(first);
        assert_eq!(book.state(), State::Unknown);
        let second = book.comes(Position::Nothing, "1").unwrap_or_default();
        book.goes(first);
        assert_eq!(book.state(), State::Waits(Position::Nothing));
        assert!(book.joins(now));
        assert_eq!((book.word(first), book.word(second)), (None, Some(StartDecision::Join)));
        // It runs: that its line closed does not say that it ended.
        book.goes(second);
        assert_eq!(book.state(), State::Starts);
        book.unheard(first);
        assert_eq!(book.state(), State::Starts);
        book.unheard(second);
        assert_eq!(book.state(), State::Unknown);
    }

    #[test]
    fn a_second_member_changes_nothing_while_the_first_one_is_there() {
        let (mut book, now) = (Book::default(), Instant::now());
        let first = book.comes(Position::Nothing, "1").unwrap_or_default();
        assert!(book.promise("a", "1", &[], now));
        assert_eq!(book.comes(Position::New, "2"), None);
        assert_eq!(book.state(), State::Waits(Position::Nothing));
        assert!(!book.promise("b", "1", &[], now));
        // Nor once that was told; and one that starts again comes, whatever it was told before.
        assert!(book.joins(now));
        assert_eq!((book.comes(Position::New, "1"), book.state()), (None, State::Starts));
        let next = book.comes(Position::New, "2");
        assert!(next.is_some_and(|it| it != first));
        assert_eq!((book.word(first), book.state()), (None, State::Waits(Position::New)));
    }
}
