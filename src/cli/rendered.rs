//! Between a key of a rendered file and its place in the description, in both directions.

use kl::Compiled;
use std::sync::Arc;

use super::describe::PARTITION;
use super::exit::Exit;
use super::say::say_wrong;
use crate::model::{File, decode_cloud, decode_host};
use crate::render::document::{Line, render_file, render_lines};
use kl::diag::Problems;

/// A line of a rendered file.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file on the host or in the container.
    pub file: String,
    /// Its number, from 1.
    pub line: u32,
    /// The line.
    pub text: String,
}

/// The steps to a leaf of the description.
type Steps = Vec<String>;

/// A file of a host: its path in the tree, and what is in it.
struct Found {
    steps: Steps,
    path: String,
    lines: Vec<Line>,
    text: String,
}

impl Found {
    fn place(&self, line: &Line) -> Place {
        let text = self.text.lines().nth(line.number as usize - 1).unwrap_or_default().to_owned();
        Place { file: self.path.clone(), line: line.number, text }
    }

    fn leaf(&self, line: &Line) -> Steps {
        let mut steps = self.steps.clone();
        steps.push("content".to_owned());
        steps.extend(line.steps.iter().cloned());
        steps
    }
}

/// The leaf of `KEY` in a file of a container, as `why HOST CONTAINER FILE KEY` names it.
pub fn of_key(
    compiled: &Compiled,
    host: &str,
    container: &str,
    file: &str,
    key: &str,
) -> Result<(Steps, Option<Place>), Exit> {
    let found = find(compiled, host, container, file)?;
    let line = found.lines.iter().find(|l| l.path == key);
    let place = line.map(|l| found.place(l));
    let mut steps = found.steps.clone();
    steps.push("content".to_owned());
    match line {
        Some(line) => steps.extend(line.steps.iter().cloned()),
        None => steps.extend(super::describe::parse_path(key)?),
    }
    Ok((steps, place))
}

/// The leaf that a line of a file of a container comes from.
pub fn of_line(
    compiled: &Compiled,
    host: &str,
    container: &str,
    file: &str,
    number: u32,
) -> Result<(Steps, Option<Place>), Exit> {
    let found = find(compiled, host, container, file)?;
    let n_lines = found.text.lines().count();
    if number == 0 || number as usize > n_lines {
        say_wrong!("error: {} has {n_lines} lines, not {number}", found.path);
        return Err(Exit::Wrong);
    }
    // A leaf may take several lines; the last one that begins at or before the line is its own.
    match found.lines.iter().rev().find(|l| l.number <= number) {
        Some(line) => Ok((found.leaf(line), Some(found.place(&Line { number, ..line.clone() })))),
        None => {
            say_wrong!("error: line {number} of {} belongs to no key", found.path);
            say_wrong!("  help: it is a heading or empty: ask for a line below it");
            Err(Exit::Wrong)
        }
    }
}

/// The leaf that a line of a built tree comes from: `…/<host>/files/<container or task>/<name>`, as `build --out` writes it.
pub fn of_built(compiled: &Compiled, path: &str, number: u32) -> Result<(Steps, Option<Place>), Exit> {
    let parts: Vec<&str> = path.split('/').collect();
    let hosts = compiled.part_names();
    let at = (0..parts.len()).rev().find(|i| {
        parts.get(i + 1) == Some(&"files") && i + 3 < parts.len() && hosts.iter().any(|h| **h == *parts[*i])
    });
    match at {
        Some(at) => of_line(compiled, parts[at], parts[at + 2], &parts[at + 3..].join("/"), number),
        None => {
            say_wrong!("error: `{path}` is no file of a built host");
            say_wrong!("  help: name it as `build --out DIR` wrote it: DIR/<host>/files/<container>/<file>");
            Err(Exit::Wrong)
        }
    }
}

/// The rendered line of a path of the tree, if the path leads into a file of a container.
pub fn of_path(compiled: &Compiled, steps: &[String]) -> Option<Place> {
    let [hosts, host, containers, container, files, file, content, rest @ ..] = steps else { return None };
    if hosts != PARTITION || containers != "containers" || files != "files" || content != "content" {
        return None;
    }
    let found = load(compiled, host, container, |path| path == file)?;
    found.lines.iter().find(|l| l.steps == rest).map(|l| found.place(l))
}

/// Whether a path is meant by its end: its last part, or several.
fn names(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

fn find(compiled: &Compiled, host: &str, container: &str, file: &str) -> Result<Found, Exit> {
    if let Some(found) = load(compiled, host, container, |path| names(path, file)) {
        return Ok(found);
    }
    let hosts = compiled.part_names();
    if !hosts.iter().any(|h| &**h == host) {
        say_wrong!("error: the description has no host `{host}`");
        if let Some(help) = kl::diag::did_you_mean(host, hosts.iter().map(|h| &**h)) {
            say_wrong!("  help: {help}");
        }
    } else {
        say_wrong!("error: `{container}` on `{host}` has no file `{file}`");
        say_wrong!("  help: `kolla-lang eval CLOUD hosts.{host}.containers` lists them");
    }
    Err(Exit::Wrong)
}

fn load(compiled: &Compiled, host: &str, name: &str, wanted: impl Fn(&str) -> bool) -> Option<Found> {
    let (data, _) = compiled.value_at(&[PARTITION.to_owned(), host.to_owned()]).ok()?;
    let (decoded, _) = decode_host(host, &data);
    let container = decoded.containers.iter().find(|c| &*c.name == name);
    let (above, files) = match container {
        Some(it) => (vec![PARTITION, host, "containers", name], it.run.files.clone()),
        None => {
            let (cloud, _) = decode_cloud(compiled.root());
            let task = cloud.tasks_on(host).find(|t| &*t.name == name)?;
            (vec!["tasks", name], task.run.files.clone())
        }
    };
    let (path, file): &(Arc<str>, File) = files.iter().find(|(path, _)| wanted(path))?;
    let text = render_file(path, file, &mut Problems::default()).map(|r| r.text).unwrap_or_default();
    let steps = above.into_iter().chain(["files", path]).map(str::to_owned).collect();
    Some(Found { steps, path: path.to_string(), lines: render_lines(path, file), text })
}
