#!/usr/bin/env python3
"""Compares what the library gives Kolla's containers with what kolla-ansible gives them, for each release, distribution, and TLS or not.

    compare.py --program KOLLA-LANG                 prints what differs and is not in `differences.txt`, and lines there of what does not differ
    compare.py --program KOLLA-LANG --print         prints all differences, one a line, as `differences.txt` has them, `?` for the reason
    compare.py --program KOLLA-LANG --programs      prints `RELEASE DISTRO IMAGE PROGRAM` for each program that a unit or a health check names

kolla-ansible's side is `facts/`, made by `facts.py`. Ours is `cloud.kl`, built once for each variant: the units and the config.json of a host. With
`--built FILE` what was built is kept there, and is not built again. It ends with 1 when something differs that is not accounted for.
"""
import argparse
import fnmatch
import itertools
import json
import pathlib
import posixpath
import re
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RELEASES = {"2025.1": "epoxy", "2025.2": "flamingo", "2026.1": "gazpacho"}
DISTROS = ["debian", "ubuntu", "rocky"]
VARIANTS = [(release, distro, tls) for release in RELEASES for distro in DISTROS for tls in ["plain", "tls"]]
CONFIG_FILES = "/var/lib/kolla/config_files"
# What the same container is called here.
OURS = {"cron": "kolla-logs"}


# ------------------------------------------------------------------------------------------------------------------- one form for both sides

def container(config, image, environment, mounts, health, privileged, scripts, uwsgi):
    """What a container is given, in the form in which both sides are compared. `scripts` are texts of files by their place inside."""
    command = " ".join(shlex.split(config["command"]))
    files = {posixpath.normpath(it["dest"]): file_facts(it) for it in config.get("config_files", [])}
    facts = {"image": image, "command": command, "files": files, "permissions": {it["path"]: permission_facts(it) for it in config.get("permissions", [])},
             "environment": environment, "mounts": mounts, "health": health, "privileged": privileged}
    words = command.split()
    script = scripts.get(words[1] if words[0] == "bash" else words[0])
    facts["runs"] = what_it_becomes(script) if script else command
    if uwsgi:
        facts["uwsgi"] = ini(uwsgi)
    return facts


def file_facts(it):
    facts = {"source": posixpath.relpath(it["source"], CONFIG_FILES), "owner": it.get("owner"), "perm": it.get("perm")}
    facts.update({word: True for word in ["optional", "merge"] if it.get(word)})
    return facts


def permission_facts(it):
    return {name: it[name] for name in ["owner", "perm", "recurse"] if it.get(name)}


def what_it_becomes(script):
    """The program that a script becomes in the end: its last line that begins with `exec`, without what the script itself was told."""
    found = re.findall(r"^exec (.*)$", script, re.MULTILINE)
    return re.sub(r'\s+"?\$@"?$', "", found[-1].strip()) if found else None


def ini(text):
    pairs = [line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, value in pairs}


def from_kolla_ansible(config, described, script, uwsgi):
    """`config` is the rendered config.json, `described` the entry of the role's `*_services`."""
    test = (described.get("healthcheck") or {}).get("test")
    if isinstance(test, str):
        test = None if test == "NONE" else json.loads(test.replace("'", '"'))
    health = " ".join(shlex.split(test[1])) if test and test[0] == "CMD-SHELL" else None
    scripts = {shlex.split(config["command"])[0]: script} if script else {}
    mounts = {}
    for volume in described["volumes"]:
        if not volume:
            continue
        here, inside, *options = volume.split(":")
        inside = posixpath.normpath(inside)
        if inside != CONFIG_FILES:
            mounts[inside] = posixpath.normpath(here) + (" read-only" if "ro" in options else "")
    environment = {name: "" if value is None else str(value) for name, value in described.get("environment", {}).items()}
    # Its module for containers adds these to every one (module_utils/kolla_container_worker.py).
    environment.update({"KOLLA_CONFIG_STRATEGY": "COPY_ALWAYS", "KOLLA_SERVICE_NAME": described["container_name"].replace("_", "-")})
    image = described["image"].rsplit("/", 1)[-1].split(":")[0]
    return container(config, image, environment, mounts, health, str(described.get("privileged", False)).lower() == "true", scripts, uwsgi)


def from_ours(host, name):
    """Reads what `build --out` wrote for a container of a host."""
    folder = host / "files" / name
    config = json.loads((folder / "config.json").read_text())
    unit = read_unit(next((host / "quadlet" / name).glob("*.container")))
    texts = {}
    for it in config.get("config_files", []):
        source = folder / posixpath.relpath(it["source"], CONFIG_FILES)
        if not source.exists():
            sys.exit(f"compare.py: {name} has no file {source}, which its config.json names")
        texts[it["dest"]] = source.read_text()
    mounts = {}
    for volume in unit.get("Volume", []):
        here, inside, *options = volume.split(":")
        if inside != CONFIG_FILES:
            mounts[inside] = here.removesuffix(".volume") + (" read-only" if "ro" in ",".join(options).split(",") else "")
    health = None
    for command in unit.get("HealthCmd", []):
        words = json.loads(command)
        health = " ".join(words[1:] if words[0] == "env" else words)
    environment = dict(it.split("=", 1) for it in unit.get("Environment", []))
    privileged = "--privileged" in " ".join(unit.get("PodmanArgs", []))
    image = unit["Image"][0].rsplit("/", 1)[-1].split(":")[0]
    uwsgi = next((text for path, text in texts.items() if path.endswith("-uwsgi.ini")), None)
    return container(config, image, environment, mounts, health, privileged, texts, uwsgi)


def read_unit(path):
    """The keys of a unit, each with its values in order."""
    keys = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith(("#", "[")):
            key, value = line.split("=", 1)
            keys.setdefault(key, []).append(value)
    return keys


def flat(facts):
    """A container as one text for each thing that can differ."""
    if facts is None:
        return {}
    out = {"image": facts["image"], "command": facts["command"], "privileged": "yes" if facts["privileged"] else None, "health": facts["health"], "runs": facts["runs"]}
    for path, it in facts["files"].items():
        out[f"file {path}"] = "given"
        out.update({f"file {path} {name}": text(value) for name, value in it.items()})
    for path, it in facts["permissions"].items():
        out[f"permission {path}"] = "given"
        out.update({f"permission {path} {name}": text(value) for name, value in it.items()})
    for part in ["environment", "mounts", "uwsgi"]:
        out.update({f"{part} {name}": value for name, value in (facts.get(part) or {}).items()})
    return {name: value for name, value in out.items() if value is not None}


def text(value):
    return "yes" if value is True else value


def to_text(facts):
    """JSON with a line for each file, permission and so on."""
    lines = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False)
    # A record of texts alone stands on one line.
    return re.sub(r"\{\n\s+((?:\"[^\"\n]*\": (?:\"(?:[^\"\\\n]|\\.)*\"|true|false|null),?\s*)+)\}", lambda it: "{ " + re.sub(r"\s*\n\s*", " ", it[1].strip()) + " }", lines) + "\n"


# --------------------------------------------------------------------------------------------------------------------------- the comparison

def differences(theirs, ours):
    """What differs in a container: `WHAT`, kolla-ansible's, ours; `-` where there is none. What a path has beside is said only where both have it."""
    if not ours or not theirs:
        yield "container", "given" if theirs else "-", "given" if ours else "-"
        return
    for what in sorted(set(theirs) | set(ours)):
        a, b = theirs.get(what, "-"), ours.get(what, "-")
        above = re.match(r"((?:file|permission) \S+) \w+$", what)
        if a != b and not (above and (above[1] in theirs) != (above[1] in ours)):
            yield what, a, b


def our_containers(tree):
    """What every container of the first host is given, and all programs that its units name, with their images."""
    host = tree / "ctl01"
    names = [path.name for path in sorted((host / "quadlet").iterdir()) if list(path.glob("*.container"))]
    tasks = [name for name in names if "Type=oneshot" in next((host / "quadlet" / name).glob("*.container")).read_text()]
    containers = {name: flat(from_ours(host, name)) for name in names if name not in tasks}
    return containers, programs(host, names)


def programs(host, names):
    """Everything that units have run within an image, with the image: what starts, what that becomes, health checks, what is run before an end, at a
    reload, by timers, and by groups to see who takes part."""
    found, images = set(), {}
    for name in names:
        unit = read_unit(next((host / "quadlet" / name).glob("*.container")))
        images[name] = unit["Image"][0]
        ours = from_ours(host, name)
        found.add((name, ours["command"].split()[0]))
        # A task's script ends as a program that is named within, if at all.
        if ours["runs"] and re.match(r"[\w/.-]+$", ours["runs"].split()[0]):
            found.add((name, ours["runs"].split()[0]))
        for it in unit.get("HealthCmd", []):
            found.add((name, first(json.loads(it))))
    for unit in [*host.glob("quadlet/*/*.container"), *host.glob("units/*.service")]:
        found.update(re.findall(r"podman exec (?:-\S+ )*(\S+) (\S+)", unit.read_text()))
    manifest = json.loads((host / "manifest.json").read_text())
    found.update((unit["container"], first(unit["change"]["command"])) for unit in manifest["units"].values() if unit["change"].get("command"))
    found.update((name.removesuffix(".service"), first(unit["gate"]["progress"])) for name, unit in manifest["units"].items() if unit["gate"].get("progress"))
    for group in manifest["groups"].values():
        found.update((group["container"], first(group[kind])) for kind in ["probe", "progress"] if group.get(kind))
    return sorted({(images[name], program) for name, program in found})


def first(words):
    """The program of a command: behind `env`, and behind what has Kolla's image take over files before a reload."""
    if words[:2] == ["bash", "-c"] and "kolla_set_configs" in words[2]:
        return words[4]
    return words[1] if words[0] == "env" else words[0]


def build(program, release, distro, tls, work, extra=""):
    """Builds the cloud of the variant and returns the tree that a build writes."""
    site = work / f"{release}-{distro}-{tls}"
    site.mkdir()
    (site / "cloud.kl").write_text((HERE / "cloud.kl").read_text())
    (site / "variant.kl").write_text(f"use openstack\ncloud.release = .{RELEASES[release]}\ncloud.images.distro = .{distro}\ntls.enable = {'true' if tls == 'tls' else 'false'}\n{extra}")
    run = subprocess.run([program, "build", "cloud.kl", "--out", "out"], cwd=site, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"compare.py: {release} on {distro} does not build:\n{run.stdout}{run.stderr}")
    return site / "out"


def variant(variants, distro, tls):
    """The facts of a variant; one that is as another one has its name."""
    found = variants[f"{distro}-tls" if tls == "tls" else distro]
    return variants[found] if isinstance(found, str) else found


def shortened(variants):
    """Variants, each that is as an earlier one by the name of that."""
    out = {}
    for name, it in variants.items():
        out[name] = next((earlier for earlier, other in out.items() if other == it), it)
    return out


def build_all(program):
    """Our containers in each variant, `RELEASE DISTRO TLS`, and what is run in each."""
    out = {}
    with tempfile.TemporaryDirectory(prefix="config-json-") as work:
        for release, distro, tls in VARIANTS:
            containers, run = our_containers(build(program, release, distro, tls, pathlib.Path(work)))
            out[f"{release} {distro} {tls}"] = {"containers": containers, "programs": run}
    return out


def all_differences(built, facts):
    """Every difference: `(service, what, kolla-ansible's, ours)` with the variants in which it is there."""
    found = {}
    for release, distro, tls in VARIANTS:
        known, ours = facts[release], dict(built[f"{release} {distro} {tls}"]["containers"])
        pairs = {name: (flat(variant(it, distro, tls)), ours.pop(OURS.get(name, name), {})) for name, it in known["services"].items()}
        pairs.update({name: ({"container": "given"}, {}) for name, is_on in known["enabled"].items() if is_on and name not in pairs})
        pairs.update({name: ({}, it) for name, it in ours.items()})
        for service, (a, b) in pairs.items():
            for what, theirs, mine in differences(a, b):
                found.setdefault((service, what, theirs, mine), []).append((release, distro, tls))
    return found


# ------------------------------------------------------------------------------------------------------------------------------- the table

def read_table(path):
    """Lines `REASON | SERVICE | RELEASES DISTROS TLS | WHAT | KOLLA-ANSIBLE'S | OURS`; in `where`, `what` and the values `*` stands for anything."""
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            columns = [column.strip() for column in line.split(" | ")]
            if len(columns) != 6 or len(columns[2].split()) != 3:
                sys.exit(f"{path.name}:{number}: six columns are wanted, the third of three words: REASON | SERVICE | RELEASES DISTROS TLS | WHAT | THEIRS | OURS")
            rows.append((number, *columns))
    return rows


def where_of(words):
    releases, distros, tls = [word.split(",") for word in words.split()]
    known = {"releases": RELEASES, "distros": DISTROS, "tls": ["plain", "tls"]}
    for kind, given in [("releases", releases), ("distros", distros), ("tls", tls)]:
        for it in given:
            if it != "*" and it not in known[kind]:
                sys.exit(f"differences.txt: there is no {it} among {', '.join(known[kind])}")
    return {it for it in VARIANTS if all(part in given or "*" in given for part, given in zip(it, (releases, distros, tls)))}


def accounted(found, rows, reasons, table):
    """Differences that no line accounts for, with their variants; those that one does, with its reason too; and what is wrong with the table: lines that
    account for nothing somewhere, reasons without a heading, headings without a line."""
    left_over, decided, wrong, used = [], [], [], {}
    for (service, what, theirs, ours), variants in sorted(found.items()):
        left = set(variants)
        for number, reason, named, where, pattern, a, b in rows:
            if all(fnmatch.fnmatchcase(value, it) for value, it in [(service, named), (what, pattern), (theirs, a), (ours, b)]):
                hit = left & where_of(where)
                used.setdefault(number, set()).update(set(variants) & where_of(where))
                left -= hit
                if hit:
                    decided.append(((service, what, theirs, ours), hit, reason))
        if left:
            left_over.append(((service, what, theirs, ours), left))
    for number, reason, named, where, *_ in rows:
        idle = where_of(where) - used.get(number, set())
        if idle:
            wrong.append(f"{table}:{number}: nothing differs so in {'; '.join(wheres(idle))}")
        if reason not in reasons:
            wrong.append(f"{table}:{number}: the decision has no heading `{reason}`")
    return left_over, decided, wrong + [f"the heading `{it}` of the decision has no line in {table}" for it in sorted(reasons - {row[1] for row in rows})]


def judge(found, rows, reasons):
    """What is wrong: differences that no line accounts for, and what `accounted` says of the table."""
    left, _, wrong = accounted(found, rows, reasons, "differences.txt")
    return [f"{service}, {what}: kolla-ansible has `{theirs}` and we have `{ours}` ({'; '.join(wheres(variants))})" for (service, what, theirs, ours), variants in left] + wrong


def wheres(variants):
    """Variants as few lines `RELEASES DISTROS TLS`."""
    variants, out = set(variants), []
    by = {}
    for release, distro, tls in variants:
        by.setdefault((distro, tls), set()).add(release)
    groups = {}
    for (distro, tls), releases in by.items():
        groups.setdefault(frozenset(releases), set()).add((distro, tls))
    for releases, rest in sorted(groups.items(), key=lambda it: sorted(it[0])):
        kinds = {}
        for distro, tls in rest:
            kinds.setdefault(distro, set()).add(tls)
        same = {}
        for distro, ways in kinds.items():
            same.setdefault(frozenset(ways), set()).add(distro)
        for ways, distros in sorted(same.items(), key=lambda it: sorted(it[1])):
            word = lambda chosen, all_of: "*" if set(chosen) == set(all_of) else ",".join(it for it in all_of if it in chosen)
            out.append(f"{word(releases, RELEASES)} {word(distros, DISTROS)} {word(ways, ['plain', 'tls'])}")
    return out


def headings(path):
    """The reasons of the decision: its headings `## name: …`."""
    return set(re.findall(r"^## ([a-z-]+):", path.read_text(), re.MULTILINE))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--programs", action="store_true")
    parser.add_argument("--built", type=pathlib.Path)
    parser.add_argument("--table", type=pathlib.Path, default=HERE / "differences.txt")
    parser.add_argument("--facts", type=pathlib.Path, default=HERE / "facts")
    args = parser.parse_args()
    if args.built and args.built.exists():
        built = json.loads(args.built.read_text())
    else:
        built = build_all(args.program)
        if args.built:
            args.built.write_text(json.dumps(built))
    if args.programs:
        for line in sorted({" ".join([*where.split()[:2], image, program]) for where, it in built.items() for image, program in it["programs"]}):
            print(line)
        return
    facts = {release: json.loads((args.facts / f"{release}.json").read_text()) for release in RELEASES}
    found = all_differences(built, facts)
    rows = read_table(args.table) if args.table.exists() else []
    if args.print:
        reason_of = {row[2:]: row[1] for row in rows}
        for (service, what, theirs, ours), variants in sorted(found.items()):
            for where in wheres(variants):
                print(" | ".join([reason_of.get((service, where, what, theirs, ours), "?"), service, where, what, theirs, ours]))
        return
    wrong = judge(found, rows, headings(HERE.parents[1] / "docs/decisions/2026-11-30-config-json.md"))
    for line in wrong:
        print(line)
    equal = sum(len(flat(one)) for it in facts.values() for service in it["services"].values() for distro in DISTROS for tls in ["plain", "tls"]
                for one in [variant(service, distro, tls)])
    differing = sum(len(variants) for variants in found.values())
    print(f"{len(VARIANTS)} variants, {equal} things that kolla-ansible says of containers, {differing} differences by {len(rows)} lines, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
