//! All files of a description, with the hosts that get them.

use std::path::Path;
use std::sync::Arc;

use kl::Compiled;
use kl::data::{Data, Origin};
use kl::diag::Severity;
use kl::source::{Layer, Span};

use super::build::describes_cloud;
use super::describe::{JobsArgs, compile};
use super::exit::Exit;
use super::host::Answer;
use super::report::{self, Warnings};
use model::{File, decode_cloud, decode_host};

/// Evaluates a description with all its hosts. Mistakes were printed; warnings are for other commands.
pub fn evaluate(file: Option<&Path>) -> Result<(Compiled, Vec<(String, Data)>), Exit> {
    let compiled = compile(file)?.compiled;
    let (hosts, problems) = compiled
        .parts(JobsArgs { jobs: None }.count(), |name: &Arc<str>, data: Data| (name.to_string(), data));
    let mut all = compiled.problems().clone();
    all.extend(problems);
    let mut all = all.sorted();
    all.retain(|it| it.severity == Severity::Error);
    match report::print_all(&all, compiled.sources(), Answer::Text, Warnings::Allowed) {
        Exit::Done => Ok((compiled, hosts)),
        exit => Err(exit),
    }
}

/// Gives the files of hosts, of their containers and of tasks, each with its host and its path. What is wrong with a host is not told.
pub fn each_file(
    compiled: &Compiled,
    hosts: &[(String, Data)],
    mut each: impl FnMut(&str, &Arc<str>, &File),
) {
    for (name, data) in hosts {
        let host = decode_host(name, data).0;
        let of_containers = host.containers.iter().flat_map(|it| &it.run.files);
        host.files.iter().chain(of_containers).for_each(|(path, file)| each(name, path, file));
    }
    if describes_cloud(compiled) {
        for task in &decode_cloud(compiled.root()).0.tasks {
            task.run.files.iter().for_each(|(path, file)| each(task.on.as_str(), path, file));
        }
    }
}

/// Returns the line of the site that says a value, if any does.
pub fn line_of_site(compiled: &Compiled, origin: Origin) -> Option<Span> {
    let is_site = |at: &Span| compiled.sources().file(at.file).layer == Layer::Site;
    [Some(origin.at), origin.through].into_iter().flatten().find(is_site)
}
