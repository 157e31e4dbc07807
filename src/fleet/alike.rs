//! Equal hosts together: hosts on which the same is done and the same keys differ are one group, and values that are the same on all of
//! them are told once.
//!
//! Pure, and knows no waves: who asks says which hosts it is about.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compare::{Change, SecretChange};
use activate::diff::{FileChange, How, KeyChange, Several};
use activate::words::Line;

/// Hosts on which the same is done, and the same differs but for values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alike {
    /// The hosts, in the order in which they were given.
    pub hosts: Vec<String>,
    /// What is done with units.
    pub units: Vec<Line>,
    /// Files that differ.
    pub files: Vec<FileRow>,
    /// Kernel settings and modules that differ.
    pub kernel: Vec<KeyRow>,
    /// Secrets that differ.
    pub secrets: Vec<SecretChange>,
    /// What else differs of what hosts are told.
    pub rest: Vec<KeyRow>,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRow {
    /// The unit that reads it or is defined by it; absent for a file of the host itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Its name.
    pub name: String,
    /// Whether it came, went or changed.
    pub how: How,
    /// A changed owner or mode, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// The keys that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyRow>,
    /// Lines that differ, where it has no keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<TextRow>,
}

/// A key that differs, with its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyRow {
    /// The key.
    pub key: String,
    /// One entry where all hosts have the same values.
    pub values: Vec<Values>,
}

/// Values of a key before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Values {
    /// The hosts that have them.
    pub hosts: Vec<String>,
    /// Before; absent, too, where `several` says all that is the same on these hosts.
    pub old: Option<String>,
    /// After.
    pub new: Option<String>,
    /// Of a key that stands there several times or has many words: which of them went and came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub several: Option<Several>,
    /// The line of the description that gave the new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// Lines that differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextRow {
    /// The hosts on which these do.
    pub hosts: Vec<String>,
    /// As a unified diff.
    pub text: String,
    /// The line of the description that gave the new text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// One host, as it is grouped.
#[derive(Debug)]
pub struct Of<'a> {
    /// Its name.
    pub host: &'a str,
    /// What is done with its units.
    pub units: Vec<Line>,
    /// What differs; nothing where that is not known or not of interest.
    pub change: Option<&'a Change>,
}

/// Names what must be the same: everything but values.
type Shape = String;

/// Groups hosts, in the order in which the first of each group was given.
pub fn alike(hosts: Vec<Of<'_>>) -> Vec<Alike> {
    let mut groups: Vec<Vec<Of<'_>>> = Vec::new();
    let mut known: BTreeMap<Shape, usize> = BTreeMap::new();
    for host in hosts {
        let idx = *known.entry(shape(&host)).or_insert(groups.len());
        if idx == groups.len() {
            groups.push(Vec::new());
        }
        groups[idx].push(host);
    }
    groups.into_iter().map(merge).collect()
}

fn shape(of: &Of<'_>) -> Shape {
    let Of { host: _, units, change } = of;
    let keys = |keys: &[KeyChange]| keys.iter().map(|it| it.key.clone()).collect::<Vec<_>>();
    let file = |it: &FileChange| {
        let FileChange { unit, name, how, keys: all, lines: _, text, access } = it;
        (unit.clone(), name.clone(), how.word(), keys(all), text.is_some(), access.clone())
    };
    let change = change.map(|Change { files, kernel, secrets, rest }| {
        (files.iter().map(file).collect::<Vec<_>>(), keys(kernel), secrets, keys(rest))
    });
    format!("{units:?}{change:?}")
}

fn merge(group: Vec<Of<'_>>) -> Alike {
    let hosts = group.iter().map(|of| of.host.to_owned()).collect();
    let changes: Vec<(&str, &Change)> = group.iter().filter_map(|of| Some((of.host, of.change?))).collect();
    let first = changes.first().map(|(_, change)| *change);
    let files = first.map(|it| it.files.as_slice()).unwrap_or_default().iter().enumerate();
    let file = |(idx, it): (usize, &FileChange)| {
        let all: Vec<(&str, &FileChange)> =
            changes.iter().map(|(host, change)| (*host, &change.files[idx])).collect();
        file_row(it, &all)
    };
    let keys = |of: fn(&Change) -> &Vec<KeyChange>| {
        key_rows(&changes.iter().map(|(host, change)| (*host, of(change).as_slice())).collect::<Vec<_>>())
    };
    Alike {
        hosts,
        files: files.map(file).collect(),
        kernel: keys(|it| &it.kernel),
        rest: keys(|it| &it.rest),
        secrets: first.map(|it| it.secrets.clone()).unwrap_or_default(),
        units: group.into_iter().next().map(|of| of.units).unwrap_or_default(),
    }
}

fn file_row(first: &FileChange, all: &[(&str, &FileChange)]) -> FileRow {
    let FileChange { unit, name, how, keys: _, lines: _, text: _, access } = first;
    let keys: Vec<(&str, &[KeyChange])> =
        all.iter().map(|(host, file)| (*host, file.keys.as_slice())).collect();
    let mut texts: Vec<TextRow> = Vec::new();
    for (host, text) in all.iter().filter_map(|(host, file)| Some((*host, file.text.as_ref()?))) {
        match texts.iter_mut().find(|row| row.text == *text) {
            Some(row) => row.hosts.push(host.to_owned()),
            None => texts.push(TextRow { hosts: vec![host.to_owned()], text: text.clone(), at: None }),
        }
    }
    FileRow {
        unit: unit.clone(),
        name: name.clone(),
        how: *how,
        access: access.clone(),
        keys: key_rows(&keys),
        texts,
    }
}

/// What values must have in common: both, or which of several went and came.
type Same<'a> = (Option<&'a String>, Option<&'a String>, &'a Option<Several>);

/// Puts the same keys of several hosts together.
fn key_rows(all: &[(&str, &[KeyChange])]) -> Vec<KeyRow> {
    let Some((_, first)) = all.first() else { return Vec::new() };
    let row = |(idx, it): (usize, &KeyChange)| {
        let mut values: Vec<Values> = Vec::new();
        let mut known: BTreeMap<Same<'_>, usize> = BTreeMap::new();
        for (host, keys) in all {
            let KeyChange { key: _, old, new, several } = &keys[idx];
            let is_whole = several.is_none();
            let (before, after) = (old.as_ref().filter(|_| is_whole), new.as_ref().filter(|_| is_whole));
            let at = *known.entry((before, after, several)).or_insert(values.len());
            match values.get_mut(at) {
                Some(same) => {
                    same.hosts.push((*host).to_owned());
                    let is_same = (&same.old, &same.new) == (old, new);
                    (same.old, same.new) = if is_same { (old.clone(), new.clone()) } else { (None, None) };
                }
                None => values.push(Values {
                    hosts: vec![(*host).to_owned()],
                    old: old.clone(),
                    new: new.clone(),
                    several: several.clone(),
                    at: None,
                }),
            }
        }
        KeyRow { key: it.key.clone(), values }
    };
    first.iter().enumerate().map(row).collect()
}

/// Asks which line of the description gave something on a host.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The host.
    pub host: &'a str,
    /// The unit that a file belongs to; absent for a file of the host itself.
    pub unit: Option<&'a str>,
    /// The file; absent for a kernel setting.
    pub file: Option<&'a str>,
    /// The key; absent for a text without keys.
    pub key: Option<&'a str>,
    /// The new value, or the first of those that came.
    pub new: Option<&'a str>,
}

impl Alike {
    /// Asks of each new value which line gave it, and notes what is known.
    pub fn trace(&mut self, line_of: &dyn Fn(Asked<'_>) -> Option<String>) {
        for row in &mut self.kernel {
            trace_key(row, None, None, line_of);
        }
        for FileRow { unit, name, keys, texts, .. } in &mut self.files {
            for row in keys {
                trace_key(row, unit.as_deref(), Some(name), line_of);
            }
            for TextRow { hosts, at, .. } in texts {
                let asked = hosts.first().map(|host| Asked {
                    host,
                    unit: unit.as_deref(),
                    file: Some(name),
                    key: None,
                    new: None,
                });
                *at = asked.and_then(line_of);
            }
        }
    }
}

fn trace_key(
    row: &mut KeyRow,
    unit: Option<&str>,
    file: Option<&str>,
    line_of: &dyn Fn(Asked<'_>) -> Option<String>,
) {
    let is_known = |it: &&mut Values| it.new.is_some() || it.several.is_some();
    for values in row.values.iter_mut().filter(is_known) {
        let came = values.several.as_ref().and_then(|it| it.come.first());
        let new = came.or(values.new.as_ref()).map(String::as_str);
        let asked = values.hosts.first().map(|host| Asked { host, unit, file, key: Some(&row.key), new });
        values.at = asked.and_then(line_of);
    }
}
