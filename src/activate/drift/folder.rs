//! A generation's folder against the listing that was written with it: which file was edited, added or removed.
//!
//! Believes neither the listing nor the record: the digest of the one stands in the other, and both may be damaged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::machine::evidence::{There, look};
use crate::machine::layout::Layout;
use crate::records::finding::{Finding, Kind};
use crate::records::generation::{self, GUARDS, HostText, LISTING, Record};
use secrets::deliver::access_differs;
use store::files::{self, FileError};
use store::tree::{FOLDERS, Listing};
use store::{Closure, Digest};

const WRITTEN: &str = "the file that was written with the generation";

/// Compares a generation's closure, as it lies on disk, with its listing. Reads no manifest.
pub fn edited(layout: &Layout, record: &Record) -> Result<Vec<Finding>, FileError> {
    let root = layout.generation(record.number);
    let path = root.join("host").join(LISTING);
    let text = files::read_if_there(&path)?.unwrap_or_default();
    let listing: Option<Listing> = serde_json::from_slice(&text).ok();
    let Some(listing) = listing.filter(|_| Digest::of(&text) == record.closure) else {
        let there = look(&path)?;
        return Ok(vec![finding(layout, &path, &there).found("another text, or none")]);
    };
    let mut findings = Vec::new();
    for (name, entry) in &listing.files {
        let path = root.join(name);
        let there = look(&path)?;
        let is_it = match &there {
            There::File { bytes, mode, .. } => Digest::of(bytes) == entry.digest && *mode == entry.mode,
            _ => false,
        };
        if !is_it {
            findings.push(finding(layout, &path, &there));
        }
    }
    for path in added(&root, &listing)? {
        let there = look(&path)?;
        findings.push(Finding { expected: "nothing".to_owned(), ..finding(layout, &path, &there) });
    }
    Ok(findings)
}

fn finding(layout: &Layout, path: &Path, there: &There) -> Finding {
    let help = "bring the change into the description, then switch and adopt this file by name";
    Finding::new(Kind::Edited, layout.name(path), WRITTEN)
        .found(there.words())
        .help(help)
        .adoptable(there.evidence())
}

/// Lists files in the folders of a closure that its listing does not know.
fn added(root: &Path, listing: &Listing) -> Result<Vec<PathBuf>, FileError> {
    let (mut added, mut open) = (Vec::new(), FOLDERS.map(str::to_owned).to_vec());
    while let Some(within) = open.pop() {
        for name in files::names(&root.join(&within))? {
            let name = format!("{within}/{name}");
            let path = root.join(&name);
            match look(&path)? {
                There::Folder => open.push(name),
                _ if listing.files.contains_key(&name) => {}
                _ => added.push(path),
            }
        }
    }
    added.sort();
    Ok(added)
}

/// Compares what the host added to a generation with what it would add now: `host/` and the engine.
pub fn host_part(layout: &Layout, record: &Record, closure: &Closure) -> Result<Vec<Finding>, FileError> {
    let host = layout.generation(record.number).join("host");
    let mut findings = Vec::new();
    let has_guards = files::exists(&host.join(GUARDS));
    for HostText { path, bytes, owner, mode } in generation::host_texts(closure) {
        if path.starts_with(GUARDS) && !has_guards {
            continue;
        }
        let path = host.join(path);
        let there = look(&path)?;
        let is_it = matches!(&there, There::File { bytes: is, mode: m, .. } if *is == *bytes && *m == mode);
        let access = match owner {
            Some((owner, group)) if is_it => access_differs(&path, owner, group, mode)?,
            _ => None,
        };
        if let Some(access) = access {
            findings.push(finding(layout, &path, &there).found(access));
        } else if !is_it {
            findings.push(finding(layout, &path, &there));
        }
    }
    let wants = generation::host_wants(&closure.manifest);
    for (name, target) in &wants {
        let path = host.join("wants").join(name);
        let there = look(&path)?;
        if there != There::Link(target.clone()) {
            let expected = format!("a link to {}", target.display());
            findings.push(Finding { expected, ..finding(layout, &path, &there) });
        }
    }
    let known: BTreeSet<&String> = wants.iter().map(|(name, _)| name).collect();
    for name in files::names(&host.join("wants"))?.iter().filter(|it| !known.contains(it)) {
        let path = host.join("wants").join(name);
        findings.push(Finding { expected: "nothing".to_owned(), ..finding(layout, &path, &look(&path)?) });
    }
    findings.extend(engine(layout, record)?);
    Ok(findings)
}

/// Checks the program that a boot and a way back would run.
fn engine(layout: &Layout, record: &Record) -> Result<Option<Finding>, FileError> {
    let path = layout.engine(&record.engine);
    let is_it = match look(&path)? {
        There::File { bytes, mode, .. } => Digest::of(&bytes) == record.engine && mode & 0o111 != 0,
        _ => false,
    };
    let expected = format!("a program with digest {}", record.engine.short());
    let finding = || {
        Finding::new(Kind::Unit, layout.name(&path), expected)
            .found("another one, or none")
            .help("copy that kolla-lang there again, or switch: a new generation brings its own")
    };
    Ok((!is_it).then(finding))
}
