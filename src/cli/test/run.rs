//! One test: its description is made as `build` would make it, and its expectations are asked of what came out.

use std::sync::atomic::{AtomicUsize, Ordering};

use kl::Compiled;
use kl::data::Data;
use kl::diag::{Diagnostic, Problems, Severity, did_you_mean};
use kl::types::hir::TestDef;
use kl::value::caller::{Answer, Caller};
use kl::value::expect::Judged;

use super::super::build::{Made, make_quietly};
use super::super::describe::{Described, PARTITION, Typed};
use model::decode_file;
use render::document::render_file;
use store::Closure;
use store::shown::named;

/// Runs one test.
pub fn judge(typed: &Typed, test: &TestDef, jobs: usize) -> Judged {
    let compiled = typed.checked.evaluate_with(test, Some(PARTITION));
    let described = Described { compiled, secrets: typed.secrets.clone(), lock: typed.lock.clone() };
    let made = make_quietly(&described, jobs);
    described.compiled.judge(test, &Asked { compiled: &described.compiled, made: &made })
}

/// Does something with each of many things, at most `jobs` at once, and returns what came of them in their order. Where there are fewer things than
/// `jobs`, each is told how many threads it may use.
pub fn each<T: Sync, R: Send>(all: &[T], jobs: usize, one: impl Fn(&T, usize) -> R + Sync) -> Vec<R> {
    let n_threads = jobs.clamp(1, all.len().max(1));
    let inner = (jobs / n_threads).max(1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut out = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(it) = all.get(i) else { return out };
            out.push((i, one(it, inner)));
        }
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, it)| it).collect()
}

/// What a test may ask about its description.
struct Asked<'a> {
    compiled: &'a Compiled,
    made: &'a Made<Closure>,
}

impl Caller for Asked<'_> {
    fn rendered(&self, name: &str, value: &Data) -> Answer {
        let Some(file) = decode_file(value) else {
            let help = "write the path of one, as in `hosts.ctl01.files.\"/etc/hosts\"`";
            return Answer::Refused(format!("`{name}` is no file"), Some(help.to_owned()));
        };
        match render_file(name, &file, &mut Problems::default()) {
            Some(rendered) => Answer::Text(named(&rendered.text, &rendered.holes)),
            // Of a file of the description it was reported; one that a test makes is rendered here alone.
            None => self.failed(format!("`{name}` cannot be rendered")),
        }
    }

    fn built(&self, path: &[String], file: &str) -> Answer {
        let [partition, host] = path else { return not_a_host() };
        if partition != PARTITION {
            return not_a_host();
        }
        let Some(closure) = self.made.closures.get(host) else {
            return self.failed(format!("nothing is built for `{host}`"));
        };
        let Some(found) = closure.files.get(file) else {
            let known = closure.files.keys().map(String::as_str);
            return Answer::Refused(format!("`{host}` has no file `{file}`"), did_you_mean(file, known));
        };
        let folders = closure.manifest.folders.iter().flat_map(|folder| &folder.files);
        let holes = folders.filter(|it| it.path == file).flat_map(|it| it.holes.clone()).collect::<Vec<_>>();
        Answer::Text(named(&String::from_utf8_lossy(&found.bytes), &holes))
    }

    fn reports(&self) -> &[Diagnostic] {
        &self.made.problems
    }
}

impl Asked<'_> {
    /// There is no text: because of a mistake that was reported, or for the reason given.
    fn failed(&self, why: String) -> Answer {
        let is_reported = self.made.problems.iter().any(|it| it.severity <= Severity::Error)
            || self.compiled.problems().has_errors();
        if is_reported { Answer::Failed } else { Answer::Refused(why, None) }
    }
}

fn not_a_host() -> Answer {
    Answer::Refused("files are built for hosts".to_owned(), Some("name one, as in `hosts.ctl01`".to_owned()))
}
