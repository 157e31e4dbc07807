//! Compares a host with what it is asked to become, before anything is locked or written.

use serde::Serialize;

use crate::adopt::links;
use crate::drift::units::what_is_down;
use crate::failure::{NotBegun, Refusal};
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::machine::systemd::Systemd;
use crate::outcome::Outcome;
use crate::perform::contracts;
use crate::plan::diff::{Difference, diff};
use crate::plan::steps::{Plan, plan};
use crate::records::completions;
use crate::records::generation::{committed_closure, current_generation};
use crate::records::part::Enrolled;
use crate::records::request::{Options, Target};
use crate::rollout::enrol;
use store::{Closure, files, lock};

/// What a switch would do.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// The committed generation.
    pub from: Option<u64>,
    /// What differs.
    pub difference: Difference,
    /// What would be done.
    pub plan: Plan,
}

/// Compares the committed generation with a closure, and plans the switch. Reads, and changes nothing.
pub fn preview(
    layout: &Layout,
    tools: &mut dyn Tools,
    to: &Closure,
    options: &Options,
) -> Result<Preview, Refusal> {
    let from = current_generation(layout)?;
    let difference = diff(from.as_ref().map(|it| &it.closure), to);
    let completions = completions::of(&to.manifest, &completions::done(layout, tools)?);
    let manifest = from.as_ref().map(|it| &it.closure.manifest);
    let plan = plan(&difference, manifest, &to.manifest, &completions, options);
    Ok(Preview { from: from.map(|it| it.number), difference, plan })
}

/// Says whether a host is what is asked for already, without a lock and without writing anything; nothing means that it must be seen.
pub fn compare(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    target: &Target,
    options: &Options,
) -> Result<Option<Outcome>, NotBegun> {
    if lock::is_taken(&layout.lock())? {
        return Err(NotBegun::Locked);
    }
    if files::exists(&layout.journal()) || files::exists(&layout.trial()) {
        return Ok(None);
    }
    let claim = options.part.as_ref().map(|part| part.lead.claim());
    let enrolled = Enrolled::load(layout)?;
    enrol::admit(enrolled.as_ref(), claim, options.take_over.as_deref())?;
    // What becomes of the record is decided and written under the lock.
    if claim.is_some() || enrolled.is_some() {
        return Ok(None);
    }
    let Some(from) = current_generation(layout)? else { return Ok(None) };
    let is_held = match target {
        Target::New { closure, .. } => committed_closure(layout, from.number)? == closure.digest(),
        Target::Number(number) => *number == from.number,
        Target::Again { closure, .. } => committed_closure(layout, from.number)? == *closure,
        Target::Before => false,
    };
    let is_over = contracts::left_over(layout, &from.closure.manifest).is_empty();
    // Whether something of the data plane runs by an older definition, containers must be asked.
    if !is_held || !is_over || options.allow_dataplane || !links::are_links_set(layout, &from.closure) {
        return Ok(None);
    }
    let warnings = what_is_down(systemd, &from.closure).map_err(Refusal::from)?;
    Ok(Some(Outcome::Nothing { number: from.number, warnings }))
}
