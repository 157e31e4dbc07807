//! What others than root may write of what a host is switched by: whoever could, would be root at the next switch or boot.
//!
//! Changes nothing: who gave such a mode, and what was written since, is for somebody to look at.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use rustix::process::geteuid;

use crate::machine::layout::Layout;
use crate::records::generation;
use store::files;

/// Bits that let others than the owner write.
const OTHERS: u32 = 0o022;

/// Returns the paths of ours that others may write, or own.
pub fn open_to_others(layout: &Layout) -> Vec<PathBuf> {
    let engines = layout.etc().join("engine");
    let store = layout.store();
    let lib = store.parent().map(PathBuf::from);
    let mut paths =
        vec![layout.etc(), layout.generations(), engines.clone(), layout.generator(), layout.run()];
    paths.extend(lib);
    paths.extend([layout.journals(), layout.done(), layout.adopted(), store]);
    // Who may not look there gets an error where it is read for itself.
    let names = |folder: &PathBuf| files::names(folder).unwrap_or_default();
    paths.extend(names(&engines).into_iter().map(|it| engines.join(it)));
    // The committed one is what boots.
    if let Ok(Some(number)) = generation::booted(layout) {
        let folder = layout.generation(number);
        paths.extend(
            ["", "manifest.json", "quadlet", "units", "files", "secrets", "host"].map(|it| folder.join(it)),
        );
    }
    let owner = geteuid().as_raw();
    let is_open = |path: &PathBuf| {
        path.metadata().is_ok_and(|it| it.uid() != owner || (!it.is_symlink() && it.mode() & OTHERS != 0))
    };
    paths.retain(is_open);
    paths.dedup();
    paths
}
