//! Makes root file systems of Debian with mmdebstrap: as a folder, or as one archive.
//!
//! What is in them is said by a [`RootDefinition`]; where packages come from, by the machine's own apt.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::cache::Site;
use super::definition::RootDefinition;
use super::error::file;
use super::{LabError, apt, tool};

/// What a root file system is made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A folder.
    Folder,
    /// A tar archive.
    Archive,
}

/// Documents and translations, a third of the files, are of no use in a lab.
const LEFT_OUT: &[&str] =
    &["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*"];

/// The last hook: lays the files over, runs the definition's own script, and takes away the settings that were only for
/// the way here.
const FINISH: &str = r#"#!/bin/sh
set -e
here=$(dirname "$0")
cp -r "$here/files/." "$1/"
if [ -e "$here/finish" ]; then "$here/finish" "$1"; fi
rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"
"#;

/// Makes a root file system.
pub(super) fn build(root: &RootDefinition, form: Form, site: &Site) -> Result<(), LabError> {
    let archive = apt::archive(&root.suite)?;
    let sources = site.scratch.join("sources.list");
    fs::write(&sources, archive.sources.join("\n") + "\n").map_err(file("write", &sources))?;
    write_hooks(root, &site.scratch)?;

    let mut command = tool::tied("mmdebstrap");
    // The hooks' folder travels in the environment: in the option it would be read by a shell.
    command.env("KOLLA_LANG_HOOKS", &site.scratch).env("TMPDIR", &site.scratch);
    command.args(["--mode=root", "--variant=minbase"]);
    command.arg(match form {
        Form::Folder => "--format=directory",
        Form::Archive => "--format=tar",
    });
    command.arg(format!("--include={}", root.packages.join(",")));
    command.arg("--aptopt=APT::Install-Recommends \"false\";");
    command.args(archive.settings.iter().map(|it| format!("--aptopt={it}")));
    // A killed build is thrown away whole, so dpkg need not sync each file; and a file that is there is meant.
    command.args(["--dpkgopt=force-unsafe-io", "--dpkgopt=force-confold"]);
    command.args(LEFT_OUT.iter().map(|it| format!("--dpkgopt=path-exclude={it}")));
    if root.prepare.is_some() {
        command.arg(r#"--essential-hook="$KOLLA_LANG_HOOKS/prepare" "$1""#);
    }
    command.arg(r#"--customize-hook="$KOLLA_LANG_HOOKS/last" "$1""#);
    command.arg(&root.suite).arg(&site.result).arg(&sources);
    tool::run(&mut command)?;
    Ok(())
}

/// Writes the scripts and files that the hooks of mmdebstrap take from `dir`.
fn write_hooks(root: &RootDefinition, dir: &Path) -> Result<(), LabError> {
    let files = dir.join("files");
    fs::create_dir(&files).map_err(file("create", &files))?;
    for (path, bytes) in &root.files {
        let path = files.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(file("create", parent))?;
        }
        fs::write(&path, bytes).map_err(file("write", &path))?;
    }
    for (name, script) in [("prepare", root.prepare), ("finish", root.finish), ("last", Some(FINISH))] {
        let Some(script) = script else { continue };
        let path = dir.join(name);
        fs::write(&path, script).map_err(file("write", &path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .map_err(file("change the mode of", &path))?;
    }
    Ok(())
}
