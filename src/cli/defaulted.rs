//! What a description says of configuration files that their programs would do without it: values that are the defaults of tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use kl::Compiled;
use kl::data::Data;
use kl::source::Span;
use serde_json::{Value, json};

use super::documents::{each_file, line_of_site};
use super::options_of::tables;
use fleet::names::counted;
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
        each_file(compiled, hosts, |host, path, file| {
            for it in defaults(file, tables()) {
                if let Some(at) = line_of_site(compiled, it.origin) {
                    let name = OptionName::new(&it.section, &it.key).to_string();
                    let said = Said { path: path.clone(), name, value: it.value, at };
                    out.0.entry(said).or_default().push(host.to_owned());
                }
            }
        });
        for hosts in out.0.values_mut() {
            hosts.sort();
            hosts.dedup();
        }
        out
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
