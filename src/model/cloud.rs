//! What belongs to the cloud and to no single host: networks, addresses that move, tasks, groups, secrets.

use super::container::Run;
use super::names::reserved;
use super::read::Reader;
use super::secret::{self, SecretKind};
use super::{At, Text};
use super::{decode, errors};
use ipnet::IpNet;
use kl::data::{Data, DataKind, Origin};
use kl::diag::Problems;
use kl::source::Span;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The cloud as a whole, without its hosts.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Its name.
    pub name: Text,
    /// Images that stay by tag, or beginnings of their references that end in `/`.
    pub unpinned: Vec<Text>,
    /// Networks of the site by name, sorted.
    pub networks: Vec<(Arc<str>, SiteNetwork)>,
    /// Addresses that move, by name, sorted.
    pub vips: Vec<(Arc<str>, Vip)>,
    /// All tasks, by name, sorted. Each belongs to one host.
    pub tasks: Vec<Task>,
    /// All groups, by name, sorted.
    pub groups: Vec<Group>,
    /// How hosts sign in at registries of images, by the beginning of the names of images, sorted.
    pub registries: Vec<(Arc<str>, RegistryLogin)>,
    /// Secrets by name, sorted.
    pub secrets: Vec<(Arc<str>, SecretSpec)>,
    /// Whether hosts become only what an operator signed.
    pub signed: At<bool>,
    /// Public keys of those who may read and change all secrets, by name, sorted.
    pub operators: Vec<(Arc<str>, Text)>,
}

/// A network of the site.
#[derive(Clone, Debug)]
pub struct SiteNetwork {
    /// Its addresses; absent only after a mistake.
    pub cidr: Option<IpNet>,
    /// Largest packet.
    pub mtu: u64,
    /// The way out.
    pub gateway: Option<IpAddr>,
}

/// An address that moves between hosts.
#[derive(Clone, Debug)]
pub struct Vip {
    /// Where it lives.
    pub network: Text,
    /// The address; absent only after a mistake.
    pub address: Option<IpAddr>,
    /// Its VRRP router id.
    pub vrid: u64,
}

/// A container that runs to completion.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its name, also that of its unit.
    pub name: Arc<str>,
    /// Where it was defined.
    pub at: Span,
    /// Its host.
    pub on: Text,
    /// The key under which it is done once.
    pub once: Text,
    /// Whether the old code lives on after it.
    pub class: Class,
    /// Whether it runs again where it was done under another key since.
    pub repeat: bool,
    /// Tasks that come before.
    pub after: Vec<Text>,
    /// Groups that must be healthy before.
    pub after_healthy: Vec<Text>,
    /// How long it may take.
    pub timeout: Duration,
    /// What is run.
    pub run: Run,
}

/// Whether old code lives on after a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It does.
    Expand,
    /// It may not, and there is no way back.
    OneWay,
    /// It does not: no old code may run anywhere before.
    Contract,
}

/// Containers on several hosts that form one service.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: Arc<str>,
    /// Where it was defined.
    pub at: Span,
    /// Its members, by host.
    pub members: Vec<Member>,
    /// Whether more than half must stay up.
    pub quorum: bool,
    /// How many may be down at once.
    pub max_unavailable: u64,
    /// Run in a member: 0 when it takes part; empty: its health decides.
    pub probe: Vec<Text>,
    /// Run in a member that does not yet take part: prints a number that grows.
    pub progress: Vec<Text>,
    /// How long a member may take.
    pub join_timeout: Duration,
}

/// A member of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// The host.
    pub host: Arc<str>,
    /// Its container.
    pub container: Text,
}

/// How hosts sign in at a registry of images.
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// The user there.
    pub user: Text,
    /// The secret with the password.
    pub password: Text,
}

/// How the value of a secret is made.
#[derive(Clone, Debug)]
pub struct SecretSpec {
    /// Where it was defined.
    pub at: Span,
    /// What it is.
    pub kind: SecretKind,
    /// The version that was made last, and its ciphertext; none until it is made. Not of the description: see [`Cloud::seal`].
    pub sealed: Option<Sealed>,
    /// Hosts that may read it beside those whose containers do.
    pub hosts: Vec<Text>,
    /// What it is called in a `passwords.yml` of kolla-ansible.
    pub import: Option<Text>,
    /// How old it may become before it should be made anew.
    pub max_age: Option<Duration>,
}

/// A secret that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Counts its rotations, from 1.
    pub version: u32,
    /// The day on which it was made, in seconds since 1970.
    pub made: u64,
    /// Names this making of it among all that ever were.
    pub id: Arc<str>,
    /// The ciphertext of what is secret of it.
    pub text: Arc<str>,
    /// Its parts that are no secret, as a certificate is none beside its key.
    pub public: BTreeMap<String, String>,
}

impl Cloud {
    /// The tasks of one host, by name.
    pub fn tasks_on<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks.iter().filter(move |task| task.on.as_str() == host)
    }

    /// The operators whose keys can sign, where hosts want signatures: an Ed25519 key of SSH can, and none of age.
    pub fn signing_operators(&self) -> impl Iterator<Item = (&Arc<str>, &Text)> {
        let can = |key: &Text| self.signed.value && key.as_str().starts_with("ssh-ed25519 ");
        self.operators.iter().filter(move |(_, key)| can(key)).map(|(name, key)| (name, key))
    }

    /// Takes images of tasks that a lock pins by their digests.
    pub fn pin(&mut self, pinned: impl Fn(&str) -> Option<String>) {
        self.tasks.iter_mut().for_each(|it| it.run.pin(&pinned));
    }

    /// Says of each secret what was made of it.
    pub fn seal(&mut self, made: impl Fn(&str) -> Option<Sealed>) {
        for (name, spec) in &mut self.secrets {
            spec.sealed = made(name);
        }
    }
}

/// The fields of the root that a cloud is decoded from: it depends on no other.
pub const FIELDS: [&str; 8] =
    ["cloud", "groups", "networks", "operators", "registries", "secrets", "tasks", "vips"];

/// Decodes everything but the hosts from the fields of the root.
pub fn decode_cloud(root: &[(Arc<str>, Data)]) -> (Cloud, Problems) {
    let mut read = Reader::default();
    let nowhere = Origin { at: Span::default(), through: None };
    let fields = root.iter().filter(|(name, _)| FIELDS.contains(&&**name)).cloned().collect();
    let shared = &Data { kind: DataKind::Record(fields), origin: nowhere };
    let cloud = read.field(shared, "cloud");
    let name = read.field(cloud, "name");
    let (unpinned, signed) = (read.field(cloud, "unpinned"), read.field(cloud, "signed"));
    let cloud = Cloud {
        name: read.text(name),
        unpinned: read.texts(unpinned),
        signed: At::new(read.bool(signed), signed.origin.at),
        networks: map(&mut read, shared, "networks", |read, _, it| site_network(read, it)),
        vips: map(&mut read, shared, "vips", |read, _, it| vip(read, it)),
        tasks: values(map(&mut read, shared, "tasks", task)),
        groups: values(map(&mut read, shared, "groups", group)),
        operators: map(&mut read, shared, "operators", |read, _, it| read.text(it).trimmed()),
        registries: map(&mut read, shared, "registries", |read, _, it| registry_login(read, it)),
        secrets: map(&mut read, shared, "secrets", |read, name, it| secret(read, name, it)),
    };
    secret::check_authorities(&mut read, &cloud.secrets);
    secret::check_logins(&mut read, &cloud.registries, &cloud.secrets);
    if cloud.signed.value && cloud.signing_operators().next().is_none() {
        read.report(errors::nobody_signs(cloud.signed.at));
    }
    (cloud, read.problems)
}

fn map<T>(
    read: &mut Reader,
    shared: &Data,
    name: &str,
    mut decode: impl FnMut(&mut Reader, &Arc<str>, &Data) -> T,
) -> Vec<(Arc<str>, T)> {
    let field = read.field(shared, name);
    read.entries(field).iter().map(|(key, it)| (key.clone(), decode(read, key, it))).collect()
}

fn values<T>(all: Vec<(Arc<str>, T)>) -> Vec<T> {
    all.into_iter().map(|(_, it)| it).collect()
}

fn site_network(read: &mut Reader, data: &Data) -> SiteNetwork {
    let mtu = read.field(data, "mtu");
    let cidr = match &read.field(data, "cidr").kind {
        DataKind::Cidr(cidr) => Some(*cidr),
        _ => None,
    };
    let gateway = address(read.field(data, "gateway"));
    SiteNetwork { cidr, mtu: read.number(mtu).value, gateway }
}

fn vip(read: &mut Reader, data: &Data) -> Vip {
    let (network, vrid) = (read.field(data, "network"), read.field(data, "vrid"));
    let address = address(read.field(data, "address"));
    Vip { network: read.text(network), address, vrid: read.number(vrid).value }
}

fn address(data: &Data) -> Option<IpAddr> {
    match data.kind {
        DataKind::Ip(address) => Some(address),
        _ => None,
    }
}

fn task(read: &mut Reader, name: &Arc<str>, data: &Data) -> Task {
    let (on, once, class) = (read.field(data, "on"), read.field(data, "once"), read.field(data, "class"));
    let (after, after_healthy) = (read.field(data, "after"), read.field(data, "after_healthy"));
    let (repeat, timeout) = (read.field(data, "repeat"), read.field(data, "timeout"));
    read.report_all(reserved(name, data.origin.at));
    let table = [("expand", Class::Expand), ("one-way", Class::OneWay), ("contract", Class::Contract)];
    Task {
        name: name.clone(),
        at: data.origin.at,
        on: read.text(on),
        once: read.text(once),
        class: read.choose(class, &table, Class::Expand),
        repeat: read.bool(repeat),
        after: read.texts(after),
        after_healthy: read.texts(after_healthy),
        timeout: read.duration(timeout),
        run: decode::run(read, data),
    }
}

fn group(read: &mut Reader, name: &Arc<str>, data: &Data) -> Group {
    let (members, quorum) = (read.field(data, "members"), read.field(data, "quorum"));
    let (max_unavailable, join_timeout) =
        (read.field(data, "max_unavailable"), read.field(data, "join_timeout"));
    let (probe, progress) = (read.field(data, "probe"), read.field(data, "progress"));
    Group {
        name: name.clone(),
        at: data.origin.at,
        members: {
            let entries = read.entries(members);
            let decode = |(host, it): &(Arc<str>, Data)| {
                let container = read.field(it, "container");
                Member { host: host.clone(), container: read.text(container) }
            };
            entries.iter().map(decode).collect()
        },
        quorum: read.bool(quorum),
        max_unavailable: read.number(max_unavailable).value,
        probe: read.texts(probe),
        progress: read.texts(progress),
        join_timeout: read.duration(join_timeout),
    }
}

fn registry_login(read: &mut Reader, data: &Data) -> RegistryLogin {
    let (user, password) = (read.field(data, "user"), read.field(data, "password"));
    RegistryLogin { user: read.text(user), password: read.text(password) }
}

fn secret(read: &mut Reader, name: &str, data: &Data) -> SecretSpec {
    let (kind, hosts, import) =
        (read.field(data, "kind"), read.field(data, "hosts"), read.field(data, "import"));
    let max_age = read.field(data, "max_age");
    SecretSpec {
        at: data.origin.at,
        kind: secret::kind(read, name, kind),
        hosts: read.texts(hosts),
        import: read.opt_text(import),
        max_age: read.opt_duration(max_age),
        sealed: None,
    }
}
