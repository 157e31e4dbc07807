//! Keeps what takes long to build: each thing is built once, under a name nobody looks for, and appears whole or not at all.
//!
//! Does not know what it keeps. It is never emptied by itself: while no lab runs, its folder may be removed.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::LabError;
use super::error::{file, system};
use super::mounts::{remove_all, unmount_all};
use crate::store::Digest;

/// Unfinished things begin with this.
const PARTIAL: &str = ".partial-";

/// A folder of finished things.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    dir: PathBuf,
}

/// Where a thing is being built.
#[derive(Debug)]
pub(super) struct Site {
    /// A folder for all that is needed on the way; it is removed afterwards.
    pub scratch: PathBuf,
    /// What is to be made: a file or a folder, not there yet.
    pub result: PathBuf,
}

impl Cache {
    /// Returns the cache in a folder, which need not be there.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Returns the thing of this name and digest, building it first if it is not there.
    pub fn once(
        &self,
        name: &str,
        digest: &Digest,
        build: impl FnOnce(&Site) -> Result<(), LabError>,
    ) -> Result<PathBuf, LabError> {
        let path = self.dir.join(format!("{name}-{}", digest.short()));
        if path.exists() {
            return Ok(path);
        }
        fs::create_dir_all(&self.dir).map_err(file("create", &self.dir))?;
        let lock_path = self.dir.join("lock");
        let lock = File::create(&lock_path).map_err(file("create", &lock_path))?;
        lock.lock().map_err(file("lock", &lock_path))?;
        if path.exists() {
            // Another process built it while this one waited.
            return Ok(path);
        }
        self.clear_partial()?;

        // A number of its own: whatever an earlier process started and did not end keeps to another folder.
        let scratch = self.dir.join(format!("{PARTIAL}{name}-{}", std::process::id()));
        fs::create_dir(&scratch).map_err(file("create", &scratch))?;
        // Root file systems hold programs with the set-user-id bit: not for everybody while unfinished.
        fs::set_permissions(&scratch, fs::Permissions::from_mode(0o700))
            .map_err(file("change the mode of", &scratch))?;
        let site = Site { result: scratch.join("result"), scratch };
        build(&site)?;
        sync(&site.result)?;
        fs::rename(&site.result, &path).map_err(file("rename to", &path))?;
        sync(&self.dir)?;
        self.clear_partial()?;
        Ok(path)
    }

    /// Removes what an earlier process left unfinished. Only the holder of the lock may.
    fn clear_partial(&self) -> Result<(), LabError> {
        let entries = fs::read_dir(&self.dir).map_err(file("list", &self.dir))?;
        for entry in entries {
            let path = entry.map_err(file("list", &self.dir))?.path();
            let unfinished = path.file_name().is_some_and(|it| it.to_string_lossy().starts_with(PARTIAL));
            if unfinished {
                unmount_all(&path)?;
                remove_all(&path)?;
            }
        }
        Ok(())
    }
}

/// Writes everything on the file system of `path` to the disk, so that a rename after it is never older than what it names.
pub(super) fn sync(path: &Path) -> Result<(), LabError> {
    let opened = File::open(path).map_err(file("open", path))?;
    rustix::fs::syncfs(&opened).map_err(system("sync", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(site: &Site) -> Result<(), LabError> {
        fs::write(&site.result, "half").map_err(file("write", &site.result))?;
        Err(LabError::NoMirror)
    }

    fn succeed(site: &Site) -> Result<(), LabError> {
        fs::write(&site.result, "whole").map_err(file("write", &site.result))
    }

    #[test]
    fn a_failed_build_leaves_nothing_that_counts() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(dir.path().join("cache"));
        let digest = Digest::of(b"thing");
        assert!(cache.once("thing", &digest, fail).is_err());
        let path = cache.once("thing", &digest, succeed).expect("it is built");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "whole");
        assert_eq!(cache.once("thing", &digest, fail).expect("it is there"), path);
        let left: Vec<_> = fs::read_dir(dir.path().join("cache")).expect("a folder").collect();
        assert_eq!(left.len(), 2, "the thing and the lock: {left:?}");
    }
}
