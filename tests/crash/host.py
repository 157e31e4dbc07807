"""Scratch hosts: a root of their own, namespaces of their own, a bus of their own, and the fake systemd as process 1.

A host is booted by forking this process, so that nothing has to be loaded again; killing process 1 is pulling the plug: all of its
processes are gone, and so is /run. Needs root. What lies on the host's disk is in `etc`, `var`, real files in a tmpfs.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
import uuid
from pathlib import Path

from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

from systemd import BUS, Systemd

LIBC = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG = 1
HERE = Path(__file__).resolve().parent
KEYS = HERE.parent / "support/keys"
ON_DISK = ("etc", "var")
BUS_CONFIG = """<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>"""


def check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def mount(source, target, kind=None, flags=0):
    encode = lambda it: None if it is None else os.fsencode(it)
    check(LIBC.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), None))


def unshare(flags):
    check(LIBC.unshare(flags))


def prepare(work, program, closures):
    """Makes the parts that all hosts share, in a mount namespace of this process and on a tmpfs."""
    unshare(NEWNS)
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", work, "tmpfs")
    shared = Path(work, "shared")
    for name in ("usr/libexec/podman", "opt/fake"):
        (shared / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64", "share"):
        source = Path("/usr", name)
        if source.is_dir():
            (shared / "usr" / name).mkdir()
            mount(source, shared / "usr" / name, None, MS_BIND)
            mount(source, shared / "usr" / name, None, MS_BIND | MS_REMOUNT | MS_RDONLY)
    shutil.copy(HERE / "fake/quadlet", shared / "usr/libexec/podman/quadlet")
    for tool in (HERE / "fake").iterdir():
        shutil.copy(tool, shared / "opt/fake")
    shutil.copy(program, shared / "opt/kolla-lang")
    for name, folder in closures.items():
        shutil.copytree(folder, shared / "opt/closures" / name, symlinks=True)


class HostDied(Exception):
    """Process 1 of a host ended, which is a mistake of the test's own."""


class Host:
    """One scratch host."""

    def __init__(self, work, name):
        self.work, self.root = Path(work), Path(work, "hosts", name)
        self.keeper = self.control = None
        self.n_requests = 0
        self.pending = {}

    def reset(self, disk=None):
        """Gives it the disk of a host kept earlier, or an empty one."""
        self.kill()
        shutil.rmtree(self.root, ignore_errors=True)
        for name in ("proc", "dev", "usr", "opt", "tmp", "out"):
            (self.root / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        if disk:
            for name in ON_DISK:
                subprocess.run(["cp", "-a", Path(disk, name), self.root / name], check=True)
            return
        for name in ("etc/systemd", "etc/sysctl.d", "etc/modules-load.d", "var/lib/containers/storage"):
            (self.root / name).mkdir(parents=True)
        (self.root / "var/run").symlink_to("/run")
        (self.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (self.root / "etc/group").write_text("root:x:0:\n")
        (self.root / "etc/machine-id").write_text("0" * 32 + "\n")
        (self.root / "etc/ssh").mkdir()
        shutil.copy(KEYS / "host", self.root / "etc/ssh/ssh_host_ed25519_key")
        (self.root / "etc/ssh/ssh_host_ed25519_key").chmod(0o600)

    def keep_disk(self, to):
        """Keeps what lies on its disk, for hosts that begin there."""
        for name in ON_DISK:
            Path(to).mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", self.root / name, Path(to, name)], check=True)

    def boot(self, wraps=None):
        """Starts it with an empty /run and a new boot id, and waits until it is up. What units run may be wrapped, as by strace."""
        shutil.rmtree(self.root / "run", ignore_errors=True)
        (self.root / "run/dbus").mkdir(parents=True)
        (self.root / "run/bus.conf").write_text(BUS_CONFIG)
        (self.root / "run/boot_id").write_text(f"{uuid.uuid4()}\n")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(30)
        self.keeper = os.fork()
        if self.keeper == 0:
            ours.close()
            keep(self.root, self.work / "shared", theirs, wraps or {})
        theirs.close()
        self.control = ours
        self.ask("idle")

    def kill(self):
        """Pulls the plug."""
        if self.keeper:
            os.kill(self.keeper, signal.SIGKILL)
            os.waitpid(self.keeper, 0)
            # Its process 1 dies with it, and everything on the host with that one.
            self.control.settimeout(10)
            while self.control.recv(1 << 20):
                pass
            self.control.close()
            self.keeper = self.control = None
            self.pending = {}

    def begin(self, what, **more):
        self.n_requests += 1
        try:
            self.control.send(json.dumps({"do": what, "id": self.n_requests} | more).encode())
        except BrokenPipeError as error:
            raise HostDied(self.output("pid1")) from error
        return self.n_requests

    def wait(self, number, secs=30):
        return self.wait_any([number], secs)[number]

    def wait_any(self, numbers, secs=30):
        """Waits until one of these is answered, and returns the answers that are there."""
        deadline = time.monotonic() + secs
        while not any(it in self.pending for it in numbers):
            self.control.settimeout(max(0.01, deadline - time.monotonic()))
            data = self.control.recv(1 << 20)
            if not data:
                raise HostDied(self.output("pid1"))
            answer = json.loads(data)
            self.pending[answer["id"]] = answer
        return {it: self.pending.pop(it) for it in numbers if it in self.pending}

    def ask(self, what, **more):
        return self.wait(self.begin(what, **more))

    def output(self, name):
        path = self.root / "out" / name
        return path.read_text(errors="replace") if path.exists() else ""

    def begin_command(self, argv, out="command"):
        (self.root / "out" / out).unlink(missing_ok=True)
        return self.begin("run", argv=argv, out=f"/out/{out}")

    def command(self, argv, out="command"):
        """Runs a command on the host and returns its exit code, negative for a signal."""
        return self.wait(self.begin_command(argv, out))["code"]


def keep(root, shared, control, wraps):
    """The parent of a host's process 1: dies with the driver, and takes the host along."""
    try:
        driver = os.getppid()
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != driver:
            os._exit(1)
        unshare(NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET)
        pid = os.fork()
        if pid == 0:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            be_process_1(root, shared, control, wraps)
        control.close()
        os.waitpid(pid, 0)
    finally:
        os._exit(0)


def be_process_1(root, shared, control, wraps):
    try:
        out = os.open(root / "out/pid1", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        socket.sethostname("ctl01")
        mount(shared / "usr", root / "usr", None, MS_BIND | MS_REC)
        mount(shared / "opt", root / "opt", None, MS_BIND)
        mount("/dev", root / "dev", None, MS_BIND)
        mount("proc", root / "proc", "proc")
        mount(root / "run/boot_id", root / "proc/sys/kernel/random/boot_id", None, MS_BIND)
        os.chroot(root)
        os.chdir("/")
        os.posix_spawn("/usr/bin/dbus-daemon", ["dbus-daemon", "--config-file=/run/bus.conf", "--nofork", "--nopidfile"], {})
        address = "/run/dbus/system_bus_socket"
        deadline = time.monotonic() + 10
        while not os.path.exists(address) and time.monotonic() < deadline:
            time.sleep(0.002)
        while True:
            try:
                connection = open_dbus_connection(f"unix:path={address}")
                break
            except (ConnectionRefusedError, FileNotFoundError):
                time.sleep(0.002)
        connection.send_and_get_reply(message_bus.RequestName(BUS))
        Systemd(connection, control, wraps).loop()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)
