//! As long as the member of this host waits, asks the others again and again, and tells it what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use super::Group;
use super::ask::{Heard, ask_all};
use super::decide::{Decision, Known, decide};
use super::listener::Listener;
use super::protocol::{Answer, Position, Request, StartDecision, State};
use super::report::{self, Report, VERSION};
use activate::layout::Layout;

/// How long after a round the next one begins.
const BETWEEN: Duration = Duration::from_secs(1);

/// Goes on as long as the listener is open.
pub fn go_on(listener: &Listener, layout: &Layout) {
    let mut written = None;
    loop {
        let position = listener.book().position();
        let report = match position {
            Some(position) => round(listener, layout, &position),
            None => report_of(listener, None, &Heard::default()),
        };
        if written.as_ref() != Some(&report) {
            // Nobody but a reader is the worse for it, and the next round tries again.
            written = report::write(layout, &report).is_ok().then_some(report);
        }
        thread::sleep(BETWEEN);
    }
}

/// One round, and what came of it.
fn round(listener: &Listener, layout: &Layout, position: &Position) -> Report {
    let group = &listener.group;
    let heard = ask_all(group, group.others(), &Request::State);
    let answers = &heard.answers;
    for (host, answer) in answers {
        listener.book().hears(host, answer);
    }
    let without = report::gone(layout, &group.name);
    let hosts = group.hosts();
    let known = Known { host: &group.host, hosts: &hosts, position, answers, without: &without };
    let why = match decide(&known) {
        Decision::Join => {
            listener.book().joins(Instant::now());
            None
        }
        Decision::Begin(word, needed) => begin(listener, word, &needed, &without),
        Decision::Wait(why) => {
            send_back(group, answers);
            Some(why)
        }
    };
    if why.is_none() {
        // It was for this beginning. Should it stay, the next one still wants it to be true: a host that answers is not gone.
        let _stays = report::forget_gone(layout, &group.name);
    }
    report_of(listener, why, &heard)
}

/// Has the member begin if all that are needed promise to wait for it; else returns why it waits.
fn begin(
    listener: &Listener,
    word: StartDecision,
    needed: &[String],
    without: &BTreeSet<String>,
) -> Option<String> {
    let group = &listener.group;
    let without: Vec<String> = without.iter().cloned().collect();
    // A name for the attempt that no other one has, here or before a reboot.
    let Ok(round) = std::fs::read_to_string("/proc/sys/kernel/random/uuid") else {
        return Some("this host has no random numbers".to_owned());
    };
    let round = round.trim().to_owned();
    if !listener.book().promise(&group.host, &round, &without, Instant::now()) {
        return Some("it promised another member to wait for it".to_owned());
    }
    let request = Request::Promise { round: round.clone(), without };
    let answers = ask_all(group, needed.iter(), &request).answers;
    let refused: Vec<&str> = needed
        .iter()
        .filter(|host| !answers.get(*host).is_some_and(|it| it.promised))
        .map(String::as_str)
        .collect();
    if refused.is_empty() && listener.book().begins(&group.host, &round, word, Instant::now()) {
        return None;
    }
    listener.book().gives_up(&group.host);
    Some(format!("{} did not promise to wait for it", refused.join(" and ")))
}

/// Where all wait or were started and nobody takes part, those that were started long ago should wait too: one that runs without
/// taking part keeps the others from beginning.
fn send_back(group: &Group, answers: &BTreeMap<String, Answer>) {
    let started = answers.iter().filter(|(_, it)| it.state == State::Starts).map(|(host, _)| host);
    ask_all(group, started, &Request::StepBack);
}

fn report_of(listener: &Listener, waits: Option<String>, heard: &Heard) -> Report {
    let (group, own) = (&listener.group, listener.book().state());
    let state = |host: &String| match host == &group.host {
        true => Some(own.clone()),
        false => heard.answers.get(host).map(|it| it.state.clone()),
    };
    // What a host said here tells more than that it did not answer there.
    let why = |(host, why): (&String, &String)| {
        (host.clone(), listener.notes.why(host).unwrap_or_else(|| why.clone()))
    };
    Report {
        version: VERSION,
        group: group.name.clone(),
        host: group.host.clone(),
        waits,
        members: group.hosts().into_iter().map(|host| (host.clone(), state(&host))).collect(),
        silent: heard.silent.iter().map(why).collect(),
    }
}
