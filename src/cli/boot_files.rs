//! `kolla-lang boot-files`: renders what the containers of the committed generation read. Run by a unit after
//! each boot.
//!
//! Renders all it can: one secret that cannot be read keeps no other container's files from being there.

use std::collections::BTreeSet;
use std::error::Error;

use clap::Args;

use super::exit::Exit;
use super::host::complain;
use crate::activate::generation;
use crate::activate::layout::Layout;
use crate::activate::perform::render_live;
use crate::activate::podman::HostTools;
use crate::activate::recover::recover_after_boot;
use crate::activate::switch::{chain, held, render_content};
use crate::secrets::Vault;

/// Render the files of the committed generation's containers
#[derive(Debug, Args)]
pub struct BootFilesArgs {}

/// Runs the command.
pub fn run(_: &BootFilesArgs) -> Exit {
    let layout = Layout::new("/");
    // What holds is held whether or not that could be written down.
    if let Err(error) = recover_after_boot(&layout, &mut HostTools) {
        complain(&error, Exit::Warnings);
    }
    let closure = match held(&layout) {
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
    for error in unrendered.iter().filter(|it| told.insert(chain(it.as_ref()))) {
        complain(error.as_ref(), Exit::Stuck);
    }
    let problems = generation::set_links(&layout, None, &closure);
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
