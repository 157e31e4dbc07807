//! Why a fleet cannot be switched, in words. Whoever refuses says what he saw; only here it becomes a sentence.

use super::rules::BudgetExceeded;
use activate::generation::LaterVolume;

/// A reason not to begin: nothing was touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Refusal {
    #[error("{}", group_words(.hosts, .exceeded))]
    Group { hosts: Vec<String>, exceeded: BudgetExceeded },
    #[error(
        "{} wait for each other and must switch together, and `--max-parallel` allows {max_parallel} at once",
        listed(.hosts)
    )]
    Parallel { hosts: Vec<String>, max_parallel: usize },
    #[error("{host} waits for `{what}` on {before}, which cannot be reached")]
    WaitsForBehind { host: String, what: String, before: String },
    #[error("{host} cannot be the canary: {why}")]
    Canary { host: String, why: NoCanary },
    #[error("{host}: {unit}: {reason}")]
    Unit { host: String, unit: String, reason: String },
    #[error("{host}: {data}\n  help: describe a version of format {} or a later one", data.has)]
    LaterFormat { host: String, data: Box<LaterVolume> },
    #[error(
        "{host}: the volume {} has data of format {}, which {} of format {} does not take over\n  help: describe one of these formats \
         first: {from}",
        data.volume, data.has, data.units.join(", "), data.reads
    )]
    FormatStep { host: String, data: Box<LaterVolume>, from: String },
    #[error(
        "{host}: {} of format {} may not start in the group `{group}`: on {} the volume {} has data of format {}\n  help: describe a \
         version of format {} or a later one for all of the group",
        data.units.join(", "), data.reads, listed(.others), data.volume, data.has, data.has
    )]
    GroupFormat { host: String, group: String, others: Vec<String>, data: Box<LaterVolume> },
    #[error("these wait for each other: {}", listed(.units))]
    Cycle { units: Vec<String> },
}

/// Why a host that was named cannot be the first to switch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NoCanary {
    #[error("the description has no such host")]
    Unknown,
    #[error("nothing of it differs")]
    Unchanged,
    #[error("it cannot be reached")]
    Unreachable,
    #[error("it has no generation yet, and so nothing that would show a fault of the change")]
    Bare,
    #[error("it comes after {}", listed(.0))]
    After(Vec<String>),
    #[error("it must switch together with {}", listed(.0))]
    Together(Vec<String>),
}

impl Refusal {
    /// Returns the group that is the reason, if one is.
    pub fn group(&self) -> Option<&str> {
        match self {
            Self::Group { exceeded, .. } => Some(&exceeded.group),
            Self::GroupFormat { group, .. } => Some(group),
            _ => None,
        }
    }
}

fn group_words(hosts: &[String], exceeded: &BudgetExceeded) -> String {
    let BudgetExceeded { group, taken, down, disruption_budget } = exceeded;
    let may = match disruption_budget {
        0 => "none may be down".to_owned(),
        1 => "one may be down at once".to_owned(),
        n => format!("{n} may be down at once"),
    };
    let down = match down.as_slice() {
        [] => "none is down yet".to_owned(),
        [one] => format!("the one on {one} is down already"),
        down => format!("those on {} are down already", listed(down)),
    };
    let together = if hosts.len() > 1 {
        format!("; {} wait for each other and must switch together", listed(hosts))
    } else {
        String::new()
    };
    let members = if taken.len() == 1 { "its member" } else { "its members" };
    format!(
        "every wave exceeds the disruption budget of the group `{group}`: {members} on {} must be touched, {may}, {down}{together}",
        listed(taken)
    )
}

/// Names with commas, and `and` before the last.
pub fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Names hosts with the verb that agrees with them.
pub fn are(hosts: &[String]) -> String {
    let verb = if hosts.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", listed(hosts))
}
