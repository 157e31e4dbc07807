//! A site whose hosts lose their power, come back, and hear each other late or not at all, in an order that is drawn: there is never more
//! than one beginning, and no member begins that lacks what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::book::Book;
use super::decide::{Decision, Known, decide};
use super::protocol::{Answer, Position, StartDecision, State};

/// One host: its disk, its listener, its member, and what is on its way.
#[derive(Default)]
struct Host {
    history: u64,
    number: u64,
    is_last: bool,
    is_on: bool,
    takes_part: bool,
    book: Book,
    heard: Option<BTreeMap<String, Answer>>,
    attempt: Option<(String, StartDecision, Vec<String>)>,
    without: BTreeSet<String>,
}

struct Site {
    hosts: BTreeMap<String, Host>,
    now: Instant,
    seed: u64,
    history: u64,
    acknowledged: u64,
    n_rounds: u64,
    n_begun: u64,
}

impl Site {
    fn new(n_hosts: usize, seed: u64) -> Self {
        let host = |it| (format!("h{it}"), Host::default());
        let hosts = (1..=n_hosts).map(host).collect();
        Self { hosts, now: Instant::now(), seed, history: 0, acknowledged: 0, n_rounds: 0, n_begun: 0 }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn host(&mut self, name: &str) -> &mut Host {
        self.hosts.entry(name.to_owned()).or_default()
    }

    fn names(&self) -> Vec<String> {
        self.hosts.keys().cloned().collect()
    }

    fn step(&mut self) {
        let names = self.names();
        let drawn = self.draw(names.len() as u64) as usize;
        let Some(name) = names.get(drawn).cloned() else { return };
        let passed = Duration::from_millis(self.draw(60));
        self.now += passed;
        match self.draw(40) {
            0 => self.power_off(&name),
            1 if self.draw(4) == 0 => names.iter().for_each(|it| self.power_off(it)),
            1 | 2 => self.stop(&name),
            3 => self.operator(&name),
            4..9 => self.boot(&name),
            9..14 => self.member(&name),
            14..20 => self.write(),
            20..28 => self.ask(&name),
            28..34 => self.decide(&name),
            _ => self.promise(&name),
        }
    }

    fn power_off(&mut self, name: &str) {
        let Host { history, number, is_last, .. } = *self.host(name);
        *self.host(name) = Host { history, number, is_last, ..Host::default() };
        self.keep_quorum();
    }

    /// Who lost more than half of its view takes no part; it runs on.
    fn keep_quorum(&mut self) {
        let parts = self.hosts.values().filter(|it| it.takes_part).count();
        if 2 * parts <= self.hosts.len() {
            self.hosts.values_mut().for_each(|it| it.takes_part = false);
        }
    }

    fn stop(&mut self, name: &str) {
        let parts = self.hosts.values().filter(|it| it.takes_part).count();
        let acknowledged = self.acknowledged.max(self.host(name).number);
        let host = self.host(name);
        // Leaving in order takes no majority away; only the last one may say so.
        host.is_last = host.takes_part && parts == 1;
        if host.takes_part {
            host.number = acknowledged;
        }
        host.takes_part = false;
    }

    fn boot(&mut self, name: &str) {
        self.host(name).is_on = true;
        // What an operator said was true of a host that was off.
        for host in self.hosts.values_mut() {
            host.without.remove(name);
        }
    }

    /// A member that ended, or never was, comes; one that takes no part steps back.
    fn member(&mut self, name: &str) {
        // Each start of it is a run of its own.
        let run = self.draw(1 << 30);
        let host = self.host(name);
        if !host.is_on || host.takes_part || host.book.position().is_some() {
            return;
        }
        let position = match host.number {
            0 => Position::Nothing,
            number => Position::At { history: host.history.to_string(), number, last: host.is_last },
        };
        host.book.comes(position, &run.to_string());
    }

    /// Some members have it on disk at once, and one of them says so.
    fn write(&mut self) {
        let next = self.acknowledged + 1;
        let mut late = self.draw(8);
        for host in self.hosts.values_mut().filter(|it| it.takes_part) {
            if late & 1 == 0 {
                (host.number, self.acknowledged) = (next, next);
            }
            late >>= 1;
        }
    }

    fn operator(&mut self, name: &str) {
        let off: BTreeSet<String> =
            self.hosts.iter().filter(|(_, it)| !it.is_on).map(|(name, _)| name.clone()).collect();
        if self.draw(10) == 0 && self.hosts.values().all(|it| !it.takes_part) {
            self.host(name).without = off;
        }
    }

    fn answer(&mut self, of: &str) -> Option<Answer> {
        let (hosts, is_lost) = (self.names(), self.draw(6) == 0);
        let host = self.host(of);
        let state = match host.takes_part {
            true => State::TakesPart,
            false => host.book.state(),
        };
        (host.is_on && !is_lost).then(|| Answer { hosts, state, round: host.book.round(of), promised: false })
    }

    fn ask(&mut self, name: &str) {
        if self.host(name).book.position().is_none() {
            return;
        }
        let others: Vec<String> = self.names().into_iter().filter(|it| it != name).collect();
        let answers = others.into_iter().filter_map(|it| Some((it.clone(), self.answer(&it)?))).collect();
        self.host(name).heard = Some(answers);
    }

    fn decide(&mut self, name: &str) {
        let (hosts, now, joinable) = (self.names(), self.now, self.hosts.values().any(|it| it.takes_part));
        self.n_rounds += 1;
        let round = self.n_rounds.to_string();
        let host = self.host(name);
        let (Some(answers), Some(position), None) = (host.heard.take(), host.book.position(), &host.attempt)
        else {
            return;
        };
        answers.iter().for_each(|(other, answer)| host.book.hears(other, answer));
        let known = Known {
            host: name,
            hosts: &hosts,
            position: &position,
            answers: &answers,
            without: &host.without,
        };
        match decide(&known) {
            Decision::Join if host.book.joins(now) => host.takes_part = joinable,
            Decision::Begin(word, needed) => {
                let without: Vec<String> = host.without.iter().cloned().collect();
                if host.book.promise(name, &round, &without, now) {
                    host.attempt = Some((round, word, needed));
                }
            }
            Decision::Join | Decision::Wait(_) => {}
        }
        let (history, acknowledged) = (self.history, self.acknowledged);
        let host = self.host(name);
        if host.takes_part {
            (host.history, host.number, host.is_last) = (history, acknowledged, false);
        }
    }

    fn promise(&mut self, name: &str) {
        let (now, is_lost) = (self.now, self.draw(8) == 0);
        let Some((round, word, mut left)) = self.host(name).attempt.take() else { return };
        let Some(next) = left.pop() else { return self.begin(name, &round, word) };
        let without: Vec<String> = self.host(name).without.iter().cloned().collect();
        let other = self.host(&next);
        let is_promised = other.is_on && other.book.promise(name, &round, &without, now);
        match is_promised && !is_lost {
            true => self.host(name).attempt = Some((round, word, left)),
            false => self.host(name).book.gives_up(name),
        }
    }

    fn begin(&mut self, name: &str, round: &str, word: StartDecision) {
        let (now, acknowledged, history) = (self.now, self.acknowledged, self.history);
        if !self.host(name).book.begins(name, round, word, now) {
            return self.host(name).book.gives_up(name);
        }
        let running: Vec<&String> =
            self.hosts.iter().filter(|(_, it)| it.takes_part).map(|(it, _)| it).collect();
        assert!(running.is_empty(), "{name} begins while {running:?} take part");
        self.n_begun += 1;
        let n_begun = self.n_begun;
        let host = self.host(name);
        (host.takes_part, host.is_last) = (true, false);
        if word == StartDecision::BeginAnew {
            // What the hosts that are gone had beside it is lost by an operator's word.
            host.history = n_begun;
            let number = host.number;
            (self.history, self.acknowledged) = (n_begun, number);
            return;
        }
        assert!(host.number >= acknowledged, "{name} begins with {} of {acknowledged}", host.number);
        assert!(host.history == history, "{name} begins with history {}, not {history}", host.history);
    }
}

#[test]
fn nobody_begins_beside_another_or_without_what_was_acknowledged() {
    let mut n_begun = 0;
    for seed in 1..=600 {
        let mut site = Site::new(if seed % 4 == 0 { 5 } else { 3 }, seed);
        site.hosts.values_mut().for_each(|it| it.number = 1);
        (0..1500).for_each(|_| site.step());
        n_begun += site.n_begun;
    }
    assert!(n_begun > 300, "{n_begun} beginnings are too few to have seen anything");
}
