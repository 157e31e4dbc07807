//! What of a store nothing refers to any more: objects that no kept closure lists, records of old builds, cached hosts of them.
//!
//! Knows no generation; whoever calls says which closures and which builds are kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::cache;
use super::digest::Digest;
use super::files::{self, FileError, failed};
use super::lock::{self, Lock};
use super::objects::{LOCK, load_record};
use super::tree::Listing;

/// A store that nobody else uses meanwhile.
#[derive(Debug)]
pub struct Sweep {
    root: PathBuf,
    _lock: Lock,
}

/// A file of a store that nothing refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// The file.
    pub path: PathBuf,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Sweep {
    /// Takes a store for itself; nothing means that somebody uses it, or that there is none.
    pub fn begin(root: &Path) -> Result<Option<Self>, FileError> {
        if !root.join("objects").is_dir() {
            return Ok(None);
        }
        let lock = lock::try_lock(&root.join(LOCK))?;
        Ok(lock.map(|lock| Self { root: root.to_owned(), _lock: lock }))
    }

    /// Lists what these closures, these builds and the newest builds do not reach. Builds come first, then what is cached of hosts, to be
    /// removed before what they lead to.
    pub fn unreached(
        &self,
        closures: &BTreeSet<Digest>,
        builds: &BTreeSet<Digest>,
        newest: usize,
    ) -> Result<Vec<Unreached>, FileError> {
        let (kept, mut unreached) = self.builds(builds, newest)?;
        let kept: BTreeSet<&Digest> = kept.iter().chain(closures).collect();
        for (path, closure) in cache::entries(&self.root)? {
            if closure.is_none_or(|it| !kept.contains(&it)) {
                unreached.push(measured(path)?);
            }
        }
        let mut reached = BTreeSet::new();
        for closure in kept {
            reached.insert(closure.clone());
            // A closure that is not here, or is damaged, keeps nothing else alive.
            let bytes = files::read_if_there(&self.path_of(closure)).ok().flatten().unwrap_or_default();
            let listing: Option<Listing> = serde_json::from_slice(&bytes).ok();
            reached.extend(listing.into_iter().flat_map(|it| it.files.into_values()).map(|it| it.digest));
        }
        let objects = self.root.join("objects");
        for front in files::names(&objects)? {
            for rest in files::names(&objects.join(&front))? {
                let is_reached =
                    format!("{front}{rest}").parse().is_ok_and(|it: Digest| reached.contains(&it));
                if !is_reached {
                    unreached.push(measured(objects.join(&front).join(rest))?);
                }
            }
        }
        Ok(unreached)
    }

    /// Returns the closures of the builds that are kept, and the records of the others.
    fn builds(
        &self,
        wanted: &BTreeSet<Digest>,
        newest: usize,
    ) -> Result<(Vec<Digest>, Vec<Unreached>), FileError> {
        let folder = self.root.join("builds");
        let mut all = Vec::new();
        for name in files::names(&folder)? {
            let path = folder.join(&name);
            let digest = name.strip_suffix(".json").and_then(|it| it.parse::<Digest>().ok());
            let metadata = fs::symlink_metadata(&path).map_err(failed!(Read, path))?;
            all.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), digest, path));
        }
        all.sort_by(|(a, ..), (b, ..)| b.cmp(a));
        let (mut closures, mut old) = (Vec::new(), Vec::new());
        for (place, (_, digest, path)) in all.into_iter().enumerate() {
            match digest {
                Some(digest) if place < newest || wanted.contains(&digest) => {
                    // A damaged record of a build refers to nothing.
                    let record = load_record(&path).ok();
                    closures.extend(record.into_iter().flat_map(|it| it.hosts.into_values()));
                }
                _ => old.push(measured(path)?),
            }
        }
        Ok((closures, old))
    }

    fn path_of(&self, digest: &Digest) -> PathBuf {
        let (front, rest) = digest.as_str().split_at(2);
        self.root.join("objects").join(front).join(rest)
    }
}

fn measured(path: PathBuf) -> Result<Unreached, FileError> {
    let bytes = fs::symlink_metadata(&path).map_err(failed!(Read, path))?.len();
    Ok(Unreached { path, bytes })
}
