//! What a rollout tells while it goes on, and at its end.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::exit::Exit;
use super::host::Answer;
use super::say::{say, say_wrong};
use super::verdict::words_of;
use activate::journal::Record as Journalled;
use fleet::errors::are;
use fleet::executor::RolloutEvent;
use fleet::plan::FleetPlan;
use fleet::record::{Course, End, Phase, Record};
use fleet::rollout::Command;

/// How many hosts are shown by name that are at it.
const N_SHOWN: usize = 4;

/// Tells what a rollout does, and shows on a terminal how far its hosts are.
pub struct RolloutProgress {
    answer: Answer,
    bar: ProgressBar,
    hosts: Mutex<BTreeMap<String, Progress>>,
}

/// How far a host is with its units.
#[derive(Debug, Default)]
struct Progress {
    is_at_it: bool,
    up: usize,
    all: usize,
}

impl RolloutProgress {
    /// Begins to tell. What a plan says of hosts, where there is one, is what there is to be done.
    pub fn new(answer: Answer, plan: Option<&FleetPlan>) -> Self {
        let mut hosts: BTreeMap<String, Progress> = BTreeMap::new();
        for planned in plan.iter().flat_map(|it| &it.nodes).filter(|it| it.node.action != "stop") {
            hosts.entry(planned.node.host.clone()).or_default().all += 1;
        }
        let bar = ProgressBar::new_spinner();
        if answer != Answer::Text || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { answer, bar, hosts: Mutex::new(hosts) }
    }

    /// Tells of a host.
    pub fn tell(&self, host: &str, told: &RolloutEvent<'_>) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = hosts.entry(host.to_owned()).or_default();
        match told {
            RolloutEvent::Asked(Command::Switch { .. } | Command::Return { .. }) => progress.is_at_it = true,
            RolloutEvent::Record(Journalled::Up { .. }) => progress.up += 1,
            RolloutEvent::Record(Journalled::Waiting { .. } | Journalled::Reverting { .. }) => {
                progress.is_at_it = false;
            }
            _ => {}
        }
        self.bar.set_message(at_it(&hosts));
        drop(hosts);
        self.bar.suspend(|| print_told(host, told, self.answer));
    }

    /// Ends what is shown.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Says which hosts are at it, and how far.
fn at_it(hosts: &BTreeMap<String, Progress>) -> String {
    let words = |(name, it): (&String, &Progress)| match it.all {
        0 => name.clone(),
        all => format!("{name} {} of {all}", it.up.min(all)),
    };
    let mut shown: Vec<String> = hosts.iter().filter(|(_, it)| it.is_at_it).map(words).collect();
    let n_more = shown.len().saturating_sub(N_SHOWN);
    if n_more > 0 {
        shown.truncate(N_SHOWN);
        shown.push(format!("{n_more} more"));
    }
    shown.join(", ")
}

/// Prints what a host does.
pub fn print_told(host: &str, told: &RolloutEvent<'_>, answer: Answer) {
    let words = match told {
        RolloutEvent::Warning(words) => {
            say_wrong!("warning: {host}: {words}");
            return;
        }
        _ if answer != Answer::Text => return,
        RolloutEvent::Asked(Command::Switch { .. }) => "switch".to_owned(),
        RolloutEvent::Asked(Command::Release(place)) => format!("release  {}", place.unit),
        RolloutEvent::Asked(Command::Confirm(_)) => "confirm".to_owned(),
        RolloutEvent::Asked(Command::Return { .. }) => "return".to_owned(),
        RolloutEvent::Asked(Command::Finish(_)) => "finish".to_owned(),
        RolloutEvent::Sent(sent) => format!("sent     {} objects, {} bytes", sent.objects, sent.bytes),
        RolloutEvent::Record(Journalled::Waiting { .. }) => "ready    its gates hold".to_owned(),
        RolloutEvent::Record(record) => match words_of(record) {
            Some(words) => words,
            None => return,
        },
        RolloutEvent::Said(words) => (*words).to_owned(),
        RolloutEvent::Lost => {
            "lost     the connection; the host goes on by itself, and is called again".to_owned()
        }
    };
    say!("{host}  {words}");
}

/// Prints how a rollout ended, and returns the exit code for it.
/// `is_all` says whether all hosts were meant.
pub fn say_end(record: &Record, end: &End, is_all: bool, answer: Answer) -> Exit {
    let exit = match end {
        End::Done => Exit::Done,
        End::Unreachable => Exit::Warnings,
        End::Refused { .. } => Exit::Refused,
        End::Returned { .. } => Exit::Reverted,
        End::Stopped { .. } => Exit::Stuck,
    };
    if answer == Answer::Json {
        say!(
            "{}",
            json!({ "version": 1, "rollout": record.rollout, "cloud": record.cloud, "hosts": record.hosts, "end": end, "exit": exit as u8 })
        );
        return exit;
    }
    let of_phase = |phase: Phase| -> Vec<String> {
        record.hosts.iter().filter(|(_, it)| it.phase == phase).map(|(name, _)| name.clone()).collect()
    };
    match end {
        End::Done => {
            let begin = if record.hosts.is_empty() { "nothing to do" } else { "done" };
            let all = if is_all { "all hosts" } else { "all hosts that were meant" };
            say!("{begin}: {all} are on the cloud {}", record.cloud.short());
        }
        End::Unreachable => {
            say_wrong!("warning: {} unreachable: skipped", are(&of_phase(Phase::Unreachable)));
            say_wrong!("  help: `kolla-lang switch --resume` does it, once it can be reached");
        }
        End::Refused { why } => {
            say_wrong!("error: {why}");
            say_wrong!("refused; nothing was touched");
        }
        End::Returned { why } => {
            say_wrong!("error: {why}");
            say_wrong!("all hosts are back where they were");
        }
        End::Stopped { why } => {
            say_wrong!("error: {why}");
            let way = match record.course {
                Course::Forward => "forward",
                Course::Back { .. } => "back",
            };
            say_wrong!("the rollout {} stopped on its way {way}, and somebody must look", record.rollout);
            for (name, host) in &record.hosts {
                say_wrong!("  {name}  {}", phase_words(host.phase));
            }
            say_wrong!("  help: `kolla-lang switch --resume` asks the hosts again and goes on");
        }
    }
    exit
}

fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting | Phase::Returned => "is where it was",
        Phase::Switching | Phase::Holding | Phase::Confirming => "was in the middle of its switch",
        Phase::Committed | Phase::Finishing => "is committed",
        Phase::Finished => "is committed, and did what was left for the end",
        Phase::Returning => "was on its way back",
        Phase::Unreachable => "was not reached at first",
        Phase::Forward => "is back, but for data of a later format, which goes on as it was tried",
        Phase::Lost => "nobody knows, or it cannot go on by itself",
    }
}
