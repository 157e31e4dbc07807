"""A systemd that is none: process 1 of a scratch host, owning org.freedesktop.systemd1 on a real bus.

Does what a switch can observe of systemd: generators at reload, jobs with their order, states, transient units, timers. A unit's
main process is a real one where the unit is ours (the engine), and an entry in a table where it would be a container. Timers
fire only when the driver says so: a test that waits for a clock tests the clock.
"""

import json
import os
import select
import shlex
import signal
import time
from pathlib import Path

from jeepney import DBusAddress, HeaderFields, MessageFlag, MessageType, new_error, new_method_return, new_signal

from told import escaped, is_asked, listed, sections_of
from units import Containers, Definition, Unit, load_generated, parse

BUS = "org.freedesktop.systemd1"
ROOT_PATH = "/org/freedesktop/systemd1"
MANAGER = f"{BUS}.Manager"
STATE = Path("/run/fake")
GENERATORS = Path("/etc/systemd/system-generators")
ENVIRONMENT = {"PATH": "/opt/fake:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"}
RESTART_SECS = 0.2  # after which at most a failed unit is started again
STOP_SECS = 1.0  # after which a process that was asked to end is killed


class NoSuchUnit(Exception):
    """A method was asked for a unit that nothing defines."""


class Job:
    """Something that is to be done to a unit, when the jobs before it are over."""

    def __init__(self, number, kind, unit):
        self.number, self.kind, self.unit = number, kind, unit
        self.path = f"{ROOT_PATH}/job/{number}"
        self.waits, self.begun, self.over = [], False, False


class Systemd:
    """The manager, its units, and the processes it started."""

    def __init__(self, connection, control, wraps):
        self.connection, self.control = connection, control
        self.units, self.jobs, self.n_jobs = {}, [], 0
        (STATE / "containers").mkdir(parents=True)
        self.containers = Containers(STATE / "containers", Path("/var/lib/fake-tasks"))
        self.wraps, self.commands, self.idlers, self.unknown, self.calls = wraps, {}, [], [], []
        self.minds_failures, self.awaited, self.exits = True, {}, {}
        self.woken, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(self.woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker)

    # --- processes

    def spawn(self, argv, out="/dev/null", environment=None):
        """Starts a process in a session of its own."""
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        environment = ENVIRONMENT | (environment or {})
        return os.posix_spawnp(argv[0], argv, environment, file_actions=actions, setsid=True,
                               setsigdef=[signal.SIGPIPE])

    def run_now(self, argv):
        pid = self.spawn(argv, "/out/helpers")
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if pid in self.commands:
                self.answer(self.commands.pop(pid), {"code": code})
                continue
            unit = next((it for it in self.units.values() if it.process == pid), None)
            if unit:
                self.ended(unit, code)

    def ended(self, unit, code):
        """The main process of a unit is gone; what it left behind goes with it."""
        for prefix in [it for it in self.awaited if unit.name.startswith(it)]:
            self.answer(self.awaited.pop(prefix), {})
        self.kill(unit, signal.SIGKILL)
        self.exits[unit.name] = code
        unit.process, unit.exit_status = None, abs(code)
        stopping = unit.sub == "stop-sigterm"
        honest = unit.definition.words("Service", "SuccessExitStatus") if unit.definition else []
        ok = code == 0 or stopping or str(code) in honest
        unit.result = "success" if ok else "exit-code" if code > 0 else "signal"
        remains = unit.definition and unit.definition.one("Service", "RemainAfterExit") in ("yes", "true")
        if ok and remains and not stopping:
            unit.set("active", "exited")
        elif ok:
            unit.set("inactive", "dead")
        else:
            unit.set("failed", "failed")
            self.plan_restart(unit)
            # With this held back nobody comes at once, as if that process had been killed too.
            for other in unit.definition.words("Unit", "OnFailure") if self.minds_failures and unit.definition else []:
                if self.unit(other).definition:
                    self.submit("start", other)
        if unit.job and unit.job.begun:
            if unit.job.kind == "restart" and stopping:
                self.begin_start(unit.job)
            else:
                self.finish(unit.job, "done" if ok else "failed")
        self.collect(unit)

    def plan_restart(self, unit):
        how = unit.definition.one("Service", "Restart", "no") if unit.definition else "no"
        spared = unit.definition.words("Service", "RestartPreventExitStatus") if unit.definition else []
        if unit.result == "exit-code" and str(unit.exit_status) in spared:
            return
        if how in ("always", "on-failure", "on-abnormal"):
            secs = unit.definition.one("Service", "RestartSec", "0.1").removesuffix("s")
            unit.set("activating", "auto-restart")
            unit.fires_at = time.monotonic() + min(float(secs), RESTART_SECS)

    @staticmethod
    def kill(unit, number):
        try:
            os.killpg(unit.process, number)
        except ProcessLookupError:
            pass

    def collect(self, unit):
        """Forgets a transient unit that is over, as systemd does."""
        if not unit.transient:
            return
        keeps = unit.active == "failed" and unit.definition.one("Unit", "CollectMode") != "inactive-or-failed"
        if unit.active in ("inactive", "failed") and not keeps and not unit.job and not self.is_wanted(unit):
            self.units.pop(unit.name, None)

    def is_wanted(self, unit):
        """Whether a unit in use names it, so that it is not forgotten."""
        users = [it for it in self.units.values() if it.transient and it is not unit and it.is_up]
        return any(unit.name in it.definition.words("Unit", "OnFailure") or
                   (it.name.endswith(".timer") and it.triggers() == unit.name) for it in users)

    # --- units and jobs

    def reload(self):
        """Runs the generators again and reads all units again."""
        folder = Path("/run/systemd/generator")
        self.run_now(["rm", "-rf", str(folder)])
        folder.mkdir(parents=True)
        for generator in sorted(GENERATORS.iterdir()) if GENERATORS.is_dir() else []:
            if not generator.name.startswith(".") and self.run_now([str(generator), str(folder), str(folder), str(folder)]) != 0:
                raise RuntimeError(f"{generator} failed")
        definitions, self.wanted = load_generated(folder)
        for admin in (Path("/run/systemd/system"), Path("/etc/systemd/system")):
            for path in sorted(admin.iterdir()) if admin.is_dir() else []:
                if path.is_file():
                    definitions[path.name] = parse(path.name, str(path), path.read_text())
        for unit in self.units.values():
            if not unit.transient:
                unit.definition = definitions.get(unit.name)
        for name, definition in definitions.items():
            self.units.setdefault(name, Unit(name)).definition = definition

    def unit(self, name):
        return self.units.setdefault(name, Unit(name))

    def submit(self, kind, name):
        """Makes a job, with those that it needs."""
        unit = self.unit(name)
        if unit.definition is None and kind != "stop":
            raise NoSuchUnit(f"Unit {name} not found.")
        if unit.job:
            if unit.job.kind == kind:
                return unit.job
            self.finish(unit.job, "canceled")
        self.n_jobs += 1
        job = Job(self.n_jobs, kind, unit)
        unit.job = job
        self.jobs.append(job)
        if unit.definition and kind in ("start", "restart"):
            after = set(unit.definition.words("Unit", "After"))
            for other in unit.definition.words("Unit", "Conflicts"):
                if self.unit(other).is_up or self.unit(other).process:
                    job.waits.append(self.submit("stop", other))
            for other in self.needed(unit.definition):
                if self.unit(other).definition and not self.unit(other).is_up:
                    after.add(other)
                    self.submit("start", other)
            job.waits += [it for it in self.jobs if it.unit.name in after and it is not job]
        return job

    @staticmethod
    def needed(definition):
        named = definition.words("Unit", "Wants") + definition.words("Unit", "Requires")
        sources = [mount.split(":")[0] for mount in definition.all("Container", "Volume")]
        return named + [it.replace(".volume", "-volume.service") for it in sources if it.endswith(".volume")]

    def run_queue(self):
        ready = True
        while ready:
            ready = [it for it in self.jobs if not it.begun and all(other.over for other in it.waits)]
            for job in ready:
                job.begun = True
                if job.over:
                    continue
                if job.kind == "start":
                    self.begin_start(job)
                elif job.kind in ("stop", "restart"):
                    self.begin_stop(job)
                elif job.kind == "try-restart" and job.unit.is_up:
                    job.kind = "restart"
                    self.begin_stop(job)
                else:
                    self.finish(job, "done")

    def finish(self, job, result):
        if job.over:
            return
        job.over = True
        self.jobs.remove(job)
        if job.unit.job is job:
            job.unit.job = None
        self.emit("JobRemoved", "uoss", (job.number, job.path, job.unit.name, result))
        self.collect(job.unit)

    def begin_start(self, job):
        unit, definition = job.unit, job.unit.definition
        if unit.is_up and unit.sub != "auto-restart":
            return self.finish(job, "done")
        condition = definition.one("Unit", "ConditionPathExists")
        if condition and not os.path.exists(condition):
            return self.finish(job, "done")
        unit.begin()
        unit.fires_at = None
        if unit.name.endswith(".timer"):
            unit.set("active", "waiting")
        elif definition.is_container:
            return self.start_container(job)
        elif unit.name.endswith(".service") and definition.one("Service", "ExecStart"):
            argv = shlex.split(definition.one("Service", "ExecStart"))
            # One process is wrapped: what is started again after a fault goes its way, and leaves the trace alone.
            wrap = self.wraps.pop(next((it for it in self.wraps if unit.name.startswith(it)), None), [])
            unit.process = self.spawn(wrap + argv, f"/out/{unit.name}", dict(
                INVOCATION_ID=unit.invocation.hex(),
                **dict(it.split("=", 1) for it in definition.all("Service", "Environment"))))
            if definition.is_oneshot:
                unit.set("activating", "start")
                return None
            unit.set("active", "running")
        else:
            unit.set("active", "exited")
        return self.finish(job, "done")

    def start_container(self, job):
        unit, definition = job.unit, job.unit.definition
        for line in definition.all("Service", "ExecStartPre"):
            self.run_now(shlex.split(line))
        failed = "fail" in definition.command or definition.missing_sources()
        if not failed and definition.is_oneshot:
            done = Path("/var/lib/kolla-lang/done")
            self.containers.run_task(definition, done.is_dir() and any(done.glob("[!.]*.json")))
            unit.set("inactive", "dead")
        elif not failed:
            # No process has such a number: the kernel's are smaller.
            unit.conmon = (1 << 30) + unit.started
            self.containers.make(definition, unit.conmon)
            unit.set("active", "running")
        else:
            unit.set("failed", "failed", "exit-code")
            unit.exit_status = 1
            self.plan_restart(unit)
        self.finish(job, "failed" if failed else "done")

    def begin_stop(self, job):
        unit = job.unit
        unit.fires_at = None
        if unit.process:
            unit.set("deactivating", "stop-sigterm")
            self.kill(unit, signal.SIGTERM)
            self.kill(unit, signal.SIGCONT)
            unit.fires_at = time.monotonic() + STOP_SECS
            return
        # Without its definition nobody knows how to stop it: its processes end, its container stays.
        if unit.definition and unit.definition.is_container:
            self.containers.remove(unit.definition.container)
            unit.conmon = 0
        unit.set("inactive", "dead", "success")
        if job.kind == "restart":
            self.begin_start(job)
        else:
            self.finish(job, "done")

    def look_at_clock(self):
        for unit in [it for it in self.units.values() if it.fires_at and it.fires_at <= time.monotonic()]:
            unit.fires_at = None
            if unit.sub == "stop-sigterm":
                self.kill(unit, signal.SIGKILL)
            elif unit.sub == "auto-restart" and unit.definition and not unit.job:
                unit.n_restarts += 1
                self.submit("start", unit.name)

    def start_transient(self, name, properties, others):
        for each, values in [*others, (name, properties)]:
            known = self.units.get(each)
            if known and (known.definition or known.job):
                raise FileExistsError(f"Unit {each} was already loaded or has a fragment file.")
            unit = self.units[each] = Unit(each, transient=True)
            unit.definition = Definition(each, "", sections_of(each, values))
        return self.submit("start", name)

    def fire(self, pattern):
        """Lets the time of timers come."""
        fired = []
        for unit in [it for it in self.units.values() if it.name.endswith(".timer") and it.sub == "waiting"]:
            if pattern in unit.name:
                fired.append(unit.name)
                unit.set("active", "elapsed")
                self.submit("start", unit.triggers())
                if unit.definition.one("Timer", "RemainAfterElapse", "yes") == "no":
                    self.units.pop(unit.name)
        return fired

    # --- the bus

    def emit(self, member, signature, body):
        self.connection.send(new_signal(DBusAddress(ROOT_PATH, interface=MANAGER), member, signature, body))

    def serve(self, message):
        fields = message.header.fields
        if message.header.message_type is not MessageType.method_call:
            return
        method, path = fields.get(HeaderFields.member), fields.get(HeaderFields.path)
        self.calls.append(method)
        try:
            reply = new_method_return(message, *self.call(method, path, message.body))
        except NoSuchUnit as error:
            reply = new_error(message, f"{BUS}.NoSuchUnit", "s", (str(error),))
        except FileExistsError as error:
            reply = new_error(message, f"{BUS}.UnitExists", "s", (str(error),))
        except NotImplementedError:
            self.unknown.append(f"{fields.get(HeaderFields.interface)}.{method}{message.body!r}")
            reply = new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "s", (str(method),))
        if not message.header.flags & MessageFlag.no_reply_expected:
            self.connection.send(reply)

    def call(self, method, path, body):
        jobs = {"StartUnit": "start", "StopUnit": "stop", "RestartUnit": "restart", "TryRestartUnit": "try-restart",
                "ReloadUnit": "reload", "ReloadOrRestartUnit": "reload"}
        if method in jobs:
            if not self.units.get(body[0]):
                raise NoSuchUnit(f"Unit {body[0]} not loaded.")
            return "o", (self.submit(jobs[method], body[0]).path,)
        if method in ("LoadUnit", "GetUnit"):
            if method == "GetUnit" and body[0] not in self.units:
                raise NoSuchUnit(f"Unit {body[0]} not loaded.")
            return "o", (f"{ROOT_PATH}/unit/{escaped(self.unit(body[0]).name)}",)
        if method == "GetAll":
            return "a{sv}", (self.at(path).properties(body[0]),)
        if method == "Get":
            return "v", (self.at(path).properties(body[0])[body[1]],)
        if method == "Reload":
            self.reload()
            return (None, ())
        if method in ("Subscribe", "Unsubscribe"):
            return (None, ())
        if method == "ResetFailedUnit":
            unit = self.unit(body[0])
            if unit.active == "failed":
                unit.set("inactive", "dead", "success")
                self.collect(unit)
            return (None, ())
        if method == "StartTransientUnit":
            return "o", (self.start_transient(body[0], body[2], body[3]).path,)
        if method in ("ListUnits", "ListUnitsByPatterns", "ListUnitsByNames"):
            return "a(ssssssouso)", ([listed(it) for it in self.units.values() if is_asked(method, body, it)],)
        if method == "KillUnit":
            self.kill(self.unit(body[0]), body[2])
            return (None, ())
        raise NotImplementedError(method)

    def at(self, path):
        for unit in self.units.values():
            if path == f"{ROOT_PATH}/unit/{escaped(unit.name)}":
                return unit
        raise NoSuchUnit(path)

    # --- the driver

    def answer(self, to, value):
        self.control.send(json.dumps({"id": to} | value).encode())

    def obey(self, request):
        """Does what the driver of the test asks for."""
        what, to = request["do"], request["id"]
        if what == "run":
            self.commands[self.spawn(request["argv"], request["out"], request.get("environment"))] = to
        elif what == "end":
            for pid in [pid for pid, of in self.commands.items() if of == request["command"]]:
                os.killpg(pid, signal.SIGKILL)
            self.answer(to, {})
        elif what == "await":
            self.awaited[request["unit"]] = to
        elif what == "wrap":
            self.wraps, self.minds_failures = request["wraps"], request["minds_failures"]
            self.answer(to, {})
        elif what == "fire":
            self.answer(to, {"fired": self.fire(request["pattern"])})
        elif what == "idle":
            self.idlers.append(to)
        elif what == "crash":
            self.crash(self.unit(request["unit"]))
            self.answer(to, {})
        elif what == "setting":
            self.answer(to, {"value": Path("/proc/sys", request["key"]).read_text().strip()})
        elif what == "texts":
            # Only from in here: what is mounted on the host is not seen from outside.
            found = {str(path): path.read_text() for path in sorted(Path(request["below"]).rglob("*")) if path.is_file()}
            self.answer(to, {"texts": found, "mode": os.stat(request["below"]).st_mode & 0o777 if found else None})
        elif what == "mounts":
            lines = [line.split(" - ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
            self.answer(to, {"mounts": {front.split()[4]: back.split() for front, back in lines}})
        elif what == "state":
            units = {it.name: {"active": it.active, "sub": it.sub, "loaded": it.definition is not None,
                               "transient": it.transient, "busy": bool(it.process or it.job)} for it in self.units.values()}
            self.answer(to, {"units": units, "exits": self.exits, "containers": self.containers.running, "unknown": self.unknown,
                              "calls": self.calls})

    def crash(self, unit):
        """Ends a container as if it had died; it starts again by the definition that is loaded now."""
        self.containers.remove(unit.definition.container if unit.definition else "")
        unit.conmon = 0
        unit.set("failed", "failed", "exit-code")
        self.plan_restart(unit)

    def is_idle(self):
        return not self.jobs and not any(it.process for it in self.units.values())

    def boot(self):
        """Does what a boot does: settings of the kernel, generators, what the target wants."""
        for path in sorted(Path("/etc/sysctl.d").glob("*.conf")):
            for line in path.read_text().splitlines() if path.exists() else []:
                key, _, value = line.partition("=")
                Path("/proc/sys", key.strip().replace(".", "/")).write_text(value.strip())
        self.reload()
        for name in self.wanted:
            self.submit("start", name)

    def loop(self):
        self.boot()
        while True:
            self.run_queue()
            for unit in list(self.units.values()):
                self.collect(unit)
            if self.idlers and self.is_idle():
                for to in self.idlers:
                    self.answer(to, {})
                self.idlers = []
            due = [it.fires_at for it in self.units.values() if it.fires_at]
            wait = max(0.0, min(due) - time.monotonic()) if due else None
            ready, _, _ = select.select([self.connection.sock, self.control, self.woken], [], [], wait)
            if self.woken in ready:
                os.read(self.woken, 4096)
            self.reap()
            self.look_at_clock()
            if self.connection.sock in ready:
                self.receive()
            if self.control in ready:
                request = self.control.recv(1 << 20)
                if not request:
                    return
                self.obey(json.loads(request))

    def receive(self):
        """Takes all messages that are there."""
        data = self.connection.sock.recv(1 << 16)
        self.connection.parser.add_data(data)
        while (message := self.connection.parser.get_next_message()) is not None:
            self.serve(message)
