//! The tables of image sets, read from `stdlib/images/built` inside the binary. Their format is described in its README.
//!
//! Fetches and renders nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ImageError;
use store::Digest;

/// Where the tables lie.
const FOLDER: &str = "images/built";

/// What is known of the images of one release.
#[derive(Debug, Clone)]
pub struct ImageSet {
    /// The name of the release, which is the name of its folder.
    pub codename: &'static str,
    /// What the templates are, and what they are given.
    pub about: SetFile,
    /// Values that are the same for all releases, and those of each architecture.
    pub common: CommonFile,
    /// The numbers of users.
    pub users: Map<String, Value>,
}

/// `common.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommonFile {
    /// What every template is given.
    pub values: Map<String, Value>,
    /// What it is given beside, by the architecture of the images.
    pub architectures: BTreeMap<String, Map<String, Value>>,
    /// Template text that installs `words` at the end of an image, by their kind.
    pub installs: BTreeMap<String, String>,
}

/// `set.json` of a release.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetFile {
    /// The number of the release, with which its tags begin.
    pub release: String,
    /// The package with the templates.
    pub package: Package,
    /// The folder of the templates within it.
    pub templates: String,
    /// The file within it that says where repositories of packages are.
    pub repositories: String,
    /// The file beside this table with the functions that templates call.
    pub functions: String,
    /// What every template is given.
    pub values: Map<String, Value>,
    /// The distributions that the images can stand on.
    pub distros: BTreeMap<String, Distro>,
}

/// A file of the Python index.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The name of the project.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The name of the file.
    pub file: String,
    /// The digest of the file.
    pub sha256: Digest,
}

/// A distribution that images can stand on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distro {
    /// How tags of its images end.
    pub tag: String,
    /// What templates are given for it.
    pub values: Map<String, Value>,
    /// Images that are not made on it, and with them those that stand on them.
    pub without: Vec<String>,
}

/// What can be changed in an image, of `images.json` of a release.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changeable {
    /// The blocks of its template.
    pub blocks: Vec<String>,
    /// The lists that its template lets others change.
    pub lists: Vec<String>,
    /// The block at its end.
    pub end: String,
}

impl ImageSet {
    /// Returns a distribution by its name.
    pub fn distro(&self, name: &str) -> Result<&Distro, ImageError> {
        self.about.distros.get(name).ok_or_else(|| ImageError::NoDistro {
            name: name.to_owned(),
            release: self.codename.to_owned(),
            known: self.about.distros.keys().cloned().collect(),
        })
    }

    /// Returns the values of an architecture.
    pub(crate) fn architecture(&self, name: &str) -> Result<&Map<String, Value>, ImageError> {
        self.common.architectures.get(name).ok_or_else(|| ImageError::NoArchitecture {
            name: name.to_owned(),
            known: self.common.architectures.keys().cloned().collect(),
        })
    }

    /// Returns the tag that images of this release have as they are published.
    pub fn tag(&self, distro: &str, architecture: &str) -> Result<String, ImageError> {
        Ok(of_architecture(&format!("{}-{}", self.about.release, self.distro(distro)?.tag), architecture))
    }

    /// Returns what can be changed in its images, by their names.
    pub fn changeable(&self) -> BTreeMap<String, Changeable> {
        parsed(&format!("{}/images.json", self.codename))
    }

    /// Returns a text that lies beside the tables of all releases.
    pub(crate) fn shared_text(name: &str) -> Option<&'static str> {
        stdlib::text(&format!("{FOLDER}/{name}"))
    }
}

/// Returns a tag for images of an architecture, as the names of published images say it: nothing for the usual one.
pub fn of_architecture(tag: &str, architecture: &str) -> String {
    if architecture == "x86_64" { tag.to_owned() } else { format!("{tag}-{architecture}") }
}

/// Returns all files of the tables, by their paths.
pub(crate) fn tables() -> Vec<(&'static str, &'static [u8])> {
    stdlib::files_below(FOLDER)
}

/// Returns the names of all releases there are tables of.
pub fn releases() -> Vec<&'static str> {
    let is_release = |name: &&str| ImageSet::shared_text(&format!("{name}/set.json")).is_some();
    stdlib::folders(FOLDER).into_iter().filter(is_release).collect()
}

/// Returns the tables of a release, by its name or its number.
pub fn find(name: &str) -> Result<ImageSet, ImageError> {
    let set = |codename| ImageSet {
        codename,
        about: parsed(&format!("{codename}/set.json")),
        common: parsed("common.json"),
        users: parsed(&format!("{codename}/users.json")),
    };
    releases().into_iter().map(set).find(|it| it.codename == name || it.about.release == name).ok_or_else(
        || ImageError::NoRelease {
            name: name.to_owned(),
            known: releases().into_iter().map(str::to_owned).collect(),
        },
    )
}

fn parsed<T: for<'de> Deserialize<'de>>(path: &str) -> T {
    let text = ImageSet::shared_text(path).unwrap_or_else(|| {
        panic!("this is a bug in kolla-lang: stdlib/{FOLDER}/{path} is not in the binary")
    });
    serde_json::from_str(text)
        .unwrap_or_else(|why| panic!("this is a bug in kolla-lang: stdlib/{FOLDER}/{path}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_has_its_tables() {
        for name in releases() {
            let set = find(name).expect("it is there");
            assert_eq!(find(&set.about.release).expect("by its number").codename, name);
            assert!(ImageSet::shared_text(&set.about.functions).is_some(), "{name}");
            assert!(set.users.contains_key("keystone"), "{name}");
        }
        let missing = find("zed").unwrap_err();
        assert_eq!(missing.to_string(), "there is no release `zed`");
        assert_eq!(missing.help().as_deref(), Some("one of epoxy, flamingo, gazpacho"));
    }

    #[test]
    fn tags_are_as_published() {
        let set = find("gazpacho").expect("it is there");
        assert_eq!(set.tag("debian", "x86_64").expect("a tag"), "2026.1-debian-trixie");
        assert_eq!(set.tag("rocky", "aarch64").expect("a tag"), "2026.1-rocky-10-aarch64");
        assert!(set.tag("arch", "x86_64").is_err());
    }
}
