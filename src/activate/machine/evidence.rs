//! Names exactly what is there: a file with its text, owner and mode; a link; a container by its id.
//!
//! What was accepted by name is accepted as it was, so that something else in its place is seen.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use store::Digest;
use store::digest::Hasher;
use store::files::{self, FileError, failed};

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There {
    /// Nothing.
    Nothing,
    /// A file.
    File {
        /// Its text.
        bytes: Vec<u8>,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// A link.
    Link(PathBuf),
    /// A folder.
    Folder,
    /// A device, a socket, a pipe.
    Other,
}

/// Looks at a path, through no link at its end.
pub fn look(path: &Path) -> Result<There, FileError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if is_nothing(&error) => return Ok(There::Nothing),
        Err(source) => return Err(FileError::Read { path: path.to_owned(), source }),
    };
    Ok(if metadata.is_symlink() {
        There::Link(fs::read_link(path).map_err(failed!(Read, path))?)
    } else if metadata.is_file() {
        let (uid, gid, mode) = (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777);
        There::File { bytes: files::read(path)?, uid, gid, mode }
    } else if metadata.is_dir() {
        There::Folder
    } else {
        There::Other
    })
}

/// A folder above that is a file means as well that nothing is there.
fn is_nothing(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

impl There {
    /// Names what lies there. Of a folder only that it is one: it is kept as a whole, whatever is in it.
    pub fn evidence(&self) -> Option<Digest> {
        Some(match self {
            Self::Nothing => Hasher::new("nothing").finish(),
            Self::File { bytes, uid, gid, mode } => {
                let mut hasher = Hasher::new("file");
                hasher.field(bytes).number(u64::from(*uid)).number(u64::from(*gid)).number(u64::from(*mode));
                hasher.finish()
            }
            Self::Link(target) => Hasher::new("link").field(target.as_os_str().as_bytes()).finish(),
            Self::Folder => Hasher::new("folder").finish(),
            Self::Other => return None,
        })
    }

    /// Says in a few words what lies there, and no text of it.
    pub fn words(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::File { bytes, .. } => format!("a file with digest {}", Digest::of(bytes).short()),
            Self::Link(target) => format!("a link to {}", target.display()),
            Self::Folder => "a folder".to_owned(),
            Self::Other => "neither a file nor a link".to_owned(),
        }
    }
}

/// Names a container.
pub fn of_container(id: &str) -> Digest {
    Hasher::new("container").field(id).finish()
}
