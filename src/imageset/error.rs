//! What can go wrong while images are rendered or built, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of an image set.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Nobody knows this release.
    #[error("there is no release `{name}`")]
    NoRelease {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The release has no images on this distribution.
    #[error("{release} has no images on `{name}`")]
    NoDistro {
        /// What was asked for.
        name: String,
        /// Which release.
        release: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Images are not made for this architecture.
    #[error("images are not made for `{name}`")]
    NoArchitecture {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No template makes such an image.
    #[error("{release} has no image `{name}`")]
    NoImage {
        /// What was asked for.
        name: String,
        /// Which release.
        release: String,
        /// Images whose names hold what was asked for.
        near: Vec<String>,
    },
    /// Something is changed that an image has not.
    #[error("the template of `{image}` has no {what}")]
    NoChange {
        /// The image.
        image: String,
        /// What is changed.
        what: String,
    },
    /// The record of a refresh is damaged.
    #[error("{} holds no time", path.display())]
    Refreshed {
        /// The record.
        path: PathBuf,
    },
    /// An image is in use.
    #[error("{image} is in use: {} stands on it", listed(by))]
    InUse {
        /// The image.
        image: String,
        /// The images that stand on it.
        by: Vec<String>,
    },
    /// Hosts of labs run on what is to be removed.
    #[error("hosts run on these images: {}", listed(labs))]
    UsedByLabs {
        /// The labs.
        labs: Vec<String>,
    },
    /// A change of an image is no template.
    #[error("`{image}` cannot be rendered with what is changed in it: {why}")]
    BadChange {
        /// The image.
        image: String,
        /// What the template engine says.
        why: String,
    },
    /// No image can have this name.
    #[error("{name:?} is no name of an image")]
    BadName {
        /// What was given.
        name: String,
    },
    /// A package could not be fetched.
    #[error("cannot fetch {what}: {said}")]
    Fetch {
        /// The package.
        what: String,
        /// The last lines of who fetched it.
        said: String,
    },
    /// What was fetched is not what the table names.
    #[error("{file} is not what it was: its SHA-256 is {found}, and {expected} was expected")]
    Changed {
        /// The file.
        file: String,
        /// What the table names.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The package has not what the table says of it.
    #[error("the package {package} has no {what}")]
    Content {
        /// The package.
        package: String,
        /// What is missing.
        what: String,
    },
    /// A template cannot be rendered.
    #[error("the template of `{image}` cannot be rendered: {why}")]
    Template {
        /// The image.
        image: String,
        /// What the template engine says, with file and line.
        why: String,
    },
    /// A template has not the text that is to be replaced.
    #[error("the template of `{image}` has {n_found} times, and not once, what is replaced in it: {text:?}")]
    Edit {
        /// The image.
        image: String,
        /// The text.
        text: String,
        /// How often it is there.
        n_found: usize,
    },
    /// Images stand on each other in a cycle.
    #[error("images stand on each other: {}", names.join(" -> "))]
    Cycle {
        /// The cycle.
        names: Vec<String>,
    },
    /// An image cannot be built.
    #[error("{image} cannot be built: {why}")]
    NotBuildable {
        /// The image, or the release of all of them.
        image: String,
        /// What stands against it.
        why: String,
    },
    /// No image of this name was built here, or several.
    #[error("{}", match several.as_slice() {
        [] => format!("no image `{name}` was built here"),
        several => format!("`{name}` may be {}", several.join(" or ")),
    })]
    NotBuilt {
        /// What was asked for.
        name: String,
        /// Those that it may be.
        several: Vec<String>,
    },
    /// A folder holds no images that were built.
    #[error("{} holds no built images: {why}", path.display())]
    NoImages {
        /// The folder.
        path: PathBuf,
        /// What speaks against it.
        why: String,
    },
    /// podman failed.
    #[error("building failed at `{what}`:\n{said}")]
    Podman {
        /// The image, or what else was done.
        what: String,
        /// Its last lines.
        said: String,
        /// All of them.
        log: PathBuf,
    },
    /// Another process builds.
    #[error("another process builds images: it holds {}", path.display())]
    Locked {
        /// Its lock.
        path: PathBuf,
    },
    /// The lock cannot be taken.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The lock.
        path: PathBuf,
        /// Why.
        source: Box<store::files::FileError>,
    },
    /// The lab's tools failed.
    #[error(transparent)]
    Lab(#[from] lab::LabError),
    /// A file could not be handled.
    #[error("cannot {deed} {}", path.display())]
    File {
        /// What was tried.
        deed: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl ImageError {
    /// Returns what to do next, where that is known.
    pub fn help(&self) -> Option<String> {
        let one_of = |known: &[String]| Some(format!("one of {}", known.join(", ")));
        match self {
            Self::NoRelease { known, .. }
            | Self::NoDistro { known, .. }
            | Self::NoArchitecture { known, .. } => one_of(known),
            Self::NoImage { near, .. } if near.is_empty() => {
                Some("`kolla-lang images build --template-only` without names renders all there are".into())
            }
            Self::NoImage { near, .. } => one_of(near),
            Self::BadName { .. } => Some(
                "a registry, a folder and a tag of small letters: registry.example.org/kolla/cron:2026.1"
                    .into(),
            ),
            Self::Fetch { what, .. } => Some(format!(
                "see whether `python3 -m pip download --no-deps '{what}'` works on this machine"
            )),
            Self::Changed { .. } => Some(
                "somebody replaced it where it was fetched from, or on the way; nothing of it was used"
                    .into(),
            ),
            Self::Template { .. } | Self::Edit { .. } | Self::Content { .. } => Some(
                "the tables of this release in stdlib/images/built do not fit the package that they name"
                    .into(),
            ),
            Self::NotBuildable { .. } => {
                Some("`--upstream --template-only --out DIR` writes what Kolla builds it of".into())
            }
            Self::BadChange { .. } => Some("look at the blocks that the description has for it".into()),
            Self::Refreshed { .. } => Some("remove it: `kolla-lang images build --refresh` writes it".into()),
            Self::InUse { .. } => Some("name these as well".into()),
            Self::UsedByLabs { labs } => {
                let down: Vec<_> =
                    labs.iter().map(|it| format!("`kolla-lang lab down --name {it}`")).collect();
                Some(format!("{} first", down.join(", ")))
            }
            Self::NotBuilt { several, .. } if several.is_empty() => Some(
                "`kolla-lang images built` names those that were; `kolla-lang images build NAME` builds one"
                    .into(),
            ),
            Self::NotBuilt { .. } => Some("give the whole name".into()),
            Self::NoImages { path, .. } => {
                Some(format!("`kolla-lang images build --cache {}` builds them", path.display()))
            }
            Self::Podman { what, said, .. } if what == "push" && is_login(said) => {
                Some("the registry asks for a login: `podman login REGISTRY`, or --logins FILE".into())
            }
            Self::Podman { log, .. } => Some(format!(
                "all of it is in {}; what is done is kept, and the same command goes on from there",
                log.display()
            )),
            Self::Locked { .. } => Some("wait for it, or use another folder".into()),
            Self::Lab(error) => error.help(),
            Self::NoChange { .. } | Self::Cycle { .. } | Self::File { .. } | Self::Lock { .. } => None,
        }
    }
}

/// Returns names for a sentence.
fn listed(names: &[String]) -> String {
    match names {
        [first, rest @ ..] if !rest.is_empty() => format!("{first} and {} more", rest.len()),
        names => names.concat(),
    }
}

/// Returns whether a registry refused for want of a login.
fn is_login(said: &str) -> bool {
    ["unauthorized", "authentication required", "denied", "401", "403"].iter().any(|it| said.contains(it))
}

/// Returns what makes an error of a failed operation on a file.
pub(crate) fn file(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ImageError {
    let path = path.to_owned();
    move |source| ImageError::File { deed, path, source }
}
