#!/usr/bin/env python3
"""Writes every option of a release into a description and wants `diff --releases` to say of each what the two tables say, and of no other.

    releases.py PROGRAM SEED FOLDER    values are drawn by the seed
"""

import fnmatch
import json
import pathlib
import random
import subprocess
import sys
from typing import Any

from drawn import CLOUD, SERVICES, line, right, tables

RULES = ("type", "choices", "min", "max", "longest", "pattern", "item", "ignore_case")


def plain(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def entry(table: Any, section: str, key: str) -> Any:
    """Returns an option as it is written, by its own name or by a pattern."""
    sections = table["sections"]
    if section not in sections:
        section = next((it["section"] for it in table.get("patterns", []) if fnmatch.fnmatchcase(section, it["like"])), section)
    known = sections.get(section, {})
    return known.get(key) or next((it for like, it in sorted(known.items()) if "*" in like and fnmatch.fnmatchcase(key, like)), None)


def resolved(table: Any, found: Any) -> Any:
    for _ in range(8):
        if found is None or "renamed_to" not in found:
            return found
        found = entry(table, found["renamed_to"]["section"], found["renamed_to"]["key"])
    return None


def expected(before: Any, after: Any, section: str, key: str) -> set[str]:
    """Returns what may be said of an option: one word of these, or nothing where there is none."""
    old, new = entry(before, section, key), entry(after, section, key)
    if new is None:
        return {"gone"}
    if "renamed_to" in new and "renamed_to" not in old:
        return {"renamed"}
    old, new = resolved(before, old), resolved(after, new)
    if old is None or new is None:
        return set()
    words = set()
    if {it: old.get(it) for it in RULES} != {it: new.get(it) for it in RULES}:
        words.add("refused")
    if "deprecated" in new and "deprecated" not in old:
        words.add("deprecated")
    elif plain(old.get("default")) != plain(new.get("default")):
        words.add("default")
    return words


def said(program: str, folder: pathlib.Path, service: str, names: tuple[str, str], lines: list[str]) -> dict[str, str]:
    """Returns what `diff --releases` says of the options that a description sets, by name."""
    head = f"use {json.dumps('./cloud.kl')}\ncloud.release = .{names[0]}\n"
    (folder / "cloud.kl").write_text(CLOUD.read_text())
    (folder / "set.kl").write_text(head + "".join(f"{it}\n" for it in lines))
    ran = subprocess.run([program, "diff", folder / "set.kl", "--releases", *names, "--json"], capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"{service}: diff --releases ended with {ran.returncode}: {ran.stderr}{ran.stdout}")
    return {it["option"]: it["what"] for it in json.loads(ran.stdout)["said"] if it["file"].endswith(f"/{service}.conf")}


def main() -> None:
    program, seed, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    draw, total, n_set = random.Random(f"releases {seed}"), {}, 0
    for service in SERVICES:
        known = tables(service)
        releases = sorted(known)
        for names in zip(releases, releases[1:]):
            before, after = known[names[0]], known[names[1]]
            wanted = {}
            for section, options in sorted(before["sections"].items()):
                # What the library sets itself stands in another file of it.
                if section in ("cache", "keystone_authtoken", "oslo_messaging_rabbit", "database", "placement_database", "simple_crypto_plugin"):
                    continue
                for key, option in sorted(options.items()):
                    meant = resolved(before, option)
                    if meant is not None and "*" not in section + key and not {"pattern"} & meant.keys():
                        wanted[section, key] = line(service, section, key, right(meant, draw))
            found = said(program, folder, service, names, list(wanted.values()))
            for section, key in wanted:
                name = f"[{section}] {key}"
                what, may = found.pop(name, None), expected(before, after, section, key)
                if what not in may and not (what is None and may <= {"refused"}):
                    sys.exit(f"{service} {names}: {name}: said {what}, expected {may or 'nothing'}")
                if what:
                    total[what] = total.get(what, 0) + 1
            if found:
                sys.exit(f"{service} {names}: said of options that nobody set: {found}")
            n_set += len(wanted)
    if not {"gone", "default"} <= total.keys():
        sys.exit(f"the tables differ in too little to show anything: {total}")
    print(json.dumps({"set": n_set, "said": dict(sorted(total.items()))}))


if __name__ == "__main__":
    main()
