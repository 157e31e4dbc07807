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
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(source) => Err(FileError::Lock { path: path.to_owned(), source: source.into() }),
    }
}
