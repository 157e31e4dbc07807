#!/usr/bin/env python3
"""Which steps of tests/run are worth their time: what each show depends on, when it last passed, and what fits a budget.

    steps.py choose BUDGET JOBS SEED ALWAYS ONE_AT_A_TIME NAME...   the order to run shows in, those first that the budget (seconds) has room for
    steps.py check                   fails where a part of the program is the input of no show
    steps.py inputs NAME             what a show is about, one path a line
    steps.py digest NAME             the digest of what a show depends on
    steps.py passed NAME SECONDS DIGEST   keeps a pass in tests/passes.json
    steps.py failed NAME             drops it

A show names the parts of the program that it is about, `# inputs: FOLDER...`. By themselves belong to it: its script and what that
sources, what these name below tests, examples, docs and stdlib, and the tests of cargo that they run. All else of the program is linked
by what it runs, so a pass is of that too, but what changed only there comes second.
It runs nothing itself.
"""
import datetime
import fcntl
import functools
import hashlib
import json
import os
import pathlib
import random
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PASSES = ROOT / "tests" / "passes.json"
UNKNOWN_SECONDS = 240  # how long a show is taken to last that never passed
NAMED = re.compile(r"(?<![\w.-])(?:tests|examples|docs|stdlib)/[\w./-]*\w")
# What every show runs some of.
PROGRAM = (".cargo", "Cargo.lock", "Cargo.toml", "lang", "src", "stdlib")
# What runs the shows, and what they write.
HARNESS = ("tests/run", "tests/steps.py", "tests/passes.json", "tests/show", "docs/measured")


def is_below(path, tops):
    return any(path == top or path.startswith(f"{top}/") for top in tops)


def named_by(name):
    """What a show depends on by its own words, as paths below ROOT: its line `# inputs:`, and what its scripts name."""
    script = f"tests/show/{name}"
    text = (ROOT / script).read_text(encoding="utf-8")
    line = re.search(r"^# inputs: (.+)$", text, re.M)
    if line is None:
        sys.exit(f"tests/steps.py: {script} has no line `# inputs: FOLDER...`")
    paths = set(line[1].split())
    for path in sorted(paths):
        if not (ROOT / path).exists():
            sys.exit(f"tests/steps.py: {script} depends on {path}, which does not exist")
    scripts, todo = {script}, [text]
    while todo:
        text = todo.pop()
        for word in re.findall(r"[\w-]+\.(?:sh|py)\b", text):
            path = f"tests/show/{word}"
            if path not in scripts and (ROOT / path).is_file():
                scripts.add(path)
                todo.append((ROOT / path).read_text(encoding="utf-8"))
        named = set(NAMED.findall(text))
        for test in re.findall(r"--test (\w+)", text):
            named |= {f"{folder}/{test}{end}" for folder in ("tests", "lang/tests") for end in ("", ".rs")} | {"tests/support"}
        paths |= {path for path in named if (ROOT / path).exists() and not is_below(path, HARNESS)}
    return {path for path in paths if not is_below(path, paths - {path})} | scripts


def files_below(path):
    """All files of a folder in the order of their names, or the file itself."""
    if path.is_file():
        return [path]
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(f for f in folders if f not in ("target", "__pycache__"))
        found += [pathlib.Path(folder) / n for n in names]
    return sorted(found)


@functools.cache
def digest_below(path):
    """sha256 over the names and contents of all files of a folder."""
    total = hashlib.sha256()
    for file in files_below(ROOT / path):
        content = os.readlink(file).encode() if file.is_symlink() else file.read_bytes()
        total.update(f"{file.relative_to(ROOT)}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def digest_of(paths):
    return hashlib.sha256("".join(f"{path}\0{digest_below(path)}\n" for path in sorted(paths)).encode()).hexdigest()


def digest(name):
    """What a pass of a show is of: a digest of what it is about, and one of the whole program."""
    return f"{digest_of(named_by(name))}+{digest_of(PROGRAM)}"


def passes():
    """The last pass of each show: {name: {"at": "2026-11-29T10:00Z", "seconds": 12, "inputs_sha256": "INPUTS+PROGRAM"}}."""
    return json.loads(PASSES.read_text(encoding="utf-8")) if PASSES.exists() else {}


def full_record(name):
    path = ROOT / "docs" / "measured" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def days_since(day):
    then = datetime.date.fromisoformat(day[:10])
    return (datetime.datetime.now(datetime.timezone.utc).date() - then).days


def ago(day):
    days = days_since(day)
    return "today" if days <= 0 else "1 day ago" if days == 1 else f"{days} days ago"


SAME, ELSEWHERE, CHANGED = "unchanged since", "the program changed elsewhere since", "its inputs changed since"


def since(then, now):
    """What became of what a pass is of since its digest was kept."""
    return SAME if then == now else ELSEWHERE if then.split("+")[0] == now.split("+")[0] else CHANGED


def state(name, known):
    """(what changed since its last pass, the sentence that says so)."""
    now = digest(name)
    last, record = known.get(name), full_record(name)
    if last is None:
        change, words = CHANGED, "no pass on record"
    else:
        change = since(last["inputs_sha256"], now)
        words = f"passed {ago(last['at'])} in {last['seconds']} s, {change}"
    if record is None:
        words += "; no full record"
    else:
        fresh = since(record.get("inputs_sha256", ""), now) != CHANGED
        words += f"; full record of {record['date']}, " + ("its inputs unchanged since" if fresh else "STALE")
    return change, words


def choose(budget, jobs, seed, always, one_at_a_time, names):
    """Prints `run|rest NAME SECONDS WORDS`: first what the budget has room for, the longest first, then the rest by its worth."""
    known = passes()
    seconds = {n: known[n]["seconds"] if n in known else UNKNOWN_SECONDS for n in names}
    states = {n: state(n, known) for n in names}
    draw = random.Random(seed)
    # First what changed since it passed, or never did, then where the program changed elsewhere; of these the days longest ago first.
    # Shows that are equal in this are drawn, the short ones more likely: who keeps no passes leaves out others each time.
    drawn = {n: draw.expovariate(1 / max(seconds[n], 1)) for n in sorted(names)}
    order = (CHANGED, ELSEWHERE, SAME)
    worth = sorted(names, key=lambda n: (n not in always, order.index(states[n][0]), known[n]["at"][:10] if n in known else "", drawn[n], n))
    room, alone_room, run = budget * jobs * 0.9, budget, []
    for name in worth:
        alone = name in one_at_a_time
        if name not in always and (seconds[name] > room or (alone and seconds[name] > alone_room)):
            continue
        run.append(name)
        room -= seconds[name]
        alone_room -= seconds[name] if alone else 0
    # Those that go one at a time decide how long all take, so they begin first.
    run.sort(key=lambda n: (n not in one_at_a_time, -seconds[n], n))
    for word, part in (("run", run), ("rest", [n for n in worth if n not in run])):
        for name in part:
            print(word, name, seconds[name], states[name][1])


def shows():
    return sorted(path.name for path in (ROOT / "tests/show").iterdir() if re.fullmatch(r"[a-z]|[0-9]+[a-z]", path.name) and path.is_file())


def check():
    """Fails where no show is about a part of the program. One that names all of `src` looks at how it is written, not at what it does."""
    named = [paths for paths in map(named_by, shows()) if "src" not in paths]
    files = [str(file.relative_to(ROOT)) for top in ("src", "lang/src", "stdlib", "examples") for file in files_below(ROOT / top)]
    lost = [file for file in files if not any(is_below(file, paths) for paths in named)]
    if lost:
        sys.exit("tests/steps.py: no show names these in its line `# inputs:`\n" + "\n".join(lost))


def keep(name, record):
    """Keeps a pass, or drops one. What two runs keep at once is kept of both."""
    with open(PASSES, "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known = json.loads(file.read() or "{}")
        known.pop(name, None)
        if record is not None:
            known[name] = record
        lines = ",\n".join(f"  {json.dumps(n)}: {json.dumps(known[n])}" for n in sorted(known))
        file.truncate(0)
        file.write("{\n" + lines + "\n}\n")


def passed(name, seconds, now):
    at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
    keep(name, {"at": at, "seconds": seconds, "inputs_sha256": now})


def main(words):
    match words:
        case ["choose", budget, jobs, seed, always, one_at_a_time, *names]:
            choose(int(budget), int(jobs), int(seed), always.split(), one_at_a_time.split(), names)
        case ["check"]:
            check()
        case ["inputs", name]:
            print(*sorted(named_by(name)), sep="\n")
        case ["digest", name]:
            print(digest(name))
        case ["passed", name, seconds, now]:
            passed(name, int(seconds), now)
        case ["failed", name]:
            keep(name, None)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
