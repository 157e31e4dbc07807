"""How units are told over the bus: names as paths, lists, and the properties of a unit that is in no file.

Knows no state.
"""

import shlex
from fnmatch import fnmatch


def escaped(name):
    """The last part of a unit's path."""
    return "".join(it if it.isalnum() and it.isascii() else f"_{ord(it):02x}" for it in name)


def sections_of(name, properties):
    """Turns the properties of a transient unit into what its file would say."""
    sections = {"Unit": {}, "Service": {}, "Timer": {}}
    for key, (_, value) in properties:
        if key in ("ExecStart", "ExecStartPre", "ExecStopPost", "ExecReload"):
            values = [shlex.join(argv) for _, argv, _ in value]
        elif isinstance(value, bool):
            values = ["yes" if value else "no"]
        elif key == "SuccessExitStatus":
            values = [str(it) for it in value[0]]
        elif isinstance(value, list):
            values = [str(it) for it in value]
        else:
            values = [str(value)]
        key = {"RestartUSec": "RestartSec"}.get(key, key)
        of_unit = key in ("After", "Before", "Conflicts", "Wants", "Requires", "OnFailure", "CollectMode", "Description", "DefaultDependencies")
        section = "Unit" if of_unit else "Timer" if name.endswith(".timer") else "Service"
        sections[section][key] = [str(float(values[0]) / 1e6)] if key == "RestartSec" else values
    return sections


def is_asked(method, body, unit):
    if method == "ListUnitsByNames":
        return unit.name in body[0]
    if method == "ListUnitsByPatterns":
        states, patterns = body
        by_state = not states or unit.active in states or unit.sub in states
        return by_state and (not patterns or any(fnmatch(unit.name, it) for it in patterns))
    return True


def listed(unit):
    load = "loaded" if unit.definition else "not-found"
    job = (unit.job.number, unit.job.kind, unit.job.path) if unit.job else (0, "", "/")
    path = f"/org/freedesktop/systemd1/unit/{escaped(unit.name)}"
    return (unit.name, "", load, unit.active, unit.sub, "", path, *job)
