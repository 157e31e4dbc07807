"""Descriptions that give names of a host's units to something of theirs, and what became of each name.

    unit_names.py write KIND NAMES HOST OUT        KIND is `units`, or `containers`: there containers, tasks and timers take turns
    unit_names.py left PROBLEMS FILE               takes the lines out of FILE that `check --json` has an error for, and prints how many
    unit_names.py refused REFUSALS FILE            wants a refusal for each line of FILE, and prints how many there are

NAMES has one unit a line. What is no unit is called as the unit without what it ends in. A definition is one line, below `use kernel`.
"""

import json
import re
import sys
from pathlib import Path

RUN = 'image = "localhost/kolla/memcached:2025.1-debian-bookworm", contract = .direct'
DEFINITIONS = {
    "units": 'hosts.{host}.units.{name} = {{ text = "[Unit]\\nDescription=taken" }}',
    "containers": "hosts.{host}.containers.{name} = {{ " + RUN + " }}",
    "tasks": 'tasks.{name} = {{ on = .{host}, once = "1", ' + RUN + " }}",
    "timers": 'hosts.{host}.timers.{name} = {{ calendar = "daily", command = ["/bin/true"] }}',
}


def quoted(name):
    return '"' + name.replace("\\", "\\\\") + '"'


def write(kind, names, host, out):
    names = sorted(set(Path(names).read_text().split()))
    kinds = ["units"]
    if kind == "containers":
        names, kinds = sorted({name.rsplit(".", 1)[0] for name in names}), ["containers", "tasks", "timers"]
    lines = [DEFINITIONS[kinds[at % len(kinds)]].format(host=host, name=quoted(name)) for at, name in enumerate(names)]
    Path(out).write_text("\n".join(["use kernel", *lines]) + "\n")


def left(problems, file):
    wrong = {(Path(it["at"]["file"]).name, it["at"]["line"]) for it in json.loads(Path(problems).read_text())["problems"]
             if it["severity"] == "error"}
    lines = Path(file).read_text().splitlines()
    kept = [line for at, line in enumerate(lines, 1) if (Path(file).name, at) not in wrong]
    Path(file).write_text("".join(line + "\n" for line in kept))
    print(len(lines) - len(kept))


def refused(refusals, file):
    told = set(re.findall(r"(\S+) has (?:the name of a unit of this host|a name of kolla-lang's own units)", Path(refusals).read_text()))
    lines = Path(file).read_text().splitlines()[1:]
    for line in lines:
        kind, name = re.search(r'(units|containers|tasks|timers)\."(.*?)" = ', line).groups()
        name = name.replace("\\\\", "\\")
        units = {"units": [name], "timers": [f"{name}.timer", f"{name}.service"]}.get(kind, [f"{name}.service"])
        if not set(units) <= told:
            sys.exit(f"not refused: {line}")
    print(len(lines))


if __name__ == "__main__":
    {"write": write, "left": left, "refused": refused}[sys.argv[1]](*sys.argv[2:])
