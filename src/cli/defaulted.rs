//! What a description says of configuration files that their programs would do without it: values that are the defaults of tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use kl::Compiled;
use kl::data::Data;
use kl::source::{Layer, Span};
use serde_json::{Value, json};

use super::options_of::tables;
use fleet::names::counted;
use model::{File, decode_cloud, decode_host};
use options::{OptionName, defaults};

/// An option with its default, as files of some hosts have it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    path: Arc<str>,
    name: String,
    value: String,
    at: Span,
}

/// Values of the site that are defaults of the programs that read them, by what says them.
pub struct Defaulted(BTreeMap<Said, Vec<String>>);

impl Defaulted {
    /// Finds them in the files of hosts and of tasks.
    pub fn of(compiled: &Compiled, hosts: &[(String, Data)]) -> Self {
        let mut out = Self(BTreeMap::new());
        for (name, data) in hosts {
            let host = decode_host(name, data).0;
            let of_containers = host.containers.iter().flat_map(|it| &it.run.files);
            host.files.iter().chain(of_containers).for_each(|file| out.add(compiled, name, file));
        }
        if super::build::describes_cloud(compiled) {
            for task in &decode_cloud(compiled.root()).0.tasks {
                task.run.files.iter().for_each(|file| out.add(compiled, task.on.as_str(), file));
            }
        }
        for hosts in out.0.values_mut() {
            hosts.sort();
            hosts.dedup();
        }
        out
    }

    fn add(&mut self, compiled: &Compiled, host: &str, (path, file): &(Arc<str>, File)) {
        let is_site = |at: &Span| compiled.sources().file(at.file).layer == Layer::Site;
        for it in defaults(file, tables()) {
            let places = [Some(it.origin.at), it.origin.through];
            if let Some(at) = places.into_iter().flatten().find(is_site) {
                let name = OptionName::new(&it.section, &it.key).to_string();
                let said = Said { path: path.clone(), name, value: it.value, at };
                self.0.entry(said).or_default().push(host.to_owned());
            }
        }
    }

    /// For people; empty when there are none.
    pub fn as_text(&self, compiled: &Compiled) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let mut text = "what the site says and a program would do without it:\n".to_owned();
        for (Said { path, name, value, at }, hosts) in &self.0 {
            let (on, place) = (counted(hosts.iter().map(String::as_str)), compiled.sources().place(*at));
            text.push_str(&format!("  {path} on {on}: {name} = {value} is its default  ({place})\n"));
        }
        text
    }

    /// For programs.
    pub fn as_json(&self, compiled: &Compiled) -> Value {
        self.0
            .iter()
            .map(|(Said { path, name, value, at }, hosts)| {
                let at = compiled.sources().place(*at);
                json!({ "file": &**path, "option": name, "value": value, "at": at, "hosts": hosts })
            })
            .collect()
    }
}
