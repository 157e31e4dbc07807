//! Reading and writing of files so that a failure names its path and a crash leaves the old or the new text.
//!
//! Knows no layout: where things lie is the caller's business.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::digest::Digest;

/// An operation on the file system that failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum FileError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot make the folder {}", path.display())]
    MakeFolder { path: PathBuf, source: io::Error },
    #[error("cannot list the folder {}", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("cannot make the link {}", path.display())]
    Link { path: PathBuf, source: io::Error },
    #[error("cannot rename to {}", path.display())]
    Rename { path: PathBuf, source: io::Error },
    #[error("cannot remove {}", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error("cannot bring {} to disk", path.display())]
    Sync { path: PathBuf, source: io::Error },
    #[error("cannot give {} to {owner}", path.display())]
    Own { path: PathBuf, owner: String, source: io::Error },
    #[error("cannot lock {}", path.display())]
    Lock { path: PathBuf, source: io::Error },
    #[error("cannot mount memory that is never swapped at {}", path.display())]
    Mount { path: PathBuf, source: io::Error },
    #[error("{} is no file", path.display())]
    NoFile { path: PathBuf },
    #[error("{} is larger than {} MiB", path.display(), most >> 20)]
    TooLarge { path: PathBuf, most: u64 },
    #[error("no user or group `{name}` on this host, needed for {}", path.display())]
    NoUser { path: PathBuf, name: String },
}

/// Returns a closure that turns a cause into an error with its path, for `map_err`; other layers know it as `files::failed`.
#[macro_export]
macro_rules! file_failed {
    ($variant:ident, $path:expr) => {
        |source| $crate::files::FileError::$variant { path: $path.to_path_buf(), source: source.into() }
    };
}
pub use file_failed as failed;

/// Reads a file.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(failed!(Read, path))
}

/// Returns the digest of a file, of which no more than a piece is in memory at once.
pub fn digest(path: &Path) -> Result<Digest, FileError> {
    File::open(path).and_then(Digest::of_reader).map_err(failed!(Read, path))
}

/// Reads a text file.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(failed!(Read, path))
}

/// Says that a process could not find the file of its own program.
pub fn of_program(source: io::Error) -> FileError {
    FileError::Read { path: PathBuf::from("/proc/self/exe"), source }
}

/// Says whether something lies at a path, be it a link that leads nowhere.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Reads a file that may be absent.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::Read { path: path.to_owned(), source }),
    }
}

/// Reads a plain file of at most so many bytes, that may be absent. Waits for nothing, as a pipe would have it.
pub fn read_plain(path: &Path, most: u64) -> Result<Option<Vec<u8>>, FileError> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let no_file = || FileError::NoFile { path: path.to_owned() };
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        // What `open` says of a socket.
        Err(Errno::NXIO) => return Err(no_file()),
        Err(error) => return Err(FileError::Read { path: path.to_owned(), source: error.into() }),
    };
    if !file.metadata().map_err(failed!(Read, path))?.is_file() {
        return Err(no_file());
    }
    let mut bytes = Vec::new();
    // A length may be untrue, as of files of /proc, so the limit is kept while reading.
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed!(Read, path))?;
    if bytes.len() as u64 > most {
        return Err(FileError::TooLarge { path: path.to_owned(), most });
    }
    Ok(Some(bytes))
}

/// Makes a folder and those above it.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    // Whatever the umask is, nobody else may write there.
    DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(failed!(MakeFolder, path))
}

/// Makes a folder that only its owner may enter.
pub fn make_private_folder(path: &Path) -> Result<(), FileError> {
    make_folder(path)?;
    set_mode(path, 0o700)
}

/// Sets permission bits, whatever the umask is.
pub fn set_mode(path: &Path, mode: u32) -> Result<(), FileError> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed!(Write, path))
}

/// Writes a new file beside its place and renames it there: a reader sees the old text or the new one.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    put(path, bytes, mode, Durable::Later)
}

/// Writes like [`write_atomic`] and returns when the file and its name are on disk.
pub fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    put(path, bytes, mode, Durable::Now)?;
    sync_folder(folder_of(path))
}

/// Says when a file must be on disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    /// When someone syncs the file system.
    Later,
    /// Before its name is.
    Now,
}

fn put(path: &Path, bytes: &[u8], mode: u32, durable: Durable) -> Result<(), FileError> {
    let mut temp = tempfile::Builder::new()
        .prefix(".tmp-")
        .permissions(Permissions::from_mode(mode & !0o077 | 0o200))
        .tempfile_in(folder_of(path))
        .map_err(failed!(Write, path))?;
    temp.write_all(bytes).map_err(failed!(Write, path))?;
    let file = temp.as_file();
    file.set_permissions(Permissions::from_mode(mode)).map_err(failed!(Write, path))?;
    if durable == Durable::Now {
        file.sync_all().map_err(failed!(Sync, path))?;
    }
    // The handle is closed before the rename, the guard that removes the file on failure stays.
    temp.into_temp_path()
        .persist(path)
        .map_err(|error| FileError::Rename { path: path.to_owned(), source: error.error })
}

/// Makes or moves a link in one rename: a reader sees the old target or the new one.
pub fn link_atomic(path: &Path, target: &Path) -> Result<(), FileError> {
    let folder =
        tempfile::Builder::new().prefix(".tmp-").tempdir_in(folder_of(path)).map_err(failed!(Link, path))?;
    let temp = folder.path().join("link");
    std::os::unix::fs::symlink(target, &temp).map_err(failed!(Link, path))?;
    rename(&temp, path)
}

/// Makes a link where nothing lies. What came there meanwhile stays, and is an error.
pub fn link_new(path: &Path, target: &Path) -> Result<(), FileError> {
    std::os::unix::fs::symlink(target, path).map_err(failed!(Link, path))
}

/// Puts a link in the place of what lies there, in one step, and removes that where `is_it` says that it is what was meant. Anything
/// else, which came there meanwhile, gets its place back, and the answer is no.
pub fn link_over(path: &Path, target: &Path, is_it: impl Fn(&Path) -> bool) -> Result<bool, FileError> {
    link_over_by(path, target, is_it, exchange)
}

fn link_over_by(
    path: &Path,
    target: &Path,
    is_it: impl Fn(&Path) -> bool,
    exchange: impl Fn(&Path, &Path) -> Result<(), Errno>,
) -> Result<bool, FileError> {
    let folder =
        tempfile::Builder::new().prefix(".tmp-").tempdir_in(folder_of(path)).map_err(failed!(Link, path))?;
    let beside = folder.path().join("link");
    std::os::unix::fs::symlink(target, &beside).map_err(failed!(Link, path))?;
    match exchange(&beside, path) {
        Ok(()) if is_it(&beside) => Ok(true),
        Ok(()) => {
            exchange(&beside, path).map_err(failed!(Rename, path))?;
            Ok(false)
        }
        // A file system that knows no exchange, as some over the network: the look comes first, and right before.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let is_it = is_it(path);
            if is_it {
                rename(&beside, path)?;
            }
            Ok(is_it)
        }
        Err(error) => Err(FileError::Rename { path: path.to_owned(), source: error.into() }),
    }
}

/// Exchanges two names in one step: no reader ever finds neither.
pub fn exchange(from: &Path, to: &Path) -> Result<(), Errno> {
    renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE)
}

/// Renames a file, a link or a folder.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(failed!(Rename, to))
}

/// Returns where a link points, or nothing if nothing is there.
pub fn read_link(path: &Path) -> Result<Option<PathBuf>, FileError> {
    match fs::read_link(path) {
        Ok(target) => Ok(Some(target)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::Read { path: path.to_owned(), source }),
    }
}

/// Removes a file or a link, if it is there.
pub fn remove_file(path: &Path) -> Result<(), FileError> {
    gone(fs::remove_file(path), path)
}

/// Removes a folder with all in it, if it is there.
pub fn remove_folder(path: &Path) -> Result<(), FileError> {
    gone(fs::remove_dir_all(path), path)
}

fn gone(result: io::Result<()>, path: &Path) -> Result<(), FileError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::Remove { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Returns the names in a folder, sorted; none if the folder is absent.
pub fn names(path: &Path) -> Result<Vec<String>, FileError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(FileError::List { path: path.to_owned(), source }),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed!(List, path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Brings the names in a folder to disk.
pub fn sync_folder(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed!(Sync, path))
}

/// Brings everything of the file system that holds a path to disk: one call instead of one per file.
pub fn sync_file_system(path: &Path) -> Result<(), FileError> {
    let folder = File::open(path).map_err(failed!(Sync, path))?;
    rustix::fs::syncfs(&folder).map_err(failed!(Sync, path))
}

/// Returns the folder that holds a path.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"))
    }

    fn ok<T, E: std::fmt::Debug>(done: Result<T, E>) -> T {
        done.unwrap_or_else(|error| panic!("{error:?}"))
    }

    #[test]
    fn a_link_takes_the_place_of_what_was_meant_and_of_nothing_else() {
        type Exchange = fn(&Path, &Path) -> Result<(), Errno>;
        for way in [exchange as Exchange, |_, _| Err(Errno::INVAL)] {
            let folder = folder();
            let path = folder.path().join("x");
            let target = Path::new("target");
            ok(fs::write(&path, "thesis"));
            let is = |text: &'static str| move |it: &Path| fs::read_to_string(it).is_ok_and(|is| is == text);
            assert!(!ok(link_over_by(&path, target, is("other"), way)));
            assert_eq!(ok(fs::read_to_string(&path)), "thesis");
            assert!(ok(link_over_by(&path, target, is("thesis"), way)));
            assert_eq!(ok(fs::read_link(&path)), target);
            assert_eq!(ok(names(folder.path())), ["x"], "nothing is left beside");
        }
    }

    #[test]
    fn a_new_link_replaces_nothing() {
        let folder = folder();
        let path = folder.path().join("x");
        ok(link_new(&path, Path::new("one")));
        assert!(link_new(&path, Path::new("two")).is_err());
        assert_eq!(ok(fs::read_link(&path)), Path::new("one"));
    }
}
