//! Keeps what takes long to build: each thing is built once, under a name nobody looks for, and appears whole or not at all. Who needs
//! a thing that another process builds waits for that thing alone, and hears how far it is.
//!
//! Does not know what it keeps. It is never emptied by itself: while no lab runs, its folder may be removed.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::error::{file, system};
use super::mounts::{remove_all, unmount_all};
use super::{LabError, Progress};
use store::Digest;

/// Unfinished things begin with this.
const PARTIAL: &str = ".partial-";
/// How often it is looked how far another process is.
const LOOK: Duration = Duration::from_millis(250);

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

    /// Returns the thing of this name and digest, building it first if it is not there. What `build` tells is heard by `tell`, and by
    /// those who wait for the same thing.
    pub fn once(
        &self,
        name: &str,
        digest: &Digest,
        tell: Progress,
        build: impl FnOnce(&Site, Progress) -> Result<(), LabError>,
    ) -> Result<PathBuf, LabError> {
        let thing = format!("{name}-{}", digest.short());
        let path = self.dir.join(&thing);
        if path.exists() {
            return Ok(path);
        }
        fs::create_dir_all(&self.dir).map_err(file("create", &self.dir))?;
        let lock_path = self.dir.join(format!(".{thing}.lock"));
        let _lock = take(&lock_path, tell)?;
        if path.exists() {
            // Another process built it while this one waited.
            return Ok(path);
        }
        self.clear_partial(&thing)?;

        // A number of its own: whatever an earlier process started and did not end keeps to another folder.
        let scratch = self.dir.join(format!("{PARTIAL}{thing}-{}", std::process::id()));
        fs::create_dir(&scratch).map_err(file("create", &scratch))?;
        // Root file systems hold programs with the set-user-id bit: not for everybody while unfinished.
        fs::set_permissions(&scratch, fs::Permissions::from_mode(0o700))
            .map_err(file("change the mode of", &scratch))?;
        let site = Site { result: scratch.join("result"), scratch };
        let tell_all = |words: &str| {
            // Those who wait hear less then, and wait all the same.
            let _unheard = fs::write(&lock_path, words);
            tell(words);
        };
        build(&site, &tell_all)?;
        sync(&site.result)?;
        fs::rename(&site.result, &path).map_err(file("rename to", &path))?;
        sync(&self.dir)?;
        self.clear_partial(&thing)?;
        Ok(path)
    }

    /// Removes what an earlier process left unfinished of a thing. Only the holder of its lock may.
    fn clear_partial(&self, thing: &str) -> Result<(), LabError> {
        let begin = format!("{PARTIAL}{thing}-");
        let entries = fs::read_dir(&self.dir).map_err(file("list", &self.dir))?;
        for entry in entries {
            let path = entry.map_err(file("list", &self.dir))?.path();
            let unfinished = path.file_name().is_some_and(|it| it.to_string_lossy().starts_with(&begin));
            if unfinished {
                unmount_all(&path)?;
                remove_all(&path)?;
            }
        }
        Ok(())
    }
}

/// Takes the lock of a thing. Whoever holds it writes what it does into it, which is told to who waits.
fn take(path: &Path, tell: Progress) -> Result<File, LabError> {
    let mut options = File::options();
    let lock = options.create(true).truncate(false).write(true).open(path).map_err(file("create", path))?;
    let mut heard = None;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(file("lock", path)(source)),
        }
        let said = fs::read_to_string(path).unwrap_or_default();
        if heard.as_ref() != Some(&said) {
            tell(&format!("waiting for another lab that is at it: {said}"));
            heard = Some(said);
        }
        sleep(LOOK);
    }
}

/// Writes everything on the file system of `path` to the disk, so that a rename after it is never older than what it names.
pub(super) fn sync(path: &Path) -> Result<(), LabError> {
    let opened = File::open(path).map_err(file("open", path))?;
    rustix::fs::syncfs(&opened).map_err(system("sync", path))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn fail(site: &Site, _: Progress) -> Result<(), LabError> {
        fs::write(&site.result, "half").map_err(file("write", &site.result))?;
        Err(LabError::NoMirror)
    }

    fn succeed(site: &Site, _: Progress) -> Result<(), LabError> {
        fs::write(&site.result, "whole").map_err(file("write", &site.result))
    }

    #[test]
    fn a_failed_build_leaves_nothing_that_counts() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(dir.path().join("cache"));
        let digest = Digest::of(b"thing");
        assert!(cache.once("thing", &digest, &|_| {}, fail).is_err());
        let path = cache.once("thing", &digest, &|_| {}, succeed).expect("it is built");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "whole");
        assert_eq!(cache.once("thing", &digest, &|_| {}, fail).expect("it is there"), path);
        let left: Vec<_> = fs::read_dir(dir.path().join("cache")).expect("a folder").collect();
        assert_eq!(left.len(), 2, "the thing and its lock: {left:?}");
    }

    #[test]
    fn who_needs_a_thing_that_is_being_built_waits_for_it_alone_and_hears_of_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(dir.path().join("cache"));
        let (slow, other) = (Digest::of(b"slow"), Digest::of(b"other"));
        let (begun, begins) = mpsc::channel();
        let (end, ends) = mpsc::channel();
        let (cache, slow) = (&cache, &slow);
        thread::scope(|scope| {
            let builder = scope.spawn(move || {
                cache.once("slow", slow, &|_| {}, |site, tell| {
                    tell("step 1 of 2");
                    begun.send(()).expect("somebody listens");
                    ends.recv().expect("somebody ends it");
                    succeed(site, tell)
                })
            });
            begins.recv().expect("it begins");
            cache.once("other", &other, &|_| {}, succeed).expect("another thing is built meanwhile");
            // The first word that is heard lets the other one go on.
            let hear = move |words: &str| {
                assert_eq!(words, "waiting for another lab that is at it: step 1 of 2");
                end.send(()).expect("somebody builds it");
            };
            let waited = cache.once("slow", slow, &hear, fail).expect("it was built by the other one");
            assert_eq!(waited, builder.join().expect("no panic").expect("it is built"));
        });
    }
}
