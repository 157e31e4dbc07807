//! A container with everything that one can have, written for a new podman and for old ones.

use super::contract::{self, Delivered};
use super::keys::{FIRST_QUADLET, OLDEST};
use super::lowered::{Form, Lowering};
use super::podman::Rules;
use super::{lower, quadlet, run};
use kl::data::{Data, DataKind, Encode, Origin, SecretPart};
use kl::diag::Problems;
use kl::source::{FileId, Span};
use model::host::Ssh;
use model::*;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::Digest;

fn text(text: &str) -> Text {
    At::new(text.into(), Span::new(FileId(0), 1, 2))
}

fn texts(all: &[&str]) -> Vec<Text> {
    all.iter().map(|it| text(it)).collect()
}

fn at<T>(value: T) -> At<T> {
    At::new(value, Span::new(FileId(0), 1, 2))
}

fn host(podman: &str) -> Host {
    Host {
        name: "ctl01".into(),
        at: Span::new(FileId(0), 1, 2),
        roles: vec![],
        addresses: vec![],
        interfaces: vec![],
        links: vec![],
        prechecks: vec![],
        ssh: Ssh { user: text("root"), address: text(""), port: 22, key: None },
        podman: text(podman),
        systemd: if podman.starts_with("4.3") { 252 } else { 257 },
        backend: at(Backend::Quadlet),
        containers: vec![],
        volumes: vec![],
        bridges: vec![],
        files: vec![],
        timers: vec![],
        units: vec![],
        sysctls: vec![],
        modules: vec![],
    }
}

fn file(path: &str, kind: DataKind) -> (Arc<str>, File) {
    let content = Data { kind, origin: Origin { at: Span::new(FileId(0), 3, 4), through: None } };
    let file = File {
        at: Span::new(FileId(0), 3, 4),
        format: Format::Text,
        content,
        owner: text("0:42"),
        mode: 0o640,
        style: Style::default(),
        schema: None,
    };
    (path.into(), file)
}

fn mount(path: &str, source: Source, write: bool, propagation: Propagation) -> (Arc<str>, Mount) {
    (path.into(), Mount { at: Span::new(FileId(0), 1, 2), source, write, propagation })
}

fn run(contract: Contract) -> Run {
    let secret =
        SecretPart::Name { name: "web/db".into(), part: None, encode: Encode::Plain, limits: [].into() };
    Run {
        image: text("registry.local/web:1"),
        contract,
        entrypoint: if contract == Contract::Direct { texts(&["/bin/sh", "-c"]) } else { vec![] },
        command: if contract == Contract::Direct {
            texts(&["exec web --at=100% \"$HOME\" 'a b' \\ x", "plain"])
        } else {
            texts(&["/usr/bin/web", "-f"])
        },
        env: vec![("COST".into(), text("5$ or 100%")), ("QUOTE".into(), text("a \"b\" \\c"))],
        user: Some(text("42424:42424")),
        privileged: false,
        caps: texts(&["NET_ADMIN", "NET_RAW"]),
        mounts: vec![
            mount("/run/netns", Source::Path(text("/run/netns")), true, Propagation::Shared),
            mount("/scratch", Source::Tmpfs(at(1 << 20)), true, Propagation::Private),
            mount("/var/lib/web", Source::Volume(text("web")), true, Propagation::Private),
            mount("/etc/ssl", Source::Path(text("/etc/ssl")), false, Propagation::Slave),
        ],
        files: vec![
            file("/etc/web/web.conf", DataKind::Secret([SecretPart::Text("x=".into()), secret].into())),
            file("/etc/web/motd", DataKind::Str("hello\n".into())),
        ],
        permissions: vec![],
    }
}

fn published(all: &[&str]) -> Vec<At<words::Published>> {
    let read = |text: &&str| {
        words::published(text, Span::new(FileId(0), 1, 2)).map(|it| At::new(it, Span::new(FileId(0), 1, 2)))
    };
    all.iter().filter_map(|text| read(text).ok()).collect()
}

fn container(contract: Contract) -> Container {
    Container {
        name: "web".into(),
        at: Span::new(FileId(0), 1, 2),
        run: run(contract),
        workdir: Some(text("/srv/web dir")),
        hostname: Some(text("web.example")),
        network: Network::Bridge(text("front")),
        listens: vec![],
        publish: published(&["8080:80"]),
        host_pid: true,
        host_ipc: true,
        host_cgroup: true,
        drop: texts(&["MKNOD"]),
        no_new_privileges: true,
        labels: false,
        read_only: true,
        init: true,
        shm: Some(at(64 << 20)),
        devices: texts(&["/dev/kvm"]),
        ulimits: vec![(
            "nofile".into(),
            Ulimit { at: Span::new(FileId(0), 1, 2), soft: Some(1024), hard: Some(4096) },
        )],
        limits: Limits {
            memory: Some(at(1 << 30)),
            cpus: Some(at(1.5)),
            tasks: Some(at(200)),
            oom_score: Some(at(-500)),
        },
        health: Some(Health {
            at: Span::new(FileId(0), 1, 2),
            test: texts(&["curl", "-fsS", "http://10.0.0.1/%7Eup?q=$x \"y\""]),
            interval: Duration::from_secs(10),
            timeout: Duration::from_millis(2500),
            retries: 3,
            start: Duration::from_secs(60),
            unhealthy: OnUnhealthy::Kill,
        }),
        restart: Restart::Always,
        start: Duration::from_secs(300),
        stop: Duration::from_secs(30),
        stop_signal: Some(text("SIGQUIT")),
        needs: texts(&["db"]),
        needs_units: Vec::new(),
        after: texts(&["web-bootstrap"]),
        change: Change::Restart,
        drain: texts(&["web", "--drain", "50%"]),
        drain_within: Duration::from_secs(20),
        gate: Gate { soak: Duration::from_secs(2), probes: vec![], progress: vec![] },
    }
}

fn written(podman: &str, backend: Backend, it: &Container) -> (String, Problems) {
    let mut problems = Problems::default();
    let mut host = host(podman);
    let dns = At::new("10.88.0.0/24".into(), Span::new(FileId(0), 1, 2));
    let bridge = Bridge {
        at: Span::new(FileId(0), 1, 2),
        driver: Driver::Bridge,
        subnet: Some(dns),
        gateway: None,
        parent: None,
        mtu: None,
        internal: false,
        dns: true,
    };
    host.bridges.push(("front".into(), bridge));
    let delivered: Delivered = contract::deliver("web", &it.run, &mut problems);
    let mut lowering = Lowering::new(&host, "web", Form::Container, &mut problems);
    lower::container(&mut lowering, "demo", it, Some("/run/kolla-lang/files/0123"), &delivered);
    let lowered = lowering.out;
    let least = if backend == Backend::Quadlet { FIRST_QUADLET } else { OLDEST };
    let mut rules = Rules::new(&host, least, &mut problems);
    let draft = match backend {
        Backend::Quadlet => quadlet::write(&lowered, &mut rules),
        Backend::Systemd => run::write(&lowered, &mut rules),
    };
    let needs = rules.needs;
    let (text, _) = draft.seal_container("", &Digest::of(b""));
    let json = delivered.config_json.unwrap_or_default();
    (format!("# needs podman {needs}\n{text}{json}"), problems)
}

fn check(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/render").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).expect("the case can be written");
    }
    super::tests::assert_same(&std::fs::read_to_string(&path).unwrap_or_default(), found);
}

fn messages(problems: &Problems) -> Vec<String> {
    problems.iter().map(|it| it.message.clone()).collect()
}

#[test]
fn everything_by_kollas_contract() {
    let (text, problems) = written("5.4", Backend::Quadlet, &container(Contract::Kolla));
    assert!(problems.is_empty(), "{problems:?}");
    check("kolla.container", &text);
}

#[test]
fn everything_by_direct_mounts() {
    let (text, problems) = written("5.4.2", Backend::Quadlet, &container(Contract::Direct));
    assert!(problems.is_empty(), "{problems:?}");
    check("direct.container", &text);
}

#[test]
fn everything_without_quadlet() {
    let (text, problems) = written("5.4.2", Backend::Systemd, &container(Contract::Direct));
    assert!(problems.is_empty(), "{problems:?}");
    check("direct.service", &text);
}

#[test]
fn everything_for_the_oldest_podman_and_what_it_lacks() {
    let (text, problems) = written("4.3.1", Backend::Systemd, &container(Contract::Kolla));
    assert!(!problems.has_errors(), "{problems:?}");
    check("old.service", &format!("{text}\n{}\n", messages(&problems).join("\n")));
}

#[test]
fn an_older_quadlet_gets_options_for_keys_it_does_not_know() {
    let (text, problems) = written("4.4.1", Backend::Quadlet, &container(Contract::Direct));
    assert!(problems.is_empty(), "{problems:?}");
    check("old.container", &text);
}

#[test]
fn what_no_option_says_names_both_releases() {
    let mut problems = Problems::default();
    let host = host("4.6");
    let mut lowering = Lowering::new(&host, "data", Form::Volume, &mut problems);
    let volume = Volume {
        at: Span::new(FileId(0), 1, 2),
        device: None,
        fs: None,
        options: vec![],
        ephemeral: false,
        format: None,
    };
    lower::volume(&mut lowering, "demo", "data", &volume);
    let lowered = lowering.out;
    quadlet::write(&lowered, &mut Rules::new(&host, FIRST_QUADLET, &mut problems));
    assert_eq!(messages(&problems), ["`VolumeName` needs podman 4.7, and the host has podman 4.6"]);
}

#[test]
fn what_a_unit_cannot_carry_is_said() {
    let mut it = container(Contract::Direct);
    it.run.env.push(("MOTD".into(), text("one\ntwo")));
    it.hostname = Some(text("ends\\"));
    it.workdir = Some(text("/x "));
    it.run.command.push(text(""));
    let (_, problems) = written("5.4", Backend::Quadlet, &it);
    assert_eq!(problems.sorted().len(), 4, "each by itself: {problems:?}");
}
