//! What each host was built from last, and what came of it: a build renders and hashes only hosts that depend on something else now.
//!
//! ```text
//! cache/<64 digits>.json   one host of one cloud, by the digest of both names
//! ```
//!
//! A cache and nothing more: without it, or with entries that are torn, damaged, of another version or of another host, a build takes
//! longer and comes to the same. An entry is used only while all objects of its closure are there, each with its length; that they hold
//! what their names say is checked by whoever reads them, as everywhere. What a caller keeps beside is its own affair.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::digest::{Digest, Hasher};
use super::objects::Store;
use super::tree::{Entry, Listing};
use super::{StoreError, files, sealed};

/// The folder of a store in which entries lie.
const FOLDER: &str = "cache";

/// What a host was built from last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cached<T> {
    /// The name of the cloud.
    pub cloud: String,
    /// The name of the host.
    pub host: String,
    /// The digest of all that the closure depends on.
    pub inputs: Digest,
    /// The closure.
    pub closure: Digest,
    /// The lengths of the closure's objects, in the order of its listing, that of the listing last.
    pub lengths: Vec<u64>,
    /// What the caller wants to know of the closure without reading it.
    pub facts: T,
}

impl Store {
    /// Says whether a store has a cache: one that has none need not be opened to ask it.
    pub fn has_cache(root: &Path) -> bool {
        root.join(FOLDER).is_dir()
    }

    /// Returns what a host was built from last if that had these inputs and all of it is still here.
    pub fn recall<T: Serialize + DeserializeOwned>(
        &self,
        cloud: &str,
        host: &str,
        inputs: &Digest,
    ) -> Option<Cached<T>> {
        self.recall_if(cloud, host, |found| found.inputs == *inputs)
    }

    /// Returns what a host was built from last if it is what the caller looks for and all of it is still here.
    pub fn recall_if<T: Serialize + DeserializeOwned>(
        &self,
        cloud: &str,
        host: &str,
        is_it: impl FnOnce(&Cached<T>) -> bool,
    ) -> Option<Cached<T>> {
        let found: Cached<T> = sealed::read(&self.cached(cloud, host)).ok()?;
        let is_of_host = (&*found.cloud, &*found.host) == (cloud, host);
        (is_of_host && is_it(&found) && self.is_whole(&found.closure, &found.lengths)).then_some(found)
    }

    /// Keeps what a host was built from. Its closure is in the store, and on disk: see [`Store::finish`].
    pub fn remember<T: Serialize>(&self, entry: &Cached<T>) -> Result<(), StoreError> {
        files::make_private_folder(&self.root().join(FOLDER))?;
        let path = self.cached(&entry.cloud, &entry.host);
        // Not brought to disk: torn by a power cut it is known to be, and nothing is lost with it.
        Ok(files::write_atomic(&path, sealed::text(entry).as_bytes(), 0o600)?)
    }

    fn cached(&self, cloud: &str, host: &str) -> PathBuf {
        let name = Hasher::new("cached host").field(cloud).field(host).finish();
        self.root().join(FOLDER).join(format!("{name}.json"))
    }

    /// Says whether all objects of a closure are here, each with its length.
    fn is_whole(&self, closure: &Digest, lengths: &[u64]) -> bool {
        let Ok(text) = self.get(closure) else { return false };
        let Ok(Listing { version: _, files }) = serde_json::from_slice::<Listing>(&text) else {
            return false;
        };
        let objects = files.values().map(|Entry { digest, mode: _ }| digest).chain([closure]);
        lengths.len() == files.len() + 1 && objects.zip(lengths).all(|(digest, len)| self.has(digest, *len))
    }

    /// Says whether an object is here with its length, which gives away what a power cut left.
    fn has(&self, digest: &Digest, length: u64) -> bool {
        let is_seen = |it: &Self| it.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(digest);
        if is_seen(self) {
            return true;
        }
        let is_there =
            fs::symlink_metadata(self.path_of(digest)).is_ok_and(|it| it.is_file() && it.len() == length);
        if is_there {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone());
        }
        is_there
    }
}

/// Lists the entries of a store's cache, each with the closure that it leads to, if it can be read.
pub(super) fn entries(root: &Path) -> Result<Vec<(PathBuf, Option<Digest>)>, files::FileError> {
    #[derive(Deserialize)]
    struct Any {
        record: Leads,
    }
    #[derive(Deserialize)]
    struct Leads {
        closure: Digest,
    }
    let folder = root.join(FOLDER);
    let entry = |name: String| {
        let path = folder.join(name);
        let bytes = files::read(&path).unwrap_or_default();
        let closure = serde_json::from_slice(&bytes).ok().map(|it: Any| it.record.closure);
        (path, closure)
    };
    Ok(files::names(&folder)?.into_iter().map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Backend, Manifest};
    use crate::sweep::Sweep;
    use crate::{BuildRecord, Closure};
    use std::collections::{BTreeMap, BTreeSet};

    fn closure(host: &str) -> Closure {
        let mut closure = Closure::new(Manifest::new("t", host, Backend::Quadlet, "0"));
        closure.add_file("units/a.service", "[Service]\n", 0o644);
        closure
    }

    /// A store that has built a host and remembers it.
    fn built(root: &Path) -> Result<(Store, Cached<u32>), StoreError> {
        let store = Store::open(root)?;
        let (digest, lengths) = store.add_measured(&closure("a"))?;
        let (cloud, host) = ("t".to_owned(), "a".to_owned());
        let entry = Cached { cloud, host, inputs: Digest::of(b"1"), closure: digest, lengths, facts: 7 };
        store.remember(&entry)?;
        // What was seen is not looked at again.
        drop(store);
        Ok((Store::open(root)?, entry))
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn it_is_recalled_for_the_same_inputs_of_the_same_host_alone() -> Result<(), StoreError> {
        let root = folder();
        let (store, entry) = built(root.path())?;
        let recall = |cloud, host, inputs: &[u8]| store.recall::<u32>(cloud, host, &Digest::of(inputs));
        assert_eq!(recall("t", "a", b"1"), Some(entry.clone()));
        assert_eq!(recall("t", "a", b"2"), None);
        assert_eq!(recall("t", "b", b"1"), None);
        // An entry that came to the place of another host.
        fs::copy(store.cached("t", "a"), store.cached("t", "b")).unwrap_or_default();
        assert_eq!(recall("t", "b", b"1"), None);
        store.remember(&Cached { inputs: Digest::of(b"2"), ..entry })?;
        assert_eq!(recall("t", "a", b"1"), None);
        Ok(())
    }

    #[test]
    fn what_is_torn_damaged_or_of_another_form_is_not_used() -> Result<(), StoreError> {
        let root = folder();
        let (store, entry) = built(root.path())?;
        let path = store.cached("t", "a");
        let text = files::read(&path)?;
        let recalled = || store.recall::<u32>("t", "a", &entry.inputs);
        for n_bytes in 0..text.len() - 1 {
            files::write_atomic(&path, &text[..n_bytes], 0o600)?;
            assert_eq!(recalled(), None, "{n_bytes} bytes");
        }
        for at in 0..text.len() - 1 {
            let mut changed = text.clone();
            changed[at] ^= 1;
            files::write_atomic(&path, &changed, 0o600)?;
            assert_eq!(recalled(), None, "byte {at}");
        }
        files::write_atomic(&path, &text, 0o600)?;
        assert_eq!(store.recall::<String>("t", "a", &entry.inputs), None);
        assert_eq!(recalled(), Some(entry.clone()));
        Ok(())
    }

    #[test]
    fn a_closure_that_lacks_an_object_is_built_anew() -> Result<(), StoreError> {
        let root = folder();
        let (_, entry) = built(root.path())?;
        let objects = Store::open(root.path())?.load(&entry.closure)?;
        assert_eq!(objects, closure("a"));
        let digests = [
            entry.closure.clone(),
            Digest::of(b"[Service]\n"),
            Digest::of(closure("a").manifest.to_text().as_bytes()),
        ];
        for digest in digests {
            for damage in [None, Some(b"cut".as_slice()), Some(b"")] {
                let (store, entry) = built(root.path())?;
                let path = store.path_of(&digest);
                files::remove_file(&path)?;
                if let Some(bytes) = damage {
                    files::write_atomic(&path, bytes, 0o400)?;
                }
                assert_eq!(store.recall::<u32>("t", "a", &entry.inputs), None, "{digest} {damage:?}");
                assert_eq!(store.add(&closure("a"))?, entry.closure);
                assert_eq!(store.load(&entry.closure)?, closure("a"), "mended");
                assert_eq!(store.recall::<u32>("t", "a", &entry.inputs), Some(entry));
            }
        }
        Ok(())
    }

    #[test]
    fn gc_takes_what_leads_to_no_kept_closure() -> Result<(), StoreError> {
        let root = folder();
        let (store, entry) = built(root.path())?;
        let path = store.cached("t", "a");
        let torn = store.cached("t", "torn");
        files::write_atomic(&torn, b"{", 0o600)?;
        drop(store);
        let unreached = |closures: &BTreeSet<Digest>| -> Result<Vec<PathBuf>, StoreError> {
            let sweep = Sweep::begin(root.path())?.unwrap_or_else(|| panic!("the store is in use"));
            let found = sweep.unreached(closures, &BTreeSet::new(), 1)?;
            Ok(found.into_iter().map(|it| it.path).collect())
        };
        assert_eq!(unreached(&BTreeSet::from([entry.closure.clone()]))?, std::slice::from_ref(&torn));
        let all = unreached(&BTreeSet::new())?;
        assert_eq!(all.len(), 2 + 3, "{all:?}");
        let in_cache = |path: &PathBuf| path.parent().is_some_and(|it| it.ends_with(FOLDER));
        assert!(all[..2].iter().all(in_cache), "what leads to objects goes before them: {all:?}");
        // A build that is kept keeps what it built.
        let record = BuildRecord::new("t", BTreeMap::from([("a".to_owned(), entry.closure)]));
        Store::open(root.path())?.finish(&record)?;
        assert_eq!(unreached(&BTreeSet::new())?, [torn]);
        assert!(files::exists(&path));
        Ok(())
    }
}
