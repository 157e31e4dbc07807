//! Plans from what is seen on a host to a generation, whatever the host went through before.
//!
//! Pure: looks at no host. The steps are those of `steps`; only what differs is found another way. The way back is planned here.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::{Action, Differs, UnitChange, action, add_users};
use super::steps::{Plan, plan_units};
use crate::records::completions::Completions;
use crate::records::request::Options;
use store::manifest::{Change, Unit, UnitKind};
use store::{Digest, Manifest};

/// What is seen of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObservedUnit {
    /// It does not run.
    Down,
    /// It runs, or is about to.
    Up {
        /// The restart digest of the definition it was started by; none if nothing tells.
        restart: Option<Digest>,
        /// The reload digest of the files it took up last; none if nothing tells.
        reload: Option<Digest>,
    },
}

/// What is seen of a host's units, by name; what is not in here is down.
pub type Observed = BTreeMap<String, ObservedUnit>;

/// Plans from what is seen to a generation.
///
/// `definitions` are manifests that units may run by, the one that systemd has read first. `is_wanted` says of a unit that
/// is down whether it should run: for the way back, whether it did before.
pub fn plan_observed(
    observed: &Observed,
    definitions: &[&Manifest],
    to: &Manifest,
    is_wanted: impl Fn(&str) -> bool,
    completions: &Completions,
    options: &Options,
) -> Plan {
    let running = running(observed, definitions, to);
    let mut units = BTreeMap::new();
    let names: BTreeSet<&String> = running.units.keys().chain(to.units.keys()).collect();
    for name in names {
        let (old, new) = (running.units.get(name), to.units.get(name));
        let change = match (old, observed.get(name), new) {
            (Some(old), Some(ObservedUnit::Up { restart, reload }), Some(new)) => {
                running_unit(old, new, restart.as_ref(), reload.as_ref())
            }
            (_, _, Some(new)) => {
                let starts = new.kind != UnitKind::Task && is_wanted(name);
                starts.then(|| change(Action::Resume, "does not run"))
            }
            (_, _, None) => Some(change(Action::Stop, "not of this generation")),
        };
        units.extend(change.map(|change| (name.clone(), change)));
    }
    add_users(&mut units, &running, to);
    plan_units(&units, Some(&running), to, completions, options)
}

/// Returns a manifest of what runs, each unit by the definition it runs by; what no definition knows is none of ours.
fn running(observed: &Observed, definitions: &[&Manifest], to: &Manifest) -> Manifest {
    let all = || definitions.iter().copied().chain([to]);
    let definition = |(name, seen): (&String, &ObservedUnit)| {
        let ObservedUnit::Up { restart, .. } = seen else { return None };
        let by_digest = all()
            .filter_map(|it| it.units.get(name))
            .find(|unit| restart.as_ref().is_some_and(|digest| *digest == unit.digests.restart));
        let unit = by_digest.or_else(|| all().find_map(|it| it.units.get(name)))?;
        Some((name.clone(), unit.clone()))
    };
    let order = definitions.first().unwrap_or(&to).order.clone();
    Manifest { units: observed.iter().filter_map(definition).collect(), order, ..to.emptied() }
}

/// Decides what is done with a unit that runs.
fn running_unit(
    old: &Unit,
    new: &Unit,
    restart: Option<&Digest>,
    reload: Option<&Digest>,
) -> Option<UnitChange> {
    let differs = Differs {
        restart: restart != Some(&new.digests.restart),
        // Who takes up nothing by a reload has read all of its files when it started.
        reload: match reload {
            Some(reload) => *reload != new.digests.reload,
            None => matches!(new.change, Change::Reload { .. }),
        },
    };
    if !differs.restart && !differs.reload {
        return None;
    }
    if new.kind == UnitKind::Task {
        // It runs by a definition that does not hold, and is not waited for.
        return Some(change(Action::Stop, "runs by another definition"));
    }
    let same_network = restart == Some(&old.digests.restart) && old.network == new.network;
    let why = if differs.restart { "runs by another definition" } else { "has files of another generation" };
    Some(change(action(new, differs, same_network), why))
}

fn change(action: Action, reason: &str) -> UnitChange {
    UnitChange { action, reason: reason.to_owned() }
}
