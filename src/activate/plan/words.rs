//! What a plan says to people: a line for each step, with its reason.
//!
//! Words only; every one of them tells of something in the plan.

use std::fmt::Write as _;

use serde::Serialize;

use super::diff::Action;
use super::steps::{Act, Left, Plan, Verb};
use store::manifest::TaskClass;

/// A unit with what is done about it, as people read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Line {
    /// What is done: `stop`, `start`, `keep` …
    #[serde(rename = "do")]
    pub verb: &'static str,
    /// The unit.
    pub unit: String,
    /// Why, and what it waits for.
    pub reason: String,
}

impl Left {
    /// Returns the word that people read.
    pub fn word(&self) -> &'static str {
        // A task that changed and was done before is not run.
        if self.action == Action::Task { "done" } else { self.action.word() }
    }

    /// Says whether something described is not yet so, and waits for somebody.
    pub fn is_pending(&self) -> bool {
        matches!(self.action, Action::Manual | Action::Dataplane)
    }
}

impl Verb {
    /// Returns the word that people read.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Restart | Self::RestartIfUp => "restart",
            Self::Reload { .. } => "reload",
            Self::Task { .. } => "run",
        }
    }

    /// Says whether there is no way back past it: what it did, old code cannot live with.
    pub fn is_one_way(&self) -> bool {
        matches!(self, Self::Task { class: TaskClass::OneWay | TaskClass::Contract, .. })
    }
}

impl Plan {
    /// Says whether no unit is touched.
    pub fn touches_nothing(&self) -> bool {
        self.stops.is_empty() && self.acts.is_empty() && self.after_commit.is_empty()
    }

    /// Counts units that changed and wait for somebody to restart them.
    pub fn pending(&self) -> usize {
        self.left.iter().filter(|left| left.is_pending()).count()
    }

    /// Returns the first act past which there is no way back.
    pub fn point_of_no_return(&self) -> Option<&Act> {
        self.acts.iter().find(|act| act.verb.is_one_way())
    }

    /// Returns what is done, what is left alone and what is refused, in this order.
    pub fn lines(&self) -> Vec<Line> {
        let stops = self.stops.iter().map(|it| ("stop", &it.unit, it.reason.clone()));
        let point = self.point_of_no_return().map(|act| act.unit.as_str());
        let acts = self.acts.iter().map(|it| {
            let no_return = if Some(it.unit.as_str()) == point { "; no way back past it" } else { "" };
            (it.verb.word(), &it.unit, format!("{}{no_return}", reason_of(it, &self.acts)))
        });
        let last = self.after_commit.iter().map(|it| {
            (
                it.verb.word(),
                &it.unit,
                format!("{}; when all is committed", reason_of(it, &self.after_commit)),
            )
        });
        let left = self.left.iter().map(|it| (it.word(), &it.unit, it.reason.clone()));
        let skipped =
            self.skipped.iter().map(|it| ("no gate", &it.unit, format!("not asked: {}", it.gate.join(", "))));
        let refused = self.refused.iter().map(|it| ("refused", &it.unit, it.reason.clone()));
        let all = stops.chain(acts).chain(last).chain(left).chain(skipped).chain(refused);
        all.map(|(verb, unit, reason)| Line { verb, unit: unit.clone(), reason }).collect()
    }

    /// Writes the steps for people, one a line, aligned: verb, unit, reason.
    pub fn to_text(&self) -> String {
        let lines = self.lines();
        let width = lines.iter().map(|line| line.unit.len()).max().unwrap_or(0);
        let mut text = String::new();
        for Line { verb, unit, reason } in lines {
            // Writing into a text cannot fail.
            let _ = writeln!(text, "{verb:<8} {unit:<width$}  {reason}");
        }
        text
    }
}

fn reason_of(act: &Act, acts: &[Act]) -> String {
    let after: Vec<&str> = act.after.iter().map(|idx| acts[*idx].unit.as_str()).collect();
    if after.is_empty() { act.reason.clone() } else { format!("{} (after {})", act.reason, after.join(", ")) }
}
