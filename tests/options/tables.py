"""Makes a table of options of what was extracted: settles what depends on a machine, adds what the data file states, and finds removed options.

It runs no service and reads no file.
"""

from typing import Any

Table = dict[str, Any]


def settled(one: dict[str, Any], other: dict[str, Any], folders: list[str]) -> dict[str, Any]:
    """Returns what two machines agree on. A default that differs, or names one of the folders of this machine, is left out."""
    sections: dict[str, Any] = {}
    for section, options in one["sections"].items():
        for key, option in options.items():
            sections.setdefault(section, {})[key] = agreed(f"[{section}] {key}", option, other["sections"][section][key], folders)
    if other["sections"].keys() != one["sections"].keys() or one["sources"] != other["sources"]:
        raise ValueError("two machines have other sections")
    return {"sections": sections, "sources": one["sources"]}


def agreed(name: str, one: dict[str, Any], other: dict[str, Any], folders: list[str]) -> dict[str, Any]:
    """Returns an option as both machines have it, without a default or a bound that differs."""
    option, sample = dict(one), one.get("sample")
    option.pop("sample", None)
    if one.get("default") != other.get("default") or any(folder in repr(one.get("default")) for folder in folders):
        option.pop("default", None)
        if sample:
            option["help"] = f"{option.get('help', '')} Default: {sample}.".strip()
    if one.get("choices") != other.get("choices"):
        if sorted(one["choices"]) != sorted(other["choices"]):
            raise ValueError(f"{name}: the choices depend on the machine")
        option["choices"] = sorted(one["choices"])
    for bound in ("min", "max"):
        if one.get(bound) != other.get(bound):
            option.pop(bound, None)
    for key in sorted((one.keys() | other.keys()) - {"default", "choices", "sample", "min", "max"}):
        if one.get(key) != other.get(key):
            raise ValueError(f"{name}: `{key}` depends on the machine")
    if any(folder in str(value) for folder in folders for value in option.values()):
        raise ValueError(f"{name} names a folder of this machine")
    return option


def table(extracted: dict[str, Any], stated: dict[str, Any]) -> Table:
    """Returns the table of a document: what was extracted, and `patterns`, `open` and `sections` as the data file states them."""
    made: Table = {"format": 1, "sources": extracted["sources"], "sections": extracted["sections"]}
    for section, options in stated.get("sections", {}).items():
        for key, option in options.items():
            made["sections"].setdefault(section, {}).setdefault(key, option)
    for key in ("patterns", "open"):
        if stated.get(key):
            made[key] = stated[key]
    named = [pattern["section"] for pattern in made.get("patterns", [])] + made.get("open", [])
    missing = [section for section in named if section not in made["sections"]]
    if missing:
        raise ValueError(f"no section {', '.join(missing)}")
    return made


def removed(now: Table, before: Table | None, series: str) -> dict[str, Any]:
    """Returns what an earlier release had and this one has not: `{section: {key: {in, instead}}}`, `in` being the release that dropped it."""
    gone: dict[str, Any] = {}
    if before is None:
        return gone
    for section, options in before["sections"].items():
        for key, option in options.items():
            if not has(now, section, key):
                entry: dict[str, Any] = {"in": series}
                instead = option.get("renamed_to")
                if instead and has(now, instead["section"], instead["key"]):
                    entry["instead"] = instead
                gone.setdefault(section, {})[key] = entry
    for section, keys in before.get("removed", {}).items():
        for key, entry in keys.items():
            if not has(now, section, key):
                gone.setdefault(section, {})[key] = still(entry, now)
    return gone


def has(table: Table, section: str, key: str) -> bool:
    """Tells whether a table has an option or its old name."""
    return key in table["sections"].get(section, {})


def still(entry: dict[str, Any], now: Table) -> dict[str, Any]:
    """Returns an earlier release's note, without what took the option's place where that is gone too."""
    instead = entry.get("instead")
    return entry if instead and has(now, instead["section"], instead["key"]) else {"in": entry["in"]}
