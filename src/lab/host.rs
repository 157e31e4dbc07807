//! One host of a lab: its folders, its start, its ends, and commands in it.
//!
//! A host is a systemd-nspawn system over an overlay on a disk of its own. What runs in it is not this file's business.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::cache::sync;
use super::cgroup::Cgroup;
use super::disk::{Disk, Mounted, PowerLoss};
use super::error::file;
use super::mounts::remove_all;
use super::network::Networks;
use super::record::Record;
use super::spec::{LabHost, LabPort, LabSpec};
use super::{LabError, nspawn, tool};

/// How long a host may take to boot. Two cores busy with a build need a few seconds; a healthy boot is under two.
const BOOT: Duration = Duration::from_secs(90);

/// How long the containers of a host may take to stop before they are killed.
const STOP: Duration = Duration::from_secs(120);

/// A host and where it lies.
#[derive(Debug, Clone)]
pub(super) struct Host<'a> {
    lab: &'a LabSpec,
    idx: usize,
    spec: &'a LabHost,
    dir: PathBuf,
}

/// Where the store with the images is in a host; /etc/containers/storage.conf in stdlib names the same.
const STORE: &str = "/srv/store";

/// What all hosts of a lab are started from.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    /// The root file system.
    pub root: PathBuf,
    /// The storage of podman with the images, if there are any.
    pub store: Option<PathBuf>,
    /// The program to be put on their path.
    pub program: PathBuf,
}

impl<'a> Host<'a> {
    /// Returns the n-th host of a lab, whose files are below `dir`.
    pub fn new(lab: &'a LabSpec, idx: usize, dir: &Path) -> Self {
        let spec = &lab.hosts[idx];
        Self { lab, idx, spec, dir: dir.join("hosts").join(&spec.name) }
    }

    /// Returns its host name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Returns Debian's code name of its release, if it is not that of the images.
    pub fn release(&self) -> Option<&'a str> {
        self.spec.release.as_deref()
    }

    /// Returns what nspawn and the host wrote to their console.
    pub fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    /// Returns the process of the host, if it runs.
    pub fn running(&self) -> Result<Option<Record>, LabError> {
        Record::load(&self.record())
    }

    /// Gets everything ready and starts the host, unless it runs; then only the program in it is brought up to date.
    pub fn start(&self, parts: &Parts, networks: &Networks) -> Result<(), LabError> {
        if let Some(record) = self.running()? {
            let root = record.init().map(|init| PathBuf::from(format!("/proc/{init}/root")));
            return root.map_or(Ok(()), |root| install_program(&root, &parts.program));
        }
        self.clear()?;
        fs::create_dir_all(&self.dir).map_err(file("create", &self.dir))?;
        self.remember_root(&parts.root)?;
        let group = self.group()?;
        group.create()?;
        let mounted = self.disk()?.mount(&parts.root, &group, &parts.program)?;
        self.write_files(&mounted.reach())?;
        install_program(&mounted.reach(), &parts.program)?;
        // A machine is not put to use before its installation is on its disk.
        sync(&mounted.reach())?;
        self.spawn(&mounted, parts, networks)
    }

    /// Waits until the host is usable: booted, on its networks, answering on the bus.
    pub fn wait(&self) -> Result<(), LabError> {
        let deadline = Instant::now() + BOOT;
        loop {
            let Some(init) = self.running()?.and_then(|it| it.init()) else { return Err(self.died()) };
            let waiting = match self.waiting_for(init)? {
                None => return Ok(()),
                Some(waiting) => waiting,
            };
            if Instant::now() > deadline {
                return Err(LabError::Slow { host: self.spec.name.clone(), waiting });
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Stops the host in an orderly way, or kills it if it takes too long or nothing of it is to be kept.
    pub fn stop(&self, orderly: bool) -> Result<(), LabError> {
        if let Some(record) = self.running()?
            && orderly
        {
            // Systemd-nspawn passes this on to the host's systemd as the signal to halt.
            self.signal(&record, Signal::TERM)?;
            self.wait_for_end(STOP)?;
        }
        self.kill()
    }

    /// Ends all its processes at once. What they wrote is there when it starts again, synced or not.
    pub fn kill(&self) -> Result<(), LabError> {
        self.group()?.kill()?;
        self.wait_for_end(Duration::from_secs(10))?;
        self.clear()
    }

    /// Cuts its power: all its processes end at once, and of what they wrote only what was synced is sure to be there when it
    /// starts again.
    pub fn cut_power(&self, seed: u64) -> Result<PowerLoss, LabError> {
        self.pid()?;
        // The disk first: from then on nothing that the host does counts.
        let loss = self.disk()?.cut(seed)?;
        self.kill()?;
        Ok(loss)
    }

    /// Cuts it off from all other hosts. A start heals that, as does [`Host::heal`].
    pub fn partition(&self, networks: &Networks) -> Result<(), LabError> {
        self.pid()?;
        (0..self.spec.networks.len()).try_for_each(|idx| networks.unplug(&self.port(idx)))
    }

    /// Gives it back to its networks.
    pub fn heal(&self, networks: &Networks) -> Result<(), LabError> {
        self.pid()?;
        let mut ports = self.spec.networks.iter().enumerate();
        ports.try_for_each(|(idx, port)| networks.plug(&self.port(idx), &port.network))
    }

    /// Becomes a command in the host. It returns only if it cannot.
    pub fn exec(&self, command: &[String]) -> LabError {
        match self.prepare_exec(command) {
            Err(why) => why,
            Ok(mut ready) => {
                let source = ready.exec();
                LabError::Spawn { command: tool::line(&ready), source }
            }
        }
    }

    /// Copies a file or a folder into the host, wherever the path leads there: a memory file system too.
    pub fn copy(&self, from: &Path, to: &Path) -> Result<(), LabError> {
        let init = self.pid()?;
        let is_dir = fs::metadata(from).map_err(file("read", from))?.is_dir();
        let mut unpack = inside(init);
        let mut pack = Command::new("tar");
        if is_dir {
            pack.arg("--directory").arg(from).args(["--create", "--file=-", "."]);
            unpack.args(["sh", "-c", r#"mkdir -p "$0" && exec tar --no-same-owner -C "$0" -xf -"#]).arg(to);
        } else {
            pack = Command::new("cat");
            pack.arg(from);
            unpack.args(["sh", "-c", r#"mkdir -p "$(dirname "$0")" && exec cat > "$0""#]).arg(to);
        }
        tool::pipe(&mut pack, &mut unpack)
    }

    /// Returns its first process.
    fn pid(&self) -> Result<i32, LabError> {
        let not_running = || LabError::NotRunning { host: self.spec.name.clone() };
        self.running()?.and_then(|it| it.init()).ok_or_else(not_running)
    }

    fn prepare_exec(&self, command: &[String]) -> Result<Command, LabError> {
        let init = self.pid()?;
        // In the group of the host's first process the command is its own, and what it starts lands in the host's tree.
        let procs = Cgroup::of(init)?.procs();
        fs::write(&procs, "0").map_err(file("join", &procs))?;
        let mut ready = inside(init);
        ready.args(command);
        Ok(ready)
    }

    /// Returns what the host is still waiting for, or none if it is usable.
    fn waiting_for(&self, init: i32) -> Result<Option<String>, LabError> {
        // Not `is-system-running`: a unit that never becomes healthy keeps that at `starting` for ever.
        let units = ["basic.target", "dbus.service", "systemd-networkd.service", "systemd-logind.service"];
        let answer = tool::output(inside(init).arg("systemctl").arg("is-active").args(units))?;
        let states = String::from_utf8_lossy(&answer.stdout).into_owned();
        // Its exit code says that one of them is active.
        if units.len() != states.lines().filter(|it| *it == "active").count() {
            let states: Vec<_> = states.split_whitespace().collect();
            return Ok(Some(format!("{} are {}", units.join(", "), states.join(", "))));
        }
        let answer = tool::output(inside(init).args(["ip", "-oneline", "address", "show"]))?;
        let addresses = String::from_utf8_lossy(&answer.stdout).into_owned();
        let ports = self.spec.networks.iter();
        let mut wanted = ports.flat_map(|port| addresses_of(port).map(move |it| (port, it)));
        let missing = wanted.find(|(_, it)| !is_usable(&addresses, it));
        Ok(missing.map(|(port, it)| format!("{} has no {it} yet", port.interface)))
    }

    fn spawn(&self, mounted: &Mounted, parts: &Parts, networks: &Networks) -> Result<(), LabError> {
        (0..self.spec.networks.len()).try_for_each(|idx| networks.remove_port(&self.port(idx)))?;
        let console_path = self.console();
        let console = fs::File::create(&console_path).map_err(file("create", &console_path))?;
        let second = console.try_clone().map_err(file("open", &console_path))?;
        let group = self.group()?;
        let mut command = Command::new("sh");
        nspawn::join(&mut command, &group);
        // Not `ip netns exec`, which would hide the cgroup mounts.
        command.arg("nsenter").arg(format!("--net={}", networks.path().display()));
        command.arg(format!("--mount={}", mounted.namespace().display()));
        command.arg("systemd-nspawn").args(nspawn::arguments(&mounted.root())).arg("--boot");
        command.arg(format!("--machine=kolla-lab-{}-{}", self.lab.name, self.spec.name));
        command.arg(format!("--hostname={}", self.spec.name));
        command.args(["--resolv-conf=off", "--link-journal=no", "--timezone=off"]);
        for (idx, port) in self.spec.networks.iter().enumerate() {
            command.arg(format!("--network-veth-extra={}:{}", self.port(idx), port.interface));
        }
        if self.spec.networks.is_empty() {
            command.arg("--private-network");
        }
        for device in ["/dev/fuse", "/dev/net/tun"].map(Path::new).into_iter().filter(|it| it.exists()) {
            command.arg(nspawn::bind("--bind", device, device));
        }
        command.arg(nspawn::bind("--bind", &mounted.containers(), Path::new("/var/lib/containers")));
        if let Some(store) = &parts.store {
            command.arg(nspawn::bind("--bind-ro", store, Path::new(STORE)));
        }
        for share in &self.lab.shares {
            command.arg(nspawn::bind("--bind", &share.from, &share.to));
        }
        // A group of its own, so that an interrupt meant for kolla-lang does not reach the host.
        command.stdin(Stdio::null()).stdout(console).stderr(second).process_group(0);
        let child =
            command.spawn().map_err(|source| LabError::Spawn { command: tool::line(&command), source })?;
        let pid = i32::try_from(child.id()).unwrap_or_default();
        Record::of(pid).map_err(|_| self.died())?.save(&self.record())?;

        let deadline = Instant::now() + BOOT;
        for (idx, port) in self.spec.networks.iter().enumerate() {
            let name = self.port(idx);
            while !networks.has(&name) {
                if self.running()?.is_none() {
                    return Err(self.died());
                }
                if Instant::now() > deadline {
                    let waiting = format!("port {name} is not there");
                    return Err(LabError::Slow { host: self.spec.name.clone(), waiting });
                }
                sleep(Duration::from_millis(20));
            }
            networks.plug(&name, &port.network)?;
        }
        Ok(())
    }

    /// Writes what makes this host different from others: names, addresses, and limits of this machine.
    fn write_files(&self, root: &Path) -> Result<(), LabError> {
        nspawn::write_containers_conf(root, self.group()?.has("pids")?)?;
        write(root, "etc/hostname", &format!("{}\n", self.spec.name))?;
        let mut hosts = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
        for host in &self.lab.hosts {
            let all = host.networks.iter().flat_map(LabPort::networks);
            let named = all.filter_map(|(network, _, address)| Some((network, address?)));
            for (idx, (network, address)) in named.enumerate() {
                let name = &host.name;
                let names = if idx == 0 { name.clone() } else { format!("{name}-{network}") };
                hosts.push_str(&format!("{address} {names}\n"));
            }
        }
        write(root, "etc/hosts", &hosts)?;
        for port in &self.spec.networks {
            let path = format!("etc/systemd/network/10-{}.network", port.interface);
            write(root, &path, &network_file(port))?;
        }
        for share in &self.lab.shares {
            let path = root.join(share.to.strip_prefix("/").unwrap_or(&share.to));
            fs::create_dir_all(&path).map_err(file("create", &path))?;
        }
        Ok(())
    }

    /// Refuses to put an overlay that was written over one root file system over another.
    fn remember_root(&self, root: &Path) -> Result<(), LabError> {
        let link = self.dir.join("base");
        match fs::read_link(&link) {
            Ok(before) if before == root => Ok(()),
            Ok(_) => Err(LabError::Differs {
                name: self.lab.name.clone(),
                what: format!("host `{}` was made from an older root file system", self.spec.name),
                remedy: "kolla-lang lab down --purge",
            }),
            Err(_) => symlink(root, &link).map_err(file("link", &link)),
        }
    }

    /// Removes what a host that no longer runs left behind: processes that outlived nspawn, its group, its disk's, its record. What was
    /// mounted ends with the processes.
    fn clear(&self) -> Result<(), LabError> {
        self.group()?.remove()?;
        self.disk()?.let_go()?;
        remove_all(&self.record())
    }

    fn signal(&self, record: &Record, signal: Signal) -> Result<(), LabError> {
        let Some(pid) = Pid::from_raw(record.pid) else { return Ok(()) };
        match kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(why) => Err(LabError::File {
                deed: "signal the process of",
                path: self.dir.clone(),
                source: why.into(),
            }),
        }
    }

    fn wait_for_end(&self, limit: Duration) -> Result<(), LabError> {
        let deadline = Instant::now() + limit;
        while self.running()?.is_some() && Instant::now() < deadline {
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn died(&self) -> LabError {
        let said = fs::read_to_string(self.console()).map(|it| tool::tail(&it)).unwrap_or_default();
        LabError::Died { host: self.spec.name.clone(), console: self.console(), said }
    }

    fn disk(&self) -> Result<Disk, LabError> {
        // No host has a dot in its name.
        let group = format!("kolla-lang-lab/{}/{}.disk", self.lab.name, self.spec.name);
        Ok(Disk::new(&self.dir, Cgroup::new(&group)?))
    }

    fn record(&self) -> PathBuf {
        self.dir.join("run.json")
    }

    fn group(&self) -> Result<Cgroup, LabError> {
        Cgroup::new(&format!("kolla-lang-lab/{}/{}", self.lab.name, self.spec.name))
    }

    /// Returns the name of a port in the lab's namespace: the n-th host's m-th.
    fn port(&self, idx: usize) -> String {
        format!("p{}-{idx}", self.idx)
    }
}

/// Returns the addresses of a port with their prefixes.
fn addresses_of(port: &LabPort) -> impl Iterator<Item = String> {
    port.networks().filter_map(|(_, cidr, address)| Some(format!("{}/{}", address?, cidr.prefix_len())))
}

/// Whether an address is among those that `ip` shows one a line, and may be used. One of IPv6 may not as long as the kernel asks
/// whether somebody else has it (RFC 4862, section 5.4).
fn is_usable(shown: &str, address: &str) -> bool {
    let mut lines = shown.lines().map(|it| it.split_whitespace().collect::<Vec<_>>());
    lines.any(|words| words.contains(&address) && !words.contains(&"tentative"))
}

/// Returns what systemd-networkd of a host is told of a port.
fn network_file(port: &LabPort) -> String {
    let mut text = format!("[Match]\nName={}\n", port.interface);
    if let Some(mac) = &port.mac {
        text.push_str(&format!("\n[Link]\nMACAddress={mac}\n"));
    }
    text.push_str("\n[Network]\n");
    for address in addresses_of(port) {
        text.push_str(&format!("Address={address}\n"));
    }
    text.push_str("KeepConfiguration=static\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n");
    text
}

/// Returns a command in all namespaces of a host; what it runs is to be added as arguments.
fn inside(init: i32) -> Command {
    let mut command = Command::new("nsenter");
    command.env_clear();
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.envs([("HOME", "/root"), ("USER", "root"), ("LANG", "C.UTF-8")]);
    if let Some(term) = std::env::var_os("TERM") {
        command.env("TERM", term);
    }
    command.arg(format!("--target={init}")).args(["--all", "--root", "--wd", "--"]);
    command
}

/// Puts the program on a host's path, by renaming, so that a running copy is never written to.
fn install_program(root: &Path, program: &Path) -> Result<(), LabError> {
    let target = root.join("usr/local/bin/kolla-lang");
    let new = target.with_file_name(".kolla-lang.new");
    let is = |path: &Path| fs::metadata(path).ok().and_then(|it| Some((it.len(), it.modified().ok()?)));
    if let (Some((size, made)), Some((its_size, its_copy))) = (is(program), is(&target))
        && size == its_size
        && made == its_copy
    {
        return Ok(());
    }
    fs::copy(program, &new).map_err(file("copy kolla-lang to", &new))?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).map_err(file("change the mode of", &new))?;
    if let Some((_, made)) = is(program) {
        let copy = fs::File::options().write(true).open(&new).map_err(file("open", &new))?;
        copy.set_modified(made).map_err(file("set the time of", &new))?;
    }
    fs::rename(&new, &target).map_err(file("rename to", &target))
}

fn write(root: &Path, path: &str, text: &str) -> Result<(), LabError> {
    let path = root.join(path);
    fs::write(&path, text).map_err(file("write", &path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::LabNetwork;

    #[test]
    fn an_address_is_usable_once_it_is_nobody_elses() {
        let shown = "2: eth0    inet6 fd00::b/64 scope global tentative \n2: eth0    inet 10.0.0.11/24 scope global eth0\n";
        assert!(
            !is_usable(shown, "fd00::b/64") && is_usable(shown, "10.0.0.11/24") && !is_usable(shown, "::b")
        );
        assert!(is_usable(&shown.replace(" tentative", ""), "fd00::b/64"));
    }

    #[test]
    fn a_port_is_told_what_is_described() {
        let port = |address: Option<&str>, mac: Option<&str>| LabPort {
            network: "storage".to_owned(),
            cidr: "10.0.1.0/24".parse().unwrap(),
            address: address.map(|it| it.parse().unwrap()),
            interface: "eth1.20".to_owned(),
            mac: mac.map(str::to_owned),
            also: vec![LabNetwork {
                network: "storage6".to_owned(),
                cidr: "fd00:1::/64".parse().unwrap(),
                address: address.map(|_| "fd00:1::b".parse().unwrap()),
            }],
        };
        let with_both = network_file(&port(Some("10.0.1.11"), Some("52:54:00:00:00:0a")));
        let (head, network) = with_both.split_once("[Network]\n").unwrap();
        assert_eq!(head, "[Match]\nName=eth1.20\n\n[Link]\nMACAddress=52:54:00:00:00:0a\n\n");
        assert!(network.starts_with("Address=10.0.1.11/24\nAddress=fd00:1::b/64\n"), "{network}");
        let with_none = network_file(&port(None, None));
        assert!(!with_none.contains("Address=") && !with_none.contains("[Link]"), "{with_none}");
    }
}
