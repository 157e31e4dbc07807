//! podman with a storage of its own, lent by the lab: what it is asked, and where what it says is kept.
//!
//! Decides nothing about images.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use super::ImageError;
use super::error::file;
use super::settings::{self, LENT};
use lab::{Access, Builder, Places, Progress};

/// Where the folder of image sets is seen by podman.
const SEEN: &str = "/srv/images";
/// Names what an image was made of.
const LABEL: &str = "lang.kolla.digest";
/// Where podman sees the logins of this machine, which are nowhere else.
const LOGINS: &str = "/srv/logins.json";
/// What systemd-nspawn says at its end where it is given no root file system of its own to remove.
const NOISE: &str = "Attempted to remove disk file system";
/// How many lines an error repeats of what podman said.
const TAIL: usize = 15;
/// What a busy machine makes it say although nothing is wrong: crun could not seal its copy of itself, for one.
const PASSING: &str = "Device or resource busy";
/// How often a build is begun at most where it fails for that.
const RUNS: u32 = 3;
/// How long such a failure is given to pass.
const PAUSE: Duration = Duration::from_secs(1);

/// podman, for as long as nobody else builds.
pub(crate) struct Engine {
    builder: Builder,
    home: PathBuf,
    has_logins: bool,
}

/// An image that podman has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its number there.
    pub id: String,
    /// Its names.
    pub names: Vec<String>,
    /// How many bytes it has.
    pub n_bytes: u64,
    /// When it was made, in seconds of Unix.
    pub created: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    names: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    created: i64,
}

impl Engine {
    /// Lends podman with the storage below `home`, and clears what a build left there that did not come to its end.
    pub fn new(
        home: &Path,
        places: &Places,
        logins: Option<&Path>,
        tell: Progress,
    ) -> Result<Self, ImageError> {
        for name in ["store", "work", "logs", "kept", "lent/pip"] {
            let dir = home.join(name);
            fs::create_dir_all(&dir).map_err(file("create", &dir))?;
        }
        // Its files belong to the users of images, with all that their modes allow.
        fs::set_permissions(home, fs::Permissions::from_mode(0o700))
            .map_err(file("change the mode of", home))?;
        settings::write(&home.join("lent"))?;
        let mut binds = vec![(home, SEEN, Access::Write)];
        binds.extend(logins.map(|it| (it, LOGINS, Access::Read)));
        let builder = lab::lend(&places.cache, &binds, &home.join("builder"), tell)?;
        let engine = Self { builder, home: home.to_owned(), has_logins: logins.is_some() };
        let podman = engine.podman();
        let clear = format!("{podman} ps --all --external --quiet | xargs -r {podman} rm --force");
        engine.shell(&clear, "clear")?;
        let work = home.join("work");
        fs::remove_dir_all(&work).map_err(file("remove", &work))?;
        fs::create_dir(&work).map_err(file("create", &work))?;
        Ok(engine)
    }

    /// Returns how podman is called.
    fn podman(&self) -> String {
        format!("podman {}", lab::podman_options(&format!("{SEEN}/store")).join(" "))
    }

    /// Returns the images that have a digest of what they were made of.
    pub fn images(&self) -> Result<BTreeMap<String, Stored>, ImageError> {
        let text = self.shell(&format!("{} images --all --format json", self.podman()), "list")?;
        let listed: Vec<Listed> = serde_json::from_str(text.trim()).map_err(|why| ImageError::Podman {
            what: "images --format json".to_owned(),
            said: why.to_string(),
            log: self.log("list"),
        })?;
        let labelled = |it: Listed| {
            let digest = it.labels?.remove(LABEL)?;
            let names = it.names.unwrap_or_default();
            Some((digest, Stored { id: it.id, names, n_bytes: it.size, created: it.created }))
        };
        Ok(listed.into_iter().filter_map(labelled).collect())
    }

    /// Gives an image a name.
    pub fn tag(&self, id: &str, name: &str) -> Result<(), ImageError> {
        self.shell(&format!("{} tag {id} {name}", self.podman()), "tag").map(drop)
    }

    /// Makes an image of an archive of a file system in `work`.
    pub fn import(&self, archive: &str, digest: &str) -> Result<String, ImageError> {
        let change = format!("--change 'LABEL {LABEL}={digest}'");
        let text = self
            .shell(&format!("{} import --quiet {change} {SEEN}/work/{archive}", self.podman()), "import")?;
        self.settle()?;
        Ok(text.trim().trim_start_matches("sha256:").to_owned())
    }

    /// Builds an image from the folder of its name in `work`, with a label of what it is made of; returns its number. Nothing of what it
    /// is lent stays in it.
    pub fn build(&self, name: &str, digest: &str) -> Result<String, ImageError> {
        let words = [
            self.podman(),
            // Chroot isolation needs no cgroups and makes a container in no time.
            "build --isolation=chroot --network=host --pull=never --layers=false".to_owned(),
            format!("--volume {SEEN}/lent:{LENT}"),
            format!("--volume {SEEN}/lent/pip.conf:/etc/pip.conf:ro"),
            format!("--volume {SEEN}/lent/apt.conf:/etc/apt/apt.conf.d/99kolla-lang-build:ro"),
            format!("--label {LABEL}={digest}"),
            // Its steps are for the log, whichever output it takes for them.
            format!("--iidfile {SEEN}/work/id {SEEN}/work/{name} 1>&2"),
        ];
        for run in 1..=RUNS {
            match self.shell(&words.join(" "), name) {
                Err(ImageError::Podman { said, .. }) if run < RUNS && said.contains(PASSING) => {
                    thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
                Ok(_) => break,
            }
        }
        self.settle()?;
        let path = self.home.join("work/id");
        let id = fs::read_to_string(&path).map_err(file("read", &path))?;
        Ok(id.trim().trim_start_matches("sha256:").to_owned())
    }

    /// Removes an image.
    pub fn remove(&self, id: &str) -> Result<(), ImageError> {
        self.shell(&format!("{} rmi --force {id}", self.podman()), "remove").map(drop)
    }

    /// Writes an image as an archive to a file of this machine.
    pub fn export(&self, name: &str, to: &Path) -> Result<(), ImageError> {
        let made = self.home.join("work/export.tar");
        let save = format!(
            "{} save --quiet --format oci-archive --output {SEEN}/work/export.tar {name}",
            self.podman()
        );
        self.shell(&save, "export")?;
        // Another file system is likely; a half one is never under the name that was asked for.
        let new = to.with_extension("partial");
        fs::copy(&made, &new).map_err(file("write", &new))?;
        fs::rename(&new, to).map_err(file("rename to", to))?;
        fs::remove_file(&made).map_err(file("remove", &made))
    }

    /// Pushes an image to a registry, within so many seconds.
    pub fn push(&self, id: &str, to: &str, plain_http: bool, limit: u64) -> Result<(), ImageError> {
        let podman = self.podman();
        let mut words =
            vec![format!("SSL_CERT_FILE={SEEN}/lent/trusted.crt timeout {limit} {podman} push --quiet")];
        if self.has_logins {
            words.push(format!("--authfile {LOGINS}"));
        }
        if plain_http {
            words.push("--tls-verify=false".to_owned());
        }
        words.push(format!("{id} docker://{to}"));
        // What `timeout` ends with; podman has no limit of its own.
        words.push(format!(
            "|| {{ [ $? != 124 ] || echo 'the registry did not take it within {limit} s' >&2; exit 1; }}"
        ));
        self.shell(&words.join(" "), "push").map(drop)
    }

    /// Returns files of an image.
    pub fn read(&self, id: &str, script: &str) -> Result<String, ImageError> {
        let mount = format!("cd \"$({} image mount {id})\" && {script}", self.podman());
        self.shell(&mount, "read")
    }

    /// Writes all that podman made to the disk.
    fn settle(&self) -> Result<(), ImageError> {
        let store = self.home.join("store");
        let opened = File::open(&store).map_err(file("open", &store))?;
        rustix::fs::syncfs(&opened).map_err(|error| file("sync", &store)(error.into()))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.home.join("logs").join(format!("{name}.log"))
    }

    /// Runs a script there; what it says on the way is in a log. Returns what it answers.
    fn shell(&self, script: &str, name: &str) -> Result<String, ImageError> {
        let path = self.log(name);
        let log = File::create(&path).map_err(file("create", &path))?;
        let mut command = self.builder.command("sh", &["-c", script]);
        let output = command.stdin(Stdio::null()).stderr(log).output();
        let output = output.map_err(file("run", Path::new("systemd-nspawn")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let text = fs::read(&path).map(|it| String::from_utf8_lossy(&it).into_owned()).unwrap_or_default();
        let lines: Vec<&str> =
            text.lines().map(str::trim_end).filter(|it| !it.is_empty() && !it.starts_with(NOISE)).collect();
        let said = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        Err(ImageError::Podman { what: name.to_owned(), said, log: path })
    }
}
