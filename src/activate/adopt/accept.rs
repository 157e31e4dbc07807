//! Accepting by name what is there: a record with all that brings it back, and copies of files, on disk before it returns.
//!
//! Touches nothing else: what was accepted is set aside by the switch that needs its place.

use std::path::Path;

use super::{AdoptError, Adopted, Book, What};
use crate::activate::drift::evidence::{There, look, of_container};
use crate::activate::generation::our_link;
use crate::activate::history::seconds_now;
use crate::activate::layout::Layout;
use crate::activate::podman::Tools;
use crate::store::Digest;
use crate::store::files;

/// Accepts what lies at a path or the container of a name, as it is now.
///
/// What was accepted before stays as it was recorded: what is set aside now must not be mistaken for what has its place.
pub fn accept(layout: &Layout, tools: &mut dyn Tools, name: &str) -> Result<Adopted, AdoptError> {
    let book = Book::load(layout)?;
    let known = book.get(name);
    if let (Some(known), Some(_)) = (known, our_link(layout, name)) {
        return Ok(known.clone());
    }
    let (evidence, what) =
        if name.starts_with('/') { accept_path(layout, name)? } else { accept_container(tools, name)? };
    match known {
        Some(known) if known.evidence == evidence => return Ok(known.clone()),
        Some(Adopted { what: What::Container { before: Some(_), .. }, .. }) => {
            return Err(AdoptError::InUse { name: name.to_owned() });
        }
        _ => {}
    }
    let adopted = Adopted { name: name.to_owned(), evidence, time: seconds_now(), what };
    adopted.write(layout)?;
    Ok(adopted)
}

fn accept_path(layout: &Layout, name: &str) -> Result<(Digest, What), AdoptError> {
    if our_link(layout, name).is_some() {
        return Err(AdoptError::Ours { name: name.to_owned() });
    }
    let there = look(&layout.at(name))?;
    let evidence = there.evidence().ok_or_else(|| AdoptError::Other { name: name.to_owned() })?;
    let what = match there {
        // That a file of a generation is gone can be accepted; that a place is free needs no yes.
        There::Nothing if Path::new(name).starts_with("/etc/kolla-lang/generations") => What::AsItIs,
        There::Nothing => return Err(AdoptError::Nothing { name: name.to_owned() }),
        There::File { bytes, uid, gid, mode } => {
            let digest = Digest::of(&bytes);
            let copy = Adopted::copy(layout, &digest);
            files::make_private_folder(&layout.adopted())?;
            files::make_private_folder(&layout.adopted().join("kept"))?;
            files::write_synced(&copy, &bytes, 0o600)?;
            What::File { digest, uid, gid, mode }
        }
        There::Link(target) => What::Link { target },
        There::Folder => What::Folder,
        There::Other => return Err(AdoptError::Other { name: name.to_owned() }),
    };
    Ok((evidence, what))
}

fn accept_container(tools: &mut dyn Tools, name: &str) -> Result<(Digest, What), AdoptError> {
    let containers = tools.containers()?;
    let found = containers.iter().find(|it| it.name == name);
    let found = found.ok_or_else(|| AdoptError::Nothing { name: name.to_owned() })?;
    if found.is_ours() {
        // Its stamp is another than it should be, and somebody knows.
        return Ok((of_container(&found.id), What::AsItIs));
    }
    Ok((of_container(&found.id), What::Container { id: found.id.clone(), before: None }))
}

/// Forgets what was accepted under a name, unless it is set aside now and the record is all that can bring it back.
pub fn forget(layout: &Layout, name: &str) -> Result<(), AdoptError> {
    let book = Book::load(layout)?;
    let adopted = book.get(name).ok_or_else(|| AdoptError::Unknown { name: name.to_owned() })?;
    let in_use = match &adopted.what {
        What::AsItIs => false,
        What::File { .. } | What::Link { .. } => {
            look(&layout.at(name))?.evidence().as_ref() != Some(&adopted.evidence)
        }
        What::Folder => look(&super::places::beside(&layout.at(name)))? != There::Nothing,
        What::Container { before, .. } => before.is_some(),
    };
    if in_use {
        return Err(AdoptError::InUse { name: name.to_owned() });
    }
    files::remove_file(&layout.adopted().join(super::record_name(name)))?;
    if let What::File { digest, .. } = &adopted.what {
        let is_shared = |it: &&Adopted| {
            it.name != name && matches!(&it.what, What::File { digest: d, .. } if d == digest)
        };
        if !book.all().any(|it| is_shared(&it)) {
            files::remove_file(&Adopted::copy(layout, digest))?;
        }
    }
    Ok(files::sync_folder(&layout.adopted())?)
}
