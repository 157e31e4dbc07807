//! What the suite is made of: cases read from files, one file that knows the compiler's interface, and expected texts that
//! can be rewritten. No case is written in Rust.

pub mod builtins;
pub mod engine;
pub mod files;
pub mod golden;
pub mod lang_cases;
pub mod mistakes;
pub mod pages;
pub mod planted;
pub mod reference;
pub mod reports;
pub mod stdlib_tests;
pub mod text;
pub mod transcripts;

use libtest_mimic::{Failed, Trial};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under a folder of the checkout with this ending, in the order of names; none if there is no folder.
pub fn files_under(folder: &str, ending: &str) -> Vec<PathBuf> {
    WalkDir::new(root().join(folder))
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|p| p.is_file() && p.extension().is_some_and(|e| e == ending))
        .collect()
}

/// A path of the checkout as names of tests print it.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// Reads a text of the checkout.
pub fn read(path: &Path) -> Result<String, Failed> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", shown(path)).into())
}

/// A test with a name.
pub fn trial(name: impl Into<String>, run: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    Trial::test(name, run)
}
