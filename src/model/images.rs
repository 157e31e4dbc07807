//! Sets of images that a description has built, and what it changes in them. No host depends on any of it.

use super::read::Reader;
use super::{At, Text};
use kl::data::{Data, DataKind};
use kl::diag::Problems;
use kl::source::Span;
use std::sync::Arc;

/// The field of the root that it is decoded from.
const FIELD: &str = "image_set";

/// Images that are built by the templates of a package.
#[derive(Clone, Debug)]
pub struct ImageSet {
    /// The release that the templates are of.
    pub release: Text,
    /// The distribution.
    pub distro: Text,
    /// What names of the images begin with.
    pub namespace: Text,
    /// Their tag.
    pub tag: Text,
    /// What is changed, by image, sorted.
    pub changes: Vec<(Arc<str>, ImageChange)>,
}

/// What is changed in an image.
#[derive(Clone, Debug)]
pub struct ImageChange {
    /// Where the first of it was written.
    pub at: Span,
    /// What is installed, by kind, sorted.
    pub adds: Vec<(Arc<str>, Vec<Text>)>,
    /// Text of blocks of its template, sorted.
    pub blocks: Vec<(Arc<str>, Text)>,
    /// Changes of lists of its template, sorted.
    pub lists: Vec<(Arc<str>, At<ListChange>)>,
}

/// A change of a list of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChange {
    /// What it has in addition.
    pub append: Vec<Text>,
    /// What it has not.
    pub remove: Vec<Text>,
    /// What it has in place of its own.
    pub instead: Option<Vec<Text>>,
}

/// Decodes the images that a description has built from the fields of the root; none where it says nothing of them.
pub fn decode_image_set(root: &[(Arc<str>, Data)]) -> (Option<ImageSet>, Problems) {
    let mut read = Reader::default();
    let found = root.iter().find(|(name, _)| **name == *FIELD).map(|(_, it)| it);
    let set = found.filter(|it| !it.is_error() && !matches!(it.kind, DataKind::None)).map(|data| {
        let (release, distro) = (read.field(data, "release"), read.field(data, "distro"));
        let (namespace, tag) = (read.field(data, "namespace"), read.field(data, "tag"));
        let changes = read.field(data, "changes");
        let changes = read.entries(changes).iter().map(|(name, it)| (name.clone(), change(&mut read, it)));
        let changes = changes.collect();
        ImageSet {
            release: read.text(release),
            distro: read.text(distro),
            namespace: read.text(namespace),
            tag: read.text(tag),
            changes,
        }
    });
    (set, read.problems)
}

fn change(read: &mut Reader, data: &Data) -> ImageChange {
    let (adds, blocks, lists) =
        (read.field(data, "adds"), read.field(data, "blocks"), read.field(data, "lists"));
    let adds: Vec<(Arc<str>, Vec<Text>)> =
        read.entries(adds).iter().map(|(kind, it)| (kind.clone(), read.texts(it))).collect();
    let blocks: Vec<(Arc<str>, Text)> =
        read.entries(blocks).iter().map(|(name, it)| (name.clone(), read.text(it))).collect();
    let lists: Vec<(Arc<str>, At<ListChange>)> =
        read.entries(lists).iter().map(|(name, it)| (name.clone(), list(read, it))).collect();
    let firsts = adds.iter().flat_map(|(_, it)| it).chain(blocks.iter().map(|(_, it)| it)).map(|it| it.at);
    let first = firsts.chain(lists.iter().map(|(_, it)| it.at)).next();
    ImageChange { at: first.unwrap_or(data.origin.at), adds, blocks, lists }
}

fn list(read: &mut Reader, data: &Data) -> At<ListChange> {
    let (append, remove) = (read.field(data, "append"), read.field(data, "remove"));
    let instead = read.field(data, "override");
    let change = ListChange {
        append: read.texts(append),
        remove: read.texts(remove),
        instead: (!matches!(instead.kind, DataKind::None)).then(|| read.texts(instead)),
    };
    let words = change.append.iter().chain(&change.remove).chain(change.instead.iter().flatten());
    let at = words.map(|it| it.at).next().unwrap_or(data.origin.at);
    At::new(change, at)
}
