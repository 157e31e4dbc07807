"""What must hold on a host after whatever happened to it was over: the promises, each looked at from outside.

Changes nothing. Takes nothing from the program under test: expected files are those of `kolla-lang build`, units and containers are
what process 1 says.
"""

import hashlib
import json
from pathlib import Path

from units import parse

OURS = "kolla-lang"
FILES_SERVICE = "kolla-lang-files.service"
CONTENT = {"old": "answer old\n", "new": "answer new\n", "bad": "answer new\n"}
SETTING = {"old": "0", "new": "1", "bad": "1"}


class Generation:
    """A generation as `kolla-lang build` wrote it, and the secret that its `web` reads."""

    def __init__(self, name, folder, secret):
        self.name, self.folder, self.secret = name, Path(folder), secret
        self.manifest = json.loads((self.folder / "manifest.json").read_text())
        self.files = {str(path.relative_to(folder)): path.read_bytes()
                      for path in sorted(self.folder.rglob("*")) if path.is_file()}
        del self.files["manifest.json"]
        self.hide_names()
        self.labels = {}
        for path, text in self.files.items():
            if path.endswith(".container") or (path.startswith("units/") and path.endswith(".service")):
                unit = parse(path.rsplit("/", 1)[-1].replace(".container", ".service"), path, text.decode())
                if unit.is_container and not unit.is_oneshot:
                    self.labels[unit.container] = unit.labels

    def hide_names(self):
        """Takes out the names that stand for secrets in a tree for people: on a host there is nothing in an interpolation."""
        for file in (file for folder in self.manifest["folders"] for file in folder["files"]):
            text = self.files[file["path"]]
            for hole in file.get("holes", []):
                text = text[: hole["offset"]] + text[hole["offset"] + hole.pop("shown", 0) :]
            self.files[file["path"]] = text

    @property
    def units(self):
        return set(self.manifest["units"]) | {FILES_SERVICE}


def committed(host, generations):
    """The generation that `boot` names, and its folder; nothing if `boot` is torn."""
    boot = host.root / "etc/kolla-lang/boot"
    if not boot.is_symlink():
        return None, None
    folder = boot.parent / boot.readlink()
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return None, folder
    known = [it for it in generations.values() if it.manifest == manifest]
    return (known[0] if known else None), folder


def is_open(host):
    """Whether a transaction is open."""
    return (host.root / "var/lib/kolla-lang/journal/open.journal").exists()


def in_transit(host):
    """Whether a generation is on trial."""
    return (host.root / "run/kolla-lang/trial").is_symlink()


def settled(host, generations, allowed):
    """Lists what is not as promised on a host that should be at rest on one of these generations."""
    generation, folder = committed(host, generations)
    if generation is None or generation.name not in allowed:
        return [f"`boot` is {generation.name if generation else folder}, not one of {' '.join(sorted(allowed))}"]
    state = host.ask("state")
    problems = leftovers(host, state) + disk(host, generation, folder) + tasks(host, generation)
    problems += running(host, state, generation)
    return [f"on `{generation.name}`: {it}" for it in problems]


def leftovers(host, state):
    problems = []
    if in_transit(host):
        problems.append("a trial is left")
    if is_open(host):
        problems.append("a transaction is open")
    for name, unit in state["units"].items():
        if name.startswith(OURS) and unit["transient"]:
            problems.append(f"{name} is left: {unit['active']} ({unit['sub']})")
    for asked in state["unknown"]:
        problems.append(f"the fake systemd does not know {asked}")
    if host.output("unknown"):
        problems.append(f"the fake podman does not know {host.output('unknown').splitlines()[0]}")
    return problems


def running(host, state, generation):
    problems = []
    containers = {name: it["labels"] for name, it in state["containers"].items()}
    if set(containers) != set(generation.labels):
        problems.append(f"containers run: {' '.join(sorted(containers)) or 'none'}, not {' '.join(sorted(generation.labels))}")
    for name in set(containers) & set(generation.labels):
        if containers[name] != generation.labels[name]:
            problems.append(f"container {name} runs with labels of another generation: {containers[name]}")
    for name, unit in state["units"].items():
        if unit["loaded"] and name not in generation.units and not unit["transient"]:
            problems.append(f"{name} is loaded and not of this generation")
        if not unit["loaded"] and unit["active"] not in ("inactive", "failed"):
            problems.append(f"{name} is {unit['active']} and nothing defines it")
    for name in generation.units - {name for name, unit in state["units"].items() if unit["loaded"]}:
        problems.append(f"{name} is not loaded")
    return problems


def disk(host, generation, folder):
    problems = []
    for path, text in generation.files.items():
        at = folder / path
        if not at.is_file() or at.read_bytes() != text:
            problems.append(f"{at.relative_to(host.root)} is not what was built")
    engine = host.root / "etc/kolla-lang/engine" / Path((folder / "host/engine").readlink()).name
    if hashlib.sha256(engine.read_bytes()).hexdigest() != engine.name:
        problems.append(f"the engine {engine.name[:12]} is torn")
    below = "/run/kolla-lang/files"
    texts, mounted = host.ask("texts", below=below), host.ask("mounts")["mounts"].get(below, ["none"])
    if mounted[0] != "ramfs" and not (mounted[0] == "tmpfs" and "noswap" in mounted[-1].split(",")):
        problems.append(f"{below} is no memory that is never swapped: {' '.join(mounted)}")
    if texts["mode"] not in (None, 0o700):
        problems.append(f"{below} has mode {texts['mode']:o}")
    for each in generation.manifest["folders"]:
        text = "".join(it for path, it in texts["texts"].items() if f"/{each['digest']}/" in path and path.endswith("/web.conf"))
        if CONTENT[generation.name] not in text:
            problems.append(f"run/kolla-lang/files/{each['digest'][:12]} is not what {each['owner']} reads: {text!r}")
        elif text != f"key {generation.secret}\n{CONTENT[generation.name]}":
            problems.append(f"not the secret in what {each['owner']} reads")
    link = host.root / "etc/crash.conf"
    target = link.readlink() if link.is_symlink() else None
    if target is None or (host.root / str(target).lstrip("/")).resolve() is None:
        problems.append("/etc/crash.conf is no link")
    elif f"generation {'old' if generation.name == 'old' else 'new'}\n" != (folder / "host/files/etc/crash.conf").read_text():
        problems.append("/etc/crash.conf has another generation's text")
    elif not str(target).startswith("/etc/kolla-lang/boot/"):
        problems.append(f"/etc/crash.conf leads to {target}")
    setting = host.ask("setting", key="net/ipv4/ip_nonlocal_bind")["value"]
    if setting != SETTING[generation.name]:
        problems.append(f"net.ipv4.ip_nonlocal_bind is {setting}")
    return problems


def tasks(host, generation):
    """A task ran before it was stamped, never after, and a generation that has it was not committed without it."""
    log = host.root / "var/lib/fake-tasks"
    runs = log.read_text().splitlines() if log.exists() else []
    done = host.root / "var/lib/kolla-lang/done"
    stamps = [it for it in done.iterdir() if not it.name.startswith(".")] if done.is_dir() else []
    problems = ["the task ran although it was stamped" for line in runs if line.endswith(" stamped")]
    if stamps and not runs:
        problems.append("the task is stamped and never ran")
    if len(runs) > 2:
        problems.append(f"the task ran {len(runs)} times")
    if generation.manifest["tasks"] and not (stamps and runs):
        problems.append("committed without the task")
    return problems


def n_task_runs(host):
    log = host.root / "var/lib/fake-tasks"
    return len(log.read_text().splitlines()) if log.exists() else 0


def honest(code, host, generations, target):
    """Lists what an exit code said that is not so."""
    generation, _ = committed(host, generations)
    name = generation.name if generation else "torn"
    told = {0: target, 2: "old", 3: "old", 4: target}
    if code in told and told[code] != name:
        return [f"it ended with {code}, and `boot` is {name}"]
    if code in (0, 2, 3):
        return [f"it ended with {code}, but {it}" for it in settled(host, generations, {name})]
    if code not in (4, 5):
        return [f"it ended with {code}"]
    return []
