//! Every description and template of this repository, and which description reads each.

use kl::source::{ReadError, World};
use kolla_lang::cli::world::Disk;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A file that is changed, and descriptions that read it.
pub struct Case {
    /// Its name as `World` is asked for it.
    pub name: String,
    /// Whether it is one of the library.
    pub is_library: bool,
    /// Its text.
    pub text: Arc<str>,
    /// Descriptions to which it belongs.
    pub entries: Arc<[String]>,
    /// Further files that are no files of this machine.
    pub virtual_files: Arc<BTreeMap<String, Arc<str>>>,
}

/// All of them.
pub struct Corpus {
    /// The files.
    pub cases: Vec<Case>,
    /// Names in them.
    pub words: Vec<String>,
}

impl Corpus {
    /// Reads them from this repository, in the order of their names.
    pub fn read() -> Corpus {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(std::env::set_current_dir(root).is_ok(), "the repository is gone");
        let files: Vec<String> =
            ["docs", "examples", "stdlib", "tests"].iter().flat_map(|folder| below(folder)).collect();
        let clouds: Arc<[String]> = files
            .iter()
            .filter(|it| it.starts_with("examples/") && it.ends_with("/cloud.kl"))
            .cloned()
            .collect();
        let none: Arc<BTreeMap<String, Arc<str>>> = Arc::default();
        let mut cases = Vec::new();
        for name in files {
            let Ok(text) = std::fs::read_to_string(&name) else { continue };
            if let Some(module) = name.strip_prefix("stdlib/") {
                let entries = clouds.clone();
                cases.push(Case {
                    name: module.to_owned(),
                    is_library: true,
                    text: text.into(),
                    entries,
                    virtual_files: none.clone(),
                });
            } else if name.starts_with("tests/lang/") || name.starts_with("tests/report/") {
                cases.extend(parts(&name, &text));
            } else {
                // A file beside a description belongs to it, any other is one itself.
                let beside =
                    Path::new(&name).ancestors().map(|it| it.join("cloud.kl")).find(|it| it.is_file());
                let entry = beside.map_or(name.clone(), |it| it.to_string_lossy().into_owned());
                let entries = Arc::from([entry]);
                cases.push(Case {
                    name,
                    is_library: false,
                    text: text.into(),
                    entries,
                    virtual_files: none.clone(),
                });
            }
        }
        let mut words = BTreeSet::new();
        for case in &cases {
            let word = |it: &&str| !it.is_empty() && !it.starts_with(|c: char| c.is_ascii_digit());
            words.extend(
                case.text
                    .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
                    .filter(word)
                    .map(str::to_owned),
            );
        }
        Corpus { cases, words: words.into_iter().collect() }
    }
}

/// The descriptions and templates below a folder, by name.
fn below(folder: &str) -> Vec<String> {
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let names =
        files.filter(|it| it.file_type().is_file()).map(|it| it.path().to_string_lossy().into_owned());
    names.filter(|it| it.ends_with(".kl") || it.ends_with(".j2")).collect()
}

/// The cases of one file of them, each with its further files.
fn parts(name: &str, text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for (i, case) in text.split("\n--- ").enumerate() {
        let case = case.split_once('\n').map_or("", |(_, rest)| rest);
        let mut files: BTreeMap<String, Arc<str>> = BTreeMap::new();
        let folder = format!("{name}.{i}");
        let mut pieces = case.split("# --- ");
        let entry = format!("{folder}/case.kl");
        files.insert(entry.clone(), Arc::from(pieces.next().unwrap_or_default()));
        for piece in pieces {
            let (file, text) = piece.split_once('\n').unwrap_or((piece, ""));
            files.insert(format!("{folder}/{}", file.trim()), Arc::from(text));
        }
        let files = Arc::new(files);
        for (file, text) in files.iter() {
            let entries = Arc::from([entry.clone()]);
            cases.push(Case {
                name: file.clone(),
                is_library: false,
                text: text.clone(),
                entries,
                virtual_files: files.clone(),
            });
        }
    }
    cases
}

/// A case with its file changed.
pub struct Changed<'a> {
    /// The case.
    pub case: &'a Case,
    /// What its file says now.
    pub text: Arc<str>,
}

impl Changed<'_> {
    /// The files of this repository, none of which is changed on disk.
    fn disk(&self) -> Disk {
        Disk::new("", Some(Path::new(".")))
    }
}

impl World for Changed<'_> {
    fn read(&self, path: &str) -> Result<Arc<str>, ReadError> {
        let path = path.replace("/./", "/");
        if path == self.case.name && !self.case.is_library {
            return Ok(self.text.clone());
        }
        match self.case.virtual_files.get(&path) {
            Some(text) => Ok(text.clone()),
            None => self.disk().read(&path),
        }
    }

    fn library(&self, path: &str) -> Option<Arc<str>> {
        if self.case.is_library && path == self.case.name {
            Some(self.text.clone())
        } else {
            self.disk().library(path)
        }
    }

    fn library_modules(&self) -> Vec<String> {
        self.disk().library_modules()
    }
}
