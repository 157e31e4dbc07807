//! Makes the closures of many hosts on all processors, with a result that does not depend on how many there are.
//!
//! Does not know how a closure is made or where it goes; both are given.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Calls `make` for each host, several at once, and returns the results by host.
///
/// A failure is that of the first host in the given order, whichever failed first. `jobs` of nothing means one per processor.
pub fn for_each_host<T: Send, E: Send>(
    hosts: &[String],
    jobs: Option<NonZero<usize>>,
    make: impl Fn(&str) -> Result<T, E> + Sync,
) -> Result<BTreeMap<String, T>, E> {
    let jobs = jobs
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZero::get)
        .min(hosts.len().max(1));
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((idx, host)) = take(&next, hosts) {
                    let result = make(host);
                    if result.is_err() {
                        // Hosts already taken are finished, so the first failure in order is always among the results.
                        next.store(hosts.len(), Ordering::Relaxed);
                    }
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(idx, result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|(idx, result)| Ok((hosts[idx].clone(), result?))).collect()
}

fn take<'a>(next: &AtomicUsize, hosts: &'a [String]) -> Option<(usize, &'a str)> {
    let idx = next.fetch_add(1, Ordering::Relaxed);
    hosts.get(idx).map(|host| (idx, host.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_failures_do_not_depend_on_jobs() {
        let hosts: Vec<String> = (0..100).map(|it| format!("h{it:03}")).collect();
        for jobs in [1, 2, 7] {
            let jobs = NonZero::new(jobs);
            let all = for_each_host(&hosts, jobs, |host| Ok::<_, ()>(host.len()));
            assert_eq!(all.map(|it| it.len()), Ok(100));
            let failed =
                for_each_host(
                    &hosts,
                    jobs,
                    |host| if host >= "h050" { Err(host.to_owned()) } else { Ok(()) },
                );
            assert_eq!(failed, Err("h050".to_owned()));
        }
    }
}
