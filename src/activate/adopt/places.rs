//! Adopted files, links and folders: a link of ours takes their place in one rename, and they take it back in one.
//!
//! Decides by what is seen, so that whatever was cut off is finished by the next call.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use crate::machine::evidence::{There, look};
use crate::machine::layout::Layout;
use crate::records::adopted::{AdoptError, Adopted, Book, What};
use store::Digest;
use store::files::{self, FileError, failed};

/// Returns where a folder stands while a link of ours has its place.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".kept-by-kolla-lang");
    path.with_file_name(name)
}

/// Puts a link of ours where something adopted lies, and returns whether it was that: else nothing was done.
pub fn take(layout: &Layout, book: &Book, path: &Path, target: &Path) -> Result<bool, AdoptError> {
    let there = look(path)?;
    if !book.covers(&layout.name(path), &there) {
        return Ok(false);
    }
    match there {
        There::File { .. } | There::Link(_) => {
            let name = layout.name(path);
            let is_kept = |it: &Path| look(it).is_ok_and(|there| book.covers(&name, &there));
            if !files::link_over(path, target, is_kept)? {
                return Err(AdoptError::Changed { path: path.to_owned() });
            }
        }
        There::Folder => {
            let beside = beside(path);
            match look(&beside)? {
                There::Nothing => {}
                // An exchange that did not happen any more.
                There::Link(is) if is == target => files::remove_file(&beside)?,
                _ => return Err(AdoptError::InTheWay { path: beside }),
            }
            symlink(target, &beside).map_err(failed!(Link, beside))?;
            files::exchange(&beside, path).map_err(failed!(Rename, path))?;
        }
        There::Nothing | There::Other => return Ok(false),
    }
    files::sync_folder(path.parent().unwrap_or(layout.root()))?;
    Ok(true)
}

/// Puts back what was adopted where a link of ours lies that nobody wants any more, and returns whether there was any.
pub fn put_back(layout: &Layout, book: &Book, path: &Path) -> Result<bool, AdoptError> {
    let Some(adopted) = book.get(&layout.name(path)) else { return Ok(false) };
    match &adopted.what {
        What::AsItIs | What::Container { .. } => return Ok(false),
        What::File { digest, uid, gid, mode } => put_back_file(layout, path, digest, (*uid, *gid), *mode)?,
        What::Link { target } => {
            let is_ours = |it: &Path| fs::read_link(it).is_ok_and(|is| layout.is_our_target(&is));
            if !files::link_over(path, target, is_ours)? {
                return Err(AdoptError::Changed { path: path.to_owned() });
            }
        }
        What::Folder => {
            let beside = beside(path);
            if look(&beside)? != There::Folder {
                return Ok(false);
            }
            files::exchange(&beside, path).map_err(failed!(Rename, path))?;
            files::remove_file(&beside)?;
        }
    }
    files::sync_folder(path.parent().unwrap_or(layout.root()))?;
    Ok(true)
}

fn put_back_file(
    layout: &Layout,
    path: &Path,
    digest: &Digest,
    (uid, gid): (u32, u32),
    mode: u32,
) -> Result<(), AdoptError> {
    let copy = Adopted::copy(layout, digest);
    let bytes = files::read(&copy)?;
    if Digest::of(&bytes) != *digest {
        return Err(AdoptError::Copy { path: copy });
    }
    // Under another name until it is as it was: nobody ever sees it with a wrong owner.
    let folder = path.parent().unwrap_or(layout.root());
    let temp =
        tempfile::Builder::new().prefix(".tmp-").tempdir_in(folder).map_err(failed!(MakeFolder, folder))?;
    let new = temp.path().join("file");
    files::write_synced(&new, &bytes, 0o600)?;
    let owner = format!("{uid}:{gid}");
    chown(&new, Some(uid), Some(gid)).map_err(|source| FileError::Own {
        path: path.to_owned(),
        owner,
        source,
    })?;
    files::set_mode(&new, mode)?;
    files::rename(&new, path)?;
    Ok(())
}

/// Says whether what lies at a path was accepted and may be replaced.
pub fn may_take(layout: &Layout, book: &Book, path: &Path) -> bool {
    // Where a folder would go beside, nothing may stand.
    let is_free = |there: &There| *there != There::Folder || fs::symlink_metadata(beside(path)).is_err();
    look(path).is_ok_and(|there| is_free(&there) && book.covers(&layout.name(path), &there))
}
