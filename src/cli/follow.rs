//! Asks for a switch and follows it: the switch is a service of its own, and goes on when nobody follows any more.
//!
//! Does nothing to the host but put the closure into its store and start that service.

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::exit::Exit;
use super::host::{Answer, complain};
use super::how::HowArgs;
use super::say::{say, say_wrong};
use super::verdict::{no_end, print_event, print_record, report};
use activate::compare::compare;
use activate::failure::NotBegun;
use activate::journal::{self, Reader, Record};
use activate::layout::Layout;
use activate::lazy_systemd::LazySystemd;
use activate::request::{Options, Request, Target};
use activate::revert_timer::{SWITCH_SERVICE, is_attended, revert_service};
use activate::systemd::{Launch, Systemd, SystemdError, UnitState};
use activate::verdict::Verdict;
use store::{files, lock};

/// How often a journal is looked at.
const LOOK: Duration = Duration::from_millis(40);
/// How often an empty line tells whoever reads events that this host is still there.
const STILL_THERE: Duration = Duration::from_secs(10);
/// How often it is asked whether somebody still writes it, and how often nobody may before that is believed.
const ASK: Duration = Duration::from_secs(1);
const N_SILENT: u32 = 4;
/// How often it is looked whether a switch is gone that has told its end.
const N_MOMENTS: u32 = 75;
/// Seconds that a switch has to go back when it is told to end, before it is killed and recovery goes on.
const STOP_SECS: u64 = 30;

/// Switches this host and says how it went.
pub fn run_switch(target: &Target, how: &HowArgs, answer: Answer) -> Exit {
    switch_here(target, how.options(), how.tx(), answer)
}

/// Switches this host, by a switch that is called `tx`, and says how it went.
pub fn switch_here(target: &Target, options: Options, tx: String, answer: Answer) -> Exit {
    let layout = Layout::new("/");
    let mut systemd = LazySystemd::connect();
    let_end(&layout, &mut systemd);
    // Whoever asks again for a switch of that name lost sight of it.
    if journal::is_open(&layout, &tx) || files::exists(&layout.closed_journal(&tx)) {
        return follow(&layout, &mut systemd, Some(tx), answer);
    }
    match compare(&layout, &mut systemd, target, &options) {
        Ok(None) => {}
        Ok(Some(outcome)) => return report(&Verdict::from(&outcome), answer),
        Err(error) => return report(&Verdict::from(&error), answer),
    }
    let requested = match target.store(&layout) {
        Ok(requested) => requested,
        Err(error) => return report(&Verdict::from(&NotBegun::from(error)), answer),
    };
    match launch(&mut systemd, Request { tx: tx.clone(), requested, options }) {
        Ok(()) => {}
        Err(LaunchError::Systemd(SystemdError::Exists { .. })) => return report(&Verdict::Locked, answer),
        Err(error) => return no_end(complain(&error, Exit::Refused), answer),
    }
    follow(&layout, &mut systemd, Some(tx), answer)
}

/// Lets a switch be gone that has told its end: for a moment it still has the lock and the name of its service.
fn let_end(layout: &Layout, systemd: &mut dyn Systemd) {
    for _ in 0..N_MOMENTS {
        let has_service = |state: UnitState| !matches!(state.active.as_str(), "" | "inactive" | "failed");
        let is_there = lock::is_taken(&layout.lock()).unwrap_or(false)
            || systemd.state(SWITCH_SERVICE).is_ok_and(has_service);
        if files::exists(&layout.journal()) || !is_there {
            return;
        }
        std::thread::sleep(LOOK);
    }
}

/// Says whether a switch that has told its end is over for whoever asks the host next: its journal is closed, and its lock is free or
/// held by the switch after it.
fn is_over(layout: &Layout, tx: Option<&str>) -> bool {
    !tx.is_some_and(|tx| journal::is_open(layout, tx))
        && (files::exists(&layout.journal()) || !lock::is_taken(&layout.lock()).unwrap_or(false))
}

/// Why the service of a switch did not start.
#[derive(Debug, thiserror::Error)]
enum LaunchError {
    #[error("cannot find this program's own file")]
    Program(#[source] std::io::Error),
    #[error("cannot start {SWITCH_SERVICE}; nothing on this host was touched")]
    Systemd(#[source] SystemdError),
}

fn launch(systemd: &mut dyn Systemd, request: Request) -> Result<(), LaunchError> {
    let program = std::env::current_exe().map_err(LaunchError::Program)?;
    // Writing plain structs into memory cannot fail.
    let text = serde_json::to_string(&request).unwrap_or_default();
    let command = vec![program.to_string_lossy().into_owned(), "activate".into(), "switch".into(), text];
    let service = Launch {
        name: SWITCH_SERVICE.to_owned(),
        description: "Switch this host to another generation of kolla-lang".to_owned(),
        command,
        on_failure: revert_service(&request.tx),
        honest: [Exit::Refused, Exit::Reverted, Exit::Warnings, Exit::Stuck, Exit::Locked]
            .map(|exit| i32::from(exit as u8))
            .to_vec(),
        stop_secs: STOP_SECS,
    };
    systemd.launch(&service).map_err(LaunchError::Systemd)
}

/// Follows the switch of that name; without one the switch that runs, or tells how the last one went.
pub fn follow_last(tx: Option<String>, answer: Answer) -> Exit {
    let layout = Layout::new("/");
    if tx.is_none() && !files::exists(&layout.journal()) && newest(&layout).is_none() {
        say_wrong!("error: there was no switch of this host that could be followed");
        return no_end(Exit::Wrong, answer);
    }
    follow(&layout, &mut LazySystemd::connect(), tx, answer)
}

/// Shows a switch until it ended, the one named, or the one that runs, or the last one, and says how it ended.
pub fn follow(layout: &Layout, systemd: &mut dyn Systemd, tx: Option<String>, answer: Answer) -> Exit {
    match watch(layout, systemd, tx, answer) {
        Ok(verdict) => report(&verdict, answer),
        Err(exit) => no_end(exit, answer),
    }
}

/// Shows a switch until it ended, and returns how. That nobody can say any more how it ends was printed when the exit code comes back.
pub fn watch(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    tx: Option<String>,
    answer: Answer,
) -> Result<Verdict, Exit> {
    let mut watched = Watched { tx, file: None, reader: Reader::default() };
    let (mut asked, mut silent, mut told) = (Instant::now(), 0, Instant::now());
    let mut ended = None;
    loop {
        let looked = watched.look(layout, |record| match (answer, record) {
            (Answer::Json, _) | (_, Record::End(_)) => {}
            (Answer::Text, _) => print_record(record),
            (Answer::Events, _) => {
                told = Instant::now();
                print_event(record);
            }
        });
        if answer == Answer::Events && told.elapsed() >= STILL_THERE {
            told = Instant::now();
            say!("");
        }
        ended = ended.or(looked.map_err(|error| complain(&error, Exit::Stuck))?);
        if ended.is_some() && is_over(layout, watched.tx.as_deref()) {
            return ended.ok_or(Exit::Stuck);
        }
        if asked.elapsed() >= ASK {
            asked = Instant::now();
            silent = if is_attended(systemd, watched.tx.as_deref()) { 0 } else { silent + 1 };
        }
        if silent >= N_SILENT {
            // What was told holds also where its process was killed before it could close its journal; the next run does that.
            return ended.ok_or_else(|| abandoned(systemd, watched.file.is_some()));
        }
        std::thread::sleep(LOOK);
    }
}

/// Says that nobody writes a journal any more.
fn abandoned(systemd: &mut dyn Systemd, has_begun: bool) -> Exit {
    let log = systemd.log(SWITCH_SERVICE);
    let exit = if has_begun {
        say_wrong!("error: the process of this switch is gone, and nobody took the host back");
        say_wrong!("  help: any `kolla-lang switch` or `rollback` does that first");
        Exit::Stuck
    } else {
        say_wrong!("error: {SWITCH_SERVICE} ended before it began; nothing on this host was touched");
        Exit::Refused
    };
    for line in log {
        say_wrong!("  | {line}");
    }
    exit
}

/// A journal that is followed.
struct Watched {
    tx: Option<String>,
    file: Option<File>,
    reader: Reader,
}

impl Watched {
    /// Hands on what is new, and returns how the switch ended if it has.
    fn look(
        &mut self,
        layout: &Layout,
        mut show: impl FnMut(&Record),
    ) -> Result<Option<Verdict>, std::io::Error> {
        if self.file.is_none() && !self.find(layout)? {
            return Ok(None);
        }
        let Some(file) = &mut self.file else { return Ok(None) };
        self.reader.feed_from(file)?;
        while let Some(record) = self.reader.next_record() {
            show(&record);
            match record {
                Record::End(verdict) => return Ok(Some(verdict)),
                Record::Asked { tx, .. } => self.tx = Some(tx),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Opens the journal that is meant, if it is there yet.
    fn find(&mut self, layout: &Layout) -> Result<bool, std::io::Error> {
        let candidates = match &self.tx {
            Some(tx) => vec![layout.closed_journal(tx), layout.journal()],
            None => std::iter::once(layout.journal()).chain(newest(layout)).collect(),
        };
        for path in candidates {
            let mut file = match File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let mut first = Reader::default();
            first.feed_from(&mut file)?;
            let is_it = match (first.next_record(), &self.tx) {
                (Some(Record::Asked { tx, .. }), Some(wanted)) => tx == *wanted,
                (first, None) => first.is_some(),
                _ => false,
            };
            if is_it {
                self.file = Some(file);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Returns the journal of the switch that ended last.
fn newest(layout: &Layout) -> Option<PathBuf> {
    journal::closed(layout).ok()?.pop()
}
