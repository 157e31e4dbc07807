//! Finished tasks with no way back past them: a generation from before one, which does not have it, may need what it changed.
//!
//! Knows nothing of what a task does; its class and its completion record say all. What goes back within one switch is not asked here.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::Refusal;
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::records::completions::{self, Finished};
use crate::records::history::{self, End, Event};
use crate::records::request::Options;
use store::manifest::TaskClass;
use store::{Closure, Digest};

/// Returns a refusal for each finished task that a closure lies before, but for those that somebody named, and for each name that no
/// finished task has. `number` is the generation that is asked for by its number; a new one lies where the same closure was
/// committed last, and what never was lies behind nothing: who describes a host anew knows what became of it.
pub fn refusals(
    layout: &Layout,
    tools: &mut dyn Tools,
    to: &Closure,
    number: Option<u64>,
    options: &Options,
) -> Result<Vec<Refusal>, Refusal> {
    let all = completions::finished(layout)?;
    let mut refusals = misnamed(&all, options);
    let lies_before = |it: &Finished| {
        let is_known = to.manifest.tasks.values().any(|task| task.once == it.once);
        it.class != TaskClass::Expand && !is_known && !options.allow_rollback_past.contains(&it.task)
    };
    let mut finished: Vec<Finished> = all.into_iter().filter(lies_before).collect();
    if finished.is_empty() {
        return Ok(refusals);
    }
    let number = match number {
        Some(number) => Some(number),
        None => last_with(&history::load(layout)?, &to.digest()),
    };
    let Some(number) = number else { return Ok(refusals) };
    finished.retain(|it| number < it.generation);
    let asks = finished.iter().any(|it| !it.volumes.is_empty());
    let volumes = if asks { tools.volumes()? } else { BTreeMap::new() };
    // What a task did to a volume is gone with the volume.
    finished.retain(|it| it.is_there(&volumes));
    let refusal = |it: Finished| Refusal::Past { task: it.task, done_for: it.generation, number };
    refusals.extend(finished.into_iter().map(refusal));
    Ok(refusals)
}

/// Returns a refusal for each name that somebody gave and no finished task has: a slip of the pen allows nothing.
fn misnamed(finished: &[Finished], options: &Options) -> Vec<Refusal> {
    let names: BTreeSet<&String> = finished.iter().map(|it| &it.task).collect();
    let unknown = options.allow_rollback_past.iter().filter(|it| !names.contains(it));
    let refusal = |it: &String| Refusal::NoSuchTask {
        task: it.clone(),
        finished: names.iter().map(|it| (*it).clone()).collect(),
    };
    unknown.map(refusal).collect()
}

/// Returns the last generation that was committed with a closure.
fn last_with(events: &[Event], closure: &Digest) -> Option<u64> {
    let with = events.iter().filter(|it| it.end == End::Committed && it.closure == *closure);
    with.map(|it| it.to).max()
}
