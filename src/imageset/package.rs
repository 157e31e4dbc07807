//! Fetches files of the Python index by pip, so that its settings on this machine hold, and checks that they are what a table names.
//!
//! Runs nothing of what it fetches: only files that are unpacked as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ImageError;
use super::definition::Package;
use super::error::file;
use lab::Progress;
use store::Digest;

/// How many lines an error repeats of a program that failed.
const TAIL: usize = 6;

/// Returns the path of a package in a folder of kept ones; if it is not there, `get` fetches what it is told into a folder, which it
/// returns. Refuses a file that is not what the table names.
pub(crate) fn keep<Folder: AsRef<Path>>(
    package: &Package,
    kept: &Path,
    get: impl FnOnce(&str) -> Result<Folder, ImageError>,
) -> Result<PathBuf, ImageError> {
    let path = kept.join(&package.file);
    if path.exists() {
        check(&path, package)?;
    } else {
        let folder = get(&format!("{}=={}", package.name, package.version))?;
        let fetched = folder.as_ref().join(&package.file);
        check(&fetched, package)?;
        fs::rename(&fetched, &path).map_err(file("rename to", &path))?;
    }
    Ok(path)
}

/// The same of a wheel, which the pip of this machine fetches.
pub(crate) fn fetch(package: &Package, kept: &Path, tell: Progress) -> Result<PathBuf, ImageError> {
    keep(package, kept, |what| {
        tell(&format!("fetching {what}"));
        fs::create_dir_all(kept).map_err(file("create", kept))?;
        let scratch = tempfile::tempdir_in(kept).map_err(file("create a folder in", kept))?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        // A wheel is unpacked and nothing more; which Python it is for is the images' business.
        pip.args(["--only-binary=:all:", "--ignore-requires-python", "--dest"]).arg(scratch.path()).arg(what);
        run(&mut pip, what)?;
        Ok(scratch)
    })
}

/// Refuses a file that is not what the table names.
fn check(path: &Path, package: &Package) -> Result<(), ImageError> {
    let bytes = fs::read(path).map_err(file("read", path))?;
    let found = Digest::of(&bytes);
    if found == package.sha256 {
        return Ok(());
    }
    let (file, expected) = (path.display().to_string(), package.sha256.to_string());
    Err(ImageError::Changed { file, expected, found: found.to_string() })
}

/// Unpacks a wheel into a folder.
pub(crate) fn unpack(wheel: &Path, to: &Path) -> Result<(), ImageError> {
    let what = wheel.display().to_string();
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(to), &what)
}

fn run(command: &mut Command, what: &str) -> Result<(), ImageError> {
    let output = command.output().map_err(file("run", Path::new(command.get_program())));
    let output = output?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    let said = lines[lines.len().saturating_sub(TAIL)..].join("; ");
    Err(ImageError::Fetch { what: what.to_owned(), said })
}
