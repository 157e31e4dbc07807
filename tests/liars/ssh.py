"""Stands for `ssh` where one host, `ctl02`, lies: it answers one question in the way that $LIE names, and is honest otherwise, as all
other hosts are (tests/fleet/ssh.py). `LIES` says of each way to which command it answers and what.
"""

import importlib.util
import io
import json
import os
import shlex
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

sys.dont_write_bytecode = True
LIAR = "ctl02"
ESC = "\x1b]0;owned\x07\x1b[2J\x1b[31m\u009b1m\u202e"
DIGEST = "0123456789abcdef" * 4


def out(data):
    sys.stdout.buffer.write(data if isinstance(data, bytes) else data.encode())
    sys.stdout.buffer.flush()


def silent():
    time.sleep(400)


def endless(piece):
    """Prints without an end, but for one that no program would wait for."""
    for _ in range(100_000):
        out(piece)


def reported(change):
    """An honest report, but for something."""
    def lie(honest):
        report = json.loads(honest())
        change(report)
        out(json.dumps(report))
    return lie


def enrolled(**lead):
    """A report that the host is part of a rollout."""
    whole = {"rollout": "17-1", "epoch": 1, "leader": "ann@desk"} | lead
    return reported(lambda it: it.update(enrolled={"lead": whole, "from": None, "to": DIGEST, "cloud": None, "time": 0}))


def changed(**fields):
    return reported(lambda it: it.update(fields))


def stream(*objects, end=None):
    """A closure that nobody asked for is committed, and is then sent as this."""
    def lie(_honest):
        for name, data in objects:
            out(f"{name} {len(data)}\n".encode() + data)
        out(f"end {len(objects) if end is None else end}\n")
    return lie


def more(honest):
    """What was asked for, and one thing more."""
    import hashlib
    whole = honest(binary=True)
    at = whole.rindex(b"end ")
    body, count = whole[:at], int(whole[at + 4:])
    data = b"[Service]\nExecStart=/bin/false\n"
    out(body + f"{hashlib.sha256(data).hexdigest()} {len(data)}\n".encode() + data + f"end {count + 1}\n".encode())


def says(data):
    return lambda _honest: out(data)


def ends(code, data=""):
    def lie(_honest):
        out(data)
        return code
    return lie


def flood(_honest):
    for _ in range(100_000):
        sys.stderr.buffer.write(b"x" * 4096)


REFUSED = {"record": "end", "outcome": "refused", "reasons": [{"message": f"no{ESC}"}]}
COMMITTED = {"record": "end", "outcome": "committed", "generation": 1, "plan": {}, "left": [], "stays": [], "warnings": []}

# A host that is not reached is left out, and here others wait for a task of it. By name: the command that is answered so, the answer, and the exit codes that the controller may end with.
LIES = {
    "rollout-is-a-path": ("rollout report", enrolled(rollout="/root/victim"), {2}),
    "rollout-climbs": ("rollout report", enrolled(rollout="../../victim"), {2}),
    "rollout-has-a-line-end": ("rollout report", enrolled(rollout="17\n18"), {2}),
    "rollout-is-empty": ("rollout report", enrolled(rollout=""), {2}),
    "rollout-is-long": ("rollout report", enrolled(rollout="1" * 41), {2}),
    "rollout-is-an-option": ("rollout report", enrolled(rollout="-1"), {2}),
    "rollout-of-nobody": ("rollout report", enrolled(), {6}),
    "leader-sets-the-terminal": ("rollout report", enrolled(leader=f"ann{ESC}"), {6}),
    "epoch-at-the-edge": ("rollout report", enrolled(epoch=2**64 - 1), {2}),
    "epoch-too-large": ("rollout report", enrolled(epoch=10**30), {2}),
    "epoch-negative": ("rollout report", enrolled(epoch=-1), {2}),
    "switch-is-a-path": ("rollout report", changed(open={"tx": "/root/victim", "stage": "holding"}), {2}),
    "switch-climbs": ("rollout report", changed(open={"tx": "../x", "stage": "holding"}), {2}),
    "committed-is-no-digest": ("rollout report", changed(committed="../../x"), {2}),
    "version-of-tomorrow": ("rollout report", changed(version=99, tomorrow=True), {2}),
    "field-of-nobody": ("rollout report", changed(extra=1), {2}),
    "report-is-deep": ("rollout report", says('{"version":' * 200_000), {2}),
    "report-is-empty": ("rollout report", says(""), {2}),
    "report-is-no-text": ("rollout report", says(bytes(range(256)) * 100), {2}),
    "report-sets-the-terminal": ("rollout report", says(ESC * 100), {2}),
    "report-is-an-endless-line": ("rollout report", lambda _: endless(b"x" * 4096), {2}),
    "report-is-endless-lines": ("rollout report", lambda _: endless(b"{}\n" * 1024), {2}),
    "report-never-comes": ("rollout report", lambda _: silent(), {2}),
    "report-fails-with-words": ("rollout report", ends(3, "no"), {2}),
    "groups-without-end": ("rollout report", reported(lambda it: it.update(down=[f"g{i}" for i in range(300_000)])), {0}),
    "closure-of-nobody": ("store send", stream(), {2}),
    "closure-with-more": ("store send", more, {2}),
    "closure-that-is-another": ("store send", stream((DIGEST, b"x")), {2}),
    "closure-without-end": ("store send", lambda _: endless(f"{DIGEST} 1073741824\n".encode() + b"x" * 4096), {2}),
    "closure-that-counts-wrong": ("store send", stream(end=7), {2}),
    "architecture-sets-the-terminal": ("sh -c", says(f"{ESC}\nmissing\n"), {2}),
    "probe-never-ends": ("sh -c", lambda _: silent(), {2}),
    "probe-is-endless": ("sh -c", lambda _: endless(b"there\n" * 1024), {2}),
    "lacks-what-nobody-has": ("store missing", says(f"{DIGEST}\n"), {2}),
    "lacks-nonsense": ("store missing", says(f"../../x\n{ESC}\n"), {2}),
    "takes-nothing": ("store receive", lambda _: silent(), {2}),
    "check-is-nonsense": ("rollout check", says("{]"), {2}),
    "refusal-sets-the-terminal": ("rollout check", says(json.dumps({"outcome": "refused", "reasons": [{"message": f"no{ESC}"}]})), {2}),
    "precheck-is-endless": ("prechecks", lambda _: endless(b"x" * 4096), {2}),
    "precheck-sets-the-terminal": ("prechecks", says(json.dumps(
        {"version": 1, "prechecks": [{"name": f"a{ESC}", "wanted": "b", "reason": f"c{ESC}", "help": f"d{ESC}"}]})), {2}),
    "switch-is-endless": ("switch", lambda _: endless(f"{ESC}\n".encode() * 1024), {3, 5}),
    "switch-is-an-endless-line": ("switch", lambda _: endless(b"x" * 4096), {3, 5}),
    "switch-is-silent": ("switch", lambda _: silent(), {3, 5}),
    "switch-refuses-with-escapes": ("switch", says(json.dumps(REFUSED) + "\n"), {2, 3, 5}),
    "switch-is-done-at-once": ("switch", says(json.dumps(COMMITTED) + "\n"), {2, 3, 5}),
    "says-without-end": ("rollout report", flood, {2}),
}
# Those that answer to a question that is asked of a host which is something already.
LATER = {name for name, (command, _, _) in LIES.items() if command == "store send"}


def load():
    path = Path(os.environ["FLEET_SSH"])
    spec = importlib.util.spec_from_file_location("fleet_ssh", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Bytes(io.TextIOWrapper):
    """Standard output of an honest answer, kept."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)


def main():
    honest = load()
    arguments = sys.argv[1:]
    address, *line = arguments[arguments.index("--") + 1:]
    command, answer, _ = LIES.get(os.environ["LIE"], (None, None, None))
    if answer is None or address != LIAR or not line or "-O" in arguments:
        return honest.main()
    words = shlex.split(line[0].split("; exec ", 1)[1])
    asked = " ".join(words[:2] if words[0] == "sh" else [it for it in words[1:] if not it.startswith("-")][:2])
    if not asked.startswith(command):
        return honest.main()

    def tell(binary=False):
        kept = Bytes()
        with redirect_stdout(kept):
            honest.run(honest.Host(address), line[0])
        whole = kept.buffer.getvalue()
        whole = whole[whole.index(b"kolla-lang begins here\n") + len(b"kolla-lang begins here\n"):]
        return whole if binary else whole.decode()

    out("kolla-lang begins here\n")
    try:
        return answer(tell)
    except BrokenPipeError:
        return 255


if __name__ == "__main__":
    sys.exit(main() or 0)
