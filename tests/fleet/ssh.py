"""Stands for `ssh` and for the hosts behind it, so that whoever leads a rollout can be tried without hosts, and killed often.

A host is a folder below $FAKE_HOSTS. It keeps a store, takes part in rollouts as a host does, and runs its switches in processes that go
on without a connection. What happens to it is decided by files in its folder: `down`, nobody answers; `fails`, its gates do not hold;
`refuses`, it says before that it would not begin; `changes`, it does not begin though it said nothing before; `unready`, a precheck does not hold; `loses`, the next connection that follows a switch breaks. Two members of
the group `db` that are away at once are noted in `hurt`.
"""

import fcntl
import hashlib
import json
import os
import shlex
import sys
import time
from pathlib import Path

ROOT = Path(os.environ["FAKE_HOSTS"])
LOST, STEP = 255, 0.01
# No host waits longer than this, or for a test that is gone.
UNTIL = time.monotonic() + 120


def read(path):
    return json.loads(path.read_text()) if path.exists() else None


def write(path, value):
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(json.dumps(value))
    new.rename(path)


def stamp(once):
    """The name of the stamp of a task with this key."""
    return f"{hashlib.sha256(once.encode()).hexdigest()}.json"


def wait():
    time.sleep(STEP)
    if time.monotonic() > UNTIL or not ROOT.exists():
        os._exit(LOST)


class Host:
    def __init__(self, name):
        self.name, self.at = name, ROOT / name
        for folder in ("objects", "journals", "released"):
            (self.at / folder).mkdir(parents=True, exist_ok=True)
        self.committed, self.rollout, self.trail = self.at / "committed", self.at / "rollout", self.at / "trail"

    def manifest(self, closure):
        if closure is None:
            return {"units": {}, "tasks": {}, "order": [], "groups": {}}
        listing = json.loads((self.at / "objects" / closure).read_text())
        return json.loads((self.at / "objects" / listing["files"]["manifest.json"]["digest"]).read_text())

    def done(self):
        return set(read(self.at / "done") or [])

    def left(self):
        """Tasks for the end of what it is that were not done."""
        tasks = self.manifest(read(self.committed))["tasks"].values()
        return {task["once"] for task in tasks if task["class"] == "contract"} - self.done()

    def commit(self, closure, cloud, again):
        """Notes a new generation, or that one is there again: what came after it is behind it no more."""
        trail, made = self.generations()
        if again:
            trail = trail[:len(trail) - trail[::-1].index(closure)] if closure in trail else trail + [closure]
        else:
            trail, made[closure] = trail + [closure], {"closure": closure, "cloud": cloud, "made": time.time_ns()}
        write(self.trail, [trail, made])
        write(self.committed, closure)

    def generations(self):
        """The closures as they were committed, oldest first, and what is known of each."""
        return read(self.trail) or ([], {})

    # The store.

    def missing(self):
        names = sys.stdin.read().split()
        for name in (it for it in names if not (self.at / "objects" / it).exists()):
            print(name)

    def receive(self):
        stream = sys.stdin.buffer
        while not (line := stream.readline()).startswith(b"end "):
            name, size = line.split()
            (self.at / "objects" / name.decode()).write_bytes(stream.read(int(size)))

    def send(self, closure):
        listing = (self.at / "objects" / closure).read_bytes()
        names = sorted({it["digest"] for it in json.loads(listing)["files"].values()}) + [closure]
        for name in names:
            data = (self.at / "objects" / name).read_bytes()
            sys.stdout.buffer.write(f"{name} {len(data)}\n".encode() + data)
        sys.stdout.buffer.write(f"end {len(names)}\n".encode())

    # Rollouts.

    def admit(self, words):
        """Says why these words are refused, by the host's record."""
        record = read(self.rollout)
        if record is None:
            return None
        lead = record["lead"]
        if words.get("rollout") != lead["rollout"]:
            return {"outcome": "in-rollout", "rollout": lead["rollout"], "leader": lead["leader"]}
        if int(words["epoch"]) < lead["epoch"]:
            return {"outcome": "refused", "reasons": [{"message": f"{lead['leader']} leads it now"}]}
        return None

    def lead_of(self, words):
        return {"rollout": words["rollout"], "epoch": int(words["epoch"]), "leader": words["leader"]}

    def open(self):
        tx = read(self.at / "open")
        if tx is None:
            return None
        lines = (self.at / "journals" / tx).read_text()
        stage = "returning" if '"reverting"' in lines else "holding" if '"waiting"' in lines and '"confirmed"' not in lines else "switching"
        return {"tx": tx, "stage": stage}

    def report(self):
        committed = read(self.committed)
        trail, made = self.generations()
        now = made[trail[-1]] if trail else {"cloud": None, "made": 0}
        print(json.dumps({
            "version": 1, "generation": committed and 1, "committed": committed, "enrolled": read(self.rollout), "open": self.open(),
            "finished": not self.left(), "done": {stamp(once): {"done": {}} for once in self.done()}, "no_return": [], "down": [],
            "cloud": now["cloud"], "made": now["made"],
            "before": made[trail[-2]] if len(trail) > 1 else None,
        }))

    def check(self):
        reasons = [{"message": "it would go back past a task"}, {"message": "a file is not ours"}]
        print(json.dumps({"outcome": "refused", "reasons": reasons} if (self.at / "refuses").exists() else None))

    def switch(self, words):
        tx, to = words["tx"], words["stored"]
        if words["again"] and to not in self.generations()[1]:
            return self.end({"outcome": "refused", "reasons": [{"message": "it has no such generation"}]})
        journal = self.at / "journals" / tx
        if not journal.exists():
            if refused := self.admit(words):
                return self.end(refused)
            if (self.at / "changes").exists():
                # As a command that failed before it had a switch: its errors are printed, and its end points there.
                print("error: it has changed meanwhile", file=sys.stderr)
                return self.end({"outcome": "refused", "reasons": [{"message": "its errors say why"}]})
            committed, former = read(self.committed), None if words["from"] == "none" else words["from"]
            if committed not in (former, to):
                return self.end({"outcome": "refused", "reasons": [{"message": "it is something else"}]})
            write(self.at / "signature", words.get("signature"))
            record = read(self.rollout) or {"from": former, "to": to, "cloud": words.get("cloud"), "time": 0}
            write(self.rollout, record | {"lead": self.lead_of(words)})
            if committed == to:
                if "finish" in words:
                    write(self.at / "done", sorted(self.done() | self.left()))
                return self.end({"outcome": "nothing", "generation": 1, "warnings": []})
            journal.write_text(json.dumps({"record": "asked", "version": 2, "tx": tx, "boot_id": "", "time": 0}) + "\n")
            write(self.at / "open", tx)
            if os.fork() == 0:
                os.setsid()
                for fd in range(3):
                    os.dup2(os.open(os.devnull, os.O_RDWR), fd)
                Switching(self, tx, committed, to, words).run()
                os._exit(0)
        return self.follow(tx)

    def end(self, verdict):
        print(json.dumps({"record": "end"} | verdict), flush=True)
        return {"committed": 0, "nothing": 0, "refused": 2, "reverted": 3, "in-rollout": 6}[verdict["outcome"]]

    def follow(self, tx):
        journal, shown = self.at / "journals" / tx, 0
        if not journal.exists():
            print("there was no such switch", file=sys.stderr)
            return 2
        while True:
            lines = journal.read_text().splitlines(keepends=True)
            for line in (it for it in lines[shown:] if it.endswith("\n")):
                print(line, end="", flush=True)
                shown += 1
                record = json.loads(line)
                if record["record"] == "held" and (self.at / "loses").exists():
                    (self.at / "loses").unlink()
                    return LOST
                if record["record"] == "end":
                    return 0 if record["outcome"] == "committed" else 3
            wait()

    def confirm(self, words):
        tx, it = words["tx"], self.open()
        if it is None or it["tx"] != tx or it["stage"] != "holding":
            print("no switch of this host waits to be confirmed", file=sys.stderr)
            return 2
        (self.at / f"confirmed-{tx}").touch()
        return 0

    def back(self, words):
        if refused := self.admit(words):
            return self.end(refused)
        record, verdict = read(self.rollout), None
        write(self.rollout, record | {"lead": self.lead_of(words)})
        if it := self.open():
            (self.at / f"interrupted-{it['tx']}").touch()
            while self.open():
                wait()
            verdict = json.loads((self.at / "journals" / it["tx"]).read_text().splitlines()[-1])
        if read(self.committed) == record["to"] and record["from"]:
            self.commit(record["from"], None, True)
            verdict = {"outcome": "committed", "generation": 1, "plan": {}, "left": [], "stays": [], "warnings": []}
        return self.end(verdict or {"outcome": "nothing", "generation": 1, "warnings": []})

    def leave(self, words):
        if self.open() or self.admit(words):
            return 2
        self.rollout.unlink(missing_ok=True)
        return 0

    def lead(self, words):
        record = read(self.rollout)
        if record is None or self.admit(words):
            return 2
        write(self.rollout, record | {"lead": self.lead_of(words)})
        return 0


class Switching:
    """A switch that goes on by itself."""

    def __init__(self, host, tx, former, to, words):
        self.host, self.tx, self.to, self.words = host, tx, to, words
        self.old, self.new = host.manifest(former), host.manifest(to)
        self.is_new = former is None
        self.journal = host.at / "journals" / tx

    def tell(self, record, **fields):
        with open(self.journal, "a") as file:
            file.write(json.dumps({"record": record} | fields) + "\n")

    def away(self, change):
        """Notes that members of this host are away, or back."""
        with open(ROOT / "away", "a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            names = change(set(file.read().split()))
            file.truncate(0)
            file.write(" ".join(sorted(names)))
            if len(names) > 1:
                (ROOT / "hurt").write_text(" ".join(sorted(names)))

    def is_there(self, word):
        return (self.host.at / f"{word}-{self.tx}").exists()

    def run(self):
        touches = "db.service" in self.changed() and not self.is_new
        if touches:
            self.away(lambda names: names | {self.host.name})
        verdict = self.act()
        if touches:
            self.away(lambda names: names - {self.host.name})
        if verdict["outcome"] == "committed":
            self.host.commit(self.to, self.words.get("cloud"), self.words["again"])
        (self.host.at / "open").unlink()
        self.tell("end", **verdict)

    def changed(self):
        return {unit for unit, it in self.new["units"].items() if self.old["units"].get(unit) != it}

    def act(self):
        done, changed = self.host.done(), self.changed()
        once = {task["unit"]: (name, task["once"]) for name, task in self.new["tasks"].items()}
        last = {task["unit"] for task in self.new["tasks"].values() if task["class"] == "contract"}
        pending = {it["unit"]: set(it.get("after", [])) for it in self.new["order"] if it["unit"] in changed - last}
        pending = {unit: after for unit, after in pending.items() if unit not in once or once[unit][1] not in done}
        held = set()
        while pending:
            wait()
            if self.is_there("interrupted"):
                return self.revert("it was told to end")
            for unit in [it for it, after in pending.items() if not after & set(pending)]:
                if unit in self.words["wait-for"] and not (self.host.at / "released" / f"{unit}-{self.tx}").exists():
                    if unit not in held:
                        self.tell("held", unit=unit)
                    held.add(unit)
                    continue
                self.tell("up", unit=unit, millis=1)
                if unit in once:
                    write(self.host.at / "done", sorted(self.host.done() | {once[unit][1]}))
                    self.tell("task", name=once[unit][0])
                del pending[unit]
        if (self.host.at / "fails").exists():
            return self.revert("its gates do not hold")
        self.tell("waiting", secs=600)
        while not self.is_there("confirmed"):
            wait()
            if self.is_there("interrupted"):
                return self.revert("it was told to end")
        self.tell("confirmed")
        return {"outcome": "committed", "generation": 1, "plan": {}, "left": [], "stays": [], "warnings": []}

    def revert(self, why):
        trouble = {"message": why}
        self.tell("reverting", to=None, failure=trouble)
        wait()
        return {"outcome": "reverted", "generation": None, "failure": trouble, "tasks": []}


def run(host, line):
    # The login shell of every host greets, as many do.
    print(f"Welcome to {host.name}", os.uname().machine, "there", sep="\n")
    begin, line = line.split("; exec ", 1)
    print(*shlex.split(begin)[1:], flush=True)
    words = shlex.split(line)
    if words[:2] == ["sh", "-c"]:
        print(os.uname().machine, "there", sep="\n")
        return 0
    options, names, rest = {"wait-for": []}, [], iter(words[1:])
    for word in rest:
        if not word.startswith("--"):
            names.append(word)
            continue
        key, _, value = word[2:].partition("=")
        value = next(rest) if key == "tx" and not value else value
        options["wait-for"].append(value) if key == "wait-for" else options.update({key: value})
    match names:
        case ["store", "missing"]:
            return host.missing()
        case ["store", "receive"]:
            return host.receive()
        case ["store", "send", closure]:
            return host.send(closure)
        case ["rollout", "report"]:
            return host.report()
        case ["rollout", "check"]:
            return host.check()
        case ["rollout", "release", unit]:
            return (host.at / "released" / f"{unit}-{options['tx']}").touch()
        case ["rollout", "back"]:
            return host.back(options)
        case ["rollout", "lead"]:
            return host.lead(options)
        case ["rollout", "end"]:
            return host.leave(options)
        case ["switch"] if "follow" in options:
            return host.follow(options["tx"])
        case ["switch" | "rollback" as verb]:
            return host.switch(options | {"again": verb == "rollback"})
        case ["destroy"] if "local" in options:
            for it in (host.committed, host.trail):
                it.unlink(missing_ok=True)
            return print("done: this host has nothing")
        case ["prechecks"]:
            unready = {"reason": "it is not", "help": "mend it"} if (host.at / "unready").exists() else {}
            print(json.dumps({"version": 1, "prechecks": [{"name": "clock", "wanted": "the clock is synchronised"} | unready]}))
            return 2 if unready else 0
        case ["confirm"]:
            return host.confirm(options)
    print(f"no host knows {line}", file=sys.stderr)
    return 1


def main():
    arguments = sys.argv[1:]
    address, *line = arguments[arguments.index("--") + 1:]
    if "-O" in arguments:
        return 0
    if (ROOT / address / "down").exists():
        print(f"ssh: connect to host {address}: No route to host", file=sys.stderr)
        return LOST
    return run(Host(address), line[0]) if line else 0


if __name__ == "__main__":
    sys.exit(main() or 0)
