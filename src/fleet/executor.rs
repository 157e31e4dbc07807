//! Carries out what a rollout asks of a host, and tells what comes of it. Decides nothing: that is `rollout`.
//!
//! A action that a lost connection cut off is taken up again: the switch went on meanwhile, and tells all of it once more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use super::connections::Connections;
use super::errors::Refusal;
use super::gate;
use super::members::Fleet;
use super::plan::Known;
use super::record::{Change, Dependency, Direction, HostRecord, Record as Rollout, UnitRef};
use super::remote::{RemoteError, Sent};
use super::rollout::{Command, Event};
use super::ssh::SILENCE;
use activate::error_report::ErrorReport;
use activate::journal::Record;
use activate::part::{Lead, Open, Part, Report, Stage};
use activate::request::Options;
use activate::verdict::Verdict;
use sign::Signed;
use store::Digest;
use store::manifest::{Task, TaskClass};

/// What a host is to be, and how it is told.
#[derive(Debug, Clone)]
pub struct HostTarget {
    /// What it was, and what it is to be.
    pub change: Change,
    /// The digest of the cloud that is to be.
    pub cloud: Option<Digest>,
    /// Its tasks, by name.
    pub tasks: BTreeMap<String, Task>,
    /// Finished tasks that it may go back past, by name.
    pub allow_past: BTreeSet<String>,
    /// What an operator signed of it, where the host takes nothing else.
    pub signature: Option<Signed>,
}

impl HostTarget {
    /// Says what each host of a rollout is to be; `allowed` are finished tasks that hosts may go back past.
    pub fn all(
        known: &BTreeMap<String, Known>,
        record: &Rollout,
        allowed: &BTreeSet<String>,
    ) -> BTreeMap<String, Self> {
        let target = |(name, host): (&String, &HostRecord)| {
            let known = known.get(name);
            let tasks = known.map(|it| it.to.manifest.tasks.clone()).unwrap_or_default();
            let change = Change { from: host.from.clone(), to: host.to.clone() };
            let allow_past = known.map(|it| it.done_on_it(allowed)).unwrap_or_default();
            (
                name.clone(),
                Self { change, cloud: Some(record.cloud.clone()), tasks, allow_past, signature: None },
            )
        };
        record.hosts.iter().map(target).collect()
    }

    /// Says how this host's switch is to be done, given how all are.
    fn options(&self, all: &Options) -> Options {
        Options {
            allow_rollback_past: self.allow_past.clone(),
            signature: self.signature.clone(),
            ..all.clone()
        }
    }
}

/// What is told while a rollout goes on.
#[derive(Debug)]
pub enum RolloutEvent<'a> {
    /// A host is asked for something.
    Asked(&'a Command),
    /// A host's store got what it lacked.
    Sent(Sent),
    /// A host does something, or did.
    Record(&'a Record),
    /// A host said something that is no record.
    Said(&'a str),
    /// A host went on, and something is not as it should be.
    Warning(&'a str),
    /// The connection to a host was lost, and it is called again.
    Lost,
}

/// Tells of a host.
pub type Observer<'a> = &'a (dyn Fn(&str, &RolloutEvent<'_>) + Sync);

/// All that actions need.
pub struct Executor<'a> {
    /// The hosts.
    pub connections: &'a Connections,
    /// Who leads.
    pub lead: Lead,
    /// What hosts are to be, by name.
    pub targets: BTreeMap<String, HostTarget>,
    /// How hosts become that.
    pub direction: Direction,
    /// Which units wait for which.
    pub ties: Vec<Dependency>,
    /// What the waves were planned from.
    pub fleet: Fleet,
    /// How each switch is to be done, but for what is about one host.
    pub options: Options,
    /// Who hears of it.
    pub tell: Observer<'a>,
    /// Units that wait for other hosts.
    pub waiting: Mutex<Waiting>,
}

/// Units that wait for other hosts. A host is told to begin with one when both it waits and it may: one of them comes first.
#[derive(Debug, Default)]
pub struct Waiting {
    held: BTreeSet<UnitRef>,
    free: BTreeSet<UnitRef>,
}

/// How often a host is asked for something short that fails, and how long is waited between.
const N_TRIES: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(1);
/// How often it is looked whether a wave may begin: a member that has just come up may take a while to be whole.
const N_LOOKS: u32 = 60;

impl Executor<'_> {
    /// Names the switch of a host that this leader asks for.
    pub fn tx(&self) -> String {
        format!("{}-{}", self.lead.rollout, self.lead.epoch)
    }

    /// Names the switch of a host that runs the tasks for the end: by one more number than any other.
    fn tx_of_end(&self) -> String {
        format!("{}-0", self.tx())
    }

    /// Carries a command out; returns when it is over. `tx` names the switch of the host that is open.
    pub fn act(&self, command: &Command, tx: &str, events: &Sender<Event>) {
        (self.tell)(command.host(), &RolloutEvent::Asked(command));
        match command {
            Command::Switch { host, .. } => self.switch(host, events),
            Command::Release(place) => {
                let mut waiting = self.waiting();
                waiting.free.insert(place.clone());
                let is_held = waiting.held.contains(place);
                drop(waiting);
                if is_held {
                    self.release(place, tx, events);
                }
            }
            Command::Confirm(host) => self.short(host, &["confirm", "--tx", tx, "--events"], events),
            Command::Return { host, .. } => self.go_back(host, events),
            Command::Finish(host) => self.finish(host, events),
        }
    }

    /// Hears of a switch that is open already, to its end.
    pub fn attach(&self, host: &str, open: &Open, events: &Sender<Event>) {
        let Open { tx, stage } = open;
        let ended = self.watch(host, follow(tx), follow(tx), tx, events);
        match stage {
            Stage::Switching | Stage::Holding => self.switched(host, ended, events),
            Stage::Returning => self.returned(host, ended, events),
        }
    }

    /// Waits until a wave may begin, and says why it may not.
    pub fn await_room(&self, wave: &[String]) -> Result<(), String> {
        let names: Vec<String> = self.connections.names().cloned().collect();
        let targets =
            self.targets.iter().map(|(name, target)| (name.clone(), target.change.to.clone())).collect();
        let mut exceeded = None;
        for _ in 0..N_LOOKS {
            let reports = self.connections.each(&names, |_, host| report(host));
            let reports = reports.into_iter().filter_map(|(name, it)| Some((name, it.ok()?))).collect();
            exceeded = gate::exceeded(&self.fleet, &reports, &targets, wave);
            if exceeded.is_none() {
                return Ok(());
            }
            sleep(BETWEEN);
        }
        let refusal = exceeded.map(|exceeded| Refusal::Group { hosts: wave.to_vec(), exceeded });
        refusal.map_or(Ok(()), |it| Err(it.to_string()))
    }

    fn switch(&self, host: &str, events: &Sender<Event>) {
        let Some(target) = self.targets.get(host) else { return };
        let tx = self.tx();
        let ended = self.watch(host, self.words(host, target, &tx, false), follow(&tx), &tx, events);
        self.switched(host, ended, events);
    }

    /// Returns the words of a switch.
    fn words(&self, host: &str, target: &HostTarget, tx: &str, finish: bool) -> Vec<String> {
        let HostTarget { change: Change { from, to }, cloud, tasks: _, allow_past: _, signature: _ } = target;
        let waits =
            self.ties.iter().map(|dependency| &dependency.after).filter(|it| it.host == host && !finish);
        let part = Part {
            lead: self.lead.clone(),
            from: if finish { Some(to.clone()) } else { from.clone() },
            waits: waits.map(|it| it.unit.clone()).collect(),
            finish,
        };
        let verb = match self.direction {
            Direction::New => "switch",
            Direction::Again => "rollback",
        };
        let mut words = vec![verb.to_owned(), format!("--stored={to}"), format!("--tx={tx}")];
        words.extend(cloud.iter().map(|cloud| format!("--cloud={cloud}")));
        words.extend(Options { part: Some(part), ..target.options(&self.options) }.words());
        words.push("--events".to_owned());
        words
    }

    fn switched(&self, host: &str, ended: Result<Verdict, String>, events: &Sender<Event>) {
        let host = host.to_owned();
        let event = match ended {
            Ok(Verdict::Committed { warnings, .. }) => {
                self.warn(&host, &warnings);
                Event::Committed(host)
            }
            // It is what it is to be: whoever confirms it finds it committed.
            Ok(Verdict::Nothing { .. }) => Event::Holding(host),
            Ok(verdict @ Verdict::Stuck { .. }) => Event::Lost { host, why: trouble(&verdict) },
            Ok(verdict) if holds_forward(&verdict) => Event::Forward { host, why: trouble(&verdict) },
            Ok(verdict @ (Verdict::Refused { .. } | Verdict::Locked | Verdict::InRollout { .. })) => {
                Event::Refused { host, why: trouble(&verdict) }
            }
            Ok(verdict) => {
                if let Verdict::Reverted { tasks, .. } = &verdict {
                    let stays = tasks.iter().map(|task| format!("task `{task}` was done and stays done"));
                    self.warn(&host, &stays.collect::<Vec<_>>());
                }
                Event::Returned { host, why: trouble(&verdict) }
            }
            Err(why) => self.settled(host, why),
        };
        hear(events, event);
    }

    /// Asks a host where it is, after something failed that should have told.
    fn settled(&self, host: String, why: String) -> Event {
        let target = self.targets.get(&host).map(|it| &it.change);
        match (self.report(&host), target) {
            (Ok(it), Some(target)) if it.committed.as_ref() == Some(&target.to) => Event::Committed(host),
            (Ok(it), Some(target)) if it.open.is_none() && it.committed == target.from => {
                Event::Returned { host, why }
            }
            (Ok(it), Some(target)) if is_forward(&it, target.from.as_ref()) => Event::Forward { host, why },
            _ => Event::Lost { host, why },
        }
    }

    /// Asks for something that is over at once. What a switch does then is told by whoever watches it.
    fn short(&self, host: &str, words: &[&str], events: &Sender<Event>) {
        let mut said = String::new();
        for _ in 0..N_TRIES {
            let Some(there) = self.connections.host(host) else { break };
            match there.follow(words, SILENCE, |_| {}) {
                Ok((Some(0 | 3 | 4), _)) => return,
                Ok((Some(_), why)) => {
                    said = why;
                    break;
                }
                Ok((None, why)) => said = why,
                Err(error) => said = error.to_string(),
            }
            sleep(BETWEEN);
        }
        let is_open = |it: Report| it.open.is_some();
        if !self.report(host).is_ok_and(is_open) {
            hear(events, self.settled(host.to_owned(), said));
        }
    }

    fn go_back(&self, host: &str, events: &Sender<Event>) {
        let mut words = vec!["rollout".to_owned(), "back".to_owned()];
        words.extend(self.lead.words());
        words.push("--events".to_owned());
        let ended = self.watch(host, words.clone(), words, "", events);
        self.returned(host, ended, events);
    }

    /// Tells whether a host that was to go back is back.
    fn returned(&self, host: &str, ended: Result<Verdict, String>, events: &Sender<Event>) {
        let why = ended.map_or_else(|why| why, |verdict| trouble(&verdict));
        let from = self.targets.get(host).and_then(|it| it.change.from.clone());
        let host = host.to_owned();
        let report = self.report(&host);
        let is_back = report.as_ref().is_ok_and(|it| it.open.is_none() && it.committed == from);
        let is_forward = report.is_ok_and(|it| is_forward(&it, from.as_ref()));
        hear(
            events,
            if is_back {
                Event::Returned { host, why: "it was asked to".to_owned() }
            } else if is_forward {
                Event::Forward { host, why }
            } else {
                Event::Lost { host, why }
            },
        );
    }

    fn finish(&self, host: &str, events: &Sender<Event>) {
        let Some(target) = self.targets.get(host) else { return };
        let tx = self.tx_of_end();
        let words = self.words(host, target, &tx, true);
        let ended = self.watch(host, words, follow(&tx), &tx, events);
        let host = host.to_owned();
        let event = match ended {
            Ok(Verdict::Nothing { warnings, .. } | Verdict::Committed { warnings, .. }) => {
                self.warn(&host, &warnings);
                Event::Finished(host)
            }
            Ok(verdict) => Event::Lost { host, why: trouble(&verdict) },
            Err(why) => Event::Lost { host, why },
        };
        hear(events, event);
    }

    /// Runs this program on a host and hears its records, until the switch that they are of ends. Where the connection is lost it is asked
    /// again, with other words.
    fn watch(
        &self,
        host: &str,
        words: Vec<String>,
        again: Vec<String>,
        tx: &str,
        events: &Sender<Event>,
    ) -> Result<Verdict, String> {
        let (mut words, mut verdict) = (words, None);
        let mut there = self.connections.host(host).ok_or_else(|| "it was not reached".to_owned())?;
        loop {
            let all: Vec<&str> = words.iter().map(String::as_str).collect();
            let ran = there.follow(&all, SILENCE, |line| match serde_json::from_str(line) {
                Ok(Record::End(ended)) => verdict = Some(ended),
                Ok(record) => self.heard(host, &record, tx, events),
                Err(_) => (self.tell)(host, &RolloutEvent::Said(line)),
            });
            let why = match (verdict.take(), ran) {
                (Some(verdict), Ok((_, said))) => return Ok(verdict.with_printed(&said)),
                (Some(verdict), Err(_)) => return Ok(verdict),
                (None, Ok((Some(_), said))) => return Err(said),
                (None, Ok((None, said))) => said,
                // It answers, and not as it should: to call it again is no use.
                (None, Err(error)) => return Err(error.to_string()),
            };
            (self.tell)(host, &RolloutEvent::Lost);
            there = self.connections.again(host).ok_or(why)?;
            words.clone_from(&again);
        }
    }

    fn heard(&self, host: &str, record: &Record, tx: &str, events: &Sender<Event>) {
        (self.tell)(host, &RolloutEvent::Record(record));
        let place = |unit: &String| UnitRef { host: host.to_owned(), unit: unit.clone() };
        match record {
            Record::Up { unit, .. } => self.over(place(unit), events),
            Record::Task { name } => {
                let task = self.targets.get(host).and_then(|target| target.tasks.get(name));
                if let Some(task) = task.filter(|it| it.class != TaskClass::Expand) {
                    hear(events, Event::NoReturn(place(&task.unit)));
                }
            }
            Record::Held { unit } => {
                let place = place(unit);
                let mut waiting = self.waiting();
                waiting.held.insert(place.clone());
                // Where nobody knows of anything that it could wait for, the record is gone of who did, and what it waits for is over.
                let may_begin = waiting.free.contains(&place)
                    || !self.ties.iter().any(|dependency| dependency.after == place);
                drop(waiting);
                if may_begin {
                    self.release(&place, tx, events);
                }
            }
            Record::Waiting { .. } => {
                // What was done before this switch is over too.
                let before: BTreeSet<&UnitRef> = self
                    .ties
                    .iter()
                    .map(|dependency| &dependency.before)
                    .filter(|it| it.host == host)
                    .collect();
                before.into_iter().for_each(|it| self.over(it.clone(), events));
                hear(events, Event::Holding(host.to_owned()));
            }
            _ => {}
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, place: &UnitRef, tx: &str, events: &Sender<Event>) {
        self.short(&place.host, &["rollout", "release", &place.unit, "--tx", tx], events);
    }

    fn over(&self, place: UnitRef, events: &Sender<Event>) {
        if self.ties.iter().any(|dependency| dependency.before == place) {
            hear(events, Event::Over(place));
        }
    }

    /// Asks a host what it is.
    pub fn report(&self, host: &str) -> Result<Report, String> {
        let there = self.connections.host(host).ok_or_else(|| "it was not reached".to_owned())?;
        report(&there).map_err(|error| error.to_string())
    }

    /// Tells hosts who leads their rollout from now on: whoever led it before is refused.
    pub fn take_over(&self) {
        let lead = self.lead.words();
        let words: Vec<&str> =
            ["rollout", "lead"].into_iter().chain(lead.iter().map(String::as_str)).collect();
        let hosts: Vec<String> = self.targets.keys().cloned().collect();
        // A host that is not part of it yet says so, and hears it when it is asked to switch.
        self.connections.each(&hosts, |_, host| host.ask(&words, &[]).ok());
    }

    /// Tells hosts that the rollout is over; one that does not hear of it says so to the next.
    pub fn dismiss(&self, hosts: &[String]) {
        let [rollout, epoch, _leader] = self.lead.words();
        let words = ["rollout", "end", &rollout, &epoch];
        for (host, ended) in self.connections.each(hosts, |_, host| host.ask(&words, &[])) {
            if let Err(error) = ended {
                (self.tell)(&host, &RolloutEvent::Warning(&error.to_string()));
            }
        }
    }

    fn warn(&self, host: &str, warnings: &[String]) {
        warnings.iter().for_each(|it| (self.tell)(host, &RolloutEvent::Warning(it)));
    }
}

/// Asks a host what it is.
pub fn report(host: &super::remote::RemoteHost) -> Result<Report, RemoteError> {
    let said = host.ask(&["rollout", "report"], &[])?;
    serde_json::from_str(&said).map_err(|_| RemoteError::answer(host.name(), &said))
}

fn follow(tx: &str) -> Vec<String> {
    ["switch", "--follow", "--tx", tx, "--events"].map(str::to_owned).to_vec()
}

/// Asks a host what it would refuse over, without a word to it of a rollout; nothing if it would begin.
pub fn check(
    host: &super::remote::RemoteHost,
    target: &HostTarget,
    options: &Options,
) -> Result<Option<Verdict>, RemoteError> {
    let mut words = vec!["rollout".to_owned(), "check".to_owned(), format!("--stored={}", target.change.to)];
    words.extend(target.options(options).words());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = host.ask(&words, &[])?;
    serde_json::from_str(&said).map_err(|_| RemoteError::answer(host.name(), &said))
}

/// Says whether a host is back where it was but for data of a later format.
fn is_forward(report: &Report, from: Option<&Digest>) -> bool {
    report.open.is_none() && from.is_some() && report.forward.as_ref() == from
}

/// Says whether a host went back but for data of a later format.
fn holds_forward(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Reverted { forward, .. } if !forward.is_empty())
}

/// Says in a line why a switch did not end as it was asked to.
fn trouble(verdict: &Verdict) -> String {
    troubles(verdict).join("; ")
}

/// Says why a switch did not end as it was asked to, a line for each reason.
pub fn troubles(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Nothing { .. } | Verdict::Committed { .. } => {
            vec!["it is not what it was asked to be".to_owned()]
        }
        Verdict::Reverted { failure, forward, .. } => {
            let held = forward.iter().map(|it| format!("{it}, and goes on as it was tried"));
            std::iter::once(words_of(failure)).chain(held).collect()
        }
        Verdict::Stuck { failure, problems, .. } => {
            std::iter::once(failure).chain(problems).map(words_of).collect()
        }
        Verdict::Refused { reasons, recovered } => {
            reasons.iter().map(words_of).chain(recovered.clone()).collect()
        }
        Verdict::Locked => vec!["another switch of it is running".to_owned()],
        Verdict::InRollout { rollout, leader } => {
            vec![format!("it is part of the rollout {rollout}, which {leader} leads")]
        }
    }
}

fn words_of(trouble: &ErrorReport) -> String {
    let ErrorReport { message, causes, log: _ } = trouble;
    std::iter::once(message).chain(causes).map(String::as_str).collect::<Vec<_>>().join(": ")
}

/// That nobody listens any more is what the end of a rollout is.
fn hear(events: &Sender<Event>, event: Event) {
    let _unheard = events.send(event);
}
