//! What a description says of images that are built: its changes, compared with the tables of the templates.
//!
//! Fetches and builds nothing.

use std::path::Path;

use super::build::inspect;
use super::describe::{Described, JobsArgs, compile};
use super::exit::Exit;
use super::host::Answer;
use super::report::{self, Warnings};
use super::say::say_wrong;
use imageset::{Change, Changes, ImageError, ListChange};
use kl::data::Data;
use kl::diag::Problems;
use kl::source::Span;
use model::{ImageSet, Text, decode_image_set, errors};
use std::sync::Arc;

/// Finds what a description changes in images that they do not have.
pub fn problems(root: &[(Arc<str>, Data)]) -> Problems {
    let (set, mut problems) = decode_image_set(root);
    if let Some(mut set) = set.filter(|it| !it.changes.is_empty()) {
        for (name, change) in &mut set.changes {
            change.at = written(root, name).unwrap_or(change.at);
        }
        compare(&set, &mut problems);
    }
    problems
}

/// Returns where the first list of an image was written that has anything: the library hands lists on whole, and is itself where they
/// come from then.
fn written(root: &[(Arc<str>, Data)], image: &str) -> Option<Span> {
    let (_, images) = root.iter().find(|(name, _)| &**name == "images")?;
    let fields = images.get(image)?.entries()?;
    fields.iter().find_map(|(_, it)| it.items()?.first().map(|it| it.origin.at))
}

fn compare(set: &ImageSet, problems: &mut Problems) {
    let ImageSet { release, distro, namespace: _, tag: _, changes } = set;
    let first = changes.first().map(|(_, it)| it.at).unwrap_or_default();
    let table = match imageset::find(release.as_str()) {
        Ok(table) => table,
        Err(_) => {
            let report = errors::no_image_set(first, &release.value, &imageset::releases());
            problems.push(report);
            return;
        }
    };
    if let Err(ImageError::NoDistro { known, .. }) = table.distro(distro.as_str()) {
        problems.push(errors::no_image_set(first, &format!("{release} on {distro}"), &strs(&known)));
        return;
    }
    let known = table.changeable();
    for (image, change) in changes {
        let Some(its) = known.get(&**image) else {
            problems.push(errors::no_such_image(
                change.at,
                image,
                &release.value,
                known.keys().map(String::as_str),
            ));
            continue;
        };
        let mut look = |at, kind: &str, name: &str, known: &[&str]| {
            if !known.contains(&name) {
                problems.push(errors::not_in_template(at, image, kind, name, known));
            }
        };
        let kinds: Vec<&str> = table.common.installs.keys().map(String::as_str).collect();
        for (kind, words) in &change.adds {
            words.iter().for_each(|word| look(word.at, "way to add", kind, &kinds));
        }
        change.blocks.iter().for_each(|(name, text)| look(text.at, "block", name, &strs(&its.blocks)));
        change.lists.iter().for_each(|(name, list)| look(list.at, "list", name, &strs(&its.lists)));
        if let (Some(why), Some((_, text))) = (self::change(change).syntax_error(), change.blocks.first()) {
            problems.push(errors::bad_value(text.at, format!("of `{image}`, {why}")));
        }
    }
}

fn strs(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

/// Reads a description and returns what it says of images that are built. What is wrong was printed.
pub fn load(file: &Path) -> Result<ImageSet, Exit> {
    let described = compile(Some(file))?;
    let made = inspect(&described, JobsArgs { jobs: None }.count());
    let Described { compiled, secrets: _, lock: _ } = &described;
    match report::print_all(&made.problems, compiled.sources(), Answer::Text, Warnings::Allowed) {
        Exit::Done => {}
        exit => return Err(exit),
    }
    decode_image_set(compiled.root()).0.ok_or_else(|| {
        say_wrong!("error: {} says nothing of images that are built", file.display());
        say_wrong!("  help: `use openstack` names the release and its images");
        Exit::Wrong
    })
}

/// Returns the changes as they are built.
pub fn changes(set: &ImageSet) -> Changes {
    set.changes.iter().map(|(name, it)| (name.to_string(), change(it))).collect()
}

fn change(it: &model::ImageChange) -> Change {
    let texts = |all: &[Text]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let list = |it: &model::ListChange| {
        let model::ListChange { append, remove, instead } = it;
        let instead = instead.as_deref().map(texts);
        ListChange { append: texts(append), remove: texts(remove), instead }
    };
    Change {
        adds: it.adds.iter().map(|(kind, words)| (kind.to_string(), texts(words))).collect(),
        blocks: it.blocks.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect(),
        lists: it.lists.iter().map(|(name, it)| (name.to_string(), list(&it.value))).collect(),
    }
}
