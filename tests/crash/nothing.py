"""What a switch with nothing to do does: an strace of all its processes, what the fake systemd was asked, and how long it takes.

Run by tests/show/3g. Prints one JSON object.
"""

import argparse
import json
import re
import statistics
import sys
import time
from pathlib import Path

import points
from crash import scratch_bench, switch_to

CHANGES_NOTHING = {"LoadUnit", "GetUnit", "GetAll", "Get", "Subscribe", "ListUnits", "ListUnitsByPatterns", "ListUnitsByNames"}
N_RUNS = 21


def programs(trace):
    """The programs that were run, beside the first."""
    return re.findall(r'execve\("([^"]+)"[^\n]* = 0', trace)[1:]


def changes(trace):
    """What was written, made or removed by any of the processes."""
    threads = {}
    for line in trace.splitlines():
        pid, _, rest = line.partition(" ")
        threads.setdefault(pid, []).append(rest.strip())
    calls = [call for lines in threads.values() for call in points.read("\n".join(whole(lines)))]
    return [call.point for call in calls if call.kind and call.kind not in ("program", "lock")]


def whole(lines):
    """Joins calls that another thread interrupted."""
    begun = {}
    for line in lines:
        resumed = re.match(r"<\.\.\. (\w+) resumed>(.*)", line)
        if line.endswith("<unfinished ...>"):
            begun[line.split("(")[0]] = line.removesuffix("<unfinished ...>")
        elif resumed:
            yield begun.pop(resumed.group(1), resumed.group(1) + "(") + resumed.group(2)
        else:
            yield line


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--program", required=True)
    args = args.parse_args()
    with scratch_bench(args.program, "kolla-lang-nothing.") as bench:
        print(json.dumps(measure(bench)))


def measure(bench):
    host = bench.own_host()
    host.reset(bench.work / "disk")
    host.boot()
    before = len(host.ask("state")["calls"])
    names = ",".join(f"?{name}" for name in (*points.TRACED, "execve"))
    code = host.command(["strace", "-f", "-y", "-s", "1500", "-e", f"trace={names}", "-o", "/out/trace", *switch_to("old")])
    said = host.output("command")
    if code != 0 or not said.startswith("nothing to do"):
        sys.exit(f"not a switch with nothing to do: {code} {said}")
    trace = (host.root / "out/trace").read_text(errors="replace")
    asked = host.ask("state")["calls"][before:]
    took = []
    for _ in range(N_RUNS):
        began = time.monotonic()
        host.command(switch_to("old"))
        took.append((time.monotonic() - began) * 1000)
    run = programs(trace)
    return {"podman_calls": sum(it.endswith("/podman") for it in run), "programs": run, "changes": changes(trace),
            "asked_of_systemd": sorted(set(asked) - CHANGES_NOTHING), "questions": len(asked),
            "median_ms": round(statistics.median(took), 1), "worst_ms": round(max(took), 1), "runs": N_RUNS}


if __name__ == "__main__":
    main()
