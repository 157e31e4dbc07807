//! Images that a manifest names: which are missing.
//!
//! What is there already, under whatever content, is not missing: a tag is not asked for again.

use crate::failure::Refusal;
use crate::machine::podman::Tools;
use images::reference::HERE;
use store::Manifest;

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

/// Returns the units that use an image, as words.
pub fn users(manifest: &Manifest, image: &str) -> String {
    let users = manifest.units.iter().filter(|(_, unit)| unit.image.as_deref() == Some(image));
    users.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}
