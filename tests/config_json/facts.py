#!/usr/bin/env python3
"""Writes down what kolla-ansible gives its containers, for the services that the library has: `facts/RELEASE.json`.

    facts.py [--release R] [--out FOLDER]

For each release of `releases.json` it gets kolla-ansible from the Python index, wants the digest that stands there, and has Ansible render
kolla-ansible's own templates with kolla-ansible's own defaults (`render.py`). Nothing that was fetched is kept: only what the templates come to.
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import compare

HERE = pathlib.Path(__file__).resolve().parent
PIP = [sys.executable, "-m", "pip"]
# The series that all three releases take, and the Python of Debian 12 too. The others are what kolla-ansible's filters need.
ANSIBLE = ["ansible-core==2.18.*", "jmespath", "netaddr", "pbr"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--release")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "facts")
    args = parser.parse_args()
    args.out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="config-json-") as scratch:
        for release, source, package in packages(args.release, pathlib.Path(scratch)):
            (args.out / f"{release}.json").write_text(compare.to_text(facts(package, source)))


def packages(wanted, folder):
    """Ansible and, one after the other, kolla-ansible of the release that is wanted or of all, in a folder: `(release, source, package)`."""
    releases = json.loads((HERE / "releases.json").read_text())
    if wanted and wanted not in releases:
        sys.exit(f"facts.py: no release {wanted} in releases.json; there are: {', '.join(releases)}")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "ansible").exists():
        subprocess.run([*PIP, "install", "--quiet", "--root-user-action=ignore", "--target", folder / "ansible", *ANSIBLE], check=True)
    for release, source in releases.items():
        if wanted in (None, release):
            yield release, source, fetch(source["version"], source["sha256"], folder)


def fetch(version, digest, scratch):
    """kolla-ansible of this version, unpacked; what the index sent must have the known digest."""
    archive = scratch / f"kolla_ansible-{version}-py3-none-any.whl"
    if not archive.exists():
        subprocess.run([*PIP, "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", scratch, f"kolla-ansible=={version}"], check=True)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != digest:
        sys.exit(f"facts.py: kolla-ansible {version} has the digest {found}, and releases.json says {digest}")
    with zipfile.ZipFile(archive) as wheel:
        wheel.extractall(scratch / version)
    return scratch / version


def facts(package, source):
    """What the templates of a release come to, in the form in which they are compared."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(package.parent / "ansible"), "ANSIBLE_HOME": str(package.parent / "home")}
    data = package / f"kolla_ansible-{source['version']}.data/data/share/kolla-ansible"
    run = subprocess.run([sys.executable, HERE / "render.py", package, data], env=environ, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"facts.py: kolla-ansible {source['version']} could not be rendered: {run.stderr.strip().splitlines()[-1][-2000:]}")
    containers, services = json.loads(run.stdout)
    of = lambda it: compare.from_kolla_ansible(it["config"], it["container"], it.get("script"), it.get("uwsgi"))
    return {
        "source": {"package": "kolla-ansible", **source}, "enabled": containers,
        "services": {name: compare.shortened({variant: of(it) for variant, it in variants.items()}) for name, variants in services.items()},
    }


if __name__ == "__main__":
    main()
