//! The content-addressed store: every file once, closures as listings, builds as lists of closures.
//!
//! Objects are written once and never edited. Nothing is removed here; that is the part of `sweep`.
//!
//! ```text
//! objects/<2 digits>/<62 digits>   a file's bytes, or a closure's listing, by digest
//! builds/<64 digits>.json          the hosts of one build and their closures
//! cache/<64 digits>.json           what a host was built from last: see `cache`
//! ```

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::closure::Closure;
use super::digest::Digest;
use super::lock::{self, Lock};
use super::manifest::{self, parse_manifest};
use super::packed::Packed;
use super::tree::{Entry, Listing};
use super::{StoreError, check, files, versioned};

/// The file of a store that is locked.
pub(super) const LOCK: &str = "lock";

/// Returns where this user's data lies: the machine's for root, else below the user's data folder.
pub fn data_folder() -> Result<PathBuf, StoreError> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/kolla-lang"));
    }
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")));
    Ok(data.ok_or(StoreError::NoHome)?.join("kolla-lang"))
}

/// A store in a folder.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Held by all who use the store, so that nothing is removed under them.
    _lock: Lock,
    /// Objects seen by this process, so that each is looked for on disk once. Only asked, never walked.
    pub(super) seen: Mutex<HashSet<Digest>>,
}

/// Says which closure each host of a cloud got in one build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRecord {
    /// The version of this form, 1.
    pub version: u32,
    /// The cloud's name.
    pub cloud: String,
    /// Closures by host.
    pub hosts: BTreeMap<String, Digest>,
}

/// The mode of an object: which of them are ciphertext is said by the closures alone.
const OBJECT: u32 = 0o400;

impl BuildRecord {
    /// Makes a record.
    pub fn new(cloud: impl Into<String>, hosts: BTreeMap<String, Digest>) -> Self {
        Self { version: 1, cloud: cloud.into(), hosts }
    }

    /// Returns the digest of the whole cloud: of its name, its hosts and their closures.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_text().as_bytes())
    }

    /// Returns the record's one text.
    pub fn to_text(&self) -> String {
        // Writing plain structs with text keys into memory cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl Store {
    /// Opens a store, and makes its folders if they are not there yet.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        for byte in 0..=u8::MAX {
            let folder = root.join("objects").join(format!("{byte:02x}"));
            if !folder.is_dir() {
                files::make_folder(&folder)?;
            }
        }
        // Objects of earlier versions can be read by all, and some are ciphertext.
        files::make_private_folder(&root.join("objects"))?;
        files::make_folder(&root.join("builds"))?;
        let lock = lock::share(&root.join(LOCK))?;
        Ok(Self { root, _lock: lock, seen: Mutex::default() })
    }

    /// Returns the folder of this user's store.
    pub fn default_root() -> Result<PathBuf, StoreError> {
        Ok(data_folder()?.join("store"))
    }

    /// Stores a closure and returns its digest. Many threads may do so at once.
    ///
    /// It is on disk for good only after [`Store::finish`].
    pub fn add(&self, closure: &Closure) -> Result<Digest, StoreError> {
        self.add_measured(closure).map(|(digest, _)| digest)
    }

    /// The same, with the lengths of all its objects in the order of its listing, that of the listing last.
    pub fn add_measured(&self, closure: &Closure) -> Result<(Digest, Vec<u64>), StoreError> {
        let packed = Packed::of(closure)?;
        let mut lengths = Vec::new();
        for (digest, bytes) in packed.objects() {
            self.put(digest, bytes)?;
            lengths.push(bytes.len() as u64);
        }
        Ok((packed.digest().clone(), lengths))
    }

    /// Returns the folder it lies in.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Ends a build: everything reaches the disk, then the record does. Returns the record's path.
    pub fn finish(&self, record: &BuildRecord) -> Result<PathBuf, StoreError> {
        let path = self.root.join("builds").join(format!("{}.json", record.digest()));
        if files::read_if_there(&path)?.is_none_or(|bytes| bytes != record.to_text().as_bytes()) {
            files::sync_file_system(&self.root)?;
            files::write_synced(&path, record.to_text().as_bytes(), 0o644)?;
        }
        Ok(path)
    }

    /// Reads a closure back.
    pub fn load(&self, digest: &Digest) -> Result<Closure, StoreError> {
        let damaged = || StoreError::Damaged { digest: digest.clone() };
        let listing: Listing = serde_json::from_slice(&self.get(digest)?).map_err(|_| damaged())?;
        let text = match listing.files.get(manifest::FILE_NAME) {
            Some(entry) => String::from_utf8(self.get(&entry.digest)?).map_err(|_| damaged())?,
            None => return Err(damaged()),
        };
        let path = self.path_of(digest);
        let manifest = parse_manifest(&text).map_err(|source| StoreError::ReadManifest { path, source })?;
        let mut closure = Closure::new(manifest);
        for (path, Entry { digest, mode }) in &listing.files {
            if path != manifest::FILE_NAME {
                closure.add_file(path.clone(), self.get(digest)?, *mode);
            }
        }
        check::check(&closure)?;
        Ok(closure)
    }

    /// Reads an object and checks that it is what its name says.
    pub(super) fn get(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let bytes = files::read(&self.path_of(digest))?;
        if Digest::of(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(StoreError::Damaged { digest: digest.clone() })
        }
    }

    /// Writes an object, unless it is there and whole.
    pub(super) fn replace(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        if self.get(digest).is_ok() {
            return Ok(());
        }
        Ok(files::write_atomic(&self.path_of(digest), bytes, OBJECT)?)
    }

    /// Writes an object unless it is there.
    fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        if !self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone()) {
            return Ok(());
        }
        let path = self.path_of(digest);
        // A power cut before a sync leaves objects that are too short; their length gives them away.
        if fs::symlink_metadata(&path).is_ok_and(|it| it.len() == bytes.len() as u64) {
            return Ok(());
        }
        Ok(files::write_atomic(&path, bytes, OBJECT)?)
    }

    pub(super) fn path_of(&self, digest: &Digest) -> PathBuf {
        let (front, rest) = digest.as_str().split_at(2);
        self.root.join("objects").join(front).join(rest)
    }
}

/// Reads the record of a build.
pub fn load_record(path: &Path) -> Result<BuildRecord, StoreError> {
    let bytes = files::read(path)?;
    versioned::parse(&bytes, 1).map_err(|why| StoreError::Record { path: path.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closure(host: &str) -> Closure {
        let text = format!(r#"{{"version":1,"cloud":"t","host":"{host}","backend":"quadlet","engine":"0"}}"#);
        let mut closure = Closure::new(parse_manifest(&text).unwrap_or_else(|error| panic!("{error}")));
        closure.add_file("quadlet/a/a.container", "[Container]\nImage=x\n", 0o644);
        closure.add_file("files/a/run.sh", "#!/bin/sh\n", 0o755);
        closure
    }

    fn n_objects(root: &Path) -> usize {
        let folders = files::names(&root.join("objects")).unwrap_or_default();
        folders.iter().map(|it| files::names(&root.join("objects").join(it)).unwrap_or_default().len()).sum()
    }

    #[test]
    fn closures_come_back_as_they_were_and_share_what_is_equal() -> Result<(), StoreError> {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let store = Store::open(root.path())?;
        let (a, b) = (store.add(&closure("a"))?, store.add(&closure("b"))?);
        assert_eq!((store.load(&a)?, store.load(&b)?), (closure("a"), closure("b")));
        assert_eq!(a, closure("a").digest());
        // Two files that both have, and for each a manifest and a listing.
        assert_eq!(n_objects(root.path()), 2 + 2 * 2);
        let record = BuildRecord::new("t", BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]));
        let path = store.finish(&record)?;
        assert_eq!(load_record(&path)?, record);
        assert_eq!(store.finish(&record)?, path);
        Ok(())
    }

    #[test]
    fn what_is_damaged_is_said_and_mended_by_the_next_build() -> Result<(), StoreError> {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let digest = Store::open(root.path())?.add(&closure("a"))?;
        let store = Store::open(root.path())?;
        files::remove_file(&store.path_of(&digest))?;
        files::write_atomic(&store.path_of(&digest), b"cut", 0o444)?;
        assert!(matches!(store.load(&digest), Err(StoreError::Damaged { .. })));
        store.add(&closure("a"))?;
        assert_eq!(store.load(&digest)?, closure("a"));
        Ok(())
    }

    #[test]
    fn a_path_out_of_the_closure_is_refused() {
        let mut closure = closure("a");
        closure.add_file("files/../../etc/passwd", "", 0o644);
        assert!(matches!(check::check(&closure), Err(check::Contradiction::Path { .. })));
    }

    #[test]
    fn a_tree_is_read_back_and_replaced_as_a_whole() -> Result<(), StoreError> {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let folder = root.path().join("a");
        crate::tree::replace_tree(root.path(), &closure("a"))?;
        let mut less = closure("a");
        less.files.remove("files/a/run.sh");
        crate::tree::replace_tree(root.path(), &less)?;
        assert_eq!(crate::tree::load_tree(&folder)?, less);
        assert_eq!(files::names(root.path())?, ["a"]);
        Ok(())
    }

    #[test]
    fn a_tree_replaces_nothing_that_no_build_wrote() -> Result<(), StoreError> {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let (out, mine) = (root.path().join("out"), root.path().join("mine/kept"));
        files::make_folder(&root.path().join("mine"))?;
        files::write_atomic(&mine, b"mine", 0o644)?;
        for host in ["../mine", "..", "", "a/b"] {
            let refused = crate::tree::replace_tree(&out, &closure(host));
            assert!(matches!(refused, Err(StoreError::Contradiction(check::Contradiction::Name { .. }))));
        }
        let refused = crate::tree::replace_tree(root.path(), &closure("mine"));
        assert!(matches!(refused, Err(StoreError::NotOurs { .. })));
        assert!(files::exists(&mine) && !files::exists(&out));
        // A file of this name is no manifest yet, and that of another host is not of this one.
        for text in ["", r#"{"version":1,"name":"thesis"}"#, &closure("other").manifest.to_text()] {
            files::write_atomic(&root.path().join("mine/manifest.json"), text.as_bytes(), 0o644)?;
            let refused = crate::tree::replace_tree(root.path(), &closure("mine"));
            assert!(matches!(refused, Err(StoreError::NotOurs { .. })), "{text}");
        }
        // Beside what a build wrote lies something of somebody's.
        crate::tree::replace_tree(root.path(), &closure("a"))?;
        let notes = root.path().join("a/notes.txt");
        files::write_atomic(&notes, b"mine", 0o644)?;
        let refused = crate::tree::replace_tree(root.path(), &closure("a"));
        assert!(matches!(refused, Err(StoreError::Stray { path }) if path == notes));
        files::remove_file(&notes)?;
        // What an older or a newer one wrote is a tree as well.
        let text = r#"{"version":7,"cloud":"c","host":"a","new":[]}"#;
        files::write_atomic(&root.path().join("a/manifest.json"), text.as_bytes(), 0o644)?;
        crate::tree::replace_tree(root.path(), &closure("a"))
    }
}
