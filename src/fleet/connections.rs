//! The hosts of a fleet as whoever leads it has them: connected, with this program on each. Asks them all at once.
//!
//! Knows no rollout.

use std::collections::{BTreeMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::program::Program;
use super::remote::{RemoteError, RemoteHost};
use super::ssh::{Connection, Reach};
use super::sudo::Sudo;

/// How many hosts are asked at once: each is a process of ssh on this machine.
const N_AT_ONCE: usize = 32;
/// How often a host is called again whose connection was lost, and how long is waited between.
const N_CALLS: u32 = 12;
const BETWEEN: Duration = Duration::from_secs(5);

/// Hosts that were reached.
#[derive(Debug)]
pub struct Connections {
    members: BTreeMap<String, Member>,
    sudo: Arc<Sudo>,
    /// Whether nobody is to be called again.
    closed: AtomicBool,
}

#[derive(Debug)]
struct Member {
    reach: Reach,
    host: Mutex<Arc<RemoteHost>>,
}

impl Connections {
    /// Reaches hosts; returns those that could not be beside, with the reason.
    pub fn reach(
        reaches: &BTreeMap<String, Reach>,
        program: &Program,
        sudo: &Arc<Sudo>,
    ) -> (Self, BTreeMap<String, RemoteError>) {
        let (mut members, mut unreached) = (BTreeMap::new(), BTreeMap::new());
        let reached = all_at_once(reaches.values().collect(), |reach: &Reach| {
            let host = RemoteHost::reach(Connection::open(reach.clone(), sudo)?, program)?;
            Ok(Member { reach: reach.clone(), host: Mutex::new(Arc::new(host)) })
        });
        for (reach, result) in reaches.values().zip(reached) {
            match result {
                Ok(member) => drop(members.insert(reach.host.clone(), member)),
                Err(error) => drop(unreached.insert(reach.host.clone(), error)),
            }
        }
        (Self { members, sudo: Arc::clone(sudo), closed: AtomicBool::new(false) }, unreached)
    }

    /// Returns the names of those that were reached.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.members.keys()
    }

    /// Returns a host, if it was reached.
    pub fn host(&self, name: &str) -> Option<Arc<RemoteHost>> {
        self.members.get(name).map(|it| Arc::clone(&it.host.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Calls a host again whose connection was lost; nothing where it does not answer for a minute and more.
    pub fn again(&self, name: &str) -> Option<Arc<RemoteHost>> {
        let member = self.members.get(name)?;
        for _ in 0..N_CALLS {
            if self.closed.load(Ordering::Relaxed) {
                return None;
            }
            thread::sleep(BETWEEN);
            let Ok(connection) = Connection::open(member.reach.clone(), &self.sudo) else { continue };
            let mut host = member.host.lock().unwrap_or_else(PoisonError::into_inner);
            *host = Arc::new(host.with(connection));
            return Some(Arc::clone(&host));
        }
        None
    }

    /// Does something with hosts, all at once; those that were not reached are left out.
    pub fn each<T: Send>(
        &self,
        names: &[String],
        act: impl Fn(&str, &RemoteHost) -> T + Sync,
    ) -> BTreeMap<String, T> {
        let hosts: Vec<(&String, Arc<RemoteHost>)> =
            names.iter().filter_map(|name| Some((name, self.host(name)?))).collect();
        let done = all_at_once(hosts.iter().collect(), |(name, host)| act(name, host));
        hosts.iter().map(|(name, _)| (*name).clone()).zip(done).collect()
    }

    /// Ends all connections, and whatever still uses one.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let names: Vec<String> = self.members.keys().cloned().collect();
        self.each(&names, |_, host| host.close());
    }
}

/// Does something with each item, many at once; the results are in the order of the items.
fn all_at_once<I: Send + Copy, T: Send>(items: Vec<I>, act: impl Fn(I) -> T + Sync) -> Vec<T> {
    let n_threads = items.len().min(N_AT_ONCE);
    let queue = Mutex::new(items.into_iter().enumerate().collect::<VecDeque<_>>());
    let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let mut done: Vec<(usize, T)> = thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            while let Some((idx, item)) = take() {
                done.push((idx, act(item)));
            }
            done
        };
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        let join = |it: thread::ScopedJoinHandle<'_, Vec<(usize, T)>>| {
            it.join().unwrap_or_else(|it| resume_unwind(it))
        };
        threads.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(idx, _)| *idx);
    done.into_iter().map(|(_, it)| it).collect()
}
