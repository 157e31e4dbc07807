//! A short form of a closure for cases, and what it stands for. Digests are computed as the compiler would.

use super::keys;
use super::manifest::empty;
use kolla_lang::store::closure::{Closure, folder_path, secret_path};
use kolla_lang::store::digest::{Digest, Hasher};
use kolla_lang::store::manifest::*;
use serde_json::Value;

/// Reads a closure from its short form.
pub fn closure(text: &str) -> Result<Closure, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut closure = Closure::new(manifest(&value));
    for name in list(&value, "secrets").iter().filter_map(Value::as_str) {
        closure.add_file(secret_path(name), keys::secret(name).1, 0o600);
    }
    for (name, unit) in map(&value, "networks") {
        add_network(&mut closure, name, unit);
    }
    for (name, unit) in map(&value, "others") {
        add_other(&mut closure, name, unit);
    }
    for (name, unit) in map(&value, "units") {
        add_unit(&mut closure, name, unit)?;
    }
    // Cases are written in an order that holds.
    for unit in list(&value, "order") {
        let unit = unit.as_str().ok_or("a name is expected in `order`")?.to_owned();
        let spec = &value["units"][&unit];
        let after = list(spec, "after").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let is_task = spec.get("task").is_some();
        let wait = if is_task {
            Wait::Done
        } else if spec["healthy"] == true {
            Wait::Healthy
        } else {
            Wait::Started
        };
        closure.manifest.order.push(Step { unit, after, after_tasks: vec![], after_groups: vec![], wait });
    }
    Ok(closure)
}

fn manifest(value: &Value) -> Manifest {
    let secret = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        (name.to_owned(), keys::secret(name).0)
    };
    let text = |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().to_owned());
    Manifest {
        podman: Some("5.4".into()),
        sysctls: map(value, "sysctls").map(text).collect(),
        formats: serde_json::from_value(value["formats"].clone()).unwrap_or_default(),
        secrets: list(value, "secrets").iter().map(secret).collect(),
        ..empty("case", "ctl01")
    }
}

fn add_unit(closure: &mut Closure, name: &str, spec: &Value) -> Result<(), String> {
    let stem = name.strip_suffix(".service").ok_or("a unit's name ends in .service")?;
    let text = |key: &str, otherwise: &str| spec[key].as_str().unwrap_or(otherwise).to_owned();
    let image = text("image", "localhost/x:1");
    let mut unit_text = format!("[Container]\nImage={image}\nExec={}\n", text("exec", "run"));
    let live = spec["change"] == "reload";
    let mut folder_digest = String::new();
    let files: Vec<_> = map(spec, "files").map(|(name, text)| file(stem, name, text)).collect();
    if !files.is_empty() {
        let delivery = if live { Delivery::Live(stem.to_owned()) } else { Delivery::Content };
        let path = closure.add_folder(name, delivery, files);
        unit_text += &format!("Volume={path}:/config:ro\n");
        folder_digest = closure.manifest.folders.last().map(|it| it.digest.to_string()).unwrap_or_default();
        assert!(
            live || path == folder_path(&Delivery::Content, &closure.manifest.folders.last().unwrap().digest)
        );
    }
    let path = format!("quadlet/{stem}/{stem}.container");
    let restart = Hasher::new("restart").field(&unit_text).finish();
    unit_text += &format!("[Unit]\nDescription={}\n", text("description", ""));
    closure.add_file(&path, unit_text.clone(), 0o644);
    closure.manifest.images.push(image.clone());
    closure.manifest.images.sort();
    closure.manifest.images.dedup();
    let task = spec.get("task").and_then(Value::as_str);
    let volumes = list(spec, "volumes").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let class = match text("class", "expand").as_str() {
        "one-way" => TaskClass::OneWay,
        "contract" => TaskClass::Contract,
        _ => TaskClass::Expand,
    };
    let change = match text("change", "restart").as_str() {
        "reload" => Change::Reload { command: vec!["kill".into(), "-HUP".into(), "1".into()] },
        "stop-start" => Change::StopStart,
        "keep" => Change::Keep,
        "manual" => Change::Manual,
        "dataplane" => Change::Dataplane,
        _ => Change::Restart,
    };
    let unit = Unit {
        kind: if task.is_some() { UnitKind::Task } else { UnitKind::Container },
        files: vec![path],
        container: Some(stem.to_owned()),
        image: Some(image),
        digests: Digests {
            restart,
            reload: if live { Digest::of(folder_digest.as_bytes()) } else { Digest::of(b"") },
            meta: Digest::of(unit_text.as_bytes()),
        },
        change,
        gate: gate(spec)?,
        stop_secs: 10,
        start_secs: 30,
        boot: task.is_none() && spec["boot"] != false,
        network: None,
        drains: spec["drains"] == true,
        uses: list(spec, "uses").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    if let Some(once) = task {
        let task = Task { unit: name.to_owned(), once: once.to_owned(), class, repeat: false, volumes };
        closure.manifest.tasks.insert(stem.to_owned(), task);
    }
    closure.manifest.units.insert(name.to_owned(), unit);
    Ok(())
}

/// Reads when a unit counts as up: `healthy`, `soak`, and probes as the manifest has them.
fn gate(spec: &Value) -> Result<Gate, String> {
    let mut gate = Gate { healthy: spec["healthy"] == true, ..Gate::default() };
    gate.soak_secs = spec["soak"].as_u64().unwrap_or(gate.soak_secs);
    gate.progress = list(spec, "progress").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    for (name, probe) in map(spec, "probes") {
        let ask = serde_json::from_value(probe.clone()).map_err(|error| error.to_string())?;
        gate.probes.insert(name.clone(), Probe { ask, timeout_secs: 5 });
    }
    Ok(gate)
}

/// Adds a network of containers, given by its subnet and its label.
fn add_network(closure: &mut Closure, name: &str, spec: &Value) {
    let text = |key: &str| spec[key].as_str().unwrap_or_default();
    let podman = format!("{name}-{}", Digest::of(text("subnet").as_bytes()).short());
    let unit_text =
        format!("[Network]\nSubnet={}\nNetworkName={podman}\nLabel={}\n", text("subnet"), text("label"));
    let path = format!("quadlet/{name}/{name}.network");
    closure.add_file(&path, unit_text.clone(), 0o644);
    let unit = Unit { network: Some(podman), ..other(UnitKind::Network, path, &unit_text) };
    closure.manifest.units.insert(format!("{name}-network.service"), unit);
}

/// Adds any other unit of systemd, given by its text and how it is treated.
fn add_other(closure: &mut Closure, name: &str, spec: &Value) {
    let unit_text = spec["text"].as_str().unwrap_or_default();
    let path = format!("units/{name}");
    closure.add_file(&path, unit_text, 0o644);
    let kind = if name.ends_with(".timer") { UnitKind::Timer } else { UnitKind::Raw };
    let mut unit = other(kind, path, unit_text);
    unit.boot = spec["boot"] != false;
    unit.change = match spec["change"].as_str() {
        Some("reload") => Change::Reload { command: vec![] },
        Some("keep") => Change::Keep,
        _ => Change::Restart,
    };
    closure.manifest.units.insert(name.to_owned(), unit);
}

fn other(kind: UnitKind, path: String, text: &str) -> Unit {
    Unit {
        kind,
        files: vec![path],
        container: None,
        image: None,
        digests: Digests {
            restart: Digest::of(text.as_bytes()),
            reload: Digest::of(b""),
            meta: Digest::of(b""),
        },
        change: Change::Restart,
        gate: Gate::default(),
        stop_secs: 30,
        start_secs: 30,
        boot: false,
        network: None,
        drains: false,
        uses: vec![],
    }
}

/// Adds a file of the host itself.
pub fn add_host_file(closure: &mut Closure, path: &str, text: &str) {
    let place = format!("files/host{path}");
    closure.add_file(&place, text, 0o644);
    let (owner, group) =
        (rustix::process::geteuid().as_raw().to_string(), rustix::process::getegid().as_raw().to_string());
    let digest = Digest::of(text.as_bytes());
    let file = HostFile { path: place, owner, group, mode: 0o644, format: Format::Text, digest };
    closure.manifest.files.insert(path.to_owned(), file);
}

/// Adds a task that has no files.
pub fn add_task(closure: &mut Closure, name: &str, once: &str) {
    let unit = format!("{name}.service");
    add_unit(closure, &unit, &serde_json::json!({ "task": once })).unwrap_or_else(|error| panic!("{error}"));
    closure.manifest.order.push(Step {
        unit,
        after: vec![],
        after_tasks: vec![],
        after_groups: vec![],
        wait: Wait::Done,
    });
}

/// Makes a file; `{{name}}` in its text is a hole for that secret.
fn file(stem: &str, name: &str, text: &Value) -> (FolderFile, Vec<u8>) {
    let mut rest = text.as_str().unwrap_or_default();
    let (mut kept, mut holes) = (String::new(), Vec::new());
    while let Some((front, secret, back)) = rest
        .split_once("{{")
        .and_then(|(front, back)| back.split_once("}}").map(|(secret, back)| (front, secret, back)))
    {
        kept += front;
        holes.push(Hole {
            shown: 0,
            offset: kept.len() as u64,
            secret: secret.to_owned(),
            part: None,
            encode: Encode::Plain,
            escapes: Default::default(),
            limits: Vec::new(),
        });
        rest = back;
    }
    kept += rest;
    let format = match name.rsplit('.').next() {
        Some("conf" | "cnf" | "ini") => Format::Ini,
        Some("json") => Format::Json,
        Some("yaml") => Format::Yaml,
        _ => Format::Text,
    };
    // Whoever runs the tests owns what they write.
    let (owner, group) =
        (rustix::process::geteuid().as_raw().to_string(), rustix::process::getegid().as_raw().to_string());
    let path = format!("files/{stem}/{name}");
    (FolderFile { name: name.to_owned(), path, owner, group, mode: 0o600, format, holes }, kept.into_bytes())
}

fn map<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value[key].as_object().into_iter().flatten()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}
