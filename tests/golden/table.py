#!/usr/bin/env python3
"""Compares what kolla-ansible gives three controllers with what the library gives them, key by key: equal, decided against, or missing.

    table.py --program KOLLA-LANG              prints what is missing and what is wrong in the tables, and the numbers by kind; 1 if there is any
    table.py --program KOLLA-LANG --all        prints every row beside, each as equal, or decided against with the link to the reason
    table.py --program KOLLA-LANG --print      prints what is missing as lines for `differences.txt`, `?` for the reason

kolla-ansible's side is `facts/`, made by `ask.py`; ours is `../config_json/cloud.kl` with what `EXTRA` says, built for each release, distribution, and TLS
or not. `same.txt` has what is called otherwise here. What a container is given by config.json, environment, mounts and health check is compared by
`../config_json/compare.py`, and counted here. With `--built FILE` what was built is kept there, and is not built again.
"""
import argparse
import fnmatch
import json
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "config_json"))
import compare
import forms

ROOT = HERE.parents[1]
DECISION = "docs/decisions/2026-11-30-kolla-ansible.md"
# What the site of `../config_json` is given beside: a VIP for the outside, sizes, and what kolla-ansible has by default and we by an option.
EXTRA = """vips.public = { network = .mgmt, address = 10.0.0.251, vrid = 52 }
hosts.ctl01.capacity = { cores = 4, memory = 8GiB }
hosts.ctl02.capacity = { cores = 4, memory = 8GiB }
hosts.ctl03.capacity = { cores = 4, memory = 8GiB }
haproxy.stats = 1984
haproxy.metrics = 9101
mariadb.binlog = 14
"""
# A file of kolla-ansible by the name of ours.
FILES = {"my.cnf": "galera.cnf", "barbican-api-uwsgi.ini": "vassals/barbican-api.ini"}
# An entry of kolla-ansible's load balancer, with ours and the VIP.
ENTRIES = {
    "keystone_internal": ("keystone", "identity", "10.0.0.250"), "keystone_external": ("keystone", "identity", "10.0.0.251"),
    "barbican_api": ("barbican-api", "key-manager", "10.0.0.250"), "barbican_api_external": ("barbican-api", "key-manager", "10.0.0.251"),
    "placement_api": ("placement-api", "placement", "10.0.0.250"), "placement_api_external": ("placement-api", "placement", "10.0.0.251"),
    "mariadb": ("mariadb", "mariadb", "10.0.0.250"),
}
THEIRS = {ours: theirs for theirs, ours in compare.OURS.items()}


# ------------------------------------------------------------------------------------------------------------------------------ our side

def ours(tree):
    """What the first host is given, by kolla-ansible's name of the service: `KIND NAME…`, as in the facts."""
    host = tree / "ctl01"
    manifest = json.loads((host / "manifest.json").read_text())
    found = {"host": {f"sysctl {name}": value for name, value in manifest["sysctls"].items()}}
    found["host"].update({f"module {name}": "loaded" for name in manifest["modules"]})
    for folder in (host / "quadlet").iterdir():
        for unit in folder.glob("*.container"):
            service = THEIRS.get(folder.name, folder.name)
            found.setdefault(service, {}).update(settings(compare.read_unit(unit)))
            for path in (host / "files" / folder.name).iterdir():
                name = FILES.get(path.name, path.name)
                if name in forms.READERS:
                    found[service].update({f"key {name} {key}": value for key, value in forms.READERS[name](path.read_text()).items()})
    # What RabbitMQ knows is brought by a task.
    task = host / "files/rabbitmq-users/definitions.json"
    found["rabbitmq"].update({f"key definitions.json {name}": value for name, value in forms.definitions(task.read_text()).items()})
    carried = forms.sections((host / "files/haproxy/haproxy.cfg").read_text())
    for name, (service, listen, vip) in ENTRIES.items():
        it = forms.entry(carried.get(f"listen {listen}", []), vip)
        it.setdefault("balance", forms.directives(carried["defaults"]).get("balance", "-"))
        found[service].update({f"entry {name} {what}": value for what, value in it.items()})
    found["prechecks"] = {f"precheck {name}": json.dumps(it["ask"], sort_keys=True) for name, it in manifest["prechecks"].items()}
    free = {(it["ask"]["port"]["address"], it["ask"]["port"]["port"]) for it in manifest["prechecks"].values() if "port" in it["ask"]}
    found["free"] = {f"port {port} of {address} is free": "asked" for address, port in free}
    return found


def settings(unit):
    """Settings of a container from its unit."""
    first = lambda key: unit.get(key, [None])[0]
    found = {"setting health interval": first("HealthInterval"), "setting health retries": first("HealthRetries"), "setting health start_period": first("HealthStartPeriod"),
             "setting health timeout": first("HealthTimeout"), "setting restart_policy": first("Restart"), "setting graceful_timeout": first("StopTimeout")}
    found.update({f"setting ulimit {name}": limits for name, limits in (it.split("=") for it in unit.get("Ulimit", []))})
    return {name: re.sub(r"s$", "", value) if "health" in name else value for name, value in found.items() if value is not None}


def build_all(program):
    """What our hosts are given, by variant."""
    out = {}
    with tempfile.TemporaryDirectory(prefix="golden-") as work:
        for release, distro, tls in compare.VARIANTS:
            out[f"{release} {distro} {tls}"] = ours(compare.build(program, release, distro, tls, pathlib.Path(work), EXTRA))
    return out


# ---------------------------------------------------------------------------------------------------------------------------- the comparison

def read_facts(folder):
    """Rows `(service, what, value)` with their variants."""
    found = {}
    for path in sorted(folder.glob("*.txt")):
        for line in path.read_text().splitlines():
            where, what, value = line.split(" | ", 2)
            found.setdefault((path.stem, what, value), set()).update(compare.where_of(where))
    return found


def read_same(path):
    """Lines `SERVICE | WHAT | OURS`: what is called OURS here, or one of several, `A or B`."""
    rows = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            service, what, called = line.split(" | ")
            rows[service, what] = (number, called.split(" or "))
    return rows


def checks():
    """The titles of the library's checks of a description."""
    return set(re.findall(r'^check "([^"]+)"', "".join(path.read_text() for path in sorted((ROOT / "stdlib").glob("*.kl"))), re.MULTILINE))


def mine(built, service, what, value, same):
    """What we have for a thing of kolla-ansible, or `-`; and the number of the line of `same.txt` by which it is found, if it is."""
    if value in built["free"]:
        return value, None
    number, names = same.get((service, what), (None, [what]))
    for name in names:
        kind, _, rest = name.partition(" ")
        if (kind == "precheck" and name in built["prechecks"]) or (kind == "check" and rest in checks()):
            return value, number
        if name in built.get(service, {}):
            return built[service][name], number
    # A log may be named by a pattern.
    found = re.match(r"(key \S+ log )(\S+)(.*)", what)
    for name in built.get(service, {}) if found else []:
        it = re.match(r"(key \S+ log )(\S+)(.*)", name)
        if it and (it[1], it[3]) == (found[1], found[3]) and fnmatch.fnmatchcase(found[2], it[2]):
            return built[service][name], None
    return "-", None


def compared(built, facts, same):
    """What is equal with its variants, what differs with its variants, and which lines of `same.txt` are about nothing."""
    equal, found, used = {}, {}, set()
    for (service, what, value), variants in facts.items():
        for it in sorted(variants):
            have, number = mine(built[" ".join(it)], service, what, value, same)
            used.add(number)
            if have == value:
                equal.setdefault((service, what, value), []).append(it)
            else:
                found.setdefault((service, what, value, have), []).append(it)
    return equal, found, [f"same.txt:{number}: we have nothing that is called so" for number, _ in same.values() if number not in used]


def of_containers(program):
    """What `compare.py` compares: how many things are equal, and how many are decided by its own table, for both kinds."""
    built = compare.build_all(program)
    facts = {release: json.loads((HERE.parent / f"config_json/facts/{release}.json").read_text()) for release in compare.RELEASES}
    differing = {}
    for (service, what, theirs, _), variants in compare.all_differences(built, facts).items():
        if theirs != "-":
            kind = kind_of(what)
            differing[kind] = differing.get(kind, 0) + len(variants)
    total = {}
    for it in facts.values():
        for variants in it["services"].values():
            for release, distro, tls in {(None, distro, tls) for _, distro, tls in compare.VARIANTS}:
                for what in compare.flat(compare.variant(variants, distro, tls)):
                    total[kind_of(what)] = total.get(kind_of(what), 0) + 1
    return {kind: (total[kind] - differing.get(kind, 0), differing.get(kind, 0)) for kind in total}


def kind_of(what):
    return "config.json" if what.split(" ")[0] in ("file", "permission", "command", "runs") else "key" if what.startswith("uwsgi") else "setting"


def link_of(page):
    """The anchor of each reason in a page."""
    titles = re.findall(r"^## (([a-z-]+):.*)$", page, re.MULTILINE)
    return {reason: re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title, reason in titles}


KINDS = {"config.json": "config.json", "setting": "settings of containers", "entry": "entries of the load balancer", "precheck": "prechecks", "key": "keys of files",
         "sysctl": "kernel parameters and modules", "module": "kernel parameters and modules", "template": "further files"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--built", type=pathlib.Path)
    parser.add_argument("--facts", type=pathlib.Path, default=HERE / "facts")
    parser.add_argument("--table", type=pathlib.Path, default=HERE / "differences.txt")
    args = parser.parse_args()
    facts, same = read_facts(args.facts), read_same(HERE / "same.txt")
    if args.built and args.built.exists():
        built, known = json.loads(args.built.read_text())
    else:
        built, known = build_all(args.program), of_containers(args.program)
        if args.built:
            args.built.write_text(json.dumps([built, known]))
    equal_rows, found, wrong = compared(built, facts, same)
    equal = {}
    for (_, what, _), variants in equal_rows.items():
        equal[what.split(" ")[0]] = equal.get(what.split(" ")[0], 0) + len(variants)
    rows = compare.read_table(args.table)
    left, decided, wrong_rows = compare.accounted(found, rows, compare.headings(ROOT / DECISION), args.table.name)
    wrong += wrong_rows
    if args.print:
        for (service, what, theirs, have), variants in left:
            for where in compare.wheres(variants):
                print(" | ".join(["?", service, where, what, theirs, have]))
        return
    if args.all:
        links = link_of((ROOT / DECISION).read_text())
        rows_of = [(*it, variants, "equal") for it, variants in equal_rows.items()]
        rows_of += [(service, what, theirs, variants, f"decided against: {DECISION}#{links.get(reason, reason)}") for (service, what, theirs, _), variants, reason in decided]
        for service, what, value, variants, status in sorted(rows_of, key=lambda it: it[:3]):
            for where in compare.wheres(variants):
                print(f"{status} | {service} | {where} | {what} | {value}")
    missing, different = {}, {}
    for (service, what, theirs, have), variants in left:
        kind = what.split(" ")[0]
        missing[kind] = missing.get(kind, 0) + len(variants)
        print(f"missing: {service}, {what}: kolla-ansible has `{theirs}` and we have `{have}` ({'; '.join(compare.wheres(variants))})")
    for (service, what, _, _), variants in found.items():
        kind = what.split(" ")[0]
        different[kind] = different.get(kind, 0) + len(variants)
    for line in wrong:
        print(line)
    numbers = {}
    for kind in KINDS:
        it = numbers.setdefault(KINDS[kind], [0, 0, 0])
        it[0] += equal.get(kind, 0)
        it[1] += different.get(kind, 0) - missing.get(kind, 0)
        it[2] += missing.get(kind, 0)
    for kind, (same_there, decided) in known.items():
        numbers[KINDS[kind]][0] += same_there
        numbers[KINDS[kind]][1] += decided
    print(f"{'':32}{'equal':>8}{'decided':>9}{'missing':>9}")
    for kind, (a, b, c) in numbers.items():
        print(f"{kind:32}{a:8}{b:9}{c:9}")
    total = [sum(it[n] for it in numbers.values()) for n in range(3)]
    print(f"{len(compare.VARIANTS)} variants: {total[0]} equal, {total[1]} decided against by {len(rows)} lines, {total[2]} missing, {len(wrong)} wrong")
    sys.exit(1 if wrong or total[2] else 0)


if __name__ == "__main__":
    main()
