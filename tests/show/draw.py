#!/usr/bin/env python3
"""Draws twelve cases of tests/report by a seed and joins them to one cloud: draw.py SEED DIR

Writes DIR/cloud.kl, which uses each case as a file of its own, and prints the twelve codes, sorted. At least one case of
each stage is among them. Cases that need a library module of their own cannot be joined and are never drawn.
"""

import random
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
STAGES = ["lex", "parse", "types", "merge", "eval"]
N_CASES = 12
TOO_LARGE = (16 << 20) + 1
# What nobody says beside other mistakes, where something failed and nobody knows what there is; what depends on which file is named;
# what is said of tests alone; and what ends an evaluation, behind which nothing more is evaluated.
NEVER_JOINED = {"kl::eval::budget", "kl::merge::nothing-taken", "kl::merge::won-by-use", "kl::files::outside", "kl::test::expect"}


def cases() -> dict[str, Path]:
    """The code of every case that can be joined, with its file."""
    codes = re.findall(r'"(kl::[a-z0-9:-]+)"', (ROOT / "lang/src/diag/code.rs").read_text())
    found = {code: ROOT / f"tests/report/{code.rsplit('::', 1)[1]}.kl" for code in codes}
    joined = {code: path for code, path in found.items() if code not in NEVER_JOINED}
    return {code: path for code, path in joined.items() if path.exists() and "\n# --- library/" not in path.read_text()}


def draw(seed: int) -> dict[str, Path]:
    """Twelve codes with their files: one of every stage first, then any."""
    rng, known = random.Random(seed), cases()
    taken = [rng.choice(sorted(c for c in known if c.startswith(f"kl::{stage}::"))) for stage in STAGES]
    rest = sorted(set(known) - set(taken))
    taken += rng.sample(rest, N_CASES - len(taken))
    return {code: known[code] for code in taken}


def write_case(text: str, folder: Path) -> None:
    """Writes the files of a case; a line `# --- name` begins the next one, as tests/support/files.rs reads it."""
    parts = re.split(r"(?m)^# --- (\S+)(?: \(([^)]*)\))?\n", text)
    files = [("case.kl", None, parts[0])] + list(zip(parts[1::3], parts[2::3], parts[3::3]))
    for name, kind, body in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "directory":
            path.mkdir()
        elif kind == "not utf-8":
            path.write_bytes(b"# caf\xe9\n")
        elif kind == "too large":
            path.write_bytes(b"#" * TOO_LARGE)
        elif kind == "unreadable":
            path.symlink_to(path.name)
        else:
            path.write_text(body)


def main() -> None:
    seed, out = int(sys.argv[1]), Path(sys.argv[2])
    drawn = draw(seed)
    uses = []
    for n, (code, path) in enumerate(drawn.items(), 1):
        folder = f"{n:02d}-{path.stem}"
        write_case(path.read_text(), out / folder)
        uses.append(f'use "./{folder}/case.kl"\n')
    (out / "cloud.kl").write_text("".join(uses))
    print("\n".join(sorted(drawn)))


if __name__ == "__main__":
    main()
