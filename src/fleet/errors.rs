//! Why a fleet cannot be switched, in words. Whoever refuses says what he saw; only here it becomes a sentence.

use super::rules::Hurt;

/// A reason not to begin: nothing was touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Refusal {
    #[error("{}", group_words(.hosts, .hurt))]
    Group { hosts: Vec<String>, hurt: Hurt },
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
    #[error("these wait for each other: {}", listed(.units))]
    Circle { units: Vec<String> },
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
            Self::Group { hurt, .. } => Some(&hurt.group),
            _ => None,
        }
    }
}

fn group_words(hosts: &[String], hurt: &Hurt) -> String {
    let Hurt { group, taken, down, tolerance } = hurt;
    let may = match tolerance {
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
        "no wave spares the group `{group}`: {members} on {} must be touched, {may}, {down}{together}",
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
