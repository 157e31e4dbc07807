//! Which images are as they would be built now: one file for each name, since asking podman takes seconds.
//!
//! Written by whoever builds, for as long as nobody else does.

use std::fs;
use std::path::PathBuf;

use super::build::{Home, Order};
use super::definition;
use super::error::file;
use super::tables::BuildFile;
use super::{Choice, ImageError};
use store::Digest;
use store::digest::Hasher;

/// Says of one order what its images would be made of.
pub(crate) struct Records {
    dir: PathBuf,
    of_order: Digest,
}

impl Records {
    /// Returns those of an order.
    pub fn of(order: &Order<'_>, table: &BuildFile, home: &Home) -> Result<Self, ImageError> {
        let Order { set, choice, names: _, changes, packages: _ } = order;
        let Choice { distro, architecture, namespace: _, tag: _, repositories } = choice;
        let mut hasher = Hasher::new("order of images 1");
        hasher.field(set.codename).field(home.root_digest(set, table)?.as_str());
        hasher
            .field(distro)
            .field(architecture)
            .field(format!("{repositories:?}"))
            .field(format!("{changes:?}"));
        for (path, bytes) in definition::tables() {
            hasher.field(path).field(bytes);
        }
        Ok(Self { dir: home.0.join("made"), of_order: hasher.finish() })
    }

    /// Whether the image of this name is what would be built now.
    pub fn has(&self, image: &str, reference: &str) -> bool {
        fs::read_to_string(self.path(reference)).is_ok_and(|text| text == self.text(image))
    }

    /// Notes that it is.
    pub fn note(&self, image: &str, reference: &str) -> Result<(), ImageError> {
        fs::create_dir_all(&self.dir).map_err(file("create", &self.dir))?;
        let path = self.path(reference);
        let new = path.with_extension("new");
        fs::write(&new, self.text(image)).map_err(file("write", &new))?;
        fs::rename(&new, &path).map_err(file("rename to", &path))
    }

    fn path(&self, reference: &str) -> PathBuf {
        self.dir.join(Hasher::new("name of an image 1").field(reference).finish().as_str())
    }

    fn text(&self, image: &str) -> String {
        format!("{image} {}\n", self.of_order.as_str())
    }
}
