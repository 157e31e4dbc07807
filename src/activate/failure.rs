//! Why a switch did not begin, went back, or got stuck: one type for each, as their exit codes differ.
//!
//! Prints nothing.

use std::path::PathBuf;

use super::machine::systemd::SystemdError;
use super::machine::tool::ToolError;
use super::plan::steps::Refused;
use super::records::adopted::AdoptError;
use super::records::completions::StampError;
use super::records::error_report::ErrorReport;
use super::records::finding::Finding;
use super::records::operators::OperatorError;
use secrets::{SecretError, Vault};
use store::files::FileError;
use store::sealed::SealedError;
use store::version::Version;
use store::{Closure, Digest, StoreError};

/// Why a switch did not begin. Only what has touched nothing returns this; what has begun returns [`Failure`] or [`Stuck`].
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NotBegun {
    #[error("another switch of this host is running")]
    Locked,
    #[error("this host is part of the rollout `{rollout}`, led by {leader}")]
    InRollout { rollout: String, leader: String },
    #[error("refused; nothing on this host was touched")]
    Refused(Vec<Refusal>),
}

/// A switch that neither holds nor was taken back.
#[derive(Debug, thiserror::Error)]
#[error("going back failed; generation {number} is kept, and somebody must look")]
pub struct Stuck {
    /// The generation that was tried, and is kept.
    pub number: u64,
    /// Why it did not hold.
    pub failure: Box<Failure>,
    /// What could not be taken back.
    pub problems: Vec<Failure>,
}

/// A reason not to begin.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Refusal {
    #[error("podman {found} is on this host, and these units need {needed}")]
    OldPodman { found: String, needed: String },
    #[error("the image {image}, needed by {unit}, is not on this host")]
    NoImage { image: String, unit: String },
    #[error("the image {image}, needed by {unit}, cannot be pulled")]
    NotPulled { image: String, unit: String, source: ToolError },
    #[error("Quadlet makes no unit {unit} of {file}{}", listed(complaints))]
    NoUnit { unit: String, file: String, complaints: Vec<String> },
    #[error("systemd does not read these units as they are written{}", listed(complaints))]
    BadUnits { complaints: Vec<String> },
    #[error("{} is not ours, and the description wants its own there", path.display())]
    Foreign { path: PathBuf },
    #[error(
        "{path} is not root's alone: others may write what this host is switched by\n  help: look who wrote there, then \
         `chown root: {path}` and `chmod go-w {path}`"
    )]
    OpenToOthers { path: String },
    #[error(
        "{unit} has the name of a unit of this host, {by}: give what the description calls so another name"
    )]
    HostUnit { unit: String, by: String },
    #[error("{unit} has a name of kolla-lang's own units: give what the description calls so another name")]
    OwnUnit { unit: String },
    #[error("this kernel has no setting `{key}`")]
    NoSysctl { key: String },
    #[error("{unit}: {reason}")]
    Planned { unit: String, reason: String },
    #[error(
        "there is no way back past the task `{task}`, done for generation {done_for}: generation {number} may need what it changed; once \
         that is there again, `--allow-rollback-past {task}`"
    )]
    Past { task: String, done_for: u64, number: u64 },
    #[error(
        "`--allow-rollback-past {task}` names no task that was finished on this host{}",
        instead(finished)
    )]
    NoSuchTask { task: String, finished: Vec<String> },
    #[error(
        "the volume {volume} has data of format {has}, which {units} of format {reads} cannot read\n  help: switch to a generation of \
         format {has} or a later one; or remove the volume, switch, and bring back a backup from before"
    )]
    LaterFormat { volume: String, has: Version, reads: Version, units: String },
    #[error(
        "the volume {volume} has data of format {has}, which {units} of format {reads} does not take over\n  help: switch to a \
         generation of one of these formats first: {from}"
    )]
    FormatStep { volume: String, has: Version, reads: Version, units: String, from: String },
    #[error(
        "the record of the format of the volume {volume} is damaged\n  help: find out which version wrote its data last, and remove \
         {}/{volume}.json", path.display()
    )]
    UnknownFormat { volume: String, path: PathBuf },
    #[error("there is no generation {number} on this host")]
    NoGeneration { number: u64 },
    #[error("there is no generation before this one")]
    NothingBefore,
    #[error("this host has no generation yet")]
    NothingBooted,
    #[error(
        "drift: this host is to go on from {}, and is {}; plan again, from what it is now",
        generation_of(wanted.as_ref()), generation_of(found.as_ref())
    )]
    NotFrom { wanted: Option<Digest>, found: Option<Digest> },
    #[error(
        "{leader} has taken over the rollout `{rollout}`, as its epoch {epoch}; nobody goes on with an earlier one"
    )]
    Overtaken { rollout: String, epoch: u64, leader: String },
    #[error(
        "in the rollout `{rollout}` this host becomes {to}, and {asked} is asked for; only who resumes it may ask for another: \
         `kolla-lang switch --resume`"
    )]
    OtherGoal { rollout: String, to: Digest, asked: Digest },
    #[error("this host is not part of the rollout `{rollout}`: it never was, or somebody ended that")]
    NotInRollout { rollout: String },
    #[error("a switch of this host is open; `kolla-lang switch --follow` shows it")]
    SwitchOpen,
    #[error("this host had no generation before the rollout, so there is nothing to go back to")]
    NoFormer,
    #[error("no generation of this host has the closure {closure} any more")]
    NoGenerationOf { closure: Digest },
    #[error("the switch {tx} is not the one that is open")]
    OtherSwitch { tx: String },
    #[error("`{unit}` is not the name of a unit")]
    NoUnitName { unit: String },
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Systemd(#[from] SystemdError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("drift of {}: expected {}, found {}\n  help: {}", _0.name, _0.expected, _0.found, _0.help)]
    Drift(Box<Finding>),
    #[error(transparent)]
    Record(#[from] SealedError),
    #[error(transparent)]
    Operator(#[from] OperatorError),
}

impl From<&Refused> for Refusal {
    fn from(refused: &Refused) -> Self {
        let Refused { unit, reason } = refused.clone();
        Self::Planned { unit, reason }
    }
}

impl From<Finding> for Refusal {
    fn from(finding: Finding) -> Self {
        Self::Drift(Box::new(finding))
    }
}

fn generation_of(closure: Option<&Digest>) -> String {
    closure.map_or_else(|| "a host without a generation".to_owned(), Digest::to_string)
}

fn listed(all: &[String]) -> String {
    all.iter().map(|it| format!("\n    {it}")).collect()
}

fn instead(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("\n  help: finished were {}", names.join(", ")) }
}

impl From<StampError> for Refusal {
    fn from(error: StampError) -> Self {
        match error {
            StampError::File(error) => error.into(),
            StampError::Tool(error) => error.into(),
        }
    }
}

impl From<Refusal> for NotBegun {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

impl From<StampError> for NotBegun {
    fn from(error: StampError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<FileError> for NotBegun {
    fn from(error: FileError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<StoreError> for NotBegun {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<SealedError> for NotBegun {
    fn from(error: SealedError) -> Self {
        Refusal::from(error).into()
    }
}

/// What went wrong after something was touched.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Failure {
    #[error("{unit} could not be {done}: {result}")]
    Job { unit: String, done: &'static str, result: String, log: Vec<String> },
    #[error("{unit} was not {wanted} within {secs} s: {state}")]
    Late { unit: String, wanted: &'static str, secs: u64, state: String, log: Vec<String> },
    #[error("{unit} did not stay up: {state}")]
    Died { unit: String, state: String, log: Vec<String> },
    #[error("{unit} is a unit of this host by now, {path}: it is left as it is")]
    NotOurs { unit: String, path: String },
    #[error("{unit} runs `{process}` and no container: it is left as it is")]
    OtherProcess { unit: String, process: String },
    #[error("systemd did not take up {unit}: {state}")]
    NotLoaded { unit: String, state: String },
    #[error(
        "{units} stays down: data in its volume {volume} have format {has} by now, and it reads {reads}; it cannot go on as it was tried: \
         {why}\n  help: switch to a generation of format {has} or a later one"
    )]
    Outgrown { units: String, volume: String, has: Version, reads: Version, why: String },
    #[error("what a way back committed cannot be read")]
    Forward { source: Box<StoreError> },
    #[error("it was interrupted")]
    Interrupted,
    #[error("other hosts were not as far as {unit} needs within {secs} s")]
    Unreleased { unit: String, secs: u64 },
    #[error("nobody confirmed it within {secs} s")]
    Unconfirmed { secs: u64 },
    #[error("its process ended before it did")]
    CutOff,
    #[error("{}", trouble.message)]
    Reported { trouble: ErrorReport },
    #[error("its journal has version {version}, written by a newer kolla-lang; run that one")]
    NewerJournal { version: u32 },
    #[error("cannot read the generations of the switch that was cut off")]
    Unreadable { source: Box<StoreError> },
    #[error("the kernel does not take {value} for `{key}`")]
    Sysctl { key: String, value: String, source: FileError },
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Systemd(#[from] SystemdError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    #[error("cannot render the files of containers")]
    Render { source: Box<Refusal> },
}

impl Failure {
    /// Returns the last lines of the failed unit's log.
    pub fn log(&self) -> &[String] {
        match self {
            Self::Job { log, .. } | Self::Late { log, .. } | Self::Died { log, .. } => log,
            Self::Reported { trouble } => &trouble.log,
            _ => &[],
        }
    }

    /// Takes the secrets of generations out of what the failed unit printed: that is told, and written down.
    pub fn without_secrets(mut self, vault: &Vault, closures: &[&Closure]) -> Self {
        if let Self::Job { log, .. } | Self::Late { log, .. } | Self::Died { log, .. } = &mut self {
            vault.hide(closures, log);
        }
        self
    }
}

impl From<&Failure> for ErrorReport {
    fn from(failure: &Failure) -> Self {
        Self { log: failure.log().to_vec(), ..Self::of(failure) }
    }
}
