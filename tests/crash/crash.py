"""Ends a switch at every system call that changes something, and looks whether the host finds back to one generation.

The points are those of an strace of the program as it is shipped; nothing in it helps. Each is hit by strace itself, with SIGKILL
or with an error, and is followed once each by the next run, by the timer, and by a power cut. Run by tests/show/3a.
"""

import argparse
import contextlib
import fcntl
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import points
import rules
from check import Generation, honest, in_transit, is_open, n_task_runs, settled
from host import HERE, KEYS, Host, HostDied, prepare

PROGRAM = "/opt/kolla-lang"
SWITCH_UNIT, TIMER = "kolla-lang-switch", "kolla-lang-revert"
FOLLOWS = ("failure", "next", "timer", "boot")
N_TRIES = 60  # how often a point is aimed at before it counts as missed: calls that wake a thread come as they like


@dataclass(frozen=True)
class Scenario:
    """What is switched, and of which process every call is a point."""

    name: str
    target: str                # the generation asked for
    traced: str                # `command`, or the unit whose process is traced
    after: str = ""            # a fault before, so that what is traced is a recovery: the point that it struck
    by: str = ""               # what recovers then: next, timer, boot
    part: str = ""             # only the calls of the way back, or of the recovery, are points; the others are another scenario's

    @property
    def ends(self):
        """The generations that may hold when all is over."""
        return {"old"} if self.target == "bad" else {"old", "new"}

    @property
    def code(self):
        """How a run with nothing in its way ends."""
        return 3 if self.target == "bad" else 0


COMMIT = "rename /etc/kolla-lang/.tmp-*/link -> /etc/kolla-lang/boot #1"
CLOSED = "rename /var/lib/kolla-lang/journal/open.journal"
SCENARIOS = [
    Scenario("switch", "new", SWITCH_UNIT),
    Scenario("revert", "bad", SWITCH_UNIT, part="revert"),
    Scenario("recovery-by-next-run", "new", SWITCH_UNIT, after=COMMIT, by="next", part="recovery"),
    Scenario("recovery-by-timer", "new", TIMER, after=COMMIT, by="timer"),
    Scenario("recovery-at-boot", "new", "kolla-lang-files", after=COMMIT, by="boot"),
    Scenario("command", "new", "command"),
]


@dataclass(frozen=True)
class Point:
    """One fault at one call, and what comes after it."""

    scenario: str
    point: str
    kind: str
    call: str
    number: int
    file: str      # the file that a write goes to, if that can be named: strace then counts the writes to it alone
    fault: str     # KILL, ENOSPC, EIO, or EIO twice
    follow: str

    @property
    def id(self):
        return f"{self.scenario} | {self.point} | {self.fault} | {self.follow}"


@contextlib.contextmanager
def scratch_bench(program, prefix):
    """A bench with a disk in a folder of its own, gone with it."""
    work = tempfile.mkdtemp(prefix=prefix)
    bench = None
    try:
        with tempfile.TemporaryDirectory() as outside:
            built, secret = build(program, outside)
            prepare(work, program, built)
        bench = Bench(work, {}, secret)
        bench.make_disk()
        yield bench
    finally:
        if bench and bench.host:
            bench.host.kill()
        subprocess.run(["umount", "--recursive", "--lazy", work], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)


class Bench:
    """What all points share: the generations, a host's disk with the old one committed, and one scratch host per worker."""

    def __init__(self, work, built, secret):
        self.work = Path(work)
        self.generations = {name: Generation(name, folder, secret) for name, folder in built.items()}
        self.host = None

    def own_host(self):
        if self.host is None:
            self.host = Host(self.work, f"host{os.getpid()}")
        return self.host

    def make_disk(self):
        """Switches an empty host to the old generation and keeps its disk."""
        host = self.own_host()
        host.reset()
        host.boot()
        code = host.command(switch_to("old"))
        if code != 0:
            raise HostDied(f"the first switch ended with {code}: {host.output('command')}")
        host.kill()
        host.keep_disk(self.work / "disk")

    def begin(self, scenario):
        """Boots a host with the old generation, and brings it where what is traced begins."""
        host = self.own_host()
        host.reset(self.work / "disk")
        host.boot()
        if scenario.after:
            fault = next(it for it in BASE["switch"] if it.point == scenario.after)
            traced = SCENARIO["switch"].traced
            struck = self.strike(host, traced, switch_to(scenario.target),
                                 ["-e", f"inject={fault.name}:signal=KILL:when={fault.number}"], follow="next")
            if struck.died_at != scenario.after:
                raise HostDied(f"it died at {struck.died_at}, not at {scenario.after}")
        return host

    def strike(self, host, traced, argv, how, by="next", follow="failure"):
        """Runs something with a fault in the traced process, and returns what came of it; before a power cut, in a hurry."""
        trace = host.root / "out/trace"
        trace.unlink(missing_ok=True)
        wrap = strace(how)
        on_command = traced == "command"
        wraps = {} if on_command else {traced: wrap}
        host.ask("wrap", wraps=wraps, minds_failures=follow == "failure")
        code, unit_code, command = None, None, None
        if by == "timer":
            host.ask("fire", pattern=TIMER)
            host.ask("idle")
        elif by == "boot":
            host.kill()
            host.boot(wraps=wraps)
        elif on_command:
            code = host.command(wrap + argv)
        else:
            ended = host.begin("await", unit=traced)
            command = host.begin_command(argv)
            answers = host.wait_any([command, ended])
            code = answers[command]["code"] if command in answers else None
        if follow != "boot":
            host.ask("idle")
        if command and code is None:
            is_kill = any("signal=KILL" in it for it in how)
            code = self.hear(host, command, not is_kill or (follow == "failure" and not is_open(host)))
        if by != "next":
            exits = host.ask("state")["exits"]
            unit_code = next((it for name, it in exits.items() if name.startswith(traced)), None)
        host.ask("wrap", wraps={}, minds_failures=True)
        calls = points.read(trace.read_text(errors="replace")) if trace.exists() else []
        return Struck(code, unit_code, calls, host.output("command"))

    @staticmethod
    def hear(host, command, will_be_told):
        """What the command says of a switch whose process is gone. It is not waited for where nobody will end that switch."""
        if will_be_told:
            return host.wait(command)["code"]
        host.ask("end", command=command)
        host.wait(command)
        return None

    def rest(self, host, scenario, follow):
        """Lets what follows a fault happen, and lists what is not as promised after it."""
        problems, fired = [], False
        if follow == "next":
            let_go(host)
            code = host.command(switch_to(scenario.target))
            if code != scenario.code:
                problems.append(f"the next run ended with {code}: {host.output('command').strip()}")
        elif follow == "timer":
            fired = bool(host.ask("fire", pattern=TIMER)["fired"])
        elif follow == "boot":
            host.kill()
            host.boot()
        host.ask("idle")
        if follow in ("timer", "failure") and is_open(host):
            # Killed before its timer was armed, after it was disarmed, or in the very recovery that the timer had started: then all
            # is well but the journal's name, or the next run does it.
            if not scenario.by and (fired or in_transit(host)):
                problems.append(f"after the {follow} it is open")
            host.command(switch_to(scenario.target))
            host.ask("idle")
        return problems + self.at_rest(host, scenario.ends)

    def at_rest(self, host, ends):
        """What is not as promised when all is over, units that systemd starts again by itself included."""
        deadline = time.monotonic() + 5
        while True:
            again = any(it["sub"] == "auto-restart" or it["busy"] for it in host.ask("state")["units"].values())
            problems = settled(host, self.generations, ends)
            if not problems or not again or time.monotonic() > deadline:
                return problems
            time.sleep(0.1)


@dataclass
class Struck:
    """What came of a fault."""

    code: int          # of the command, if it was heard
    unit_code: int     # of a recovery that no command follows
    calls: list
    said: str

    @property
    def died_at(self):
        dead = points.last(self.calls)
        return dead.point if dead else None

    @property
    def hit(self):
        """The calls that a fault was put in."""
        return [it for it in self.calls if it.injected or it.error == "killed"]


def let_go(host, secs=10):
    """Waits until the kernel has closed the lock of a process that was killed: strace ends before the last thread of it does."""
    lock, deadline = host.root / "run/kolla-lang/lock", time.monotonic() + secs
    while lock.exists() and time.monotonic() < deadline:
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(0.05)


def switch_to(name):
    return [PROGRAM, "switch", "--closure", f"/opt/closures/{name}"]


def inject(point, number):
    """The arguments that have strace put a fault in."""
    how = {"KILL": "signal=KILL", "EIO twice": "error=EIO"}.get(point.fault, f"error={point.fault}")
    when = f"{number}..{number + 1}" if point.fault == "EIO twice" else number
    return [*(["-P", point.file] if point.file else []), "-e", f"inject={point.call}:{how}:when={when}"]


def strace(how):
    names = ",".join(f"?{name}" for name in points.TRACED)
    return ["strace", "-y", "-s", "1500", "-e", f"trace={names}", "-o", "/out/trace", *how]


# Filled before workers are forked.
BENCH, BASE, SCENARIO = None, {}, {it.name: it for it in SCENARIOS}


def trace(scenario):
    """Runs a scenario without a fault and returns its calls."""
    host = BENCH.begin(scenario)
    struck = BENCH.strike(host, scenario.traced, switch_to(scenario.target), [], scenario.by)
    problems = settled(host, BENCH.generations, scenario.ends)
    if struck.code not in (None, scenario.code) or problems:
        raise HostDied(f"{scenario.name} fails without a fault: {struck.code} {problems} {struck.said}")
    return struck.calls


def own(scenario, calls):
    """The calls that are this scenario's own."""
    if scenario.part == "revert":
        known = {it.point for it in BASE["switch"]}
        return calls[next((at for at, it in enumerate(calls) if it.kind and it.point not in known), len(calls)):]
    if scenario.part == "recovery":
        # It ends with the journal of the switch that was cut off, and the sync of that name.
        closed = next(at for at, it in enumerate(calls) if it.what.startswith(CLOSED))
        return calls[:next(at for at, it in enumerate(calls) if at > closed and it.kind == "journal") + 1]
    return calls


def faults_of(call):
    """The ways to fail at a call, beside the kill that all share."""
    if call.kind in ("unit", "program", "lock"):
        return []
    if call.kind == "mount":
        # The first is what a kernel says that does not know an option: then memory of another kind is mounted.
        return ["EINVAL", "ENOMEM"]
    if call.name in points.SYNCS:
        return ["EIO", "EIO twice"]
    if call.name.startswith(("unlink", "rmdir", "chmod", "chown", "fchmod", "fchown")):
        return ["EIO"]
    return ["ENOSPC", "EIO"]


def all_points(scenario):
    """Every point of a scenario, and what is none with its reason."""
    found, listed = [], Counter()
    calls = own(scenario, BASE[scenario.name])
    for call in calls:
        if not call.what:
            continue
        if not call.kind:
            listed[call.reason] += 1
            continue
        make = lambda fault, follow: Point(scenario.name, call.point, call.kind, call.name, *aim(call), fault, follow)
        found += [make("KILL", follow) for follow in FOLLOWS]
        found += [make(fault, "failure") for fault in faults_of(call)]
    return found, listed


def aim(call):
    """Where strace finds a call again. Writes that only wake a thread come as they like, and would put it out of count."""
    if call.name == "write" and call.here:
        return call.here, call.file
    return call.number, ""


def run_point(point):
    """Hits one point and returns what came of it."""
    scenario = SCENARIO[point.scenario]
    began, host = time.monotonic(), None
    number, struck, hit, aims = point.number, None, False, [point.number]
    try:
        for _ in range(N_TRIES):
            host = BENCH.begin(scenario)
            struck = BENCH.strike(host, scenario.traced, switch_to(scenario.target), inject(point, number), scenario.by,
                                  follow=point.follow)
            hit = any(it.point == point.point for it in struck.hit)
            if hit:
                break
            # Aims again where the call was in one of the runs so far, or further on if this one did not come to it.
            there = [it.number for it in struck.calls if it.point == point.point]
            aims += there
            number = random.choice(aims) + (random.choice((-1, 0, 0, 1)) if there else random.randint(0, 5))
        problems = []
        if hit:
            problems += told(struck, host, scenario, point)
            n_runs = n_task_runs(host)
            problems += BENCH.rest(host, scenario, after_code(struck, point))
            problems += rules.check(struck.calls)
            n_runs = max(n_runs, n_task_runs(host))
        else:
            n_runs = 0
        return {"id": point.id, "scenario": point.scenario, "kind": point.kind, "fault": point.fault, "follow": point.follow,
                "point": point.point, "hit": hit, "problems": problems, "code": struck.code, "task_runs": n_runs,
                "secs": round(time.monotonic() - began, 3)}
    except (HostDied, TimeoutError, OSError) as error:
        if host:
            host.kill()
        return {"id": point.id, "scenario": point.scenario, "kind": point.kind, "fault": point.fault, "follow": point.follow,
                "point": point.point, "hit": hit, "problems": [f"the run did not end: {error!r}"], "code": None, "task_runs": 0,
                "secs": round(time.monotonic() - began, 3)}


def told(struck, host, scenario, point):
    """What the command said, where it could say anything, and it is not so."""
    if struck.code is None or struck.code < 0:
        return []
    if struck.code == 2 and scenario.after:
        return []  # it did nothing about what was open before, and said so
    if struck.code == 5 and point.fault == "KILL":
        return [f"the command says that somebody must look: {struck.said.strip()}"]
    problems = honest(struck.code, host, BENCH.generations, scenario.target)
    # Its last word was heard before it was killed in closing the journal; that is left to whoever comes next.
    return [it for it in problems if point.fault != "KILL" or not it.endswith("a transaction is open")]


def after_code(struck, point):
    """What must follow: where it was said that not all is well, the next run, or the next boot, makes it so."""
    code = struck.unit_code if struck.code is None else struck.code
    return {2: "next", 4: "next", 5: "boot"}.get(code, point.follow)


def sample(all_of_them, seed, n):
    """Draws points so that every class of every scenario is among them."""
    draw = random.Random(seed)
    groups = {}
    for point in all_of_them:
        groups.setdefault((point.scenario, point.kind, point.fault), []).append(point)
    first = [draw.choice(group) for group in groups.values()]
    rest = [it for it in all_of_them if it not in set(first)]
    return first + draw.sample(rest, min(len(rest), max(0, n - len(first))))


def run_all(chosen, results_at, n_jobs, stop_at_first):
    """Runs points, some at a time, and keeps each result as soon as it is there."""
    kept = {}
    if results_at and results_at.exists():
        for result in map(json.loads, results_at.read_text().splitlines()):
            if result["hit"] and not result["problems"]:
                kept[result["id"]] = result
        results_at.write_text("".join(json.dumps(it) + "\n" for it in kept.values()))
    open_ones = [it for it in chosen if it.id not in kept]
    BENCH.host = None
    with ProcessPoolExecutor(n_jobs, mp_context=get_context("fork")) as pool:
        for n_done, result in enumerate(pool.map(run_point, open_ones), 1):
            kept[result["id"]] = result
            if results_at:
                with results_at.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
            if result["problems"]:
                print(f"   BROKEN {result['id']}", *(f"      {it}" for it in result["problems"]), sep="\n", flush=True)
                if stop_at_first:
                    pool.shutdown(cancel_futures=True)
                    break
            if n_done % 200 == 0:
                print(f"   {n_done} of {len(open_ones)} points", flush=True)
    return [kept[it.id] for it in chosen if it.id in kept]


def table(results):
    """Counts by scenario and class."""
    rows = {}
    for result in results:
        row = rows.setdefault(f"{result['scenario']} {result['kind']}", Counter())
        row["runs"] += 1
        row["hit"] += result["hit"]
        row["broken"] += bool(result["problems"])
        row["secs"] += result["secs"]
        row["task_ran_twice"] += result["task_runs"] > 1
    return {name: dict(row, secs=round(row["secs"], 1)) for name, row in sorted(rows.items())}


def print_table(rows):
    print(f"   {'scenario and class':<34}{'runs':>6}{'hit':>6}{'broken':>8}{'task twice':>12}{'s':>9}")
    for name, row in rows.items():
        print(f"   {name:<34}{row['runs']:>6}{row['hit']:>6}{row['broken']:>8}{row['task_ran_twice']:>12}{row['secs']:>9}")


def build(program, into):
    """Builds the generations, which share their secrets, and returns where each lies and the secret that a container reads."""
    cloud, built = Path(into, "cloud"), {}
    shutil.copytree(HERE / "cloud", cloud)
    secrets = [program, "secrets", "--identity", KEYS / "operator", "--file", cloud / "old.kl"]
    subprocess.run([*secrets, "generate"], check=True, stdout=subprocess.DEVNULL)
    shown = subprocess.run([*secrets, "show", "crash/key"], check=True, stdout=subprocess.PIPE, text=True)
    for name in ("new", "bad"):
        shutil.copy(cloud / "old.secrets", cloud / f"{name}.secrets")
    for name in ("old", "new", "bad"):
        folder = Path(into, name)
        subprocess.run([program, "build", cloud / f"{name}.kl", "--out", folder], check=True, stdout=subprocess.DEVNULL)
        built[name] = folder / "ctl01"
    return built, shown.stdout.strip()


def main():
    global BENCH
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--program", required=True)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--sample", type=int, help="so many points instead of all")
    args.add_argument("--trace-only", action="store_true", help="hit no point, look at the traces alone")
    args.add_argument("--only", help="points whose name holds this")
    args.add_argument("--scenario", action="append", help="only these")
    args.add_argument("--results", type=Path, help="where finished points are kept, one a line")
    args.add_argument("--report", type=Path)
    args.add_argument("--jobs", type=int, default=os.cpu_count())
    args.add_argument("--stop", action="store_true", help="end at the first that is broken")
    args.add_argument("--traces", type=Path, help="keep the traces here")
    args = args.parse_args()
    work = tempfile.mkdtemp(prefix="kolla-lang-crash.")
    try:
        return crash(args, work)
    finally:
        if BENCH and BENCH.host:
            BENCH.host.kill()
        subprocess.run(["umount", "--recursive", "--lazy", work], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)


def crash(args, work):
    global BENCH
    # Built outside of the tmpfs that is mounted next, copied into it there.
    with tempfile.TemporaryDirectory() as outside:
        built, secret = build(args.program, outside)
        prepare(work, args.program, built)
    BENCH = Bench(work, {name: Path(work, "shared/opt/closures", name) for name in built}, secret)
    BENCH.make_disk()
    every, listed, problems = [], {}, []
    for scenario in SCENARIOS:
        if args.scenario and scenario.name not in [*args.scenario, "switch"]:
            continue
        try:
            calls = BASE[scenario.name] = trace(scenario)
        except HostDied as error:
            print(f"   NOT AS PROMISED: {error}".strip().replace("\n", "\n   | "))
            return 1
        if args.traces:
            args.traces.mkdir(parents=True, exist_ok=True)
            shutil.copy(BENCH.host.root / "out/trace", args.traces / scenario.name)
        problems += [f"{scenario.name}: {it}" for it in rules.check(calls)]
        found, reasons = all_points(scenario)
        n_points = len({it.point for it in found})
        listed[scenario.name] = {"traced": sum(bool(it.what) for it in own(scenario, calls)), "points": n_points, "listed": dict(reasons)}
        print(f"   {scenario.name}: {listed[scenario.name]['traced']} calls traced, {n_points} points, {sum(reasons.values())} listed", flush=True)
        if not args.scenario or scenario.name in args.scenario:
            every += found
    BENCH.host.kill()
    if args.only:
        every = [it for it in every if args.only in it.id]
    chosen = [] if args.trace_only else sample(every, args.seed, args.sample) if args.sample else every
    began = time.monotonic()
    results = run_all(chosen, args.results, args.jobs, args.stop)
    secs = time.monotonic() - began
    rows = table(results)
    print_table(rows)
    problems += [f"{it['id']}: {problem}" for it in results for problem in it["problems"]]
    if not (args.sample or args.only or args.stop or args.trace_only):
        problems += accounts(listed, results)
    for problem in problems:
        print(f"   NOT AS PROMISED: {problem}")
    missed = [it["id"] for it in results if not it["hit"]]
    for each in missed[:20]:
        print(f"   missed: {each}")
    print(f"   {len(results)} points in {secs:.0f} s, {len(missed)} missed, {len(problems)} problems")
    if args.report:
        args.report.write_text(json.dumps({"traced": listed, "classes": rows, "secs": round(secs), "points": len(results), "missed": missed}))
    return 1 if problems else 0


def accounts(listed, results):
    """Every call that was traced was hit, by one fault at least, or is listed with its reason."""
    problems = []
    for scenario, counts in listed.items():
        hit = {it["point"] for it in results if it["scenario"] == scenario and it["hit"]}
        if counts["traced"] != len(hit) + sum(counts["listed"].values()):
            problems.append(f"{scenario}: {counts['traced']} traced, but {len(hit)} hit and {sum(counts['listed'].values())} listed")
    return problems


if __name__ == "__main__":
    sys.exit(main())
