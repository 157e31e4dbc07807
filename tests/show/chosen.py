#!/usr/bin/env python3
"""What tests/run chooses in a copy of the sources where every show has passed, after a fault was planted: chosen.py COPY

Run by tests/show/8b. In the copy every show is put on record as passed, 2 to 5 days ago and in the time that it has on record here.
"""
import json
import pathlib
import re
import subprocess
import sys

import plant

BUDGET = 70
ALWAYS = {"a", "8b"}
LINE = re.compile(
    r"^(run|leave out) (\w+)(?:, if the budget is spent)?: (?:no pass on record|passed (?:today|\d+ days? ago) in (\d+) s, (.* since))"
    r"; (?:no full record|full record of [\d-]+, (?:STALE|its inputs unchanged since))$")


def steps(copy, *words):
    return subprocess.run([sys.executable, copy / "tests/steps.py", *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def plan(copy, seed):
    """What tests/run --plan says of each show: {name: (whether it would run, seconds, what changed)}."""
    command = ["bash", copy / "tests/run", "--plan", "--budget", str(BUDGET), "--seed", str(seed)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = {}
    for line in said.splitlines():
        if not re.match(r"(run|leave out) \w+(:|,)", line):
            continue
        read = LINE.match(line)
        if read is None:
            sys.exit(f"not a line of a plan: {line}")
        found[read[2]] = (read[1] == "run", int(read[3] or 0), read[4])
    return found


def pretend(copy):
    """Puts every show on record as passed on the copy as it is, and returns the day of each."""
    here = json.loads((copy / "tests/passes.json").read_text(encoding="utf-8"))
    names = sorted(path.name for path in (copy / "tests/show").iterdir() if re.fullmatch(r"[a-z]|\d+[a-z]", path.name))
    day_of, record = {}, {}
    now = subprocess.run(["date", "-u", "+%s"], check=True, stdout=subprocess.PIPE, text=True).stdout
    for idx, name in enumerate(names):
        at = subprocess.run(["date", "-u", "-d", f"@{int(now) - (2 + idx % 4) * 86400}", "+%Y-%m-%dT%H:%MZ"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        seconds = here.get(name, {}).get("seconds", 240)
        record[name] = {"at": at, "seconds": seconds, "inputs_sha256": steps(copy, "digest", name).strip()}
        day_of[name] = at[:10]
    (copy / "tests/passes.json").write_text(json.dumps(record), encoding="utf-8")
    return day_of


def check(fault, plans):
    """What is wrong with the choices of two seeds after a fault was planted."""
    first = plans[0]
    name, folder = fault["show"], fault["folder"]
    changed = {it for it, (_, _, what) in first.items() if what == "its inputs changed since"}
    for each in plans:
        run = {it for it, (is_run, _, _) in each.items() if is_run}
        if name not in run:
            yield f"{folder}: {name}, which catches it, is left out"
        if name not in changed:
            yield f"{folder}: {name}, which catches it, is called unchanged"
        if any(what == "unchanged since" for _, _, what in each.values()):
            yield f"{folder}: a show is called unchanged, and the program is not"
        # What is left out of the changed has no room beside those of them that run.
        taken = sum(each[it][1] for it in run & (changed | ALWAYS))
        for it in changed - run:
            if taken + each[it][1] <= (BUDGET * 60 - 1200) * 2 * 0.9 and each[it][1] * 2 < BUDGET * 60 - 1200:
                yield f"{folder}: {it} changed, has room, and is left out"


def in_order(copy, plan, day_of):
    """Whether two seeds give orders that differ, and only among equals: those in which the same changed, and that passed on the same day."""
    orders = []
    for seed in ("1", "2"):
        said = steps(copy, "choose", "0", "2", seed, "", "", *plan)
        orders.append([line.split()[1] for line in said.splitlines()])
    order_of = ("its inputs changed since", "the program changed elsewhere since", "unchanged since")
    ranks = [[(order_of.index(plan[it][2]), day_of[it]) for it in order] for order in orders]
    return orders[0] != orders[1] and ranks[0] == ranks[1] == sorted(ranks[0])


def main():
    copy = pathlib.Path(sys.argv[1])
    day_of = pretend(copy)
    before = plan(copy, 1)
    wrong = [f"{name} has passed on these sources: {what}" for name, (_, _, what) in before.items() if what != "unchanged since"]
    if not any(is_run for is_run, _, _ in before.values()) or all(is_run for is_run, _, _ in before.values()):
        wrong.append("all shows run within the budget, or none")
    for fault in plant.faults():
        if "folder" not in fault:
            continue
        file = copy / fault["file"]
        text = file.read_text(encoding="utf-8")
        plant.plant(fault, copy)
        plans = [plan(copy, seed) for seed in (1, 2)]
        wrong += check(fault, plans)
        if not in_order(copy, plans[0], day_of):
            wrong.append(f"{fault['folder']}: two seeds differ by more than equals, or by nothing")
        if {it: what for it, (_, _, what) in plans[0].items()} == {it: what for it, (_, _, what) in before.items()}:
            wrong.append(f"{fault['folder']}: the fault changes no show's inputs")
        file.write_text(text, encoding="utf-8")
        n_changed = sum(what == "its inputs changed since" for _, _, what in plans[0].values())
        n_left = sum(not is_run for is_run, _, _ in plans[0].values())
        print(f"{fault['folder']}: {fault['what']}: the inputs of {n_changed} shows changed, {n_left} of {len(before)} are left out; {fault['show']} runs")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
