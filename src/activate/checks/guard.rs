//! Whether a unit may start, asked by systemd each time just before it does: by a boot, by hand, or by whoever else has it started.
//!
//! The question is part of each generation: `records/generation.rs` lists the units, and the generator has systemd ask for them.

use crate::failure::Refusal;
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::records::formats::{self, Known};
use store::Manifest;

/// Refuses the start of a unit of a generation whose data have a later format than it reads. Podman is asked only where a record says so: it
/// tells a volume from one that was made anew.
pub fn may_start(
    layout: &Layout,
    tools: &mut dyn Tools,
    manifest: &Manifest,
    unit: &str,
) -> Result<(), Refusal> {
    let written = manifest.formats.iter().filter(|(_, it)| it.units.iter().any(|it| it == unit));
    for (volume, format) in written {
        let is_read =
            |known: Option<Known>| !matches!(known, Some(Known::Latest(has)) if has > format.version);
        if is_read(formats::recorded(layout, volume)?) {
            continue;
        }
        let known = formats::known(layout, &tools.volumes()?)?.get(volume).copied();
        if let (false, Some(Known::Latest(has))) = (is_read(known), known) {
            let (volume, reads, units) = (volume.clone(), format.version, unit.to_owned());
            return Err(Refusal::LaterFormat { volume, has, reads, units });
        }
    }
    Ok(())
}
