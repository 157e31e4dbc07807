//! Makes the service images: one root file system with all packages, thin layers on it, in one store that hosts share.
//!
//! The layers are Containerfiles in stdlib; podman of the host's own root file system builds them, so this machine needs none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::builder::{Access, Builder, Network, podman_options};
use super::cache::{Cache, Site};
use super::definition::ImageSet;
use super::error::LabError;
use super::error::file;
use super::rootfs::{self, Form};
use super::tool;
use super::tool::Progress;
use store::digest::Hasher;

/// Where the store lies in a host; /etc/containers/storage.conf in stdlib names the same.
pub(super) const STORE: &str = "/srv/store";

/// How long a failure that passes is given to do so.
const PAUSE: Duration = Duration::from_secs(1);

/// Returns a store with all images of a set, building what is not there yet.
pub(super) fn store(
    set: &ImageSet,
    host_root: &Path,
    cache: &Cache,
    tell: Progress,
) -> Result<PathBuf, LabError> {
    cache.once("images", &set.digest(), tell, |site, tell| {
        // Parts lie in folders of their own: sets of images share them, and they are no images.
        let parts = |it: &str| Cache::new(site.scratch.with_file_name(it));
        let archive = parts("services").once("root", &set.root.digest(), tell, |site, tell| {
            tell(&format!("installing {} packages for the service images", set.root.packages.len()));
            rootfs::build(&set.root, Form::Archive, site)
        })?;
        let wheels: Vec<&str> = set.images.iter().flat_map(|it| it.wheels.iter().copied()).collect();
        let version = Hasher::new("context").field(&set.about.kolla).field(wheels.join(" ")).finish();
        let context = parts("scripts").once("context", &version, tell, |site, tell| {
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
    tell: Progress,
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
    let mut all = vec![(site.result.as_path(), STORE, Access::Write)];
    all.extend(binds.iter().map(|(from, to)| (*from, *to, Access::Read)));
    let builder = Builder::new(host_root, &all, &site.scratch.join("builder"), Network::None)?;
    let podman = |args: &[&str], tell| {
        let all = [&podman_options(STORE)[..], args].concat();
        tool::run_again(&mut builder.command("podman", &all), PAUSE, tell)
    };
    let rootfs = set.reference("rootfs");
    tell("importing the service images' root file system");
    podman(&["import", "--quiet", "/build/root.tar", &rootfs], tell)?;
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
        podman(&command, tell)?;
    }
    Ok(())
}
