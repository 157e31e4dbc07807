//! The lock that lets one process at a time change a host or a store.
//!
//! The kernel drops it with its holder, so there is no stale lock and nothing to clean up.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::files::{FileError, failed};

/// Holds a lock until it is dropped.
#[derive(Debug)]
pub struct Lock {
    /// Open for as long as the lock is held.
    _file: File,
}

/// Takes a lock if nobody has it; nothing means that somebody does.
pub fn try_lock(path: &Path) -> Result<Option<Lock>, FileError> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(path).map_err(failed!(Lock, path))?;
    take(path, file, FlockOperation::NonBlockingLockExclusive)
}

/// Takes a lock together with others who do the same, and waits for one who has it alone.
pub fn share(path: &Path) -> Result<Lock, FileError> {
    wait(path, FlockOperation::LockShared)
}

/// Takes a lock, and waits for whoever has it.
pub fn alone(path: &Path) -> Result<Lock, FileError> {
    wait(path, FlockOperation::LockExclusive)
}

fn wait(path: &Path, operation: FlockOperation) -> Result<Lock, FileError> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(path).map_err(failed!(Lock, path))?;
    match flock(&file, operation) {
        Ok(()) => Ok(Lock { _file: file }),
        Err(source) => Err(FileError::Lock { path: path.to_owned(), source: source.into() }),
    }
}

/// Says whether somebody has a lock, and writes nothing to find out.
pub fn is_taken(path: &Path) -> Result<bool, FileError> {
    match File::open(path) {
        Ok(file) => take(path, file, FlockOperation::NonBlockingLockShared).map(|lock| lock.is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FileError::Lock { path: path.to_owned(), source }),
    }
}

fn take(path: &Path, file: File, operation: FlockOperation) -> Result<Option<Lock>, FileError> {
    match flock(&file, operation) {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(source) => Err(FileError::Lock { path: path.to_owned(), source: source.into() }),
    }
}
