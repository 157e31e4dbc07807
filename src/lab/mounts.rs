//! Mounts overlays, and removes folders only when nothing is mounted in them.
//!
//! Knows no hosts and no images.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags};

use super::LabError;
use super::error::{file, system};

/// The folders of one overlay: `root` shows `lower` with what was changed since, kept in `upper`.
#[derive(Debug, Clone)]
pub(super) struct Overlay {
    /// What is never written to.
    pub lower: PathBuf,
    /// What was changed.
    pub upper: PathBuf,
    /// The kernel's own, on the same file system as `upper`.
    pub work: PathBuf,
    /// Where it is mounted.
    pub root: PathBuf,
}

impl Overlay {
    /// Returns an overlay over `lower`, seen in `dir`, that keeps what is changed in `changes`.
    pub fn new(lower: &Path, changes: &Path, dir: &Path) -> Self {
        Self {
            lower: lower.to_owned(),
            upper: changes.join("upper"),
            work: changes.join("work"),
            root: dir.join("root"),
        }
    }

    /// Mounts it, unless it is mounted.
    pub fn mount(&self) -> Result<(), LabError> {
        let Self { lower: _, upper, work, root } = self;
        if mounted_at_or_below(root)?.contains(root) {
            return Ok(());
        }
        for dir in [upper, work, root] {
            fs::create_dir_all(dir).map_err(file("create", dir))?;
        }
        let data = as_c(&self.options());
        rustix::mount::mount("overlay", root, "overlay", MountFlags::empty(), Some(data.as_c_str()))
            .map_err(system("mount an overlay on", root))
    }

    /// Returns the options to mount it with.
    pub fn options(&self) -> String {
        let Self { lower, upper, work, root: _ } = self;
        format!("lowerdir={},upperdir={},workdir={}", option(lower), option(upper), option(work))
    }

    /// Unmounts it, unless it is not mounted.
    pub fn unmount(&self) -> Result<(), LabError> {
        unmount_all(&self.root)
    }
}

/// Unmounts whatever is mounted at a path or below it, the last mount first.
pub(super) fn unmount_all(path: &Path) -> Result<(), LabError> {
    for mount in mounted_at_or_below(path)?.into_iter().rev() {
        rustix::mount::unmount(&mount, UnmountFlags::NOFOLLOW).map_err(system("unmount", &mount))?;
    }
    Ok(())
}

/// Removes a folder with all that is in it, if it is there; what is mounted in it is never reached into.
pub(super) fn remove_all(path: &Path) -> Result<(), LabError> {
    if !mounted_at_or_below(path)?.is_empty() {
        return Err(LabError::Mounted { path: path.to_owned() });
    }
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(it) if it.is_dir() => fs::remove_dir_all(path).map_err(file("remove", path)),
        Ok(_) => fs::remove_file(path).map_err(file("remove", path)),
    }
}

/// Returns the mount points at a path and below it, in the order they were mounted.
fn mounted_at_or_below(path: &Path) -> Result<Vec<PathBuf>, LabError> {
    let table = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(table).map_err(file("read", table))?;
    // The table has resolved paths, and the last part of ours may not be there yet.
    let path = match (path.parent().and_then(|it| it.canonicalize().ok()), path.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    };
    Ok(mount_points(&text).into_iter().filter(|it| it.starts_with(&path)).collect())
}

/// Returns the mount points of a mountinfo table, which writes blanks and other strange bytes in octal.
fn mount_points(table: &str) -> Vec<PathBuf> {
    let unescape = |field: &str| {
        let (mut text, mut rest) = (String::new(), field);
        while let Some((before, after)) = rest.split_once('\\') {
            text.push_str(before);
            let code = after.get(..3).and_then(|it| u8::from_str_radix(it, 8).ok());
            match code {
                Some(code) => text.push(char::from(code)),
                None => text.push('\\'),
            }
            rest = if code.is_some() { &after[3..] } else { after };
        }
        text.push_str(rest);
        PathBuf::from(text)
    };
    table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape).collect()
}

/// Escapes what would end a path in the options of an overlay.
fn option(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,")
}

fn as_c(text: &str) -> std::ffi::CString {
    // A path from the command line has no zero byte; one that had would be cut there and fail to mount.
    let bytes: Vec<u8> = text.bytes().take_while(|it| *it != 0).collect();
    std::ffi::CString::new(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_with_their_blanks() {
        let table = "22 1 0:21 / /proc rw - proc proc rw\n23 1 0:22 / /a\\040b/c rw,x - ext4 /dev/a rw\n";
        assert_eq!(mount_points(table), [Path::new("/proc"), Path::new("/a b/c")]);
    }

    #[test]
    fn a_folder_with_a_mount_in_it_is_not_removed() {
        assert!(matches!(remove_all(Path::new("/proc")), Err(LabError::Mounted { .. })));
        assert!(remove_all(Path::new("/no/such/folder")).is_ok());
    }
}
