//! `kolla-lang boot-files`: renders what the containers of the committed generation read. Run by a unit after each boot.

use clap::Args;

use super::exit::Exit;
use super::host::complain;
use crate::activate::generation;
use crate::activate::layout::Layout;
use crate::activate::perform::render_live;
use crate::activate::podman::HostTools;
use crate::activate::recover::recover_after_boot;
use crate::activate::switch::{held, render_content};

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
    if let Err(error) = render_content(&layout, &closure) {
        return complain(&error, Exit::Stuck);
    }
    for unit in closure.manifest.units.keys().filter(|_| !is_switching) {
        if let Err(error) = render_live(&layout, &closure, unit) {
            return complain(&error, Exit::Stuck);
        }
    }
    let problems = generation::set_links(&layout, None, &closure);
    for problem in &problems {
        complain(problem, Exit::Warnings);
    }
    if problems.is_empty() { Exit::Done } else { Exit::Warnings }
}
