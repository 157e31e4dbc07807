//! Closures as plain trees of files: what `build --out` writes, what a generation is, and reading them back.
//!
//! Nothing here is atomic or synced: a caller that needs it writes beside the place, syncs and renames.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::closure::{Closure, ClosureFile};
use super::digest::Digest;
use super::files::{self, FileError, failed};
use super::manifest::{self, parse_manifest};
use super::{StoreError, check, shown};

/// The folders of a closure; a tree may have others beside them, which are not the closure's.
pub const FOLDERS: [&str; 4] = ["files", "quadlet", "secrets", "units"];

/// Lists a closure's files: its text names the closure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The version of this form, 1.
    pub version: u32,
    /// The files by path, the manifest among them.
    pub files: BTreeMap<String, Entry>,
}

/// One file of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Of its bytes.
    pub digest: Digest,
    /// Its permission bits.
    pub mode: u32,
}

impl Listing {
    /// Lists a closure, given the text of its manifest.
    pub fn of(closure: &Closure, manifest_text: &str) -> Self {
        let entry = |bytes: &[u8], mode| Entry { digest: Digest::of(bytes), mode };
        let mut files: BTreeMap<String, Entry> =
            closure.files.iter().map(|(path, file)| (path.clone(), entry(&file.bytes, file.mode))).collect();
        files.insert(manifest::FILE_NAME.to_owned(), entry(manifest_text.as_bytes(), 0o644));
        Self { version: 1, files }
    }

    /// Returns the listing's one text.
    pub fn to_text(&self) -> String {
        // Writing plain structs with text keys into memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Closure {
    /// Returns the digest that names this closure.
    pub fn digest(&self) -> Digest {
        Digest::of(Listing::of(self, &self.manifest.to_text()).to_text().as_bytes())
    }
}

/// Writes a closure into a folder that is empty or not there yet.
pub fn write_tree(folder: &Path, closure: &Closure) -> Result<(), StoreError> {
    check::check(closure)?;
    write_files(folder, closure)
}

fn write_files(folder: &Path, closure: &Closure) -> Result<(), StoreError> {
    files::make_folder(folder)?;
    let mut made = BTreeSet::new();
    for (path, ClosureFile { bytes, mode }) in &closure.files {
        let at = folder.join(path);
        if let Some(parent) = at.parent()
            && made.insert(parent.to_path_buf())
        {
            files::make_folder(parent)?;
        }
        write_new(&at, bytes, *mode)?;
    }
    write_new(&folder.join(manifest::FILE_NAME), closure.manifest.to_text().as_bytes(), 0o644)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(failed!(Write, path))?;
    file.write_all(bytes).map_err(failed!(Write, path))?;
    // The umask may have taken bits away, and trees must not depend on it.
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed!(Write, path))?;
    Ok(())
}

/// Puts the closure of a host into its own folder of a plain tree for people, with the names of secrets where they go. What an earlier
/// build left there is replaced, old or new but never a mixture for long; anything else that lies there is kept, and refused.
pub fn replace_tree(parent: &Path, closure: &Closure) -> Result<(), StoreError> {
    check_place(parent, closure)?;
    let folder = &parent.join(&closure.manifest.host);
    files::make_folder(parent)?;
    let temp =
        tempfile::Builder::new().prefix(".tmp-").tempdir_in(parent).map_err(failed!(MakeFolder, folder))?;
    let (new, old) = (temp.path().join("new"), temp.path().join("old"));
    write_files(&new, &shown::shown(closure))?;
    if files::exists(folder) {
        files::rename(folder, &old)?;
    }
    files::rename(&new, folder)?;
    Ok(())
}

/// Says whether [`replace_tree`] may put a closure there: nothing lies there, or what a build wrote for this host and nothing else.
pub fn check_place(parent: &Path, closure: &Closure) -> Result<(), StoreError> {
    check::check(closure)?;
    let folder = &parent.join(&closure.manifest.host);
    match fs::symlink_metadata(folder) {
        Ok(it) if it.is_dir() => {}
        Ok(_) => return Err(StoreError::NotOurs { path: folder.clone() }),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(FileError::Read { path: folder.to_owned(), source }.into()),
    }
    let names = files::names(folder)?;
    if names.is_empty() {
        return Ok(());
    }
    if !is_tree_of(folder, &closure.manifest.host)? {
        return Err(StoreError::NotOurs { path: folder.clone() });
    }
    let is_known = |name: &&String| *name == manifest::FILE_NAME || FOLDERS.contains(&name.as_str());
    match names.iter().find(|name| !is_known(name)) {
        Some(name) => Err(StoreError::Stray { path: folder.join(name) }),
        None => Ok(()),
    }
}

/// Says whether a folder has the manifest of a host, of whatever version.
fn is_tree_of(folder: &Path, host: &str) -> Result<bool, FileError> {
    #[derive(Deserialize)]
    struct Any {
        version: u32,
        cloud: String,
        host: String,
    }
    // Web sites have files of this name too.
    let path = folder.join(manifest::FILE_NAME);
    let is_file = fs::symlink_metadata(&path).is_ok_and(|it| it.is_file());
    let text = if is_file { files::read_if_there(&path)?.unwrap_or_default() } else { Vec::new() };
    let is_ours = |it: Any| it.version > 0 && !it.cloud.is_empty() && it.host == host;
    Ok(serde_json::from_slice::<Any>(&text).is_ok_and(is_ours))
}

/// Reads a closure from a tree on disk and checks it.
pub fn load_tree(folder: &Path) -> Result<Closure, StoreError> {
    let path = folder.join(manifest::FILE_NAME);
    let text = files::read_text(&path)?;
    let manifest = parse_manifest(&text).map_err(|source| StoreError::ReadManifest { path, source })?;
    let mut closure = Closure::new(manifest);
    for name in FOLDERS {
        load_folder(folder, Path::new(name), &mut closure)?;
    }
    shown::hide(&mut closure);
    check::check(&closure)?;
    Ok(closure)
}

fn load_folder(root: &Path, within: &Path, closure: &mut Closure) -> Result<(), StoreError> {
    for name in files::names(&root.join(within))? {
        let (path, at) = (within.join(&name), root.join(within).join(&name));
        let metadata = fs::symlink_metadata(&at).map_err(failed!(Read, at))?;
        if metadata.is_dir() {
            load_folder(root, &path, closure)?;
        } else if metadata.is_file() {
            let mode = metadata.permissions().mode() & 0o777;
            closure.add_file(path.to_string_lossy(), files::read(&at)?, mode);
        }
        // Links are the host's own additions to a generation, never a closure's.
    }
    Ok(())
}

/// Says whether a path stays within the folder it is relative to and has one spelling.
pub fn is_plain(path: &str) -> bool {
    !path.is_empty()
        && !path.bytes().any(|it| it == 0 || it == b'\n')
        && Path::new(path).components().all(|it| matches!(it, Component::Normal(_)))
        && !path.ends_with('/')
        && !path.contains("//")
        && !path.contains("/./")
}

/// Turns an error of a file into one of the store.
impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
