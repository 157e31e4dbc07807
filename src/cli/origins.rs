//! From what differs on a host to the line of the description that gave it. Reads values that are evaluated already.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use kl::Compiled;
use kl::source::Span;

use super::describe::PARTITION;
use crate::fleet::alike::Asked;
use crate::model::container::Run;
use crate::model::{Cloud, File, Host, decode_cloud, decode_host};
use crate::render::contract::file_names;
use crate::render::document::{Line, render_lines};

/// A host, a unit and a file.
type Place = (String, String, String);

/// The lines of one description.
pub struct Origins<'a> {
    compiled: &'a Compiled,
    cloud: Cloud,
    hosts: RefCell<BTreeMap<String, Option<Rc<Host>>>>,
    lines: RefCell<BTreeMap<Place, Rc<[Line]>>>,
}

impl<'a> Origins<'a> {
    /// Reads a description that was checked.
    pub fn of(compiled: &'a Compiled) -> Self {
        let (cloud, _) = decode_cloud(compiled.root());
        Self { compiled, cloud, hosts: RefCell::default(), lines: RefCell::default() }
    }

    /// Returns the line that gave something, as `file:line`.
    pub fn line_of(&self, asked: Asked<'_>) -> Option<String> {
        Some(self.compiled.sources().place(self.span_of(asked)?.start))
    }

    fn span_of(&self, Asked { host: name, unit, file, key, new }: Asked<'_>) -> Option<Span> {
        let host = self.host(name)?;
        let Some(file) = file else {
            let key = key?;
            return host.sysctls.iter().find(|(it, _)| **it == *key).map(|(_, text)| text.at);
        };
        let Some(unit) = unit else {
            let (_, found) = host.files.iter().find(|(path, _)| **path == *file)?;
            return self.in_file((name, "", file), found, key);
        };
        let short = unit.strip_suffix(".service").unwrap_or(unit);
        let container = host.containers.iter().find(|it| *it.name == *short).map(|it| &it.run);
        let task = || self.cloud.tasks_on(name).find(|it| *it.name == *short).map(|it| &it.run);
        let run = container.or_else(task)?;
        if file.starts_with("quadlet/") || file.starts_with("units/") {
            return of_unit(run, key?, new);
        }
        let names = file_names(&run.files);
        let is_it = |path: &str| {
            path.trim_start_matches('/') == file
                || names.iter().any(|(it, name)| **it == *path && name == file)
        };
        let (_, found) = run.files.iter().find(|(path, _)| is_it(path))?;
        self.in_file((name, unit, file), found, key)
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

    fn in_file(&self, place: (&str, &str, &str), file: &File, key: Option<&str>) -> Option<Span> {
        let Some(key) = key else { return Some(file.content.origin.at) };
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
        Some(line.map_or(file.content.origin.at, |it| it.origin.at))
    }
}

/// Where the value of a key of a unit was written, for keys that stand for one value of the description.
fn of_unit(run: &Run, key: &str, new: Option<&str>) -> Option<Span> {
    match key {
        "Container.Image" => Some(run.image.at),
        "Container.Exec" => {
            let word = run.command.iter().find(|it| new.is_some_and(|new| it.as_str() == new));
            word.or(run.command.first()).map(|it| it.at)
        }
        "Container.Environment" => {
            let (name, _) = new?.trim_start_matches('"').split_once('=')?;
            run.env.iter().find(|(it, _)| **it == *name).map(|(_, text)| text.at)
        }
        _ => None,
    }
}
