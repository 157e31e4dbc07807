//! A lab: hosts to try a cloud on, all on this machine, thrown away as easily as they are made.
//!
//! Knows hosts and networks, and no service: what root file systems are made of is data in `stdlib/images`. Images are made elsewhere.
//!
//! [`Lab::up`] may be interrupted anywhere and run again: what is whole is kept, what is half is made anew.

mod apt;
mod builder;
mod cache;
mod cgroup;
mod definition;
mod disk;
mod error;
mod host;
mod mounts;
mod needs;
mod network;
mod nspawn;
mod record;
mod rootfs;
mod spec;
mod tool;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use builder::{Access, Builder, Network, debian_archive, debian_archive_digest, lend, podman_options};
pub use definition::release_with;
pub use disk::{PowerLoss, serve_disk};
pub use error::LabError;
pub use needs::check as check_needs;
pub use spec::{LabHost, LabNetwork, LabPort, LabSpec, Share};
pub use tool::Progress;

use cache::Cache;
use error::file;
use host::{Host, Parts};
use network::Networks;
use rootfs::Form;
use spec::load_spec;

/// Where labs keep their things.
#[derive(Debug, Clone)]
pub struct Places {
    /// Holds one folder per lab: what its hosts write.
    pub labs: PathBuf,
    /// Holds root file systems and images, which all labs share.
    pub cache: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { labs: "/var/lib/kolla-lang/lab".into(), cache: "/var/cache/kolla-lang/lab".into() }
    }
}

/// What is known of a host of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostStatus {
    /// Its name.
    pub name: String,
    /// Its first process as this machine numbers it, or none if the host does not run.
    pub pid: Option<i32>,
    /// Its addresses, as described.
    pub addresses: Vec<String>,
}

/// Whether taking a lab down keeps what its hosts wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Its hosts begin where they stopped.
    State,
    /// Its hosts begin anew.
    Nothing,
}

/// A lab, running or not.
#[derive(Debug, Clone)]
pub struct Lab {
    spec: LabSpec,
    dir: PathBuf,
    places: Places,
}

impl Lab {
    /// Returns the lab that is described; it need not have been made.
    pub fn new(spec: LabSpec, places: Places) -> Result<Self, LabError> {
        spec.check()?;
        let dir = spec.dir.clone().unwrap_or_else(|| places.labs.join(&spec.name));
        Ok(Self { spec, dir, places })
    }

    /// Returns a lab that was made before, by its name, or the only one there is.
    pub fn find(name: Option<&str>, places: Places) -> Result<Self, LabError> {
        let known = labs(&places.labs)?;
        let name = match (name, &known[..]) {
            (Some(name), _) if known.iter().any(|it| it == name) => name,
            (None, [only]) => only,
            _ => return Err(LabError::NoLab { name: name.map(str::to_owned), known }),
        };
        let spec = load_spec(&places.labs.join(name).join(SPEC))?;
        Self::new(spec, places)
    }

    /// Returns its description.
    pub fn spec(&self) -> &LabSpec {
        &self.spec
    }

    /// Makes all that is missing and starts all hosts that do not run; `program` is put on their path as `kolla-lang`.
    pub fn up(&self, program: &Path, tell: Progress) -> Result<Vec<HostStatus>, LabError> {
        needs::check()?;
        let _lock = self.lock()?;
        self.remember()?;
        self.start_hosts(&self.hosts().collect::<Vec<_>>(), program, tell)?;
        self.status()
    }

    /// Starts a host of a lab that was made before, unless it runs.
    pub fn start(&self, host: &str, program: &Path, tell: Progress) -> Result<(), LabError> {
        needs::check()?;
        let _lock = self.lock()?;
        self.start_hosts(&[self.host(host)?], program, tell)
    }

    /// Ends all processes of a host at once. What they wrote is there when it starts again.
    pub fn kill(&self, host: &str) -> Result<(), LabError> {
        needs::check_root()?;
        let _lock = self.lock()?;
        self.host(host)?.kill()
    }

    /// Cuts the power of a host. Of what it wrote, all that was synced is there when it starts again; the rest is drawn by the seed.
    pub fn cut_power(&self, host: &str, seed: u64) -> Result<PowerLoss, LabError> {
        needs::check_root()?;
        let _lock = self.lock()?;
        self.host(host)?.cut_power(seed)
    }

    /// Cuts a host off from all others, while it keeps its ports and their carrier.
    pub fn partition(&self, host: &str) -> Result<(), LabError> {
        needs::check_root()?;
        let _lock = self.lock()?;
        self.host(host)?.partition(&Networks::new(&self.spec))
    }

    /// Gives a host that was cut off back to its networks.
    pub fn heal(&self, host: &str) -> Result<(), LabError> {
        needs::check_root()?;
        let _lock = self.lock()?;
        self.host(host)?.heal(&Networks::new(&self.spec))
    }

    fn start_hosts(&self, hosts: &[Host], program: &Path, tell: Progress) -> Result<(), LabError> {
        let cache = Cache::new(self.places.cache.clone());
        let mut roots = BTreeMap::new();
        for release in hosts.iter().map(Host::release).chain([None]) {
            let definition = definition::host(release);
            let root = cache.once("host", &definition.digest(), tell, |site, tell| {
                let (suite, packages) = (&definition.suite, definition.packages.len());
                tell(&format!("installing {packages} packages of {suite} for the hosts"));
                rootfs::build(&definition, Form::Folder, site)
            })?;
            roots.insert(release, root);
        }
        let store = self.spec.images.as_ref();
        if let Some(store) = store.filter(|it| !it.is_dir()) {
            let what = format!("the storage of its images, {}, is not there", store.display());
            return Err(LabError::Spec { what });
        }

        tell(if hosts.len() == 1 { "starting the host" } else { "starting the hosts" });
        let networks = Networks::new(&self.spec);
        networks.create()?;
        for host in hosts {
            let root = roots[&host.release()].clone();
            host.start(&Parts { root, store: store.cloned(), program: program.to_owned() }, &networks)?;
        }
        for host in hosts {
            tell(&format!("waiting for {}", host.name()));
            host.wait()?;
        }
        Ok(())
    }

    /// Becomes a command in a host of the lab, with this process's input and output. It returns only if it cannot.
    pub fn exec(&self, host: &str, command: &[String]) -> LabError {
        match needs::check_root().and_then(|()| self.host(host)) {
            Err(why) => why,
            Ok(host) => host.exec(command),
        }
    }

    /// Copies a file or a folder into a host; a folder's files join those that are there.
    pub fn copy(&self, host: &str, from: &Path, to: &Path) -> Result<(), LabError> {
        needs::check_root()?;
        self.host(host)?.copy(from, to)
    }

    /// Returns what is known of its hosts.
    pub fn status(&self) -> Result<Vec<HostStatus>, LabError> {
        self.hosts()
            .zip(&self.spec.hosts)
            .map(|(host, spec)| {
                Ok(HostStatus {
                    name: spec.name.clone(),
                    pid: host.running()?.and_then(|it| it.init()),
                    addresses: spec.networks.iter().filter_map(|it| Some(it.address?.to_string())).collect(),
                })
            })
            .collect()
    }

    /// Stops the hosts and removes their networks; images and root file systems stay for the next lab.
    pub fn down(&self, keep: Keep, tell: Progress) -> Result<(), LabError> {
        needs::check_root()?;
        let _lock = self.lock()?;
        for (host, spec) in self.hosts().zip(&self.spec.hosts) {
            tell(&format!("stopping {}", spec.name));
            host.stop(keep == Keep::State)?;
        }
        Networks::new(&self.spec).remove()?;
        cgroup::Cgroup::new(&format!("kolla-lang-lab/{}", self.spec.name))?.remove()?;
        if keep == Keep::Nothing {
            tell("removing what the hosts wrote");
            mounts::remove_all(&self.dir)?;
            mounts::remove_all(&self.places.labs.join(&self.spec.name))?;
        }
        Ok(())
    }

    fn hosts(&self) -> impl Iterator<Item = Host<'_>> {
        (0..self.spec.hosts.len()).map(|idx| Host::new(&self.spec, idx, &self.dir))
    }

    fn host(&self, name: &str) -> Result<Host<'_>, LabError> {
        let idx = self.spec.hosts.iter().position(|it| it.name == name).ok_or_else(|| LabError::NoHost {
            host: name.to_owned(),
            known: self.spec.hosts.iter().map(|it| it.name.clone()).collect(),
        })?;
        Ok(Host::new(&self.spec, idx, &self.dir))
    }

    /// Writes the description down, for commands that only name the lab; another one than that of running hosts is refused.
    fn remember(&self) -> Result<(), LabError> {
        let home = self.places.labs.join(&self.spec.name);
        for dir in [&home, &self.dir] {
            fs::create_dir_all(dir).map_err(file("create", dir))?;
        }
        let path = home.join(SPEC);
        if path.exists() {
            let before = Self::new(load_spec(&path)?, self.places.clone())?;
            if before.spec == self.spec {
                return Ok(());
            }
            if before.spec.images != self.spec.images {
                return Err(LabError::Differs {
                    name: self.spec.name.clone(),
                    what: "its hosts were made with other images".to_owned(),
                    remedy: "kolla-lang lab down --purge",
                });
            }
            let runs = before.status()?.into_iter().find(|it| it.pid.is_some());
            if let Some(HostStatus { name, .. }) = runs {
                return Err(LabError::Differs {
                    name: self.spec.name.clone(),
                    what: format!("it is described differently now and host `{name}` runs"),
                    remedy: "kolla-lang lab down",
                });
            }
            // Bridges are numbered in the order of the networks, which may be another one now.
            Networks::new(&before.spec).remove()?;
        }
        let text = serde_json::to_string_pretty(&self.spec).unwrap_or_default();
        let new = path.with_extension("new");
        fs::write(&new, text).map_err(file("write", &new))?;
        fs::rename(&new, &path).map_err(file("rename to", &path))
    }

    fn lock(&self) -> Result<File, LabError> {
        // Not beside the lab, where it would be the last trace of labs long gone.
        let locks = Path::new("/run/kolla-lang/lab");
        fs::create_dir_all(locks).map_err(file("create", locks))?;
        let path = locks.join(format!("{}.lock", self.spec.name));
        let lock = File::create(&path).map_err(file("create", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(LabError::Locked { path }),
            Err(TryLockError::Error(source)) => Err(LabError::File { deed: "lock", path, source }),
        }
    }
}

/// Returns the names of labs whose hosts run on images of a storage, sorted.
pub fn running_on(storage: &Path, places: &Places) -> Result<Vec<String>, LabError> {
    let mut names = Vec::new();
    for name in labs(&places.labs)? {
        let lab = Lab::find(Some(&name), places.clone())?;
        let is_meant = lab.spec.images.as_deref() == Some(storage);
        if is_meant && lab.status()?.iter().any(|it| it.pid.is_some()) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The file that makes a folder a lab.
const SPEC: &str = "spec.json";

/// Returns the names of the labs in a folder, sorted.
fn labs(dir: &Path) -> Result<Vec<String>, LabError> {
    let entries = match fs::read_dir(dir) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(file("list", dir))?,
    };
    let mut names: Vec<_> = entries
        .flatten()
        .filter(|it| it.path().join(SPEC).exists())
        .map(|it| it.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    Ok(names)
}
