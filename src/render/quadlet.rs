//! Quadlet files for containers, tasks, volumes and container networks, for podman 4.4 and later.
//!
//! What is written here and why: `Wants=` and never `Requires=` between containers, for a required unit's restart would
//! restart its users; `Pull=never`, for images are there before anything starts; no `Notify=healthy`, for at boot it would
//! wait for other hosts; limits on the unit, for there they hold wherever the host has the controllers.

use super::contract::{CONFIG_FILES, Delivered};
use super::encode;
use super::keys::{self, Podman};
use super::unit::UnitText;
use crate::model::{
    At, Bridge, Container, Contract, Driver, Health, Host, Limits, Network, OnUnhealthy, Propagation,
    Restart, Run, Source, Task, Text, Ulimit, Volume, errors,
};
use crate::plan::order::service;
use crate::store::Digest;
use kl::diag::Problems;
use kl::source::Span;
use std::collections::BTreeSet;
use std::time::Duration;

/// Seconds that podman itself may take beyond what the container takes.
const SLACK_SECS: u64 = 15;

/// Seconds between health checks until the first success.
const STARTUP_SECS: u64 = 2;

/// One Quadlet file on its way, with the host's podman in view.
pub struct Writer<'a> {
    unit: UnitText,
    host: &'a Host,
    podman: Podman,
    /// The newest release that a key so far needs.
    pub needs_podman: Podman,
    problems: &'a mut Problems,
}

impl<'a> Writer<'a> {
    /// Begins a file for a host.
    pub fn new(host: &'a Host, problems: &'a mut Problems) -> Writer<'a> {
        // An unreadable version was refused by the type; of one without Quadlet the host says so, once.
        let known = Podman::parse(host.podman.as_str()).filter(|podman| *podman >= keys::FIRST_QUADLET);
        let podman = known.unwrap_or(Podman { major: u32::MAX, minor: 0 });
        Writer { unit: UnitText::default(), host, podman, needs_podman: keys::FIRST_QUADLET, problems }
    }

    /// The finished file.
    pub fn finish(self) -> (UnitText, Podman) {
        (self.unit, self.needs_podman)
    }

    /// Writes a key of Quadlet's own sections, if the host's podman knows it or an option says the same.
    fn key(&mut self, section: &str, name: &str, value: String, at: Span) {
        let Some(key) = keys::find(section, name) else {
            self.problems.push(
                errors::bad_unit(at, format!("`{name}` is missing in the table of keys"))
                    .help("this is a bug in kolla-lang"),
            );
            return;
        };
        if self.podman >= key.since {
            self.needs_podman = self.needs_podman.max(key.since);
            self.unit.add(section, name, value);
            return;
        }
        match key.option {
            Some(option) => self.unit.add(section, "PodmanArgs", format!("{option} {value}")),
            None => {
                let (since, has) = (key.since.to_string(), self.host.podman.as_str());
                self.problems.push(errors::podman_too_old(at, self.host.podman.at, name, &since, has));
            }
        }
    }

    fn encoded(
        &mut self,
        section: &str,
        name: &str,
        value: Result<String, &'static str>,
        at: Span,
        text: &str,
    ) {
        match value {
            Ok(value) => self.key(section, name, value, at),
            Err(why) => {
                let report = errors::bad_unit(at, format!("`{}` {why}", shorten(text)));
                self.problems.push(report.help(
                    "a unit file is lines of plain text: what is longer goes into a file of the container",
                ));
            }
        }
    }

    /// A key whose whole text is one value.
    fn raw(&mut self, section: &str, name: &str, text: &str, at: Span) {
        self.encoded(section, name, encode::raw(text), at, text);
    }

    /// One word of a key that is split into words.
    fn word(&mut self, section: &str, name: &str, text: &str, at: Span) {
        self.encoded(section, name, encode::word(text), at, text);
    }

    /// A command of [Service], read by systemd alone.
    fn command(&mut self, name: &str, prefix: &str, words: &[Text]) {
        match encode::words(words.iter().map(At::as_str)) {
            Ok(line) => self.unit.add("Service", name, format!("{prefix}{line}")),
            Err(why) => {
                let at = words.first().map_or(self.host.at, |word| word.at);
                self.problems.push(errors::bad_unit(at, format!("a word of this command {why}")));
            }
        }
    }
}

/// Writes a container that is kept running.
pub fn container(out: &mut Writer<'_>, cloud: &str, it: &Container, folder: Option<&str>, files: &Delivered) {
    let Container {
        name,
        at,
        run,
        workdir,
        hostname,
        network,
        publish,
        host_pid,
        host_ipc,
        host_cgroup,
        drop,
        no_new_privileges,
        labels,
        read_only,
        init,
        shm,
        devices,
        ulimits,
        limits,
        health,
        restart,
        start,
        stop,
        stop_signal,
        needs,
        after,
        change: _,
        drain,
        drain_within,
        gate: _,
    } = it;
    head(out, cloud, name, "container");
    for need in needs {
        out.unit.add("Unit", "Wants", service(need.as_str()));
        out.unit.add("Unit", "After", service(need.as_str()));
    }
    // Of another host's tasks systemd here knows nothing; the order across hosts is the switch's.
    for task in after {
        out.unit.add("Unit", "After", service(task.as_str()));
    }
    // It never gives up: after a power cut a member may wait long for the others.
    out.unit.add("Unit", "StartLimitIntervalSec", "0");

    run_keys(out, name, run, folder, files);
    match network {
        Network::Host => out.key("Container", "Network", "host".to_owned(), *at),
        Network::Isolated => out.key("Container", "Network", "none".to_owned(), *at),
        Network::Bridge(bridge) => out.raw("Container", "Network", &format!("{bridge}.network"), bridge.at),
    }
    for port in publish {
        if matches!(network, Network::Bridge(_)) {
            out.raw("Container", "PublishPort", port.as_str(), port.at);
        } else {
            out.problems
                .push(errors::bad_value(port.at, "only a container in a bridge network publishes ports"));
        }
    }
    for (flag, option) in
        [(host_pid, "--pid=host"), (host_ipc, "--ipc=host"), (host_cgroup, "--cgroupns=host")]
    {
        if *flag {
            out.key("Container", "PodmanArgs", option.to_owned(), *at);
        }
    }
    if let Some(folder) = workdir {
        out.raw("Container", "WorkingDir", folder.as_str(), folder.at);
    }
    if let Some(hostname) = hostname {
        out.raw("Container", "HostName", hostname.as_str(), hostname.at);
    }
    for capability in drop {
        out.word("Container", "DropCapability", capability.as_str(), capability.at);
    }
    let flags = [
        (*no_new_privileges, "NoNewPrivileges"),
        (!*labels, "SecurityLabelDisable"),
        (*read_only, "ReadOnly"),
        (*init, "RunInit"),
    ];
    for (flag, key) in flags {
        if flag {
            out.key("Container", key, "true".to_owned(), *at);
        }
    }
    if let Some(shm) = shm {
        out.key("Container", "ShmSize", shm.value.to_string(), shm.at);
    }
    for device in devices {
        out.word("Container", "AddDevice", device.as_str(), device.at);
    }
    if let Some(signal) = stop_signal {
        out.raw("Container", "StopSignal", signal.as_str(), signal.at);
    }
    out.key("Container", "StopTimeout", whole_secs(*stop).to_string(), *at);
    if let Some(health) = health {
        health_keys(out, health);
    }

    ulimit_keys(out, ulimits);
    limit_keys(out, limits);
    let restart = match restart {
        Restart::Always => "always",
        Restart::OnFailure => "on-failure",
        Restart::No => "no",
    };
    out.unit.add("Service", "Restart", restart);
    if restart != "no" {
        // From one second to half a minute in six steps: quick after a hiccup, quiet while a database is away.
        out.unit.add("Service", "RestartSec", "1");
        out.unit.add("Service", "RestartSteps", "6");
        out.unit.add("Service", "RestartMaxDelaySec", "30");
    }
    out.unit.add("Service", "TimeoutStartSec", whole_secs(*start).to_string());
    out.unit.add("Service", "TimeoutStopSec", stop_secs(it).to_string());
    if !drain.is_empty() {
        // What does not drain in time is stopped all the same.
        let prefix = format!("-/usr/bin/timeout {} /usr/bin/podman exec {name} ", whole_secs(*drain_within));
        out.command("ExecStop", &prefix, drain);
    }
    out.unit.add("Install", "WantedBy", "multi-user.target");
}

/// Writes a container that runs to completion. Nothing wants it: a switch starts it, once per key.
pub fn task(out: &mut Writer<'_>, cloud: &str, it: &Task, folder: Option<&str>, files: &Delivered) {
    // When and after what it runs is the plan's, and stands in the manifest.
    let Task { name, at, on: _, once: _, class: _, after: _, after_healthy: _, timeout, run } = it;
    head(out, cloud, name, "task");
    run_keys(out, name, run, folder, files);
    out.key("Container", "Network", "host".to_owned(), *at);
    out.unit.add("Service", "Type", "oneshot");
    out.unit.add("Service", "RemainAfterExit", "no");
    out.unit.add("Service", "Restart", "no");
    out.unit.add("Service", "TimeoutStartSec", whole_secs(*timeout).to_string());
}

/// Writes a named volume. Its name is its own on every host and in every generation: what it holds outlives them.
pub fn volume(out: &mut Writer<'_>, cloud: &str, name: &str, it: &Volume) {
    let Volume { at, device, fs, options, scratch: _ } = it;
    out.unit.add_meta("Unit", "Description", encode::prose(&format!("{name}, a volume of {cloud}")));
    out.raw("Volume", "VolumeName", name, *at);
    out.word("Volume", "Label", "kolla-lang.volume=true", *at);
    if let Some(device) = device {
        out.raw("Volume", "Device", device.as_str(), device.at);
    }
    if let Some(fs) = fs {
        out.raw("Volume", "Type", fs.as_str(), fs.at);
    }
    if !options.is_empty() {
        let text = options.iter().map(At::as_str).collect::<Vec<_>>().join(",");
        out.raw("Volume", "Options", &text, *at);
    }
}

/// Returns what podman calls a container network: with a digest of what it is, so that a changed one is another one.
pub fn network_name(host: &Host, name: &str, it: &Bridge) -> String {
    let mut problems = Problems::default();
    let mut out = Writer::new(host, &mut problems);
    bridge_keys(&mut out, it);
    format!("{name}-{}", Digest::of(out.unit.meaning().as_bytes()).short())
}

/// Writes a container network. `all` names those of its host: no other of ours may stay, for it may have the addresses.
pub fn bridge(out: &mut Writer<'_>, cloud: &str, name: &str, it: &Bridge, all: &[String]) {
    out.unit.add_meta(
        "Unit",
        "Description",
        encode::prose(&format!("{name}, a container network of {cloud}")),
    );
    bridge_keys(out, it);
    out.raw("Network", "NetworkName", &network_name(out.host, name, it), it.at);
    out.unit.add_meta("Network", "Label", format!("{NETWORK_LABEL}={name}"));
    // A switch stops the users of a network before another takes its place, and at boot nothing runs yet. One that is in
    // use stays all the same: podman does not remove it.
    let stay = all.join(" ");
    let each = format!(
        "case \" {stay} \" in *\" $$n \"*) continue;; esac; \
         podman ps -aq --filter network=$$n | xargs -r podman rm; podman network rm $$n"
    );
    let list = format!("podman network ls -q --filter label={NETWORK_LABEL}");
    out.unit.add_meta(
        "Service",
        "ExecStartPre",
        format!("-/bin/sh -c 'for n in $$({list}); do {each}; done'"),
    );
}

/// The label of all networks that a description asked for.
const NETWORK_LABEL: &str = "kolla-lang.network";

fn bridge_keys(out: &mut Writer<'_>, it: &Bridge) {
    let Bridge { at, driver, subnet, gateway, parent, mtu, internal, dns } = it;
    let driver = match driver {
        Driver::Bridge => "bridge",
        Driver::Macvlan => "macvlan",
        Driver::Ipvlan => "ipvlan",
    };
    out.key("Network", "Driver", driver.to_owned(), *at);
    for (key, value) in [("Subnet", subnet), ("Gateway", gateway)] {
        if let Some(value) = value {
            out.raw("Network", key, value.as_str(), value.at);
        }
    }
    if *internal {
        out.key("Network", "Internal", "true".to_owned(), *at);
    }
    if !*dns {
        out.key("Network", "DisableDNS", "true".to_owned(), *at);
    }
    let mtu = mtu.as_ref().map(|mtu| format!("mtu={}", mtu.value));
    let parent = parent.as_ref().map(|parent| format!("parent={parent}"));
    let options: Vec<String> = mtu.into_iter().chain(parent).collect();
    if !options.is_empty() {
        out.raw("Network", "Options", &options.join(","), *at);
    }
}

fn head(out: &mut Writer<'_>, cloud: &str, name: &str, what: &str) {
    out.unit.add_meta("Unit", "Description", encode::prose(&format!("{name}, a {what} of {cloud}")));
    out.unit.add_meta("Unit", "X-Kolla-Cloud", encode::prose(cloud));
    out.unit.add_meta("Unit", "X-Kolla-Unit", name);
    // Wanted and not required: where its folder is missing podman fails, and the unit is tried again.
    out.unit.add("Unit", "Wants", "kolla-lang-files.service");
    out.unit.add("Unit", "After", "kolla-lang-files.service");
}

/// What containers and tasks have in common.
fn run_keys(out: &mut Writer<'_>, name: &str, run: &Run, folder: Option<&str>, delivered: &Delivered) {
    let Run {
        image,
        contract,
        entrypoint,
        command,
        env,
        user,
        privileged,
        caps,
        mounts,
        files: _,
        permissions: _,
    } = run;
    let at = image.at;
    out.raw("Container", "Image", image.as_str(), at);
    out.raw("Container", "ContainerName", name, at);
    out.key("Container", "Pull", "never".to_owned(), at);
    out.word("Container", "Label", &format!("kolla-lang.unit={name}"), at);
    let texts = |all: &[Text]| all.iter().map(|word| word.as_str().to_owned()).collect::<Vec<_>>();
    if !entrypoint.is_empty() {
        let value = encode::json_words(texts(entrypoint).iter().map(String::as_str));
        out.encoded("Container", "Entrypoint", value, entrypoint[0].at, entrypoint[0].as_str());
    }
    // Kolla's images are told by config.json, and start by their own command.
    if *contract == Contract::Direct && !command.is_empty() {
        let value = encode::words(texts(command).iter().map(String::as_str));
        out.encoded("Container", "Exec", value, command[0].at, command[0].as_str());
    }
    if *contract == Contract::Kolla {
        let service_name = name.replace('_', "-");
        for (key, value) in [("KOLLA_CONFIG_STRATEGY", "COPY_ALWAYS"), ("KOLLA_SERVICE_NAME", &service_name)]
        {
            if !env.iter().any(|(given, _)| &**given == key) {
                out.word("Container", "Environment", &format!("{key}={value}"), at);
            }
        }
    }
    for (key, value) in env {
        out.word("Container", "Environment", &format!("{key}={value}"), value.at);
    }
    if let Some(user) = user {
        out.raw("Container", "User", user.as_str(), user.at);
    }
    if *privileged {
        out.key("Container", "PodmanArgs", "--privileged".to_owned(), at);
    }
    for capability in caps {
        out.word("Container", "AddCapability", capability.as_str(), capability.at);
    }
    if let Some(folder) = folder {
        if *contract == Contract::Kolla {
            out.key("Container", "Volume", format!("{folder}:{CONFIG_FILES}:ro"), at);
        }
        for (file, inside) in &delivered.mounted {
            out.raw("Container", "Volume", &format!("{folder}/{file}:{inside}:ro"), inside.at);
        }
        // The folder it last started with, where scripts inside Kolla's images look for it.
        out.unit.add("Service", "ExecStartPre", "/usr/bin/mkdir -p /run/kolla-lang/etc");
        out.unit.add(
            "Service",
            "ExecStartPre",
            format!("/usr/bin/ln -sfn {folder} /run/kolla-lang/etc/{name}"),
        );
    }
    for inside in &delivered.in_memory {
        // Podman copies what the image has there, and gives the folder itself to root: everybody inside may enter it.
        out.raw("Container", "Tmpfs", &format!("{inside}:mode=0755"), at);
    }
    for (inside, mount) in mounts {
        mount_key(out, inside, mount);
    }
}

fn mount_key(out: &mut Writer<'_>, inside: &str, mount: &crate::model::Mount) {
    let crate::model::Mount { at, source, write, propagation } = mount;
    let mut options = BTreeSet::new();
    if !*write {
        options.insert("ro");
    }
    match propagation {
        Propagation::Private => {}
        Propagation::Slave => drop(options.insert("slave")),
        Propagation::Shared => drop(options.insert("shared")),
    }
    let options: Vec<&str> = options.into_iter().collect();
    let tail = if options.is_empty() { String::new() } else { format!(":{}", options.join(",")) };
    match source {
        Source::Volume(name) => {
            out.raw("Container", "Volume", &format!("{name}.volume:{inside}{tail}"), name.at);
        }
        Source::Path(path) if path.as_str().contains(':') => {
            out.problems.push(errors::bad_unit(
                path.at,
                format!("`{path}` has a colon, which ends a path in a mount"),
            ));
        }
        Source::Path(path) => out.raw("Container", "Volume", &format!("{path}:{inside}{tail}"), path.at),
        Source::Tmpfs(size) => {
            let read_only = if *write { "" } else { ",ro" };
            out.raw("Container", "Tmpfs", &format!("{inside}:size={}{read_only}", size.value), *at);
        }
    }
}

fn health_keys(out: &mut Writer<'_>, health: &Health) {
    let Health { at, test, interval, timeout, retries, start, unhealthy } = health;
    // Podman runs a list of several words as it stands, and gives a single one to a shell; `env` makes it several. (A list
    // that begins with CMD, as an image's would, it takes apart at blanks.)
    let env = (test.len() == 1).then_some("env");
    let words: Vec<&str> = env.into_iter().chain(test.iter().map(At::as_str)).collect();
    let value = encode::json_words(words.iter().copied());
    out.encoded("Container", "HealthCmd", value.clone(), *at, "the health check");
    // Asked often until it first answers: what waits for it would else wait for the next interval.
    out.encoded("Container", "HealthStartupCmd", value, *at, "the health check");
    out.key(
        "Container",
        "HealthStartupInterval",
        format!("{}s", whole_secs(*interval).min(STARTUP_SECS)),
        *at,
    );
    out.key("Container", "HealthStartupTimeout", format!("{}s", whole_secs(*timeout)), *at);
    let secs = |it: &Duration| format!("{}s", whole_secs(*it));
    out.key("Container", "HealthInterval", secs(interval), *at);
    out.key("Container", "HealthTimeout", secs(timeout), *at);
    out.key("Container", "HealthRetries", retries.to_string(), *at);
    out.key("Container", "HealthStartPeriod", secs(start), *at);
    let action = match unhealthy {
        OnUnhealthy::Report => return,
        OnUnhealthy::Kill => "kill",
        OnUnhealthy::Restart => "restart",
        OnUnhealthy::Stop => "stop",
    };
    out.key("Container", "HealthOnFailure", action.to_owned(), *at);
}

/// Limits of processes: systemd sets them on podman, and podman hands its own on. Set by podman itself they would fail
/// where the machine's hard limit is lower.
fn ulimit_keys(out: &mut Writer<'_>, ulimits: &[(std::sync::Arc<str>, Ulimit)]) {
    const KNOWN: [&str; 16] = [
        "as",
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
    for (name, Ulimit { at, soft, hard }) in ulimits {
        if KNOWN.contains(&&**name) {
            out.unit.add("Service", &format!("Limit{}", name.to_uppercase()), format!("{soft}:{hard}"));
        } else {
            let report = errors::bad_value(*at, format!("there is no limit `{name}`"));
            out.problems.push(report.help_opt(kl::diag::did_you_mean(name, KNOWN)));
        }
    }
    if let Some((_, first)) = ulimits.first() {
        out.key("Container", "Ulimit", "host".to_owned(), first.at);
    }
}

fn limit_keys(out: &mut Writer<'_>, limits: &Limits) {
    let Limits { memory, cpus, tasks, oom_score } = limits;
    if let Some(memory) = memory {
        out.unit.add("Service", "MemoryMax", memory.value.to_string());
    }
    if let Some(cpus) = cpus {
        out.unit.add("Service", "CPUQuota", format!("{:.0}%", (cpus.value * 100.0).max(1.0)));
    }
    if let Some(tasks) = tasks {
        out.unit.add("Service", "TasksMax", tasks.value.to_string());
    }
    if let Some(oom_score) = oom_score {
        out.unit.add("Service", "OOMScoreAdjust", oom_score.value.to_string());
    }
}

/// Whole seconds, rounded up.
pub fn whole_secs(it: Duration) -> u64 {
    it.as_secs() + u64::from(it.subsec_nanos() > 0)
}

/// Seconds that systemd gives a container to stop.
pub fn stop_secs(it: &Container) -> u64 {
    let drain = if it.drain.is_empty() { 0 } else { whole_secs(it.drain_within) };
    drain + whole_secs(it.stop) + SLACK_SECS
}

fn shorten(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(40).collect();
    if line.len() < text.len() { format!("{line}…") } else { line }
}
