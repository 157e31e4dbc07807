//! Images that a manifest names: which are missing, getting them, and bringing them to disk before anything refers to them.
//!
//! Nothing is removed here, and nothing is got that is there already, under whatever content: a tag is not asked for again.

use super::failure::Refusal;
use super::journal::Record;
use super::perform::Host;
use super::podman::Tools;
use crate::images::reference::HERE;
use crate::store::Manifest;
use crate::store::files;

/// Returns the images that are missing, and a refusal for each that cannot be got from anywhere.
pub fn missing(tools: &mut dyn Tools, manifest: &Manifest) -> (Vec<String>, Vec<Refusal>) {
    let (mut missing, mut refusals) = (Vec::new(), Vec::new());
    for image in &manifest.images {
        match tools.has_image(image) {
            Ok(true) => {}
            Ok(false) if image.starts_with(HERE) => {
                refusals.push(Refusal::NoImage { image: image.clone(), unit: users(manifest, image) });
            }
            Ok(false) => missing.push(image.clone()),
            // The next question would fail the same way.
            Err(error) => return (Vec::new(), vec![error.into()]),
        }
    }
    (missing, refusals)
}

/// Gets images, and returns when podman's store is on disk: podman itself syncs nothing that it writes there.
pub fn fetch(host: &mut Host<'_>, manifest: &Manifest, missing: &[String]) -> Vec<Refusal> {
    for image in missing {
        if let Err(error) = host.journal.tell(&Record::Pulling { image: image.clone() }) {
            return vec![error.into()];
        }
        if let Err(source) = host.tools.pull(image) {
            return vec![Refusal::NotPulled { image: image.clone(), unit: users(manifest, image), source }];
        }
    }
    if manifest.images.is_empty() {
        return Vec::new();
    }
    // Also where nothing was missing: what somebody loaded a moment ago may not be on disk yet.
    let synced = host.tools.image_store().map_err(Refusal::from);
    let synced = synced.and_then(|at| files::sync_file_system(&host.layout.at(&at)).map_err(Refusal::from));
    synced.err().into_iter().collect()
}

fn users(manifest: &Manifest, image: &str) -> String {
    let users = manifest.units.iter().filter(|(_, unit)| unit.image.as_deref() == Some(image));
    users.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}
