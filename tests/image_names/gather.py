#!/usr/bin/env python3
"""Reads how Kolla names its images out of the source archives of kolla and kolla-ansible on the Python index, and prints the table that
tests/image_names/table.json keeps: gather.py FOLDER, with the archives below it, or fetched there. Nothing of ours is read."""
import ast
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tarfile

VERSIONS = {"epoxy": "20.6.0", "flamingo": "21.3.0", "gazpacho": "22.2.0"}
SHOWN = {  # containers of the library's modules, by the name of a variable of kolla-ansible
    "cron": "kolla-logs", "fluentd": "fluentd", "haproxy": "haproxy", "keepalived": "keepalived", "keystone": "keystone",
    "kolla_toolbox": "kolla-toolbox", "mariadb": "mariadb", "memcached": "memcached", "rabbitmq": "rabbitmq",
}


def archive(folder, project, version):
    """The files of a source archive by their paths in it, and the digest of the archive."""
    path = folder / f"{project.replace('-', '_')}-{version}.tar.gz"
    if not path.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, f"--no-binary={project}", "--dest", folder, f"{project}=={version}"], check=True)
    files = {}
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile():
                files[member.name.split("/", 1)[1]] = tar.extractfile(member).read().decode(errors="replace")
    return files, hashlib.sha256(path.read_bytes()).hexdigest()


def scalar(texts, name):
    """The value of a variable of kolla-ansible, as it is written."""
    found = {m[1].strip("\"'") for text in texts for m in re.finditer(rf"^{name}: *(\S.*?)\s*$", text, re.M)}
    assert len(found) == 1, (name, found)
    return found.pop()


def mapping(texts, name):
    found = [m[1] for text in texts for m in re.finditer(rf"^{name}: *\{{(.*?)\}}", text, re.M | re.S)]
    assert len(found) == 1, name
    return dict(re.findall(r'"(\w+)": *"([\w.]+)"', found[0]))


def jobs(text):
    """Jobs of Zuul, each with its parent and the variables that count here."""
    found = {}
    for part in re.split(r"^- job:$", text, flags=re.M)[1:]:
        part = re.split(r"^- ", part, flags=re.M)[0]
        def one(key):
            m = re.search(rf"^\s+{key}: *(\S+)", part, re.M)
            return m[1] if m and "{{" not in m[0] else None
        found[one("name")] = {key: one(key) for key in ("parent", "base_distro", "base_distro_version", "base_arch", "publisher", "nodeset")}
    return found


def published(files):
    """What jobs publish: distribution, its version, architecture. Where a job has no such variable its name has it."""
    every = {}
    for path, text in files.items():
        if re.fullmatch(r"\.?zuul\.d/\w+\.yaml", path):
            every.update(jobs(text))
    def value(job, key):
        while job in every:
            if every[job][key]:
                return every[job][key]
            job = every[job]["parent"]
        return None
    all_published = set()
    for name in every:
        if value(name, "publisher") != "true" or not name.startswith("kolla-publish"):
            continue
        words = name.split("-")
        distro = value(name, "base_distro") or words[2]
        version = value(name, "base_distro_version") or words[3]
        arch = "aarch64" if value(name, "base_arch") == "aarch64" or "arm64" in words else "x86_64"
        all_published.add((distro, version, arch))
    return sorted(all_published)


def release(folder, version):
    kolla, kolla_digest = archive(folder, "kolla", version)
    ansible, ansible_digest = archive(folder, "kolla-ansible", version)
    shared = [text for path, text in ansible.items() if re.fullmatch(r"ansible/group_vars/all(/\w+)?\.yml", path)]
    defaults = [text for path, text in ansible.items() if re.fullmatch(r"ansible/roles/[\w-]+/defaults/main\.yml", path)]
    # The literal part behind the last brace of `{{ … }}`: `{{ docker_image_url }}mariadb-server`.
    services = {}
    for variable, container in SHOWN.items():
        services[container] = re.sub(r".*\}\}(?=[\w-])", "", scalar(defaults, f"{variable}_image"))
    config = ast.parse(kolla["kolla/common/config.py"])
    constants = {
        target.id: node.value for node in config.body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)
    }
    run = kolla["tests/playbooks/run.yml"]
    return {
        "sources": {f"kolla-{version}.tar.gz": kolla_digest, f"kolla_ansible-{version}.tar.gz": ansible_digest},
        "release": scalar(shared, "openstack_release"),
        "registry": scalar(shared, "docker_registry"),
        "namespace": scalar(shared, "docker_namespace"),
        "tag": scalar(shared, "openstack_tag"),
        "tag_that_is_published": re.search(r'^\s*tag: "(.*)"$', run, re.M)[1],
        "tag_suffix": re.search(r'^\s*tag_suffix: "(.*)"$', run, re.M)[1],
        "distro_version": mapping(shared, "kolla_base_distro_version_default_map"),
        "base_tags": {distro: it["tag"] for distro, it in ast.literal_eval(constants["DEFAULT_BASE_TAGS"]).items()},
        "published": published(kolla),
        "images": sorted({pathlib.PurePath(path).parent.name for path in kolla if re.fullmatch(r"docker/.*/Dockerfile\.j2", path)}),
        "services": services,
    }


folder = pathlib.Path(sys.argv[1])
json.dump({name: release(folder, version) for name, version in VERSIONS.items()}, sys.stdout, indent=1, sort_keys=True)
print()
