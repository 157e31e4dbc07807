//! Where whoever leads a rollout keeps its record: a file per cloud, on disk before each action that it tells of, and locked.
//!
//! Decides nothing. A record that ended is kept under the rollout's name.

use std::path::{Path, PathBuf};

use super::record::{Record, parse_record};
use super::saved::{LastPlan, parse_last};
use store::files::{self, FileError};
use store::lock::{self, Lock};

/// Why there is no record that could be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RolloutStoreError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the record of a rollout {} cannot be used: {why}", path.display())]
    Record { path: PathBuf, why: String },
    #[error("what was noted of the last signed plan, {}, cannot be used: {why}", path.display())]
    Plan { path: PathBuf, why: String },
    #[error("another `kolla-lang switch` of this cloud runs on this machine")]
    Taken,
}

/// The records of a cloud's rollouts, held by one process.
#[derive(Debug)]
pub struct RolloutStore {
    folder: PathBuf,
    _lock: Lock,
}

impl RolloutStore {
    /// Opens the records of a cloud below a folder, unless another process has them.
    pub fn open(data: &Path, cloud: &str) -> Result<Self, RolloutStoreError> {
        let folder = data.join("rollouts").join(cloud);
        files::make_folder(&folder)?;
        let lock = lock::try_lock(&folder.join("lock"))?.ok_or(RolloutStoreError::Taken)?;
        Ok(Self { folder, _lock: lock })
    }

    fn path(&self) -> PathBuf {
        self.folder.join("open.json")
    }

    /// Reads the record of the rollout that is not over, if there is one.
    pub fn read(&self) -> Result<Option<Record>, RolloutStoreError> {
        let path = self.path();
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(None) };
        let record = parse_record(&String::from_utf8_lossy(&bytes));
        record.map(Some).map_err(|why| RolloutStoreError::Record { path, why })
    }

    /// Writes the record; it is on disk when this returns.
    pub fn write(&self, record: &Record) -> Result<(), FileError> {
        files::write_synced(&self.path(), record.to_text().as_bytes(), 0o600)
    }

    /// Reads which signed plan was carried out last, if one was.
    pub fn last_plan(&self) -> Result<Option<LastPlan>, RolloutStoreError> {
        let path = self.folder.join("plan.json");
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(None) };
        let last = parse_last(&String::from_utf8_lossy(&bytes));
        last.map(Some).map_err(|why| RolloutStoreError::Plan { path, why })
    }

    /// Notes which signed plan is carried out; it is on disk when this returns.
    pub fn note_plan(&self, last: &LastPlan) -> Result<(), FileError> {
        // Writing plain structs into memory cannot fail.
        let text = serde_json::to_string(last).unwrap_or_default();
        files::write_synced(&self.folder.join("plan.json"), format!("{text}\n").as_bytes(), 0o600)
    }

    /// Sets the record of a rollout that is over aside, under the rollout's name.
    pub fn close(&self, rollout: &str) -> Result<(), FileError> {
        files::rename(&self.path(), &self.folder.join(format!("{rollout}.json")))
    }
}
