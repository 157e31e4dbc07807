//! What a host's closure needs of the whole cloud: images, and secrets with the places where they go. It is small, since that of
//! all hosts is kept at once; a closure itself is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use secrets::wanted::Placement;
use store::manifest::{FolderFile, Hole, Manifest, SecretKind, SecretSpec};

/// What one host's closure needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// Its images, sorted.
    pub images: Vec<String>,
    /// Its secrets by name.
    pub secrets: BTreeMap<String, NeededSecret>,
    /// Where secrets go in its files, in the order of its folders.
    pub places: Vec<Placement>,
}

/// A secret that a host needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeededSecret {
    /// What it is.
    pub kind: SecretKind,
    /// Whether the host opens it. Of a certificate, for example, a host may need the public part alone.
    pub is_opened: bool,
}

impl Needs {
    /// Takes them from the manifest of a closure.
    pub fn of(host: &str, manifest: &Manifest) -> Self {
        let opened = manifest.opened();
        let secret = |(name, spec): (&String, &SecretSpec)| {
            let is_opened = opened.contains(name.as_str());
            (name.clone(), NeededSecret { kind: spec.kind.clone(), is_opened })
        };
        let places_of = |file: &FolderFile| {
            let FolderFile { name, format, holes, .. } = file;
            let place = |hole: &Hole| {
                let (host, file) = (host.to_owned(), name.clone());
                Placement { host, file, format: *format, hole: hole.clone() }
            };
            holes.iter().map(place).collect::<Vec<_>>()
        };
        let files = manifest.folders.iter().flat_map(|folder| &folder.files);
        Self {
            images: manifest.images.clone(),
            secrets: manifest.secrets.iter().map(secret).collect(),
            places: files.flat_map(places_of).collect(),
        }
    }
}
