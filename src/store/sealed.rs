//! Small records on disk that are read again after crashes: JSON with a version and a digest of what it says.
//!
//! Knows no record. What is torn, empty, of another version or with a flipped bit is an error with its path.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::files::{self, FileError};

/// The version of this form.
const VERSION: u32 = 1;

/// A record that cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SealedError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the record {} is empty or torn; remove it", path.display())]
    Torn { path: PathBuf },
    #[error("the record {} is damaged: it is not what was written; remove it", path.display())]
    Damaged { path: PathBuf },
    #[error("the record {} has version {version}, and this kolla-lang reads version {VERSION}", path.display())]
    Version { path: PathBuf, version: u32 },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed<T> {
    version: u32,
    sum: Digest,
    record: T,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

fn text_of(record: &impl Serialize) -> String {
    // Writing plain structs with text keys into memory cannot fail.
    serde_json::to_string(record).unwrap_or_default()
}

/// Writes a record, on disk when it returns.
pub fn write(path: &Path, record: &impl Serialize) -> Result<(), FileError> {
    files::make_folder(path.parent().unwrap_or(Path::new("/")))?;
    files::write_synced(path, text(record).as_bytes(), 0o600)
}

/// Returns the text of a record, for whom it is enough to know later that it is torn.
pub fn text(record: &impl Serialize) -> String {
    let sum = Digest::of(text_of(record).as_bytes());
    format!("{}\n", text_of(&Sealed { version: VERSION, sum, record }))
}

/// Reads a record.
pub fn read<T: Serialize + DeserializeOwned>(path: &Path) -> Result<T, SealedError> {
    let bytes = files::read(path)?;
    let path = || path.to_owned();
    // The version comes first: a later form may have fields that this one refuses.
    let Versioned { version } =
        serde_json::from_slice(&bytes).map_err(|_| SealedError::Torn { path: path() })?;
    if version != VERSION {
        return Err(SealedError::Version { path: path(), version });
    }
    let Sealed { version: _, sum, record } =
        serde_json::from_slice::<Sealed<T>>(&bytes).map_err(|_| SealedError::Damaged { path: path() })?;
    if Digest::of(text_of(&record).as_bytes()) != sum {
        return Err(SealedError::Damaged { path: path() });
    }
    Ok(record)
}
