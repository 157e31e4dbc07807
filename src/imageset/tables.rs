//! What of a release can be built here and how, as its `build.json` says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ImageError;
use super::definition::{ImageSet, Package};

/// `build.json` of a release.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildFile {
    /// The distribution the images stand on.
    pub distro: String,
    /// Their architecture.
    pub architecture: String,
    /// The distribution's code name of its release.
    pub suite: String,
    /// The images that are built where none is named.
    pub images: Vec<String>,
    /// The file with the overriding template, of the release or of all releases.
    pub overrides: String,
    /// What is replaced in one image.
    pub edits: Vec<Edit>,
    /// What is replaced in all images that have it.
    pub everywhere: Vec<Replacement>,
    /// What templates add as an archive and has nothing but folders here, by its name.
    pub folders: BTreeMap<String, Vec<String>>,
    /// What lies beside the Containerfiles of images, by image and name.
    pub beside: BTreeMap<String, BTreeMap<String, Beside>>,
    /// Images that cannot be built, and why.
    pub unbuildable: BTreeMap<String, String>,
}

/// A text of one image that has another one in its place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The image.
    pub image: String,
    /// What it has.
    pub find: String,
    /// What it is to have.
    pub replace: String,
    /// The reason.
    #[allow(dead_code, reason = "for readers of the table")]
    why: String,
}

/// A text that has another one in its place, wherever it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// What there is.
    pub find: String,
    /// What there is to be.
    pub replace: String,
    /// The reason.
    #[allow(dead_code, reason = "for readers of the table")]
    why: String,
}

/// What lies beside a Containerfile.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", untagged, deny_unknown_fields)]
pub enum Beside {
    /// One file of the tables.
    File {
        /// Its name in `files/`.
        file: String,
    },
    /// A folder of files of the tables.
    Files {
        /// Names in `files/` by paths in the folder.
        files: BTreeMap<String, String>,
    },
    /// A source of the Python index, as it is published.
    Source {
        /// The file.
        source: Package,
    },
    /// A folder with folders out of a wheel.
    Wheel {
        /// The file.
        wheel: Package,
        /// Their paths in it.
        take: Vec<String>,
    },
}

impl ImageSet {
    /// Returns how the images of the release are built.
    pub fn build_file(&self) -> Result<BuildFile, ImageError> {
        let path = format!("{}/build.json", self.codename);
        let none = || ImageError::NotBuildable {
            image: self.codename.to_owned(),
            why: "its images are rendered, and their building is not known yet".to_owned(),
        };
        let text = Self::shared_text(&path).ok_or_else(none)?;
        let read = serde_json::from_str(text);
        Ok(read.unwrap_or_else(|why| panic!("this is a bug in kolla-lang: stdlib: {path}: {why}")))
    }

    /// Returns a text of the tables of the release, or of those of all releases.
    pub(crate) fn text(&self, name: &str) -> Result<&'static str, ImageError> {
        let own = Self::shared_text(&format!("{}/{name}", self.codename));
        own.or_else(|| Self::shared_text(name)).ok_or_else(|| ImageError::Content {
            package: format!("release {}", self.codename),
            what: name.to_owned(),
        })
    }
}

impl BuildFile {
    /// Returns a Containerfile with all replacements.
    pub(crate) fn edited(&self, image: &str, text: &str) -> Result<String, ImageError> {
        let mut text = text.to_owned();
        for edit in self.edits.iter().filter(|it| it.image == image) {
            let n_found = text.matches(&edit.find).count();
            if n_found != 1 {
                return Err(ImageError::Edit { image: image.to_owned(), text: edit.find.clone(), n_found });
            }
            text = text.replace(&edit.find, &edit.replace);
        }
        Ok(self.everywhere.iter().fold(text, |text, it| text.replace(&it.find, &it.replace)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_without_what_is_replaced_is_refused() {
        let table = crate::find("gazpacho").and_then(|it| it.build_file()).expect("its table");
        let [edit, ..] = table.edits.as_slice() else { panic!("nothing is replaced") };
        let whole = format!("FROM x\n{}RUN pip --no-cache-dir install y\n", edit.find);
        let edited = table.edited(&edit.image, &whole).expect("it is there");
        assert_eq!(edited, "FROM x\nRUN pip --cache-dir /mnt/kolla-lang/pip install y\n");
        let error = table.edited(&edit.image, "FROM x\n").expect_err("it is not there");
        assert!(matches!(error, ImageError::Edit { n_found: 0, .. }), "{error}");
    }
}
