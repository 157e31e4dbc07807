#!/usr/bin/env python3
"""Which steps of tests/run are worth their time: what each show depends on, when it last passed, and what fits a budget.

    steps.py choose BUDGET JOBS ALWAYS ONE_AT_A_TIME NAME...   the order to run shows in, those first that the budget (seconds) has room for
    steps.py plan NAME...            what is known of each: its last pass, its last full record, whether they still hold
    steps.py digest NAME             the digest of what a show depends on
    steps.py passed NAME SECONDS DIGEST   keeps a pass in tests/passes.json
    steps.py failed NAME             drops it

A show names what it depends on in one line, `# inputs: FOLDER...`; its script and what that sources belong to it by themselves.
It runs nothing itself.
"""
import datetime
import fcntl
import hashlib
import json
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PASSES = ROOT / "tests" / "passes.json"
UNKNOWN_SECONDS = 240  # how long a show is taken to last that never passed


def inputs(name):
    """The files and folders that a show depends on, as paths below ROOT."""
    script = ROOT / "tests" / "show" / name
    text = script.read_text(encoding="utf-8")
    named = re.search(r"^# inputs: (.+)$", text, re.M)
    if named is None:
        sys.exit(f"tests/steps.py: tests/show/{name} has no line `# inputs: FOLDER...`")
    paths = {f"tests/show/{name}", "Cargo.lock"} | set(named[1].split())
    for path in sorted(paths):
        if not (ROOT / path).exists():
            sys.exit(f"tests/steps.py: tests/show/{name} depends on {path}, which does not exist")
    todo = [text]
    while todo:
        for word in re.findall(r"[\w-]+\.(?:sh|py)\b", todo.pop()):
            path = f"tests/show/{word}"
            if path not in paths and (ROOT / path).is_file():
                paths.add(path)
                todo.append((ROOT / path).read_text(encoding="utf-8"))
    return sorted(paths)


def files_below(path):
    """All files of a folder in the order of their names, or the file itself."""
    if path.is_file():
        return [path]
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(f for f in folders if f not in ("target", "__pycache__"))
        found += [pathlib.Path(folder) / n for n in names]
    return sorted(found)


def digest(name):
    """sha256 over the names and contents of what a show depends on."""
    total = hashlib.sha256()
    for top in inputs(name):
        for file in files_below(ROOT / top):
            content = os.readlink(file).encode() if file.is_symlink() else file.read_bytes()
            total.update(f"{file.relative_to(ROOT)}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def passes():
    """The last pass of each show: {name: {"at": "2026-11-29T10:00Z", "seconds": 12, "inputs_sha256": "..."}}."""
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


def state(name, known):
    """(whether its last pass still holds, the sentence that says so)."""
    now = digest(name)
    last, record = known.get(name), full_record(name)
    holds = last is not None and last["inputs_sha256"] == now
    if last is None:
        words = "no pass on record"
    else:
        words = f"passed {ago(last['at'])} in {last['seconds']} s, " + ("unchanged since" if holds else "its inputs changed since")
    if record is None:
        words += "; no full record"
    else:
        fresh = record.get("inputs_sha256") == now
        words += f"; full record of {record['date']}, " + ("unchanged since" if fresh else "STALE")
    return holds, words


def choose(budget, jobs, always, one_at_a_time, names):
    """Prints `run|rest NAME SECONDS WORDS`: first what the budget has room for, the longest first, then the rest by its worth."""
    known = passes()
    seconds = {n: known[n]["seconds"] if n in known else UNKNOWN_SECONDS for n in names}
    states = {n: state(n, known) for n in names}
    # First what changed since it passed, and what never did; among equals what is longest not run, then the shortest.
    worth = sorted(names, key=lambda n: (n not in always, states[n][0], known[n]["at"] if n in known else "", seconds[n], n))
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
        case ["choose", budget, jobs, always, one_at_a_time, *names]:
            choose(int(budget), int(jobs), always.split(), one_at_a_time.split(), names)
        case ["plan", *names]:
            known = passes()
            for name in names:
                print(name, state(name, known)[1])
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
