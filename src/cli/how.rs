//! The words of a command that say how a switch is to be done: options that travel as one value, wherever they are taken up.

use clap::Args;

use super::adopt::accept_all;
use super::exit::Exit;
use super::part::PartArgs;
use super::say::say_wrong;
use activate::history::seconds_now;
use activate::layout::Layout;
use activate::name::parse_name;
use activate::request::{NoGate, Options};
use sign::Signed;

/// How a switch is to be done.
#[derive(Debug, Args)]
pub struct HowArgs {
    /// Go back unless `kolla-lang confirm` is given in time, like `60s` or `5m`
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    confirm_within: Option<u64>,
    /// Go back unless all is done in time; by default what the units' own limits come to
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    deadline: Option<u64>,
    /// Do not wait for the gate of this unit, or of `all`; what is not asked is said
    #[arg(long, value_name = "NAME")]
    no_gate: Vec<String>,
    /// Let units of the data plane be stopped and restarted; guests depend on them
    #[arg(long)]
    allow_dataplane: bool,
    /// Let tasks run past which there is no way back
    #[arg(long)]
    allow_one_way: bool,
    /// Go back past this finished task, when what it changed is there again
    #[arg(long, value_name = "TASK")]
    allow_rollback_past: Vec<String>,
    #[arg(long, value_name = "TASK", hide = true, value_parser = renamed_to_rollback_past)]
    allow_behind: Option<String>,
    /// Leave tasks that come after the commit to another switch, as `--host` does where there are other hosts: they may run what is old
    #[arg(long)]
    leave_last: bool,
    /// Accept by name what is there: a path or a container that `status` or a refusal names
    #[arg(long, value_name = "NAME")]
    adopt: Vec<String>,
    /// What an operator signed of it, where the host takes nothing else
    #[arg(long, value_name = "SIGNATURE", hide = true)]
    signature: Option<Signed>,
    /// What the switch is called, so that it can be followed by name
    #[arg(long, value_name = "NAME", hide = true, value_parser = parse_name)]
    tx: Option<String>,
    #[command(flatten)]
    part: PartArgs,
}

impl HowArgs {
    /// Accepts what is named, before the switch looks for what is in its way.
    pub fn accept(&self) -> Result<(), Exit> {
        accept_all(&Layout::new("/"), &self.adopt)
    }

    /// Returns them as the switch takes them.
    pub fn options(&self) -> Options {
        let Self {
            confirm_within,
            deadline,
            no_gate,
            allow_dataplane,
            allow_one_way,
            allow_rollback_past,
            allow_behind: _,
            leave_last,
            adopt: _,
            tx: _,
            signature,
            part,
        } = self;
        Options {
            confirm_within: *confirm_within,
            deadline: *deadline,
            no_gate: NoGate::from_words(no_gate),
            allow_dataplane: *allow_dataplane,
            allow_one_way: *allow_one_way,
            allow_rollback_past: allow_rollback_past.iter().cloned().collect(),
            leave_last: *leave_last,
            part: part.part(),
            take_over: part.take_over(),
            signature: signature.clone(),
        }
    }

    /// Returns what the switch was called, if somebody named it.
    pub fn named(&self) -> Option<String> {
        self.tx.clone()
    }

    /// Returns what the switch is called.
    pub fn tx(&self) -> String {
        self.tx.clone().unwrap_or_else(new_name)
    }

    /// Returns the words that ask another host for a switch by these options, but for its name.
    pub fn words(&self, options: &Options) -> Vec<String> {
        let mut words = options.words();
        words.extend(self.adopt.iter().map(|name| format!("--adopt={name}")));
        words
    }

    /// Refuses what is about one host.
    pub fn check_for_many(&self) -> Result<(), Exit> {
        if self.adopt.is_empty() {
            return Ok(());
        }
        say_wrong!("error: `--adopt` is about one host: name it with `--host`, or say `--local`");
        Err(Exit::Wrong)
    }
}

/// Refuses the name that an option had in the release before.
fn renamed_to_rollback_past(_: &str) -> Result<String, String> {
    Err("it is called `--allow-rollback-past` now".to_owned())
}

/// Makes a name for a switch.
pub fn new_name() -> String {
    format!("{}-{}", seconds_now(), std::process::id())
}

/// Reads a time as whole seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    u64::try_from(span.as_secs())
        .ok()
        .filter(|secs| *secs > 0)
        .ok_or_else(|| "it must be a second or more".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use activate::part::{Lead, Part};
    use clap::Parser;
    use store::Digest;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        how: HowArgs,
    }

    #[test]
    fn options_arrive_at_another_host_as_they_were() {
        let lead = Lead { rollout: "17-1".into(), epoch: 2, leader: "ann on desk".into() };
        let waits = ["a.service".to_owned()].into();
        let part = Part { lead, from: Some(Digest::of(b"x")), waits, finish: false };
        let names = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
        let all = Options {
            confirm_within: Some(60),
            deadline: Some(3600),
            no_gate: NoGate::Of(names(&["a", "b.service"])),
            allow_dataplane: true,
            allow_one_way: true,
            allow_rollback_past: names(&["drop columns"]),
            leave_last: true,
            part: Some(part),
            take_over: None,
            signature: None,
        };
        let other = Options { no_gate: NoGate::All, take_over: Some("17-1".into()), ..Options::default() };
        for options in [Options::default(), all, other] {
            let words = std::iter::once("line".to_owned()).chain(options.words());
            let line = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(line.how.options(), options);
        }
    }
}
