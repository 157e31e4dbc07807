//! The hosts of a fleet that were reached, with what they are to become: closures are brought from where they lie, sent where they are
//! missing, and asked about before anything begins.
//!
//! Decides nothing: what hosts are to become is said by `begin`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::begin::{Aim, Facts};
use super::connections::Connections;
use super::executor::{self, HostTarget};
use super::no_start::NoStart;
use super::plan::Known;
use super::record::{Direction, Record};
use super::remote::{RemoteError, RemoteHost, Sent};
use super::seen;
use super::ssh::LONG_SILENCE;
use activate::prechecks::Checked;
use activate::request::Options;
use activate::verdict::Verdict;
use store::packed::Packed;
use store::{Closure, Digest, Store};

/// The hosts that were reached, and what is known of all.
pub struct Reached {
    /// Connections to them.
    pub connections: Connections,
    /// What is known.
    pub facts: Facts,
    store: Store,
    /// What each host is to be.
    closures: BTreeMap<String, Closure>,
}

impl Reached {
    /// Asks each host what it is. `others` are meant to stay what they are.
    pub fn ask(
        connections: Connections,
        closures: BTreeMap<String, Closure>,
        cloud: Digest,
        others: BTreeSet<String>,
    ) -> Result<Self, NoStart> {
        let names: Vec<String> = connections.names().cloned().collect();
        if names.is_empty() {
            return Err(NoStart::NoneReached);
        }
        let reports = all_of(connections.each(&names, |_, host| executor::report(host)))?;
        let digests = closures.iter().map(|(name, closure)| (name.clone(), closure.digest())).collect();
        let store = Store::default_root().and_then(Store::open).map_err(NoStart::Store)?;
        let facts = Facts { reports, digests, cloud, direction: Direction::New, others, lags: false };
        Ok(Self { connections, facts, store, closures })
    }

    /// Returns what hosts are to be.
    pub fn closures(&self) -> impl Iterator<Item = &Closure> {
        self.closures.values()
    }

    /// Says what hosts are to be.
    pub fn aim(&mut self, aim: Aim) -> Result<(), NoStart> {
        let closures = self.fetch(&aim.wanted)?;
        self.closures.extend(closures);
        self.closures.retain(|name, _| !aim.left_out.contains(name));
        self.facts.aim(aim);
        Ok(())
    }

    /// Returns closures of hosts: as they were built, as they lie in our store, or brought from the host.
    fn fetch(&self, wanted: &BTreeMap<String, Digest>) -> Result<BTreeMap<String, Closure>, NoStart> {
        let mut closures = BTreeMap::new();
        let mut elsewhere = Vec::new();
        for (name, digest) in wanted {
            if self.facts.digests.get(name) == Some(digest)
                && let Some(closure) = self.closures.get(name)
            {
                closures.insert(name.clone(), closure.clone());
            } else if let Ok(closure) = self.store.load(digest) {
                closures.insert(name.clone(), closure);
            } else {
                elsewhere.push(name.clone());
            }
        }
        let take = |name: &str, host: &RemoteHost| host.take(&wanted[name], &self.store);
        closures.extend(all_of(self.connections.each(&elsewhere, take))?);
        if let Some((name, closure)) = closures.iter().find(|(name, it)| it.manifest.host != **name) {
            return Err(NoStart::OtherHost { host: name.clone(), is_of: closure.manifest.host.clone() });
        }
        if let Some(name) = elsewhere.iter().find(|name| !closures.contains_key(*name)) {
            return Err(NoStart::NotHere { host: name.clone(), closure: wanted[name].clone() });
        }
        Ok(closures)
    }

    /// Says of each host what it is and what it is to be.
    pub fn known(&self) -> Result<BTreeMap<String, Known>, NoStart> {
        let mut origins = self.fetch(&self.facts.origins())?;
        let known = |(name, to): (&String, &Closure)| {
            let from = origins.remove(name);
            (name.clone(), seen::known(self.facts.reports.get(name), from, to.clone()))
        };
        Ok(self.closures.iter().map(known).collect())
    }

    /// Brings what hosts lack into their stores, all at once, before any of them is touched; and into ours, so that the rollout can go on
    /// when the description says something else.
    pub fn send(&self, record: &Record, tell: &dyn Fn(&str, Sent)) -> Result<(), NoStart> {
        let names: Vec<String> = record.hosts.keys().cloned().collect();
        for closure in names.iter().filter_map(|name| self.closures.get(name)) {
            self.store.add(closure).map_err(NoStart::Store)?;
        }
        let sent = self.connections.each(&names, |name, host| {
            let Some(closure) = self.closures.get(name) else { return Ok(None) };
            host.send(&Packed::of(closure)?).map(Some)
        });
        for (host, sent) in sent {
            match sent {
                Ok(Some(sent)) if sent.objects > 0 => tell(&host, sent),
                Ok(_) => {}
                Err(error) => return Err(NoStart::NotSent { host, error: Box::new(error) }),
            }
        }
        Ok(())
    }

    /// Asks hosts that have nothing yet what must hold before their first switch, and refuses to begin where it does not.
    pub fn check_first(&self, record: &Record) -> Result<(), NoStart> {
        let is_bare = |name: &&String| self.facts.reports.get(*name).is_some_and(|it| it.committed.is_none());
        let names: Vec<String> = record.hosts.keys().filter(is_bare).cloned().collect();
        let asked =
            all_of(self.connections.each(&names, |name, host| prechecks_of(host, &record.hosts[name].to)))?;
        let each = |(name, all): (String, Vec<Checked>)| all.into_iter().map(move |it| (name.clone(), it));
        let failed: Vec<_> = asked.into_iter().flat_map(each).filter(|(_, it)| it.reason.is_some()).collect();
        if failed.is_empty() { Ok(()) } else { Err(NoStart::Prechecks { failed }) }
    }

    /// Asks all hosts what they would refuse over, and returns how each would refuse: if those of later waves did, those of earlier ones
    /// would go and come back.
    pub fn check(
        &self,
        targets: &BTreeMap<String, HostTarget>,
        options: &Options,
    ) -> Result<Vec<(String, Verdict)>, NoStart> {
        let names: Vec<String> = targets.keys().cloned().collect();
        let checked = all_of(
            self.connections.each(&names, |name, host| executor::check(host, &targets[name], options)),
        )?;
        Ok(checked.into_iter().filter_map(|(name, verdict)| Some((name, verdict?))).collect())
    }
}

/// Returns what each host answered, unless one did not answer as it should.
fn all_of<T>(answers: BTreeMap<String, Result<T, RemoteError>>) -> Result<BTreeMap<String, T>, NoStart> {
    let (mut all, mut failed) = (BTreeMap::new(), Vec::new());
    for (name, answer) in answers {
        match answer {
            Ok(answer) => drop(all.insert(name, answer)),
            Err(error) => failed.push((name, error)),
        }
    }
    if failed.is_empty() { Ok(all) } else { Err(NoStart::NoAnswer { failed }) }
}

fn prechecks_of(host: &RemoteHost, closure: &Digest) -> Result<Vec<Checked>, RemoteError> {
    /// What `prechecks --json` prints, as far as it matters here.
    #[derive(Deserialize)]
    struct Answered {
        prechecks: Vec<Checked>,
    }
    let mut text = String::new();
    let words = ["prechecks", &format!("--stored={closure}"), "--json"];
    let (code, said) = host.follow(&words, LONG_SILENCE, |line| text += line)?;
    match (code, serde_json::from_str::<Answered>(&text)) {
        (Some(_), Ok(answered)) => Ok(answered.prechecks),
        _ => Err(RemoteError::answer(host.name(), if said.is_empty() { &text } else { &said })),
    }
}
