#!/usr/bin/env python3
"""Writes down what kolla-ansible gives three controllers, key by key: `facts/SERVICE.txt`, lines `RELEASES DISTRIBUTIONS TLS | WHAT | VALUE`.

    ask.py [--out FOLDER]

As `../config_json/facts.py`, which gets the packages: nothing that was fetched is kept but in `target/golden`, and what the templates come to is read
by `forms.py`.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "config_json"))
import compare
import facts
import forms

# Services that the library does not have: what is asked of them, or read of theirs, is no part of the comparison.
OTHERS = ["glance", "heat", "horizon", "neutron", "nova", "cinder", "ironic", "openvswitch", "ovn", "prometheus", "grafana", "letsencrypt", "ceilometer", "valkey", "opensearch",
          "redis", "libvirt", "octavia",
          # What asks MariaDB for ProxySQL.
          "mariadb/xinetd"]
# What an entry of the load balancer is at which VIP.
VIPS = {"internal": "10.0.0.250", "public": "10.0.0.251"}


def services(rendered):
    """By service, what there is and its value: `KIND NAME…`."""
    found = {}
    for service, it in rendered["settings"].items():
        found.setdefault(service, {}).update(settings(it))
    for service, files in rendered["files"].items():
        for file, text in files.items():
            found.setdefault(service, {}).update(
                {f"key {file} {name}": value for name, value in forms.READERS[file](text).items() if not any(f"/var/log/kolla/{it}" in name for it in OTHERS)})
    for service, text in rendered["entries"].items():
        parts = forms.sections(text)
        for front, lines in parts.items():
            if front.startswith("frontend "):
                name = front.removeprefix("frontend ").removesuffix("_front")
                vip = VIPS["public" if name.endswith("_external") else "internal"]
                it = forms.entry([*lines, *parts.get(f"backend {name}_back", [])], vip)
                found.setdefault(service, {}).update({f"entry {name} {what}": value for what, value in it.items()})
    for role, checks in rendered["prechecks"].items():
        found.setdefault(role, {}).update({f"precheck {name}": value for name, value in checks.items()})
    found["host"] = rendered["host"]
    return found


def settings(it):
    """Settings of a container, with one text each."""
    found = {}
    for name, value in it.items():
        if name == "healthcheck":
            found.update({f"setting health {part}": forms.plain(value[part]) for part in ["interval", "retries", "start_period", "timeout"]})
        elif name == "dimensions":
            for kind, limit in value.get("ulimits", {}).items():
                found[f"setting ulimit {kind.removeprefix('RLIMIT_').lower()}"] = f"{limit['soft']}:{limit['hard']}"
            found.update({f"setting {part}": json.dumps(limit) for part, limit in value.items() if part != "ulimits"})
        else:
            found[f"setting {name}"] = forms.plain(value)
    return found


def rendered(package, source):
    """What the templates of a release come to, as `kolla_ansible.py` prints it."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(package.parent / "ansible"), "ANSIBLE_HOME": str(package.parent / "home")}
    data = package / f"kolla_ansible-{source['version']}.data/data/share/kolla-ansible"
    run = subprocess.run([sys.executable, HERE / "kolla_ansible.py", package, data], env=environ, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"ask.py: kolla-ansible {source['version']} could not be rendered: {run.stderr.strip().splitlines()[-1][-2000:]}")
    return json.loads(run.stdout)


def of_rendered(rendered):
    """`(service, what, value)` with the variants, without the release, where it is so."""
    found = {}
    for variant, it in rendered["variants"].items():
        distro, _, tls = variant.partition("-")
        for service, whats in [*services(it).items(), *((template.split("/")[0], {f"template {template.split('/', 1)[1]}": "given"}) for template in rendered["templates"])]:
            for what, value in whats.items():
                found.setdefault((service, what, value), []).append((distro, tls or "plain"))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "facts")
    args = parser.parse_args()
    args.out.mkdir(exist_ok=True)
    found = {}
    for release, source, package in facts.packages(None, HERE.parents[1] / "target/golden"):
        for it, variants in of_rendered(rendered(package, source)).items():
            found.setdefault(it, []).extend((release, *variant) for variant in variants)
    by_service = {}
    for (service, what, value), variants in sorted(found.items()):
        by_service.setdefault(service, []).extend(f"{where} | {what} | {value}\n" for where in compare.wheres(variants))
    for service, lines in by_service.items():
        (args.out / f"{service}.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
