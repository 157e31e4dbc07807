//! A host's closure: every unit, every rendered file, and the manifest that says what they mean.

use super::contract::{self, Delivered};
use super::document::render_file;
use super::keys::{FIRST_QUADLET, Podman};
use super::quadlet::{self, Writer, whole_secs};
use super::systemd;
use super::unit::UnitText;
use crate::model::{
    self, At, Backend, Cloud, Container, Contract, File, Host, SecretKind, Text, UnitChange, errors,
};
use crate::plan::order::service;
use crate::plan::{self, HostPlan};
use crate::store::closure::folder_path;
use crate::store::digest::Hasher;
use crate::store::manifest::{
    self, Ask, Change, Delivery, Digests, Gate, HostFile, Manifest, Probe, SecretSpec, Task, TaskClass, Unit,
    UnitKind, Wait,
};
use crate::store::{Closure, Digest};
use kl::diag::Problems;
use kl::source::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Renders a host's plan. The closure is whole only when nothing was reported as an error.
pub fn render_host(plan: &HostPlan<'_>) -> (Closure, Problems) {
    let HostPlan { cloud, host, tasks, order } = plan;
    let mut out = Output {
        cloud,
        host,
        closure: Closure::new(empty_manifest(cloud, host)),
        needs_podman: FIRST_QUADLET,
        problems: Problems::default(),
    };
    out.check_backend(!tasks.is_empty());
    for container in &host.containers {
        out.container(container);
    }
    for task in tasks {
        out.task(task);
    }
    for (name, volume) in &host.volumes {
        out.volume(name, volume);
    }
    let networks: Vec<String> =
        host.bridges.iter().map(|(name, bridge)| quadlet::network_name(host, name, bridge)).collect();
    for ((name, bridge), network) in host.bridges.iter().zip(&networks) {
        out.bridge(name, bridge, network, &networks);
    }
    for (name, timer) in &host.timers {
        out.timer(name, timer);
    }
    for (name, unit) in &host.units {
        out.raw_unit(name, unit);
    }
    for (path, file) in &host.files {
        out.host_file(path, file);
    }
    out.closure.manifest.order = order.iter().map(step).collect();
    out.finish()
}

fn step(step: &plan::Step) -> manifest::Step {
    let plan::Step { unit, after, wait } = step;
    let wait = match wait {
        plan::Wait::Started => Wait::Started,
        plan::Wait::Healthy => Wait::Healthy,
        plan::Wait::Done => Wait::Done,
    };
    manifest::Step { unit: unit.clone(), after: after.clone(), wait }
}

fn empty_manifest(cloud: &Cloud, host: &Host) -> Manifest {
    Manifest {
        version: manifest::VERSION,
        cloud: cloud.name.to_string(),
        host: host.name.to_string(),
        machine_id: None,
        backend: match host.backend.value {
            Backend::Quadlet => manifest::Backend::Quadlet,
            Backend::Systemd => manifest::Backend::Systemd,
        },
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        podman: None,
        units: BTreeMap::new(),
        folders: Vec::new(),
        tasks: BTreeMap::new(),
        groups: groups(cloud, host),
        order: Vec::new(),
        files: BTreeMap::new(),
        sysctls: host.sysctls.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        modules: host.modules.iter().map(At::to_string).collect(),
        volumes: host.volumes.iter().map(|(name, _)| name.to_string()).collect(),
        images: Vec::new(),
        secrets: BTreeMap::new(),
    }
}

/// The groups that this host is part of.
fn groups(cloud: &Cloud, host: &Host) -> BTreeMap<String, manifest::Group> {
    let texts = |all: &[Text]| all.iter().map(At::to_string).collect::<Vec<_>>();
    let mine = |group: &model::Group| {
        let model::Group { name, at: _, members, quorum, max_unavailable, probe, progress, patience, rejoin } =
            group;
        let member = members.iter().find(|member| member.host == host.name)?;
        let rejoin = rejoin.as_ref().map(|model::Rejoin { position, begin }| manifest::Rejoin {
            position: texts(position),
            begin: texts(begin),
        });
        let group = manifest::Group {
            container: member.container.to_string(),
            hosts: members.iter().map(|member| member.host.to_string()).collect(),
            quorum: *quorum,
            max_unavailable: *max_unavailable,
            probe: texts(probe),
            progress: texts(progress),
            patience_secs: whole_secs(*patience),
            rejoin,
        };
        Some((name.to_string(), group))
    };
    cloud.groups.iter().filter_map(mine).collect()
}

/// A closure on its way.
struct Output<'a> {
    cloud: &'a Cloud,
    host: &'a Host,
    closure: Closure,
    needs_podman: Podman,
    problems: Problems,
}

/// A unit that is about to be added.
struct NewUnit<'a> {
    name: String,
    kind: UnitKind,
    files: Vec<(String, String)>,
    run: Option<(&'a str, &'a Text)>,
    digests: Digests,
    change: Change,
    gate: Gate,
    stop_secs: u64,
    start_secs: u64,
    boot: bool,
}

/// Where the folder of a container lies on its host, and what of it decides about restart and reload.
struct Placed {
    path: Option<String>,
    reload: Digest,
    told: String,
}

impl Output<'_> {
    fn finish(mut self) -> (Closure, Problems) {
        let manifest = &mut self.closure.manifest;
        if manifest.units.values().any(|unit| unit.container.is_some()) {
            manifest.podman = Some(self.needs_podman.to_string());
        }
        let images: BTreeSet<String> =
            manifest.units.values().filter_map(|unit| unit.image.clone()).collect();
        manifest.images = images.into_iter().collect();
        (self.closure, self.problems)
    }

    /// Containers need Quadlet; the other backend of the model is for hosts whose units are systemd's own.
    fn check_backend(&mut self, has_tasks: bool) {
        let Host { backend, podman, containers, .. } = self.host;
        let too_old = Podman::parse(podman.as_str()).is_some_and(|it| it < FIRST_QUADLET);
        if (backend.value == Backend::Systemd || too_old) && (!containers.is_empty() || has_tasks) {
            let message = format!(
                "containers need podman {FIRST_QUADLET} with Quadlet, and `{}` has podman {podman}",
                self.host.name
            );
            let report = errors::bad_unit(self.host.at, message);
            self.problems.push(report.label(podman.at, "its podman").label(backend.at, "its backend"));
        }
    }

    fn container(&mut self, it: &Container) {
        let delivered = contract::deliver(&it.name, &it.run, &mut self.problems);
        let live = match it.change {
            model::Change::Reload(_) => Delivery::Live(it.name.to_string()),
            _ => Delivery::Content,
        };
        let placed = self.place(&service(&it.name), live, &delivered);
        let mut writer = Writer::new(self.host, &mut self.problems);
        quadlet::container(&mut writer, &self.cloud.name.value, it, placed.path.as_deref(), &delivered);
        let (text, needs) = writer.finish();
        self.needs_podman = self.needs_podman.max(needs);
        let (text, digests) = sealed(text, &placed);
        self.unit(NewUnit {
            name: service(&it.name),
            kind: UnitKind::Container,
            files: vec![(format!("quadlet/{0}/{0}.container", it.name), text)],
            run: Some((&it.name, &it.run.image)),
            digests,
            change: change(it),
            gate: gate(it),
            stop_secs: quadlet::stop_secs(it),
            start_secs: whole_secs(it.start),
            boot: true,
        });
        if let (model::Network::Bridge(bridge), Some(unit)) =
            (&it.network, self.closure.manifest.units.get_mut(&service(&it.name)))
        {
            unit.uses = vec![network_service(bridge.as_str())];
        }
    }

    fn task(&mut self, it: &model::Task) {
        let delivered = contract::deliver(&it.name, &it.run, &mut self.problems);
        let placed = self.place(&service(&it.name), Delivery::Content, &delivered);
        let mut writer = Writer::new(self.host, &mut self.problems);
        quadlet::task(&mut writer, &self.cloud.name.value, it, placed.path.as_deref(), &delivered);
        let (text, needs) = writer.finish();
        self.needs_podman = self.needs_podman.max(needs);
        let (text, digests) = sealed(text, &placed);
        let class = match it.class {
            model::Class::Expand => TaskClass::Expand,
            model::Class::OneWay => TaskClass::OneWay,
            model::Class::Contract => TaskClass::Contract,
        };
        let task = Task {
            unit: service(&it.name),
            once: it.once.to_string(),
            class,
            volumes: self.written_volumes(&it.run),
        };
        self.closure.manifest.tasks.insert(it.name.to_string(), task);
        self.unit(NewUnit {
            name: service(&it.name),
            kind: UnitKind::Task,
            files: vec![(format!("quadlet/{0}/{0}.container", it.name), text)],
            run: Some((&it.name, &it.run.image)),
            digests,
            change: Change::Keep,
            gate: Gate::default(),
            stop_secs: whole_secs(it.timeout).min(60),
            start_secs: whole_secs(it.timeout),
            boot: false,
        });
    }

    /// Volumes that keep what a task does, sorted.
    fn written_volumes(&self, run: &model::Run) -> Vec<String> {
        let is_scratch =
            |name: &Text| self.host.volumes.iter().any(|(it, volume)| **it == *name.value && volume.scratch);
        let volume = |(_, mount): &(std::sync::Arc<str>, model::Mount)| match &mount.source {
            model::Source::Volume(name) if mount.write && !is_scratch(name) => Some(name.to_string()),
            _ => None,
        };
        let names: BTreeSet<String> = run.mounts.iter().filter_map(volume).collect();
        names.into_iter().collect()
    }

    fn volume(&mut self, name: &str, it: &model::Volume) {
        let mut writer = Writer::new(self.host, &mut self.problems);
        quadlet::volume(&mut writer, &self.cloud.name.value, name, it);
        let (text, needs) = writer.finish();
        self.needs_podman = self.needs_podman.max(needs);
        self.plain(
            format!("{name}-volume.service"),
            UnitKind::Volume,
            format!("quadlet/{name}/{name}.volume"),
            &text,
            Change::Keep,
        );
    }

    fn bridge(&mut self, name: &str, it: &model::Bridge, network: &str, all: &[String]) {
        let mut writer = Writer::new(self.host, &mut self.problems);
        quadlet::bridge(&mut writer, &self.cloud.name.value, name, it, all);
        let (text, needs) = writer.finish();
        self.needs_podman = self.needs_podman.max(needs);
        let path = format!("quadlet/{name}/{name}.network");
        let unit_name = network_service(name);
        self.plain(unit_name.clone(), UnitKind::Network, path, &text, Change::Restart);
        if let Some(unit) = self.closure.manifest.units.get_mut(&unit_name) {
            unit.network = Some(network.to_owned());
        }
    }

    fn timer(&mut self, name: &str, it: &model::Timer) {
        let (timer, run) = systemd::timer(&self.cloud.name.value, name, it, &mut self.problems);
        let (timer_name, run_name) = (format!("{name}.timer"), service(name));
        let timer_path = format!("units/{timer_name}");
        self.plain(timer_name.clone(), UnitKind::Timer, timer_path, &timer, Change::Restart);
        if let Some(unit) = self.closure.manifest.units.get_mut(&timer_name) {
            unit.boot = true;
        }
        self.plain(run_name.clone(), UnitKind::Raw, format!("units/{run_name}"), &run, Change::Keep);
    }

    /// A unit with one file and nothing that it runs.
    fn plain(&mut self, name: String, kind: UnitKind, path: String, text: &UnitText, change: Change) {
        self.unit(NewUnit {
            name,
            kind,
            files: vec![(path, text.text())],
            run: None,
            digests: digests(text.meaning().as_bytes(), &Digest::of(b""), text.meta().as_bytes()),
            change,
            gate: Gate::default(),
            stop_secs: 30,
            start_secs: 30,
            boot: false,
        });
    }

    fn raw_unit(&mut self, name: &str, it: &model::RawUnit) {
        let model::RawUnit { at: _, text, wanted_by, change } = it;
        let written = systemd::raw(text.as_str(), wanted_by);
        let change = match change {
            UnitChange::Restart => Change::Restart,
            UnitChange::Reload => Change::Reload { command: Vec::new() },
            UnitChange::Keep => Change::Keep,
        };
        self.unit(NewUnit {
            name: name.to_owned(),
            kind: UnitKind::Raw,
            digests: digests(written.as_bytes(), &Digest::of(b""), b""),
            files: vec![(format!("units/{name}"), written)],
            run: None,
            change,
            gate: Gate::default(),
            stop_secs: 90,
            start_secs: 90,
            boot: !wanted_by.is_empty(),
        });
    }

    fn host_file(&mut self, path: &str, file: &File) {
        let Some(rendered) = render_file(path, file, &mut self.problems) else { return };
        if !rendered.holes.is_empty() {
            let report = errors::bad_document(
                file.content.origin.at,
                format!("`{path}` is a file of the host and holds a secret"),
            );
            self.problems
                .push(report.help("give secrets to containers; files of the host are kept on its disk"));
        }
        let (owner, group) = contract::owner_and_group(file.owner.as_str());
        let mut hasher = Hasher::new("host-file");
        hasher.field(&rendered.text).field(owner).field(group).number(u64::from(file.mode));
        let kept = HostFile {
            path: format!("files/host{path}"),
            owner: owner.to_owned(),
            group: group.to_owned(),
            mode: file.mode,
            format: contract::format(file.format),
            digest: hasher.finish(),
        };
        self.closure.add_file(kept.path.clone(), rendered.text, 0o644);
        self.closure.manifest.files.insert(path.to_owned(), kept);
    }

    fn unit(&mut self, new: NewUnit<'_>) {
        let NewUnit { name, kind, files, run, digests, change, gate, stop_secs, start_secs, boot } = new;
        let paths = files.iter().map(|(path, _)| path.clone()).collect();
        for (path, text) in files {
            self.closure.add_file(path, text, 0o644);
        }
        let unit = Unit {
            kind,
            files: paths,
            container: run.map(|(name, _)| name.to_owned()),
            image: run.map(|(_, image)| image.to_string()),
            digests,
            change,
            gate,
            stop_secs,
            start_secs,
            boot,
            network: None,
            uses: Vec::new(),
        };
        self.closure.manifest.units.insert(name, unit);
    }

    /// Adds the folder of a unit to the closure.
    fn place(&mut self, unit: &str, delivery: Delivery, delivered: &Delivered) -> Placed {
        let nothing = Digest::of(b"");
        let told = delivered.config_json.clone().unwrap_or_default();
        if delivered.files.is_empty() {
            return Placed { path: None, reload: nothing, told };
        }
        let mut files = Vec::new();
        for (file, bytes, at) in &delivered.files {
            let mut file = file.clone();
            file.holes.retain_mut(|hole| self.secret(hole, *at));
            files.push((file, bytes.clone()));
        }
        let is_live = matches!(delivery, Delivery::Live(_));
        let path = self.closure.add_folder(unit, delivery, files);
        let digest =
            self.closure.manifest.folders.last().map_or(nothing.clone(), |folder| folder.digest.clone());
        if is_live {
            return Placed { path: Some(path), reload: digest, told };
        }
        debug_assert_eq!(path, folder_path(&Delivery::Content, &digest));
        Placed { path: Some(path), reload: nothing, told: String::new() }
    }

    /// Finds the secret that a hole names, and names its part as that kind of secret does.
    fn secret(&mut self, hole: &mut manifest::Hole, at: Span) -> bool {
        let Some((_, spec)) = self.cloud.secrets.iter().find(|(name, _)| **name == *hole.secret) else {
            self.problems.push(errors::bad_value(at, format!("there is no secret `{}`", hole.secret)));
            return false;
        };
        let index = hole.part.as_deref().and_then(|part| part.parse::<u32>().ok());
        let (kind, part, parts) = match spec.kind {
            SecretKind::Password { length } => (manifest::SecretKind::Password { length }, None, "no parts"),
            SecretKind::Uuid => (manifest::SecretKind::Uuid, None, "no parts"),
            SecretKind::Keyring => (manifest::SecretKind::Keyring, None, "no parts"),
            SecretKind::SshKey => {
                let part = index
                    .and_then(|index| ["private", "public"].get(index as usize).map(|it| it.to_string()));
                (manifest::SecretKind::SshKey, part, "two parts, 0 the private and 1 the public one")
            }
            SecretKind::Fernet { count } => {
                let part = index.filter(|index| *index < count).map(|index| index.to_string());
                (manifest::SecretKind::Fernet { count }, part, "as many parts as keys, from 0")
            }
        };
        if hole.part.is_some() != part.is_some() || (part.is_none() && parts != "no parts") {
            let report =
                errors::bad_value(at, format!("the secret `{}` is not used as what it is", hole.secret));
            self.problems.push(
                report
                    .label(spec.at, format!("it has {parts}"))
                    .help("name a part with `secret_part`, or none with `secret`"),
            );
            return false;
        }
        hole.part = part;
        // Rotation is not there yet: every secret is in its first version.
        self.closure.manifest.secrets.insert(hole.secret.clone(), SecretSpec { kind, version: 1 });
        true
    }
}

/// Adds to a unit the marks that carry its own digest: in [Unit] for the file, as a label for the container.
fn sealed(mut text: UnitText, placed: &Placed) -> (String, Digests) {
    let mut meaning = text.meaning();
    meaning.push_str(&placed.told);
    let digests = digests(meaning.as_bytes(), &placed.reload, text.meta().as_bytes());
    text.add_meta("Unit", "X-Kolla-Digest", digests.restart.as_str());
    text.add_meta("Container", "Label", format!("kolla-lang.digest={}", digests.restart));
    (text.text(), digests)
}

fn digests(meaning: &[u8], reload: &Digest, meta: &[u8]) -> Digests {
    Digests { restart: Digest::of(meaning), reload: reload.clone(), meta: Digest::of(meta) }
}

fn change(it: &Container) -> Change {
    match &it.change {
        model::Change::Restart => Change::Restart,
        model::Change::StopStart => Change::StopStart,
        model::Change::Keep => Change::Keep,
        model::Change::Manual => Change::Manual,
        model::Change::Dataplane => Change::Dataplane,
        model::Change::Reload(words) => {
            let words: Vec<String> = words.iter().map(At::to_string).collect();
            match it.run.contract {
                Contract::Direct => Change::Reload { command: words },
                // Kolla's images copy their files; the new ones are copied before anybody is told to read them.
                Contract::Kolla => {
                    let first = ["bash", "-c", "sudo -E kolla_set_configs && \"$@\"", "reload"];
                    Change::Reload { command: first.into_iter().map(str::to_owned).chain(words).collect() }
                }
            }
        }
    }
}

fn gate(it: &Container) -> Gate {
    let model::Gate { soak, probes, progress } = &it.gate;
    let probe = |(name, probe): &(std::sync::Arc<str>, model::Probe)| {
        let ask = match &probe.ask {
            // A missing address was reported when it was read.
            model::Ask::Tcp(address, port) => Ask::Tcp { address: (*address)?, port: *port },
            model::Ask::Http { address, port, path, status } => {
                Ask::Http { address: (*address)?, port: *port, path: path.to_string(), status: *status }
            }
            model::Ask::Command(words) => Ask::Command { command: words.iter().map(At::to_string).collect() },
        };
        Some((name.to_string(), Probe { ask, timeout_secs: whole_secs(probe.timeout) }))
    };
    Gate {
        healthy: it.health.is_some(),
        soak_secs: whole_secs(*soak),
        probes: probes.iter().filter_map(probe).collect(),
        progress: progress.iter().map(At::to_string).collect(),
    }
}

/// The name systemd knows a container network by.
fn network_service(name: &str) -> String {
    format!("{name}-network.service")
}
