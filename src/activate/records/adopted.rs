//! The records of what somebody accepted by name: files and containers that the description takes over, and other drift.
//!
//! Records stay after what they tell of came back, so a rollback needs no second yes; something else in the same place does.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use crate::machine::evidence::There;
use crate::machine::layout::Layout;
use crate::machine::systemd::SystemdError;
use crate::machine::tool::ToolError;
use store::Digest;
use store::files::{self, FileError};
use store::sealed::{self, SealedError};

/// One thing that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopted {
    /// The path or the container.
    pub name: String,
    /// Exactly what was accepted.
    pub evidence: Digest,
    /// Seconds since 1970.
    pub time: u64,
    /// What is needed to bring it back.
    pub what: What,
}

/// What was accepted, with what is needed to bring it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum What {
    /// It is accepted as it is, and nothing is done to it.
    AsItIs,
    /// A file; its text is kept beside the records.
    File {
        /// Of its text, and the name of the copy.
        digest: Digest,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// A link.
    Link {
        /// Where it points.
        target: PathBuf,
    },
    /// A folder; while a link of ours has its place it stands beside it.
    Folder,
    /// A container.
    Container {
        /// All 64 digits.
        id: String,
        /// How it was before it was set aside; absent while it is where it always was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Before>,
    },
}

/// How a container was before it was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// The unit of the host that ran it.
    pub unit: Option<String>,
    /// Whether that unit started at boot.
    pub enabled: bool,
    /// Whether it ran.
    pub running: bool,
    /// What podman did when it ended.
    pub policy: String,
}

/// What could not be adopted or brought back.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum AdoptError {
    #[error(
        "nothing on this host is called `{name}`: name a path or a container, as `kolla-lang status` does"
    )]
    Nothing { name: String },
    #[error("`{name}` is neither a file, a link, a folder nor a container, and cannot be kept")]
    Other { name: String },
    #[error("`{name}` is one of ours; there is nothing to adopt")]
    Ours { name: String },
    #[error("`{name}` was never adopted")]
    Unknown { name: String },
    #[error(
        "`{name}` is set aside now: what is kept of it is all there is; release it from the description first"
    )]
    InUse { name: String },
    #[error("{} is in the way of what is kept", path.display())]
    InTheWay { path: PathBuf },
    #[error("{} is not what it was a moment ago, and stays", path.display())]
    Changed { path: PathBuf },
    #[error("the kept copy {} is not what was kept", path.display())]
    Copy { path: PathBuf },
    #[error("the container `{name}` has another of that name in its way")]
    NameTaken { name: String },
    #[error("{unit} was not stopped within {secs} s")]
    Late { unit: String, secs: u64 },
    #[error(transparent)]
    Record(#[from] SealedError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Systemd(#[from] SystemdError),
}

/// All that was accepted, by name.
#[derive(Debug, Default)]
pub struct Book(BTreeMap<String, Adopted>);

impl Book {
    /// Reads all records. One that cannot be used is an error: what it kept must not be forgotten silently.
    pub fn load(layout: &Layout) -> Result<Self, SealedError> {
        let mut book = BTreeMap::new();
        let folder = layout.adopted();
        for file in files::names(&folder)?.iter().filter(|name| name.ends_with(".json")) {
            let path = folder.join(file);
            let adopted: Adopted = sealed::read(&path)?;
            if record_name(&adopted.name) != *file {
                return Err(SealedError::Damaged { path });
            }
            book.insert(adopted.name.clone(), adopted);
        }
        Ok(Self(book))
    }

    /// Returns what was accepted under a name.
    pub fn get(&self, name: &str) -> Option<&Adopted> {
        self.0.get(name)
    }

    /// Returns all of it, by name.
    pub fn all(&self) -> impl Iterator<Item = &Adopted> {
        self.0.values()
    }

    /// Says whether what lies at a path may be replaced: it was accepted, and it still is what was accepted.
    pub fn covers(&self, name: &str, there: &There) -> bool {
        self.get(name).is_some_and(|it| Some(&it.evidence) == there.evidence().as_ref())
    }

    /// Marks the findings that were accepted by name.
    pub fn mark(&self, findings: &mut [Finding]) {
        for finding in findings {
            let accepted = self.get(&finding.name).map(|it| &it.evidence);
            finding.adopted = accepted.is_some() && accepted == finding.evidence.as_ref();
        }
    }
}

impl Adopted {
    /// Writes the record, on disk when it returns.
    pub(crate) fn write(&self, layout: &Layout) -> Result<(), FileError> {
        sealed::write(&layout.adopted().join(record_name(&self.name)), self)
    }

    /// Returns where the text of a file is kept.
    pub(crate) fn copy(layout: &Layout, digest: &Digest) -> PathBuf {
        layout.adopted().join("kept").join(digest.as_str())
    }
}

/// Returns the file name of a record; a name is any text, a file name is not.
pub(crate) fn record_name(name: &str) -> String {
    format!("{}.json", Digest::of(name.as_bytes()))
}
