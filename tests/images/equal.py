"""Compares two folders of Containerfiles: equal.py KOLLA OURS. They must have the same images, and each the same lines but for blank ones and the
date of the build. Prints how many there are, or how they differ."""
import os
import re
import sys


def containerfiles(folder):
    found = {}
    for path, _, names in os.walk(folder):
        if "Dockerfile" in names:
            with open(os.path.join(path, "Dockerfile"), encoding="utf-8") as file:
                text = re.sub(r'build-date="\d+"', 'build-date="DATE"', file.read())
            found[os.path.relpath(path, folder)] = [line for line in text.split("\n") if line.strip()]
    return found


theirs, ours = (containerfiles(folder) for folder in sys.argv[1:3])
wrong = [f"only one side has {name}" for name in sorted(theirs.keys() ^ ours.keys())]
for name in sorted(theirs.keys() & ours.keys()):
    if theirs[name] != ours[name]:
        lines = ((a, b) for a, b in zip(theirs[name] + [""], ours[name] + [""]) if a != b)
        wrong.append("{}: {!r} and not {!r}".format(name, *reversed(next(lines, ("more lines", "fewer")))))
print("\n".join(wrong[:20]) if wrong else len(ours))
sys.exit(bool(wrong) or not ours)
