//! The folder of one connection: made where names are short, gone with its leader, and removed by the next one where that was killed.
//!
//! Knows nothing of what lies in it. A folder is only removed that this user made and whose lock nobody holds.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use store::files::FileError;
use store::lock::{self, Lock};

/// What the names of all these folders begin with.
const PREFIX: &str = "kolla-lang-ssh-";
/// The file in a folder whose lock is held as long as the folder is in use.
const LOCK: &str = "lock";

/// A folder that is in use.
#[derive(Debug)]
pub(super) struct Scratch {
    // Removed before the lock is given back: fields end in their order.
    folder: TempDir,
    _lock: Lock,
}

/// Why there is no folder.
#[derive(Debug, thiserror::Error)]
pub enum ScratchError {
    /// It cannot be made.
    #[error("cannot make a folder in {}", parent.display())]
    Make {
        /// Where it was to lie.
        parent: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be locked.
    #[error("cannot lock a folder")]
    Lock(#[from] FileError),
}

impl Scratch {
    /// Makes a folder below `parent` that only this user enters, and removes those there whose processes are gone.
    pub(super) fn new(parent: &Path) -> Result<Self, ScratchError> {
        let failed = |source| ScratchError::Make { parent: parent.to_owned(), source };
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent).map_err(failed)?;
        // Renamed when it is locked: nobody ever sees the lock of a folder in use free.
        let new = folder.path().join("lock.new");
        let lock = lock::try_lock(&new)?;
        fs::rename(&new, folder.path().join(LOCK)).map_err(failed)?;
        let Some(lock) = lock else { return Err(failed(io::ErrorKind::WouldBlock.into())) };
        let owner = fs::metadata(folder.path()).map_err(failed)?.uid();
        remove_abandoned(parent, owner);
        Ok(Self { folder, _lock: lock })
    }

    /// Returns the folder.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of processes that were killed. What cannot be removed takes room and nothing else; the next one tries again.
fn remove_abandoned(parent: &Path, owner: u32) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(|it| it.is_dir() && it.uid() == owner);
        let lock = entry.path().join(LOCK);
        if is_ours && lock.exists() && matches!(lock::try_lock(&lock), Ok(Some(_))) {
            let _left = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parent: &Path) -> Vec<String> {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_ends_with_its_use() -> Result<(), ScratchError> {
        let parent = tempfile::tempdir().expect("a folder");
        let scratch = Scratch::new(parent.path())?;
        assert!(scratch.path().join(LOCK).exists());
        drop(scratch);
        assert_eq!(names(parent.path()), Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() -> Result<(), ScratchError> {
        let parent = tempfile::tempdir().expect("a folder");
        let in_use = Scratch::new(parent.path())?;
        for (folder, file) in
            [("kolla-lang-ssh-killed", "lock"), ("kolla-lang-ssh-begun", "said"), ("other", "lock")]
        {
            fs::create_dir(parent.path().join(folder)).expect("a folder");
            fs::write(parent.path().join(folder).join(file), "").expect("a file");
        }
        let next = Scratch::new(parent.path())?;
        let seen = names(parent.path());
        assert!(in_use.path().exists() && next.path().exists(), "{seen:?}");
        assert_eq!(seen.len(), 4, "{seen:?}");
        assert!(!seen.iter().any(|it| it == "kolla-lang-ssh-killed"), "{seen:?}");
        Ok(())
    }
}
