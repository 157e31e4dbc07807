//! Hosts and a controller in simulated time: commands take a while to arrive, switches take as long as they take, hosts fail, vanish
//! and go back by their own timers, and the controller dies at any command and comes back with its record or without the last one.

use std::collections::{BTreeMap, BTreeSet};

use kolla_lang::fleet::members::Fleet;
use kolla_lang::fleet::record::{End, Phase, Record, UnitRef, parse_record};
use kolla_lang::fleet::rollout::{Command, Event, HostStatus, Open, begin, resume, take};
use kolla_lang::store::Digest;

use super::simulator::{act, members, within_budget};

/// Milliseconds.
type Time = u64;

/// How long a host waits for a confirmation until it goes back by itself.
const TIMER: Time = 600_000;
/// The unit of a task past which there is no way back.
const ONE_WAY: &str = "one-way.service";
/// How long a message takes.
const LATENCY: Time = 10;

/// Names what a host is whose data of a later format go on.
fn forward_of(name: &str) -> Digest {
    Digest::of(format!("{name} forward").as_bytes())
}

/// What happens to one host.
#[derive(Debug, Clone, Default)]
pub struct Fate {
    /// How long its switch takes, until its gates hold.
    pub takes: Time,
    /// Whether it refuses to begin.
    pub refuses: bool,
    /// Whether its gates fail, and it goes back by itself.
    pub fails: bool,
    /// Whether it vanishes while it switches.
    pub vanishes: bool,
    /// Whether a task runs on it past which there is no way back.
    pub one_way: bool,
    /// Whether it changes its data so that what it was cannot read them.
    pub raises: bool,
}

/// A host.
#[derive(Debug, Clone)]
struct Host {
    fate: Fate,
    from: Option<Digest>,
    to: Digest,
    committed: Option<Digest>,
    open: Option<Switching>,
    /// A committed host that goes back.
    returning: bool,
    finished: bool,
    vanished: bool,
    /// Whether its task ran past which there is no way back.
    ran_one_way: bool,
    /// Whether its data are changed.
    has_raised: bool,
    /// Counts its switches, so that what an earlier one meant to do is not done by a later one.
    turn: u64,
}

/// An open switch.
#[derive(Debug, Clone, Default)]
struct Switching {
    released: BTreeSet<String>,
    /// What others wait for on it is over.
    over: bool,
    ready: bool,
    holding: bool,
    going_back: bool,
}

/// What happens at a time.
#[derive(Debug, Clone)]
enum Happening {
    Arrives(Command),
    Reports { life: u64, event: Event },
    Over { host: String, turn: u64 },
    Ready { host: String, turn: u64 },
    Timer { host: String, turn: u64 },
    Back { host: String, turn: u64, why: &'static str },
    Resume,
}

/// All of it.
pub struct World<'a> {
    fleet: &'a Fleet,
    hosts: BTreeMap<String, Host>,
    queue: BTreeMap<(Time, u64), Happening>,
    n_queued: u64,
    now: Time,
    record: Record,
    /// The record as it is on the controller's disk.
    disk: String,
    is_alive: bool,
    life: u64,
    /// After how many calls the controller dies, each time.
    deaths: Vec<u64>,
    n_calls: u64,
    pub n_died: u64,
    /// How many committed hosts went back.
    pub n_returned: u64,
    salt: u64,
}

impl<'a> World<'a> {
    pub fn new(
        fleet: &'a Fleet,
        record: Record,
        fates: BTreeMap<String, Fate>,
        deaths: Vec<u64>,
        salt: u64,
    ) -> Self {
        let host = |(name, fate): (String, Fate)| {
            let it = record.hosts.get(&name)?;
            let (from, to) = (it.from.clone(), it.to.clone());
            let host = Host {
                fate,
                committed: from.clone(),
                from,
                to,
                open: None,
                returning: false,
                finished: false,
                ran_one_way: false,
                has_raised: false,
                vanished: it.phase == Phase::Unreachable,
                turn: 0,
            };
            Some((name, host))
        };
        let hosts = fates.into_iter().filter_map(host).collect();
        let disk = record.to_text();
        Self {
            fleet,
            hosts,
            queue: BTreeMap::new(),
            n_queued: 0,
            now: 0,
            record,
            disk,
            is_alive: true,
            life: 0,
            deaths,
            n_calls: 0,
            n_died: 0,
            n_returned: 0,
            salt,
        }
    }

    /// Runs until nothing happens any more; returns how the rollout ended and when.
    pub fn run(&mut self) -> Result<(End, Time), String> {
        let mut ended_at = 0;
        self.call(begin)?;
        while let Some(((at, _), happening)) = self.queue.pop_first() {
            if self.record.end.is_none() || !self.is_alive {
                ended_at = at;
            }
            self.now = at;
            self.happen(happening)?;
            self.check()?;
            if self.n_queued > 20_000 {
                return Err("it never ends".to_owned());
            }
        }
        let end = self.record.end.clone().ok_or_else(|| format!("it hangs: {:#?}", self.record))?;
        self.check_end(&end)?;
        Ok((end, ended_at))
    }

    /// Calls the engine as a controller does: the record reaches the disk before the commands reach anybody.
    fn call(&mut self, call: impl FnOnce(&mut Record) -> Vec<Command>) -> Result<(), String> {
        let commands = call(&mut self.record);
        self.n_calls += 1;
        if self.deaths.first().is_some_and(|at| *at <= self.n_calls) {
            self.deaths.remove(0);
            self.n_died += 1;
            self.is_alive = false;
            self.life += 1;
            // It dies before it wrote, or after it, with some of the commands sent.
            if !self.random(3).eq(&0) {
                self.disk = self.record.to_text();
                let n_sent = self.random(commands.len() as u64 + 1) as usize;
                commands.into_iter().take(n_sent).for_each(|it| self.queue(LATENCY, Happening::Arrives(it)));
            }
            let away = [1_000, 30_000, TIMER / 2, 2 * TIMER][self.random(4) as usize];
            self.queue(away, Happening::Resume);
            return Ok(());
        }
        self.disk = self.record.to_text();
        commands.into_iter().for_each(|it| self.queue(LATENCY, Happening::Arrives(it)));
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Arrives(command) => self.arrive(command)?,
            Happening::Reports { life, event } if life == self.life && self.is_alive => {
                self.call(|record| take(record, event))?;
            }
            // Nobody listens.
            Happening::Reports { .. } => {}
            Happening::Over { host, turn } => self.over(&host, turn),
            Happening::Ready { host, turn } => self.ready(&host, turn),
            Happening::Timer { host, turn } => self.timer(&host, turn),
            Happening::Back { host, turn, why } => self.is_back(&host, turn, why),
            Happening::Resume => {
                self.record = parse_record(&self.disk)?;
                self.is_alive = true;
                let seen = self.hosts.iter().filter(|(_, host)| !host.vanished).map(|(name, host)| {
                    let open = match &host.open {
                        _ if host.returning => Some(Open::Returning),
                        None => None,
                        Some(it) if it.going_back => Some(Open::Returning),
                        Some(it) if it.holding => Some(Open::Holding),
                        Some(_) => Some(Open::Switching),
                    };
                    let no_return = host.ran_one_way.then(|| ONE_WAY.to_owned()).into_iter().collect();
                    let committed = host.committed.clone();
                    let forward = host.from.clone().filter(|_| committed == Some(forward_of(name)));
                    (
                        name.clone(),
                        HostStatus { committed, open, finished: host.finished, no_return, forward },
                    )
                });
                let seen: BTreeMap<String, HostStatus> = seen.collect();
                // Whatever a host has to say it says again to whoever asks.
                let names: Vec<String> = seen.keys().cloned().collect();
                self.call(|record| resume(record, &seen))?;
                names.iter().for_each(|host| self.say_again(host));
            }
        }
        Ok(())
    }

    fn arrive(&mut self, command: Command) -> Result<(), String> {
        let name = match &command {
            Command::Switch { host, .. } | Command::Return { host, .. } => host,
            Command::Release(place) => &place.host,
            Command::Confirm(host) | Command::Finish(host) => host,
        };
        let name = name.clone();
        if self.host(&name).vanished {
            self.report(30_000, Event::Lost { host: name, why: "it does not answer".to_owned() });
            return Ok(());
        }
        match command {
            Command::Switch { from, to, .. } => self.switch(&name, from, to),
            Command::Release(place) => {
                for dependency in self.record.ties.iter().filter(|dependency| dependency.after == place) {
                    let before = &self.hosts[&dependency.before.host];
                    let is_over = before.open.as_ref().is_some_and(|it| it.over || it.going_back);
                    if !is_over && before.committed.as_ref() != Some(&before.to) && !before.vanished {
                        return Err(format!("{place:?} is released before {:?} is over", dependency.before));
                    }
                }
                if let Some(open) = &mut self.host(&name).open {
                    open.released.insert(place.unit);
                }
                self.hold_if_ready(&name);
                Ok(())
            }
            Command::Confirm(_) => self.confirm(&name),
            Command::Return { to, .. } => self.go_back(&name, to),
            Command::Finish(_) => {
                let old = self.hosts.iter().find(|(_, it)| it.committed.as_ref() != Some(&it.to));
                if let Some((old, _)) = old {
                    return Err(format!("{name} runs the tasks for the end, and {old} is old"));
                }
                self.host(&name).finished = true;
                self.report(2_000, Event::Finished(name));
                Ok(())
            }
        }
    }

    fn switch(&mut self, name: &str, from: Option<Digest>, to: Digest) -> Result<(), String> {
        let host = self.host(name);
        if host.to != to {
            return Err(format!("{name} is to become what nobody planned"));
        }
        if host.open.is_some() || host.committed.as_ref() == Some(&to) {
            self.say_again(name);
            return Ok(());
        }
        if host.committed != from || host.returning {
            return Err(format!("{name} is asked to switch from what it is not"));
        }
        if host.fate.refuses {
            self.report(0, Event::Refused { host: name.to_owned(), why: "it has changed".to_owned() });
            return Ok(());
        }
        host.turn += 1;
        host.open = Some(Switching::default());
        let (turn, takes) = (host.turn, host.fate.takes);
        self.queue(takes / 2, Happening::Over { host: name.to_owned(), turn });
        self.queue(takes, Happening::Ready { host: name.to_owned(), turn });
        self.queue(TIMER, Happening::Timer { host: name.to_owned(), turn });
        Ok(())
    }

    /// What others wait for is over, and the task ran past which there is no way back.
    fn over(&mut self, name: &str, turn: u64) {
        let host = self.host(name);
        if host.turn != turn || host.open.as_ref().is_none_or(|it| it.going_back) {
            return;
        }
        host.open.iter_mut().for_each(|it| it.over = true);
        host.has_raised |= host.fate.raises && host.from.is_some();
        if host.fate.one_way {
            host.ran_one_way = true;
            self.report(0, Event::NoReturn(UnitRef { host: name.to_owned(), unit: ONE_WAY.to_owned() }));
        }
        self.say_over(name);
    }

    fn say_over(&mut self, name: &str) {
        let ties = self.record.ties.iter().filter(|dependency| dependency.before.host == name);
        let over: Vec<UnitRef> = ties.map(|dependency| dependency.before.clone()).collect();
        over.into_iter().for_each(|place| self.report(0, Event::Over(place)));
    }

    /// The units that nobody is waited for are up; or the gates fail.
    fn ready(&mut self, name: &str, turn: u64) {
        let host = self.host(name);
        if host.turn != turn || host.open.as_ref().is_none_or(|it| it.going_back) {
            return;
        }
        if host.fate.vanishes {
            host.vanished = true;
            // It goes back, and nobody hears of it.
            self.report(30_000, Event::Lost { host: name.to_owned(), why: "it does not answer".to_owned() });
            return;
        }
        if host.fate.fails {
            let fails_again = self.random(2) == 0;
            self.host(name).fate.fails = fails_again;
            return self.leave(name, "its gates failed");
        }
        if let Some(open) = &mut self.host(name).open {
            open.ready = true;
        }
        self.hold_if_ready(name);
    }

    /// Its gates hold when the units that waited for other hosts were released, too.
    fn hold_if_ready(&mut self, name: &str) {
        let waiting = self
            .record
            .ties
            .iter()
            .filter(|dependency| dependency.after.host == name)
            .map(|dependency| dependency.after.unit.clone());
        let waiting: BTreeSet<String> = waiting.collect();
        let Some(open) = &mut self.host(name).open else { return };
        if open.ready && !open.holding && !open.going_back && waiting.is_subset(&open.released) {
            open.holding = true;
            self.report(0, Event::Holding(name.to_owned()));
        }
    }

    fn confirm(&mut self, name: &str) -> Result<(), String> {
        let wave =
            self.record.waves.iter().find(|wave| wave.iter().any(|it| it == name)).into_iter().flatten();
        for other in wave.map(|other| (other, &self.hosts[other])) {
            let holds = other.1.open.as_ref().is_some_and(|it| it.holding);
            if !holds && other.1.committed.as_ref() != Some(&other.1.to) && !other.1.vanished {
                return Err(format!("{name} is to commit before {} holds", other.0));
            }
        }
        let host = self.host(name);
        match &host.open {
            Some(open) if open.holding && !open.going_back => {
                host.committed = Some(host.to.clone());
                host.open = None;
                self.report(0, Event::Committed(name.to_owned()));
                Ok(())
            }
            Some(open) if open.going_back => Ok(()),
            Some(_) => Err(format!("{name} is to commit, and its gates do not hold")),
            None => {
                self.say_again(name);
                Ok(())
            }
        }
    }

    fn go_back(&mut self, name: &str, to: Option<Digest>) -> Result<(), String> {
        let host = self.host(name);
        if host.open.is_some() {
            self.leave(name, "it was asked to");
            return Ok(());
        }
        if host.committed == to {
            self.report(0, Event::Returned { host: name.to_owned(), why: "it was asked to".to_owned() });
            return Ok(());
        }
        if to.is_none() || to != host.from {
            return Err(format!("{name} is to go back to what it never was"));
        }
        if self.hosts.values().any(|it| it.ran_one_way && !it.vanished) {
            return Err("it goes back past what has no way back".to_owned());
        }
        if self
            .hosts
            .values()
            .any(|it| it.has_raised && it.committed.as_ref() == Some(&it.to) && !it.vanished)
        {
            return Err("one goes back where another one's data are of a later format".to_owned());
        }
        if !self.host(name).returning {
            self.host(name).returning = true;
            self.n_returned += 1;
            let (turn, takes) = (self.host(name).turn, self.host(name).fate.takes);
            self.queue(takes, Happening::Back { host: name.to_owned(), turn, why: "it was asked to" });
            return Ok(());
        }
        if self.host(name).returning {
            Ok(())
        } else {
            Err("it goes back past what has no way back".to_owned())
        }
    }

    fn timer(&mut self, name: &str, turn: u64) {
        let host = self.host(name);
        if host.turn == turn && host.open.is_some() {
            self.leave(name, "nobody confirmed");
        }
    }

    /// An open switch goes back.
    fn leave(&mut self, name: &str, why: &'static str) {
        let host = self.host(name);
        let turn = host.turn;
        let Some(open) = &mut host.open else { return };
        if !open.going_back {
            open.going_back = true;
            self.queue(5_000, Happening::Back { host: name.to_owned(), turn, why });
        }
    }

    fn is_back(&mut self, name: &str, turn: u64, why: &'static str) {
        let host = self.host(name);
        if host.turn != turn {
            return;
        }
        host.open = None;
        if host.returning {
            host.returning = false;
            host.committed = host.from.clone();
        }
        // Data of a later format go on, in a generation of their own.
        let forward = forward_of(name);
        let is_forward = host.has_raised && host.committed == host.from;
        if is_forward {
            host.committed = Some(forward);
        }
        let is_heard = !host.vanished;
        if is_heard && is_forward {
            self.report(0, Event::Forward { host: name.to_owned(), why: why.to_owned() });
        } else if is_heard {
            self.report(0, Event::Returned { host: name.to_owned(), why: why.to_owned() });
        }
    }

    /// A host tells a new controller what it told the former one.
    fn say_again(&mut self, name: &str) {
        let host = self.hosts[name].clone();
        let event = match &host.open {
            Some(open) if open.holding && !open.going_back => Some(Event::Holding(name.to_owned())),
            Some(_) => None,
            None if host.committed.as_ref() == Some(&host.to) && !host.returning => {
                Some(Event::Committed(name.to_owned()))
            }
            None => None,
        };
        if let Some(event) = event {
            self.report(0, event);
        }
        if host.open.as_ref().is_some_and(|it| it.over) || host.committed.as_ref() == Some(&host.to) {
            self.say_over(name);
        }
    }

    /// Whatever is down at this moment, no group's disruption budget is exceeded by it.
    fn check(&self) -> Result<(), String> {
        if self
            .hosts
            .iter()
            .any(|(name, it)| it.vanished && self.record.hosts[name].phase != Phase::Unreachable)
        {
            return Ok(());
        }
        let mut is_up = members(self.fleet);
        let mut down: Vec<&String> = Vec::new();
        for (name, host) in &self.hosts {
            if host.committed.as_ref() == Some(&host.to) {
                act(self.fleet, &mut is_up, name, true);
            }
            if host.open.is_some() || host.returning {
                down.push(name);
            }
        }
        for group in self.fleet.groups.keys() {
            within_budget(self.fleet, &is_up, &down, group)?;
        }
        Ok(())
    }

    fn check_end(&self, end: &End) -> Result<(), String> {
        let known =
            || self.hosts.iter().filter(|(name, _)| self.record.hosts[*name].phase != Phase::Unreachable);
        let is_new = |(_, it): (&String, &Host)| it.committed.as_ref() == Some(&it.to) && it.open.is_none();
        // One that held data of a later format forward, and began again from there, is back there.
        let is_old = |(name, it): (&String, &Host)| {
            it.from.is_none() || it.committed == it.from || it.committed == self.record.hosts[name].from
        };
        let vanished = known().any(|(_, it)| it.vanished);
        let holds = match end {
            End::Done => {
                known().count() == self.hosts.len()
                    && known().all(is_new)
                    && self.record.last.iter().all(|host| self.hosts[host].finished)
            }
            End::Unreachable => known().count() < self.hosts.len() && known().all(is_new),
            End::Refused { .. } => self.hosts.values().all(|it| it.turn == 0),
            End::Returned { .. } => known().all(is_old) && !vanished,
            End::Stopped { .. } => {
                vanished || !self.record.no_return.is_empty() || self.hosts.values().any(|it| it.has_raised)
            }
        };
        let open: Vec<&String> =
            known().filter(|(_, it)| it.open.is_some() && !it.vanished).map(|it| it.0).collect();
        if !open.is_empty() {
            return Err(format!("{open:?} are still open: {:#?}", self.record));
        }
        if holds { Ok(()) } else { Err(format!("it did not end so: {:#?}", self.record)) }
    }

    fn host(&mut self, name: &str) -> &mut Host {
        self.hosts.get_mut(name).unwrap_or_else(|| panic!("no host {name}"))
    }

    fn report(&mut self, after: Time, event: Event) {
        let life = self.life;
        self.queue(after + LATENCY, Happening::Reports { life, event });
    }

    fn queue(&mut self, after: Time, happening: Happening) {
        self.n_queued += 1;
        self.queue.insert((self.now + after, self.n_queued), happening);
    }

    fn random(&mut self, below: u64) -> u64 {
        self.salt ^= self.salt << 13;
        self.salt ^= self.salt >> 7;
        self.salt ^= self.salt << 17;
        self.salt % below
    }
}
