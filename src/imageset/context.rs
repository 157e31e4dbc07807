//! The folder that an image is built from: what the package has beside its template, and what the tables put there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::definition::{ImageSet, Package};
use super::error::file;
use super::tables::{Beside, BuildFile};
use super::{ImageError, Rendered, package};
use lab::Progress;
use store::Digest;
use store::digest::Hasher;

/// What an image is made of, but for its parent.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// The name of the image.
    pub name: String,
    /// The image of the set that it stands on.
    pub parent: Option<String>,
    /// The Containerfile with all replacements.
    pub text: String,
    /// The folder in the package.
    pub folder: PathBuf,
    /// What lies beside it.
    pub beside: BTreeMap<String, Beside>,
    /// What is an archive for the template and has only folders here.
    pub folders: BTreeMap<String, Vec<String>>,
}

impl Recipe {
    /// Returns what an image is made of. Refuses one whose Containerfile adds an archive that neither the package nor the tables have.
    pub fn of(image: &Rendered, table: &BuildFile, templates: &Path) -> Result<Self, ImageError> {
        let refused = |why: String| ImageError::NotBuildable { image: image.name.clone(), why };
        if let Some(why) = table.unbuildable.get(&image.name) {
            return Err(refused(why.clone()));
        }
        let text = table.edited(&image.name, &image.text)?;
        let beside = table.beside.get(&image.name).cloned().unwrap_or_default();
        let mut folders = BTreeMap::new();
        let folder = templates.join(&image.folder);
        for added in text.lines().filter_map(|it| it.strip_prefix("ADD ")?.split_whitespace().next()) {
            if beside.contains_key(added) || folder.join(added).exists() {
                continue;
            }
            let empty = table.folders.get(added);
            let empty =
                empty.ok_or_else(|| refused(format!("the tables have no `{added}`, which it adds")))?;
            folders.insert(added.to_owned(), empty.clone());
        }
        Ok(Self {
            name: image.name.clone(),
            parent: image.parent.clone(),
            text,
            folder: image.folder.clone(),
            beside,
            folders,
        })
    }

    /// Returns the name of what is made of it on a parent.
    pub fn digest(&self, set: &ImageSet, parent: &Digest, templates: &Path) -> Result<Digest, ImageError> {
        let Self { name, parent: from, text, folder, beside, folders } = self;
        let mut hasher = Hasher::new("image 1");
        // Which name and tag the parent has in the first line says nothing of what is made.
        let body = text.lines().filter(|it| !it.starts_with("FROM ")).collect::<Vec<_>>().join("\n");
        hasher.field(name).field(parent.as_str()).field(from.as_deref().unwrap_or_default()).field(body);
        for path in files_below(&templates.join(folder))? {
            let bytes = fs::read(&path).map_err(file("read", &path))?;
            hasher
                .field(path.strip_prefix(templates).unwrap_or(&path).to_string_lossy().as_bytes())
                .field(bytes);
        }
        for (name, thing) in beside {
            let read = serde_json::to_string(thing).unwrap_or_default();
            hasher.field(name).field(read);
            let texts: Vec<&String> = match thing {
                Beside::File { file } => vec![file],
                Beside::Files { files } => files.values().collect(),
                Beside::Source { .. } | Beside::Wheel { .. } => Vec::new(),
            };
            for it in texts {
                hasher.field(set.text(&format!("files/{it}"))?);
            }
        }
        for (name, below) in folders {
            hasher.field(name).field(below.join("/"));
        }
        Ok(hasher.finish())
    }

    /// Returns the sources that lie beside it.
    pub fn sources(&self) -> impl Iterator<Item = &Package> {
        self.beside.values().filter_map(|it| match it {
            Beside::Source { source } => Some(source),
            Beside::File { .. } | Beside::Files { .. } | Beside::Wheel { .. } => None,
        })
    }

    /// Makes the folder at `to`, with a Containerfile that stands on `from`. Sources are in `kept`
    /// already, and were checked there.
    pub fn write(
        &self,
        set: &ImageSet,
        templates: &Path,
        kept: &Path,
        from: &str,
        to: &Path,
        tell: Progress,
    ) -> Result<(), ImageError> {
        copy(&templates.join(&self.folder), to)?;
        let mut is_first = true;
        let lines = self.text.lines().map(|line| {
            let is_from = is_first && line.starts_with("FROM ");
            is_first &= !is_from;
            if is_from { format!("FROM {from}\n") } else { format!("{line}\n") }
        });
        write(&to.join("Dockerfile"), &lines.collect::<String>())?;
        for (name, below) in &self.folders {
            for folder in below {
                let path = to.join(name).join(folder);
                fs::create_dir_all(&path).map_err(file("create", &path))?;
            }
        }
        for (name, thing) in &self.beside {
            let at = to.join(name);
            match thing {
                Beside::File { file: name } => write(&at, set.text(&format!("files/{name}"))?)?,
                Beside::Files { files } => {
                    for (path, name) in files {
                        write(&at.join(path), set.text(&format!("files/{name}"))?)?;
                    }
                }
                Beside::Source { source } => {
                    let path = kept.join(&source.file);
                    fs::copy(&path, &at).map_err(file("copy", &path))?;
                }
                Beside::Wheel { wheel, take } => {
                    let path = package::fetch(wheel, kept, tell)?;
                    let scratch = tempfile::tempdir_in(kept).map_err(file("create a folder in", kept))?;
                    package::unpack(&path, scratch.path())?;
                    for folder in take {
                        copy(&scratch.path().join(folder), &at.join(folder))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Writes a text, with the folders above it.
fn write(path: &Path, text: &str) -> Result<(), ImageError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(file("create", parent))?;
    }
    fs::write(path, text).map_err(file("write", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).map_err(file("change the mode of", path))
}

/// Copies all that is in a folder.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), ImageError> {
    fs::create_dir_all(to).map_err(file("create", to))?;
    for entry in fs::read_dir(from).map_err(file("list", from))? {
        let path = entry.map_err(file("list", from))?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name)).map_err(file("copy", &path))?;
        }
    }
    Ok(())
}

/// Returns all files below a folder, sorted.
pub(crate) fn files_below(dir: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(file("list", dir))? {
        paths.push(entry.map_err(file("list", dir))?.path());
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}
