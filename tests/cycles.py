#!/usr/bin/env python3
"""Cycles of imports among the files of one layer. Each folder below lang/src and src is a graph: a file is a node, a path that
leads to another file of the folder is an edge. Prints every cycle of more than one file and fails (exit 1) where one has more
than three.

It reads `use` lines and written paths, as tests/layers.rs does; it does not see which file the methods of a type are in.

    tests/cycles.py                     # all folders
    tests/cycles.py lang/src/types src  # these
    tests/cycles.py --edges lang/src/types
"""

import re
import sys
from pathlib import Path

MOST_FILES = 3
NOISE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(\#*)".*?"\1|b?"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'""", re.S
)
PATH = re.compile(r"(?<![\w:])(?:\w+::)+(?:\w+|\{|\*)|(?<![\w:.])use\s+\w+\s*;")


def plain(text):
    """The text without comments, texts and tests."""
    return NOISE.sub(" ", text).split("#[cfg(test)]")[0]


def group(text, at):
    """The entries of a group `{a, b::{c, d}}` that begins at `at`, as paths."""
    entries, word, prefixes, i = [], "", [[]], at
    while i < len(text):
        c = text[i]
        if c == "{":
            prefixes.append(prefixes[-1] + [p for p in word.split("::") if p.strip()])
            word = ""
        elif c in ",}":
            name = word.split(" as ")[0].strip()
            if name:
                entries.append([p for p in prefixes[-1] + name.split("::") if p])
            word = ""
            if c == "}":
                prefixes.pop()
                if len(prefixes) == 1:
                    break
        else:
            word += c
        i += 1
    return entries


def paths_of(text):
    """Every path that a text names, as lists of segments."""
    for found in PATH.finditer(text):
        parts = [p for p in found.group().removeprefix("use").strip(" ;\n").split("::") if p]
        if parts[-1] == "{":
            for entry in group(text, found.end() - 1):
                yield parts[:-1] + entry
        else:
            yield parts


class Crate:
    """The modules of one crate: where each is, and what it hands on of others."""

    def __init__(self, root):
        self.files = {}
        for path in sorted(root.rglob("*.rs")):
            parts = list(path.relative_to(root).with_suffix("").parts)
            if parts[-1] in ("mod", "lib", "main"):
                parts.pop()
            self.files.setdefault(tuple(parts), path)
        self.handed_on = {module: self.hands_on(module) for module in self.files}

    def hands_on(self, module):
        text = plain(self.files[module].read_text())
        out = {}
        for found in re.finditer(r"\bpub(?:\([^)]*\))?\s+use\s+([^;]+);", text):
            for path in paths_of(f"use {found.group(1)};"):
                out[path[-1]] = path
        return out

    def resolve(self, module, path):
        """The module that a path leads to, as it is written in `module`."""
        if path[0] == "crate":
            at, rest = (), path[1:]
        elif path[0] == "self":
            at, rest = module, path[1:]
        elif path[0] == "super":
            n_up = sum(1 for p in path if p == "super")
            at, rest = module[: len(module) - n_up], path[n_up:]
        elif module + (path[0],) in self.files:
            at, rest = module, path
        else:
            return None
        while rest and at + (rest[0],) in self.files:
            at, rest = at + (rest[0],), rest[1:]
        if rest and rest[0] in self.handed_on.get(at, {}):
            onward = self.handed_on[at][rest[0]]
            if onward != path:
                return self.resolve(at, onward) or at
        return at if at in self.files else None

    def edges(self, folder):
        """Which files of a folder name which others."""
        out = {}
        for module, path in self.files.items():
            if folder in path.parents and path.name != "tests.rs":
                named = (self.resolve(module, p) for p in paths_of(plain(path.read_text())))
                files = {self.files[m] for m in named if m is not None}
                out[path] = {f for f in files if f != path and folder in f.parents and f.name != "tests.rs"}
        return out


def cycles_of(edges):
    """The strongly connected components of more than one node, by Tarjan's algorithm."""
    index, low, stack, out = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                out.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return out


def crate_root(folder):
    """The folder that `crate::` means for the files of a folder: that of its Cargo.toml, or `src` below it."""
    for manifest in [folder, *folder.parents]:
        if (manifest / "Cargo.toml").exists():
            return manifest if manifest == folder else manifest / "src"
    raise SystemExit(f"cycles.py: no Cargo.toml above {folder}")


def layers(top):
    """A folder named `src` holds layers, every other one is a layer."""
    below = sorted(p for p in top.iterdir() if p.is_dir() and any(p.glob("*.rs")))
    return below if top.name == "src" else [top]


def main(arguments):
    here = Path(__file__).resolve().parent.parent
    shows_edges = "--edges" in arguments
    named = [here / a for a in arguments if a != "--edges"] or [here / "lang/src", here / "src"]
    n_files, n_wrong, crates = 0, 0, {}
    for folder in [layer for top in named for layer in layers(top.resolve())]:
        root = crate_root(folder)
        if root not in crates:
            crates[root] = Crate(root)
        edges = crates[root].edges(folder)
        n_files += len(edges)

        def inside(files):
            return ", ".join(str(file.relative_to(folder)) for file in files)

        if shows_edges:
            for file in sorted(edges):
                print(f"{file.relative_to(here)}: {inside(sorted(edges[file]))}")
        for cycle in cycles_of(edges):
            print(f"{folder.relative_to(here)}: {len(cycle)} files in a cycle: {inside(cycle)}")
            n_wrong += len(cycle) > MOST_FILES
    if n_wrong:
        print(f"error: {n_wrong} cycles of more than {MOST_FILES} files", file=sys.stderr)
        return 1
    print(f"ok: {n_files} files, no cycle of more than {MOST_FILES}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
