//! Leads a rollout: takes what hosts report, and says what is asked of them next. Reaches no host and writes no file.
//!
//! Whoever drives it writes the record, synced, after each call and before it carries out what the call returned. A controller
//! that dies between the two asks the hosts and calls [`resume`]: each command may be given twice.

use std::collections::BTreeMap;

use super::errors::listed;
use super::formats::Raised;
use super::record::{Course, End, HostRecord, Phase, Record, UnitRef};
use store::Digest;

/// What is asked of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Switch, and wait for a confirmation; units that wait for other hosts wait for a release. A host that is at it goes on.
    Switch {
        /// The host.
        host: String,
        /// What it must be to begin; none for no generation.
        from: Option<Digest>,
        /// What it becomes.
        to: Digest,
    },
    /// Begin with a unit that waited for other hosts.
    Release(UnitRef),
    /// Commit what was switched to.
    Confirm(String),
    /// Go back, whether committed or not.
    Return {
        /// The host.
        host: String,
        /// What it becomes; none for no generation, which only a host that is not committed can go back to.
        to: Option<Digest>,
    },
    /// Run the tasks for the end.
    Finish(String),
}

impl Command {
    /// Returns the host that is asked.
    pub fn host(&self) -> &str {
        match self {
            Self::Switch { host, .. }
            | Self::Return { host, .. }
            | Self::Confirm(host)
            | Self::Finish(host)
            | Self::Release(UnitRef { host, .. }) => host,
        }
    }
}

/// What a host reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A unit that others wait for is over.
    Over(UnitRef),
    /// A task ran past which there is no way back.
    NoReturn(UnitRef),
    /// The gates of a host hold, and it waits for a confirmation.
    Holding(String),
    /// A host is committed.
    Committed(String),
    /// A host is back where it was, by itself or because it was asked to.
    Returned {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// A host went back, but for data of a later format, whose units go on as they were tried.
    Forward {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// A host refused to begin, or may not: nothing on it was touched.
    Refused {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// A host ran its tasks for the end.
    Finished(String),
    /// A host does not answer, or cannot go on by itself.
    Lost {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
}

/// What a host says of itself to a controller that knows no better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostStatus {
    /// The committed generation; none if there is no generation.
    pub committed: Option<Digest>,
    /// Whether a switch of this rollout is open, and whether its gates hold.
    pub open: Option<Open>,
    /// Whether the tasks for the end ran.
    pub finished: bool,
    /// Units of this rollout that ran and past which there is no way back.
    pub no_return: Vec<String>,
    /// Where it holds data of a later format forward: what it was to go back to.
    pub forward: Option<Digest>,
}

/// A switch that waits or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// It goes on.
    Switching,
    /// Its gates hold, and it waits for a confirmation.
    Holding,
    /// It goes back, or a committed generation does.
    Returning,
}

/// Begins a rollout.
pub fn begin(record: &mut Record) -> Vec<Command> {
    advance(record)
}

/// Takes what a host reports.
pub fn take(record: &mut Record, event: Event) -> Vec<Command> {
    if record.end.is_some() {
        return Vec::new();
    }
    match event {
        Event::Over(place) => {
            // It is told again where a connection was lost, and also by a host that goes back.
            let goes_back = matches!(
                phase(record, &place.host),
                Some(Phase::Waiting | Phase::Returning | Phase::Returned | Phase::Forward | Phase::Lost)
            );
            let is_news = !goes_back && record.over.insert(place.clone());
            return if is_news { released(record, &place) } else { Vec::new() };
        }
        Event::NoReturn(place) => {
            record.no_return.insert(place);
            return Vec::new();
        }
        // What was on its way when the host was asked for something else is no news.
        Event::Holding(host) => turn(record, &host, &[Phase::Switching], Phase::Holding),
        Event::Committed(host) => turn(record, &host, &[Phase::Confirming], Phase::Committed),
        Event::Finished(host) => turn(record, &host, &[Phase::Finishing], Phase::Finished),
        Event::Refused { host, why } => {
            if phase(record, &host) == Some(Phase::Switching) {
                go_back(record, format!("{host}: {why}"));
                set(record, &host, Phase::Waiting);
            }
        }
        Event::Returned { host, why } => match phase(record, &host) {
            Some(Phase::Switching | Phase::Holding | Phase::Confirming) => {
                go_back(record, format!("{host}: {why}"));
                set(record, &host, Phase::Returned);
            }
            // It went back while nobody led it, and that is not what it is asked for: it begins again.
            Some(Phase::Returning) if record.course == Course::Forward => begin_again(record, &host),
            Some(Phase::Returning) => set(record, &host, Phase::Returned),
            _ => {}
        },
        Event::Forward { host, why } => {
            if matches!(
                phase(record, &host),
                Some(Phase::Switching | Phase::Holding | Phase::Confirming | Phase::Returning)
            ) {
                go_back(record, format!("{host}: {why}"));
                set(record, &host, Phase::Forward);
            }
        }
        Event::Lost { host, why } => lose(record, &host, &why),
    }
    advance(record)
}

/// Goes on after the controller was away: what hosts say of themselves wins over the record. Hosts that are not named do not answer.
pub fn resume(record: &mut Record, seen: &BTreeMap<String, HostStatus>) -> Vec<Command> {
    if record.end.as_ref().is_some_and(End::is_over) {
        return Vec::new();
    }
    record.epoch += 1;
    record.end = None;
    let names: Vec<String> = record.hosts.keys().cloned().collect();
    for name in names {
        let goes_back = record.course != Course::Forward;
        let Some(host) = record.hosts.get_mut(&name) else { continue };
        if host.phase == Phase::Unreachable {
            continue;
        }
        let Some(seen) = seen.get(&name) else {
            lose(record, &name, "it does not answer");
            continue;
        };
        let ran = seen.no_return.iter().map(|unit| UnitRef { host: name.clone(), unit: unit.clone() });
        record.no_return.extend(ran);
        let found = match seen {
            HostStatus { open: Some(Open::Returning), .. } => Phase::Returning,
            HostStatus { committed: Some(it), finished: true, .. } if *it == host.to => Phase::Finished,
            HostStatus { committed: Some(it), .. } if *it == host.to => Phase::Committed,
            HostStatus { open: Some(Open::Holding), .. } => Phase::Holding,
            HostStatus { open: Some(Open::Switching), .. } => Phase::Switching,
            // It goes on from there, or stays there: no way back leads further.
            HostStatus { committed: Some(it), forward: Some(base), .. }
                if host.from.as_ref() == Some(base) =>
            {
                if goes_back {
                    Phase::Forward
                } else {
                    host.from = Some(it.clone());
                    Phase::Waiting
                }
            }
            HostStatus { committed, .. } if *committed == host.from => match host.phase {
                Phase::Returning | Phase::Returned if goes_back => Phase::Returned,
                _ => Phase::Waiting,
            },
            HostStatus { .. } => {
                lose(record, &name, "it is another generation than this rollout knows");
                continue;
            }
        };
        // A host that was asked to go back and has not begun to is asked again.
        host.phase = found;
        if matches!(found, Phase::Waiting | Phase::Returning) {
            forget(record, &name);
        }
    }
    let mut commands = advance(record);
    let after: Vec<UnitRef> = record.ties.iter().map(|dependency| dependency.after.clone()).collect();
    commands.extend(after.into_iter().filter(|place| may_begin(record, place)).map(Command::Release));
    commands
}

/// Says what is asked of hosts next, and notes it in the record.
fn advance(record: &mut Record) -> Vec<Command> {
    match (&record.end, record.course.clone()) {
        (Some(_), _) => Vec::new(),
        (None, Course::Forward) => forward(record),
        (None, Course::Back { why }) => back(record, &why),
    }
}

/// A wave begins when all before it are committed, and is committed when the gates of all of its hosts hold.
fn forward(record: &mut Record) -> Vec<Command> {
    let is_left = |record: &Record, host: &String| {
        !matches!(
            phase(record, host),
            Some(Phase::Committed | Phase::Finishing | Phase::Finished | Phase::Unreachable)
        )
    };
    let wave = record.waves.iter().find(|wave| wave.iter().any(|host| is_left(record, host)));
    let Some(wave) = wave.cloned() else { return finish(record) };
    let waiting = of_phase(record, &wave, &[Phase::Waiting]);
    if !waiting.is_empty() {
        let switch = |host: String| {
            let HostRecord { from, to, phase } = record.hosts.get_mut(&host)?;
            *phase = Phase::Switching;
            Some(Command::Switch { host, from: from.clone(), to: to.clone() })
        };
        return waiting.into_iter().filter_map(switch).collect();
    }
    if !of_phase(record, &wave, &[Phase::Switching, Phase::Returning]).is_empty() {
        return Vec::new();
    }
    let holding = of_phase(record, &wave, &[Phase::Holding]);
    holding.iter().for_each(|host| set(record, host, Phase::Confirming));
    holding.into_iter().map(Command::Confirm).collect()
}

/// Tasks for the end run one host after another, and only when no host is left that runs anything old.
fn finish(record: &mut Record) -> Vec<Command> {
    let is_any = |phase: Phase| record.hosts.values().any(|host| host.phase == phase);
    if is_any(Phase::Unreachable) {
        record.end = Some(End::Unreachable);
        return Vec::new();
    }
    if is_any(Phase::Finishing) {
        return Vec::new();
    }
    let last = record.last.clone();
    let Some(host) = of_phase(record, &last, &[Phase::Committed]).into_iter().next() else {
        record.end = Some(End::Done);
        return Vec::new();
    };
    set(record, &host, Phase::Finishing);
    vec![Command::Finish(host)]
}

/// What is open goes back at once, for it is in transit already; what is committed one host after another, the last wave first.
fn back(record: &mut Record, why: &str) -> Vec<Command> {
    let open = [Phase::Switching, Phase::Holding, Phase::Confirming];
    let names: Vec<String> = record.hosts.keys().cloned().collect();
    let in_transit = of_phase(record, &names, &open);
    if !in_transit.is_empty() {
        return in_transit.iter().filter_map(|host| ask_back(record, host)).collect();
    }
    if !of_phase(record, &names, &[Phase::Returning]).is_empty() {
        return Vec::new();
    }
    let has_former =
        |record: &Record, host: &String| record.hosts.get(host).is_some_and(|it| it.from.is_some());
    let reverse: Vec<String> = record.waves.iter().rev().flatten().cloned().collect();
    let committed = of_phase(record, &reverse, &[Phase::Committed, Phase::Finished]);
    // Who had nothing before has nothing to go back to.
    let next = committed.into_iter().find(|host| has_former(record, host));
    let is_raised = |it: &&Raised| {
        matches!(phase(record, &it.host), Some(Phase::Committed | Phase::Finished | Phase::Finishing))
    };
    let raised: Vec<String> =
        record.raised.iter().filter(is_raised).map(|it| format!("on {} {}", it.host, it.data)).collect();
    let end = match (next, record.no_return.first()) {
        (Some(_), Some(place)) => {
            let UnitRef { host, unit } = place;
            End::Stopped { why: format!("{why}; there is no way back past {unit}, which ran on {host}") }
        }
        (Some(_), None) if !raised.is_empty() => {
            End::Stopped { why: format!("{why}; there is no way back: {}", raised.join("; ")) }
        }
        (Some(host), None) => return ask_back(record, &host).into_iter().collect(),
        (None, _) => match of_phase(record, &names, &[Phase::Lost]).as_slice() {
            [] if !of_phase(record, &names, &[Phase::Forward]).is_empty() => {
                End::Stopped { why: why.to_owned() }
            }
            [] if is_untouched(record) => End::Refused { why: why.to_owned() },
            [] => End::Returned { why: why.to_owned() },
            lost => End::Stopped { why: format!("{why}; nobody knows about {}", listed(lost)) },
        },
    };
    record.end = Some(end);
    Vec::new()
}

/// Whether no host ever began. What happened while nobody led, nobody knows.
fn is_untouched(record: &Record) -> bool {
    record.epoch == 1
        && record.hosts.values().all(|it| matches!(it.phase, Phase::Waiting | Phase::Unreachable))
}

fn ask_back(record: &mut Record, host: &str) -> Option<Command> {
    let HostRecord { from, phase, .. } = record.hosts.get_mut(host)?;
    *phase = Phase::Returning;
    Some(Command::Return { host: host.to_owned(), to: from.clone() })
}

fn go_back(record: &mut Record, why: String) {
    if record.course == Course::Forward {
        record.course = Course::Back { why };
    }
}

/// A host that nobody knows about: one that only switches goes back by its own timer, any other is for somebody to look at.
fn lose(record: &mut Record, host: &str, why: &str) {
    let was = phase(record, host);
    set(record, host, Phase::Lost);
    let why = format!("{host}: {why}");
    match was {
        Some(Phase::Switching | Phase::Holding) => go_back(record, why),
        // It is told at the end.
        Some(Phase::Lost) if record.course != Course::Forward => {}
        _ => record.end = Some(End::Stopped { why }),
    }
}

/// Units that wait for one that is over, and for nothing else.
fn released(record: &Record, over: &UnitRef) -> Vec<Command> {
    let waiting = record
        .ties
        .iter()
        .filter(|dependency| dependency.before == *over)
        .map(|dependency| &dependency.after);
    waiting.filter(|place| may_begin(record, place)).cloned().map(Command::Release).collect()
}

/// Whether all is over that a unit waits for, and its host is at it.
fn may_begin(record: &Record, place: &UnitRef) -> bool {
    let mut before = record.ties.iter().filter(|dependency| dependency.after == *place);
    phase(record, &place.host) == Some(Phase::Switching)
        && before.all(|dependency| record.over.contains(&dependency.before))
}

/// A host is where it was, and begins again.
fn begin_again(record: &mut Record, host: &str) {
    set(record, host, Phase::Waiting);
    forget(record, host);
}

/// A host is where it was, or on its way there: what was over on it is to be done again, and nobody may begin for it.
fn forget(record: &mut Record, host: &str) {
    record.over.retain(|place| place.host != host);
}

fn phase(record: &Record, host: &str) -> Option<Phase> {
    record.hosts.get(host).map(|it| it.phase)
}

fn set(record: &mut Record, host: &str, phase: Phase) {
    if let Some(it) = record.hosts.get_mut(host) {
        it.phase = phase;
    }
}

fn turn(record: &mut Record, host: &str, from: &[Phase], to: Phase) {
    if phase(record, host).is_some_and(|it| from.contains(&it)) {
        set(record, host, to);
    }
}

fn of_phase(record: &Record, hosts: &[String], phases: &[Phase]) -> Vec<String> {
    let is_one = |host: &&String| phase(record, host).is_some_and(|it| phases.contains(&it));
    hosts.iter().filter(is_one).cloned().collect()
}
