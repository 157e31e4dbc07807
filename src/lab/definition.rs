//! What root file systems are made of, read from `stdlib/images` inside the binary.
//!
//! Builds nothing. The format of the folder is described in its README.

use serde::Deserialize;

use store::Digest;
use store::digest::Hasher;

/// A root file system: a bare Debian with some packages.
#[derive(Debug, Clone)]
pub(super) struct RootDefinition {
    /// Debian's code name of the release.
    pub suite: String,
    /// Packages beside the essential ones.
    pub packages: Vec<&'static str>,
    /// A script that runs before packages are unpacked.
    pub prepare: Option<&'static str>,
    /// A script that runs when all is configured.
    pub finish: Option<&'static str>,
    /// Files to be copied over it, by their paths from the root.
    pub files: Vec<(&'static str, &'static [u8])>,
}

impl RootDefinition {
    /// Returns the name of what this definition makes.
    pub fn digest(&self) -> Digest {
        let Self { suite, packages, prepare, finish, files } = self;
        let mut hasher = Hasher::new("lab root 1");
        hasher.field(suite).field(packages.join(" "));
        hasher.field(prepare.unwrap_or_default()).field(finish.unwrap_or_default());
        for (path, bytes) in files {
            hasher.field(path).field(bytes);
        }
        hasher.finish()
    }
}

/// Returns what a host of the lab is made of; without a release, of the newest.
pub(super) fn host(release: Option<&str>) -> RootDefinition {
    let releases = releases();
    let newest = releases.last().map(|it| it.suite).unwrap_or_default();
    let suite = release.unwrap_or(newest).to_owned();
    let own = releases.into_iter().filter(|it| it.suite == suite).flat_map(|it| it.packages);
    RootDefinition {
        packages: packages(text("images/host/packages")).into_iter().chain(own).collect(),
        suite,
        prepare: stdlib::text("images/host/prepare"),
        finish: stdlib::text("images/host/finish"),
        files: stdlib::files_below("images/host/files"),
    }
}

/// Returns what a folder of the library describes: its packages, scripts and files.
pub(super) fn root_of(folder: &str, suite: &str) -> RootDefinition {
    RootDefinition {
        suite: suite.to_owned(),
        packages: packages(text(&format!("{folder}/packages"))),
        prepare: stdlib::text(&format!("{folder}/prepare")),
        finish: stdlib::text(&format!("{folder}/finish")),
        files: stdlib::files_below(&format!("{folder}/files")),
    }
}

/// Returns the code name of the oldest Debian whose podman is at least this one, else of the newest there is.
pub fn release_with(podman: &str) -> Option<String> {
    let numbers = |text: &str| {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
        Some((parts.next()??, parts.next()??))
    };
    let wanted = numbers(podman)?;
    let releases = releases();
    let enough = releases.iter().find(|it| numbers(it.podman).is_some_and(|has| has >= wanted));
    enough.or(releases.last()).map(|it| it.suite.to_owned())
}

/// Returns the releases that hosts can have, oldest first.
fn releases() -> Vec<Release> {
    parsed("images/host/releases.json")
}

/// A release of Debian that hosts can have, in `releases.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    /// Its code name.
    suite: &'static str,
    /// Its podman.
    podman: &'static str,
    /// What hosts of this release need beside what all hosts need.
    packages: Vec<&'static str>,
}

/// Returns the names in a `packages` file.
fn packages(text: &'static str) -> Vec<&'static str> {
    text.lines().flat_map(|line| line.split('#').next().unwrap_or("").split_whitespace()).collect()
}

fn parsed<T: Deserialize<'static>>(path: &str) -> T {
    serde_json::from_str(text(path))
        .unwrap_or_else(|why| panic!("this is a bug in kolla-lang: stdlib/{path}: {why}"))
}

fn text(path: &str) -> &'static str {
    stdlib::text(path)
        .unwrap_or_else(|| panic!("this is a bug in kolla-lang: stdlib/{path} is not in the binary"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_are_not_packages() {
        assert_eq!(packages("# a remark\na b # more\n\nc\n"), ["a", "b", "c"]);
        assert!(host(None).packages.contains(&"podman"));
        assert!(host(Some("bookworm")).packages.contains(&"runc"));
    }

    #[test]
    fn files_of_a_host_have_paths_from_its_root() {
        let files = host(None).files;
        assert!(files.iter().any(|(path, _)| *path == "etc/containers/storage.conf"), "{files:?}");
    }

    #[test]
    fn another_package_or_release_is_another_root() {
        let one = host(None);
        let mut other = one.clone();
        other.packages.push("vim");
        assert_ne!(one.digest(), other.digest());
        assert_ne!(one.digest(), host(Some("bookworm")).digest());
        assert_eq!(one.digest(), host(Some(&one.suite)).digest());
    }

    #[test]
    fn a_host_gets_the_oldest_debian_that_has_its_podman() {
        let cases = [
            ("4.3.1", "bookworm"),
            ("4.0", "bookworm"),
            ("4.4", "trixie"),
            ("5.4.2", "trixie"),
            ("9.1", "trixie"),
        ];
        for (podman, release) in cases {
            assert_eq!(release_with(podman).as_deref(), Some(release), "podman {podman}");
        }
        assert_eq!(release_with("new"), None);
    }
}
