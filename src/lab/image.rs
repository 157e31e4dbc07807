//! Makes the service images: one root file system with all packages, thin layers on it, in one store that hosts share.
//!
//! The layers are Containerfiles in stdlib; podman of the host's own root file system builds them, so this machine needs none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::cache::{Cache, Site};
use super::cgroup::Cgroup;
use super::definition::ImageSet;
use super::error::file;
use super::mounts::Overlay;
use super::rootfs::{self, Form};
use super::{LabError, Tell, nspawn, tool};
use crate::store::digest::Hasher;

/// Where the store lies in a host; /etc/containers/storage.conf in stdlib names the same.
pub(super) const STORE: &str = "/srv/store";

/// How long a failure that passes is given to do so.
const PAUSE: Duration = Duration::from_secs(1);

/// Returns a store with all images of a set, building what is not there yet.
pub(super) fn store(
    set: &ImageSet,
    host_root: &Path,
    cache: &Cache,
    tell: Tell,
) -> Result<PathBuf, LabError> {
    cache.once("images", &set.digest(), |site| {
        // The cache is locked by this build, so the parts have caches of their own within it.
        let parts = |it: &str| Cache::new(site.scratch.with_file_name(it));
        let archive = parts("services").once("root", &set.root.digest(), |site| {
            tell(&format!("installing {} packages for the service images", set.root.packages.len()));
            rootfs::build(&set.root, Form::Archive, site)
        })?;
        let wheels: Vec<&str> = set.images.iter().flat_map(|it| it.wheels.iter().copied()).collect();
        let version = Hasher::new("context").field(&set.about.kolla).field(wheels.join(" ")).finish();
        let context = parts("scripts").once("context", &version, |site| {
            tell(&format!("fetching Kolla's scripts {} and {}", set.about.kolla, wheels.join(", ")));
            fetch_context(&set.about.kolla, &wheels, site)
        })?;
        build(set, host_root, &archive, &context, site, tell)
    })
}

/// Fetches the `kolla` package and keeps its `docker` folder, which is what images are built from; beside it, each below `wheels/` under
/// its own name, other packages as they are installed.
fn fetch_context(kolla: &str, wheels: &[&str], site: &Site) -> Result<(), LabError> {
    let package = fetch(&format!("kolla=={kolla}"), site)?;
    let docker = package.join(format!("kolla-{kolla}.data/data/share/kolla/docker"));
    fs::rename(&docker, &site.result).map_err(file("take Kolla's scripts from", &docker))?;
    let below = site.result.join("wheels");
    fs::create_dir(&below).map_err(file("create", &below))?;
    for wheel in wheels {
        let name = wheel.split("==").next().unwrap_or(wheel);
        let package = fetch(wheel, site)?;
        fs::rename(&package, below.join(name)).map_err(file("take a package from", &package))?;
    }
    Ok(())
}

/// Fetches a package of the Python index without what it needs, and unpacks it; returns where.
fn fetch(wheel: &str, site: &Site) -> Result<PathBuf, LabError> {
    let (archives, package) = (site.scratch.join(wheel), site.scratch.join(format!("{wheel}.package")));
    let mut pip = tool::tied("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--only-binary=:all:", "--dest"]).arg(&archives).arg(wheel);
    tool::run(&mut pip)?;
    let entries = fs::read_dir(&archives).map_err(file("list", &archives))?;
    for archive in entries.flatten() {
        tool::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(archive.path()).arg(&package))?;
    }
    Ok(package)
}

/// Builds the images one after the other into the store at `site.result`.
fn build(
    set: &ImageSet,
    host_root: &Path,
    archive: &Path,
    context: &Path,
    site: &Site,
    tell: Tell,
) -> Result<(), LabError> {
    let layers = site.scratch.join("layers");
    for dir in [&layers, &site.result] {
        fs::create_dir(dir).map_err(file("create", dir))?;
    }
    for image in &set.images {
        let path = layers.join(image.folder);
        fs::write(&path, image.containerfile).map_err(file("write", &path))?;
    }
    let binds = [(archive, "/build/root.tar"), (context, "/build/context"), (&layers, "/build/layers")];
    let builder = Builder::new(host_root, &binds, site)?;
    let rootfs = set.reference("rootfs");
    tell("importing the service images' root file system");
    builder.podman(&["import", "--quiet", "/build/root.tar", &rootfs], tell)?;
    for (idx, image) in set.images.iter().enumerate() {
        let reference = set.reference(image.folder);
        tell(&format!("building {reference} ({} of {})", idx + 1, set.images.len()));
        let layer = format!("/build/layers/{}", image.folder);
        let args = [
            ("ROOTFS", rootfs.as_str()),
            ("ARCH", std::env::consts::ARCH),
            ("KOLLA_VERSION", &set.about.kolla),
            ("REGISTRY", &set.about.registry),
            ("TAG", &set.about.tag),
        ];
        let args: Vec<_> = args.iter().map(|(name, value)| format!("--build-arg={name}={value}")).collect();
        // Chroot isolation needs no cgroups and no network, and makes a container in a second.
        let mut command = vec!["build", "--quiet", "--isolation=chroot", "--network=host", "--pull=never"];
        command.extend(["--layers=false", "--file", &layer, "--tag", &reference]);
        command.extend(args.iter().map(String::as_str));
        command.push("/build/context");
        builder.podman(&command, tell)?;
    }
    Ok(())
}

/// A host's root file system that is not booted: it lends its podman.
struct Builder {
    overlay: Overlay,
    binds: Vec<String>,
    group: Cgroup,
}

impl Builder {
    fn new(host_root: &Path, binds: &[(&Path, &str)], site: &Site) -> Result<Self, LabError> {
        let dir = site.scratch.join("builder");
        let overlay = Overlay::new(host_root, &dir, &dir);
        overlay.mount()?;
        let group = Cgroup::new(&format!("kolla-lang-lab-build-{}", std::process::id()))?;
        group.create()?;
        nspawn::write_containers_conf(&overlay.root, group.has("pids")?)?;
        let mut all = vec![nspawn::bind("--bind", &site.result, Path::new(STORE))];
        all.extend(binds.iter().map(|(from, to)| nspawn::bind("--bind-ro", from, Path::new(to))));
        Ok(Self { overlay, binds: all, group })
    }

    /// Runs podman on the store that is being made.
    fn podman(&self, args: &[&str], tell: Tell) -> Result<String, LabError> {
        let mut command = tool::tied("sh");
        nspawn::join(&mut command, &self.group);
        command.arg("systemd-nspawn").args(nspawn::arguments(&self.overlay.root)).args(&self.binds);
        command.args(["--private-network", "--pipe", "podman", "--root", STORE, "--runroot", "/tmp/podman"]);
        command.args(["--storage-driver=overlay", "--events-backend=none"]).args(args);
        tool::run_again(&mut command, PAUSE, tell)
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        // What stays after a failure is cleared before the next build begins; the failure itself matters more.
        let _ = self.group.remove();
        let _ = self.overlay.unmount();
    }
}
