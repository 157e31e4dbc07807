//! What a command compares: a description, a build, or a generation of this host, as a word of the command line names it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::build::build_described;
use super::describe::Described;
use super::exit::Exit;
use super::host::complain;
use super::report::Warnings;
use super::say::say_wrong;
use activate::generation;
use activate::layout::Layout;
use store::{Closure, files, manifest, tree};

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// The generation that this host boots.
    Booted,
    /// One of its generations.
    Generation(u64),
    /// A file.
    Description(PathBuf),
    /// A folder of one host or of several.
    Build(PathBuf),
}

/// A side that was read: what each host is, and what it was made from.
pub struct Loaded {
    /// What people call it.
    pub name: String,
    /// The closure of each host.
    pub hosts: BTreeMap<String, Closure>,
    /// The description, if it is one.
    pub described: Option<Described>,
}

impl Side {
    /// Says whether it is of this host alone.
    pub fn is_here(&self) -> bool {
        matches!(self, Self::Booted | Self::Generation(_))
    }

    /// Says whether it is of one host, which alone is compared then.
    pub fn is_single(&self) -> bool {
        match self {
            Self::Booted | Self::Generation(_) => true,
            Self::Build(folder) => is_host(folder),
            Self::Description(_) => false,
        }
    }
}

/// Says what a word names.
pub fn side_of(word: &str) -> Result<Side, Exit> {
    if let Ok(number) = word.parse() {
        return Ok(Side::Generation(number));
    }
    let path = PathBuf::from(word);
    let is_text = path.extension().is_some_and(|it| it == "kl");
    if !path.is_dir() && (is_text || files::exists(&path)) {
        return Ok(Side::Description(path));
    }
    if path.is_dir() && (is_host(&path) || !hosts_in(&path)?.is_empty()) {
        return Ok(Side::Build(path));
    }
    say_wrong!("error: {word} holds no build");
    say_wrong!("  help: name a folder that `kolla-lang build --out DIR` wrote, or a description");
    Err(Exit::Wrong)
}

fn is_host(folder: &Path) -> bool {
    files::exists(&folder.join(manifest::FILE_NAME))
}

fn hosts_in(folder: &Path) -> Result<Vec<String>, Exit> {
    let names = files::names(folder).map_err(|error| complain(&error, Exit::Wrong))?;
    Ok(names.into_iter().filter(|name| is_host(&folder.join(name))).collect())
}

/// Reads a side; of the generation that this host boots somebody else knows more.
pub fn load(side: &Side, layout: &Layout, warnings: Warnings) -> Result<Loaded, Exit> {
    let of_tree = |folder: &Path| tree::load_tree(folder).map_err(|error| complain(&error, Exit::Wrong));
    let single = |closure: Closure| BTreeMap::from([(closure.manifest.host.clone(), closure)]);
    let name = match side {
        Side::Booted => "this host".to_owned(),
        Side::Generation(number) => format!("generation {number}"),
        Side::Description(path) | Side::Build(path) => path.display().to_string(),
    };
    let (hosts, described) = match side {
        Side::Booted => (BTreeMap::new(), None),
        Side::Generation(number) => {
            let closure = generation::load_closure(layout, *number);
            (single(closure.map_err(|error| complain(&error, Exit::Refused))?), None)
        }
        Side::Description(path) => {
            let (built, described) = build_described(Some(path), warnings)?;
            (built.closures, Some(described))
        }
        Side::Build(path) if is_host(path) => (single(of_tree(path)?), None),
        Side::Build(path) => {
            let host = |name: String| Ok((name.clone(), of_tree(&path.join(name))?));
            (hosts_in(path)?.into_iter().map(host).collect::<Result<_, Exit>>()?, None)
        }
    };
    Ok(Loaded { name, hosts, described })
}
