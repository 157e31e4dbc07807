//! What `build` takes over from the build before. A host of which all texts are those of then is not even evaluated; of another one that
//! has the value it had, nothing is rendered and hashed.
//!
//! What hosts share is evaluated and checked each time. A host of which anything was reported is never taken over, for a report has to be
//! given again; and where anything is reported, nothing is left out of evaluation.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use kl::data::Data;
use kl::value::outcome::PartTrace;
use kl::value::texts::PartTexts;
use serde::{Deserialize, Serialize};

use super::evaluated::{Evaluated, InFleet};
use super::needs::Needs;
use images::lock::ImagesLock;
use model::Cloud;
use render::inputs::Inputs;
use store::cache::Cached;
use store::digest::Hasher;
use store::manifest::{Unit, UnitKind};
use store::{BuildRecord, Closure, Digest, Store, StoreError, build::for_each_host, files};

/// What is told of a closure that was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outline {
    /// Its units by name.
    pub units: BTreeMap<String, OutlinedUnit>,
    /// How many files it has.
    pub n_files: usize,
}

/// What is told of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutlinedUnit {
    /// What it is.
    pub kind: UnitKind,
    /// The image that it runs.
    pub image: Option<String>,
}

impl Outline {
    /// Takes it from a closure.
    pub fn of(closure: &Closure) -> Self {
        let units = closure.manifest.units.iter();
        let unit = |(name, unit): (&String, &Unit)| {
            (name.clone(), OutlinedUnit { kind: unit.kind, image: unit.image.clone() })
        };
        Self { units: units.map(unit).collect(), n_files: closure.files.len() }
    }
}

/// What is kept of a closure beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The name of its cloud.
    pub cloud: String,
    /// What is told of it.
    pub outline: Outline,
    /// What it needs of the whole cloud.
    pub needs: Needs,
    /// What it says to what is asked of all hosts together.
    pub in_fleet: InFleet,
    /// What it was evaluated from, unless that cannot be told of it alone.
    pub evaluated: Option<Evaluated>,
}

/// A host's closure, or where it lies.
#[derive(Debug)]
pub enum Kept {
    /// It was rendered, from these inputs if nothing was reported of it.
    Rendered(Box<Closure>, Option<Digest>),
    /// It is in the store since the build before.
    Reused(Box<Reused>),
}

/// A closure that is in the store.
#[derive(Debug)]
pub struct Reused {
    closure: Digest,
    inputs: Digest,
    lengths: Vec<u64>,
    /// Whether what is kept of it is what is known of it.
    is_kept: bool,
}

/// What is known of a host that need not be evaluated.
pub struct Unchanged {
    /// What evaluating it would find.
    pub trace: PartTrace,
    /// What it became.
    pub host: BuiltHost,
}

/// A host that was made.
#[derive(Debug)]
pub struct BuiltHost {
    /// Its closure.
    pub kept: Kept,
    /// What is told of it.
    pub facts: Facts,
    /// Whether it was evaluated, and not only known to be as before.
    pub is_evaluated: bool,
}

impl BuiltHost {
    /// Returns its closure, if it was rendered.
    pub fn rendered(&self) -> Option<&Closure> {
        match &self.kept {
            Kept::Rendered(closure, _) => Some(closure),
            Kept::Reused(_) => None,
        }
    }
}

/// The store of a build, with what may be taken over from it.
#[derive(Debug)]
pub struct Reuse<'a> {
    /// Where the store lies, if there is a place for one.
    root: Option<PathBuf>,
    /// Opened before anything is known of the description only if it is there, and has a cache: a build that fails touches nothing.
    store: Option<Store>,
    /// This program. Nothing if it cannot be read: then nothing is taken over.
    program: Option<Digest>,
    lock: &'a ImagesLock,
    inputs: OnceLock<Option<Inputs>>,
}

impl<'a> Reuse<'a> {
    /// Looks for what may be taken over from a store by a program of this digest.
    pub fn new(root: Option<PathBuf>, program: Option<Digest>, lock: &'a ImagesLock) -> Self {
        // What is wrong with the store is said when it is written.
        let store = root.as_ref().filter(|it| Store::has_cache(it)).and_then(|it| Store::open(it).ok());
        Self { root, store, program, lock, inputs: OnceLock::new() }
    }

    /// Returns the digest of all that a host depends on, if nothing of it failed.
    pub fn inputs(
        &self,
        root: &[(Arc<str>, Data)],
        cloud: &Cloud,
        host: &str,
        data: &Data,
    ) -> Option<Digest> {
        self.shared(root, cloud)?.of_host(host, data)
    }

    /// Returns a host that was built from these inputs before.
    pub fn recall(&self, cloud: &str, host: &str, inputs: &Digest) -> Option<BuiltHost> {
        Some(built(self.store.as_ref()?.recall(cloud, host, inputs)?, true))
    }

    /// Returns the hosts that were evaluated from these texts before and became what they would become now.
    pub fn unchanged(
        &self,
        root: &[(Arc<str>, Data)],
        cloud: &Cloud,
        hosts: &[Arc<str>],
        texts: &PartTexts,
        jobs: usize,
    ) -> BTreeMap<Arc<str>, Unchanged> {
        let (Some(store), Some(inputs)) = (&self.store, self.shared(root, cloud)) else {
            return BTreeMap::new();
        };
        let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let recall = |host: &str| {
            let mut trace = None;
            let found = store.recall_if(&cloud.name.value, host, |it: &Cached<Facts>| {
                let evaluated = it.facts.evaluated.as_ref();
                trace = evaluated.and_then(|it| it.recall(inputs.shared(), texts, host));
                trace.is_some()
            });
            let found = found.and_then(|it| Some(Unchanged { trace: trace?, host: built(it, false) }));
            Ok::<_, Infallible>(found)
        };
        let found = for_each_host(&names, NonZero::new(jobs), recall).unwrap_or_default();
        found.into_iter().filter_map(|(name, it)| Some((name.into(), it?))).collect()
    }

    /// Keeps with hosts what they were evaluated from. Nothing was reported of any.
    pub fn note_evaluated(
        &self,
        root: &[(Arc<str>, Data)],
        cloud: &Cloud,
        texts: &PartTexts,
        traces: &BTreeMap<Arc<str>, PartTrace>,
        hosts: &mut BTreeMap<String, BuiltHost>,
    ) {
        let Some(inputs) = self.shared(root, cloud) else { return };
        for (name, trace) in traces {
            let Some(BuiltHost { kept, facts, .. }) = hosts.get_mut(&**name) else { continue };
            let evaluated = Some(Evaluated::new(inputs.shared(), texts, name, trace));
            if let Kept::Reused(reused) = kept {
                reused.is_kept &= facts.evaluated == evaluated;
            }
            facts.evaluated = evaluated;
        }
    }

    fn shared(&self, root: &[(Arc<str>, Data)], cloud: &Cloud) -> Option<&Inputs> {
        let shared = || Inputs::new(self.program.as_ref()?, &digest_of(self.lock), root, cloud);
        self.inputs.get_or_init(shared).as_ref()
    }

    /// Writes what was rendered into the store, then the record of the build, then what hosts were built from.
    pub fn write(
        &mut self,
        hosts: &BTreeMap<String, BuiltHost>,
        jobs: Option<NonZero<usize>>,
    ) -> Result<Written, StoreError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => Store::open(self.root.as_ref().ok_or(StoreError::NoHome)?)?,
        };
        let store: &Store = self.store.insert(store);
        let names: Vec<String> = hosts.keys().cloned().collect();
        let entry = |name: &str, inputs: &Digest, closure: &Digest, lengths| {
            let facts = hosts[name].facts.clone();
            let (cloud, host) = (facts.cloud.clone(), name.to_owned());
            Cached { cloud, host, inputs: inputs.clone(), closure: closure.clone(), lengths, facts }
        };
        let added = for_each_host(&names, jobs, |name| match &hosts[name].kept {
            Kept::Reused(reused) => {
                let Reused { closure, inputs, lengths, is_kept } = &**reused;
                let entry = (!is_kept).then(|| entry(name, inputs, closure, lengths.clone()));
                Ok((closure.clone(), entry))
            }
            Kept::Rendered(closure, inputs) => {
                let (digest, lengths) = store.add_measured(closure)?;
                let entry = inputs.as_ref().map(|inputs| entry(name, inputs, &digest, lengths));
                Ok::<_, StoreError>((digest, entry))
            }
        })?;
        let digests = added.iter().map(|(name, (digest, _))| (name.clone(), digest.clone())).collect();
        let cloud = hosts.values().next().map_or("", |it| it.facts.cloud.as_str());
        let record = BuildRecord::new(cloud, digests);
        let path = store.finish(&record)?;
        // What is remembered is on disk by now.
        for_each_host(&names, jobs, |name| added[name].1.iter().try_for_each(|entry| store.remember(entry)))?;
        Ok(Written { path, digests: record.hosts })
    }

    /// The store, once it was opened.
    pub fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }
}

/// What was written into a store.
#[derive(Debug)]
pub struct Written {
    /// The record of the build.
    pub path: PathBuf,
    /// The closures by host.
    pub digests: BTreeMap<String, Digest>,
}

/// Digests the program that runs: what it makes of a description depends on all of it, its library included.
pub fn program() -> Option<Digest> {
    files::digest(Path::new("/proc/self/exe")).ok()
}

fn built(entry: Cached<Facts>, is_evaluated: bool) -> BuiltHost {
    let Cached { cloud: _, host: _, inputs, closure, lengths, facts } = entry;
    let reused = Reused { closure, inputs, lengths, is_kept: true };
    BuiltHost { kept: Kept::Reused(Box::new(reused)), facts, is_evaluated }
}

fn digest_of(lock: &ImagesLock) -> Digest {
    let mut hasher = Hasher::new("images");
    for (image, pinned) in &lock.0 {
        hasher.field(image).field(pinned.to_string());
    }
    hasher.finish()
}
