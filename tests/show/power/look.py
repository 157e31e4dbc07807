"""Looks at the state of a host after a power cut: look.py STATE.tar CLOSURES ACKED

Everything that a host holds of ours must be whole by its own digests, the committed generation must be the last one that was
known to be committed before the cut (ACKED, a number) or one later, and what runs must be exactly that generation. CLOSURES
is a file of closures that may be committed, one a line; empty allows any. Prints the committed number. Trusts no program of ours: it
reads the files themselves.
"""

import hashlib
import json
import sys
import tarfile

state, allowed, acked = sys.argv[1], sys.argv[2], int(sys.argv[3])
problems = []
files, links = {}, {}
with tarfile.open(state) as tar:
    for entry in tar:
        name = entry.name.removeprefix("./")
        if entry.isfile():
            files[name] = tar.extractfile(entry).read()
        elif entry.issym():
            links[name] = entry.linkname


def wrong(what):
    problems.append(what)


def sha(content):
    return hashlib.sha256(content).hexdigest()


def parse(name):
    try:
        return json.loads(files[name])
    except (KeyError, ValueError) as why:
        wrong(f"{name} cannot be read: {why}")
        return {}


ETC, VAR = "etc/kolla-lang/", "var/lib/kolla-lang/"

# The committed generation: the last that was announced, or the one that was on its way.
boot = links.get(ETC + "boot", "")
number = int(boot.removeprefix("generations/")) if boot.removeprefix("generations/").isdigit() else 0
if not number:
    wrong(f"boot leads to {boot!r}")
if number < acked:
    wrong(f"generation {acked} was announced as committed, and {number} is booted")

# Every generation is whole.
referred = set()
numbers = sorted({name.split("/")[3] for name in files if name.startswith(ETC + "generations/")} | {str(number)})
for it in numbers:
    home = f"{ETC}generations/{it}/"
    if not it.isdigit():
        continue  # what was being made when the power went
    about, listing = parse(home + "host/generation.json"), parse(home + "host/listing.json")
    if about.get("number") != int(it):
        wrong(f"{home} says that it is {about.get('number')}")
    closure = about.get("closure", "")
    if sha(files.get(home + "host/listing.json", b"")) != closure:
        wrong(f"{home}host/listing.json is not {closure}")
    referred.add(closure)
    for path, entry in listing.get("files", {}).items():
        referred.add(entry["digest"])
        content = files.get(home + path)
        if content is None or sha(content) != entry["digest"]:
            wrong(f"{home}{path} is not what the listing says: {'absent' if content is None else len(content)}")
    if it == str(number):
        with open(allowed, encoding="utf-8") as file:
            closures = file.read().split()
        if closures and closure not in closures:
            wrong(f"{home} is none of the descriptions: {closure}")

# What a generation was made from is whole in the store. What nothing refers to yet may have been cut short; the next build sees that.
objects = {"".join(name.split("/")[-2:]): name for name in files if name.startswith(VAR + "store/objects/")}
for digest in sorted(referred & set(objects)):
    if sha(files[objects[digest]]) != digest:
        wrong(f"{objects[digest]} is torn: {len(files[objects[digest]])} bytes")
if not objects:
    wrong("the store is empty")

# The history and the closed journals have no torn line; no transaction is open.
committed = []
for line in files.get(VAR + "history.jsonl", b"").decode(errors="replace").splitlines(keepends=True):
    try:
        entry = json.loads(line if line.endswith("\n") else "")
        committed += [entry["to"]] if entry["end"] == "committed" else []
    except ValueError:
        wrong(f"history.jsonl has a torn line: {line[:80]!r}")
if not committed:
    wrong("history.jsonl is empty")
for name, content in files.items():
    if not name.startswith(VAR + "journal/"):
        continue
    if name.endswith("/open.journal"):
        wrong("a transaction is still open")
    lines = content.decode(errors="replace").splitlines(keepends=True)
    if not lines:
        wrong(f"{name} is empty")
    for nth, line in enumerate(lines):
        parts = line.split(" ", 2)
        try:
            whole = int(parts[0]) == nth and line.endswith("\n") and bool(json.loads(parts[2]))
        except (ValueError, IndexError):
            whole = False
        if not whole:
            wrong(f"{name} has a torn line {nth}: {line[:80]!r}")

# What runs is the generation: each of its containers, with its label and its files, and no other of ours.
manifest = parse(f"{ETC}generations/{number}/manifest.json")
want = {
    unit["container"]: unit["digests"]["restart"]
    for unit in manifest.get("units", {}).values()
    if unit.get("container")
}
runs = {}
for entry in parse("run/look/ps.json") or []:
    labels = entry.get("Labels") or {}
    if "kolla-lang.unit" in labels:
        runs[entry["Names"][0]] = labels.get("kolla-lang.digest") if entry["State"] == "running" else entry["State"]
if runs != want:
    wrong(f"what runs is {runs}, and the generation is {want}")
for name in want:
    expected = files.get(f"{ETC}generations/{number}/files/{name}/etc/round")
    if expected is not None and files.get(f"run/look/round.{name}") != expected:
        wrong(f"{name} sees another /etc/round: {files.get(f'run/look/round.{name}')!r}")
for name in ("status", "engine", "image"):
    code = files.get(f"run/look/{name}.code", b"0").strip()
    if code != b"0":
        said = files.get(f"run/look/{name}.txt", b"").decode(errors="replace")
        wrong(f"{name} ended with {code.decode()}: {said[-600:]}")

for problem in problems:
    print(problem, file=sys.stderr)
print(number)
sys.exit(1 if problems else 0)
