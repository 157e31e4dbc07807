//! Every way at all to switch a small fleet: which hosts can have switched, whatever the waves. Says whether a refusal is true.

use std::collections::BTreeSet;

use kolla_lang::fleet::members::{Fleet, State};
use kolla_lang::fleet::waves::WaveOptions;

use super::simulator::{act, members, waits, within_all_budgets, within_budget};

/// A set of hosts, by bits, and whether any of them ran something before.
type Done = (u32, bool);

/// All that can be reached, wave by wave.
pub struct Ways<'a> {
    fleet: &'a Fleet,
    hosts: Vec<&'a String>,
    /// Hosts that can have switched together with no other one.
    reached: BTreeSet<Done>,
}

impl<'a> Ways<'a> {
    /// Tries every set of hosts as every wave.
    pub fn of(fleet: &'a Fleet, wave_options: &WaveOptions) -> Self {
        let is_wanted =
            |name: &&String| fleet.hosts[*name].differs && fleet.hosts[*name].state != State::Unreachable;
        let hosts: Vec<&String> = fleet.hosts.keys().filter(is_wanted).collect();
        let mut ways = Self { fleet, hosts, reached: BTreeSet::from([(0, false)]) };
        let mut open: Vec<Done> = vec![(0, false)];
        while let Some(done) = open.pop() {
            for wave in 1..1u32 << ways.hosts.len() {
                if wave & done.0 == 0 && ways.is_allowed(done, wave, wave_options) {
                    let next = (done.0 | wave, done.1 || ways.runs(wave));
                    if ways.reached.insert(next) {
                        open.push(next);
                    }
                }
            }
        }
        ways
    }

    /// Whether all hosts can be switched.
    pub fn is_possible(&self) -> bool {
        let all = (1u32 << self.hosts.len()) - 1;
        self.reached.iter().any(|(done, _)| *done == all)
    }

    /// Whether these hosts can be switched, before or after whatever others, without hurting this group.
    pub fn is_ever_spared(&self, hosts: &[String], group: &str) -> bool {
        let these: Vec<&String> = hosts.iter().collect();
        self.reached.iter().any(|(done, _)| {
            let before = self.switched(*done);
            let is_done = self.names(*done).iter().any(|host| hosts.contains(host));
            !is_done && within_budget(self.fleet, &before, &these, group).is_ok()
        })
    }

    /// Whether one host alone can be the first to switch of those that run something.
    pub fn has_single_canary(&self, max_parallel: Option<usize>) -> bool {
        let wave_options = WaveOptions { canary: None, max_parallel };
        self.reached.iter().filter(|(_, any)| !any).any(|done| {
            (0..self.hosts.len()).any(|idx| {
                let wave = 1 << idx;
                wave & done.0 == 0 && self.runs(wave) && self.is_allowed(*done, wave, &wave_options)
            })
        })
    }

    fn names(&self, bits: u32) -> Vec<&'a String> {
        self.hosts.iter().enumerate().filter(|(idx, _)| bits >> idx & 1 == 1).map(|(_, host)| *host).collect()
    }

    fn runs(&self, wave: u32) -> bool {
        self.names(wave).iter().any(|host| self.fleet.hosts[*host].state == State::Running)
    }

    fn switched(&self, done: u32) -> std::collections::BTreeMap<(String, String), bool> {
        let mut is_up = members(self.fleet);
        self.names(done).iter().for_each(|host| act(self.fleet, &mut is_up, host, true));
        is_up
    }

    fn is_allowed(&self, (done, any_ran): Done, wave: u32, wave_options: &WaveOptions) -> bool {
        let (before, now) = (self.names(done), self.names(wave));
        if wave_options.max_parallel.is_some_and(|most| now.len() > most) {
            return false;
        }
        if !any_ran && self.runs(wave) {
            let is_one = now.len() == 1 || now.iter().all(|it| waits(self.fleet, it, now[0]));
            let is_wished = wave_options.canary.as_ref().is_none_or(|it| now == [it]);
            if !is_one || !is_wished {
                return false;
            }
        }
        let kept = self.fleet.orders.iter().all(|order| {
            let waited_for = &self.fleet.hosts[&order.before];
            !now.contains(&&order.after)
                || !waited_for.differs
                || before.contains(&&order.before)
                || now.contains(&&order.before)
        });
        kept && within_all_budgets(self.fleet, &self.switched(done), &now).is_ok()
    }
}
