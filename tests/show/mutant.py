#!/usr/bin/env python3
"""Copies a description of tests/cloud or examples, with one of its files changed as a seed says, and prints its entry file.

mutant.py SEED DIR. Knows tokens, lines and bytes, and nothing of the language.
"""

import pathlib
import random
import re
import shutil
import sys

PIECES = ["{", "}", "(", ")", "[", "]", '"', "${", ",", ".", "=", "+=", "-=", ":=", "&", "??", "none", "force ", "0", "-1", "65536",
          "9223372036854775807", "10.0.0.0/0", "if true {", "for i in 1..3 {", "{%", "%}", "{{", "}}", "~"]


def changed(rng, text):
    for _ in range(rng.randint(1, 3)):
        tokens = re.findall(r"\w+|\s+|.", text, re.S) or ["x"]
        at, to = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        match rng.randrange(6):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, tokens[at])
            case 2:
                tokens[at], tokens[to] = tokens[to], tokens[at]
            case 3:
                tokens.insert(at, rng.choice(PIECES))
            case 4:
                tokens[at] = tokens[to]
            case _:
                tokens[at] = chr(rng.randrange(1, 0x250))
        text = "".join(tokens)
    return text


def main():
    rng = random.Random(int(sys.argv[1]))
    entries = sorted([*pathlib.Path("tests/cloud").glob("*/cloud.kl"), *pathlib.Path("examples").glob("*/cloud.kl")])
    entry = rng.choice(entries)
    site = pathlib.Path(sys.argv[2])
    shutil.copytree(entry.parent, site, ignore=shutil.ignore_patterns("expected"))
    file = rng.choice(sorted(it for it in site.rglob("*") if it.suffix in (".kl", ".j2")))
    file.write_text(changed(rng, file.read_text(encoding="utf-8")), encoding="utf-8")
    print(entry.name)


if __name__ == "__main__":
    main()
