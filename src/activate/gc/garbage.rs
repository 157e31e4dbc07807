//! What goes: everything of ours that no root refers to. Reads only; what is listed here is removed by the caller.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{GcError, Item, Kind, Removal, Roots};
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::records::history::{self, End};
use crate::records::{generation, journal};
use store::files::{self, FileError};
use store::manifest::Delivery;
use store::sweep::{Sweep, Unreached};
use store::{Digest, Manifest};

/// Lists what goes, in the order in which it must.
///
/// `store` is the host's store, taken for this alone; without one its objects stay.
pub fn find(
    layout: &Layout,
    tools: &mut dyn Tools,
    roots: &Roots,
    store: Option<&Sweep>,
    keep: usize,
) -> Result<Vec<Item>, GcError> {
    let (kept, old) = manifests(layout, roots)?;
    let mut items = rendered(layout, roots, &kept)?;
    items.extend(networks(tools, &kept)?);
    items.extend(images(tools, &kept, &old)?);
    items.extend(journals(layout, roots, keep)?);
    for number in generation::numbers(layout)?.into_iter().collect::<BTreeSet<_>>() {
        if !roots.generations.contains_key(&number) {
            let path = layout.generation(number);
            let (name, bytes) = (number.to_string(), size(&path)?);
            items.push(Item { kind: Kind::Generation, name, bytes, place: Removal::Generation(number) });
        }
    }
    let mut records = Vec::new();
    for number in roots.generations.keys() {
        records.push(generation::load_record(layout, *number)?);
    }
    let engines: BTreeSet<String> = records.iter().map(|it| it.engine.to_string()).collect();
    items.extend(others(layout, &layout.etc().join("engine"), &engines, Kind::Engine)?);
    if let Some(store) = store {
        let closures: BTreeSet<Digest> = records.iter().map(|it| it.closure.clone()).collect();
        let clouds: BTreeSet<Digest> = records.iter().filter_map(|it| it.cloud.clone()).collect();
        for Unreached { path, bytes } in store.unreached(&closures, &clouds, keep)? {
            let is_build = path.parent().is_some_and(|it| it.ends_with("builds") || it.ends_with("cache"));
            let kind = if is_build { Kind::Build } else { Kind::Object };
            items.push(Item { kind, name: layout.name(&path), bytes, place: Removal::Path(path) });
        }
    }
    items.extend(leftovers(layout)?);
    Ok(items)
}

/// Manifests by the number of their generation.
type Manifests = BTreeMap<u64, Manifest>;

/// Reads the manifests of all generations: of those that stay, and of those that go.
fn manifests(layout: &Layout, roots: &Roots) -> Result<(Manifests, Manifests), GcError> {
    let (mut kept, mut old) = (Manifests::new(), Manifests::new());
    for number in generation::numbers(layout)? {
        match generation::load_closure(layout, number) {
            Ok(closure) if roots.generations.contains_key(&number) => kept.insert(number, closure.manifest),
            Ok(closure) => old.insert(number, closure.manifest),
            // What a generation that stays needs is not known without its manifest; nobody needs what goes.
            Err(error) if roots.generations.contains_key(&number) => return Err(error.into()),
            Err(_) => None,
        };
    }
    Ok((kept, old))
}

/// Lists rendered folders that nothing reads that is in force.
fn rendered(layout: &Layout, roots: &Roots, kept: &Manifests) -> Result<Vec<Item>, GcError> {
    let (mut content, mut live) = (roots.rendered.clone(), BTreeSet::new());
    for number in &roots.in_force {
        for folder in kept.get(number).iter().flat_map(|it| &it.folders) {
            match &folder.delivery {
                Delivery::Content => content.insert(folder.digest.to_string()),
                Delivery::Live(name) => live.insert(name.clone()),
            };
        }
    }
    let mut items = others(layout, &layout.run().join("files"), &content, Kind::Rendered)?;
    items.extend(others(layout, &layout.run().join("live"), &live, Kind::Rendered)?);
    Ok(items)
}

fn networks(tools: &mut dyn Tools, kept: &Manifests) -> Result<Vec<Item>, GcError> {
    let wanted: BTreeSet<&String> =
        kept.values().flat_map(|it| it.units.values()).filter_map(|unit| unit.network.as_ref()).collect();
    let gone = tools.networks()?.into_iter().filter(|name| !wanted.contains(name));
    Ok(gone.map(|name| Item { kind: Kind::Network, name, bytes: 0, place: Removal::Podman }).collect())
}

/// Lists images that generations which go have named, and no kept one has. An image that no generation named is none of ours.
fn images(tools: &mut dyn Tools, kept: &Manifests, old: &Manifests) -> Result<Vec<Item>, GcError> {
    let wanted: BTreeSet<&String> = kept.values().flat_map(|it| &it.images).collect();
    let named: BTreeSet<&String> =
        old.values().flat_map(|it| &it.images).filter(|it| !wanted.contains(it)).collect();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let all = tools.images()?;
    let is_removable = |name: &&String| all.iter().any(|it| it.is_named(name) && !it.is_read_only);
    let gone = named.into_iter().filter(is_removable);
    Ok(gone
        .map(|name| Item { kind: Kind::Image, name: name.clone(), bytes: 0, place: Removal::Podman })
        .collect())
}

/// Lists journals of switches that ended, but for the last to each generation that stays and the newest of all, which tell of those
/// that were refused or went back.
fn journals(layout: &Layout, roots: &Roots, keep: usize) -> Result<Vec<Item>, GcError> {
    let (events, mut last) = (history::load(layout)?, BTreeMap::new());
    for event in events.iter().filter(|it| it.end == End::Committed) {
        last.insert(event.to, layout.closed_journal(&event.tx));
    }
    let stays: BTreeSet<PathBuf> = roots.generations.keys().filter_map(|it| last.remove(it)).collect();
    let mut closed = journal::closed(layout)?;
    // The newest one can always be followed.
    closed.truncate(closed.len().saturating_sub(keep.max(1)));
    let mut items = Vec::new();
    for path in closed.into_iter().filter(|it| !stays.contains(it)) {
        let (name, bytes) = (layout.name(&path), size(&path)?);
        items.push(Item { kind: Kind::Journal, name, bytes, place: Removal::Path(path) });
    }
    Ok(items)
}

/// Lists what lies in a folder beside what is wanted there. What is being written has a name that begins with a dot.
fn others(
    layout: &Layout,
    folder: &Path,
    wanted: &BTreeSet<String>,
    kind: Kind,
) -> Result<Vec<Item>, FileError> {
    let mut items = Vec::new();
    for name in files::names(folder)?.into_iter().filter(|it| !it.starts_with('.') && !wanted.contains(it)) {
        let path = folder.join(name);
        items.push(Item { kind, name: layout.name(&path), bytes: size(&path)?, place: Removal::Path(path) });
    }
    Ok(items)
}

/// Lists what a crash left half written or half removed. Nobody writes there but the holder of the lock.
fn leftovers(layout: &Layout) -> Result<Vec<Item>, FileError> {
    let folders = [
        layout.generations(),
        layout.etc().join("engine"),
        layout.run().join("files"),
        layout.run().join("live"),
        layout.adopted(),
        layout.adopted().join("kept"),
        layout.pins(),
    ];
    let mut items = Vec::new();
    for folder in folders {
        for name in files::names(&folder)?.iter().filter(|it| it.starts_with(".tmp-")) {
            let path = folder.join(name);
            let (name, bytes) = (layout.name(&path), size(&path)?);
            items.push(Item { kind: Kind::Leftover, name, bytes, place: Removal::Path(path) });
        }
    }
    Ok(items)
}

/// Returns how many bytes a file or a folder has.
fn size(path: &Path) -> Result<u64, FileError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(FileError::Read { path: path.to_owned(), source }),
    };
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    files::names(path)?.iter().map(|name| size(&path.join(name))).sum()
}
