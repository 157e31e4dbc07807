"""Ends `kolla-lang secrets` by keys and signals at each of its prompts, in a terminal of its own.

After each end the terminal shows what is typed again, no secret was printed, no core was dumped, nothing of the editor's is left in
memory, and the file of secrets is as it was. Run by tests/show/7e.
"""

import argparse
import os
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEYS = ROOT / "tests/support/keys"
MEMORY = Path("/dev/shm")
LIMIT = 60
N_POINTS = 0

CLOUD = """use kernel
cloud.name = "prompts"
networks.mgmt = {{ cidr = 10.0.0.0/24, interface = "eth0" }}
operators.ada = "{operator}"
hosts.web1 = {{ addresses = {{ mgmt = 10.0.0.11 }}, ssh = {{ key = "{host}" }} }}
secrets."shop/one" = {{ hosts = [.web1] }}
"""


def wrong(text):
    sys.exit(f"NOT AS PROMISED: {text}")


def point(text):
    global N_POINTS
    N_POINTS += 1
    print(f"{N_POINTS:3} {text}", flush=True)


class Terminal:
    """A program in a terminal, with nothing in its way of dumping a core."""

    def __init__(self, argv, folder, environment):
        self.said = b""
        # The other end stays open here, so that the terminal can be looked at after its program is gone.
        self.master, self.slave = pty.openpty()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.master)
            os.login_tty(self.slave)
            os.chdir(folder)
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            os.execve(argv[0], argv, dict(os.environ, **environment))

    def expect(self, text):
        until = time.monotonic() + LIMIT
        while text.encode() not in self.said:
            if time.monotonic() > until:
                wrong(f"no `{text}` within {LIMIT} s: {self.said!r}")
            self.read(0.1)

    def read(self, secs):
        if select.select([self.master], [], [], secs)[0]:
            try:
                self.said += os.read(self.master, 65536)
            except OSError:
                pass

    def type(self, data):
        os.write(self.master, data)

    def shows_typed(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def status_of(self, name):
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith(name + ":"))

    def hang_up(self):
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = None

    def end(self):
        """Waits for the end: the exit code, or a signal as a negative number."""
        until = time.monotonic() + LIMIT
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                wrong(f"it did not end within {LIMIT} s: {self.said!r}")
            if self.master is not None:
                self.read(0.05)
            else:
                time.sleep(0.05)
        if self.master is not None:
            self.read(0.2)
        if os.WIFSIGNALED(status) and os.WCOREDUMP(status):
            wrong("a core was dumped")
        return os.waitstatus_to_exitcode(status)

    def close(self):
        if self.master is not None:
            self.hang_up()


class Site:
    def __init__(self, program, folder):
        self.program, self.folder = program, Path(folder)
        operator, host = ((KEYS / f"{name}.pub").read_text().strip() for name in ("operator", "host"))
        (self.folder / "cloud.kl").write_text(CLOUD.format(operator=operator, host=host))
        for name in ("plain", "locked"):
            shutil.copy(KEYS / "operator", self.folder / name)
            (self.folder / name).chmod(0o600)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "correct horse", "-f", self.folder / "locked"],
                       check=True, stdout=subprocess.DEVNULL)
        self.run("generate")
        self.value = self.run("show", "shop/one", "--identity", "plain").strip()
        self.sealed = (self.folder / "cloud.secrets").read_bytes()

    def run(self, *words):
        done = subprocess.run([self.program, "secrets", *words], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            wrong(f"`secrets {' '.join(words)}` ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def terminal(self, *words, editor="false"):
        # The words are asked for on the terminal, not by a window of some desktop.
        environment = {"EDITOR": editor, "VISUAL": editor, "PINENTRY_PROGRAM": "", "TERM": "xterm"}
        return Terminal([str(self.program), "secrets", *words], self.folder, environment)

    def is_as_before(self, terminal, what):
        if (self.folder / "cloud.secrets").read_bytes() != self.sealed:
            wrong(f"{what}: cloud.secrets was changed")
        if self.value.encode() in terminal.said:
            wrong(f"{what}: the secret was printed")
        left = [it.name for it in self.folder.iterdir()
                if it.name not in ("cloud.kl", "cloud.secrets", "plain", "locked", "locked.pub") and not it.name.startswith("editor")]
        if left:
            wrong(f"{what}: {left} is left beside the description")
        if left := in_memory():
            wrong(f"{what}: {left} is left in {MEMORY}")


def in_memory():
    return sorted(it.name for it in MEMORY.glob("kolla-lang-edit-*"))


KEYS_AND_SIGNALS = {
    "Ctrl-C": (b"\x03", signal.SIGINT),
    "Ctrl-\\": (b"\x1c", signal.SIGQUIT),
    "SIGTERM": (None, signal.SIGTERM),
    "a closed terminal": (None, signal.SIGHUP),
}


def passphrase(site):
    """The prompt for the passphrase of a key."""
    for name, (key, number) in KEYS_AND_SIGNALS.items():
        terminal = site.terminal("show", "shop/one", "--identity", "locked")
        terminal.expect("assphrase")
        until = time.monotonic() + LIMIT
        while terminal.shows_typed():
            if time.monotonic() > until:
                wrong("a passphrase is shown while it is typed")
            time.sleep(0.02)
        if int(terminal.status_of("VmLck")) == 0 and can_lock():
            wrong("memory that holds secrets may be swapped")
        if number == signal.SIGQUIT:
            # While it asks, this key is one of the passphrase's.
            name = "SIGQUIT"
            os.kill(terminal.pid, number)
        elif key:
            terminal.type(b"half a passphr" + key)
        elif number == signal.SIGHUP:
            terminal.hang_up()
        else:
            os.kill(terminal.pid, number)
        code = terminal.end()
        if code != -number:
            wrong(f"{name} at a passphrase: it ended with {code}: {terminal.said!r}")
        if terminal.master is not None and not terminal.shows_typed():
            wrong(f"{name} at a passphrase: the terminal shows nothing any more")
        site.is_as_before(terminal, name)
        terminal.close()
        point(f"{name} at the prompt for a passphrase: ended by it, the terminal is as before, no core")
    terminal = site.terminal("show", "shop/one", "--identity", "locked")
    terminal.expect("assphrase")
    time.sleep(0.3)
    terminal.type(b"correct horse\n")
    code = terminal.end()
    if code != 0 or site.value.encode() not in terminal.said or b"correct horse" in terminal.said:
        wrong(f"the right passphrase: {code} {terminal.said!r}")
    terminal.close()
    point("the right passphrase opens the secret, and is not shown")


def can_lock():
    bits = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    return int(bits.split()[1], 16) >> 14 & 1


def editor(site, text):
    path = site.folder / "editor"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def edit(site):
    """The editor of a secret."""
    for name, (key, number) in KEYS_AND_SIGNALS.items():
        command = editor(site, 'echo evil >"$1"; echo "it is $1"; exec sleep 600')
        terminal = site.terminal("edit", "shop/one", "--identity", "plain", editor=command)
        terminal.expect("it is /dev/shm/kolla-lang-edit-")
        if not in_memory():
            wrong("the editor works somewhere else")
        if key:
            terminal.type(key)
        elif number == signal.SIGHUP:
            terminal.hang_up()
        else:
            os.kill(terminal.pid, number)
        code = terminal.end()
        # A key is the editor's own: that it ended by it is what is told.
        expected = 2 if key else -number
        if code != expected:
            wrong(f"{name} in the editor: it ended with {code}, not {expected}: {terminal.said!r}")
        if key and b"nothing was changed" not in terminal.said:
            wrong(f"{name} in the editor: {terminal.said!r}")
        site.is_as_before(terminal, name)
        terminal.close()
        point(f"{name} in the editor: ended with {code}, nothing changed, nothing left in memory")

    terminal = site.terminal("edit", "shop/one", "--identity", "plain", editor=editor(site, 'echo evil >"$1"; echo ready; exec sleep 600'))
    terminal.expect("ready")
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.end()
    terminal.close()
    left = in_memory()
    if len(left) != 1:
        wrong(f"SIGKILL in the editor: {left} is left, which this point is about")
    terminal = site.terminal("edit", "shop/one", "--identity", "plain", editor="true")
    if (code := terminal.end()) != 0:
        wrong(f"an editor that changes nothing: {code} {terminal.said!r}")
    site.is_as_before(terminal, "the edit after a SIGKILL")
    terminal.close()
    point("SIGKILL in the editor: the next edit removes what was left in memory")

    command = editor(site, 'trap "echo heard" INT; echo ready; read line; echo "new $line" >"$1"')
    terminal = site.terminal("edit", "shop/one", "--identity", "plain", editor=command)
    terminal.expect("ready")
    terminal.type(b"\x03")
    terminal.expect("heard")
    terminal.type(b"value\n")
    code = terminal.end()
    terminal.close()
    now = site.run("show", "shop/one", "--identity", "plain").strip()
    # A shell that was interrupted while it read may read an empty line.
    if code != 0 or not now.startswith("new"):
        wrong(f"Ctrl-C in an editor that minds it itself: {code} {terminal.said!r}")
    if left := in_memory():
        wrong(f"{left} is left in {MEMORY}")
    point("Ctrl-C in an editor that minds it itself: the edit goes on and is saved")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--program", required=True, type=Path)
    args = args.parse_args()
    with tempfile.TemporaryDirectory(prefix="kolla-lang-prompts.") as folder:
        site = Site(args.program.resolve(), folder)
        passphrase(site)
        edit(site)


if __name__ == "__main__":
    main()
