//! The disk of a host: one file with one ext4, on which everything lies that the host writes, and whose power can be cut.
//!
//! image file -> a process of this program shows it through FUSE -> a loop device -> ext4 -> overlay. A flush of the file system
//! arrives at the process as `fsync`, so the process knows what a power cut must not take. What is mounted is mounted for the
//! host alone: in the machine's own mount namespace every `unshare` would take a copy along and keep the disk busy. The mounts
//! end with the last process of the host, which writes out what is left. Hosts are not this folder's business.

mod cache;
mod serve;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub use cache::PowerLoss;
pub use serve::serve_disk;

use super::cgroup::Cgroup;
use super::error::file;
use super::mounts::{Overlay, remove_all};
use super::record::Record;
use super::{LabError, nspawn, tool};

/// The file that is the disk, in the folder that the process shows.
const DISK: &str = "disk";

/// The file that cuts its power.
const POWER: &str = "power";

/// More than any lab writes to a host; of the file, only what was written takes space.
const SIZE: u64 = 64 << 30;

/// How long the process may take to show the disk, and the kernel to let go of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Mounts disk, data, options, root; then keeps them mounted. Tables that are not written at first use would be written by the
/// kernel later, at a time of its own.
const MOUNT: &str = r#"set -e
mount -t ext4 -o loop,noinit_itable,no_prefetch_block_bitmaps "$1" "$2"
mkdir -p "$2/upper" "$2/work" "$2/containers"
mount -t overlay overlay -o "$3" "$4"
echo mounted
exec sleep infinity"#;

/// A host's disk and where it lies.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    dir: PathBuf,
    /// The group of the process, which outlives the host's.
    group: Cgroup,
}

/// What a host sees of its disk, mounted where only a host sees it.
#[derive(Debug)]
pub(super) struct Mounted {
    /// The process that keeps it mounted, in the host's group.
    keeper: i32,
    dir: PathBuf,
}

impl Disk {
    /// Returns the disk of the host whose files are in `dir`; it need not have been made.
    pub fn new(dir: &Path, group: Cgroup) -> Self {
        Self { dir: dir.to_owned(), group }
    }

    /// Makes the disk, if there is none, and mounts it over a root file system for the processes of a group; `program` is this one.
    pub fn mount(&self, lower: &Path, host: &Cgroup, program: &Path) -> Result<Mounted, LabError> {
        self.make()?;
        let mounted = Mounted { keeper: 0, dir: self.dir.clone() };
        let (front, data, root) = (self.front(), self.dir.join("data"), mounted.root());
        for dir in [&front, &data, &root] {
            fs::create_dir_all(dir).map_err(file("create", dir))?;
        }
        let server = self.serve(program)?;

        let mut command = Command::new("sh");
        nspawn::join(&mut command, host);
        command.arg("nsenter").arg(format!("--mount=/proc/{}/ns/mnt", server.pid));
        command.args(["unshare", "--mount", "sh", "-c", MOUNT, "mount"]);
        command
            .arg(front.join(DISK))
            .arg(&data)
            .arg(Overlay::new(lower, &data, &self.dir).options())
            .arg(&root);
        let log = self.log();
        let errors = OpenOptions::new().append(true).open(&log).map_err(file("open", &log))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).process_group(0);
        let spawned = command.spawn();
        let mut keeper = spawned.map_err(|source| LabError::Spawn { command: "mount".to_owned(), source })?;
        let mut said = String::new();
        if let Some(output) = keeper.stdout.take() {
            BufReader::new(output)
                .read_line(&mut said)
                .map_err(file("read the output of", Path::new("mount")))?;
        }
        if said.is_empty() {
            let status = keeper.wait().map(|it| it.to_string()).unwrap_or_default();
            return Err(self.failed("mount", status));
        }
        Ok(Mounted { keeper: i32::try_from(keeper.id()).unwrap_or_default(), ..mounted })
    }

    /// Ends the process, once nothing is mounted any more.
    pub fn let_go(&self) -> Result<(), LabError> {
        if Record::load(&self.record())?.is_some() {
            let deadline = Instant::now() + PATIENCE;
            while self.has_loop_device() && Instant::now() < deadline {
                sleep(Duration::from_millis(10));
            }
        }
        self.group.remove()?;
        remove_all(&self.record())
    }

    /// Cuts the power, now: nothing that is written or flushed from here on counts. The host's processes are left to the caller.
    pub fn cut(&self, seed: u64) -> Result<PowerLoss, LabError> {
        let record = self.record();
        let Some(server) = Record::load(&record)? else {
            return Err(file("find the process of", &record)(std::io::ErrorKind::NotFound.into()));
        };
        let power = within(server.pid, &self.front().join(POWER));
        let mut button = OpenOptions::new().write(true).open(&power).map_err(file("open", &power))?;
        button.write_all(seed.to_string().as_bytes()).map_err(file("write to", &power))?;
        let said = fs::read_to_string(&power).map_err(file("read", &power))?;
        serde_json::from_str(&said).map_err(|source| file("understand", &power)(source.into()))
    }

    /// Makes the file with an empty file system in it.
    fn make(&self) -> Result<(), LabError> {
        let image = self.image();
        if image.exists() {
            return Ok(());
        }
        let new = image.with_extension("new");
        let opened = fs::File::create(&new).map_err(file("create", &new))?;
        opened.set_len(SIZE).map_err(file("grow", &new))?;
        let mut mkfs = Command::new("mkfs.ext4");
        mkfs.args(["-q", "-F", "-m", "0", "-J", "size=64"]);
        mkfs.args(["-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"]).arg(&new);
        tool::run(&mut mkfs)?;
        fs::rename(&new, &image).map_err(file("rename to", &image))
    }

    /// Starts the process that shows the disk, and waits until it does.
    fn serve(&self, program: &Path) -> Result<Record, LabError> {
        self.group.create()?;
        let log = self.log();
        let output = fs::File::create(&log).map_err(file("create", &log))?;
        let mut command = Command::new("sh");
        nspawn::join(&mut command, &self.group);
        command.args(["unshare", "--mount"]).arg(program).args(["lab", "serve-disk"]);
        command.arg(self.image()).arg(self.front());
        let second = output.try_clone().map_err(file("open", &log))?;
        // A group of its own, so that an interrupt meant for kolla-lang does not reach the disk.
        command.stdin(Stdio::null()).stdout(output).stderr(second).process_group(0);
        let spawned = command.spawn();
        let mut child =
            spawned.map_err(|source| LabError::Spawn { command: tool::line(&command), source })?;
        let pid = i32::try_from(child.id()).unwrap_or_default();
        let disk = within(pid, &self.front().join(DISK));
        let deadline = Instant::now() + PATIENCE;
        while !disk.exists() {
            let ended = child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > deadline {
                let status = ended.map_or_else(|| "no disk in time".to_owned(), |it| it.to_string());
                return Err(self.failed("kolla-lang lab serve-disk", status));
            }
            sleep(Duration::from_millis(5));
        }
        let record = Record::of(pid)?;
        record.save(&self.record())?;
        Ok(record)
    }

    /// Returns whether the kernel still has a file system on the disk.
    fn has_loop_device(&self) -> bool {
        let disk = self.front().join(DISK);
        let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
        devices
            .filter_map(|it| fs::read_to_string(it.path().join("loop/backing_file")).ok())
            .any(|it| Path::new(it.trim_end()).ends_with(disk.strip_prefix("/").unwrap_or(&disk)))
    }

    fn failed(&self, command: &str, status: String) -> LabError {
        let said = fs::read_to_string(self.log()).map(|it| tool::tail(&it)).unwrap_or_default();
        LabError::Tool { command: command.to_owned(), status, said }
    }

    fn image(&self) -> PathBuf {
        self.dir.join("disk.img")
    }

    fn front(&self) -> PathBuf {
        self.dir.join("disk")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("disk.log")
    }

    fn record(&self) -> PathBuf {
        self.dir.join("disk.json")
    }
}

impl Mounted {
    /// Returns where the host's root is mounted.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Returns where the host's containers are.
    pub fn containers(&self) -> PathBuf {
        self.dir.join("data/containers")
    }

    /// Returns the mount namespace in which these paths lead there.
    pub fn namespace(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/mnt", self.keeper))
    }

    /// Returns a path that leads to the host's root from everywhere.
    pub fn reach(&self) -> PathBuf {
        within(self.keeper, &self.root())
    }
}

/// Returns a path that leads where `path` leads for a process.
fn within(pid: i32, path: &Path) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join("root").join(path.strip_prefix("/").unwrap_or(path))
}
