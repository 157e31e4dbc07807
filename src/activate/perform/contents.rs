//! Files with secrets that containers read, rendered into memory: those whose path names their content, and those that are replaced
//! while their reader runs.

use crate::failure::{Failure, Refusal};
use crate::machine::layout::Layout;
use crate::machine::memory::{Memory, hold};
use secrets::vault::merged;
use secrets::{Vault, deliver};
use store::Closure;
use store::manifest::Delivery;

/// Renders all folders whose path names their content, and returns what could not be rendered: one failure keeps no other
/// folder from being there. Nobody reads those yet that were not there before.
pub fn render_content(
    layout: &Layout,
    memory: &mut dyn Memory,
    vault: &Vault,
    closure: &Closure,
) -> Vec<Refusal> {
    if let Err(error) = hold(layout, memory, &closure.manifest) {
        return vec![error.into()];
    }
    let folders = closure.manifest.folders.iter().filter(|it| it.delivery == Delivery::Content);
    let render = |it| deliver::render_content(&layout.folder(it), closure, it, vault);
    merged(folders.filter_map(|it| render(it).err()).collect()).into_iter().map(Refusal::from).collect()
}

/// Replaces the live files of a unit, if it has any.
pub fn render_live(
    layout: &Layout,
    memory: &mut dyn Memory,
    vault: &Vault,
    closure: &Closure,
    unit: &str,
) -> Result<bool, Failure> {
    let mut any = false;
    for folder in closure.manifest.folders.iter().filter(|it| it.owner == unit) {
        if let Delivery::Live(_) = folder.delivery {
            hold(layout, memory, &closure.manifest)?;
            deliver::render_live(&layout.folder(folder), closure, folder, vault)?;
            any = true;
        }
    }
    Ok(any)
}

/// Says whether a unit has live files.
pub fn has_live(closure: &Closure, unit: &str) -> bool {
    closure.manifest.folders.iter().any(|it| it.owner == unit && matches!(it.delivery, Delivery::Live(_)))
}
