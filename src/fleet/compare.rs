//! What differs on one host between two closures, beside what is done about it: files with their keys, secrets, and what else the host is
//! told.
//!
//! Pure. What is done about it is planned by `activate`.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::formats;
use activate::completions;
use activate::diff::{Difference, FileChange, KeyChange, compare_keys, diff};
use activate::document::{Keys, flatten};
use activate::request::Options;
use activate::steps::{Left, Plan, plan};
use activate::words::Line;
use store::manifest::SecretSpec;
use store::{Closure, Manifest};

/// All that differs on one host, but for its units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Files, but for those of units that come or go.
    pub files: Vec<FileChange>,
    /// Kernel settings and modules.
    pub kernel: Vec<KeyChange>,
    /// Secrets.
    pub secrets: Vec<SecretChange>,
    /// What else the host is told: gates, groups, what waits for what.
    pub rest: Vec<KeyChange>,
}

/// A secret that differs. Which value it has is nobody's business.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SecretChange {
    /// Its name.
    pub name: String,
    /// How it differs.
    pub how: SecretHow,
}

/// Says how a secret differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretHow {
    /// The host gets it.
    Added,
    /// The host no longer gets it.
    Removed,
    /// It has another value.
    Changed,
    /// It has the same value, and is encrypted to other readers or described in another way.
    Encrypted,
}

impl SecretHow {
    /// Returns the words that people read.
    pub fn words(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Encrypted => "encrypted anew, its value is the same",
        }
    }
}

/// One host on both sides: what a switch would do, and what differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// What is done with its units.
    pub units: Vec<Line>,
    /// What differs.
    #[serde(flatten)]
    pub change: Change,
}

impl Compared {
    /// Compares two closures of a host. All that the first one describes is taken for done.
    pub fn between(from: &Closure, to: &Closure, options: &Options) -> Self {
        let difference = diff(Some(from), to);
        let completions = completions::of(&to.manifest, &completions::after(&from.manifest));
        let plan = plan(&difference, Some(&from.manifest), &to.manifest, &completions, options);
        let mut compared = Self::of(&plan, &difference, Some(from), to);
        compared.units.extend(formats::refused(&from.manifest, &to.manifest));
        compared
    }

    /// Says what a host gets that has nothing.
    pub fn from_nothing(to: &Closure, options: &Options) -> Self {
        let difference = diff(None, to);
        let plan = plan(&difference, None, &to.manifest, &completions::Completions::new(), options);
        Self { units: plan.lines(), change: Change::default() }
    }

    /// Puts together what was planned and what differs.
    pub fn of(plan: &Plan, difference: &Difference, from: Option<&Closure>, to: &Closure) -> Self {
        let is_same = from.is_some_and(|from| from.digest() == to.digest());
        if is_same && difference.is_empty() && plan.touches_nothing() {
            return Self { units: Vec::new(), change: Change::default() };
        }
        let mut compared = Self { units: plan.lines(), change: Change::of(difference, &plan.left, from, to) };
        if let Some(from) = from
            && compared.is_empty()
            && !is_same
        {
            // What is compared above is what somebody may want to know; the manifest and its digest are the last word.
            compared.change.rest = compare_keys(&all_keys(&from.manifest), &all_keys(&to.manifest));
            if compared.is_empty() {
                let digest = |closure: &Closure| Some(closure.digest().short().to_owned());
                let (old, new) = (digest(from), digest(to));
                compared.change.rest.push(KeyChange { key: "digest".to_owned(), old, new, several: None });
            }
        }
        compared
    }

    /// Says whether nothing differs and nothing is done.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty() && self.change.is_empty()
    }
}

impl Change {
    /// Returns what differs between two closures of a host, for somebody who knows already which units come and go.
    pub fn of(difference: &Difference, left: &[Left], from: Option<&Closure>, to: &Closure) -> Self {
        let nothing = Closure::new(to.manifest.emptied());
        let from = from.unwrap_or(&nothing);
        let is_both =
            |unit: &str| from.manifest.units.contains_key(unit) && to.manifest.units.contains_key(unit);
        // What a task reads that was done before matters to nobody.
        let is_done = |unit: &str| left.iter().any(|it| it.unit == unit && it.word() == "done");
        let is_news =
            |file: &&FileChange| file.unit.as_deref().is_none_or(|unit| is_both(unit) && !is_done(unit));
        Self {
            files: difference.files.iter().filter(is_news).cloned().collect(),
            kernel: difference.kernel.clone(),
            secrets: secrets(from, to),
            rest: rest(&from.manifest, &to.manifest),
        }
    }

    /// Says whether nothing differs.
    pub fn is_empty(&self) -> bool {
        let Self { files, kernel, secrets, rest } = self;
        files.is_empty() && kernel.is_empty() && secrets.is_empty() && rest.is_empty()
    }
}

fn secrets(from: &Closure, to: &Closure) -> Vec<SecretChange> {
    let names: BTreeSet<&String> = from.manifest.secrets.keys().chain(to.manifest.secrets.keys()).collect();
    let change = |name: &String| {
        let how = match (from.manifest.secrets.get(name), to.manifest.secrets.get(name)) {
            (None, Some(_)) => SecretHow::Added,
            (Some(_), None) => SecretHow::Removed,
            (Some(old), Some(new)) if !is_same_making(old, new) => SecretHow::Changed,
            (old, new) if old != new => SecretHow::Encrypted,
            _ => {
                let path = store::closure::secret_path(name);
                let bytes = |side: &Closure| side.files.get(&path).map(|it| it.bytes.clone());
                (bytes(from) != bytes(to)).then_some(SecretHow::Encrypted)?
            }
        };
        Some(SecretChange { name: name.clone(), how })
    };
    names.into_iter().filter_map(change).collect()
}

fn is_same_making(old: &SecretSpec, new: &SecretSpec) -> bool {
    (old.version, &old.id, &old.public) == (new.version, &new.id, &new.public)
}

/// What of a manifest is told elsewhere, key by key or unit by unit.
const TOLD: [&str; 11] = [
    "digests",
    "files",
    "folders",
    "images",
    "modules",
    "network",
    "prechecks",
    "secrets",
    "sysctls",
    "uses",
    "volumes",
];

/// Compares what else manifests say. Of what comes or goes with a unit nothing is said.
fn rest(from: &Manifest, to: &Manifest) -> Vec<KeyChange> {
    let both: BTreeSet<&String> = from.units.keys().filter(|name| to.units.contains_key(*name)).collect();
    let keys = |manifest: &Manifest| {
        let mut value = value_of(manifest);
        trim(&mut value, &both);
        flatten(&value)
    };
    compare_keys(&keys(from), &keys(to))
}

fn all_keys(manifest: &Manifest) -> Keys {
    let mut value = value_of(manifest);
    join_texts(&mut value);
    flatten(&value)
}

fn value_of(manifest: &Manifest) -> Value {
    // Writing plain structs into memory cannot fail.
    serde_json::to_value(manifest).unwrap_or_default()
}

fn trim(manifest: &mut Value, both: &BTreeSet<&String>) {
    let Some(top) = manifest.as_object_mut() else { return };
    let is_both = |unit: Option<&Value>| {
        unit.and_then(Value::as_str).is_some_and(|unit| both.iter().any(|it| *it == unit))
    };
    if let Some(Value::Object(units)) = top.get_mut("units") {
        units.retain(|name, _| both.contains(name));
        units.values_mut().filter_map(Value::as_object_mut).for_each(|unit| {
            TOLD.iter().for_each(|key| drop(unit.remove(*key)));
            unit.remove("image");
        });
    }
    if let Some(Value::Object(tasks)) = top.get_mut("tasks") {
        tasks.retain(|_, task| is_both(task.get("unit")));
    }
    // Steps by their unit: that others come before them says nothing.
    if let Some(Value::Array(steps)) = top.remove("order") {
        let steps = steps.into_iter().filter(|step| is_both(step.get("unit")));
        let named = steps.filter_map(|mut step| {
            let it = step.as_object_mut()?;
            let Value::String(unit) = it.remove("unit")? else { return None };
            if let Some(Value::Array(after)) = it.get_mut("after") {
                after.retain(|unit| is_both(Some(unit)));
            }
            Some((unit, step))
        });
        let named = named.collect();
        top.insert("order".to_owned(), Value::Object(named));
    }
    TOLD.iter().for_each(|key| drop(top.remove(*key)));
    join_texts(manifest);
}

/// Makes each list of texts one text: names and words of a command are read as a whole.
fn join_texts(value: &mut Value) {
    match value {
        Value::Array(all) if all.iter().all(Value::is_string) => {
            *value = all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ").into();
        }
        Value::Array(all) => all.iter_mut().for_each(join_texts),
        Value::Object(map) => map.values_mut().for_each(join_texts),
        _ => {}
    }
}
