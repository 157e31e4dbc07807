//! Keeps a host's secrets: one file per secret and version, readable by root alone.
//!
//! A version is made once and never changed, so an earlier generation finds the secrets it was built for.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::generate::{GenerateError, Parts, generate};
use crate::store::files::{self, FileError};
use crate::store::manifest::SecretSpec;

/// What could not be done with a secret.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SecretError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot make the secret `{name}`")]
    Generate { name: String, source: GenerateError },
    #[error("the file {} of a secret is damaged", path.display())]
    Damaged { path: PathBuf },
    #[error("the secret `{name}` has no part `{part}`")]
    NoPart { name: String, part: String },
    #[error("there is no secret `{name}` on this host")]
    Absent { name: String },
}

/// The secrets of a host. What it reads is not printed, not even for debugging.
pub struct Vault {
    folder: PathBuf,
}

/// A secret as its file holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The version of this form, 1.
    version: u32,
    parts: Parts,
}

impl Vault {
    /// Keeps secrets in a folder, which is made when the first one is.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Makes a secret of this version unless it is there, and says whether it was made.
    pub fn ensure(&self, name: &str, spec: &SecretSpec) -> Result<bool, SecretError> {
        let path = self.path_of(name, spec);
        if let Some(bytes) = files::read_if_there(&path)? {
            parse(&path, &bytes)?;
            return Ok(false);
        }
        let parts = generate(&spec.kind, &|_| None)
            .map_err(|source| SecretError::Generate { name: name.to_owned(), source })?;
        // Writing plain structs with text keys into memory cannot fail.
        let text = serde_json::to_vec(&Kept { version: 1, parts }).unwrap_or_default();
        files::make_private_folder(&self.folder)?;
        files::write_synced(&path, &text, 0o600)?;
        Ok(true)
    }

    /// Reads one part of a secret.
    pub(super) fn read(
        &self,
        name: &str,
        spec: &SecretSpec,
        part: Option<&str>,
    ) -> Result<String, SecretError> {
        let path = self.path_of(name, spec);
        let bytes =
            files::read_if_there(&path)?.ok_or_else(|| SecretError::Absent { name: name.to_owned() })?;
        let part = part.unwrap_or_default();
        let no_part = || SecretError::NoPart { name: name.to_owned(), part: part.to_owned() };
        parse(&path, &bytes)?.parts.remove(part).ok_or_else(no_part)
    }

    /// Returns the file of a secret; a `/` in a name stays within one file name.
    fn path_of(&self, name: &str, spec: &SecretSpec) -> PathBuf {
        let name = name.replace('%', "%25").replace('/', "%2F");
        self.folder.join(format!("{name}.v{}.json", spec.version))
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Kept, SecretError> {
    let kept: Option<Kept> = serde_json::from_slice(bytes).ok();
    kept.filter(|it| it.version == 1).ok_or_else(|| SecretError::Damaged { path: path.to_owned() })
}
