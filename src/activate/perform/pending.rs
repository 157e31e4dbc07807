//! Restarts what earlier switches left running by older definitions, when a switch is allowed to.
//!
//! The generation is committed already: what goes wrong here is a warning, and nothing is taken back.

use std::collections::BTreeMap;

use super::host::{Host, Progress};
use super::perform;
use crate::failure::Failure;
use crate::machine::inventory::Container;
use crate::plan::diff::{Action, UnitChange};
use crate::plan::steps::{Act, plan_units};
use crate::records::completions::{Completion, Completions};
use crate::records::error_report::error_chain;
use store::manifest::Change;
use store::{Closure, Manifest};

/// Restarts units of the data plane that run by another definition than the committed one, and returns what went wrong.
pub fn restart_dataplane(host: &mut Host<'_>, closure: &Closure) -> Vec<String> {
    if !host.options.allow_dataplane {
        return Vec::new();
    }
    let restarted = stamps_of(host).and_then(|running| {
        let acts = acts(host, &closure.manifest, &running);
        perform(host, &acts, closure, &mut Progress::default())
    });
    let tell = |failure: Failure| {
        let first = format!("a unit of the data plane was not restarted: {}", error_chain(&failure));
        std::iter::once(first).chain(failure.log().iter().map(|line| format!("  | {line}"))).collect()
    };
    restarted.err().map(tell).unwrap_or_default()
}

/// Returns the digest of the definition that each container of ours runs by, by the container's name.
fn stamps_of(host: &mut Host<'_>) -> Result<BTreeMap<String, String>, Failure> {
    let running = host.tools.containers()?.into_iter().filter(Container::is_running);
    Ok(running.filter_map(|it| Some((it.name.clone(), it.stamp()?.to_owned()))).collect())
}

fn acts(host: &Host<'_>, manifest: &Manifest, running: &BTreeMap<String, String>) -> Vec<Act> {
    let units = manifest.units.iter().filter(|(_, unit)| unit.change == Change::Dataplane);
    let old = units.filter(|(_, unit)| {
        let stamp = unit.container.as_ref().and_then(|container| running.get(container));
        stamp.is_some_and(|stamp| *stamp != unit.digests.restart.to_string())
    });
    let change = UnitChange { action: Action::Restart, reason: "it runs by an older definition".to_owned() };
    let units = old.map(|(name, _)| (name.clone(), change.clone())).collect();
    let done: Completions = manifest.tasks.keys().map(|name| (name.clone(), Completion::Done)).collect();
    plan_units(&units, None, manifest, &done, &host.options).acts
}
