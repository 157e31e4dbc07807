//! Containers from values: what is run, with which mounts and files, and what the types of the kernel cannot say of them.

use super::container::{
    Ask, Change, Container, Contract, File, Format, Gate, Health, Limits, Listen, Mount, Network,
    OnUnhealthy, Permission, Probe, Propagation, Quotes, Restart, Run, Schema, Source, Style, TableRef,
    Ulimit,
};
use super::read::{Reader, is_there};
use super::words::Published;
use super::{At, Text, errors, words};
use kl::data::{Data, DataKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Decodes a container.
pub(super) fn container(read: &mut Reader, name: &Arc<str>, data: &Data) -> Container {
    let flag = |read: &mut Reader, name: &str| {
        let field = read.field(data, name);
        read.bool(field)
    };
    let host = |read: &mut Reader, name: &str| {
        let field = read.field(data, name);
        read.choose(field, &[("own", false), ("host", true)], false)
    };
    let texts = |read: &mut Reader, name: &str| {
        let field = read.field(data, name);
        read.texts(field)
    };
    let opt_text = |read: &mut Reader, name: &str| {
        let field = read.field(data, name);
        read.opt_text(field)
    };
    let duration = |read: &mut Reader, name: &str| {
        let field = read.field(data, name);
        read.duration(field)
    };
    let it = Container {
        name: name.clone(),
        at: data.origin.at,
        run: run(read, data),
        workdir: opt_text(read, "workdir"),
        hostname: opt_text(read, "hostname"),
        network: network(read, data),
        listens: listens(read, data),
        publish: published(read, data),
        host_pid: host(read, "pid"),
        host_ipc: host(read, "ipc"),
        host_cgroup: host(read, "cgroup"),
        drop: texts(read, "drop"),
        no_new_privileges: flag(read, "no_new_privileges"),
        labels: flag(read, "labels"),
        read_only: flag(read, "read_only"),
        init: flag(read, "init"),
        shm: {
            let field = read.field(data, "shm");
            read.opt_size(field)
        },
        devices: texts(read, "devices"),
        ulimits: ulimits(read, data),
        limits: limits(read, data),
        health: health(read, data),
        restart: {
            let field = read.field(data, "restart");
            let table =
                [("always", Restart::Always), ("on-failure", Restart::OnFailure), ("no", Restart::No)];
            read.choose(field, &table, Restart::Always)
        },
        start: duration(read, "start"),
        stop: duration(read, "stop"),
        stop_signal: opt_text(read, "stop_signal"),
        needs: texts(read, "needs"),
        needs_units: texts(read, "needs_units"),
        after: texts(read, "after"),
        change: change(read, data),
        drain: texts(read, "drain"),
        drain_within: duration(read, "drain_within"),
        gate: gate(read, data),
    };
    check_reload(read, data, &it);
    for capability in &it.drop {
        read.report_all(words::no_capability(capability.as_str(), capability.at));
    }
    if let Some(signal) = &it.stop_signal {
        read.report_all(words::no_signal(signal.as_str(), signal.at));
    }
    it
}

/// A file that is mounted stays the one that was there at the start, whatever takes its name.
fn check_reload(read: &mut Reader, data: &Data, it: &Container) {
    if let (Change::Reload(_), Contract::Direct, Some((path, _))) =
        (&it.change, it.run.contract, it.run.files.first())
    {
        let at = data.get("change").map_or(it.at, |change| change.origin.at);
        let report =
            errors::bad_value(at, format!("a reload cannot take up `{path}`, which is mounted as it is"));
        read.report(
            report.help("leave `contract` at `.kolla`, whose images copy files, or write `.restart`"),
        );
    }
}

/// Decodes what containers and tasks have in common.
pub(super) fn run(read: &mut Reader, data: &Data) -> Run {
    let texts = |read: &mut Reader, name: &str| {
        let field = read.field(data, name);
        read.texts(field)
    };
    let contract = {
        let field = read.field(data, "contract");
        read.choose(field, &[("kolla", Contract::Kolla), ("direct", Contract::Direct)], Contract::Kolla)
    };
    let run = Run {
        image: {
            let field = read.field(data, "image");
            read.text(field)
        },
        contract,
        entrypoint: texts(read, "entrypoint"),
        command: texts(read, "command"),
        env: {
            let field = read.field(data, "env");
            read.entries(field).iter().map(|(key, value)| (key.clone(), read.text(value))).collect()
        },
        user: {
            let field = read.field(data, "user");
            read.opt_text(field)
        },
        privileged: {
            let field = read.field(data, "privileged");
            read.bool(field)
        },
        caps: texts(read, "caps"),
        mounts: {
            let field = read.field(data, "mounts");
            read.entries(field).iter().map(|(path, it)| (path.clone(), mount(read, it))).collect()
        },
        files: files(read, data),
        permissions: {
            let field = read.field(data, "permissions");
            read.entries(field).iter().map(|(path, it)| (path.clone(), permission(read, it))).collect()
        },
    };
    check_run(read, data, &run);
    run
}

/// What the types of a container cannot say.
fn check_run(read: &mut Reader, data: &Data, run: &Run) {
    if data.get("image").is_some_and(|it| !it.is_error()) {
        read.report_all(words::no_image(run.image.as_str(), run.image.at));
    }
    for capability in &run.caps {
        read.report_all(words::no_capability(capability.as_str(), capability.at));
    }
    match run.contract {
        Contract::Kolla => check_kolla_command(read, data, run),
        Contract::Direct => {
            if let Some((path, it)) = run.permissions.first() {
                let report = errors::bad_value(it.at, format!("nothing sets the owner of `{path}`"));
                read.report(
                    report.help("permissions are kept by Kolla's images only; leave `contract` at `.kolla`"),
                );
            }
        }
    }
    for (name, _) in &run.env {
        let fine = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if name.is_empty() || !fine {
            let at = data.get("env").map_or(run.image.at, |it| it.origin.at);
            read.report(errors::bad_value(at, format!("`{name}` is no name of an environment variable")));
        }
    }
    for (path, mount) in &run.mounts {
        read.report_all(words::no_mount_place(path, mount.at));
        if run.files.iter().any(|(file, _)| file == path) {
            read.report(errors::bad_value(mount.at, format!("`{path}` is both a mount and a file")));
        }
    }
}

/// Kolla's start script runs `exec $(cat /run_command)`: the shell splits at white space, expands patterns, and takes
/// quotes as they are.
fn check_kolla_command(read: &mut Reader, data: &Data, run: &Run) {
    if run.command.is_empty() && run.image.as_str() != "" {
        let at = data.origin.at;
        let report = errors::bad_value(at, "a container of one of Kolla's images needs a `command`");
        read.report(report.help("write `contract = .direct` for an image that knows what to run"));
    }
    for word in &run.command {
        let text = word.as_str();
        if text.is_empty() || text.contains(|c: char| c.is_whitespace() || "*?[]'\"\\$`".contains(c)) {
            let report =
                errors::bad_value(word.at, format!("Kolla's images cannot be given the word `{text}`"));
            read.report(report.help("put the command line into a script among `files` and run that"));
        }
    }
}

/// Decodes where a container waits for connections.
fn listens(read: &mut Reader, data: &Data) -> Vec<(Arc<str>, Listen)> {
    let field = read.field(data, "listens");
    let mut all = Vec::new();
    for (name, it) in read.entries(field) {
        let (port, address, protocol) =
            (read.field(it, "port"), read.field(it, "address"), read.field(it, "protocol"));
        let listen = Listen {
            at: it.origin.at,
            port: read.small(port),
            address: match address.kind {
                DataKind::None => None,
                _ => read.opt_ip(address),
            },
            protocol: read.text(protocol).value,
        };
        all.push((name.clone(), listen));
    }
    all
}

/// Decodes published ports; what is none was reported.
fn published(read: &mut Reader, data: &Data) -> Vec<At<Published>> {
    let field = read.field(data, "publish");
    let mut all = Vec::new();
    for text in read.texts(field) {
        match words::published(text.as_str(), text.at) {
            Ok(it) => all.push(At::new(it, text.at)),
            Err(report) => read.report(*report),
        }
    }
    all
}

fn network(read: &mut Reader, data: &Data) -> Network {
    let field = read.field(data, "network");
    match read.variant(field) {
        ("isolated", _) => Network::Isolated,
        ("bridge", payload) => {
            let name = read.payload(field, payload, "name");
            Network::Bridge(read.text(name))
        }
        _ => Network::Host,
    }
}

fn change(read: &mut Reader, data: &Data) -> Change {
    let field = read.field(data, "change");
    match read.variant(field) {
        ("reload", payload) => {
            let command = read.payload(field, payload, "command");
            let words = read.texts(command);
            if words.is_empty() && !command.is_error() {
                read.report(errors::bad_value(command.origin.at, "a reload needs a command to run inside"));
            }
            Change::Reload(words)
        }
        ("stop-start", _) => Change::StopStart,
        ("keep", _) => Change::Keep,
        ("manual", _) => Change::Manual,
        ("dataplane", _) => Change::Dataplane,
        _ => Change::Restart,
    }
}

fn gate(read: &mut Reader, data: &Data) -> Gate {
    let field = read.field(data, "gate");
    let (soak, probes, progress) =
        (read.field(field, "soak"), read.field(field, "probes"), read.field(field, "progress"));
    Gate {
        soak: read.duration(soak),
        probes: read.entries(probes).iter().map(|(name, it)| (name.clone(), probe(read, it))).collect(),
        progress: read.texts(progress),
    }
}

fn probe(read: &mut Reader, data: &Data) -> Probe {
    let (ask, timeout) = (read.field(data, "ask"), read.field(data, "timeout"));
    let (name, payload) = read.variant(ask);
    let given = |read: &mut Reader, name: &str| read.payload(ask, payload, name);
    let place = |read: &mut Reader| {
        let (address, port) = (given(read, "address"), given(read, "port"));
        (read.opt_ip(address), read.small(port))
    };
    let ask = match name {
        "tcp" => {
            let (address, port) = place(read);
            Ask::Tcp(address, port)
        }
        "http" => {
            let (address, port) = place(read);
            let (path, status) = (given(read, "path"), given(read, "status"));
            Ask::Http { address, port, path: read.text(path), status: read.small(status) }
        }
        _ => {
            let run = given(read, "run");
            let words = read.texts(run);
            if words.is_empty() && !run.is_error() {
                read.report(errors::bad_value(run.origin.at, "a probe needs a command to run inside"));
            }
            Ask::Command(words)
        }
    };
    Probe { at: data.origin.at, ask, timeout: read.duration(timeout) }
}

fn mount(read: &mut Reader, data: &Data) -> Mount {
    let from = read.field(data, "from");
    let source = match read.variant(from) {
        ("volume", payload) => {
            let name = read.payload(from, payload, "name");
            Source::Volume(read.text(name))
        }
        ("tmpfs", payload) => {
            let size = read.payload(from, payload, "size");
            Source::Tmpfs(read.size(size))
        }
        (_, payload) => {
            let path = read.payload(from, payload, "at");
            Source::Path(read.text(path))
        }
    };
    let (write, propagation) = (read.field(data, "write"), read.field(data, "propagation"));
    let table =
        [("private", Propagation::Private), ("slave", Propagation::Slave), ("shared", Propagation::Shared)];
    let mount = Mount {
        at: data.origin.at,
        source,
        write: read.bool(write),
        propagation: read.choose(propagation, &table, Propagation::Private),
    };
    if !matches!(mount.source, Source::Path(_)) && mount.propagation != Propagation::Private {
        read.report(errors::bad_value(propagation.origin.at, "only a path of the host has a propagation"));
    }
    mount
}

fn ulimits(read: &mut Reader, data: &Data) -> Vec<(Arc<str>, Ulimit)> {
    let field = read.field(data, "ulimits");
    let mut all = Vec::new();
    for (name, it) in read.entries(field) {
        let (soft, hard) = (read.field(it, "soft"), read.field(it, "hard"));
        let number =
            |read: &mut Reader, it: &Data| (it.kind != DataKind::None).then(|| read.number(it).value);
        let limit = Ulimit { at: it.origin.at, soft: number(read, soft), hard: number(read, hard) };
        all.push((name.clone(), limit));
    }
    all
}

fn limits(read: &mut Reader, data: &Data) -> Limits {
    let field = read.field(data, "limits");
    let (memory, cpus) = (read.field(field, "memory"), read.field(field, "cpus"));
    let (tasks, oom_score) = (read.field(field, "tasks"), read.field(field, "oom_score"));
    Limits {
        memory: read.opt_size(memory),
        cpus: read.opt_float(cpus),
        tasks: read.opt_int(tasks),
        oom_score: read.opt_int(oom_score),
    }
}

/// Decodes the files of a container, a task or a host.
pub(super) fn files(read: &mut Reader, data: &Data) -> Vec<(Arc<str>, File)> {
    let field = read.field(data, "files");
    let mut all = Vec::new();
    for (path, it) in read.entries(field) {
        let names_a_file = !path.ends_with('/') && !path.split('/').any(|step| step == "." || step == "..");
        if !names_a_file {
            read.report(errors::bad_value(it.origin.at, format!("`{path}` is no path of a file")));
        }
        all.push((path.clone(), file(read, it)));
    }
    all
}

/// Decodes one file; `None` when the value is none.
pub fn decode_file(data: &Data) -> Option<File> {
    let mut read = Reader::default();
    let decoded = file(&mut read, data);
    (!read.problems.has_errors()).then_some(decoded)
}

fn file(read: &mut Reader, data: &Data) -> File {
    let (format, content) = (read.field(data, "format"), read.field(data, "content"));
    let (owner, mode) = (read.field(data, "owner"), read.field(data, "mode"));
    let table = [
        ("text", Format::Text),
        ("ini", Format::Ini),
        ("json", Format::Json),
        ("yaml", Format::Yaml),
        ("toml", Format::Toml),
        ("env", Format::Env),
    ];
    let mode = read.text(mode);
    let bits = u32::from_str_radix(mode.as_str(), 8).ok().filter(|bits| *bits <= 0o7777);
    if bits.is_none() && !mode.as_str().is_empty() {
        read.report(errors::bad_value(mode.at, format!("`{mode}` are no permission bits, like \"0640\"")));
    }
    File {
        at: data.origin.at,
        format: read.choose(format, &table, Format::Text),
        content: content.clone(),
        owner: owner_text(read, owner),
        mode: bits.unwrap_or(0o640),
        style: style(read, data),
        schema: schema(read, data),
    }
}

fn schema(read: &mut Reader, file: &Data) -> Option<Schema> {
    let data = read.field(file, "schema");
    if !is_there(data) {
        return None;
    }
    let (table, extra) = (read.field(data, "table"), read.field(data, "extra"));
    let table = match read.variant(table) {
        ("own", payload) => {
            let text = read.payload(table, payload, "text");
            TableRef::Own(read.text(text))
        }
        (_, payload) => {
            let (document, release) =
                (read.payload(table, payload, "document"), read.payload(table, payload, "release"));
            TableRef::Library { document: read.text(document), release: read.text(release) }
        }
    };
    let extra =
        read.entries(extra).iter().map(|(section, keys)| (section.clone(), read.texts(keys))).collect();
    Some(Schema { table, extra })
}

fn style(read: &mut Reader, file: &Data) -> Style {
    let data = read.field(file, "ini");
    let (quotes, escapes) = (read.field(data, "quotes"), read.field(data, "escapes"));
    let quotes = read.opt_text(quotes).map_or(Quotes::Never, |chars| Quotes::For(chars.value.to_string()));
    let mut style = Style { quotes, escapes: BTreeMap::new() };
    for (key, written) in read.entries(escapes) {
        let mut chars = key.chars();
        match (chars.next(), chars.next()) {
            (Some(one), None) => {
                style.escapes.insert(one, read.text(written).value.to_string());
            }
            _ => {
                let report = errors::bad_value(written.origin.at, format!("`{key}` is not one character"));
                read.report(report.help("escape each character by itself"));
            }
        }
    }
    style
}

/// An owner: `user` or `user:group`.
fn owner_text(read: &mut Reader, data: &Data) -> Text {
    let owner = read.text(data);
    let fine = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    let parts: Vec<&str> = owner.as_str().split(':').collect();
    if !data.is_error() && (parts.len() > 2 || !parts.iter().all(|part| fine(part))) {
        let report = errors::bad_value(owner.at, format!("`{owner}` is no owner"));
        read.report(report.help("write `user` or `user:group`"));
    }
    owner
}

fn permission(read: &mut Reader, data: &Data) -> Permission {
    let (owner, recurse, mode) =
        (read.field(data, "owner"), read.field(data, "recurse"), read.field(data, "mode"));
    Permission {
        at: data.origin.at,
        owner: owner_text(read, owner),
        recurse: read.bool(recurse),
        mode: read.opt_text(mode),
    }
}

fn health(read: &mut Reader, data: &Data) -> Option<Health> {
    let field = read.field(data, "health");
    if matches!(field.kind, DataKind::None | DataKind::Error(_)) {
        return None;
    }
    let (test, interval, timeout) =
        (read.field(field, "test"), read.field(field, "interval"), read.field(field, "timeout"));
    let (retries, start, unhealthy) =
        (read.field(field, "retries"), read.field(field, "start"), read.field(field, "unhealthy"));
    let table = [
        ("report", OnUnhealthy::Report),
        ("kill", OnUnhealthy::Kill),
        ("restart", OnUnhealthy::Restart),
        ("stop", OnUnhealthy::Stop),
    ];
    Some(Health {
        at: field.origin.at,
        test: read.texts(test),
        interval: read.duration(interval),
        timeout: read.duration(timeout),
        retries: read.number(retries).value,
        start: read.duration(start),
        unhealthy: read.choose(unhealthy, &table, OnUnhealthy::Report),
    })
}
