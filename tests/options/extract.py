"""Writes the options of a service's documents, as the installed packages declare them. Runs inside the environment that `generate` made.

Reads a list of groups `{document: [namespace]}`, those of one service, and prints a line `{"document": …, "sections": …, "sources": …}` for each, or one with an `error`. It writes no table: patterns, removed options and the container are others' (tables.py, container.py).
`--machine` says which of two pretended machines this is: what differs between them depends on the machine, and `generate` leaves it out.
"""

import argparse
import collections
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

# Two machines that differ in all that defaults were seen to read.
MACHINES = {
    "a": {"name": "host-a.example.org", "processors": 3, "address": "192.0.2.1"},
    "b": {"name": "host-b.example.org", "processors": 7, "address": "192.0.2.2"},
}


def pretend(machine: dict[str, Any]) -> None:
    """Makes this process believe that it runs on that machine; before any service is imported."""
    import multiprocessing
    import platform
    import socket

    name, processors = machine["name"], machine["processors"]
    socket.gethostname = lambda: name
    socket.getfqdn = lambda *_: name
    platform.node = lambda: name
    os.cpu_count = lambda: processors
    multiprocessing.cpu_count = lambda: processors
    os.sched_getaffinity = lambda *_: set(range(processors))
    try:
        from oslo_utils import netutils
    except ImportError:
        return
    netutils.get_my_ipv4 = lambda: machine["address"]


def folded(text: Any) -> str:
    """Returns a text on one line."""
    return " ".join(str(text).split())


def kind(value: Any) -> dict[str, Any]:
    """Describes a type of oslo.config: `type` and what narrows it."""
    from oslo_config import types

    names = [
        (types.Boolean, "bool"), (types.Port, "port"), (types.Integer, "int"), (types.Float, "float"), (types.List, "list"),
        (types.Dict, "dict"), (types.IPAddress, "ip"), (types.Hostname, "host"), (types.HostAddress, "host"), (types.URI, "uri"),
        (types.String, "text"),
    ]
    if value is str:
        return {"type": "text"}
    if value in (int, float, bool):
        return {"type": value.__name__}
    found = next((name for known, name in names if isinstance(value, known)), "any")
    if found == "int" and not float(getattr(value, "min", None) or 0).is_integer():
        found = "float"
    told: dict[str, Any] = {"type": found}
    if found in ("int", "float", "port"):
        lowest, highest = getattr(value, "min", None), getattr(value, "max", None)
        if found == "port":
            lowest, highest = lowest or 0, highest or 65535
        for key, bound in (("min", lowest), ("max", highest)):
            if bound is not None:
                told[key] = bound
    if found == "uri" and getattr(value, "max_length", None):
        told["longest"] = value.max_length
    choices = [choice for choice in (getattr(value, "choices", None) or []) if choice is not None]
    if choices and found != "any":
        told["choices"] = [str(choice) for choice in choices] if found == "text" else choices
    if found == "text":
        if value.max_length:
            told["longest"] = value.max_length
        if choices and value.ignore_case:
            told["ignore_case"] = True
        pattern = portable(value.regex)
        if pattern:
            told["pattern"] = pattern
    item = {"list": "item_type", "dict": "value_type"}.get(found)
    if item:
        inner = kind(getattr(value, item))
        if inner != {"type": "text"}:
            told["item"] = inner
    return told


def portable(regex: Any) -> str | None:
    """Returns a regular expression that means the same without looking around and back references, or nothing."""
    if regex is None or re.search(r"\(\?[=!<]|\(\?P=|\\[1-9]", regex.pattern):
        return None
    flags = "(?i)" if regex.flags & re.IGNORECASE else ""
    return flags + regex.pattern.replace("\\Z", "\\z")


def plain(value: Any, told: dict[str, Any], as_text: Any) -> Any:
    """Returns a default as JSON of its type; a text with `$name` takes another option's value and stays as it is."""
    if isinstance(value, str) and told["type"] not in ("text", "any"):
        if "$" in value:
            return value
        try:
            value = as_text(value)
        except (ValueError, TypeError):
            return value
    if told["type"] == "list" and isinstance(value, (list, tuple, set, frozenset)):
        return [leaf(item) for item in (sorted(value, key=str) if isinstance(value, (set, frozenset)) else value)]
    if told["type"] == "dict" and isinstance(value, dict):
        return {str(key): leaf(item) for key, item in value.items()}
    if told["type"] == "list":
        return [leaf(value)]
    return leaf(value)


def leaf(value: Any) -> Any:
    """Returns a value that JSON has."""
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [leaf(item) for item in value]
    if isinstance(value, dict):
        return {str(key): leaf(item) for key, item in value.items()}
    return str(value)


def described(option: Any) -> dict[str, Any]:
    """Returns the entry of an option."""
    entry = kind(option.type)
    multiple = bool(getattr(option, "multi", False))
    default = option.default
    if default is not None:
        many = multiple and isinstance(default, (list, tuple))
        entry["default"] = [plain(item, entry, option.type) for item in default] if many else plain(default, entry, option.type)
        if multiple and not many:
            entry["default"] = [entry["default"]]
    help = folded(option.help or "")
    sample = getattr(option, "sample_default", None)
    if sample is not None and sample != default:
        entry["sample"] = folded(sample)
    for key, holds in (("secret", option.secret), ("mutable", option.mutable), ("required", option.required), ("multiple", multiple)):
        if holds:
            entry[key] = True
    if option.deprecated_for_removal:
        since, why = option.deprecated_since, option.deprecated_reason
        entry["deprecated"] = {key: folded(text) for key, text in (("since", since), ("why", why)) if text}
    if help:
        entry["help"] = help
    return entry


def loaded(group: str, wanted: list[str]) -> list[Any]:
    """Returns entry points by name, or by `package:name` where two packages have one name; else the package of that name has it."""
    found = []
    for text in wanted:
        package, _, name = text.rstrip("?").rpartition(":")
        points = [point for point in metadata.entry_points(group=group, name=name) if not package or same(point.dist.name, package)]
        own = [point for point in points if same(point.dist.name, name)]
        found += own if len(points) > 1 and own else points
    return found


def same(one: str, other: str) -> bool:
    """Tells whether two names are one package's."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def auth_options() -> list[Any]:
    """Returns the options of the plugins that keystoneauth1 itself has: a section with `auth_type` takes those of the plugin that it names."""
    options: dict[str, Any] = {}
    points = [point for point in metadata.entry_points(group="keystoneauth1.plugin") if same(point.dist.name, "keystoneauth1")]
    for point in sorted(points, key=lambda point: (point.name not in ("password", "v3password"), point.name)):
        for option in point.load()().get_options():
            options.setdefault(option.dest, option._to_oslo_opt())
    return list(options.values())


def sections_of(groups: list[tuple[str, list[Any]]]) -> dict[str, dict[str, Any]]:
    """Returns all sections: options first, then old names where no option has the place."""
    sections: dict[str, dict[str, Any]] = {}
    old: list[tuple[str, str, str, str]] = []
    for section, options in groups:
        for option in options:
            if type(option).__name__ in ("SubCommandOpt", "_ConfigFileOpt", "_ConfigDirOpt") or getattr(option, "positional", False):
                continue
            if option.dest in sections.setdefault(section, {}):
                continue
            sections[section][option.dest] = described(option)
            for name in option.deprecated_opts:
                # oslo.config reads no key with `-`.
                if "-" not in (name.name or ""):
                    old.append((proper(name.group or section), name.name or option.dest, section, option.dest))
    for old_section, old_key, section, key in old:
        if (old_section, old_key) != (section, key):
            sections.setdefault(old_section, {}).setdefault(old_key, {"renamed_to": {"section": section, "key": key}})
    return {section: options for section, options in sections.items() if options}


def proper(section: str) -> str:
    """Returns a section's name as oslo.config writes it."""
    return "DEFAULT" if section.upper() == "DEFAULT" else section.lower()


def options_of(namespaces: list[str]) -> dict[str, Any]:
    """Returns the sections and sources of a document."""
    points = loaded("oslo.config.opts", namespaces)
    hooks = loaded("oslo.config.opts.defaults", [name for name in namespaces if ":" not in name])
    known = {point.name for point in [*points, *hooks]}
    missing = [name for name in namespaces if not name.endswith("?") and name.rpartition(":")[2] not in known]
    if missing:
        raise ValueError(f"no entry point oslo.config.opts of this name: {', '.join(missing)}")
    loaders = [point.load() for point in points]
    for hook in hooks:
        hook.load()()
    groups = []
    for load in loaders:
        for group, options in load():
            groups.append((proper(str(getattr(group, "name", group) or "DEFAULT")), list(options)))
    with_auth = sorted({section for section, options in groups if any(option.dest == "auth_type" for option in options)})
    sources = {point.dist.name: point.dist.version for point in points}
    if with_auth:
        groups += [(section, auth_options()) for section in with_auth]
        sources["keystoneauth1"] = metadata.version("keystoneauth1")
    return {"sections": sections_of(groups), "sources": sources}


def apart(work: Callable[[], None]) -> None:
    """Does something in a process of its own, and waits for it."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    os.waitpid(child, 0)


def load(namespaces: Iterable[str]) -> None:
    """Imports what has these namespaces."""
    for point in loaded("oslo.config.opts", sorted(set(namespaces))):
        point.load()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--machine", choices=sorted(MACHINES), required=True)
    machine = MACHINES[arguments.parse_args().machine]
    groups: list[dict[str, list[str]]] = json.load(sys.stdin)
    pretend(machine)
    # What a service prints while it is imported is no part of the table.
    out = os.dup(1)
    os.dup2(2, 1)

    def tell(name: str, found: dict[str, Any]) -> None:
        with open(os.dup(out), "w", encoding="utf-8") as pipe:
            pipe.write(json.dumps({"document": name, **found}, sort_keys=True) + "\n")

    def document(name: str, namespaces: list[str]) -> None:
        try:
            tell(name, options_of(namespaces))
        except Exception:
            tell(name, {"error": traceback.format_exc(limit=-3)})

    def group_of(documents: dict[str, list[str]]) -> None:
        try:
            load(name for namespaces in documents.values() for name in namespaces)
        except Exception:
            error = traceback.format_exc(limit=-3)
            for name in documents:
                tell(name, {"error": error})
            return
        # A hook changes the defaults of libraries for one document, so each has a process of its own.
        for name, namespaces in documents.items():
            apart(lambda: document(name, namespaces))

    # Libraries that several services share are imported once for all.
    n_groups = collections.Counter(name for group in groups for name in {name for names in group.values() for name in names})
    load(name for name, n_users in n_groups.items() if n_users > 1)
    for group in groups:
        apart(lambda: group_of(group))


if __name__ == "__main__":
    main()
