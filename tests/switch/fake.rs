//! A host that is not there: systemd and podman of a folder, which record what they are asked and fail when told to.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, io};

use super::keys;
use kolla_lang::activate::ask::Answer;
use kolla_lang::activate::error_report::error_chain;
use kolla_lang::activate::failure::{Failure, NotBegun};
use kolla_lang::activate::guard::may_start;
use kolla_lang::activate::history::{self, End};
use kolla_lang::activate::host::Host;
use kolla_lang::activate::inventory::{Container, ContainerInventory, DIGEST_LABEL, Deed, Image, UNIT_LABEL};
use kolla_lang::activate::journal::Journal;
use kolla_lang::activate::layout::Layout;
use kolla_lang::activate::memory::Memory;
use kolla_lang::activate::outcome::{ActivateError, Outcome};
use kolla_lang::activate::podman::{DryRun, Health, Inspected, Tools};
use kolla_lang::activate::recover::{recover, recover_after_boot};
use kolla_lang::activate::request::{Options, Target};
use kolla_lang::activate::switch::switch;
use kolla_lang::activate::systemd::{Job, JobId, Launch, RevertTimer, Systemd, SystemdError, UnitState};
use kolla_lang::activate::tool::ToolError;
use kolla_lang::activate::{completions, generation, listed};
use kolla_lang::child::ChildError;
use kolla_lang::secrets::Vault;
use kolla_lang::store::files::FileError;
use kolla_lang::store::manifest::{Change, Probe, Unit, UnitKind};
use kolla_lang::store::{Closure, Manifest};

/// How a planted failure fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    /// One call.
    Once,
    /// One call and all after it: the bus is gone, the disk is full.
    FromThen,
    /// One job ends with `failed` and leaves its unit failed.
    Job,
    /// The process is killed just before one call.
    Kill,
}

impl Fail {
    /// Names the way to fail.
    pub fn name(self) -> &'static str {
        match self {
            Self::Once => "one-call-fails",
            Self::FromThen => "all-calls-fail-from-then",
            Self::Job => "one-job-fails",
            Self::Kill => "killed-before-one-call",
        }
    }
}

/// A failure at the n-th chance.
#[derive(Debug, Clone, Copy)]
pub struct Planted {
    pub at: u64,
    pub fail: Fail,
}

/// What a killed process leaves on its stack.
struct Killed;

/// Who ends a switch that was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rescue {
    /// The timer, or the next run: both do the same.
    Recovery,
    /// The power went, too.
    Reboot,
}

/// How a switch ended.
pub type Ended = Result<Outcome, ActivateError>;

/// One unit as the fake systemd knows it.
#[derive(Debug, Clone, Default)]
pub struct FakeUnit {
    pub state: UnitState,
    /// The digest of the definition it was started with.
    pub runs: Option<String>,
    starts: u64,
}

#[derive(Default)]
pub struct World {
    pub units: BTreeMap<String, FakeUnit>,
    /// What the generator made of the generation chosen when systemd was last reloaded.
    pub defined: Option<Manifest>,
    ended: Vec<(JobId, String)>,
    pub now: Duration,
    pub calls: u64,
    pub jobs: u64,
    planted: Option<Planted>,
    failed: bool,
    pub log: Vec<String>,
    pub no_image: Option<String>,
    /// Whether no image can be pulled.
    pub no_pull: bool,
    /// What podman was given to sign in with at its last pull, and whether it lay in memory, for root alone.
    pub login: Option<(String, bool)>,
    pub alarms: BTreeSet<String>,
    /// Containers that answer no probe well.
    pub refusing: BTreeSet<String>,
    /// After how many questions containers answer well.
    pub answers_after: BTreeMap<String, u64>,
    /// By how much containers come further each time they are asked.
    pub advancing: BTreeMap<String, f64>,
    progress: f64,
    /// Units that systemd restarts once, a while after they came up.
    pub flapping: BTreeSet<String>,
    pub volumes: BTreeMap<String, String>,
    pub unhealthy: BTreeSet<String>,
    /// Units of the host that no description has.
    pub others: BTreeSet<String>,
    /// Containers that no unit of ours made, by id.
    pub theirs: BTreeMap<String, Container>,
    /// Names of the images that are there.
    pub images: BTreeSet<String>,
    /// Networks that a description asked for.
    pub networks: BTreeSet<String>,
    /// What running containers mount of the host.
    pub mounts: Vec<String>,
    /// Folders at which memory is mounted.
    pub memory: BTreeSet<PathBuf>,
    /// What else happens each time that a switch waits.
    pub meanwhile: Option<Rc<Meanwhile>>,
    /// What else happens each time that a unit's state is asked for.
    pub asked: Option<Rc<Meanwhile>>,
}

/// What happens while somebody waits or asks.
pub type Meanwhile = dyn Fn(&mut FakeSystemd);

impl World {
    /// Returns the containers of the units that are up.
    fn containers(&self) -> impl Iterator<Item = Container> {
        let ours = self.units.iter().filter(|(_, unit)| unit.state.is_up());
        ours.filter_map(|(name, unit)| {
            let stem = name.strip_suffix(".service")?;
            let labels = [(UNIT_LABEL, stem), (DIGEST_LABEL, unit.runs.as_deref()?)];
            Some(Container {
                id: unit.state.invocation.clone(),
                name: stem.to_owned(),
                state: "running".to_owned(),
                labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
                ..Container::default()
            })
        })
    }

    /// Counts a call, and says whether it must fail.
    fn fails(&mut self, call: String) -> bool {
        self.calls += 1;
        if matches!(self.planted, Some(Planted { at, fail: Fail::Kill }) if self.calls == at) {
            self.failed = true;
            // Results of jobs are told to nobody any more.
            self.ended.clear();
            std::panic::resume_unwind(Box::new(Killed));
        }
        self.log.push(call);
        let fails = match self.planted {
            Some(Planted { at, fail: Fail::Once }) => self.calls == at,
            Some(Planted { at, fail: Fail::FromThen }) => self.calls >= at,
            _ => false,
        };
        self.failed |= fails;
        fails
    }

    fn digest(&self, unit: &str) -> Option<String> {
        let unit = self.defined.as_ref()?.units.get(unit)?;
        Some(format!("{}", unit.digests.restart))
    }

    fn start(&mut self, name: &str, result: &str) {
        let digest = self.digest(name);
        let is_task = self
            .defined
            .as_ref()
            .and_then(|it| it.units.get(name))
            .is_some_and(|it| it.kind == UnitKind::Task);
        let unit = self.units.entry(name.to_owned()).or_default();
        unit.starts += 1;
        unit.state.invocation = format!("{name}-{}", unit.starts);
        unit.state.main_pid = 4000 + u32::try_from(unit.starts).unwrap_or_default();
        unit.runs = digest;
        let (active, sub) = match (result, is_task) {
            ("done", false) => ("active", "running"),
            ("done", true) => ("inactive", "dead"),
            _ => ("failed", "failed"),
        };
        unit.state.active = active.into();
        unit.state.sub = sub.into();
        unit.state.result = if result == "done" { "success".into() } else { "exit-code".into() };
    }
}

/// A host in a folder.
pub struct Fake {
    root: tempfile::TempDir,
    pub layout: Layout,
    pub world: Rc<RefCell<World>>,
    before: BTreeMap<String, u64>,
    pub interrupted: Rc<AtomicBool>,
    /// How many there were; the last one is called by that number.
    pub switches: u64,
    boots: u64,
    pub options: Options,
}

pub struct FakeSystemd {
    pub world: Rc<RefCell<World>>,
    pub layout: Layout,
}

impl FakeSystemd {
    /// Has a unit run, or not any more, without any job.
    pub fn set_active(&mut self, unit: &str, is_active: bool) {
        let mut world = self.world.borrow_mut();
        let entry = world.units.entry(unit.to_owned()).or_default();
        entry.state.active = if is_active { "active".into() } else { "inactive".into() };
    }
}

impl Systemd for FakeSystemd {
    fn submit(&mut self, job: Job, unit: &str) -> Result<JobId, SystemdError> {
        let mut world = self.world.borrow_mut();
        if world.fails(format!("{job:?} {unit}")) {
            return Err(SystemdError::Gone);
        }
        world.jobs += 1;
        let id = JobId(format!("/job/{}", world.jobs));
        let fails = matches!(world.planted, Some(Planted { at, fail: Fail::Job }) if at == world.jobs);
        world.failed |= fails;
        let result = if fails { "failed" } else { "done" };
        let is_up = world.units.get(unit).is_some_and(|it| it.state.is_up());
        match job {
            Job::Start if is_up => {}
            Job::TryRestart if !is_up => {}
            Job::Reload => {}
            Job::Start | Job::Restart | Job::TryRestart => world.start(unit, result),
            Job::Stop => {
                let entry = world.units.entry(unit.to_owned()).or_default();
                entry.state.active = "inactive".into();
                entry.state.sub = "dead".into();
                entry.runs = None;
            }
        }
        world.ended.push((id.clone(), result.to_owned()));
        Ok(id)
    }

    fn wait(&mut self, at_most: Duration) -> Result<Vec<(JobId, String)>, SystemdError> {
        let meanwhile = self.world.borrow().meanwhile.clone();
        if let Some(meanwhile) = meanwhile {
            meanwhile(self);
        }
        let mut world = self.world.borrow_mut();
        if world.fails("wait".into()) {
            return Err(SystemdError::Gone);
        }
        world.now += at_most;
        let restarted = world.now > Duration::from_secs(1);
        for name in world.flapping.clone() {
            if let Some(unit) = world.units.get_mut(&name).filter(|_| restarted) {
                unit.state.n_restarts = 1;
            }
        }
        Ok(std::mem::take(&mut world.ended))
    }

    fn state(&mut self, unit: &str) -> Result<UnitState, SystemdError> {
        let asked = self.world.borrow().asked.clone();
        if let Some(asked) = asked {
            asked(self);
        }
        let mut world = self.world.borrow_mut();
        if world.fails(format!("state {unit}")) {
            return Err(SystemdError::Gone);
        }
        let is_defined = world.digest(unit).is_some();
        let mut state = world.units.get(unit).map(|it| it.state.clone()).unwrap_or_default();
        if state.active.is_empty() {
            state.active = "inactive".into();
        }
        if world.others.contains(unit) {
            state.load = "loaded".into();
            state.fragment = format!("/etc/systemd/system/{unit}");
            return Ok(state);
        }
        state.load = if is_defined { "loaded".into() } else { "not-found".into() };
        state.fragment = format!("/run/systemd/generator/{unit}");
        Ok(state)
    }

    fn reload(&mut self) -> Result<(), SystemdError> {
        let mut world = self.world.borrow_mut();
        if world.fails("daemon-reload".into()) {
            return Err(SystemdError::Gone);
        }
        world.defined = chosen(&self.layout);
        Ok(())
    }

    fn forget_failure(&mut self, unit: &str) -> Result<(), SystemdError> {
        let mut world = self.world.borrow_mut();
        if world.fails(format!("reset-failed {unit}")) {
            return Err(SystemdError::Gone);
        }
        if let Some(unit) = world.units.get_mut(unit)
            && unit.state.active == "failed"
        {
            unit.state.active = "inactive".into();
        }
        Ok(())
    }

    fn enable(&mut self, unit: &str, enabled: bool) -> Result<(), SystemdError> {
        let mut world = self.world.borrow_mut();
        if world.fails(format!("enable {unit} {enabled}")) {
            return Err(SystemdError::Gone);
        }
        let word = if enabled { "enabled" } else { "disabled" };
        world.units.entry(unit.to_owned()).or_default().state.enabled = word.to_owned();
        Ok(())
    }

    fn log(&mut self, unit: &str) -> Vec<String> {
        vec![format!("last words of {unit}")]
    }

    fn now(&mut self) -> Duration {
        self.world.borrow().now
    }

    fn launch(&mut self, service: &Launch) -> Result<(), SystemdError> {
        Err(SystemdError::Exists { name: service.name.clone() })
    }

    fn arm(&mut self, revert_timer: &RevertTimer) -> Result<(), SystemdError> {
        let mut world = self.world.borrow_mut();
        if world.fails(format!("arm {}", revert_timer.timer)) {
            return Err(SystemdError::Gone);
        }
        world.alarms.insert(revert_timer.timer.clone());
        Ok(())
    }

    fn disarm(&mut self, timer: &str) -> Result<(), SystemdError> {
        let mut world = self.world.borrow_mut();
        if world.fails(format!("disarm {timer}")) {
            return Err(SystemdError::Gone);
        }
        world.alarms.remove(timer);
        Ok(())
    }
}

/// Returns the manifest that the generator would read.
fn chosen(layout: &Layout) -> Option<Manifest> {
    let of =
        |folder: std::path::PathBuf| kolla_lang::store::tree::load_tree(&folder).ok().map(|it| it.manifest);
    of(layout.trial()).or_else(|| of(layout.boot()))
}

pub struct FakeTools(pub Rc<RefCell<World>>);

impl FakeTools {
    fn call(&self, call: &str) -> Result<(), ToolError> {
        let failed = || {
            ToolError::Child(ChildError::Run {
                program: call.to_owned(),
                source: io::Error::other("planted"),
            })
        };
        if self.0.borrow_mut().fails(call.to_owned()) { Err(failed()) } else { Ok(()) }
    }
}

impl Tools for FakeTools {
    fn podman_version(&mut self) -> Result<String, ToolError> {
        self.call("podman version").map(|()| "5.4.2".to_owned())
    }

    fn has_image(&mut self, reference: &str) -> Result<bool, ToolError> {
        self.call("podman image exists")?;
        Ok(self.0.borrow().no_image.as_deref() != Some(reference))
    }

    fn pull(&mut self, reference: &str, login: Option<&Path>) -> Result<(), ToolError> {
        let of = |path: &Path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let mode = std::fs::metadata(path).map_or(0, |it| it.permissions().mode() & 0o777);
            let folder = path.parent().unwrap_or(Path::new("/"));
            (text, mode == 0o600 && self.0.borrow().memory.contains(folder))
        };
        let login = login.map(of);
        self.0.borrow_mut().login = login;
        self.call(&format!("podman pull {reference}"))?;
        if self.0.borrow().no_pull {
            let (command, complaint) = (format!("podman pull {reference}"), "401 Unauthorized".to_owned());
            return Err(ToolError::Failed { command, complaint });
        }
        self.0.borrow_mut().no_image = None;
        Ok(())
    }

    fn image_store(&mut self) -> Result<String, ToolError> {
        self.call("podman info").map(|()| "/".to_owned())
    }

    fn inspect(&mut self, container: &str) -> Result<Inspected, ToolError> {
        self.call("podman inspect")?;
        let world = self.0.borrow();
        let health = if world.unhealthy.contains(container) { Health::Unhealthy } else { Health::Healthy };
        let unit = world.units.get(&format!("{container}.service"));
        // What ran under the name before has no container.
        let Some(unit) = unit.filter(|it| it.runs.is_some()) else { return Ok(Inspected::default()) };
        Ok(Inspected { unit: container.to_owned(), pids: vec![unit.state.main_pid], health })
    }

    fn health_words(&mut self, container: &str) -> Vec<String> {
        vec![format!("{container} says no")]
    }

    fn probe(&mut self, container: Option<&str>, probe: &Probe) -> Result<Answer, ToolError> {
        self.call(&format!("probe {}", probe.ask.words()))?;
        let mut world = self.0.borrow_mut();
        let refused = container.is_some_and(|it| world.refusing.contains(it));
        let Some(left) = container.and_then(|it| world.answers_after.get_mut(it)) else {
            return Ok(if refused { Answer::Bad("status 503".into()) } else { Answer::Good });
        };
        *left = left.saturating_sub(1);
        Ok(if *left == 0 { Answer::Good } else { Answer::Bad("status 503".into()) })
    }

    fn progress(&mut self, container: &str, _: &[String]) -> Option<f64> {
        self.call("progress").ok()?;
        let mut world = self.0.borrow_mut();
        let step = *world.advancing.get(container)?;
        world.progress += step;
        Some(world.progress)
    }

    fn volumes(&mut self) -> Result<BTreeMap<String, String>, ToolError> {
        self.call("podman volume ls")?;
        Ok(self.0.borrow().volumes.clone())
    }

    fn remove_volume(&mut self, name: &str) -> Result<(), ToolError> {
        self.call(&format!("podman volume rm {name}"))?;
        self.0.borrow_mut().volumes.remove(name);
        Ok(())
    }

    fn exec(&mut self, container: &str, _: &[String], _: Duration) -> Result<(), ToolError> {
        self.call(&format!("exec {container}"))
    }

    fn dry_run(&mut self, folder: &Path) -> Result<DryRun, ToolError> {
        self.call("quadlet --dryrun")?;
        let services = fs::read_dir(folder).into_iter().flatten().flatten();
        let unit = |name: String| {
            let is_network = folder.join(&name).join(format!("{name}.network")).exists();
            if is_network { format!("{name}-network.service") } else { format!("{name}.service") }
        };
        let units = services.map(|entry| unit(entry.file_name().to_string_lossy().into_owned())).collect();
        Ok(DryRun { units, complaints: vec![] })
    }

    fn verify(&mut self, units: &[PathBuf], _: &Path) -> Result<Vec<String>, ToolError> {
        self.call("systemd-analyze verify")?;
        let unread =
            |path: &&PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains("MemoryMax=lots"));
        Ok(units
            .iter()
            .filter(unread)
            .map(|path| format!("{}:1: Invalid memory limit", path.display()))
            .collect())
    }

    fn load_module(&mut self, _: &str) -> Result<(), ToolError> {
        self.call("modprobe")
    }
}

impl Memory for FakeTools {
    fn is_memory(&mut self, folder: &Path) -> Result<bool, FileError> {
        Ok(self.0.borrow().memory.contains(folder))
    }

    fn mount(&mut self, folder: &Path) -> Result<(), FileError> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        self.call(&format!("mount memory at {name}"))
            .map_err(|_| FileError::Mount { path: folder.to_owned(), source: io::Error::other("planted") })?;
        self.0.borrow_mut().memory.insert(folder.to_owned());
        Ok(())
    }
}

impl ContainerInventory for FakeTools {
    fn containers(&mut self) -> Result<Vec<Container>, ToolError> {
        self.call("podman ps")?;
        let world = self.0.borrow();
        Ok(world.containers().chain(world.theirs.values().cloned()).collect())
    }

    fn images(&mut self) -> Result<Vec<Image>, ToolError> {
        self.call("podman images")?;
        let names = self.0.borrow().images.iter().cloned().collect();
        Ok(vec![Image { names, ..Image::default() }])
    }

    fn networks(&mut self) -> Result<Vec<String>, ToolError> {
        self.call("podman network ls")?;
        Ok(self.0.borrow().networks.iter().cloned().collect())
    }

    fn mounts(&mut self, _: &[String]) -> Result<Vec<String>, ToolError> {
        self.call("podman inspect mounts")?;
        Ok(self.0.borrow().mounts.clone())
    }

    fn restart_policy(&mut self, _: &str) -> Result<String, ToolError> {
        self.call("podman inspect policy").map(|()| "always".to_owned())
    }

    fn do_with(&mut self, id: &str, deed: Deed<'_>) -> Result<(), ToolError> {
        self.call(&format!("podman {deed:?} {id}"))?;
        let mut world = self.0.borrow_mut();
        let container = world.theirs.get_mut(id).unwrap_or_else(|| panic!("no container {id}"));
        match deed {
            Deed::Stop => container.state = "exited".to_owned(),
            Deed::Start => container.state = "running".to_owned(),
            Deed::Rename(name) => container.name = name.to_owned(),
            Deed::Restart(_) => {}
        }
        Ok(())
    }

    fn remove_container(&mut self, id: &str) -> Result<(), ToolError> {
        self.call(&format!("podman container rm {id}"))?;
        self.0.borrow_mut().theirs.remove(id);
        Ok(())
    }

    fn remove_image(&mut self, reference: &str) -> Result<(), ToolError> {
        self.call(&format!("podman image rm {reference}"))?;
        self.0.borrow_mut().images.remove(reference);
        Ok(())
    }

    fn remove_network(&mut self, name: &str) -> Result<(), ToolError> {
        self.call(&format!("podman network rm {name}"))?;
        self.0.borrow_mut().networks.remove(name);
        Ok(())
    }
}

impl Fake {
    /// Makes a host that holds a generation, or a bare one.
    pub fn with_generation(closure: Option<&Closure>) -> Result<Self, String> {
        // In memory where there is such a folder: a switch syncs, and here that proves nothing.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let root = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
        let layout = Layout::new(root.path());
        let settings = ["net.ipv4.ip_nonlocal_bind", "vm.swappiness"].map(|key| layout.sysctl(key));
        for path in settings.into_iter().chain([layout.boot_id()]) {
            fs::create_dir_all(path.parent().unwrap_or(root.path())).map_err(|error| error.to_string())?;
            fs::write(path, "0\n").map_err(|error| error.to_string())?;
        }
        let key = &layout.host_keys()[0];
        fs::create_dir_all(key.parent().unwrap_or(root.path())).map_err(|error| error.to_string())?;
        fs::write(key, keys::private()).map_err(|error| error.to_string())?;
        let mut fake = Self {
            layout,
            root,
            world: Rc::default(),
            before: BTreeMap::new(),
            interrupted: Rc::default(),
            switches: 0,
            boots: 0,
            options: Options::default(),
        };
        if let Some(closure) = closure {
            // What brought the host to where a test begins was allowed.
            fake.options.allow_one_way = true;
            match fake.switch(closure) {
                Ok(Outcome::Committed { .. }) => {}
                other => return Err(format!("the first switch ended with {other:?}")),
            }
            fake.options = Options::default();
        }
        let mut world = fake.world.borrow_mut();
        fake.before = world.units.iter().map(|(name, unit)| (name.clone(), unit.starts)).collect();
        (world.calls, world.jobs) = (0, 0);
        world.log.clear();
        drop(world);
        Ok(fake)
    }

    /// Switches to a closure.
    pub fn switch(&mut self, to: &Closure) -> Ended {
        self.activate(Target::New { closure: Box::new(to.clone()), cloud: None })
    }

    /// Switches to whatever is asked for.
    pub fn activate(&mut self, target: Target) -> Ended {
        let program = self.root.path().join("program");
        fs::write(&program, "the program").unwrap_or_else(|error| panic!("{error}"));
        self.switches += 1;
        let tx = self.switches.to_string();
        self.as_host(tx, |host| switch(host, target, &program))
    }

    fn as_host<T>(&mut self, tx: String, run: impl FnOnce(&mut Host<'_>) -> T) -> T {
        let mut systemd = FakeSystemd { world: Rc::clone(&self.world), layout: self.layout.clone() };
        let mut tools = FakeTools(Rc::clone(&self.world));
        let mut host = Host {
            layout: &self.layout,
            systemd: &mut systemd,
            tools: &mut tools,
            vault: Vault::new(self.layout.host_keys()),
            tx,
            options: self.options.clone(),
            journal: Journal::default(),
            alarms: Vec::new(),
            armed_timer: None,
            interrupted: &self.interrupted,
        };
        run(&mut host)
    }

    /// Switches and is killed before the call that is named; says whether it was.
    pub fn switch_killed(&mut self, to: &Closure, at: u64) -> bool {
        self.kill_at(at, |fake| drop(fake.switch(to)))
    }

    /// Ends the switch that was killed; is killed itself before the call that is named, and says whether it was.
    pub fn recover_killed(&mut self, at: u64) -> bool {
        self.kill_at(at, |fake| drop(fake.as_host(String::new(), recover)))
    }

    fn kill_at(&mut self, at: u64, run: impl FnOnce(&mut Self)) -> bool {
        {
            let mut world = self.world.borrow_mut();
            (world.calls, world.planted) = (0, Some(Planted { at, fail: Fail::Kill }));
        }
        let ended = catch_unwind(AssertUnwindSafe(|| run(self)));
        self.world.borrow_mut().planted = None;
        match ended {
            Ok(()) => false,
            Err(why) if why.is::<Killed>() => true,
            Err(why) => std::panic::resume_unwind(why),
        }
    }

    /// Has somebody end the switch that was killed.
    pub fn rescue(&mut self, rescue: Rescue) -> Result<(), String> {
        let ended = match rescue {
            Rescue::Recovery => self.as_host(String::new(), recover).map(drop).map_err(ActivateError::from),
            Rescue::Reboot => {
                self.boot();
                let recovered = recover_after_boot(&self.layout, &mut FakeTools(Rc::clone(&self.world)));
                if matches!(recovered, Ok(true)) {
                    self.start_committed();
                }
                recovered.map(drop)
            }
        };
        ended.map_err(|error| format!("{rescue:?}: {}: {error:?}", error_chain(&error)))
    }

    /// Loses the power and boots: nothing in memory is left, and the units of the committed generation start.
    fn boot(&mut self) {
        self.boots += 1;
        fs::write(self.layout.boot_id(), self.boots.to_string()).unwrap_or_else(|error| panic!("{error}"));
        let _none = fs::remove_dir_all(self.layout.run());
        let mut world = self.world.borrow_mut();
        // Podman's books are on the disk. A container that was made and had not run stays in them.
        let left: Vec<Container> = world.containers().collect();
        world.units.clear();
        world.alarms.clear();
        world.memory.clear();
        drop(world);
        self.start_committed();
        let mut world = self.world.borrow_mut();
        // What starts replaces its own.
        let made: Vec<String> = world.containers().map(|it| it.name).collect();
        for container in left.into_iter().filter(|it| !made.contains(&it.name)) {
            world.theirs.insert(container.id.clone(), Container { state: "created".to_owned(), ..container });
        }
    }

    /// Has systemd read what is committed, and start of it what does not run and may by the guard of formats.
    fn start_committed(&mut self) {
        let mut world = self.world.borrow_mut();
        world.defined = chosen(&self.layout);
        let Some(manifest) = world.defined.clone() else { return };
        for unit in manifest.units.iter().filter(|(_, unit)| unit.boot).map(|(name, _)| name) {
            let is_up = world.units.get(unit).is_some_and(|it| it.state.is_up());
            let mut tools = FakeTools(Rc::default());
            tools.0.borrow_mut().volumes = world.volumes.clone();
            if !is_up && may_start(&self.layout, &mut tools, &manifest, unit).is_ok() {
                world.start(unit, "done");
            }
        }
    }

    /// Checks that a switch that was killed and rescued left the host whole, on the old or the new generation.
    pub fn check_whole(&self, from: Option<&Closure>, to: &Closure) -> Result<(), String> {
        let booted = generation::booted(&self.layout).map_err(|error| error.to_string())?;
        let old = from.map(|_| 1);
        let calls = || format!("calls: {:#?}", self.world.borrow().log);
        if self.layout.journal().exists() {
            return Err("a journal is left open".into());
        }
        if let Some(left) = self.world.borrow().theirs.values().find(|it| it.is_ours()) {
            return Err(format!("container {} is left in podman's books", left.name));
        }
        if !self.world.borrow().alarms.is_empty() {
            return Err(format!("a timer is left\n{}", calls()));
        }
        self.no_trial()?;
        if booted == old {
            return match from {
                Some(from) => self.runs_rescued(from),
                None => self.nothing_runs(),
            };
        }
        if booted != Some(old.unwrap_or(0) + 1) {
            return Err(format!("{booted:?} is committed\n{}", calls()));
        }
        self.runs_rescued(to)
    }

    fn runs_rescued(&self, closure: &Closure) -> Result<(), String> {
        let world = self.world.borrow();
        let is_up = |name: &String| world.units.get(name).is_some_and(|it| it.state.is_up());
        for (name, unit) in &closure.manifest.units {
            let runs = world.units.get(name).and_then(|it| it.runs.clone());
            let is_left = self.is_left(unit);
            if unit.kind == UnitKind::Container && !is_up(name) {
                return Err(format!("{name} does not run\ncalls: {:#?}", world.log));
            }
            if is_up(name) && !is_left && runs != Some(unit.digests.restart.to_string()) {
                return Err(format!("{name} runs by another definition\ncalls: {:#?}", world.log));
            }
        }
        match world.units.keys().find(|name| is_up(name) && !closure.manifest.units.contains_key(*name)) {
            Some(name) => Err(format!("{name} is left running\ncalls: {:#?}", world.log)),
            None => Ok(()),
        }
    }

    /// Switches with a failure planted. Afterwards nothing fails any more.
    pub fn switch_failing(&mut self, to: &Closure, planted: Planted) -> Result<Ended, String> {
        self.world.borrow_mut().planted = Some(planted);
        let ended = self.switch(to);
        self.world.borrow_mut().planted = None;
        Ok(ended)
    }

    /// Says whether the planted failure happened.
    pub fn has_failed(&self) -> bool {
        self.world.borrow().failed
    }

    /// Checks that the host is on the old or the new generation, as a whole, and that the switch said which.
    pub fn check(&self, from: Option<&Closure>, to: &Closure, ended: &Ended) -> Result<(), String> {
        let booted = generation::booted(&self.layout).map_err(|error| error.to_string())?;
        let old = from.map(|_| 1);
        let all = listed::list(&self.layout).map_err(|error| error_chain(&error))?;
        let ends: Vec<End> = history::load(&self.layout)
            .map_err(|error| error_chain(&error))?
            .iter()
            .skip(from.iter().len())
            .map(|it| it.end)
            .collect();
        let is = |expected: Option<u64>, ends_as: &[End], n_generations: usize| {
            let seen = (booted, ends.as_slice(), all.len());
            if seen == (expected, ends_as, n_generations) {
                return Ok(());
            }
            Err(format!(
                "{ended:?}\nwith boot, history, generations {seen:?}\ncalls: {:#?}",
                self.world.borrow().log
            ))
        };
        let n_old = from.iter().len();
        match ended {
            Ok(Outcome::Nothing { .. }) => is(old, &[], n_old),
            Ok(Outcome::Committed { number, warnings, .. }) => {
                if !self.has_failed() && !warnings.is_empty() {
                    return Err(format!("{warnings:?}"));
                }
                is(Some(*number), &[End::Committed], n_old + 1)?;
                self.runs(to, from)
            }
            Ok(Outcome::Reverted { to: held, tasks, .. }) => {
                is(old, &[End::Reverted], n_old)?;
                for task in tasks {
                    let once = &to.manifest.tasks[task].once;
                    if !completions::is_done(&self.layout, once) {
                        return Err(format!("task {task} is called done and has no completion"));
                    }
                }
                if *held != old {
                    return Err(format!("{held:?} is said to hold, and {old:?} does"));
                }
                self.no_trial()?;
                match from {
                    Some(from) => self.runs(from, Some(from)),
                    None => self.nothing_runs(),
                }
            }
            Err(ActivateError::NotBegun(NotBegun::Refused(_))) => {
                is(old, &[], n_old)?;
                self.no_trial()?;
                self.untouched()
            }
            // Somebody must look: the old generation holds, the new one is kept, and history says so if it could.
            Err(ActivateError::Stuck(_)) => is(old, &[End::Stuck], n_old + 1),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    /// Says whether a unit that changed is left running as it is.
    fn is_left(&self, unit: &Unit) -> bool {
        match unit.change {
            Change::Keep | Change::Manual => true,
            Change::Dataplane => !self.options.allow_dataplane,
            _ => false,
        }
    }

    fn no_trial(&self) -> Result<(), String> {
        if self.layout.trial().symlink_metadata().is_ok() {
            Err("the trial link is left behind".into())
        } else {
            Ok(())
        }
    }

    /// Checks that no unit was started since the beginning.
    pub fn untouched(&self) -> Result<(), String> {
        let now: BTreeMap<String, u64> =
            self.world.borrow().units.iter().map(|(name, unit)| (name.clone(), unit.starts)).collect();
        if now == self.before {
            Ok(())
        } else {
            Err(format!("units were touched: {:?} → {now:?}", self.before))
        }
    }

    fn nothing_runs(&self) -> Result<(), String> {
        let world = self.world.borrow();
        match world.units.iter().find(|(_, unit)| unit.state.is_up()) {
            Some((name, _)) => Err(format!("{name} is left running")),
            None => Ok(()),
        }
    }

    /// Checks that the closure's units run, each by its own definition, and no others; and that the unchanged never stopped.
    fn runs(&self, closure: &Closure, from: Option<&Closure>) -> Result<(), String> {
        let world = self.world.borrow();
        for (name, unit) in closure.manifest.units.iter().filter(|(_, unit)| unit.kind == UnitKind::Container)
        {
            let seen = world.units.get(name).ok_or_else(|| format!("{name} never ran"))?;
            let was = from.and_then(|it| it.manifest.units.get(name));
            let is_left = self.is_left(unit);
            let wanted = if is_left { was.unwrap_or(unit) } else { unit };
            if seen.state.active != "active" || seen.runs != Some(wanted.digests.restart.to_string()) {
                return Err(format!("{name} does not run as it should: {seen:?}\ncalls: {:#?}", world.log));
            }
            let is_same = was.is_some_and(|was| was.digests.restart == unit.digests.restart)
                && closure == from.unwrap_or(closure);
            if (is_same || is_left)
                && was.is_some()
                && !world.log.iter().any(|call| call.ends_with(name) && call.starts_with(['S', 'R']))
            {
                let before = self.before.get(name).copied().unwrap_or(0);
                if seen.starts != before {
                    return Err(format!("{name} was started again without need"));
                }
            }
        }
        let is_mine = |name: &String| closure.manifest.units.contains_key(name);
        match world.units.iter().find(|(name, unit)| unit.state.is_up() && !is_mine(name)) {
            Some((name, _)) => Err(format!("{name} is left running")),
            None => Ok(()),
        }
    }
}

/// A test by name.
pub type Scenario = (&'static str, fn() -> Result<(), String>);

/// Returns the tests that follow a host over more than one switch.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        ("rollback-takes-no-number", rollback_takes_no_number),
        ("an-absent-image-is-refused", an_absent_image_is_refused),
        ("an-absent-image-is-pulled", an_absent_image_is_pulled),
        ("an-image-torn-by-a-power-cut-is-forgotten", an_image_torn_by_a_power_cut_is_forgotten),
        ("never-healthy-goes-back", never_healthy_goes_back),
        ("a-trial-that-nobody-knows-ends", a_trial_that_nobody_knows_ends),
        ("one-switch-at-a-time", one_switch_at_a_time),
        ("the-same-again-is-nothing", the_same_again_is_nothing),
        ("a-rollback-names-what-stays", a_rollback_names_what_stays),
        ("an-interrupted-switch-goes-back", an_interrupted_switch_goes_back),
    ]
}

fn one(exec: &str) -> Closure {
    let text = format!(
        r#"{{"units": {{"a.service": {{"exec": "{exec}", "healthy": true}}, "b.service": {{"files": {{"b.conf": "[x]\np={{{{s}}}}\n"}}}}}},
            "order": ["a.service", "b.service"], "secrets": ["s"], "sysctls": {{"vm.swappiness": "10"}}}}"#
    );
    super::small::closure(&text).unwrap_or_else(|error| panic!("{error}"))
}

fn expect(ended: &Ended, is_right: fn(&Ended) -> bool) -> Result<(), String> {
    if is_right(ended) { Ok(()) } else { Err(format!("{ended:?}")) }
}

fn rollback_takes_no_number() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&one("first")))?;
    expect(&fake.switch(&one("second")), |it| matches!(it, Ok(Outcome::Committed { number: 2, .. })))?;
    expect(&fake.activate(Target::Before), |it| matches!(it, Ok(Outcome::Committed { number: 1, .. })))?;
    fake.runs(&one("first"), None)?;
    expect(&fake.activate(Target::Before), |it| {
        matches!(it, Err(ActivateError::NotBegun(NotBegun::Refused(_))))
    })?;
    expect(&fake.activate(Target::Number(7)), |it| {
        matches!(it, Err(ActivateError::NotBegun(NotBegun::Refused(_))))
    })?;
    expect(&fake.activate(Target::Number(2)), |it| matches!(it, Ok(Outcome::Committed { number: 2, .. })))?;
    let numbers: Vec<u64> =
        listed::list(&fake.layout).map_err(|error| error_chain(&error))?.iter().map(|it| it.number).collect();
    let events = history::load(&fake.layout).map_err(|error| error_chain(&error))?.len();
    if (numbers.as_slice(), events) == ([1, 2].as_slice(), 4) {
        Ok(())
    } else {
        Err(format!("{numbers:?} {events}"))
    }
}

fn an_absent_image_is_refused() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    fake.world.borrow_mut().no_image = Some("localhost/x:1".into());
    let ended = fake.switch(&one("x"));
    let Err(ActivateError::NotBegun(NotBegun::Refused(refusals))) = &ended else {
        return Err(format!("{ended:?}"));
    };
    let text = refusals[0].to_string();
    if text != "the image localhost/x:1, needed by a.service, b.service, is not on this host" {
        return Err(text);
    }
    if fake.layout.boot().symlink_metadata().is_ok() || fake.layout.generator().exists() {
        return Err("something was left behind".into());
    }
    fake.check(None, &one("x"), &ended)
}

fn an_absent_image_is_pulled() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    let mut wanted = one("x");
    let image = "registry.local/x:1".to_owned();
    wanted.manifest.images.push(image.clone());
    fake.world.borrow_mut().no_image = Some(image);
    expect(&fake.switch(&wanted), |it| matches!(it, Ok(Outcome::Committed { number: 1, .. })))?;
    let log = fake.world.borrow().log.join("\n");
    match (log.find("podman pull registry.local/x:1"), log.find("podman info"), log.find("arm ")) {
        (Some(pull), Some(sync), Some(arm)) if pull < sync && sync < arm => Ok(()),
        _ => Err(log),
    }
}

fn an_image_torn_by_a_power_cut_is_forgotten() -> Result<(), String> {
    let mut fake = Fake::with_generation(None)?;
    let mut wanted = one("x");
    let image = "registry.local/x:1".to_owned();
    wanted.manifest.images.push(image.clone());
    fake.world.borrow_mut().no_image = Some(image);
    let mut at = 1;
    while !fake.world.borrow().log.iter().any(|call| call.starts_with("podman pull")) {
        fake.switch_killed(&wanted, at);
        fake.rescue(Rescue::Recovery)?;
        at += 1;
    }
    fake.world.borrow_mut().log.clear();
    fake.world.borrow_mut().no_image = Some("registry.local/x:1".to_owned());
    fake.switch_killed(&wanted, at - 1);
    fake.rescue(Rescue::Reboot)?;
    let log = fake.world.borrow().log.join("\n");
    if log.contains("podman image rm registry.local/x:1") { Ok(()) } else { Err(log) }
}

fn never_healthy_goes_back() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&one("good")))?;
    fake.world.borrow_mut().unhealthy.insert("a".into());
    let ended = fake.switch(&one("bad"));
    // What was never healthy before either cannot be gated on the way back: somebody must look.
    expect(&ended, |it| matches!(it, Err(ActivateError::Stuck(_))))?;
    let mut fake = Fake::with_generation(None)?;
    fake.world.borrow_mut().unhealthy.insert("a".into());
    let ended = fake.switch(&one("bad"));
    let Ok(Outcome::Reverted { failure, to: None, .. }) = &ended else { return Err(format!("{ended:?}")) };
    if failure.to_string()
        != "a.service was not healthy within 30 s: active (running), its container unhealthy"
    {
        return Err(failure.to_string());
    }
    let swappiness = fs::read_to_string(fake.layout.sysctl("vm.swappiness")).unwrap_or_default();
    if swappiness != "0\n" {
        return Err(format!("the kernel's setting stayed {swappiness}"));
    }
    fake.check(None, &one("bad"), &ended)
}

fn a_trial_that_nobody_knows_ends() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&one("good")))?;
    generation::open_trial(&fake.layout, 1).map_err(|error| error.to_string())?;
    expect(&fake.switch(&one("good")), |it| matches!(it, Ok(Outcome::Nothing { number: 1, .. })))?;
    fake.no_trial()
}

fn one_switch_at_a_time() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&one("good")))?;
    let lock = kolla_lang::store::lock::try_lock(&fake.layout.lock()).map_err(|error| error.to_string())?;
    expect(&fake.switch(&one("other")), |it| matches!(it, Err(ActivateError::NotBegun(NotBegun::Locked))))?;
    drop(lock);
    expect(&fake.switch(&one("other")), |it| matches!(it, Ok(Outcome::Committed { .. })))
}

fn the_same_again_is_nothing() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&one("good")))?;
    let ended = fake.switch(&one("good"));
    expect(&ended, |it| matches!(it, Ok(Outcome::Nothing { number: 1, warnings }) if warnings.is_empty()))?;
    fake.check(Some(&one("good")), &one("good"), &ended)?;
    fake.untouched()
}

fn an_interrupted_switch_goes_back() -> Result<(), String> {
    let mut fake = Fake::with_generation(Some(&one("good")))?;
    fake.interrupted.store(true, Ordering::Relaxed);
    let ended = fake.switch(&one("other"));
    expect(&ended, |it| {
        matches!(it, Ok(Outcome::Reverted { failure: Failure::Interrupted, to: Some(1), .. }))
    })?;
    fake.check(Some(&one("good")), &one("other"), &ended)
}

fn a_rollback_names_what_stays() -> Result<(), String> {
    let task = |once: &str| {
        let text = format!(r#"{{"units": {{"t.service": {{"task": "{once}"}}}}, "order": ["t.service"]}}"#);
        super::small::closure(&text).unwrap_or_else(|error| panic!("{error}"))
    };
    let mut fake = Fake::with_generation(Some(&task("sync 1")))?;
    expect(
        &fake.switch(&task("sync 2")),
        |it| matches!(it, Ok(Outcome::Committed { stays, .. }) if stays.is_empty()),
    )?;
    expect(
        &fake.activate(Target::Before),
        |it| matches!(it, Ok(Outcome::Committed { stays, .. }) if stays == &["t"]),
    )
}
