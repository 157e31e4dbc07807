//! Folders in memory that is never swapped to a disk, for texts with secrets: which they are, and how they become so.
//!
//! Moves and hides nothing: a folder that holds something already stays as it is, for containers have it mounted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};

use super::layout::Layout;
use super::tool::HostTools;
use store::files::{self, FileError, failed};
use store::{Manifest, lock};

/// What is asked of the host's mounts. Tests have one of their own, and mount nothing.
pub trait Memory {
    /// Says whether a folder is a file system in memory that is never swapped.
    fn is_memory(&mut self, folder: &Path) -> Result<bool, FileError>;
    /// Mounts such a file system at a folder, for root alone.
    fn mount(&mut self, folder: &Path) -> Result<(), FileError>;
}

/// Returns the folders that must be memory for a manifest: those that its rendered folders lie in.
pub fn places(layout: &Layout, manifest: &Manifest) -> BTreeSet<PathBuf> {
    let above = manifest.folders.iter().map(|it| layout.folder(it));
    above.filter_map(|it| it.parent().map(Path::to_owned)).collect()
}

/// Makes the folders that a manifest's rendered folders lie in be memory. Nothing is done where they are.
pub fn hold(layout: &Layout, memory: &mut dyn Memory, manifest: &Manifest) -> Result<(), FileError> {
    places(layout, manifest).iter().try_for_each(|folder| hold_one(layout, memory, folder))
}

/// Makes one folder be memory.
pub fn hold_one(layout: &Layout, memory: &mut dyn Memory, folder: &Path) -> Result<(), FileError> {
    if memory.is_memory(folder)? {
        return Ok(());
    }
    files::make_private_folder(folder)?;
    // A lock of its own: a switch has the other one while it starts the unit that renders at boot. Without it two
    // mounts could lie on each other, and what was rendered into the lower one be gone.
    let _lock = lock::alone(&layout.memory_lock())?;
    if !memory.is_memory(folder)? && files::names(folder)?.is_empty() {
        memory.mount(folder)?;
    }
    Ok(())
}

impl Memory for HostTools {
    fn is_memory(&mut self, folder: &Path) -> Result<bool, FileError> {
        let table = files::read_text(Path::new("/proc/self/mountinfo"))?;
        Ok(is_never_swapped(&table, folder))
    }

    fn mount(&mut self, folder: &Path) -> Result<(), FileError> {
        // Not without programs: a folder may hold some that a container runs.
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        let mounted = match mount("kolla-lang", folder, "tmpfs", flags, c"mode=0700,noswap") {
            // Linux before 6.4 knows no `noswap`. What it has instead is never swapped either, and has no limit of size.
            Err(Errno::INVAL) => mount("kolla-lang", folder, "ramfs", flags, c"mode=0700"),
            mounted => mounted,
        };
        mounted.map_err(failed!(Mount, folder))
    }
}

/// Says whether the kernel's table of mounts has memory that is never swapped at a folder; of two mounts the last one counts.
fn is_never_swapped(table: &str, folder: &Path) -> bool {
    let mount = |line: &str| {
        let (place, what) = line.split_once(" - ")?;
        // Blanks in a path are written in another way, and ours have none.
        (Path::new(place.split(' ').nth(4)?) == folder).then(|| {
            let mut words = what.split(' ');
            let (kind, options) = (words.next(), words.nth(1).unwrap_or_default());
            kind == Some("ramfs") || kind == Some("tmpfs") && options.split(',').any(|it| it == "noswap")
        })
    };
    table.lines().rev().find_map(mount).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what is asked of it, and lets nothing be memory before it was mounted.
    #[derive(Default)]
    struct Mounted(Vec<PathBuf>);

    impl Memory for Mounted {
        fn is_memory(&mut self, folder: &Path) -> Result<bool, FileError> {
            Ok(self.0.iter().any(|it| it == folder))
        }

        fn mount(&mut self, folder: &Path) -> Result<(), FileError> {
            self.0.push(folder.to_owned());
            Ok(())
        }
    }

    #[test]
    fn a_mount_is_told_by_its_kind_and_options() {
        let table = "\
22 1 0:21 / / rw - ext4 /dev/vda rw,noswap
40 22 0:30 / /run rw,nosuid - tmpfs tmpfs rw,size=800k,mode=755
41 40 0:31 / /run/a rw,nosuid,nodev - tmpfs kolla-lang rw,mode=700,noswap
42 40 0:32 / /run/b rw shared:7 - ramfs kolla-lang rw,mode=700
43 40 0:33 / /run/c rw - ramfs kolla-lang rw
44 43 0:34 / /run/c rw - tmpfs none rw
";
        let is = |path: &str| is_never_swapped(table, Path::new(path));
        assert!(is("/run/a") && is("/run/b"));
        for other in ["/", "/run", "/run/c", "/run/d", "/run/a/b"] {
            assert!(!is(other), "{other}");
        }
    }

    #[test]
    fn only_an_empty_folder_is_mounted_and_only_once() {
        let root = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let layout = Layout::new(root.path());
        let text = r#"{"version":1,"cloud":"t","host":"h","backend":"quadlet","engine":"0","folders":
            [{"owner":"a.service","digest":"D","delivery":"content","files":[]},
             {"owner":"b.service","digest":"D","delivery":{"live":"b"},"files":[]}]}"#
            .replace('D', &"0".repeat(64));
        let manifest = store::manifest::parse_manifest(&text).unwrap_or_else(|error| panic!("{error}"));
        let live = layout.at("/run/kolla-lang/live");
        files::make_folder(&live.join("b")).unwrap_or_else(|error| panic!("{error}"));
        let mut mounted = Mounted::default();
        for _ in 0..2 {
            hold(&layout, &mut mounted, &manifest).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(mounted.0, [layout.at("/run/kolla-lang/files")]);
        }
    }
}
