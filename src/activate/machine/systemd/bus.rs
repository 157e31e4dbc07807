//! The one place that speaks to systemd over D-Bus.
//!
//! Decides nothing: which unit, when, and what its state means is said elsewhere.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::num::NonZero;
use std::pin::Pin;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use zbus::connection::Builder;
use zbus::export::futures_core::Stream as _;
use zbus::{Connection, MatchRule, MessageStream, OwnedObjectPath, OwnedVariant, Variant, block_on, message};

use super::{DONE, Job, JobId, LIMIT, Launch, RevertTimer, Systemd, SystemdError, UnitState};

const DESTINATION: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
/// What systemd answers when a unit of that name is loaded.
const UNIT_EXISTS: &str = "org.freedesktop.systemd1.UnitExists";

/// How long the bus may be away, as while it is restarted, before a switch gives up.
const BUS_AWAY: Duration = Duration::from_secs(20);

/// Speaks to the systemd of this host, and connects again when the bus was restarted.
pub struct Bus {
    wire: Wire,
    /// Jobs that were asked for and did not end yet, with their units.
    open: BTreeMap<JobId, String>,
    /// Whether ends of jobs may have been missed since somebody waited last.
    deaf: bool,
}

impl Bus {
    /// Connects and subscribes to the ends of jobs.
    pub fn connect() -> Result<Self, SystemdError> {
        Ok(Self { wire: Wire::connect()?, open: BTreeMap::new(), deaf: false })
    }

    /// Does something that can be done twice, again if the bus went away meanwhile.
    fn insist<T>(&mut self, ask: impl Fn(&Wire) -> Result<T, SystemdError>) -> Result<T, SystemdError> {
        loop {
            match ask(&self.wire) {
                Err(_) if self.wire.connection.is_closed() => self.connect_again()?,
                // Who said nothing for that long is asked no more: PID 1 has another door.
                Err(SystemdError::Call { source, .. }) if is_late(&source) => return Err(SystemdError::Gone),
                answer => return answer,
            }
        }
    }

    fn connect_again(&mut self) -> Result<(), SystemdError> {
        let until = Instant::now() + BUS_AWAY;
        loop {
            match Wire::connect() {
                Ok(wire) => {
                    self.wire = wire;
                    // Whether a job ended meanwhile is asked as soon as somebody waits.
                    self.deaf = true;
                    return Ok(());
                }
                Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(200)),
                Err(_) => return Err(SystemdError::Gone),
            }
        }
    }

    /// Returns jobs that were asked for and did not end yet, with their units.
    pub fn open_jobs(&self) -> BTreeMap<JobId, String> {
        self.open.clone()
    }

    /// Returns open jobs that ended while nobody listened, with the result that their unit's state tells.
    fn missed(&mut self) -> Result<Vec<(JobId, String)>, SystemdError> {
        let mut missed = Vec::new();
        for (job, unit) in self.open.clone() {
            let (state, pending) = self.insist(|wire| wire.state(&unit))?;
            if !pending {
                missed.push((job, if state.active == "failed" { "failed" } else { DONE }.to_owned()));
            }
        }
        Ok(missed)
    }
}

/// One connection to the bus.
struct Wire {
    connection: Connection,
    ended: mpsc::Receiver<(JobId, String)>,
}

/// Says whether nobody answered within the limit of a connection.
fn is_late(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::InputOutput(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

impl Wire {
    /// Connects, within the time that the bus may be away.
    fn connect() -> Result<Self, SystemdError> {
        // A bus whose process hangs takes a connection and says nothing.
        let (connected, connections) = mpsc::channel();
        std::thread::spawn(move || connected.send(Self::connect_for_long()));
        connections.recv_timeout(BUS_AWAY).unwrap_or(Err(SystemdError::Gone))
    }

    fn connect_for_long() -> Result<Self, SystemdError> {
        let connection =
            block_on(Builder::system().method_timeout(LIMIT).build()).map_err(SystemdError::Connect)?;
        let rule = MatchRule::builder().msg_type(message::Type::Signal).sender(DESTINATION);
        let rule = rule.interface(MANAGER).member("JobRemoved").build().map_err(SystemdError::Connect)?;
        // The queue must hold the ends of all jobs of a switch, in case nobody listens for a while.
        let stream = block_on(MessageStream::for_match_rule(rule, &connection, NonZero::new(4096)))
            .map_err(SystemdError::Connect)?;
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || forward(stream, &sender));
        let wire = Self { connection, ended };
        wire.call::<()>("Subscribe", &())?;
        Ok(wire)
    }

    /// Calls a method of systemd's manager.
    fn call<T>(
        &self,
        method: &str,
        body: &(impl serde::Serialize + zbus::zvariant::DynamicType),
    ) -> Result<T, SystemdError>
    where
        T: serde::de::DeserializeOwned + zbus::zvariant::Type,
    {
        let failed = |source| SystemdError::Call { call: method.to_owned(), source };
        let reply = block_on(self.connection.call_method(
            Some(DESTINATION),
            MANAGER_PATH,
            Some(MANAGER),
            method,
            body,
        ));
        reply.map_err(failed)?.body().deserialize().map_err(failed)
    }

    /// Makes a unit that is in no file, with others that come with it, and starts it.
    fn start_transient(
        &self,
        name: &str,
        properties: &Properties<'_>,
        aux: &[(&str, Properties<'_>)],
    ) -> Result<(), SystemdError> {
        match self.call::<OwnedObjectPath>("StartTransientUnit", &(name, "fail", properties, aux)) {
            Ok(_) => Ok(()),
            Err(SystemdError::Call { source: zbus::Error::MethodError(error, _, _), .. })
                if error.as_str() == UNIT_EXISTS =>
            {
                Err(SystemdError::Exists { name: name.to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// Reads all properties of an object's interface.
    fn properties(
        &self,
        path: &OwnedObjectPath,
        interface: &str,
    ) -> Result<BTreeMap<String, OwnedVariant>, SystemdError> {
        let failed = |source| SystemdError::Call { call: format!("GetAll of {interface}"), source };
        let properties = Some("org.freedesktop.DBus.Properties");
        let reply =
            block_on(self.connection.call_method(Some(DESTINATION), path, properties, "GetAll", &interface));
        reply.map_err(failed)?.body().deserialize().map_err(failed)
    }

    /// Returns what systemd knows of a unit, and whether a job of it is pending.
    fn state(&self, unit: &str) -> Result<(UnitState, bool), SystemdError> {
        let path: OwnedObjectPath = self.call("LoadUnit", &unit)?;
        let mut all = self.properties(&path, "org.freedesktop.systemd1.Unit")?;
        if unit.ends_with(".service") {
            all.extend(self.properties(&path, "org.freedesktop.systemd1.Service")?);
        }
        let text = |name: &str| {
            all.get(name).and_then(|it| <&str>::try_from(it).ok()).unwrap_or_default().to_owned()
        };
        let invocation = all.get("InvocationID").and_then(|it| Vec::<u8>::try_from(it.clone()).ok());
        let drop_ins = all.get("DropInPaths").and_then(|it| Vec::<String>::try_from(it.clone()).ok());
        let job = all.get("Job").and_then(|it| <(u32, OwnedObjectPath)>::try_from(it.clone()).ok());
        let pending = job.is_some_and(|(id, _)| id != 0);
        let state = UnitState {
            load: text("LoadState"),
            active: text("ActiveState"),
            sub: text("SubState"),
            n_restarts: all.get("NRestarts").and_then(|it| u32::try_from(it).ok()).unwrap_or(0),
            invocation: store::hex::encode(&invocation.unwrap_or_default()),
            fragment: text("FragmentPath"),
            is_stale: all.get("NeedDaemonReload").and_then(|it| bool::try_from(it).ok()).unwrap_or(false),
            result: text("Result"),
            main_pid: all.get("MainPID").and_then(|it| u32::try_from(it).ok()).unwrap_or(0),
            exit_status: all.get("ExecMainStatus").and_then(|it| i32::try_from(it).ok()).unwrap_or(0),
            drop_ins: drop_ins.unwrap_or_default(),
            enabled: text("UnitFileState"),
        };
        Ok((state, pending))
    }
}

/// Hands on the ends of jobs until the bus goes away or nobody listens.
fn forward(mut stream: MessageStream, sender: &mpsc::Sender<(JobId, String)>) {
    while let Some(message) = block_on(poll_fn(|ctx| Pin::new(&mut stream).poll_next(ctx))) {
        let Ok(message) = message else { return };
        let body = message.body();
        // What does not have the shape of a job's end is not one.
        let Ok((_, job, _, result)) = body.deserialize::<(u32, OwnedObjectPath, String, String)>() else {
            continue;
        };
        if sender.send((JobId(job.to_string()), result)).is_err() {
            return;
        }
    }
}

impl Systemd for Bus {
    fn submit(&mut self, job: Job, unit: &str) -> Result<JobId, SystemdError> {
        let path: OwnedObjectPath = self.insist(|wire| wire.call(job.method(), &(unit, "replace")))?;
        let id = JobId(path.to_string());
        self.open.insert(id.clone(), unit.to_owned());
        Ok(id)
    }

    fn wait(&mut self, at_most: Duration) -> Result<Vec<(JobId, String)>, SystemdError> {
        let mut ended = match self.wire.ended.recv_timeout(at_most) {
            Ok(first) => vec![first],
            Err(mpsc::RecvTimeoutError::Timeout) => Vec::new(),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                self.connect_again()?;
                Vec::new()
            }
        };
        if std::mem::take(&mut self.deaf) {
            ended.extend(self.missed()?);
        }
        ended.extend(self.wire.ended.try_iter());
        // The ends of jobs that others asked for are none of ours, and one end is told once.
        ended.retain(|(job, _)| self.open.remove(job).is_some());
        Ok(ended)
    }

    fn state(&mut self, unit: &str) -> Result<UnitState, SystemdError> {
        self.insist(|wire| wire.state(unit)).map(|(state, _)| state)
    }

    fn reload(&mut self) -> Result<(), SystemdError> {
        self.insist(|wire| wire.call("Reload", &()))
    }

    fn forget_failure(&mut self, unit: &str) -> Result<(), SystemdError> {
        self.insist(|wire| wire.call("ResetFailedUnit", &unit))
    }

    fn enable(&mut self, unit: &str, enabled: bool) -> Result<(), SystemdError> {
        // What systemd says it changed is told by the links it made.
        type Changes = Vec<(String, String, String)>;
        if enabled {
            let files = (vec![unit], false, false);
            self.insist(|wire| wire.call::<(bool, Changes)>("EnableUnitFiles", &files)).map(drop)
        } else {
            let files = (vec![unit], false);
            self.insist(|wire| wire.call::<Changes>("DisableUnitFiles", &files)).map(drop)
        }
    }

    fn launch(&mut self, service: &Launch) -> Result<(), SystemdError> {
        let Launch { name, description, command, on_failure, honest, stop_secs } = service;
        // A failed one of the same name only waits to be forgotten.
        let _none = self.forget_failure(name);
        let mut properties = service_properties("exec", description, command);
        properties.push(("OnFailure", vec![on_failure.clone()].into()));
        properties.push(("SuccessExitStatus", (honest.clone(), Vec::<i32>::new()).into()));
        properties.push(("TimeoutStopUSec", micros(*stop_secs).into()));
        // It must be the last to fall when memory runs out.
        properties.push(("OOMScoreAdjust", (-900_i32).into()));
        self.insist(|wire| wire.start_transient(name, &properties, &[]))
    }

    fn arm(&mut self, revert_timer: &RevertTimer) -> Result<(), SystemdError> {
        let RevertTimer { timer, command, secs, conflicts } = revert_timer;
        let service = revert_timer.service();
        let description = "Go back to the committed generation of kolla-lang";
        let mut run = service_properties("oneshot", description, command);
        run.push(("Conflicts", vec![conflicts.clone()].into()));
        run.push(("After", vec![conflicts.clone()].into()));
        let when: Properties<'_> = vec![
            ("Description", description.into()),
            ("TimersMonotonic", vec![("OnActiveSec", micros(*secs))].into()),
            ("AccuracyUSec", micros(1).into()),
            ("RemainAfterElapse", false.into()),
        ];
        match self.insist(|wire| wire.start_transient(timer, &when, &[(service.as_str(), run.clone())])) {
            // The bus went away after it was armed and before that was heard.
            Err(SystemdError::Exists { .. }) => Ok(()),
            other => other,
        }
    }

    fn disarm(&mut self, timer: &str) -> Result<(), SystemdError> {
        for _ in 0..50 {
            let state = self.state(timer)?;
            if !state.is_up() {
                return Ok(());
            }
            self.insist(|wire| wire.call::<OwnedObjectPath>("StopUnit", &(timer, "replace")))?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(SystemdError::Failed { command: format!("stop {timer}"), complaint: "it goes on".to_owned() })
    }
}

/// Properties of a unit that is in no file, as systemd's own programs write them.
type Properties<'a> = Vec<(&'a str, Variant<'a>)>;

fn micros(secs: u64) -> u64 {
    secs.saturating_mul(1_000_000)
}

fn service_properties<'a>(kind: &'a str, description: &'a str, command: &'a [String]) -> Properties<'a> {
    let program = command.first().cloned().unwrap_or_default();
    vec![
        ("Description", description.into()),
        ("Type", kind.into()),
        ("ExecStart", vec![(program, command.to_vec(), false)].into()),
        ("CollectMode", "inactive-or-failed".into()),
        // What it opened of secrets reaches no disk, by swap or by a dump of its memory.
        ("LimitCORE", 0_u64.into()),
        ("MemorySwapMax", 0_u64.into()),
    ]
}
