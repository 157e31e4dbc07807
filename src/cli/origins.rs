//! From what differs on a host to the line of the description that gave it. A value that is computed has the line that changed what was
//! read for it, where the description before is known, and otherwise the line that computes it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use kl::Compiled;
use kl::source::{Layer, Span};
use kl::value::why::{Read, Why};

use super::describe::{PARTITION, parse_path};
use fleet::alike::Asked;
use model::container::Run;
use model::{Cloud, File, Host, decode_cloud, decode_host};
use render::contract::file_names;
use render::document::{Line, render_lines};

/// So many leaves are explained at most; what is not, has the line that computes it.
const N_EXPLAINED: usize = 4000;
/// So many reads are followed from one leaf to the next.
const N_DEEP: usize = 6;

/// A host, a unit and a file.
type FileRef = (String, String, String);

/// The lines of one description.
pub struct Origins<'a> {
    compiled: &'a Compiled,
    before: Option<&'a Compiled>,
    /// How many leaves may still be explained: a whole site may differ.
    left: Cell<usize>,
    cloud: Cloud,
    hosts: RefCell<BTreeMap<String, Option<Rc<Host>>>>,
    lines: RefCell<BTreeMap<FileRef, Rc<[Line]>>>,
}

impl<'a> Origins<'a> {
    /// Reads a description that was checked, and the one before it, if there is one.
    pub fn of(compiled: &'a Compiled, before: Option<&'a Compiled>) -> Self {
        let (cloud, _) = decode_cloud(compiled.root());
        let left = Cell::new(N_EXPLAINED);
        Self { compiled, before, left, cloud, hosts: RefCell::default(), lines: RefCell::default() }
    }

    /// Returns the line that gave something, as `file:line`.
    pub fn line_of(&self, asked: Asked<'_>) -> Option<String> {
        let Found { steps, at } = self.find(asked)?;
        let at = self.before.and_then(|before| self.cause(before, &steps, N_DEEP)).unwrap_or(at);
        Some(self.compiled.sources().place(at))
    }

    /// Follows what was read for a leaf to a definition of the site that changed.
    fn cause(&self, before: &Compiled, steps: &[String], depth: usize) -> Option<Span> {
        let now = self.explain(self.compiled, steps)?;
        let is_new = |at: Span| before_lacks(self.compiled, before, at);
        // Of a list, what adds to it and takes from it made it too.
        let lines = now.parts.iter().map(|part| part.line.at);
        if let Some(at) = std::iter::once(now.winner.at).chain(lines).find(|at| is_new(*at)) {
            return Some(at);
        }
        if depth == 0 {
            return None;
        }
        leaves(&now.reads).into_iter().find_map(|read| {
            let steps = parse_path(&read.path).ok()?;
            let (old, new) = (self.explain(before, &steps), self.explain(self.compiled, &steps)?);
            let differs = old.is_none_or(|old| old.value != new.value);
            differs.then(|| self.cause(before, &steps, depth - 1)).flatten()
        })
    }

    fn explain(&self, compiled: &Compiled, steps: &[String]) -> Option<Why> {
        let left = self.left.get().checked_sub(1)?;
        self.left.set(left);
        compiled.why(steps).ok()
    }

    fn find(&self, Asked { host: name, unit, file, key, new }: Asked<'_>) -> Option<Found> {
        let of_host = |rest: &[&str]| -> Vec<String> {
            [PARTITION, name].iter().chain(rest).map(ToString::to_string).collect()
        };
        let host = self.host(name)?;
        let Some(file) = file else {
            let key = key?;
            let (_, text) = host.sysctls.iter().find(|(it, _)| **it == *key)?;
            return Some(Found { steps: of_host(&["sysctls", key]), at: text.at });
        };
        let Some(unit) = unit else {
            let (_, found) = host.files.iter().find(|(path, _)| **path == *file)?;
            return self.in_file((name, "", file), of_host(&["files", file, "content"]), found, key);
        };
        let short = unit.strip_suffix(".service").unwrap_or(unit);
        let container = host.containers.iter().find(|it| *it.name == *short).map(|it| &it.run);
        let task = || self.cloud.tasks_on(name).find(|it| *it.name == *short).map(|it| &it.run);
        let mut steps = match container {
            Some(_) => of_host(&["containers", short]),
            None => vec!["tasks".to_owned(), short.to_owned()],
        };
        let run = container.or_else(task)?;
        if file.starts_with("quadlet/") || file.starts_with("units/") {
            let (rest, at) = of_unit(run, key?, new)?;
            steps.extend(rest);
            return Some(Found { steps, at });
        }
        let names = file_names(&run.files);
        let is_it = |path: &str| {
            path.trim_start_matches('/') == file
                || names.iter().any(|(it, name)| **it == *path && name == file)
        };
        let (path, found) = run.files.iter().find(|(path, _)| is_it(path))?;
        steps.extend(["files", path, "content"].map(str::to_owned));
        self.in_file((name, unit, file), steps, found, key)
    }

    fn host(&self, name: &str) -> Option<Rc<Host>> {
        if let Some(host) = self.hosts.borrow().get(name) {
            return host.clone();
        }
        let data = self.compiled.value_at(&[PARTITION.to_owned(), name.to_owned()]).ok();
        let host = data.map(|(data, _)| Rc::new(decode_host(name, &data).0));
        self.hosts.borrow_mut().insert(name.to_owned(), host.clone());
        host
    }

    fn in_file(
        &self,
        place: (&str, &str, &str),
        mut steps: Vec<String>,
        file: &File,
        key: Option<&str>,
    ) -> Option<Found> {
        let Some(key) = key else { return Some(Found { steps, at: file.content.origin.at }) };
        let (host, unit, name) = place;
        let place = (host.to_owned(), unit.to_owned(), name.to_owned());
        let lines = self.lines.borrow().get(&place).cloned();
        let lines = lines.unwrap_or_else(|| {
            let lines: Rc<[Line]> = render_lines(name, file).into();
            self.lines.borrow_mut().insert(place, lines.clone());
            lines
        });
        // A list is written as `a[0]` in the one and as `a.0` in the other, and of a key that stands there several times the first counts.
        let key = key.replace('[', ".").replace(']', "");
        let below = format!("{key}.");
        let line = lines
            .iter()
            .find(|it| it.path == key)
            .or_else(|| lines.iter().find(|it| it.path.starts_with(&below)));
        steps.extend(line.iter().flat_map(|it| it.steps.iter().cloned()));
        Some(Found { steps, at: line.map_or(file.content.origin.at, |it| it.origin.at) })
    }
}

/// Whether a definition is one of the site, and its text is nowhere in the description before.
fn before_lacks(now: &Compiled, before: &Compiled, at: Span) -> bool {
    let sources = now.sources();
    let file = sources.file(at.file);
    if file.layer != Layer::Site {
        return false;
    }
    let text = sources.text(at);
    let mut files = before.sources().files().filter(|(_, it)| it.layer == Layer::Site);
    !files.any(|(_, it)| it.text.contains(text))
}

/// A leaf of the description: its path, and where it was written.
struct Found {
    steps: Vec<String>,
    at: Span,
}

/// Where the value of a key of a unit was written, for keys that stand for one value of the description, and the end of its path.
fn of_unit(run: &Run, key: &str, new: Option<&str>) -> Option<(Vec<String>, Span)> {
    let steps = |all: &[&str]| all.iter().map(ToString::to_string).collect();
    match key {
        "Container.Image" => Some((steps(&["image"]), run.image.at)),
        "Container.Exec" => {
            let word = run.command.iter().find(|it| new.is_some_and(|new| it.as_str() == new));
            Some((steps(&["command"]), word.or(run.command.first())?.at))
        }
        "Container.Environment" => {
            let (name, _) = new?.trim_start_matches('"').split_once('=')?;
            let (_, text) = run.env.iter().find(|(it, _)| **it == *name)?;
            Some((steps(&["env", name]), text.at))
        }
        _ => None,
    }
}

/// What was read, through what was read whole, that has a value to compare.
fn leaves(reads: &[Read]) -> Vec<&Read> {
    let mut out = Vec::new();
    for read in reads {
        out.extend((read.value.is_some() || read.reads.is_empty()).then_some(read));
        out.extend(leaves(&read.reads));
    }
    out
}
