//! The images of a description: the lock beside it, and which of them it does not pin.
//!
//! Asks no registry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::exit::Exit;
use super::host::{Answer, complain};
use super::needs::Needs;
use super::report::Warnings;
use super::say::say_wrong;
use images::lock::{self, ImagesLock, LockError};
use images::reference::{HERE, has_digest, is_named};
use model::Cloud;
use store::files::FileError;

/// Reads the lock of a description. What is wrong with it was printed.
pub fn load(description: &Path) -> Result<ImagesLock, Exit> {
    lock::load(&lock::path_of(description)).map_err(|error| {
        let exit = complain(&error, Exit::Refused);
        match error {
            LockError::Form { .. }
            | LockError::File(FileError::NoFile { .. } | FileError::TooLarge { .. }) => {
                say_wrong!("  help: take it as git has it, or remove it and run `kolla-lang images pin`");
            }
            LockError::Version { .. } => say_wrong!("  help: use the kolla-lang that wrote it"),
            LockError::File(_) => {}
        }
        exit
    })
}

/// Why an image stays by its tag, or nothing where it can be pinned.
pub fn stays(cloud: &Cloud, image: &str) -> Option<&'static str> {
    if has_digest(image) {
        return Some("described by digest");
    }
    if image.starts_with(HERE) {
        return Some("made on its hosts");
    }
    cloud.unpinned.iter().any(|it| is_named(image, it.as_str())).then_some("stays by tag: `cloud.unpinned`")
}

/// Returns the images that hosts need, could be pinned and are not.
pub fn unpinned(cloud: &Cloud, needs: &BTreeMap<String, Needs>) -> BTreeSet<String> {
    let all = needs.values().flat_map(|it| &it.images);
    all.filter(|image| stays(cloud, image).is_none()).cloned().collect()
}

/// Warns of images that are not pinned, once for all, or refuses them.
pub fn warn(unpinned: &BTreeSet<String>, warnings: Warnings, answer: Answer) -> Result<(), Exit> {
    let Some(first) = unpinned.first() else { return Ok(()) };
    let denied = warnings == Warnings::Denied;
    if answer == Answer::Text || denied {
        let (n, by) = (unpinned.len(), if denied { ", denied by --deny-warnings" } else { "" });
        match n {
            1 => say_wrong!("warning: the image {first} is named by a tag that may move{by}"),
            n => say_wrong!(
                "warning: {n} images are named by tags that may move, {first} and {} more{by}",
                n - 1
            ),
        }
        say_wrong!(
            "  help: `kolla-lang images pin` writes what each tag means now into {}; `cloud.unpinned` names those that stay",
            lock::FILE_NAME
        );
    }
    if denied { Err(Exit::Wrong) } else { Ok(()) }
}
