//! Between a line of a built file and its place in the description, in both directions.

use kl::Compiled;
use kl::data::{Data, DataKind};
use std::sync::Arc;

use super::describe::PARTITION;
use super::exit::Exit;
use super::say::say_wrong;
use kl::diag::Problems;
use model::{File, decode_cloud, decode_host};
use plan::plan_host;
use render::document::{Line, render_file, render_lines};
use render::fields;
use render::host::render_host;
use render::template_lines::{self, TemplateLine};
use store::Closure;
use store::manifest::UnitKind;

/// A line of a rendered file.
#[derive(Debug, Clone)]
pub struct SourceLocation {
    /// The file on the host or in the container.
    pub file: String,
    /// Its number, from 1.
    pub line: u32,
    /// The line.
    pub text: String,
    /// The template's line, where a template makes it.
    pub template: Option<TemplateLine>,
}

/// The steps to a leaf of the description.
type Steps = Vec<String>;

/// Where a line of a built file comes from.
pub enum Said {
    /// A path of the description says it.
    By(Steps, Option<SourceLocation>),
    /// Nobody does: every file of its kind has it.
    Nobody(SourceLocation),
}

/// A file of a host: its path in the tree, and what is in it.
struct Found {
    steps: Steps,
    path: String,
    lines: Vec<Line>,
    text: String,
    content: Data,
}

impl Found {
    fn place(&self, line: &Line) -> SourceLocation {
        let template = match &self.content.kind {
            DataKind::Template(call) => template_lines::of_line(call, line.number),
            _ => None,
        };
        place(&self.path, &self.text, line.number, template)
    }

    fn leaf(&self, line: &Line) -> Steps {
        let mut steps = self.steps.clone();
        steps.push("content".to_owned());
        steps.extend(line.steps.iter().cloned());
        steps
    }
}

fn place(file: &str, text: &str, line: u32, template: Option<TemplateLine>) -> SourceLocation {
    let text = text.lines().nth(line as usize - 1).unwrap_or_default().to_owned();
    SourceLocation { file: file.to_owned(), line, text, template }
}

/// The leaf of `KEY` in a file of a container, as `why HOST CONTAINER FILE KEY` names it.
pub fn of_key(
    compiled: &Compiled,
    host: &str,
    container: &str,
    file: &str,
    key: &str,
) -> Result<(Steps, Option<SourceLocation>), Exit> {
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

/// What says a line of a file of a container, or of its unit.
pub fn of_line(
    compiled: &Compiled,
    host: &str,
    container: &str,
    file: &str,
    number: u32,
) -> Result<Said, Exit> {
    if let Some(found) = load(compiled, host, container, |path| names(path, file)) {
        return of_content(&found, number);
    }
    let built = Built::of(compiled, host)?;
    let is_its = |path: &str| {
        let below = path.split_once('/').map_or("", |(_, rest)| rest);
        names(path, file)
            && (below.split('/').next() == Some(container) || below.starts_with(&format!("{container}.")))
    };
    match built.closure.files.keys().find(|path| is_its(path)) {
        Some(path) => built.of_line(path, number),
        None => Err(no_file(host, container, file)),
    }
}

fn of_content(found: &Found, number: u32) -> Result<Said, Exit> {
    demand_line(&found.path, &found.text, number)?;
    // A leaf may take several lines; the last one that begins at or before the line is its own.
    match found.lines.iter().rev().find(|l| l.number <= number) {
        Some(line) => Ok(Said::By(found.leaf(line), Some(found.place(&Line { number, ..line.clone() })))),
        None => {
            say_wrong!("error: line {number} of {} belongs to no key", found.path);
            say_wrong!("  help: it is a heading or empty: ask for a line below it");
            Err(Exit::Wrong)
        }
    }
}

fn demand_line(path: &str, text: &str, number: u32) -> Result<(), Exit> {
    let n_lines = text.lines().count();
    if number > 0 && number as usize <= n_lines {
        return Ok(());
    }
    say_wrong!("error: {path} has {n_lines} lines, not {number}");
    Err(Exit::Wrong)
}

/// What says a line of a built tree: `…/<host>/<files, quadlet or units>/…`, as `build --out` writes it.
pub fn of_built(compiled: &Compiled, path: &str, number: u32) -> Result<Said, Exit> {
    let parts: Vec<&str> = path.split('/').collect();
    let hosts = compiled.part_names();
    let is_folder = |name: Option<&&str>| name.is_some_and(|it| ["files", "quadlet", "units"].contains(it));
    let at = (0..parts.len()).rev().find(|i| {
        is_folder(parts.get(i + 1)) && i + 2 < parts.len() && hosts.iter().any(|h| **h == *parts[*i])
    });
    let Some(at) = at else {
        say_wrong!("error: `{path}` is no file of a built host");
        say_wrong!("  help: name it as `build --out DIR` wrote it: DIR/<host>/files/<container>/<file>");
        return Err(Exit::Wrong);
    };
    let (host, inside) = (parts[at], parts[at + 1..].join("/"));
    if let ["files", name, rest @ ..] = &parts[at + 1..]
        && !rest.is_empty()
    {
        let file = rest.join("/");
        if let Some(found) = load(compiled, host, name, |path| names(path, &file)) {
            return of_content(&found, number);
        }
    }
    Built::of(compiled, host)?.of_line(&inside, number)
}

/// What is built for a host, and its part of the description.
struct Built {
    host: String,
    closure: Closure,
    data: Data,
    tasks: Data,
}

impl Built {
    fn of(compiled: &Compiled, host: &str) -> Result<Built, Exit> {
        let found = compiled.value_at(&[PARTITION.to_owned(), host.to_owned()]);
        let Ok((data, _)) = found else { return Err(no_host(compiled, host)) };
        let (cloud, _) = decode_cloud(compiled.root());
        let (decoded, _) = decode_host(host, &data);
        let (closure, _) = render_host(&plan_host(&cloud, &decoded).0);
        let tasks = compiled.root().iter().find(|(name, _)| &**name == "tasks").map(|(_, it)| it.clone());
        let tasks = tasks.unwrap_or_else(|| data.clone());
        Ok(Built { host: host.to_owned(), closure, data, tasks })
    }

    fn of_line(&self, path: &str, number: u32) -> Result<Said, Exit> {
        let Some(file) = self.closure.files.get(path) else {
            say_wrong!("error: nothing of `{}` is built into `{path}`", self.host);
            let known = self.closure.files.keys().map(String::as_str);
            if let Some(help) = kl::diag::did_you_mean(path, known) {
                say_wrong!("  help: {help}");
            }
            return Err(Exit::Wrong);
        };
        let text = String::from_utf8_lossy(&file.bytes);
        demand_line(path, &text, number)?;
        let here = place(path, &text, number, None);
        let Some((above, fields)) = self.fields(path, &text, number) else { return Ok(Said::Nobody(here)) };
        let whole = above.iter().skip(if above.first().is_some_and(|it| it == PARTITION) { 2 } else { 1 });
        let root = if above.first().is_some_and(|it| it == PARTITION) { &self.data } else { &self.tasks };
        let Some(of) = whole.clone().try_fold(root, |data, step| data.get(step)) else {
            return Ok(Said::Nobody(here));
        };
        let value = here.text.split_once('=').map_or(here.text.as_str(), |(_, value)| value).to_owned();
        let is_meant = |field: &&fields::Field| match field.iter().try_fold(of, |data, step| data.get(step)) {
            Some(data) if fields.len() > 1 => names_it(data, &value),
            found => found.is_some(),
        };
        match fields.iter().find(is_meant) {
            Some(field) => Ok(Said::By(above.iter().chain(field).cloned().collect(), Some(here))),
            None => Ok(Said::Nobody(here)),
        }
    }

    /// The steps to what a file is made of, and the fields of it that may say a line.
    fn fields(&self, path: &str, text: &str, number: u32) -> Option<(Steps, Vec<fields::Field>)> {
        let steps = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Steps>();
        let of_run = |name: &str| match self.data.get("containers").and_then(|it| it.get(name)) {
            Some(_) => steps(&[PARTITION, &self.host, "containers", name]),
            None => steps(&["tasks", name]),
        };
        if let Some(name) = path.strip_prefix("files/").and_then(|it| it.strip_suffix("/config.json")) {
            return Some((of_run(name), fields::of_config_line(text, number)));
        }
        let (service, unit) =
            self.closure.manifest.units.iter().find(|(_, it)| it.files.iter().any(|f| f == path))?;
        let below = |map: &str, name: &str| steps(&[PARTITION, &self.host, map, name]);
        let all = fields::of_unit_line(unit.kind, text, number);
        Some(match (unit.kind, &unit.container) {
            (UnitKind::Container | UnitKind::Task, Some(name)) => (of_run(name), all),
            (UnitKind::Volume, _) => (below("volumes", service.strip_suffix("-volume.service")?), all),
            (UnitKind::Network, _) => (below("bridges", service.strip_suffix("-network.service")?), all),
            (UnitKind::Timer, _) => (below("timers", service.strip_suffix(".timer")?), all),
            (UnitKind::Raw, _) if self.data.get("units").is_some_and(|it| it.get(service).is_some()) => {
                (below("units", service), all)
            }
            (UnitKind::Raw, _) => {
                let name = service.strip_suffix(".service")?;
                (below("timers", name), fields::of_timer_service(text, number))
            }
            (UnitKind::Container | UnitKind::Task, None) => return None,
        })
    }
}

/// Whether a value is, or holds, what a line names: a unit by its name or with its kind.
fn names_it(data: &Data, line: &str) -> bool {
    match (&data.kind, data.items()) {
        (_, Some(items)) => items.iter().any(|item| names_it(item, line)),
        (DataKind::Str(text) | DataKind::Key(text), _) => {
            line == &**text || line == format!("{text}.service")
        }
        // A mount or a file is named by its path.
        _ => true,
    }
}

/// The rendered line of a path of the tree, if the path leads into a file of a container.
pub fn of_path(compiled: &Compiled, steps: &[String]) -> Option<SourceLocation> {
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
    if !compiled.part_names().iter().any(|h| &**h == host) {
        return Err(no_host(compiled, host));
    }
    Err(no_file(host, container, file))
}

fn no_host(compiled: &Compiled, host: &str) -> Exit {
    say_wrong!("error: the description has no host `{host}`");
    if let Some(help) = kl::diag::did_you_mean(host, compiled.part_names().iter().map(|h| &**h)) {
        say_wrong!("  help: {help}");
    }
    Exit::Wrong
}

fn no_file(host: &str, container: &str, file: &str) -> Exit {
    say_wrong!("error: `{container}` on `{host}` has no file `{file}`");
    say_wrong!("  help: `kolla-lang eval CLOUD hosts.{host}.containers` lists them");
    Exit::Wrong
}

fn load(compiled: &Compiled, host: &str, name: &str, wanted: impl Fn(&str) -> bool) -> Option<Found> {
    let (data, _) = compiled.value_at(&[PARTITION.to_owned(), host.to_owned()]).ok()?;
    let (decoded, _) = decode_host(host, &data);
    let container = decoded.containers.iter().find(|c| &*c.name == name);
    let (above, files) = match container {
        Some(it) => (vec![PARTITION, host, "containers", name], it.run.files.clone()),
        // So the files of a host itself are called in what is built.
        None if name == "host" => (vec![PARTITION, host], decoded.files.clone()),
        None => {
            let (cloud, _) = decode_cloud(compiled.root());
            let task = cloud.tasks_on(host).find(|t| &*t.name == name)?;
            (vec!["tasks", name], task.run.files.clone())
        }
    };
    let (path, file): &(Arc<str>, File) = files.iter().find(|(path, _)| wanted(path))?;
    let text = render_file(path, file, &mut Problems::default()).map(|r| r.text).unwrap_or_default();
    let steps = above.into_iter().chain(["files", path]).map(str::to_owned).collect();
    let content = file.content.clone();
    Some(Found { steps, path: path.to_string(), lines: render_lines(path, file), text, content })
}
