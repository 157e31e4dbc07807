#!/usr/bin/env python3
"""Asks images for programs: ask_images.py FILE, with lines `RELEASE DISTRO IMAGE PROGRAM` as `compare.py --programs` prints them.

An image is asked if it is there, under any registry, with a tag that names the release, or the release and the distribution. `PODMAN` names the
command that asks, `podman` if it does not: within a lab host, `kolla-lang lab exec HOST -- podman`. It ends with 1 when a program is in no folder of
an image's PATH, or is no program at its path.
"""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

from compare import RELEASES

PODMAN = shlex.split(os.environ.get("PODMAN", "podman"))


def podman(*args):
    return subprocess.run([*PODMAN, *args], capture_output=True, text=True)


def images_here():
    """The references of all images, by Kolla's name of them."""
    listed = podman("images", "--format", "json")
    if listed.returncode:
        sys.exit(f"ask_images.py: `{' '.join(PODMAN)} images` failed: {listed.stderr.strip()}")
    here = {}
    for image in json.loads(listed.stdout):
        for reference in image.get("Names") or []:
            name, _, tag = reference.rsplit("/", 1)[-1].partition(":")
            here.setdefault(name, []).append((tag, reference))
    return here


def references_of(here, release, distro, image):
    """The images of a release and a distribution. A tag that names the release alone is one of Debian."""
    name = image.rsplit("/", 1)[-1].partition(":")[0]
    fits = lambda tag: tag.startswith(f"{release}-{distro}") or (distro == "debian" and tag in (RELEASES[release], release))
    return sorted(reference for tag, reference in here.get(name, []) if fits(tag))


def lacks(reference, programs):
    """Those of the programs that an image does not have, asked by its own shell."""
    script = 'for it; do case $it in /*) [ -x "$it" ] ;; *) command -v "$it" >/dev/null ;; esac || echo "$it"; done'
    run = podman("run", "--rm", "--pull=never", "--network=none", "--entrypoint=/bin/bash", reference, "-c", script, "bash", *programs)
    if run.returncode:
        sys.exit(f"ask_images.py: {reference} could not be asked: {run.stderr.strip()}")
    return run.stdout.split()


def main():
    wanted = {}
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        release, distro, image, program = line.split()
        wanted.setdefault((release, distro, image), []).append(program)
    if not shutil.which(PODMAN[0]):
        here = {}
        print(f"there is no {PODMAN[0]} here: no image is asked")
    else:
        here = images_here()
    asked, absent, wrong = 0, 0, 0
    for (release, distro, image), programs in sorted(wanted.items()):
        references = references_of(here, release, distro, image)
        absent += 0 if references else len(programs)
        for reference in references:
            missing = lacks(reference, programs)
            asked += len(programs)
            wrong += len(missing)
            print(f"{reference}: {', '.join(programs)}" + (f"; LACKS {', '.join(missing)}" if missing else ""))
    print(f"{asked} programs were asked for in their images, {absent} are of images that are not here")
    sys.exit(1 if wrong else 0)


main()
