//! The standard library, carried inside the binary.
//!
//! Hands out files by their paths below `stdlib/`; what is in them is the business of whoever asks.

use include_dir::{Dir, DirEntry, include_dir};

static STDLIB: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../stdlib");

/// Returns a file as text.
pub fn text(path: &str) -> Option<&'static str> {
    STDLIB.get_file(path)?.contents_utf8()
}

/// Returns a file as it is.
pub fn bytes(path: &str) -> Option<&'static [u8]> {
    Some(STDLIB.get_file(path)?.contents())
}

/// Returns the names of the modules, each a file of its own at the top.
pub fn modules() -> Vec<&'static str> {
    STDLIB.files().filter_map(|file| file.path().to_str()?.strip_suffix(".kl")).collect()
}

/// Returns the names of the folders in a folder, sorted.
pub fn folders(path: &str) -> Vec<&'static str> {
    let name = |dir: &'static Dir<'static>| dir.path().file_name()?.to_str();
    let mut names: Vec<_> = STDLIB.get_dir(path).into_iter().flat_map(Dir::dirs).filter_map(name).collect();
    names.sort_unstable();
    names
}

/// Returns all files below a folder, sorted by their paths, which are relative to it.
pub fn files_below(path: &str) -> Vec<(&'static str, &'static [u8])> {
    let mut files = Vec::new();
    let mut open: Vec<_> = STDLIB.get_dir(path).into_iter().collect();
    while let Some(dir) = open.pop() {
        for entry in dir.entries() {
            match entry {
                DirEntry::Dir(dir) => open.push(dir),
                DirEntry::File(file) => {
                    let relative = file.path().strip_prefix(path).ok().and_then(|it| it.to_str());
                    files.extend(relative.map(|it| (it, file.contents())));
                }
            }
        }
    }
    files.sort_unstable();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_paths() {
        assert!(text("images/README.md").is_some() && text("images").is_none() && text("no/such").is_none());
        assert!(
            modules().contains(&"mariadb") && modules().iter().all(|it| text(&format!("{it}.kl")).is_some())
        );
        assert!(folders("images").contains(&"host") && folders("no/such").is_empty());
    }

    #[test]
    fn paths_below_a_folder_are_relative_to_it() {
        let files = files_below("images/host");
        assert!(files.iter().any(|(path, _)| *path == "files/etc/containers/storage.conf"));
        assert!(files.is_sorted() && files_below("no/such").is_empty());
    }
}
