//! From the model to what podman and systemd are told, for containers, tasks, volumes and container networks.
//!
//! What is told here and why: `Wants=` and never `Requires=` between containers, for a required unit's restart would
//! restart its users; `Pull=never`, for images are there before anything starts; no `Notify=healthy`, for at boot it would
//! wait for other hosts; limits on the unit, for there they hold wherever the host has the controllers.

use super::contract::{CONFIG_FILES, Delivered};
use super::encode;
use super::limits;
use super::lowered::{Lowering, Value};
use kl::source::Span;
use model::{
    At, Bridge, Container, Contract, Driver, Health, Mount, Network, OnUnhealthy, Propagation, Restart, Run,
    Source, Task, Text, Volume, errors,
};
use plan::order::service;
use std::collections::BTreeSet;
use std::time::Duration;
use store::Digest;

/// Seconds that podman itself may take beyond what the container takes.
const SLACK_SECS: u64 = 15;

/// Seconds between health checks until the first success.
const STARTUP_SECS: u64 = 2;

/// The first systemd whose delay between restarts can grow.
const GROWING_DELAY: u64 = 254;

/// Lowers a container that is kept running.
pub fn container(
    out: &mut Lowering<'_>,
    cloud: &str,
    it: &Container,
    folder: Option<&str>,
    files: &Delivered,
) {
    let Container {
        name,
        at,
        run,
        workdir,
        hostname,
        network,
        listens: _,
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
        needs_units,
        after,
        change: _,
        drain,
        drain_within,
        gate: _,
    } = it;
    head(out, cloud, name, "container");
    let units = needs_units.iter().map(Text::to_string);
    for need in needs.iter().map(|it| service(it.as_str())).chain(units) {
        out.out.unit.add("Unit", "Wants", &need);
        out.out.unit.add("Unit", "After", need);
    }
    // Of another host's tasks systemd here knows nothing; the order across hosts is the switch's.
    for task in after {
        out.out.unit.add("Unit", "After", service(task.as_str()));
    }
    // It never gives up: after a power cut a member may wait long for the others.
    out.out.unit.add("Unit", "StartLimitIntervalSec", "0");

    run_settings(out, name, run, folder, files);
    match network {
        Network::Host => out.text("Network", "host", *at),
        Network::Isolated => out.text("Network", "none", *at),
        Network::Bridge(bridge) => join(out, bridge),
    }
    for port in publish {
        if matches!(network, Network::Bridge(_)) {
            out.text("PublishPort", port.value.text.as_str(), port.at);
        } else {
            out.problems
                .push(errors::bad_value(port.at, "only a container in a bridge network publishes ports"));
        }
    }
    for (flag, option) in
        [(host_pid, "--pid=host"), (host_ipc, "--ipc=host"), (host_cgroup, "--cgroupns=host")]
    {
        if *flag {
            out.set("PodmanArgs", Value::Arguments(option), *at);
        }
    }
    if let Some(folder) = workdir {
        out.text("WorkingDir", folder.as_str(), folder.at);
    }
    if let Some(hostname) = hostname {
        out.text("HostName", hostname.as_str(), hostname.at);
    }
    for capability in drop {
        out.text("DropCapability", capability.as_str(), capability.at);
    }
    let flags = [
        (*no_new_privileges, "NoNewPrivileges"),
        (!*labels, "SecurityLabelDisable"),
        (*read_only, "ReadOnly"),
        (*init, "RunInit"),
    ];
    for (flag, key) in flags {
        if flag {
            out.yes(key, *at);
        }
    }
    if let Some(shm) = shm {
        out.text("ShmSize", shm.value.to_string(), shm.at);
    }
    for device in devices {
        out.text("AddDevice", device.as_str(), device.at);
    }
    if let Some(signal) = stop_signal {
        out.text("StopSignal", signal.as_str(), signal.at);
    }
    out.text("StopTimeout", whole_secs(*stop).to_string(), *at);
    if let Some(health) = health {
        health_settings(out, health);
    }
    limits::processes(out, ulimits);
    limits::container(out, limits);
    restart_lines(out, *restart);
    out.service("TimeoutStartSec", whole_secs(*start).to_string());
    out.service("TimeoutStopSec", stop_secs(it).to_string());
    if !drain.is_empty() {
        // What does not drain in time is stopped all the same.
        let prefix = format!("-/usr/bin/timeout {} /usr/bin/podman exec {name} ", whole_secs(*drain_within));
        out.command("ExecStop", &prefix, drain);
    }
}

/// Lowers a container that runs to completion. Nothing wants it: a switch starts it, once per key.
pub fn task(out: &mut Lowering<'_>, cloud: &str, it: &Task, folder: Option<&str>, files: &Delivered) {
    // When and after what it runs is the plan's, and stands in the manifest.
    let Task { name, at, on: _, once: _, class: _, repeat: _, after: _, after_healthy: _, timeout, run } = it;
    head(out, cloud, name, "task");
    run_settings(out, name, run, folder, files);
    out.text("Network", "host", *at);
    for (key, value) in [("Type", "oneshot"), ("RemainAfterExit", "no"), ("Restart", "no")] {
        out.service(key, value);
    }
    out.service("TimeoutStartSec", whole_secs(*timeout).to_string());
}

/// Lowers a named volume. Its name is its own on every host and in every generation: what it holds outlives them.
pub fn volume(out: &mut Lowering<'_>, cloud: &str, name: &str, it: &Volume) {
    let Volume { at, device, fs, options, ephemeral: _, format: _ } = it;
    describe(out, cloud, name, "volume");
    out.text("VolumeName", name, *at);
    out.text("Label", "kolla-lang.volume=true", *at);
    for (key, value) in [("Device", device), ("Type", fs)] {
        if let Some(value) = value {
            out.text(key, value.as_str(), value.at);
        }
    }
    if !options.is_empty() {
        out.text("Options", options.iter().map(At::as_str).collect::<Vec<_>>().join(","), *at);
    }
}

/// The label of all networks that a description asked for.
const NETWORK_LABEL: &str = "kolla-lang.network";

/// Lowers a container network. `all` names those of its host: no other of ours may stay, for it may have the addresses.
pub fn bridge(out: &mut Lowering<'_>, cloud: &str, name: &str, it: &Bridge, all: &[String]) {
    describe(out, cloud, name, "container network");
    for (key, value, at) in bridge_options(it) {
        match value {
            Some(value) => out.text(key, value, at),
            None => out.yes(key, at),
        }
    }
    out.text("NetworkName", network_name(name, it), it.at);
    out.set_meta("Label", Value::Text(format!("{NETWORK_LABEL}={name}")), it.at);
    // A switch stops the users of a network before another takes its place, and at boot nothing runs yet. One that is in
    // use stays all the same: podman does not remove it.
    let stay = all.join(" ");
    let each = format!(
        "case \" {stay} \" in *\" $$n \"*) continue;; esac; \
         podman ps -aq --filter network=$$n | xargs -r podman rm; podman network rm $$n"
    );
    let list = format!("podman network ls -q --filter label={NETWORK_LABEL}");
    let line = format!("-/bin/sh -c 'for n in $$({list}); do {each}; done'");
    out.out.unit.add_meta("Service", "ExecStartPre", line);
}

type Options = Vec<(&'static str, Option<String>, Span)>;

/// What a container network is, in order; without a value what only holds.
fn bridge_options(it: &Bridge) -> Options {
    let Bridge { at, driver, subnet, gateway, parent, mtu, internal, dns } = it;
    let driver = match driver {
        Driver::Bridge => "bridge",
        Driver::Macvlan => "macvlan",
        Driver::Ipvlan => "ipvlan",
    };
    let mut options: Options = vec![("Driver", Some(driver.to_owned()), *at)];
    for (key, value) in [("Subnet", subnet), ("Gateway", gateway)] {
        options.extend(value.iter().map(|value| (key, Some(value.to_string()), value.at)));
    }
    for (key, holds) in [("Internal", *internal), ("DisableDNS", !*dns)] {
        options.extend(holds.then_some((key, None, *at)));
    }
    options.extend(mtu.iter().map(|mtu| ("Options", Some(format!("mtu={}", mtu.value)), mtu.at)));
    options.extend(parent.iter().map(|it| ("Options", Some(format!("parent={it}")), it.at)));
    options
}

/// Returns what podman calls a container network: with a digest of what it is, so that a changed one is another one.
pub fn network_name(name: &str, it: &Bridge) -> String {
    let line = |(key, value, _): (&str, Option<String>, Span)| {
        format!("{key}={}\n", value.as_deref().unwrap_or("true"))
    };
    let text: String = bridge_options(it).into_iter().map(line).collect();
    format!("{name}-{}", Digest::of(format!("[Network]\n{text}").as_bytes()).short())
}

/// Puts a container into a network of its host.
fn join(out: &mut Lowering<'_>, bridge: &Text) {
    let known = out.host.bridges.iter().find(|(name, _)| **name == *bridge.value);
    // A key of the map, so there is one.
    let name = known.map(|(name, it)| network_name(name, it)).unwrap_or_default();
    out.set("Network", Value::Network(bridge.to_string(), name), bridge.at);
}

fn describe(out: &mut Lowering<'_>, cloud: &str, name: &str, what: &str) {
    out.out.unit.add_meta("Unit", "Description", encode::prose(&format!("{name}, a {what} of {cloud}")));
}

fn head(out: &mut Lowering<'_>, cloud: &str, name: &str, what: &str) {
    describe(out, cloud, name, what);
    out.out.unit.add_meta("Unit", "X-Kolla-Cloud", encode::prose(cloud));
    out.out.unit.add_meta("Unit", "X-Kolla-Unit", name);
    // Wanted and not required: where its folder is missing podman fails, and the unit is tried again.
    out.out.unit.add("Unit", "Wants", "kolla-lang-files.service");
    out.out.unit.add("Unit", "After", "kolla-lang-files.service");
}

/// What containers and tasks have in common.
fn run_settings(out: &mut Lowering<'_>, name: &str, run: &Run, folder: Option<&str>, delivered: &Delivered) {
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
    out.text("Image", image.as_str(), at);
    out.text("ContainerName", name, at);
    out.text("Pull", "never", at);
    out.text("Label", format!("kolla-lang.unit={name}"), at);
    if let Some(first) = entrypoint.first() {
        out.json("Entrypoint", entrypoint.iter().map(At::as_str), first.at);
    }
    // Kolla's images are told by config.json, and start by their own command.
    if let (Contract::Direct, Some(first)) = (contract, command.first()) {
        out.set("Exec", Value::Words(command.iter().map(At::to_string).collect()), first.at);
    }
    if *contract == Contract::Kolla {
        let service_name = name.replace('_', "-");
        for (key, value) in [("KOLLA_CONFIG_STRATEGY", "COPY_ALWAYS"), ("KOLLA_SERVICE_NAME", &service_name)]
        {
            if !env.iter().any(|(given, _)| &**given == key) {
                out.text("Environment", format!("{key}={value}"), at);
            }
        }
    }
    for (key, value) in env {
        out.text("Environment", format!("{key}={value}"), value.at);
    }
    if let Some(user) = user {
        out.text("User", user.as_str(), user.at);
    }
    if *privileged {
        out.set("PodmanArgs", Value::Arguments("--privileged"), at);
    }
    for capability in caps {
        out.text("AddCapability", capability.as_str(), capability.at);
    }
    if let Some(folder) = folder {
        if *contract == Contract::Kolla {
            mount_path(out, folder, CONFIG_FILES, ":ro", at);
        }
        for (file, inside) in &delivered.mounted {
            mount_path(out, &format!("{folder}/{file}"), inside.as_str(), ":ro", inside.at);
        }
        // The folder it last started with, where scripts inside Kolla's images look for it.
        out.service("ExecStartPre", "/usr/bin/mkdir -p /run/kolla-lang/etc");
        out.service("ExecStartPre", format!("/usr/bin/ln -sfn {folder} /run/kolla-lang/etc/{name}"));
    }
    for inside in &delivered.in_memory {
        // Podman copies what the image has there, and gives the folder itself to root: everybody inside may enter it.
        out.text("Tmpfs", format!("{inside}:mode=0755"), at);
    }
    for (inside, it) in mounts {
        mount(out, inside, it);
    }
}

fn mount(out: &mut Lowering<'_>, inside: &str, it: &Mount) {
    let Mount { at, source, write, propagation } = it;
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
            out.set("Volume", Value::Volume(name.to_string(), format!("{inside}{tail}")), name.at);
        }
        Source::Path(path) if path.as_str().contains(':') => {
            out.problems.push(errors::bad_unit(
                path.at,
                format!("`{path}` has a colon, which ends a path in a mount"),
            ));
        }
        Source::Path(path) => mount_path(out, path.as_str(), inside, &tail, path.at),
        Source::Tmpfs(size) => {
            let read_only = if *write { "" } else { ",ro" };
            out.text("Tmpfs", format!("{inside}:size={}{read_only}", size.value), *at);
        }
    }
}

fn mount_path(out: &mut Lowering<'_>, path: &str, inside: &str, tail: &str, at: Span) {
    out.text("Volume", format!("{path}:{inside}{tail}"), at);
    out.out.paths.push(path.to_owned());
}

fn health_settings(out: &mut Lowering<'_>, health: &Health) {
    let Health { at, test, interval, timeout, retries, start, unhealthy } = health;
    // Podman runs a list of several words as it stands, and gives a single one to a shell; `env` makes it several. (A list
    // that begins with CMD, as an image's would, it takes apart at blanks.)
    let env = (test.len() == 1).then_some("env");
    let words: Vec<&str> = env.into_iter().chain(test.iter().map(At::as_str)).collect();
    let secs = |it: &Duration| format!("{}s", whole_secs(*it));
    out.json("HealthCmd", words.iter().copied(), *at);
    // Asked often until it first answers: what waits for it would else wait for the next interval.
    out.json("HealthStartupCmd", words.iter().copied(), *at);
    out.text("HealthStartupInterval", format!("{}s", whole_secs(*interval).min(STARTUP_SECS)), *at);
    out.text("HealthStartupTimeout", secs(timeout), *at);
    out.text("HealthInterval", secs(interval), *at);
    out.text("HealthTimeout", secs(timeout), *at);
    out.text("HealthRetries", retries.to_string(), *at);
    out.text("HealthStartPeriod", secs(start), *at);
    match unhealthy {
        OnUnhealthy::Report => {}
        OnUnhealthy::Kill => out.text("HealthOnFailure", "kill", *at),
        OnUnhealthy::Restart => out.text("HealthOnFailure", "restart", *at),
        OnUnhealthy::Stop => out.text("HealthOnFailure", "stop", *at),
    }
}

fn restart_lines(out: &mut Lowering<'_>, restart: Restart) {
    let word = match restart {
        Restart::Always => "always",
        Restart::OnFailure => "on-failure",
        Restart::No => "no",
    };
    out.service("Restart", word);
    if restart != Restart::No {
        // From one second to half a minute in six steps: quick after a hiccup, quiet while a database is away.
        let first = if out.host.systemd < GROWING_DELAY { "5" } else { "1" };
        out.service("RestartSec", first);
        out.service("RestartSteps", "6");
        out.service("RestartMaxDelaySec", "30");
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
