"""Has a controller switch a fleet of which one host lies, in each of the ways of ssh.py, and looks at what the lie did to the
controller: liars.py PROGRAM [NAME…]. Prints a line for each way; ends with 1 if one of them did what it must not.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MOST_MEMORY = 200 << 20  # bytes
MOST_SECS = 200  # a host may be silent for a minute at one question, and at the one behind it
N_AT_ONCE = 8
# What a terminal acts on, but for line ends and tabs.
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def lies():
    spec = importlib.util.spec_from_file_location("liars_ssh", HERE / "ssh.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Site:
    """Hosts that are played, and an operator whose records lie in a folder of its own."""

    def __init__(self, folder, program, lie):
        self.at, self.program = Path(folder), program
        for name in ("hosts", "operator", "bin", "cloud"):
            (self.at / name).mkdir()
        ssh = self.at / "bin/ssh"
        ssh.write_text(f"#!{sys.executable} -SE\n" + (HERE / "ssh.py").read_text())
        ssh.chmod(0o755)
        for name in ("cloud.kl", "next.kl"):
            (self.at / "cloud" / name).write_text((ROOT / "tests/fleet/site" / name).read_text())
        # What a path that a host chose could lead to.
        for name in ("victim.json", "operator/victim.json", "operator/rollouts.json", "hosts/../cloud/victim.json"):
            (self.at / name).write_text("mine\n")
        self.environment = {
            **os.environ, "PATH": f"{self.at / 'bin'}:{os.environ['PATH']}", "FAKE_HOSTS": str(self.at / "hosts"),
            "FLEET_SSH": str(ROOT / "tests/fleet/ssh.py"), "XDG_DATA_HOME": str(self.at / "operator"), "HOME": str(self.at),
            "USER": "operator", "LIE": lie, "RECORDS": str(self.at / "operator"),
        }

    def run(self, *words, lie=True):
        """Runs a command of the operator; returns its exit code, what it said, its memory in bytes and its seconds."""
        command = [str(self.program), *words]
        if os.geteuid() == 0:
            # The records of root are the machine's.
            line = 'mkdir -p /var/lib/kolla-lang && mount --bind "$RECORDS" /var/lib/kolla-lang && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", line, "sh", *command]
        environment = self.environment if lie else {**self.environment, "LIE": "honest"}
        began = time.monotonic()
        with open(self.at / "said", "wb+") as said:
            child = subprocess.Popen(command, cwd=self.at / "cloud", env=environment, stdin=subprocess.DEVNULL,
                                     stdout=said, stderr=subprocess.STDOUT)
            deadline, code, usage = began + MOST_SECS, None, None
            while code is None:
                pid, status, usage = os.wait4(child.pid, os.WNOHANG)
                if pid:
                    code = os.waitstatus_to_exitcode(status)
                elif time.monotonic() > deadline:
                    child.kill()
                    _, status, usage = os.wait4(child.pid, 0)
                    code = "too long"
                else:
                    time.sleep(0.05)
            child.returncode = 0
            said.seek(0)
            text = said.read().decode(errors="surrogateescape")
        return code, text, usage.ru_maxrss << 10, time.monotonic() - began

    def files(self):
        """All files of the controller and their bytes, but for what a command of its own writes: objects of its store, records of
        this cloud's rollouts, and what this test keeps."""
        kept = {}
        for path in sorted(self.at.rglob("*")):
            name = str(path.relative_to(self.at))
            own = re.match(r"(hosts|bin|said$|operator/(kolla-lang/)?(store|rollouts/demo)(/|$))", name)
            if path.is_file() and not own:
                kept[name] = path.read_bytes()
        return kept

    def objects(self):
        return {path.name for path in self.at.glob("operator/**/objects/*/*")}


def judge(program, name, module):
    """Lets a host lie in one way and returns the line that tells of it, and whether all held."""
    command, _, codes = module.LIES[name]
    with tempfile.TemporaryDirectory(prefix="kolla-lang-liars-") as folder:
        site = Site(folder, program, name)
        problems = []
        if name in module.LATER:
            # All hosts are something, and the operator's own store does not have it any more.
            code, said, _, _ = site.run("switch", "cloud.kl", lie=False)
            if code != 0:
                problems.append(f"the switch before ended with {code}: {said[-500:]}")
            subprocess.run(f"rm -rf {site.at}/operator/store {site.at}/operator/kolla-lang/store", shell=True, check=True)
        before, objects = site.files(), site.objects()
        target = "next.kl" if name in module.LATER else "cloud.kl"
        resume = ["--resume"] if name.startswith("epoch-at") else []
        code, said, memory, secs = site.run("switch", target, *resume)
        if code not in codes:
            problems.append(f"exit {code}, not {sorted(codes)}: {said[-600:]!r}")
        if acted := ACTS.search(said):
            problems.append(f"{acted[0]!r} reaches the terminal")
        if len(said) > 40 << 20:
            problems.append(f"{len(said)} bytes are said")
        if memory > MOST_MEMORY:
            problems.append(f"{memory >> 20} MB")
        after = site.files()
        for path in sorted(before.keys() | after.keys()):
            if before.get(path) != after.get(path):
                problems.append(f"{path} is not what it was")
        foreign = site.objects() - objects - {it.name[2:] for it in site.at.glob("hosts/*/objects/*")}
        if name in module.LATER and foreign:
            problems.append(f"{len(foreign)} objects that no host has are in the store")
        if "ctl02" not in said and code != 0:
            problems.append(f"the host is not named: {said[-300:]!r}")
    line = f"{name:<34}{command:<16}exit {code!s:<4}{memory >> 20:>4} MB{secs:>7.1f} s"
    return line + "".join(f"\n    {it}" for it in problems), not problems


def main():
    program, *names = sys.argv[1:]
    module = lies()
    names = names or list(module.LIES)
    with ThreadPoolExecutor(N_AT_ONCE) as pool:
        judged = list(pool.map(lambda name: judge(Path(program).resolve(), name, module), names))
    for line, _ in judged:
        print(line)
    n_broken = sum(not held for _, held in judged)
    print(f"{len(names)} ways to lie, {n_broken} of them did what they must not")
    return 1 if n_broken else 0


if __name__ == "__main__":
    sys.exit(main())
