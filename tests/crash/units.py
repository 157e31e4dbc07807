"""What a fake systemd knows of units: their files as the generator left them, their states, and the containers they make.

Reads unit files and changes nothing; starting and stopping is done in systemd.py.
"""

import json
import os
import shlex
import uuid
from dataclasses import dataclass, field
from pathlib import Path

GENERATED = Path("/run/systemd/generator")
TRANSIENT = "/run/systemd/transient"


@dataclass
class Definition:
    """A unit file: sections of keys, each with all its values in order."""

    name: str
    path: str
    sections: dict

    def all(self, section, key):
        return self.sections.get(section, {}).get(key, [])

    def one(self, section, key, otherwise=""):
        values = self.all(section, key)
        return values[-1] if values else otherwise

    def words(self, section, key):
        return [word for value in self.all(section, key) for word in value.split()]

    @property
    def is_container(self):
        """Whether starting it makes a container: of Quadlet's form, or of a plain unit that runs podman."""
        return "Container" in self.sections or self.run_arguments() is not None

    @property
    def container(self):
        if "Container" in self.sections:
            return self.one("Container", "ContainerName", self.name.removesuffix(".service"))
        words = self.run_arguments() or []
        named = [word for word in words if word.startswith("--name")]
        at = words.index(named[0]) if named else -1
        return named[0].partition("=")[2] or words[at + 1] if named else self.name.removesuffix(".service")

    def run_arguments(self):
        words = shlex.split(self.one("Service", "ExecStart"))
        return words if words[1:2] == ["run"] and words[0].endswith("podman") else None

    @property
    def labels(self):
        labels = self.all("Container", "Label")
        words = self.run_arguments() or []
        for at, word in enumerate(words):
            if word == "--label":
                labels = labels + [words[at + 1]]
            elif word.startswith("--label="):
                labels = labels + [word.partition("=")[2]]
        return dict(label.strip('"').split("=", 1) for label in labels)

    @property
    def command(self):
        words = self.run_arguments()
        return shlex.split(self.one("Container", "Exec")) if words is None else words

    @property
    def is_oneshot(self):
        return self.one("Service", "Type") == "oneshot"

    def missing_sources(self):
        """Folders of the host that a container mounts and that are not there: podman fails then."""
        mounts = self.all("Container", "Volume")
        sources = [mount.split(":")[0] for mount in mounts if mount.startswith("/")]
        return [source for source in sources if not os.path.exists(source)]


def parse(name, path, text):
    """Reads a unit file's text."""
    sections, section = {}, None
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = sections.setdefault(line[1:-1], {})
        elif section is not None and "=" in line and line[0] not in "#;":
            key, value = line.split("=", 1)
            section.setdefault(key.strip(), []).append(value.strip())
    return Definition(name, path, sections)


def load_generated(folder=GENERATED):
    """Reads what the generator left: definitions by name, and what the boot target wants."""
    definitions, wanted = {}, []
    for path in sorted(Path(folder).iterdir()) if Path(folder).is_dir() else []:
        if path.is_dir():
            if path.name == "multi-user.target.wants":
                wanted = sorted(link.name for link in path.iterdir())
        elif path.exists():
            definitions[path.name] = parse(path.name, str(path), path.read_text())
    return definitions, wanted


@dataclass
class Unit:
    """What is known of a unit while it is in use."""

    name: str
    definition: Definition = None
    transient: bool = False
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    exit_status: int = 0
    n_restarts: int = 0
    invocation: bytes = b""
    started: int = 0
    process: object = None
    conmon: int = 0
    job: object = None
    fires_at: float = None
    spent: bool = False

    @property
    def is_up(self):
        return self.active in ("active", "activating", "reloading")

    def set(self, active, sub, result=None):
        self.active, self.sub = active, sub
        if result is not None:
            self.result = result

    def begin(self):
        self.invocation = uuid.uuid4().bytes
        self.started += 1
        self.result, self.exit_status = "success", 0

    def properties(self, interface):
        kind = interface.rsplit(".", 1)[-1]
        if kind == "Unit":
            job = (self.job.number, self.job.path) if self.job else (0, "/")
            folder = TRANSIENT if self.transient else GENERATED
            return {
                "Id": ("s", self.name), "Names": ("as", [self.name]),
                "LoadState": ("s", "loaded" if self.definition else "not-found"),
                "ActiveState": ("s", self.active), "SubState": ("s", self.sub),
                "FragmentPath": ("s", f"{folder}/{self.name}" if self.definition else ""),
                "UnitFileState": ("s", "generated"), "DropInPaths": ("as", []), "Transient": ("b", self.transient),
                "NeedDaemonReload": ("b", False), "InvocationID": ("ay", self.invocation),
                "Job": ("(uo)", job),
            }
        if kind == "Service":
            return {
                "NRestarts": ("u", self.n_restarts), "Result": ("s", self.result),
                "ExecMainStatus": ("i", self.exit_status),
                "MainPID": ("u", self.process or self.conmon),
            }
        if kind == "Timer":
            return {"Unit": ("s", self.triggers()), "Result": ("s", "success")}
        return {}

    def triggers(self):
        """The unit that a timer starts."""
        otherwise = self.name.removesuffix(".timer") + ".service"
        return self.definition.one("Timer", "Unit", otherwise) if self.definition else otherwise


@dataclass
class Containers:
    """The containers that run, and what tasks did; the fake podman reads them from files."""

    folder: Path
    tasks: Path
    running: dict = field(default_factory=dict)

    def __post_init__(self):
        self.tell()

    def tell(self):
        """Writes what `podman ps` says."""
        lines = [{"Id": name.encode().hex().ljust(64, "0"), "Names": [name], "Image": it["image"], "ImageID": "",
                  "State": "running", "Labels": it["labels"]} for name, it in sorted(self.running.items())]
        (self.folder.parent / "ps.json").write_text(json.dumps(lines))

    def make(self, definition, conmon):
        container = {"unit": definition.name, "labels": definition.labels,
                     "image": definition.one("Container", "Image"), "command": definition.command}
        self.running[definition.container] = container
        (self.folder / definition.container).write_text(
            "".join(f"{key}={value}\n" for key, value in sorted(container["labels"].items())) + f"conmon={conmon}\n")
        self.tell()

    def remove(self, name):
        self.running.pop(name, None)
        (self.folder / name).unlink(missing_ok=True)
        self.tell()

    def run_task(self, definition, stamped):
        """Does what a task does, on a volume that outlives everything."""
        with open(self.tasks, "a", encoding="utf-8") as file:
            file.write(f"{definition.container} {'stamped' if stamped else 'new'}\n")
