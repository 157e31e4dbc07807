//! What must hold on a host before its first switch, asked there. Changes nothing, and needs nothing of kolla-lang to be there.
//!
//! What is asked is in the manifest; what a refused answer means to a switch is said by `preflight`.

use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::preflight::numbers;
use crate::machine::ask::{self, Answer};
use crate::machine::kernel;
use crate::machine::layout::Layout;
use crate::machine::systemd::{Systemd, UnitState};
use crate::machine::tool::text;
use crate::records::generation::current_generation;
use child::{ChildError, run_within};
use store::Manifest;
use store::precheck::{Precheck, Protocol, Question, size};

/// How long something may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a program or the kernel may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// What was found of one precheck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// What must hold, in words.
    pub wanted: String,
    /// Why it does not hold, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// What is asked of the host. Tests answer in its place.
pub trait Facts {
    /// Runs a program that changes nothing, and returns what it printed, or why it failed.
    fn output(&mut self, command: &[&str]) -> Result<String, String>;
    /// Says whether a host answers a ping.
    fn answers(&mut self, address: IpAddr) -> Result<bool, String>;
    /// Says whether a unit of the committed generation is up.
    fn is_ours(&mut self, unit: &str) -> bool;
    /// Says whether the kernel has a module already.
    fn has_module(&mut self, name: &str) -> bool;
    /// Returns how many bytes are free on the file system of a path that need not be there.
    fn free(&mut self, path: &str) -> Result<u64, String>;
    /// Asks whether something accepts connections.
    fn connect(&mut self, address: IpAddr, port: u16) -> Result<(), String>;
}

/// Asks all prechecks of a manifest, by name.
pub fn prechecks(manifest: &Manifest, facts: &mut dyn Facts) -> Vec<Checked> {
    let mut one = |(name, precheck): (&String, &Precheck)| {
        let reason = ask(&precheck.ask, facts).err();
        let help = reason.is_some().then(|| help(precheck).to_owned());
        Checked { name: name.clone(), wanted: precheck.ask.words(), reason, help }
    };
    manifest.prechecks.iter().map(&mut one).collect()
}

/// Asks one question; the error is why the answer is not as it should be.
fn ask(question: &Question, facts: &mut dyn Facts) -> Result<(), String> {
    match question {
        Question::Port { port, address, protocol, unit } => {
            let kind = if *protocol == Protocol::Tcp { "-t" } else { "-u" };
            let sockets = facts.output(&["ss", "-H", "-l", "-n", "-p", kind])?;
            match holder(&sockets, *address, *port) {
                Some(_) if unit.as_ref().is_some_and(|it| facts.is_ours(it)) => Ok(()),
                Some(holder) => Err(format!("{holder} has it")),
                None => Ok(()),
            }
        }
        Question::Space { path, bytes } => match facts.free(path)? {
            free if free >= *bytes => Ok(()),
            free => Err(format!("{} are free", size(free))),
        },
        Question::Module { name } if facts.has_module(name) => Ok(()),
        Question::Module { name } => {
            facts.output(&["modprobe", "--dry-run", "--quiet", "--", name]).map(drop)
        }
        Question::Version { command, least } => {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            newer(&facts.output(&words)?, least)
        }
        Question::Resolves { name } => facts.output(&["getent", "ahosts", name]).map(drop),
        Question::Ping { address } if facts.answers(*address)? => Ok(()),
        Question::Ping { .. } => Err("it answers none within 2 s".to_owned()),
        Question::Tcp { address, port } => facts.connect(*address, *port),
        Question::Mtu { interface, bytes } => {
            let told = facts.output(&["cat", &format!("/sys/class/net/{interface}/mtu")]);
            let told = told.map_err(|_| format!("this host has no interface {interface}"))?;
            match told.trim().parse::<u64>() {
                Ok(found) if found >= *bytes => Ok(()),
                Ok(found) => Err(format!("it takes packets of {found} bytes")),
                Err(_) => Err("the kernel does not say what it takes".to_owned()),
            }
        }
        Question::Interface { name, address } => {
            let told = facts.output(&["ip", "address", "show", "dev", name]);
            plugged(&told.map_err(|_| format!("this host has no interface {name}"))?, *address)
        }
        Question::Unused { address, .. } if !facts.answers(*address)? => Ok(()),
        Question::Unused { unless: None, .. } => Err("it answers a ping".to_owned()),
        Question::Unused { address, unless: Some(port) } => facts
            .connect(*address, *port)
            .map_err(|why| format!("it answers a ping, and at port {port} not as this cloud does: {why}")),
        Question::Firewall => unfiltered(facts),
        Question::System { among } => one_of(&facts.output(&["cat", "/etc/os-release"])?, among),
        Question::Cores { least } => match facts.output(&["nproc", "--all"])?.trim().parse::<u64>() {
            Ok(found) if found >= *least => Ok(()),
            Ok(found) => Err(format!("it has {found}")),
            Err(_) => Err("`nproc` does not say how many it has".to_owned()),
        },
        Question::Memory { bytes } => {
            // The kernel counts neither itself nor what the firmware keeps.
            let found = memory_of(&facts.output(&["cat", "/proc/meminfo"])?)?;
            if found >= *bytes / 16 * 15 { Ok(()) } else { Err(format!("it has {}", size(found))) }
        }
        Question::Clock => {
            let answer = facts.output(&["timedatectl", "show", "--property=NTPSynchronized", "--value"])?;
            if answer.trim() == "yes" { Ok(()) } else { Err("systemd says that it is not".to_owned()) }
        }
    }
}

/// Returns how many bytes of memory a host has, by the lines of `/proc/meminfo`, which count in KiB.
fn memory_of(told: &str) -> Result<u64, String> {
    let total = told.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|it| it.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kibibytes
        .map(|it| it.saturating_mul(1024))
        .ok_or_else(|| "the kernel does not say how much it has".to_owned())
}

/// Returns who has a port, by the lines of `ss -Hlnp` for one protocol. A socket of every address has that of each.
fn holder(sockets: &str, address: Option<IpAddr>, port: u16) -> Option<String> {
    let has = |line: &&str| {
        let (theirs, their_port) = line.split_whitespace().nth(3)?.rsplit_once(':')?;
        let theirs = theirs.split('%').next()?.trim_start_matches('[').trim_end_matches(']');
        let shares = match (address, theirs.parse::<IpAddr>()) {
            (None, _) | (_, Err(_)) => true,
            (Some(ours), Ok(theirs)) => {
                ours == theirs || (theirs.is_unspecified() && ours.is_ipv4() == theirs.is_ipv4())
            }
        };
        (their_port == port.to_string() && shares).then_some(())
    };
    let line = sockets.lines().find(|line| has(line).is_some())?;
    // users:(("mariadbd",pid=812,fd=24)); absent for a socket of the kernel's own.
    let name = line.split("((\"").nth(1).and_then(|it| it.split('"').next());
    let pid = line.split("pid=").nth(1).and_then(|it| it.split(',').next());
    Some(match (name, pid) {
        (Some(name), Some(pid)) => format!("{name} (process {pid})"),
        _ => "something".to_owned(),
    })
}

/// Says whether what `ip address show` printed of an interface is up and has an address.
fn plugged(said: &str, address: Option<IpAddr>) -> Result<(), String> {
    // What knows no carrier, as a bridge of its own making may, is `UNKNOWN`.
    let state = said.split_whitespace().skip_while(|it| *it != "state").nth(1).unwrap_or("nothing");
    if !["UP", "UNKNOWN"].contains(&state) {
        return Err(format!("it is {state}"));
    }
    let lines = said.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_address = words.next().is_some_and(|it| it == "inet" || it == "inet6");
        is_address.then(|| words.next()?.split('/').next()?.parse::<IpAddr>().ok()).flatten()
    });
    let found: Vec<IpAddr> = lines.collect();
    match address {
        Some(address) if !found.contains(&address) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            Err(format!("it has {}", if found.is_empty() { "none".to_owned() } else { found.join(", ") }))
        }
        _ => Ok(()),
    }
}

/// Says whether no firewall drops what none of its rules names, by nftables or, where that is not there, by iptables.
fn unfiltered(facts: &mut dyn Facts) -> Result<(), String> {
    match facts.output(&["nft", "--json", "list", "chains"]) {
        Ok(said) => {
            let said: serde_json::Value = serde_json::from_str(&said)
                .map_err(|error| format!("`nft` prints what is no list of chains: {error}"))?;
            let chains = said["nftables"].as_array().into_iter().flatten().map(|it| &it["chain"]);
            for chain in chains.filter(|it| it["hook"] == "input") {
                if chain["table"] == "firewalld" {
                    return Err("firewalld runs, and refuses what none of its zones names".to_owned());
                }
                if chain["policy"] == "drop" {
                    let name = |key: &str| chain[key].as_str().unwrap_or_default().to_owned();
                    let [family, table, name] = ["family", "table", "name"].map(name);
                    return Err(format!("the chain {name} of the table {family} {table} does"));
                }
            }
            Ok(())
        }
        Err(why) => match facts.output(&["iptables", "-S", "INPUT"]) {
            Ok(said) if said.lines().any(|it| it == "-P INPUT DROP") => {
                Err("the chain INPUT of iptables does".to_owned())
            }
            Ok(_) => Ok(()),
            Err(_) => Err(format!("neither nftables nor iptables can be asked: {why}")),
        },
    }
}

/// Says whether the system that a host's `os-release` names is one of these.
fn one_of(os_release: &str, among: &[String]) -> Result<(), String> {
    let field = |key: &str| {
        let value = os_release.lines().find_map(|it| it.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
    };
    let found = format!("{} {}", field("ID"), field("VERSION_ID"));
    let is_found = |it: &String| {
        found == *it || found.strip_prefix(it.as_str()).is_some_and(|rest| rest.starts_with('.'))
    };
    if among.iter().any(is_found) { Ok(()) } else { Err(format!("it is {}", found.trim_end())) }
}

/// Says whether what a program printed tells at least a version.
fn newer(said: &str, least: &str) -> Result<(), String> {
    let is_version = |word: &&str| word.starts_with(|it: char| it.is_ascii_digit());
    match said.split_whitespace().find(is_version) {
        Some(found) if numbers(found) >= numbers(least) => Ok(()),
        Some(found) => Err(format!("it tells {found}")),
        None => Err("it tells no version".to_owned()),
    }
}

/// Returns what to do where a precheck does not hold.
fn help(precheck: &Precheck) -> &str {
    if !precheck.help.is_empty() {
        return &precheck.help;
    }
    match precheck.ask {
        Question::Port { .. } => "stop what has it and keep it from starting again, or describe another port",
        Question::Space { .. } => "make room there, or mount a larger file system",
        Question::Module { .. } => "install a kernel with it, or the package of the kernel's further modules",
        Question::Version { .. } => {
            "update it, or describe the version that the host has where there is a word for it"
        }
        Question::Resolves { .. } => "add it to the DNS or to /etc/hosts, or look at /etc/resolv.conf",
        Question::Ping { .. } => "look at cables, VLANs, addresses and firewalls between them",
        Question::Tcp { .. } => "look at firewalls, and whether it runs there",
        Question::Mtu { .. } => {
            "set it where the host sets up its interfaces, and on the switches between, or describe another `mtu`"
        }
        Question::Interface { .. } => {
            "set it up where the host sets up its interfaces, or describe what it has"
        }
        Question::Unused { .. } => {
            "look who has it, by `ip neighbour`, and describe an address that nobody has"
        }
        Question::Firewall => {
            "open what the containers listen on, to the hosts and networks that need it, or stop the firewall; then take this precheck away"
        }
        Question::System { .. } => "install one of these, or add yours to the list if you have tried it",
        Question::Cores { .. } | Question::Memory { .. } => "describe what the host has",
        Question::Clock => "install chrony or systemd-timesyncd, and name a server that the host reaches",
    }
}

/// Returns how many bytes are free on the file system of the nearest folder that is there.
fn free_at(path: &Path) -> Result<u64, String> {
    let mut there = path.ancestors().filter(|it| it.exists());
    let there = there.next().unwrap_or(Path::new("/"));
    let found = rustix::fs::statvfs(there).map_err(|error| format!("{}: {error}", there.display()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

fn run(command: &[&str]) -> Result<Output, String> {
    let Some((program, args)) = command.split_first() else { return Err("no command".to_owned()) };
    let output = run_within(Command::new(program).args(args).env("LC_ALL", "C"), ANSWER);
    output.map_err(|error| match error {
        ChildError::Run { .. } => format!("`{program}` cannot be run on this host"),
        ChildError::Late { secs, .. } => {
            format!("`{}` told nothing within {secs} s, and was ended", command.join(" "))
        }
    })
}

/// Returns the last line that a program said before it failed, or how it ended.
fn why_failed(command: &[&str], output: &Output) -> String {
    let silent = || format!("`{}` ended with {}", command.join(" "), output.status);
    text(&output.stderr).lines().last().map_or_else(silent, str::to_owned)
}

/// This host.
pub struct ThisHost<'a> {
    layout: Layout,
    systemd: &'a mut dyn Systemd,
    committed: Option<Manifest>,
}

impl<'a> ThisHost<'a> {
    /// Returns this host. One whose committed generation cannot be read has nothing of its own.
    pub fn new(layout: Layout, systemd: &'a mut dyn Systemd) -> Self {
        let committed = current_generation(&layout).ok().flatten().map(|it| it.closure.manifest);
        Self { layout, systemd, committed }
    }
}

impl Facts for ThisHost<'_> {
    fn output(&mut self, command: &[&str]) -> Result<String, String> {
        let output = run(command)?;
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(why_failed(command, &output)) }
    }

    fn answers(&mut self, address: IpAddr) -> Result<bool, String> {
        let command = ["ping", "-n", "-q", "-c", "1", "-W", "2", &address.to_string()];
        let output = run(&command)?;
        match output.status.code() {
            Some(0) => Ok(true),
            // ping(8): no answer within the limit; 2 is another error.
            Some(1) => Ok(false),
            _ => Err(why_failed(&command, &output)),
        }
    }

    fn is_ours(&mut self, unit: &str) -> bool {
        let is_committed = self.committed.as_ref().is_some_and(|it| it.units.contains_key(unit));
        is_committed && self.systemd.state(unit).as_ref().is_ok_and(UnitState::is_up)
    }

    fn has_module(&mut self, name: &str) -> bool {
        kernel::is_loaded(&self.layout, name)
    }

    fn free(&mut self, path: &str) -> Result<u64, String> {
        // A file system whose server is away keeps whoever asks it waiting, in the kernel, where nothing ends that.
        let (answer, answers) = mpsc::channel();
        let place = path.to_owned();
        std::thread::spawn(move || answer.send(free_at(Path::new(&place))));
        let late = |_| Err(format!("the file system of {path} told nothing within {} s", ANSWER.as_secs()));
        answers.recv_timeout(ANSWER).unwrap_or_else(late)
    }

    fn connect(&mut self, address: IpAddr, port: u16) -> Result<(), String> {
        match ask::tcp(address, port, CONNECT) {
            Answer::Good => Ok(()),
            Answer::Bad(why) => Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host that is told what it answers: the question as JSON, then what each program prints.
    #[derive(Default)]
    struct Scripted {
        prints: &'static str,
        fails: bool,
        ours: bool,
        free: u64,
    }

    impl Facts for Scripted {
        fn output(&mut self, _: &[&str]) -> Result<String, String> {
            if self.fails { Err(self.prints.to_owned()) } else { Ok(self.prints.to_owned()) }
        }
        fn answers(&mut self, _: IpAddr) -> Result<bool, String> {
            Ok(!self.fails || self.prints == "refused")
        }
        fn is_ours(&mut self, unit: &str) -> bool {
            self.ours && unit == "web.service"
        }
        fn has_module(&mut self, name: &str) -> bool {
            name == "loop"
        }
        fn free(&mut self, _: &str) -> Result<u64, String> {
            Ok(self.free)
        }
        fn connect(&mut self, _: IpAddr, _: u16) -> Result<(), String> {
            self.output(&[]).map(drop)
        }
    }

    fn said(question: &str, mut facts: Scripted) -> String {
        let question: Question = serde_json::from_str(question).unwrap_or_else(|error| panic!("{error}"));
        ask(&question, &mut facts).err().unwrap_or_else(|| "holds".to_owned())
    }

    const SOCKETS: &str = "\
LISTEN 0 128 10.0.0.11:3306 0.0.0.0:* users:((\"mariadbd\",pid=812,fd=24))
LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=1,fd=3))
LISTEN 0 128 [::1]:631 [::]:*
LISTEN 0 128 *:9100 *:* users:((\"node_exporter\",pid=7,fd=3))
LISTEN 0 128 [::]:8080 [::]:* users:((\"six\",pid=9,fd=3))
UNCONN 0 0 10.0.0.11%eth0:68 0.0.0.0:* users:((\"dhclient\",pid=5,fd=6))
";

    #[test]
    fn a_port_is_free_or_somebody_has_it() {
        let cases = [
            (r#""port":3306,"address":"10.0.0.11""#, "mariadbd (process 812) has it"),
            (r#""port":3306,"address":"10.0.0.250""#, "holds"),
            (r#""port":3306"#, "mariadbd (process 812) has it"),
            (r#""port":330"#, "holds"),
            (r#""port":22,"address":"10.0.0.11""#, "sshd (process 1) has it"),
            (r#""port":22,"address":"fd00::11""#, "holds"),
            (r#""port":631,"address":"::1""#, "something has it"),
            (r#""port":631,"address":"127.0.0.1""#, "holds"),
            (r#""port":9100,"address":"10.0.0.11""#, "node_exporter (process 7) has it"),
            (r#""port":8080,"address":"10.0.0.11""#, "holds"),
            (r#""port":8080,"address":"fd00::11""#, "six (process 9) has it"),
            (r#""port":68,"address":"10.0.0.11""#, "dhclient (process 5) has it"),
        ];
        for (place, expected) in cases {
            let question = format!(r#"{{"port":{{{place},"protocol":"tcp"}}}}"#);
            assert_eq!(
                said(&question, Scripted { prints: SOCKETS, ..Scripted::default() }),
                expected,
                "{place}"
            );
        }
    }

    #[test]
    fn our_own_service_may_have_its_port() {
        let port = |unit: &str| {
            format!(r#"{{"port":{{"port":22,"address":"10.0.0.11","protocol":"tcp","unit":"{unit}"}}}}"#)
        };
        let told = |ours| Scripted { prints: SOCKETS, ours, ..Scripted::default() };
        assert_eq!(said(&port("web.service"), told(true)), "holds");
        assert_eq!(said(&port("web.service"), told(false)), "sshd (process 1) has it");
        assert_eq!(said(&port("shop.service"), told(true)), "sshd (process 1) has it");
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let version = |least: &str| format!(r#"{{"version":{{"command":["x"],"least":"{least}"}}}}"#);
        let told = |prints| Scripted { prints, ..Scripted::default() };
        assert_eq!(said(&version("5.4"), told("podman version 5.4.2")), "holds");
        assert_eq!(said(&version("5.10"), told("podman version 5.4.2")), "it tells 5.4.2");
        assert_eq!(said(&version("257"), told("systemd 257 (257.8-1~deb13u2)\n+PAM +AUDIT")), "holds");
        assert_eq!(said(&version("258"), told("systemd 257 (257.8-1~deb13u2)")), "it tells 257");
        assert_eq!(said(&version("1"), told("")), "it tells no version");
    }

    #[test]
    fn the_others_hold_or_say_why() {
        let told = |prints, fails| Scripted { prints, fails, ..Scripted::default() };
        assert_eq!(said(r#""clock""#, told("yes\n", false)), "holds");
        assert_eq!(said(r#""clock""#, told("no\n", false)), "systemd says that it is not");
        let mtu = r#"{"mtu":{"interface":"eth1.20","bytes":9000}}"#;
        assert_eq!(said(mtu, told("9000\n", false)), "holds");
        assert_eq!(said(mtu, told("1500\n", false)), "it takes packets of 1500 bytes");
        assert_eq!(said(mtu, told("no such file", true)), "this host has no interface eth1.20");
        assert_eq!(said(r#"{"module":{"name":"loop"}}"#, told("not found", true)), "holds");
        assert_eq!(said(r#"{"module":{"name":"zfs"}}"#, told("not found", true)), "not found");
        assert_eq!(said(r#"{"ping":{"address":"10.0.0.1"}}"#, told("", false)), "holds");
        assert_eq!(said(r#"{"resolves":{"name":"a.example"}}"#, told("none", true)), "none");
        assert_eq!(said(r#"{"tcp":{"address":"10.0.0.1","port":1}}"#, told("refused", true)), "refused");
        let ping = r#"{"ping":{"address":"10.0.0.1"}}"#;
        assert_eq!(said(ping, told("", true)), "it answers none within 2 s");
        let space = r#"{"space":{"path":"/var","bytes":1073741824}}"#;
        assert_eq!(said(space, Scripted { free: 1 << 30, ..Scripted::default() }), "holds");
        assert_eq!(said(space, Scripted { free: (1 << 30) - 1, ..Scripted::default() }), "1023 MiB are free");
    }

    #[test]
    fn an_interface_is_up_and_has_its_address() {
        let asked = |address: &str| format!(r#"{{"interface":{{"name":"eth0"{address}}}}}"#);
        let told = |prints| Scripted { prints, ..Scripted::default() };
        const UP: &str = "2: eth0@if7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
    link/ether 5e:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    inet 10.0.0.11/24 brd 10.0.0.255 scope global eth0
    inet6 fd00::11/64 scope global
       valid_lft forever preferred_lft forever
";
        let ours = [r#","address":"10.0.0.11""#, r#","address":"fd00::11""#, ""];
        ours.iter().for_each(|it| assert_eq!(said(&asked(it), told(UP)), "holds", "{it}"));
        assert_eq!(said(&asked(r#","address":"10.0.0.1""#), told(UP)), "it has 10.0.0.11, fd00::11");
        assert_eq!(
            said(&asked(""), told("2: eth0: <BROADCAST> mtu 1500 qdisc noop state DOWN group default")),
            "it is DOWN"
        );
        let bare = told("2: eth0: <UP> mtu 1500 state UNKNOWN group default");
        assert_eq!(said(&asked(ours[0]), bare), "it has none");
        let none = Scripted { prints: "Device \"eth0\" does not exist.", fails: true, ..Scripted::default() };
        assert_eq!(said(&asked(""), none), "this host has no interface eth0");
    }

    #[test]
    fn an_address_is_unused_or_this_clouds() {
        let told = |prints, fails| Scripted { prints, fails, ..Scripted::default() };
        let asked = |unless: &str| format!(r#"{{"unused":{{"address":"10.0.0.250"{unless}}}}}"#);
        assert_eq!(said(&asked(""), told("", true)), "holds");
        assert_eq!(said(&asked(""), told("", false)), "it answers a ping");
        assert_eq!(said(&asked(r#","unless":5000"#), told("", false)), "holds");
        let foreign = said(&asked(r#","unless":5000"#), told("refused", true));
        assert_eq!(foreign, "it answers a ping, and at port 5000 not as this cloud does: refused");
    }

    #[test]
    fn a_firewall_that_drops_is_told() {
        let told = |prints| said(r#""firewall""#, Scripted { prints, ..Scripted::default() });
        let chains = |table: &str, policy: &str| {
            let chain = format!(
                r#"{{"family":"inet","table":"{table}","name":"input","type":"filter","hook":"input","prio":0,"policy":"{policy}"}}"#
            );
            String::leak(format!(
                r#"{{"nftables":[{{"metainfo":{{}}}},{{"chain":{{"family":"ip","table":"netavark","name":"INPUT"}}}},{{"chain":{chain}}}]}}"#
            )) as &str
        };
        assert_eq!(told(r#"{"nftables":[{"metainfo":{}}]}"#), "holds");
        assert_eq!(told(chains("filter", "accept")), "holds");
        assert_eq!(told(chains("filter", "drop")), "the chain input of the table inet filter does");
        assert!(told(chains("firewalld", "accept")).starts_with("firewalld runs"));
        assert!(told("chains").starts_with("`nft` prints what is no list of chains"));
        let nobody =
            Scripted { prints: "`nft` cannot be run on this host", fails: true, ..Scripted::default() };
        assert!(said(r#""firewall""#, nobody).starts_with("neither nftables nor iptables can be asked"));
    }

    #[test]
    fn a_host_has_what_is_said_of_it() {
        let told = |asked, prints| said(asked, Scripted { prints, ..Scripted::default() });
        assert_eq!(told(r#"{"cores":{"least":4}}"#, "4\n"), "holds");
        assert_eq!(told(r#"{"cores":{"least":4}}"#, "2\n"), "it has 2");
        let memory = r#"{"memory":{"bytes":17179869184}}"#;
        assert_eq!(told(memory, "MemTotal:       16300000 kB\nMemFree: 1 kB\n"), "holds");
        assert_eq!(told(memory, "MemTotal:        8388608 kB\n"), "it has 8192 MiB");
        assert_eq!(told(memory, "MemFree: 1 kB\n"), "the kernel does not say how much it has");
    }

    #[test]
    fn a_system_is_one_of_some() {
        let asked = r#"{"system":{"among":["debian 13","rocky 9"]}}"#;
        let told = |prints| said(asked, Scripted { prints, ..Scripted::default() });
        assert_eq!(
            told("PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nVERSION_ID=\"13\"\nID=debian\n"),
            "holds"
        );
        assert_eq!(told("ID=\"rocky\"\nVERSION_ID=\"9.4\"\n"), "holds");
        assert_eq!(told("ID=debian\nVERSION_ID=\"12\"\n"), "it is debian 12");
        assert_eq!(told("ID=debian\n"), "it is debian");
        assert_eq!(told("ID=rocky\nVERSION_ID=\"90\"\n"), "it is rocky 90");
    }

    #[test]
    fn what_does_not_hold_has_a_next_step() {
        let text = r#"{"version":1,"cloud":"c","host":"h","backend":"quadlet","engine":"0","prechecks":{
            "a":{"ask":"clock"},"b":{"ask":"clock","help":"wind it up"},"c":{"ask":{"module":{"name":"loop"}}}}}"#;
        let manifest = store::manifest::parse_manifest(text).unwrap_or_else(|error| panic!("{error}"));
        let found = prechecks(&manifest, &mut Scripted { prints: "no", ..Scripted::default() });
        let help: Vec<Option<&str>> = found.iter().map(|it| it.help.as_deref()).collect();
        assert!(
            matches!(help[..], [Some(usual), Some("wind it up"), None] if usual.contains("chrony")),
            "{help:?}"
        );
    }
}
