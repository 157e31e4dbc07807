//! Why a rollout neither begins nor goes on, in the lines that are printed of it.

use std::error::Error;

use super::errors::{are, listed};
use super::remote::RemoteError;
use super::seen::Claims;
use activate::prechecks::Checked;
use store::{Digest, StoreError};

/// Why no rollout begins or goes on. Nothing was touched but stores.
#[derive(Debug)]
#[expect(missing_docs, reason = "the lines say it")]
pub enum NoStart {
    NoRole { role: String, known: Vec<String> },
    NoneReached,
    NoAnswer { failed: Vec<(String, RemoteError)> },
    NotSent { host: String, error: Box<RemoteError> },
    Store(StoreError),
    Open { claims: Claims, unended: Option<String> },
    Several { rollouts: Vec<String> },
    OtherCloud { rollout: String, cloud: Digest, described: Digest },
    NoCloud,
    First { hosts: Vec<String> },
    OtherHost { host: String, is_of: String },
    NotHere { host: String, closure: Digest },
    Unheard { host: String, epoch: u64, rollout: String },
    NoTask { task: String },
    Prechecks { failed: Vec<(String, Checked)> },
}

impl NoStart {
    /// Returns what is printed: what is wrong, and what to do.
    pub fn lines(&self) -> Vec<String> {
        let one = |error: String, help: String| vec![format!("error: {error}"), format!("  help: {help}")];
        match self {
            Self::NoRole { role, known } => {
                one(format!("no host has the role `{role}`"), format!("there are {}", listed(known)))
            }
            Self::NoneReached => one(
                "no host was reached; nothing was touched".to_owned(),
                "`hosts.<name>.ssh` says how to reach one, and `--local` acts on this one".to_owned(),
            ),
            Self::NoAnswer { failed } => {
                let errors = failed.iter().flat_map(|(_, error)| with_causes("error", error));
                errors.chain(failed.iter().map(|(host, _)| format!("  help: {}", without(host)))).collect()
            }
            Self::NotSent { host, error } => {
                let mut lines = vec![format!("error: cannot bring what {host} lacks")];
                let cause: &RemoteError = error;
                lines.extend(with_causes("  caused by", cause));
                lines.push(format!("  help: {}", without(host)));
                lines
            }
            Self::Store(error) => with_causes("error", error),
            Self::Open { claims, unended } => {
                let part = |(rollout, (leader, hosts)): (&String, &(String, Vec<String>))| {
                    format!("error: {} part of the rollout {rollout}, which {leader} leads", are(hosts))
                };
                let mut lines: Vec<String> = claims.iter().map(part).collect();
                lines.extend(unended.iter().map(|rollout| {
                    format!("error: the rollout {rollout} has not ended, and no host that was reached is part of it")
                }));
                lines.extend(claims.keys().next().or(unended.as_ref()).map(|rollout| {
                    format!(
                        "  help: `kolla-lang switch --resume` goes on with it, `--take-over {rollout}` gives it up; nothing was touched"
                    )
                }));
                lines
            }
            Self::Several { rollouts } => one(
                format!("hosts are part of several rollouts: {}", listed(rollouts)),
                "`--take-over NAME` gives one up; nothing was touched".to_owned(),
            ),
            Self::OtherCloud { rollout, cloud, described } => one(
                format!(
                    "the rollout {rollout} is of the cloud {}, and this description makes {}",
                    cloud.short(),
                    described.short()
                ),
                format!(
                    "its record is not on this machine, so take the description as it was then; or `--take-over {rollout}` gives that rollout up; nothing was touched"
                ),
            ),
            Self::NoCloud => one(
                "no host that was reached has a generation that was made with all of a cloud".to_owned(),
                "`kolla-lang rollback --host NAME` takes one host back; nothing was touched".to_owned(),
            ),
            Self::First { hosts } => one(
                format!("{} on the first generation: there is nothing to go back to", are(hosts)),
                "`kolla-lang rollback --host NAME` takes another one back; nothing was touched".to_owned(),
            ),
            Self::OtherHost { host, is_of } => one(
                format!("{host} says that it is what {is_of} is to be"),
                format!("look at that host; {}", without(host)),
            ),
            Self::NotHere { host, closure } => one(
                format!(
                    "what {host} is to be, {}, is not in this store, and {host} was not reached",
                    closure.short()
                ),
                format!(
                    "go on from the machine where the rollout began, or once {host} can be reached; nothing was touched"
                ),
            ),
            Self::Unheard { host, epoch, rollout } => one(
                format!("{host} heard of {epoch} leaders of the rollout {rollout}, which nobody else did"),
                format!("look at that host; {}", without(host)),
            ),
            Self::NoTask { task } => vec![format!(
                "error: `--allow-rollback-past {task}` names no task of what hosts are now; nothing was touched"
            )],
            Self::Prechecks { failed } => {
                let mut lines = Vec::new();
                for (host, Checked { name, wanted, reason, help }) in failed {
                    let reason = reason.as_deref().unwrap_or_default();
                    lines.push(format!("error: {host}: {name}: {wanted}: {reason}"));
                    lines.extend(help.iter().map(|it| format!("  help: {it}")));
                }
                lines.push("  help: `--no-prechecks` begins all the same; nothing was touched".to_owned());
                lines
            }
        }
    }
}

/// Says how to go on without a host.
fn without(host: &str) -> String {
    format!("`--unreachable {host}` goes on without it; nothing was touched")
}

fn with_causes(first: &str, error: &dyn Error) -> Vec<String> {
    let mut lines = vec![format!("{first}: {error}")];
    let mut cause = error.source();
    while let Some(error) = cause {
        lines.push(format!("  caused by: {error}"));
        cause = error.source();
    }
    lines
}
