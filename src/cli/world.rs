//! Where the compiler's texts come from: files of this machine, and the library inside this binary.

use kl::source::{ReadError, World};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrets::file::{Entry, SecretsFile};

/// The largest source that is read, in bytes.
const MAX_SOURCE: u64 = 16 << 20;

/// Files of this machine, relative to the current folder: a description that somebody named, and what lies in one folder with it.
#[derive(Debug)]
pub struct Disk {
    entry: String,
    /// The folder that nothing is read from outside of, without links; none where there is no such folder.
    root: Option<PathBuf>,
}

impl Disk {
    /// Lets a description read files of its own folder, or of another one that holds it.
    pub fn new(entry: &str, root: Option<&Path>) -> Self {
        let beside = Path::new(entry).parent().filter(|it| !it.as_os_str().is_empty());
        let root = root.or(beside).unwrap_or(Path::new("."));
        Self { entry: entry.to_owned(), root: root.canonicalize().ok() }
    }

    /// The place of a file without links on the way to it, if it is one that may be read.
    fn find(&self, path: &str) -> Result<PathBuf, ReadError> {
        let place = Path::new(path).canonicalize().map_err(|it| told(&it))?;
        let is_named = path == self.entry;
        let is_within = self.root.as_ref().is_some_and(|root| place.starts_with(root));
        if is_named || is_within { Ok(place) } else { Err(ReadError::Outside) }
    }
}

impl World for Disk {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        read(&self.find(path)?)
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        stdlib::text(path).map(Arc::from)
    }

    fn library_modules(&self) -> Vec<String> {
        stdlib::modules().into_iter().map(str::to_owned).collect()
    }
}

/// Files of this machine, and beside them what a file of secrets says of versions, as definitions of the description.
pub struct WithVersions {
    disk: Disk,
    name: String,
    text: Arc<str>,
}

impl WithVersions {
    /// Says the versions of the secrets in a file.
    pub fn new(disk: Disk, path: &Path, secrets: &SecretsFile) -> Self {
        let define = |(name, entry): (&String, &Entry)| {
            let name = quoted(name);
            format!("if {name} in secrets {{ secrets[{name}].version = {} }}\n", entry.version)
        };
        let text: String = secrets.secrets.iter().map(define).collect();
        Self { disk, name: path.to_string_lossy().into_owned(), text: text.into() }
    }

    /// The name of the file, if it says anything.
    pub fn entry(&self) -> Option<&str> {
        (!self.text.is_empty()).then_some(&self.name)
    }
}

/// A text of the language that means these characters.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|it| ['"', '\\', '$'].contains(&it).then_some('\\').into_iter().chain([it]))
        .collect();
    format!("\"{escaped}\"")
}

impl World for WithVersions {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        if path == self.name { Ok(self.text.clone()) } else { self.disk.read(path) }
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        self.disk.library(path)
    }

    fn library_modules(&self) -> Vec<String> {
        self.disk.library_modules()
    }
}

fn told(error: &std::io::Error) -> ReadError {
    match error.kind() {
        ErrorKind::NotFound => ReadError::Missing,
        ErrorKind::IsADirectory => ReadError::Directory,
        _ => ReadError::Other(error.to_string()),
    }
}

fn read(path: &Path) -> Result<Arc<str>, ReadError> {
    let told = |error: std::io::Error| told(&error);
    // A pipe that nobody writes to would let this wait for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => std::fs::File::from(file),
        // What `open` says of a socket.
        Err(Errno::NXIO) => return Err(ReadError::NotPlain),
        Err(error) => return Err(told(error.into())),
    };
    let meta = file.metadata().map_err(told)?;
    if meta.is_dir() {
        return Err(ReadError::Directory);
    }
    if !meta.is_file() {
        return Err(ReadError::NotPlain);
    }
    let mut bytes = Vec::new();
    // A length may be untrue, as of files of /proc, so the limit is kept while reading, too.
    file.take(MAX_SOURCE + 1).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 > MAX_SOURCE {
        return Err(ReadError::TooLarge);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(error) => Err(ReadError::NotUtf8(error.utf8_error().valid_up_to())),
    }
}
