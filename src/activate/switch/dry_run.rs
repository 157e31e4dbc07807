//! What a switch would do on this host, said before it does: the steps, the kernel's settings, and what it would refuse over.
//!
//! The same functions plan and check here as in a switch; only the secrets that are missing are not made.

use std::collections::BTreeMap;

use super::compare::{Preview, preview};
use crate::checks::preflight::{Checked, check};
use crate::checks::{formats, irreversible};
use crate::failure::{NotBegun, Refusal};
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::machine::systemd::{Systemd, UnitState};
use crate::perform::kernel;
use crate::perform::stop::spare;
use crate::records::generation::{self, current_generation};
use crate::records::part::Enrolled;
use crate::records::request::Options;
use crate::records::{history, operators};
use crate::rollout::enrol;
use secrets::Vault;
use store::files::failed;
use store::{Closure, tree};

/// What a switch would do.
#[derive(Debug)]
pub struct DryRun {
    /// What differs, and the steps.
    pub preview: Preview,
    /// Images that would be got.
    pub pulls: Vec<String>,
    /// Modules that would be loaded, and settings with their values.
    pub kernel: Vec<(String, String)>,
    /// What a switch would refuse over.
    pub refusals: Vec<Refusal>,
    /// Why nobody but others may switch this host now.
    pub barred: Option<NotBegun>,
}

impl DryRun {
    /// Returns why a switch would not begin, if anything is in its way.
    pub fn barrier(self) -> Option<NotBegun> {
        let Self { preview, refusals, barred, .. } = self;
        let refusals: Vec<Refusal> = preview.plan.refused.iter().map(Refusal::from).chain(refusals).collect();
        barred.or_else(|| (!refusals.is_empty()).then_some(NotBegun::Refused(refusals)))
    }
}

/// Says why the signature of a closure does not count here.
fn unsigned(layout: &Layout, to: &Closure, options: &Options) -> Result<Option<Refusal>, Refusal> {
    let from = current_generation(layout)?.map(|it| (it.closure.digest(), it.closure.manifest));
    let committed = from.as_ref().map(|(digest, manifest)| (digest, manifest));
    let known = operators::settled(operators::load(layout)?, committed);
    let from = from.as_ref().map(|(_, manifest)| manifest);
    let decided =
        operators::decide(known.as_ref(), from, to, options.signature.as_ref(), history::seconds_now());
    Ok(decided.err().map(Refusal::from))
}

/// Looks what a switch would do. Changes nothing.
pub fn dry_run(
    layout: &Layout,
    systemd: &mut dyn Systemd,
    tools: &mut dyn Tools,
    to: &Closure,
    options: &Options,
) -> Result<DryRun, Refusal> {
    let claim = options.part.as_ref().map(|part| part.lead.claim());
    let barred = enrol::admit(Enrolled::load(layout)?.as_ref(), claim, options.take_over.as_deref()).err();
    let mut preview = preview(layout, tools, to, options)?;
    if let Some(number) = preview.from
        && generation::load_record(layout, number)?.closure == to.digest()
    {
        // Nothing is to be done, and a switch ends there.
        return Ok(DryRun { preview, pulls: Vec::new(), kernel: Vec::new(), refusals: Vec::new(), barred });
    }
    let mut running = BTreeMap::new();
    for stop in &preview.plan.stops {
        if let Some(state) = systemd.state(&stop.unit).ok().filter(UnitState::is_up) {
            running.insert(stop.unit.clone(), state);
        }
    }
    preview.plan.stop_only(|unit| running.contains_key(unit));
    // What a switch would warn of when it ends stands among what is left alone.
    let _told = spare(layout, &mut preview.plan, &running);
    let folder = std::env::temp_dir();
    let scratch = tempfile::Builder::new().prefix("kolla-lang-").tempdir_in(&folder);
    let scratch = scratch.map_err(failed!(MakeFolder, folder))?;
    let place = scratch.path().join("new");
    tree::write_tree(&place, to)?;
    let Checked { missing, mut refusals } =
        check(layout, systemd, tools, &Vault::new(layout.host_keys()), to, &place);
    refusals.extend(irreversible::refusals(layout, tools, to, None, options)?);
    let from = current_generation(layout)?;
    let from = from.as_ref().map(|it| &it.closure.manifest);
    refusals.extend(formats::refusals(layout, tools, from, &to.manifest)?);
    // Who only looks signs nothing.
    if options.signature.is_some() {
        refusals.extend(unsigned(layout, to, options)?);
    }
    Ok(DryRun { preview, pulls: missing, kernel: kernel::steps(layout, &to.manifest), refusals, barred })
}
