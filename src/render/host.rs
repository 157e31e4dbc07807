//! A host's closure: every unit, every rendered file, and the manifest that says what they mean.

use super::contract::{self, Delivered};
use super::document::render_file;
use super::encode;
use super::keys::{FIRST_QUADLET, OLDEST, Podman};
use super::lower::{self, whole_secs};
use super::lowered::{self, Form, Lowered, Lowering};
use super::podman::{Rules, lacks_once};
use super::policy::{change, gate, groups, step};
use super::precheck::prechecks;
use super::seal::{self, Draft, digests};
use super::unit::UnitText;
use super::{quadlet, run, secret, systemd};
use kl::diag::Problems;
use kl::source::Span;
use model::{self, At, Backend, Cloud, Container, File, Host, Text, UnitChange, errors};
use plan::HostPlan;
use plan::order::service;
use std::collections::{BTreeMap, BTreeSet};
use store::closure::{folder_path, secret_path};
use store::digest::Hasher;
use store::manifest::{
    self, Change, Delivery, Digests, Gate, HostFile, Manifest, SecretSpec, Task, TaskClass, Unit, UnitKind,
};
use store::version::{DataFormat, Version};
use store::{Closure, Digest};

/// The most that all files of a host may have, in bytes.
const MOST_BYTES: u64 = 256 << 20;

/// Renders a host's plan. The closure is whole only when nothing was reported as an error.
pub fn render_host(plan: &HostPlan<'_>) -> (Closure, Problems) {
    render(plan, Purpose::Build)
}

/// Finds what is wrong with a host's plan, as [`render_host`] does, and returns a manifest that says what the host needs. Nothing is
/// digested for it, so it names no content.
pub fn check_host(plan: &HostPlan<'_>) -> (Manifest, Problems) {
    let (closure, problems) = render(plan, Purpose::Check);
    (closure.manifest, problems)
}

/// What is rendered for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A closure that is built.
    Build,
    /// Its mistakes alone.
    Check,
}

fn render(plan: &HostPlan<'_>, purpose: Purpose) -> (Closure, Problems) {
    let HostPlan { cloud, host, tasks, order } = plan;
    let mut out = Output {
        purpose,
        cloud,
        host,
        closure: Closure::new(empty_manifest(cloud, host)),
        needs_podman: least(host),
        problems: Problems::default(),
        room: MOST_BYTES,
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
        host.bridges.iter().map(|(name, bridge)| lower::network_name(name, bridge)).collect();
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
    out.granted();
    out.formats(tasks);
    out.closure.manifest.order = order.iter().map(step).collect();
    out.finish()
}

fn empty_manifest(cloud: &Cloud, host: &Host) -> Manifest {
    let backend = match host.backend.value {
        Backend::Quadlet => manifest::Backend::Quadlet,
        Backend::Systemd => manifest::Backend::Systemd,
    };
    Manifest {
        groups: groups(cloud, host),
        sysctls: host.sysctls.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        modules: host.modules.iter().map(At::to_string).collect(),
        volumes: host.volumes.iter().map(|(name, _)| name.to_string()).collect(),
        prechecks: prechecks(host),
        operators: cloud
            .signing_operators()
            .map(|(name, key)| (name.to_string(), bare_key(key.as_str())))
            .collect(),
        ..Manifest::new(cloud.name.to_string(), host.name.to_string(), backend, env!("CARGO_PKG_VERSION"))
    }
}

/// A public key without its comment: that is no part of what a host is.
fn bare_key(line: &str) -> String {
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The oldest podman that the units of a host could be for.
fn least(host: &Host) -> Podman {
    match host.backend.value {
        Backend::Quadlet => FIRST_QUADLET,
        Backend::Systemd => OLDEST,
    }
}

/// A closure on its way.
struct Output<'a> {
    purpose: Purpose,
    cloud: &'a Cloud,
    host: &'a Host,
    closure: Closure,
    needs_podman: Podman,
    problems: Problems,
    /// Bytes that its files may still have.
    room: u64,
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
        self.logins();
        (self.closure, lacks_once(&self.problems))
    }

    /// Refuses a podman that is too old for any unit with containers, once for the whole host.
    fn check_backend(&mut self, has_tasks: bool) {
        let Host { name, backend, podman, containers, volumes, bridges, .. } = self.host;
        let has_containers =
            !containers.is_empty() || has_tasks || !volumes.is_empty() || !bridges.is_empty();
        let least = least(self.host);
        if !has_containers || Podman::parse(podman.as_str()).is_none_or(|it| it >= least) {
            return;
        }
        let report = match backend.value {
            Backend::Quadlet => {
                let message = format!("Quadlet came with podman {least}, and `{name}` has podman {podman}");
                errors::bad_unit(podman.at, message).help("leave `backend` out, or make it `.systemd`")
            }
            Backend::Systemd => {
                let message =
                    format!("containers need podman {least} or later, and `{name}` has podman {podman}");
                errors::bad_unit(podman.at, message)
            }
        };
        self.problems.push(report.label(backend.at, "its backend"));
    }

    /// The files of a container or a task, unless those before it take all the room.
    fn deliver(&mut self, name: &str, run: &model::Run) -> Option<Delivered> {
        if self.room == 0 {
            return None;
        }
        let delivered = contract::deliver(name, run, &mut self.problems);
        let n_bytes = delivered.files.iter().map(|(_, bytes, _)| bytes.len() as u64).sum();
        self.room = self.room.saturating_sub(n_bytes);
        if self.room == 0 {
            self.problems.push(errors::too_large(run.image.at, "the files of this host have", MOST_BYTES));
        }
        Some(delivered)
    }

    fn container(&mut self, it: &Container) {
        let Some(delivered) = self.deliver(&it.name, &it.run) else { return };
        let live = match it.change {
            model::Change::Reload(_) => Delivery::Live(it.name.to_string()),
            _ => Delivery::Content,
        };
        let placed = self.place(&service(&it.name), live, &delivered);
        let mut lowering = Lowering::new(self.host, &it.name, Form::Container, &mut self.problems);
        lower::container(&mut lowering, &self.cloud.name.value, it, placed.path.as_deref(), &delivered);
        let lowered = lowering.out;
        let (path, draft) = self.write(lowered);
        let (text, digests) = self.seal_container(draft, &placed);
        self.unit(NewUnit {
            name: service(&it.name),
            kind: UnitKind::Container,
            files: vec![(path, text)],
            run: Some((&it.name, &it.run.image)),
            digests,
            change: change(it),
            gate: gate(it),
            stop_secs: lower::stop_secs(it),
            start_secs: whole_secs(it.start),
            boot: true,
        });
        if let Some(unit) = self.closure.manifest.units.get_mut(&service(&it.name)) {
            unit.drains = !it.drain.is_empty();
            if let model::Network::Bridge(bridge) = &it.network {
                unit.uses = vec![network_service(bridge.as_str())];
            }
        }
    }

    fn task(&mut self, it: &model::Task) {
        let Some(delivered) = self.deliver(&it.name, &it.run) else { return };
        let placed = self.place(&service(&it.name), Delivery::Content, &delivered);
        let mut lowering = Lowering::new(self.host, &it.name, Form::Task, &mut self.problems);
        lower::task(&mut lowering, &self.cloud.name.value, it, placed.path.as_deref(), &delivered);
        let lowered = lowering.out;
        let (path, draft) = self.write(lowered);
        let (text, digests) = self.seal_container(draft, &placed);
        let class = match it.class {
            model::Class::Expand => TaskClass::Expand,
            model::Class::OneWay => TaskClass::OneWay,
            model::Class::Contract => TaskClass::Contract,
        };
        let task = Task {
            unit: service(&it.name),
            once: it.once.to_string(),
            class,
            repeat: it.repeat,
            volumes: self.written_volumes(&it.run),
        };
        self.closure.manifest.tasks.insert(it.name.to_string(), task);
        self.unit(NewUnit {
            name: service(&it.name),
            kind: UnitKind::Task,
            files: vec![(path, text)],
            run: Some((&it.name, &it.run.image)),
            digests,
            change: Change::Keep,
            gate: Gate::default(),
            stop_secs: whole_secs(it.timeout).min(60),
            start_secs: whole_secs(it.timeout),
            boot: false,
        });
    }

    /// The text and the digests of a unit with a container.
    fn seal_container(&self, draft: Draft, placed: &Placed) -> (String, Digests) {
        match self.purpose {
            Purpose::Build => draft.seal_container(&placed.told, &placed.reload),
            Purpose::Check => (String::new(), seal::none()),
        }
    }

    /// Volumes that keep what a task does, sorted.
    fn written_volumes(&self, run: &model::Run) -> Vec<String> {
        let is_scratch = |name: &Text| {
            self.host.volumes.iter().any(|(it, volume)| **it == *name.value && volume.ephemeral)
        };
        let volume = |(_, mount): &(std::sync::Arc<str>, model::Mount)| match &mount.source {
            model::Source::Volume(name) if mount.write && !is_scratch(name) => Some(name.to_string()),
            _ => None,
        };
        let names: BTreeSet<String> = run.mounts.iter().filter_map(volume).collect();
        names.into_iter().collect()
    }

    /// Says which units write data of which format.
    fn formats(&mut self, tasks: &[&model::Task]) {
        let host = self.host;
        for (name, volume) in &host.volumes {
            let Some(format) = &volume.format else { continue };
            let mut read = |text: &Text| {
                let version = Version::parse(text.as_str());
                if version.is_none() {
                    let message = format!("`{text}` is no version of numbers between dots");
                    self.problems.push(errors::bad_value(text.at, message));
                }
                version
            };
            let from = format.from.iter().filter_map(&mut read).collect();
            let Some(version) = read(&format.version) else { continue };
            let writes = |run: &model::Run| {
                let is_it = |source: &model::Source| matches!(source, model::Source::Volume(it) if *it.value == **name);
                run.mounts.iter().any(|(_, mount)| mount.write && is_it(&mount.source))
            };
            let containers = host.containers.iter().filter(|it| writes(&it.run)).map(|it| &it.name);
            let tasks = tasks.iter().filter(|it| writes(&it.run)).map(|it| &it.name);
            let units: BTreeSet<String> = containers.chain(tasks).map(|it| service(it)).collect();
            let format = DataFormat { version, from, units: units.into_iter().collect() };
            self.closure.manifest.formats.insert(name.to_string(), format);
        }
    }

    fn volume(&mut self, name: &str, it: &model::Volume) {
        let mut lowering = Lowering::new(self.host, name, Form::Volume, &mut self.problems);
        lower::volume(&mut lowering, &self.cloud.name.value, name, it);
        let lowered = lowering.out;
        let (path, draft) = self.write(lowered);
        self.plain(format!("{name}-volume.service"), UnitKind::Volume, path, draft, Change::Keep);
    }

    fn bridge(&mut self, name: &str, it: &model::Bridge, network: &str, all: &[String]) {
        let mut lowering = Lowering::new(self.host, name, Form::Network, &mut self.problems);
        lower::bridge(&mut lowering, &self.cloud.name.value, name, it, all);
        let lowered = lowering.out;
        let (path, draft) = self.write(lowered);
        let unit_name = network_service(name);
        self.plain(unit_name.clone(), UnitKind::Network, path, draft, Change::Restart);
        if let Some(unit) = self.closure.manifest.units.get_mut(&unit_name) {
            unit.network = Some(network.to_owned());
        }
    }

    /// Writes a unit for the host's backend, and says where the file lies in the closure.
    fn write(&mut self, lowered: Lowered) -> (String, Draft) {
        lowered::refuse_long(&lowered, &mut self.problems);
        let mut rules = Rules::new(self.host, self.needs_podman, &mut self.problems);
        let written = match self.host.backend.value {
            Backend::Quadlet => {
                let (name, kind) = (&lowered.name, lowered.form.section().to_lowercase());
                (format!("quadlet/{name}/{name}.{kind}"), quadlet::write(&lowered, &mut rules))
            }
            Backend::Systemd => {
                let name = match lowered.form {
                    Form::Container | Form::Task => service(&lowered.name),
                    Form::Volume => format!("{}-volume.service", lowered.name),
                    Form::Network => network_service(&lowered.name),
                };
                (format!("units/{name}"), run::write(&lowered, &mut rules))
            }
        };
        self.needs_podman = rules.needs;
        written
    }

    fn timer(&mut self, name: &str, it: &model::Timer) {
        let (timer, run) = systemd::timer(&self.cloud.name.value, name, it, &mut self.problems);
        let (timer_name, run_name) = (format!("{name}.timer"), service(name));
        let timer_path = format!("units/{timer_name}");
        self.plain(timer_name.clone(), UnitKind::Timer, timer_path, draft(timer), Change::Restart);
        if let Some(unit) = self.closure.manifest.units.get_mut(&timer_name) {
            unit.boot = true;
        }
        self.plain(run_name.clone(), UnitKind::Raw, format!("units/{run_name}"), draft(run), Change::Keep);
    }

    /// A unit with one file and nothing that it runs.
    fn plain(&mut self, name: String, kind: UnitKind, path: String, draft: Draft, change: Change) {
        let (text, digests) = match self.purpose {
            Purpose::Build => draft.seal(),
            Purpose::Check => (String::new(), seal::none()),
        };
        self.unit(NewUnit {
            name,
            kind,
            files: vec![(path, text)],
            run: None,
            digests,
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
        if written.lines().any(|line| line.len() >= encode::LONGEST_LINE) {
            self.problems.push(errors::bad_unit(text.at, format!("`{name}` {}", encode::LINE_TOO_LONG)));
        }
        let change = match change {
            // Restarting a slice stops all that runs in it; what it limits, systemd takes up when it reads the unit again.
            _ if name.ends_with(".slice") => Change::Keep,
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
        if self.purpose == Purpose::Check {
            return;
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
            drains: false,
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
            let format = file.format;
            file.holes.retain(|hole| self.secret(hole, format, *at));
            files.push((file, if self.purpose == Purpose::Check { Vec::new() } else { bytes.clone() }));
        }
        let is_live = matches!(delivery, Delivery::Live(_));
        if self.purpose == Purpose::Check {
            let path = self.closure.note_folder(unit, delivery, files);
            return Placed { path: Some(path), reload: nothing, told };
        }
        let path = self.closure.add_folder(unit, delivery, files);
        let digest =
            self.closure.manifest.folders.last().map_or(nothing.clone(), |folder| folder.digest.clone());
        if is_live {
            return Placed { path: Some(path), reload: digest, told };
        }
        debug_assert_eq!(path, folder_path(&Delivery::Content, &digest));
        Placed { path: Some(path), reload: nothing, told: String::new() }
    }

    /// Gives the host the secrets that it may read though no container of it does.
    fn granted(&mut self) {
        let cloud = self.cloud;
        let may_read = |spec: &model::SecretSpec| spec.hosts.iter().any(|it| it.value == self.host.name);
        for (name, spec) in cloud.secrets.iter().filter(|(_, spec)| may_read(spec)) {
            self.give(name, spec, Opened::Yes);
        }
    }

    /// Gives the host the logins of the registries that its images come from.
    fn logins(&mut self) {
        let cloud = self.cloud;
        let all = || cloud.registries.iter().map(|(registry, login)| (&**registry, login));
        let images = self.closure.manifest.images.clone();
        for (registry, login) in images.iter().filter_map(|image| manifest::entry_of(image, all())) {
            // That there is such a secret is the evaluator's business.
            let Some((name, spec)) = cloud.secrets.iter().find(|(name, _)| **name == *login.password.value)
            else {
                continue;
            };
            self.give(name, spec, Opened::Yes);
            let login = manifest::Login { user: login.user.to_string(), secret: name.to_string() };
            self.closure.manifest.logins.insert(registry.to_owned(), login);
        }
    }

    /// Gives the host a secret; what is encrypted of it only if that is opened there.
    fn give(&mut self, name: &str, spec: &model::SecretSpec, opened: Opened) {
        let kind = secret::kind(&spec.kind);
        let (version, id, public) = match &spec.sealed {
            Some(sealed) => (sealed.version, sealed.id.to_string(), sealed.public.clone()),
            None => (0, String::new(), BTreeMap::new()),
        };
        let due = spec.sealed.as_ref().zip(spec.max_age).map(|(it, age)| it.made + age.as_secs());
        if let (Some(sealed), Opened::Yes, Purpose::Build) = (&spec.sealed, opened, self.purpose) {
            self.closure.add_file(secret_path(name), sealed.text.as_bytes(), 0o600);
        }
        self.closure.manifest.secrets.insert(name.to_owned(), SecretSpec { kind, version, id, public, due });
    }

    /// Finds the secret that a hole names, and says whether it can be put in there.
    fn secret(&mut self, hole: &manifest::Hole, format: manifest::Format, at: Span) -> bool {
        let Some((_, spec)) = self.cloud.secrets.iter().find(|(name, _)| **name == *hole.secret) else {
            self.problems.push(errors::bad_value(at, format!("there is no secret `{}`", hole.secret)));
            return false;
        };
        let kind = secret::kind(&spec.kind);
        let misused = secret::misused(&hole.secret, hole.part.as_deref(), spec, kind.parts(), at);
        if let Some(report) = misused {
            self.problems.push(report);
            return false;
        }
        if let Some(report) = secret::broken_line(hole, format, spec, &kind, at) {
            self.problems.push(report);
            return false;
        }
        let is_public = kind.is_public(hole.part.as_deref().unwrap_or_default());
        self.give(&hole.secret, spec, if is_public { Opened::No } else { Opened::Yes });
        true
    }
}

/// Whether what is encrypted of a secret is opened on the host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    Yes,
    No,
}

fn draft(text: UnitText) -> Draft {
    Draft { text, command: None }
}

/// The name systemd knows a container network by.
fn network_service(name: &str) -> String {
    format!("{name}-network.service")
}
