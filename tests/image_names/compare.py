#!/usr/bin/env python3
"""Compares the images of a built cloud with Kolla's rule for their names, as tests/image_names/table.json has it:
compare.py TREE RELEASE DISTRO VERSION [HOST=ARCH…] [--registry REGISTRY/NAMESPACE]. Prints how many places name an image."""
import json
import pathlib
import re
import sys

table = json.loads(pathlib.Path(__file__).with_name("table.json").read_text())


def rule(release, distro, version, arch):
    """The tag, by the templates of kolla-ansible and of Kolla's jobs, which must agree."""
    about = table[release]
    suffix = re.fullmatch(r"\{\{ '([^']*)' if base_arch == '(\w+)' else '' \}\}", about["tag_suffix"])
    words = {"openstack_tag_suffix": suffix[1] if arch == suffix[2] else "", "openstack_release": about["release"]}
    words |= {"kolla_base_distro": distro, "kolla_base_distro_version": version}
    words |= {"zuul.branch | basename": about["release"], "base_distro": distro, "base_distro_version": version}
    words["tag_suffix"] = words["openstack_tag_suffix"]
    tags = {re.sub(r"\{\{ (.*?) \}\}", lambda m: words[m[1]], about[key]) for key in ("tag", "tag_that_is_published")}
    assert len(tags) == 1, tags
    return tags.pop()


def images(value):
    """All images in a manifest, each with the container that it is of, or with none where a task has it."""
    if isinstance(value, dict):
        if isinstance(value.get("image"), str):
            yield value["container"] if value.get("kind") == "container" else None, value["image"]
        value = list(value.values())
    if isinstance(value, list):
        for it in value:
            yield from images(it)


def main(tree, release, distro, version, *rest):
    about = table[release]
    place = f"{about['registry']}/{about['namespace']}"
    rest = list(rest)
    if "--registry" in rest:
        place = rest.pop(rest.index("--registry") + 1)
        rest.remove("--registry")
    machines = dict(it.split("=") for it in rest)
    n_places, wrong = 0, []
    for host in sorted(pathlib.Path(tree).iterdir()):
        if not (host / "manifest.json").exists():
            continue
        tag = rule(release, distro, version, machines.get(host.name, "x86_64"))
        expected = {f"{place}/{name}:{tag}" for name in about["services"].values()}
        assert set(about["services"].values()) <= set(about["images"])
        for container, image in images(json.loads((host / "manifest.json").read_text())):
            n_places += 1
            name = about["services"].get(container)
            if image not in expected or container and image != f"{place}/{name}:{tag}":
                wrong.append(f"{host.name}: {container or 'a task'} has {image}, not {place}/{name or '…'}:{tag}")
        # And whatever else looks like one, in any file of the host.
        named = re.compile(rf"(?:{re.escape(place.split('/')[0])}|quay\.io|localhost)/[\w./@:-]+:[\w.@:-]+")
        for file in sorted(host.rglob("*")):
            for image in named.findall(file.read_text(errors="replace")) if file.is_file() else []:
                n_places += 1
                if image not in expected:
                    wrong.append(f"{file.relative_to(tree)}: {image}")
    for line in wrong[:10]:
        print(line)
    print(n_places)
    sys.exit(bool(wrong) or n_places == 0)


main(*sys.argv[1:])
