//! `kolla-lang boot-files`: renders what the containers of the committed generation read. Run by a unit after
//! each boot.
//!
//! Renders all it can: one secret that cannot be read keeps no other container's files from being there.

use std::collections::BTreeSet;
use std::error::Error;

use clap::Args;

use super::exit::Exit;
use super::host::complain;
use activate::adopt::links;
use activate::contents::{render_content, render_live};
use activate::error_report::error_chain;
use activate::generation::{booted, current_generation, load_manifest, load_record};
use activate::layout::Layout;
use activate::lazy_systemd::LazySystemd;
use activate::recover::recover_after_boot;
use activate::systemd::{Job, Systemd as _};
use activate::tool::HostTools;
use secrets::Vault;
use store::manifest::UnitKind;

/// Render the files of the committed generation's containers
#[derive(Debug, Args)]
pub struct BootFilesArgs {}

/// Has systemd read what is committed by now, and start what it may have passed over before: units that wait for this one are started as
/// systemd knows them then.
fn take_up(layout: &Layout) -> Result<(), Box<dyn Error>> {
    let mut systemd = LazySystemd::connect();
    systemd.reload()?;
    let Some(number) = booted(layout)? else { return Ok(()) };
    let (manifest, record) = (load_manifest(layout, number)?, load_record(layout, number)?);
    for unit in record.forward.iter().flat_map(|it| &it.volumes).flat_map(|it| &it.units) {
        if manifest.units.get(unit).is_some_and(|it| it.boot && it.kind == UnitKind::Container) {
            // Nobody waits here: it begins when this is over.
            systemd.submit(Job::Start, unit)?;
        }
    }
    Ok(())
}

/// Runs the command.
pub fn run(_: &BootFilesArgs) -> Exit {
    let layout = Layout::new("/");
    // What holds is held whether or not that could be written down.
    let is_other = match recover_after_boot(&layout, &mut HostTools) {
        Ok(is_other) => is_other,
        Err(error) => {
            complain(&error, Exit::Warnings);
            false
        }
    };
    if is_other && let Err(error) = take_up(&layout) {
        complain(error.as_ref(), Exit::Warnings);
    }
    let closure = match current_generation(&layout) {
        Ok(Some(held)) => held.closure,
        Ok(None) => return Exit::Done,
        Err(error) => return complain(&error, Exit::Stuck),
    };
    // A switch renders live files itself, and may be the one that started the unit this runs in.
    let is_switching = layout.trial().symlink_metadata().is_ok();
    let vault = Vault::new(layout.host_keys());
    let mut unrendered: Vec<Box<dyn Error>> = Vec::new();
    for error in render_content(&layout, &mut HostTools, &vault, &closure) {
        unrendered.push(Box::new(error));
    }
    for unit in closure.manifest.units.keys().filter(|_| !is_switching) {
        if let Err(error) = render_live(&layout, &mut HostTools, &vault, &closure, unit) {
            unrendered.push(Box::new(error));
        }
    }
    // Many folders may lack the same secret.
    let mut told = BTreeSet::new();
    for error in unrendered.iter().filter(|it| told.insert(error_chain(it.as_ref()))) {
        complain(error.as_ref(), Exit::Stuck);
    }
    let problems = links::set_links(&layout, None, &closure);
    for problem in &problems {
        complain(problem, Exit::Warnings);
    }
    match (unrendered.is_empty(), problems.is_empty()) {
        (true, true) => Exit::Done,
        (true, false) => Exit::Warnings,
        // The unit is tried again over this one, and over no other.
        (false, _) => Exit::Stuck,
    }
}
