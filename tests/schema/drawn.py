#!/usr/bin/env python3
"""Draws keys from the tables of options, right and wrong ones, writes each into a description as a line, and wants a report for each wrong one
at its line, whose next step mends it, and none for a right one.

    drawn.py PROGRAM SEED N FOLDER    N of each, over all services and releases that have tables
"""

import json
import lzma
import pathlib
import random
import subprocess
import sys
from typing import Any, Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SERVICES = ["keystone", "barbican", "placement"]
CLOUD = ROOT / "tests" / "schema" / "cloud.kl"
SECRET = 'secret("options/drawn")'


def tables(service: str) -> dict[str, Any]:
    """Returns the tables of a service's file, by release."""
    text = lzma.decompress((ROOT / f"stdlib/options/{service}.conf.lzma").read_bytes(), format=lzma.FORMAT_ALONE).decode()
    found: dict[str, Any] = {}
    for row in text.split("\n"):
        release, tab, value = row.partition("\t")
        if tab:
            found.setdefault(release, json.loads(value))
    return found


def options(table: Any) -> Iterator[tuple[str, str, Any]]:
    """Returns what can be drawn of a table: options that are no old names, not deprecated and of known sections."""
    for section, entries in sorted(table["sections"].items()):
        for key, option in sorted(entries.items()):
            if "*" not in section + key and not {"renamed_to", "deprecated", "pattern"} & option.keys():
                yield section, key, option


def right(option: Any, draw: random.Random) -> str:
    """Returns a right value as the language writes it."""
    if option.get("secret"):
        return SECRET
    if option.get("choices"):
        return text(draw.choice([it for it in option["choices"] if it is not None]))
    kind, item = option.get("type", "any"), (option.get("item") or {})
    low, high = option.get("min"), option.get("max")
    if kind == "bool":
        return draw.choice(["true", "false"])
    if kind in ("int", "port"):
        low = 1 if low is None else low
        return str(draw.randint(low, max(low, min(high if high is not None else low + 900, low + 900))))
    if kind == "float":
        return repr(float(low if low is not None else high if high is not None else 1))
    if kind == "list":
        return text(str(right(item, draw).strip('"')) if item else "one,two")
    if kind == "dict":
        return text("one:" + ("[two,three]" if item.get("type") == "list" else right(item, draw).strip('"') if item else "two"))
    return text({"ip": "10.0.0.9", "host": "ctl.example.net", "uri": "http://10.0.0.9/a", "path": "/var/lib/a"}.get(kind, "word")[: option.get("longest") or 99])


def text(value: Any) -> str:
    return json.dumps(str(value), ensure_ascii=False).replace("$", "\\$")


def typo(word: str, known: Any, draw: random.Random) -> str:
    """Returns a slip of the finger in a word that is none of those that are known."""
    while True:
        i = draw.randrange(len(word))
        new = draw.choice([word[:i] + word[i + 1 :], word[:i] + draw.choice("aeiostr") + word[i:], word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :]])
        if new and new not in known and new[0].isalpha():
            return new


def wrong(table: Any, draw: random.Random) -> tuple[str, str, str, str, Any] | None:
    """Returns a kind of mistake with a section, a key and a value that have it, and the option that is meant; none where it was drawn in vain."""
    kind = draw.choice(["typo", "typo", "section", "elsewhere", "removed", "range", "type", "choice", "secret", "several"])
    section, key, option = draw.choice(list(options(table)))
    sections, value = table["sections"], right(option, draw)
    if kind == "typo" and len(key) > 3:
        return kind, section, typo(key, sections[section], draw), value, option
    if kind == "section" and len(section) > 4:
        return kind, typo(section, sections, draw), key, value, option
    if kind == "elsewhere":
        other = draw.choice([it for it in sorted(sections) if "*" not in it])
        if key not in sections[other] and key not in table.get("removed", {}).get(other, {}):
            return kind, other, key, value, option
    if kind == "removed" and table.get("removed"):
        section = draw.choice(sorted(table["removed"]))
        return kind, section, draw.choice(sorted(table["removed"][section])), "1", None
    numeric = option.get("type") in ("int", "float", "port") and not option.get("choices")
    if kind == "range" and numeric and option.get("min") is not None:
        return kind, section, key, str(option["min"] - 1), option
    if kind == "type" and option.get("type") in ("int", "float", "bool", "port") and not option.get("secret"):
        return kind, section, key, '"quite other"', option
    if kind == "choice" and option.get("choices") and option.get("type") == "text":
        return kind, section, key, '"quite-other"', option
    if kind == "secret" and option.get("secret"):
        return kind, section, key, '"kX3f9qLm"', option
    if kind == "several" and not {"multiple", "choices", "longest"} & option.keys() and not option.get("secret") and option.get("type") == "text":
        return kind, section, key, '["one", "two"]', option
    return None


def check(program: str, folder: pathlib.Path, release: str, lines: list[str]) -> list[Any]:
    """Returns the reports of a description with these lines at its end, each with the number of its line among them, or none."""
    head = f"use {json.dumps('./cloud.kl')}\ncloud.release = .{release}\n"
    (folder / "cloud.kl").write_text(CLOUD.read_text())
    (folder / "drawn.kl").write_text(head + "".join(f"{line}\n" for line in lines))
    ran = subprocess.run([program, "check", folder / "drawn.kl", "--json"], capture_output=True, text=True)
    if not ran.stdout:
        sys.exit(f"check said nothing: {ran.stderr}")
    for problem in (problems := json.loads(ran.stdout)["problems"]):
        place = problem["at"]
        problem["drawn"] = place["line"] - 3 if place["file"].endswith("drawn.kl") else None
    return problems


def line(service: str, section: str, key: str, value: str) -> str:
    return f"{service}.config.{text(section)}.{text(key)} = {value}"


def named(words: str) -> tuple[str, str]:
    """Takes `[section] key` apart."""
    section, _, key = words.rpartition("] ")
    return section.lstrip("["), key


def mended(service: str, table: Any, mistake: tuple[str, str, str, str, Any], help: str, draw: random.Random) -> str:
    """Returns the line after what a report tells to do."""
    kind, section, key, value, option = mistake
    if "did you mean `" in help or help.startswith("write `["):
        section, key = named(help.split("`")[1])
        found = table["sections"].get(section, {}).get(key, {})
        for _ in range(8):
            if "renamed_to" in found:
                section, key = found["renamed_to"]["section"], found["renamed_to"]["key"]
                found = table["sections"].get(section, {}).get(key, {})
        return line(service, section, key, right(found, draw))
    if "is an option of the sections" in help:
        section = help.split("`[")[1].split("]")[0]
        return line(service, section, key, right(table["sections"][section][key], draw))
    if "name it in `extra`" in help:
        # The library names some of that section.
        op = "+=" if section == "cache" else "="
        return line(service, section, key, value) + f"\n{service}.extra_options.{text(section)} {op} [{text(key)}]"
    if help.startswith("take it out"):
        return ""
    if "join(" in help:
        return line(service, section, key, 'join(["one", "two"], ",")')
    return line(service, section, key, right(option, draw))


def batch(program: str, folder: pathlib.Path, service: str, release: str, table: Any, n: int, draw: random.Random) -> dict[str, int]:
    """Draws as many of each for one file, and returns how many there were of each kind of mistake."""
    taken: dict[tuple[str, str], Any] = {}
    while len(taken) < n:
        mistake = wrong(table, draw)
        if mistake:
            taken.setdefault(mistake[1:3], mistake)
    mistakes = list(taken.values())
    problems = check(program, folder, release, [line(service, *it[1:4]) for it in mistakes])
    after, counts = [], {}
    for i, mistake in enumerate(mistakes):
        found = [it for it in problems if it["drawn"] == i and it["code"].startswith("kl::options::")]
        words = f"{service} {release}: {mistake[0]}: {line(service, *mistake[1:4])}"
        if len(found) != 1 or not found[0]["help"]:
            sys.exit(f"{words}\n{len(found)} reports: {json.dumps(found, indent=1)}")
        after.append(mended(service, table, mistake, found[0]["help"], draw))
        counts[mistake[0]] = counts.get(mistake[0], 0) + 1
    others = [it for it in problems if it["drawn"] is None or not it["code"].startswith("kl::options::")]
    if others:
        sys.exit(f"{service} {release}: reports that nobody drew: {json.dumps(others, indent=1)}")
    settled: dict[str, str] = {}
    for text_of in "\n".join(after).splitlines():
        # Two mistakes may mean one option, and two keys be of one plugin.
        path, _, value = text_of.replace(" += ", " = ").partition(" = ")
        if path in settled and ".extra_options." in path:
            settled[path] = settled[path][:-1] + ", " + value[1:]
        elif path:
            settled.setdefault(path, text_of)
    left = [it for it in check(program, folder, release, list(settled.values())) if it["code"] != "kl::options::deprecated-option"]
    if left:
        sys.exit(f"{service} {release}: not mended: {json.dumps(left, indent=1)}\n" + (folder / "drawn.kl").read_text())
    all_options = list(options(table))
    good = draw.sample(all_options, min(n, len(all_options)))
    reports = check(program, folder, release, [line(service, section, key, right(option, draw)) for section, key, option in good])
    if reports:
        sys.exit(f"{service} {release}: right and reported: {json.dumps(reports, indent=1)}\n" + (folder / "drawn.kl").read_text())
    counts["right"] = len(good)
    return counts


def main() -> None:
    program, seed, n, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), pathlib.Path(sys.argv[4])
    draw = random.Random(f"options {seed}")
    all_tables = [(service, release, table) for service in SERVICES for release, table in sorted(tables(service).items())]
    total: dict[str, int] = {}
    for i, (service, release, table) in enumerate(all_tables):
        share = n * (i + 1) // len(all_tables) - n * i // len(all_tables)
        for kind, count in batch(program, folder, service, release, table, share, draw).items():
            total[kind] = total.get(kind, 0) + count
    n_right = total.pop("right")
    print(f"{sum(total.values())} wrong ones reported and mended, {n_right} right ones not, in {len(all_tables)} tables")
    print(json.dumps({"wrong": sum(total.values()), "right": n_right, "kinds": dict(sorted(total.items()))}))


if __name__ == "__main__":
    main()
