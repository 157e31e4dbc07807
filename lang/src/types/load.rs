//! Finds all files of a description: the entry and what it uses, transitively. Refuses cycles.

use super::errors;
use crate::diag::Problems;
use crate::rank::Uses;
use crate::source::{FileId, Layer, ReadError, Source, SourceMap, Span, World};
use crate::syntax::{Parsed, ast};
use std::sync::Arc;

/// A file and what it uses.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its tree.
    pub tree: Arc<ast::File>,
    /// What it uses itself, and where it says so.
    pub uses: Vec<(FileId, Span)>,
    /// Library or site.
    pub layer: Layer,
}

/// All files of a description.
#[derive(Debug, Default)]
pub struct Files {
    /// The texts.
    pub sources: SourceMap,
    /// By file.
    pub all: Vec<Loaded>,
    /// Which uses which, through any chain.
    pub uses: Uses,
}

/// The most files that one description may have; ids are 16 bits wide.
const MAX_FILES: usize = 4096;

/// Reads the entries and all that they use. They are files of the site of which none uses another, unless it says so.
///
/// # Errors
/// The reason why an entry could not be read; everything else goes to `problems`.
pub fn load(world: &dyn World, entries: &[&str], problems: &mut Problems) -> Result<Files, ReadError> {
    load_again(world, entries, &mut Parsed::default(), problems)
}

/// The same where texts were parsed before: what has not changed since is not parsed again.
///
/// # Errors
/// As [`load`].
pub fn load_again(
    world: &dyn World,
    entries: &[&str],
    parsed: &mut Parsed,
    problems: &mut Problems,
) -> Result<Files, ReadError> {
    let texts = entries.iter().map(|entry| world.read(entry)).collect::<Result<Vec<_>, _>>()?;
    let mut files = Files::default();
    let mut loader = Loader { world, files: &mut files, parsed, problems, open: Vec::new() };
    let mut asked = Vec::new();
    for (entry, text) in entries.iter().zip(texts) {
        let is_it = |it: &Source| *it.name == **entry && it.layer == Layer::Site;
        let known = loader.files.sources.files().find(|(_, it)| is_it(it)).map(|(id, _)| id);
        asked.push(match known {
            Some(known) => known,
            None => loader.add(entry, text, Layer::Site),
        });
    }
    let direct = files.all.iter().map(|f| f.uses.clone()).collect();
    let is_site: Vec<bool> = files.all.iter().map(|f| f.layer == Layer::Site).collect();
    files.uses = Uses::new(direct, &is_site, asked);
    parsed.forget_unread();
    Ok(files)
}

struct Loader<'a> {
    world: &'a dyn World,
    files: &'a mut Files,
    parsed: &'a mut Parsed,
    problems: &'a mut Problems,
    /// The files that are being read, with the `use` that led from each to the next.
    open: Vec<(FileId, Span)>,
}

impl Loader<'_> {
    fn add(&mut self, name: &str, text: Arc<str>, layer: Layer) -> FileId {
        let id = self.files.sources.add(name, text.clone(), layer);
        let tree = self.parsed.file(&text, id, self.problems);
        self.files.all.push(Loaded { tree: tree.clone(), uses: Vec::new(), layer });
        for item in &tree.items {
            if let ast::ItemKind::Use { name: used, quoted } = &item.kind {
                self.open.push((id, used.at));
                if let Some(found) = self.find(name, layer, used, *quoted) {
                    self.files.all[id.0 as usize].uses.push((found, used.at));
                }
                self.open.pop();
            }
        }
        id
    }

    fn find(&mut self, from: &str, layer: Layer, used: &ast::Name, quoted: bool) -> Option<FileId> {
        let (path, target) = if quoted {
            (join(from, &used.text), layer)
        } else {
            (format!("{}.kl", used.text), Layer::Library)
        };
        let known =
            self.files.sources.files().find(|(_, f)| *f.name == *path && f.layer == target).map(|(id, _)| id);
        if let Some(id) = known {
            if let Some(first) = self.open.iter().position(|(open, _)| *open == id) {
                let chain: Vec<Span> = self.open[first..].iter().map(|(_, at)| *at).collect();
                self.problems.push(errors::use_cycle(used.at, &path, &chain));
                return None;
            }
            return Some(id);
        }
        if self.files.all.len() >= MAX_FILES {
            self.problems.push(errors::too_many_files(used.at, MAX_FILES));
            return None;
        }
        let text = match target {
            Layer::Library => self.world.library(&path).ok_or(ReadError::Missing),
            Layer::Site => self.world.read(&path),
        };
        match text {
            Ok(text) => Some(self.add(&path, text, target)),
            Err(why) => {
                let modules = if quoted { Vec::new() } else { self.world.library_modules() };
                self.problems.push(errors::unreadable(used.at, &used.text, &why, &modules, quoted));
                None
            }
        }
    }
}

/// The path of `other` as seen from the folder of `from`, with `.` and `..` resolved as far as they go.
pub fn join(from: &str, other: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if other.starts_with('/') {
        parts = vec![""];
    }
    for part in other.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." && !last.is_empty() => {
                    parts.pop();
                }
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    parts.join("/")
}
