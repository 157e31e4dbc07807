//! The images that were built here: which there are, what is in them, and how they get elsewhere.

use std::path::Path;

use super::ImageError;
use super::build::Home;
use super::engine::{Engine, Stored};
use super::render::check_name;
use lab::{Places, Progress};

/// How long pushing an image may take at least.
const SHORTEST_PUSH_SECS: u64 = 60;
/// And how long it may take for its size.
const SLOWEST_BYTES_PER_SEC: u64 = 500_000;

/// An image that was built here and has a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuiltImage {
    /// Its whole name.
    pub reference: String,
    /// What it was made of.
    pub digest: String,
    /// Its number in podman's storage.
    pub id: String,
    /// How many bytes it has, with those it shares with what it stands on.
    pub n_bytes: u64,
    /// When it was made, in seconds of Unix.
    pub created: i64,
}

impl BuiltImage {
    /// Whether its name is the one that says which build it is.
    pub fn has_own_name(&self) -> bool {
        self.reference.ends_with(&own_end(&self.digest))
    }
}

/// Returns how a name ends that says which build it is.
pub(crate) fn own_end(digest: &str) -> String {
    format!("-{}", digest.chars().take(12).collect::<String>())
}

/// A package in an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installed {
    /// Who installed it.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, where its kind has any.
    pub architecture: Option<String>,
}

/// Who installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// dpkg.
    Debian,
    /// pip.
    Python,
}

/// The images that were built below a folder, for as long as nobody else builds.
pub struct ImageStore {
    engine: Engine,
    _lock: store::lock::Lock,
}

impl ImageStore {
    /// Opens it, with a file of logins for registries.
    pub fn open(
        home: &Home,
        places: &Places,
        logins: Option<&Path>,
        tell: Progress,
    ) -> Result<Self, ImageError> {
        let lock = home.lock()?;
        Ok(Self { engine: Engine::new(&home.0, places, logins, tell)?, _lock: lock })
    }

    /// Returns all images that have a name, sorted.
    pub fn list(&self) -> Result<Vec<BuiltImage>, ImageError> {
        let mut all = Vec::new();
        for (digest, stored) in self.engine.images()? {
            all.extend(stored.names.into_iter().map(|reference| BuiltImage {
                reference,
                digest: digest.clone(),
                id: stored.id.clone(),
                n_bytes: stored.n_bytes,
                created: stored.created,
            }));
        }
        all.sort();
        Ok(all)
    }

    /// Returns one by its whole name, or by its name without registry and tag if there is one of it.
    pub fn find(&self, name: &str) -> Result<BuiltImage, ImageError> {
        let all = self.list()?;
        let short = |it: &BuiltImage| {
            let last = it.reference.rsplit('/').next().unwrap_or_default();
            // One of many builds is meant by its whole tag alone.
            last == name || last.split(':').next() == Some(name) && !it.has_own_name()
        };
        let mut found: Vec<BuiltImage> = all.iter().filter(|it| it.reference == name).cloned().collect();
        if found.is_empty() {
            found = all.iter().filter(|it| short(it)).cloned().collect();
        }
        match <[BuiltImage; 1]>::try_from(found) {
            Ok([one]) => Ok(one),
            Err(several) => Err(ImageError::NotBuilt {
                name: name.to_owned(),
                several: several.into_iter().map(|it| it.reference).collect(),
            }),
        }
    }

    /// Returns all images that were made by recipes, also those that have no name, the newest first.
    pub(crate) fn all(&self) -> Result<Vec<(String, Stored)>, ImageError> {
        let mut all: Vec<(String, Stored)> = self.engine.images()?.into_iter().collect();
        all.sort_by_key(|(_, it)| std::cmp::Reverse(it.created));
        Ok(all)
    }

    /// Removes an image with all its names.
    pub(crate) fn remove(&self, id: &str) -> Result<(), ImageError> {
        self.engine.remove(id)
    }

    /// Writes an image as an OCI archive.
    pub fn export(&self, image: &BuiltImage, to: &Path) -> Result<(), ImageError> {
        self.engine.export(&image.reference, to)
    }

    /// Pushes an image to the registry that `to` begins with.
    pub fn push(&self, image: &BuiltImage, to: &str, plain_http: bool) -> Result<(), ImageError> {
        check_name(to)?;
        // A slow line is given time; a registry that is silent in between is not waited for.
        let limit = SHORTEST_PUSH_SECS + image.n_bytes / SLOWEST_BYTES_PER_SEC;
        self.engine.push(&image.id, to, plain_http, limit)
    }

    /// Returns the packages that are in an image, sorted.
    pub fn packages(&self, image: &BuiltImage) -> Result<Vec<Installed>, ImageError> {
        // What Debian's packages of Python modules say of themselves is dpkg's already.
        let script = "cat var/lib/dpkg/status; printf '\\0'; \
            find . -xdev -path '*.dist-info/METADATA' -not -path './usr/lib/python3/*' -exec sed -n '/^$/q;/^Name: /p;/^Version: /p' {} ';'";
        let text = self.engine.read(&image.id, script)?;
        let (debian, python) = text.split_once('\0').unwrap_or((&text, ""));
        let mut all = parse_status(debian);
        all.extend(parse_metadata(python));
        all.sort();
        all.dedup();
        Ok(all)
    }
}

/// Reads what dpkg writes of packages: those that are installed.
fn parse_status(text: &str) -> Vec<Installed> {
    let package = |block: &str| {
        let field = |name: &str| block.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(": "));
        (field("Status")? == "install ok installed").then_some(())?;
        Some(Installed {
            kind: Kind::Debian,
            name: field("Package")?.to_owned(),
            version: field("Version")?.to_owned(),
            architecture: field("Architecture").map(str::to_owned),
        })
    };
    text.split("\n\n").filter_map(package).collect()
}

/// Reads the first lines of what packages of Python say of themselves, one after the other.
fn parse_metadata(text: &str) -> Vec<Installed> {
    let mut all = Vec::new();
    let mut named = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("Name: ") {
            named = Some(name.to_owned());
        } else if let (Some(version), Some(name)) = (line.strip_prefix("Version: "), named.take()) {
            let version = version.to_owned();
            all.push(Installed { kind: Kind::Python, name, version, architecture: None });
        }
    }
    all
}

impl Installed {
    /// Returns the package as a URL, by which other tools know it.
    pub fn url(&self) -> String {
        let Self { kind, name, version, architecture } = self;
        let version = escaped(version);
        match (kind, architecture) {
            (Kind::Debian, Some(architecture)) => {
                format!("pkg:deb/debian/{}@{version}?arch={architecture}", escaped(name))
            }
            (Kind::Debian, None) => format!("pkg:deb/debian/{}@{version}", escaped(name)),
            (Kind::Python, _) => {
                format!("pkg:pypi/{}@{version}", escaped(&name.to_lowercase().replace('_', "-")))
            }
        }
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' => {
                escaped.push(char::from(byte))
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_packages_are_read_and_removed_ones_are_not() {
        let status = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-12\n\n\
                      Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
                      Package: g++\nStatus: install ok installed\nArchitecture: amd64\nVersion: 4:14.2.0-1\n";
        let urls: Vec<String> = parse_status(status).iter().map(Installed::url).collect();
        let expected =
            ["pkg:deb/debian/libc6@2.41-12?arch=amd64", "pkg:deb/debian/g%2B%2B@4%3A14.2.0-1?arch=amd64"];
        assert_eq!(urls, expected);
    }

    #[test]
    fn python_packages_are_read_in_pairs() {
        let found =
            parse_metadata("Name: oslo.log\nVersion: 7.1.0\nName: Jinja_Two\nVersion: 3\nVersion: stray\n");
        let urls: Vec<String> = found.iter().map(Installed::url).collect();
        assert_eq!(urls, ["pkg:pypi/oslo.log@7.1.0", "pkg:pypi/jinja-two@3"]);
    }
}
