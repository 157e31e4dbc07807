//! Runs one thing after the other, and sees when one panics or does not end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long one may take; what is not optimized takes several times as long.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 100 } else { 10 });

/// What is being run: how to run it again, since when, and what it is about.
type Now = Arc<Mutex<Option<(String, Instant, String)>>>;

/// What went wrong so far, and what is being run.
pub struct Watch {
    now: Now,
    failed: Mutex<Vec<String>>,
}

impl Watch {
    /// Begins to watch. What takes too long ends the process: nothing can stop a thread.
    pub fn begin() -> Watch {
        let now: Now = Arc::default();
        let watched = now.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(200));
                let now = watched.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if let Some((again, since, about)) = &*now
                    && since.elapsed() > LONGEST
                {
                    eprintln!("   longer than {} s: {again}\n{about}", LONGEST.as_secs());
                    std::process::exit(1);
                }
            }
        });
        Watch { now, failed: Mutex::default() }
    }

    /// Runs one thing, which is run again by these arguments.
    pub fn run(&self, again: &str, run: impl FnOnce()) {
        self.set(Some((again.to_owned(), Instant::now(), String::new())));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            self.fail(text);
        }
        self.set(None);
    }

    /// Says what is being run, for when it goes wrong.
    pub fn about(&self, text: String) {
        if let Some(now) = &mut *self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            now.2 = text;
        }
    }

    /// Notes that what is being run went wrong.
    pub fn fail(&self, why: &str) {
        let now = self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let (again, _, about) = now.unwrap_or_else(|| (String::new(), Instant::now(), String::new()));
        eprintln!("   {again}: {why}\n{about}");
        self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(again);
    }

    /// Ends the process as it must.
    pub fn end(self) {
        let failed = self.failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !failed.is_empty() {
            eprintln!("   {} went wrong: {}", failed.len(), failed.join("; "));
            std::process::exit(1);
        }
    }

    fn set(&self, now: Option<(String, Instant, String)>) {
        *self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
    }
}
