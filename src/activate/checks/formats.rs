//! Formats of data: a program is given no data of a later version of itself, and of an earlier one only what it takes over.
//!
//! Reads no data: what a volume holds follows from the units that were started, as records/formats.rs keeps it.

use crate::failure::Refusal;
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::records::formats::{Known, known};
use store::Manifest;
use store::version::Misfit;

/// Returns a refusal for each volume whose data the units of a manifest cannot read. What is not recorded has the format that the
/// committed generation describes, if it describes one.
pub fn refusals(
    layout: &Layout,
    tools: &mut dyn Tools,
    from: Option<&Manifest>,
    to: &Manifest,
) -> Result<Vec<Refusal>, Refusal> {
    if to.formats.is_empty() {
        return Ok(Vec::new());
    }
    let volumes = tools.volumes()?;
    let known = known(layout, &volumes)?;
    let mut refusals = Vec::new();
    for (volume, format) in to.formats.iter().filter(|(volume, _)| volumes.contains_key(*volume)) {
        let described = || from.and_then(|it| it.formats.get(volume)).map(|it| it.version);
        let has = match known.get(volume) {
            Some(Known::Damaged) => {
                refusals.push(Refusal::UnknownFormat { volume: volume.clone(), path: layout.formats() });
                continue;
            }
            Some(Known::Latest(has)) => Some(*has),
            None => described(),
        };
        let Some(has) = has else { continue };
        let (volume, reads, units) = (volume.clone(), format.version, format.units.join(", "));
        match format.misfit(has) {
            Some(Misfit::Later) => refusals.push(Refusal::LaterFormat { volume, has, reads, units }),
            Some(Misfit::Step) => {
                let from = format.from_text();
                refusals.push(Refusal::FormatStep { volume, has, reads, units, from });
            }
            None => {}
        }
    }
    Ok(refusals)
}
