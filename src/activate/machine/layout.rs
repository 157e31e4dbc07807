//! Where everything lies on a host. All paths are below one root, so that tests use a folder and hosts use `/`.
//!
//! Reads and writes nothing.

use std::path::{Path, PathBuf};

use store::Digest;
use store::closure::folder_path;
use store::manifest::Folder;

/// The paths of a host.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Places everything below a root: `/` on a host, another folder in tests.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns where an absolute path of the host lies.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Returns the absolute path on the host of a path below the root.
    pub fn name(&self, path: &Path) -> String {
        let within = path.strip_prefix(&self.root).unwrap_or(path);
        Path::new("/").join(within).display().to_string()
    }

    /// Returns the root itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of generations, links and engines, on the root file system.
    pub fn etc(&self) -> PathBuf {
        self.at("/etc/kolla-lang")
    }

    /// Returns the folder of all generations.
    pub fn generations(&self) -> PathBuf {
        self.at("/etc/kolla-lang/generations")
    }

    /// Returns the folder of one generation.
    pub fn generation(&self, number: u64) -> PathBuf {
        self.generations().join(number.to_string())
    }

    /// Returns the link to the committed generation.
    pub fn boot(&self) -> PathBuf {
        self.at("/etc/kolla-lang/boot")
    }

    /// Says whether a link of ours leads there, of whichever generation.
    pub fn is_our_target(&self, target: &Path) -> bool {
        target.starts_with(self.boot()) || target.starts_with(self.run())
    }

    /// Returns where the link leads that we have put at a path, whichever generation wanted it.
    pub fn our_link(&self, path: &str) -> Option<PathBuf> {
        std::fs::read_link(self.at(path)).ok().filter(|target| self.is_our_target(target))
    }

    /// Returns the program that made a generation, by its digest.
    pub fn engine(&self, digest: &Digest) -> PathBuf {
        self.at("/etc/kolla-lang/engine").join(digest.as_str())
    }

    /// Returns the systemd generator.
    pub fn generator(&self) -> PathBuf {
        self.at("/etc/systemd/system-generators/kolla-lang")
    }

    /// Returns the folder that dies with the power.
    pub fn run(&self) -> PathBuf {
        self.at("/run/kolla-lang")
    }

    /// Returns the link to the generation on trial.
    pub fn trial(&self) -> PathBuf {
        self.at("/run/kolla-lang/trial")
    }

    /// Returns the lock that a switch holds.
    pub fn lock(&self) -> PathBuf {
        self.at("/run/kolla-lang/lock")
    }

    /// Returns the lock of whoever mounts memory.
    pub fn memory_lock(&self) -> PathBuf {
        self.at("/run/kolla-lang/memory.lock")
    }

    /// Returns the folder of logins of registries, each there for as long as an image is pulled.
    pub fn logins(&self) -> PathBuf {
        self.run().join("logins")
    }

    /// Returns where a rendered folder lies.
    pub fn folder(&self, folder: &Folder) -> PathBuf {
        self.at(&folder_path(&folder.delivery, &folder.digest))
    }

    /// Returns the link that units set to the folder they last started with.
    pub fn last_started(&self, name: &str) -> PathBuf {
        self.at("/run/kolla-lang/etc").join(name)
    }

    /// Returns the path that scripts of Kolla's images know for a service's configuration.
    pub fn kolla_config(&self, name: &str) -> PathBuf {
        self.at("/etc/kolla").join(name)
    }

    /// Returns the files of the private keys that open this host's secrets: those that its SSH server made for itself.
    pub fn host_keys(&self) -> Vec<PathBuf> {
        ["ssh_host_ed25519_key", "ssh_host_rsa_key"].map(|it| self.at("/etc/ssh").join(it)).into()
    }

    /// Returns the record of the operators whose signatures count.
    pub fn operators(&self) -> PathBuf {
        self.at("/var/lib/kolla-lang/operators.json")
    }

    /// Returns the folder of completion records of finished tasks.
    pub fn done(&self) -> PathBuf {
        self.at("/var/lib/kolla-lang/done")
    }

    /// Returns the folder of records of formats, one for each volume.
    pub fn formats(&self) -> PathBuf {
        self.at("/var/lib/kolla-lang/formats")
    }

    /// Returns the folder of journals of switches.
    pub fn journals(&self) -> PathBuf {
        self.at("/var/lib/kolla-lang/journal")
    }

    /// Returns the journal of a switch that did not end yet.
    pub fn journal(&self) -> PathBuf {
        self.journals().join("open.journal")
    }

    /// Returns the journal of a switch that ended.
    pub fn closed_journal(&self, tx: &str) -> PathBuf {
        self.journals().join(format!("{tx}.journal"))
    }

    /// Returns the file whose text, the name of a switch, confirms that switch.
    pub fn confirmation(&self) -> PathBuf {
        self.run().join("confirm")
    }

    /// Returns the folder of releases: files by the names of units that waited for other hosts.
    pub fn releases(&self) -> PathBuf {
        self.run().join("tasks")
    }

    /// Returns the file whose text, the name of a switch, lets a unit begin in that switch.
    pub fn release(&self, unit: &str) -> PathBuf {
        self.releases().join(unit)
    }

    /// Returns the record of the rollout that this host is part of.
    pub fn rollout(&self) -> PathBuf {
        self.at("/var/lib/kolla-lang/rollout")
    }

    /// Returns the host's store.
    pub fn store(&self) -> PathBuf {
        self.at("/var/lib/kolla-lang/store")
    }

    /// Returns where the kernel names this boot.
    pub fn boot_id(&self) -> PathBuf {
        self.at("/proc/sys/kernel/random/boot_id")
    }

    /// Returns the folder of what was adopted: records, and copies of files.
    pub fn adopted(&self) -> PathBuf {
        self.at("/var/lib/kolla-lang/adopted")
    }

    /// Returns the folder of pins.
    pub fn pins(&self) -> PathBuf {
        self.at("/var/lib/kolla-lang/pins")
    }

    /// Returns the file that tells all switches, one a line, only added to.
    pub fn history(&self) -> PathBuf {
        self.at("/var/lib/kolla-lang/history.jsonl")
    }

    /// Returns where the kernel keeps a setting.
    pub fn sysctl(&self, key: &str) -> PathBuf {
        // As sysctl(8): dots part, slashes stand for dots in names, as of network interfaces.
        let path: String = key
            .chars()
            .map(|it| {
                if it == '.' {
                    '/'
                } else if it == '/' {
                    '.'
                } else {
                    it
                }
            })
            .collect();
        self.at("/proc/sys").join(path)
    }
}
