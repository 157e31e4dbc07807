//! Where the compiler's texts come from: files of this machine, and the library inside this binary.

use include_dir::{Dir, include_dir};
use kl::source::{ReadError, World};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use crate::secrets::file::{Entry, SecretsFile};

static STDLIB: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/stdlib");

/// The largest source that is read, in bytes.
const MAX_SOURCE: u64 = 16 << 20;

/// Files of this machine, relative to the current folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl World for Disk {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        read(Path::new(path))
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        STDLIB.get_file(path).and_then(|file| file.contents_utf8()).map(Arc::from)
    }

    fn library_modules(&self) -> Vec<String> {
        let stem = |path: &Path| path.to_str()?.strip_suffix(".kl").map(str::to_owned);
        STDLIB.files().filter_map(|file| stem(file.path())).collect()
    }
}

/// Files of this machine, and beside them what a file of secrets says of versions, as definitions of the description.
pub struct WithVersions {
    name: String,
    text: Arc<str>,
}

impl WithVersions {
    /// Says the versions of the secrets in a file.
    pub fn new(path: &Path, secrets: &SecretsFile) -> Self {
        let define = |(name, entry): (&String, &Entry)| {
            let name = quoted(name);
            format!("if {name} in secrets {{ secrets[{name}].version = {} }}\n", entry.version)
        };
        let text: String = secrets.secrets.iter().map(define).collect();
        Self { name: path.to_string_lossy().into_owned(), text: text.into() }
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
        if path == self.name { Ok(self.text.clone()) } else { Disk.read(path) }
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        Disk.library(path)
    }

    fn library_modules(&self) -> Vec<String> {
        Disk.library_modules()
    }
}

fn read(path: &Path) -> Result<Arc<str>, ReadError> {
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => ReadError::Missing,
        ErrorKind::IsADirectory => ReadError::Directory,
        _ => ReadError::Other(error.to_string()),
    };
    let file = std::fs::File::open(path).map_err(told)?;
    let meta = file.metadata().map_err(told)?;
    if meta.is_dir() {
        return Err(ReadError::Directory);
    }
    let mut bytes = Vec::new();
    // A length may be untrue, as of a pipe, so the limit is kept while reading, too.
    file.take(MAX_SOURCE + 1).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 > MAX_SOURCE {
        return Err(ReadError::TooLarge);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(error) => Err(ReadError::NotUtf8(error.utf8_error().valid_up_to())),
    }
}
