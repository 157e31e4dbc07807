//! Accepting by name what is there: a record with all that brings it back, and copies of files, on disk before it returns. What is wrong
//! with any of the names is found before anything is written.
//!
//! Touches nothing else: what was accepted is set aside by the switch that needs its place.

use std::path::Path;

use crate::machine::evidence::{There, look, of_container};
use crate::machine::layout::Layout;
use crate::machine::podman::Tools;
use crate::records::adopted::{AdoptError, Adopted, Book, What, record_name};
use crate::records::history::seconds_now;
use store::{Digest, files};

/// Why not all of some names were accepted or forgotten.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Nothing was touched.
    #[error(transparent)]
    NotBegun(AdoptError),
    /// Some were, or half of one was.
    #[error("`{name}` could not be {what}{}", before(done))]
    Half {
        /// Which one it ended at.
        name: String,
        /// What was to be done with it.
        what: &'static str,
        /// Those before it, with which it was done.
        done: Vec<String>,
        /// Why.
        source: Box<AdoptError>,
    },
}

fn before(done: &[String]) -> String {
    if done.is_empty() { String::new() } else { format!("; before it, {} were", done.join(", ")) }
}

/// What is accepted under a name, as it was looked at.
struct ObservedUnit {
    adopted: Adopted,
    /// The text of a file that must be kept.
    copy: Option<Vec<u8>>,
    /// Whether it was accepted before, as it is.
    is_known: bool,
}

/// Accepts what lies at paths and the containers of names, as they are now: all are looked at before any is.
///
/// What was accepted before stays as it was recorded: what is set aside now must not be mistaken for what has its place.
pub fn accept(layout: &Layout, tools: &mut dyn Tools, names: &[String]) -> Result<Vec<Adopted>, AcceptError> {
    let seen: Result<Vec<ObservedUnit>, AdoptError> =
        names.iter().map(|name| see(layout, tools, name)).collect();
    keep_all(layout, seen)
}

/// The same for a switch: what was set aside before, and so is not in its place, needs no second yes.
pub fn accept_again(
    layout: &Layout,
    tools: &mut dyn Tools,
    names: &[String],
) -> Result<Vec<Adopted>, AcceptError> {
    let mut see = |name: &String| match see(layout, tools, name) {
        Err(error @ AdoptError::Nothing { .. }) => match Book::load(layout)?.get(name) {
            Some(known) => Ok(ObservedUnit { adopted: known.clone(), copy: None, is_known: true }),
            None => Err(error),
        },
        seen => seen,
    };
    keep_all(layout, names.iter().map(&mut see).collect())
}

fn keep_all(
    layout: &Layout,
    seen: Result<Vec<ObservedUnit>, AdoptError>,
) -> Result<Vec<Adopted>, AcceptError> {
    each(
        seen.map_err(AcceptError::NotBegun)?,
        "accepted",
        |it| it.adopted.name.clone(),
        |it| keep(layout, it),
    )
}

/// Does something with each of some things that were looked at; the first that fails is the last.
fn each<I, T>(
    all: Vec<I>,
    what: &'static str,
    name: impl Fn(&I) -> String,
    act: impl Fn(I) -> Result<T, AdoptError>,
) -> Result<Vec<T>, AcceptError> {
    let (mut names, mut done) = (Vec::new(), Vec::new());
    for it in all {
        let name = name(&it);
        match act(it) {
            Ok(result) => done.push(result),
            Err(source) => {
                return Err(AcceptError::Half { name, what, done: names, source: Box::new(source) });
            }
        }
        names.push(name);
    }
    Ok(done)
}

/// Looks at what is to be accepted, and touches nothing.
fn see(layout: &Layout, tools: &mut dyn Tools, name: &str) -> Result<ObservedUnit, AdoptError> {
    let book = Book::load(layout)?;
    let known = book.get(name);
    let as_known = |known: &Adopted| ObservedUnit { adopted: known.clone(), copy: None, is_known: true };
    if let (Some(known), Some(_)) = (known, layout.our_link(name)) {
        return Ok(as_known(known));
    }
    let (evidence, what, copy) =
        if name.starts_with('/') { see_path(layout, name)? } else { see_container(tools, name)? };
    match known {
        Some(known) if known.evidence == evidence => return Ok(as_known(known)),
        Some(Adopted { what: What::Container { before: Some(_), .. }, .. }) => {
            return Err(AdoptError::InUse { name: name.to_owned() });
        }
        _ => {}
    }
    let adopted = Adopted { name: name.to_owned(), evidence, time: seconds_now(), what };
    Ok(ObservedUnit { adopted, copy, is_known: false })
}

/// Records what was looked at, with all that brings it back.
fn keep(layout: &Layout, seen: ObservedUnit) -> Result<Adopted, AdoptError> {
    let ObservedUnit { adopted, copy, is_known } = seen;
    if is_known {
        return Ok(adopted);
    }
    if let (What::File { digest, .. }, Some(bytes)) = (&adopted.what, &copy) {
        files::make_private_folder(&layout.adopted())?;
        files::make_private_folder(&layout.adopted().join("kept"))?;
        files::write_synced(&Adopted::copy(layout, digest), bytes, 0o600)?;
    }
    adopted.write(layout)?;
    Ok(adopted)
}

type Found = (Digest, What, Option<Vec<u8>>);

fn see_path(layout: &Layout, name: &str) -> Result<Found, AdoptError> {
    if layout.our_link(name).is_some() {
        return Err(AdoptError::Ours { name: name.to_owned() });
    }
    let there = look(&layout.at(name))?;
    let evidence = there.evidence().ok_or_else(|| AdoptError::Other { name: name.to_owned() })?;
    Ok(match there {
        // That a file of a generation is gone can be accepted; that a place is free needs no yes.
        There::Nothing if Path::new(name).starts_with("/etc/kolla-lang/generations") => {
            (evidence, What::AsItIs, None)
        }
        There::Nothing => return Err(AdoptError::Nothing { name: name.to_owned() }),
        There::File { bytes, uid, gid, mode } => {
            (evidence, What::File { digest: Digest::of(&bytes), uid, gid, mode }, Some(bytes))
        }
        There::Link(target) => (evidence, What::Link { target }, None),
        There::Folder => (evidence, What::Folder, None),
        There::Other => return Err(AdoptError::Other { name: name.to_owned() }),
    })
}

fn see_container(tools: &mut dyn Tools, name: &str) -> Result<Found, AdoptError> {
    let containers = tools.containers()?;
    let found = containers.iter().find(|it| it.name == name);
    let found = found.ok_or_else(|| AdoptError::Nothing { name: name.to_owned() })?;
    if found.is_ours() {
        // The label of what it was made from is another than it should be, and somebody knows.
        return Ok((of_container(&found.id), What::AsItIs, None));
    }
    Ok((of_container(&found.id), What::Container { id: found.id.clone(), before: None }, None))
}

/// Forgets what was accepted under names, unless one of them is set aside now and its record is all that can bring it back.
pub fn forget(layout: &Layout, names: &[String]) -> Result<(), AcceptError> {
    let book = Book::load(layout).map_err(|error| AcceptError::NotBegun(error.into()))?;
    let found: Result<Vec<&Adopted>, AdoptError> =
        names.iter().map(|name| may_forget(layout, &book, name)).collect();
    let found = found.map_err(AcceptError::NotBegun)?;
    let going: Vec<&str> = names.iter().map(String::as_str).collect();
    each(found, "forgotten", |it| it.name.clone(), |it| drop_record(layout, &book, it, &going)).map(drop)
}

fn may_forget<'a>(layout: &Layout, book: &'a Book, name: &str) -> Result<&'a Adopted, AdoptError> {
    let adopted = book.get(name).ok_or_else(|| AdoptError::Unknown { name: name.to_owned() })?;
    let in_use = match &adopted.what {
        What::AsItIs => false,
        What::File { .. } | What::Link { .. } => {
            look(&layout.at(name))?.evidence().as_ref() != Some(&adopted.evidence)
        }
        What::Folder => look(&super::places::beside(&layout.at(name)))? != There::Nothing,
        What::Container { before, .. } => before.is_some(),
    };
    if in_use { Err(AdoptError::InUse { name: name.to_owned() }) } else { Ok(adopted) }
}

fn drop_record(layout: &Layout, book: &Book, adopted: &Adopted, going: &[&str]) -> Result<(), AdoptError> {
    files::remove_file(&layout.adopted().join(record_name(&adopted.name)))?;
    if let What::File { digest, .. } = &adopted.what {
        let is_shared = |it: &&Adopted| {
            let is_same = matches!(&it.what, What::File { digest: other, .. } if other == digest);
            is_same && !going.contains(&it.name.as_str())
        };
        if !book.all().any(|it| is_shared(&it)) {
            files::remove_file(&Adopted::copy(layout, digest))?;
        }
    }
    Ok(files::sync_folder(&layout.adopted())?)
}
