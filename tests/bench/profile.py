#!/usr/bin/env python3
"""Draws where the instructions of one evaluation go: profile.py H PICTURE.svg [--data FILE]

Runs `kolla-lang eval` of the common workload of H hosts under callgrind, adds up the instructions of each function itself, and
draws the stages and the largest functions. Instructions do not depend on what else the machine does. What differs from run to run
are a few thousand of hundreds of millions, so shares are rounded to tenths of a percent and the picture stays the same.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()

# Which stage a function belongs to: the first that matches its name.
STAGES = [
    ("read, lex, parse", r"kl::(token|syntax)|types::load|core::str::|from_utf8"),
    ("types, index of definitions", r"kl::(types|merge|rank)"),
    ("who wins: fields, entries, keys", r"value::(slot|field|leaf|child|keys|node|pass|grow|absent|taken|memo|report)"),
    ("loops and guards", r"value::group"),
    ("expressions and texts", r"value::(eval|ops|builtins|read|call|body|text|format|materialize|context|frame)|core::fmt|kl::live|Display"),
    ("conditions", r"value::(refinement|conditions|check)|regex"),
    ("values to data", r"value::(force|plain|parts|engine)|kl::data|from_iter"),
    ("JSON", r"serde_json|render::values|cli::eval"),
    ("memory", r"\bmi_|_mi_|alloc::(raw_vec|alloc|boxed|sync)|drop_in_place|memcpy|memmove|memset|malloc|free|realloc"),
    ("maps and comparing", r"hashbrown|indexmap|memcmp|btree|rustc_hash|slice::memchr"),
]
OTHER = "else"
COLOURS = ["#4c72b0", "#55a868", "#c44e52", "#8172b3", "#ccb974", "#64b5cd", "#dd8452", "#937860", "#da8bc3", "#8c8c8c", "#bbbbbb"]


def self_costs(text):
    """The instructions of each function itself, from the file that callgrind wrote."""
    names, costs, current, is_call = {}, collections.Counter(), None, False

    def name_of(word):
        number, _, name = word.partition(" ")
        if name:
            names[number] = name
        return names[number]

    for line in text.splitlines():
        if line.startswith("fn="):
            current = name_of(line[3:])
        elif line.startswith("cfn="):
            name_of(line[4:])
        elif line.startswith("calls="):
            # The line that follows has what the called function took.
            is_call = True
        elif re.match(r"[-+*]?\d*\s+\d+$", line):
            if not is_call:
                costs[current] += int(line.split()[1])
            is_call = False
    return costs


def plain(name):
    """A function without what the compiler added to its name."""
    name = re.sub(r"'\d+$", "", name)
    name = re.sub(r"<impl (?:[^<>]|<[^<>]*>)*>", "", name)
    name = re.sub(r"::\{\{closure\}\}", "", name)
    return re.sub(r":{3,}", "::", name).strip(":")


def stage_of(name):
    return next((stage for stage, pattern in STAGES if re.search(pattern, plain(name))), OTHER)


def picture(title, stages, functions):
    """Two lists of bars, stages and functions, with their shares."""
    height = 70 + 22 * len(stages) + 50 + 18 * len(functions)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" font-family="sans-serif" font-size="12">',
           f'<rect width="860" height="{height}" fill="white"/>', f'<text x="16" y="24" font-size="15">{escape(title)}</text>']
    colour = {name: COLOURS[i % len(COLOURS)] for i, (name, _) in enumerate(stages)}
    y, widest = 46, max(share for _, share in stages)
    for name, share in stages:
        out += [f'<text x="230" y="{y + 12}" text-anchor="end">{escape(name)}</text>',
                f'<rect x="240" y="{y}" width="{560 * share / widest:.1f}" height="16" fill="{colour[name]}"/>',
                f'<text x="{246 + 560 * share / widest:.1f}" y="{y + 12}">{share:.1f} %</text>']
        y += 22
    y += 30
    out.append(f'<text x="16" y="{y - 6}" font-size="13">The functions that take most themselves</text>')
    widest = max(share for _, share in functions)
    for name, share in functions:
        short = name.replace("kl::value::", "").replace("kolla_lang::", "")
        shown = short if len(short) <= 58 else "…" + short[-57:]
        out += [f'<text x="390" y="{y + 11}" text-anchor="end" font-size="11">{escape(shown)}</text>',
                f'<rect x="400" y="{y}" width="{380 * share / widest:.1f}" height="13" fill="{colour.get(stage_of(name), COLOURS[-1])}"/>',
                f'<text x="{406 + 380 * share / widest:.1f}" y="{y + 11}" font-size="11">{share:.1f} %</text>']
        y += 18
    out.append("</svg>")
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("hosts", type=int)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--data", type=Path, help="also write the shares here, as JSON")
    args = parser.parse_args()
    kolla = os.environ.get("KOLLA") or TARGET / "release" / "kolla-lang"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, HERE / "gen_kl.py", str(args.hosts), folder], check=True)
        out = Path(folder) / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", "--compress-pos=no", f"--callgrind-out-file={out}", kolla, "eval",
                   Path(folder) / "cloud.kl", "hosts", "--json", "--jobs", "1"]
        run = subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if run.returncode != 0:
            sys.exit(run.stderr[-500:])
        costs = self_costs(out.read_text(errors="replace"))
    total = sum(costs.values())
    stages, functions = collections.Counter(), collections.Counter()
    for name, cost in costs.items():
        stages[stage_of(name)] += cost
        functions[plain(name)] += cost

    def shares(counted, n):
        found = [(name, round(100 * cost / total, 1)) for name, cost in counted.items()]
        return sorted(found, key=lambda it: (-it[1], it[0]))[:n]

    title = f"{args.hosts} hosts × 40 services evaluated and printed: {total / args.hosts / 1e6:.1f} million instructions a host"
    args.picture.write_text(picture(title, shares(stages, 20), shares(functions, 25)), encoding="utf-8")
    if args.data:
        figures = {"hosts": args.hosts, "instructions": total, "stages": dict(shares(stages, 20))}
        args.data.write_text(json.dumps(figures, indent=2) + "\n")
    print(title)


if __name__ == "__main__":
    main()
