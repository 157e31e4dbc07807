//! Links in the host's own folders to files of the generation that holds: set, taken away, and what was adopted put back where one goes.
//!
//! They lead through the link `boot`, so that a commit changes them all at once.

use std::fs;
use std::path::{Path, PathBuf};

use super::places;
use crate::machine::layout::Layout;
use crate::records::adopted::{AdoptError, Book};
use store::manifest::UnitKind;
use store::{Closure, files};

/// The link in `/etc/sysctl.d` that sets a generation's kernel settings at boot.
const SYSCTL_LINK: &str = "/etc/sysctl.d/90-kolla-lang.conf";
/// The link in `/etc/modules-load.d` that loads a generation's modules at boot.
const MODULES_LINK: &str = "/etc/modules-load.d/kolla-lang.conf";

/// Returns the links that the host's own folders must hold for a closure, with their targets, through `boot`.
pub fn wanted_links(layout: &Layout, closure: &Closure) -> Vec<(PathBuf, PathBuf)> {
    let manifest = &closure.manifest;
    let host = layout.boot().join("host");
    let of_file = |path: &String| (layout.at(path), host.join("files").join(path.trim_start_matches('/')));
    let mut links: Vec<_> = manifest.files.keys().map(of_file).collect();
    if !manifest.sysctls.is_empty() {
        links.push((layout.at(SYSCTL_LINK), host.join("sysctl.conf")));
    }
    if !manifest.modules.is_empty() {
        links.push((layout.at(MODULES_LINK), host.join("modules.conf")));
    }
    for folder in &manifest.folders {
        // A task leaves no container behind whose scripts could look there.
        let unit = manifest.units.get(&folder.owner).filter(|unit| unit.kind == UnitKind::Container);
        let container = unit.and_then(|unit| unit.container.as_ref());
        if let Some(name) = container {
            links.push((layout.kolla_config(name), layout.last_started(name)));
        }
    }
    links.sort();
    links.dedup();
    links
}

/// Makes the host's links be what the new closure wants, and returns what could not be done.
///
/// Idempotent, so that whatever was cut off is finished by the next call. Only links of ours and what was adopted is replaced,
/// and where a link of ours goes, what was adopted comes back.
pub fn set_links(layout: &Layout, old: Option<&Closure>, new: &Closure) -> Vec<AdoptError> {
    let book = match Book::load(layout) {
        Ok(book) => book,
        Err(error) => return vec![error.into()],
    };
    let wanted = wanted_links(layout, new);
    let mut problems: Vec<AdoptError> =
        wanted.iter().filter_map(|(path, target)| set_link(layout, &book, path, target).err()).collect();
    let mut gone = old.map(|old| wanted_links(layout, old)).unwrap_or_default();
    gone.extend(book.all().filter_map(|it| Some((layout.at(&it.name), layout.our_link(&it.name)?))));
    for (path, target) in gone {
        let is_ours = fs::read_link(&path).is_ok_and(|is| is == target);
        if is_ours && !wanted.iter().any(|(other, _)| *other == path) {
            match places::put_back(layout, &book, &path) {
                Ok(true) => {}
                Ok(false) => problems.extend(files::remove_file(&path).err().map(AdoptError::from)),
                Err(error) => problems.push(error),
            }
        }
    }
    problems
}

/// Says whether the host's links are what the closure wants.
pub fn are_links_set(layout: &Layout, closure: &Closure) -> bool {
    wanted_links(layout, closure)
        .iter()
        .all(|(path, target)| fs::read_link(path).is_ok_and(|is| is == *target))
}

fn set_link(layout: &Layout, book: &Book, path: &Path, target: &Path) -> Result<(), AdoptError> {
    if fs::read_link(path).is_ok_and(|is| is == *target) || places::take(layout, book, path, target)? {
        return Ok(());
    }
    // A file that nobody adopted is an error here, and stays.
    if files::read_link(path)?.is_none() {
        files::make_folder(path.parent().unwrap_or(layout.root()))?;
        return Ok(files::link_new(path, target)?);
    }
    let is_ours = |it: &Path| fs::read_link(it).is_ok_and(|is| layout.is_our_target(&is));
    if files::link_over(path, target, is_ours)? {
        return Ok(());
    }
    Err(AdoptError::Changed { path: path.to_owned() })
}

/// Returns paths where the closure wants a link and something else lies that is not ours to replace.
pub fn foreign_files(layout: &Layout, closure: &Closure) -> Vec<PathBuf> {
    let is_foreign = |path: &PathBuf, target: &PathBuf| match fs::symlink_metadata(path) {
        Ok(metadata) => !metadata.is_symlink() || fs::read_link(path).is_ok_and(|is| is != *target),
        Err(_) => false,
    };
    // What cannot be read is reported by whoever reads it for itself; here nothing counts as adopted then.
    let book = Book::load(layout).unwrap_or_default();
    wanted_links(layout, closure)
        .into_iter()
        .filter(|(path, target)| is_foreign(path, target) && !places::may_take(layout, &book, path))
        .map(|it| it.0)
        .collect()
}
