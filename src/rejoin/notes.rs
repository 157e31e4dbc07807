//! Who was not believed, and why: told in the log now and then, and kept of hosts of the group for their report.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a line is told.
const BETWEEN: Duration = Duration::from_secs(10);
/// How long what a host said wrongly is told of it.
const FRESH: Duration = Duration::from_secs(15);

/// The notes of a listener.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    hosts: BTreeMap<String, (String, Instant)>,
    told: Option<Instant>,
    n_untold: u64,
}

impl Notes {
    /// Notes why a host of the group was not believed.
    pub fn of_host(&self, host: &str, why: &str) {
        self.kept().hosts.insert(host.to_owned(), (why.to_owned(), Instant::now()));
        self.tell(host, why);
    }

    /// Notes that somebody at an address was not heard.
    pub fn of_address(&self, from: IpAddr, why: &str) {
        self.tell(&from.to_string(), why);
    }

    /// Notes that a process of this host was not heard.
    pub fn of_process(&self, pid: i32, why: &str) {
        self.tell(&format!("process {pid}"), why);
    }

    /// Returns why a host was not believed a moment ago.
    pub fn why(&self, host: &str) -> Option<String> {
        self.kept().hosts.get(host).filter(|(_, at)| at.elapsed() < FRESH).map(|(why, _)| why.clone())
    }

    fn tell(&self, who: &str, why: &str) {
        let mut kept = self.kept();
        if kept.told.is_some_and(|at| at.elapsed() < BETWEEN) {
            kept.n_untold += 1;
            return;
        }
        let n_untold = std::mem::take(&mut kept.n_untold);
        kept.told = Some(Instant::now());
        drop(kept);
        match n_untold {
            0 => eprintln!("not heard: {who}: {why}"),
            n => eprintln!("not heard: {who}: {why}; and {n} more since the last line"),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
