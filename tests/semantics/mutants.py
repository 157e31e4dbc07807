#!/usr/bin/env python3
"""Makes small mistakes in the sources of the language, one at a time, and looks whether the tests of the language see each.

    mutants.py --source COPY --target FOLDER [--seed N] [--count N] [--only I,J] [--suite]

COPY is a copy of the repository that may be changed. A mutant is one change of one line, drawn by the seed: an operator turned, a
constant off by one, a condition denied, a statement left out, two arms or arguments exchanged. Printed for each: its number, what
was changed, and `caught` with the test that saw it, `survived`, or `does not compile`, which counts as no mutant and is drawn
again. What cannot change any meaning (messages, capacities, names shown) is never drawn. Exits 0 whatever it finds; the caller
counts the last line, `N mutants, M caught`.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

FOLDERS = ["lang/src/merge", "lang/src/value", "lang/src/types"]
FILES = ["lang/src/rank.rs", "lang/src/live.rs"]
# Words of reports, what `why`, `overrides` and `test` tell, who reads a value, and the names of types are not what a description means.
LEFT_OUT = {"errors.rs", "absent.rs", "overrides.rs", "test.rs", "expect.rs", "context.rs", "why.rs", "show.rs", "mod.rs", "walk.rs", "check.rs", "taken.rs", "readers.rs"}
# Lines that say something in words, or only how fast it goes.
WORDS = re.compile(r"errors::|format!|\.help\(|help|message|known|capacity|reserve|trace|evidence|note_|stacker|hash|Debug|did_you_mean|"
                   r"first_at|describe|budget|BUDGET|depth|steps|#\[|assert|report\(|\.push_str|problems|=> errors|spot_path|self\.path\(")

OPERATORS = [
    (re.compile(r" == "), " != "), (re.compile(r" != "), " == "), (re.compile(r" < "), " <= "), (re.compile(r" <= "), " < "),
    (re.compile(r" > "), " >= "), (re.compile(r" >= "), " > "), (re.compile(r" && (?!let )"), " || "), (re.compile(r" \|\| "), " && "),
    (re.compile(r" \+ 1\b"), " + 2"), (re.compile(r" - 1\b"), " - 2"), (re.compile(r"\+= 1\b"), "+= 2"),
    (re.compile(r"Ordering::Greater"), "Ordering::Less"), (re.compile(r"Ordering::Less"), "Ordering::Greater"),
    (re.compile(r"\.any\("), ".all("), (re.compile(r"\.all\("), ".any("), (re.compile(r"\.is_some\(\)"), ".is_none()"),
    (re.compile(r"\.is_none\(\)"), ".is_some()"), (re.compile(r"\.first\(\)"), ".last()"), (re.compile(r"\bcontinue;"), "break;"),
    (re.compile(r"\btrue\b"), "false"), (re.compile(r"\bfalse\b"), "true"), (re.compile(r"\.checked_add\("), ".checked_sub("),
    (re.compile(r"Value::None\b(?!\s*[|=)])"), "Value::Error"), (re.compile(r"\.skip\(1\)"), ".skip(2)"), (re.compile(r"\bif !"), "if "),
    (re.compile(r"\.is_empty\(\)"), ".is_empty() == false"), (re.compile(r": u8 = (\d);"), None), (re.compile(r"\.retain\(\|(\w+)\| !"), None),
    (re.compile(r"rev\(\)\."), ""), (re.compile(r"\bmin_by"), "max_by"), (re.compile(r"\.max\(\)"), ".min()"),
]
STATEMENT = re.compile(r"^\s+(?:self\.|out\.|keys\.|found\.|claims\b|items\.|cuts\.|all\.|ends\.|live\.|curs\.)[\w.()&*?: ]+\(.*\);$")
SWAP = re.compile(r"\(([a-z]\w*), ([a-z]\w*)\)")


def mutations(root):
    """Every mutation there could be: file, line, what stands there, what would."""
    paths = [p for folder in FOLDERS for p in sorted(Path(root, folder).rglob("*.rs"))] + [Path(root, f) for f in FILES]
    out = []
    for path in paths:
        if path.name in LEFT_OUT:
            continue
        lines = path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines):
            if line.startswith("#[cfg(test)]"):
                break
            code = line.split("//")[0]
            if not code.strip() or WORDS.search(code) or line.lstrip().startswith(("//", "use ", "pub use ", "fn ", "pub fn ", "pub(super) fn ")):
                continue
            for pattern, new in OPERATORS:
                for match in pattern.finditer(code):
                    if new is None and match.re.pattern.startswith(": u8"):
                        text = f": u8 = {int(match[1]) + 1};"
                    elif new is None:
                        text = f".retain(|{match[1]}| "
                    else:
                        text = new
                    out.append((path, number, line, line[:match.start()] + text + line[match.end():]))
            if STATEMENT.match(code) and code.count("(") == code.count(")"):
                indent = len(line) - len(line.lstrip())
                out.append((path, number, line, line[:indent] + "// " + line[indent:]))
            if "let (" not in code and " = (" not in code:
                for match in SWAP.finditer(code):
                    if match[1] != match[2]:
                        out.append((path, number, line, f"{line[:match.start()]}({match[2]}, {match[1]}){line[match.end():]}"))
    return out


def run(command, source, target, seconds, extra=None):
    env = {**os.environ, "CARGO_TARGET_DIR": target, "CARGO_TERM_COLOR": "never", "RUST_BACKTRACE": "0", **(extra or {})}
    limit = f"ulimit -v 8000000; exec timeout {seconds} {command}"
    done = subprocess.run(["bash", "-c", limit], cwd=source, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode, done.stdout


def saw(output):
    """Which test failed first, by what was printed."""
    names = re.findall(r"^test (\S+) \.\.\. FAILED|^(\S+)\s+FAILED|panicked at .*semantics/(\w+)\.rs", output, re.M)
    flat = [name for found in names for name in found if name]
    return flat[0] if flat else "a crash" if "signal" in output or "overflow" in output else "a run that does not end"


def tried(args, path, number, old, new):
    """What becomes of one mutant."""
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    assert lines[number] == old
    lines[number] = new
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        code, output = run("cargo build -p kl --quiet --offline", args.source, args.target, 300)
        if code != 0:
            return "does not compile", ""
        commands = [("cargo test -p kl --test semantics --test parse --quiet --offline", {"CASES": str(args.programs)})]
        if args.suite:
            commands.append(("cargo test --test suite --quiet --offline", {}))
        for command, extra in commands:
            code, output = run(command, args.source, args.target, 600, extra)
            if code != 0:
                if "could not compile" in output:
                    return "does not compile", ""
                return "caught", saw(output)
        return "survived", ""
    finally:
        path.write_text(text, encoding="utf-8")


def check_unchanged(args):
    """Without a mistake the copy compiles and its tests pass: otherwise every mutant would seem to be one of something."""
    commands = ["cargo test -p kl --test semantics --test parse --quiet --offline"]
    if args.suite:
        commands.append("cargo test --test suite --quiet --offline")
    for command in commands:
        code, output = run(command, args.source, args.target, 1800, {"CASES": str(args.programs)})
        if code != 0:
            sys.exit(f"the copy without a mistake fails `{command}`:\n{output[-4000:]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--programs", type=int, default=400)
    parser.add_argument("--list", action="store_true", help="print what would be drawn")
    parser.add_argument("--done", help="a file of mutants that were tried already, a line of JSON each")
    parser.add_argument("--suite", action="store_true", help="ask the whole suite of language tests when the semantics see nothing")
    args = parser.parse_args()
    draw = random.Random(args.seed)
    known = {}
    if args.done and os.path.exists(args.done):
        known = {entry["mutant"]: entry for entry in map(json.loads, Path(args.done).read_text(encoding="utf-8").splitlines())}
    all_mutations = mutations(args.source)
    by_file = sorted({path for path, *_ in all_mutations})
    # Files by their size, but none twice in a row: a mistake is as likely in a line of one as of another.
    draw.shuffle(all_mutations)
    if not args.list:
        check_unchanged(args)
    counted = caught = 0
    for path, number, old, new in all_mutations:
        if counted == args.count:
            break
        name = f"{path.relative_to(args.source)}:{number + 1}: `{old.strip()}` -> `{new.strip()}`"
        if args.list:
            counted += 1
            print(name)
            continue
        entry = known.get(name)
        if entry is None:
            state, by = tried(args, path, number, old, new)
            entry = {"mutant": name, "state": state, "by": by}
            if args.done:
                with open(args.done, "a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")
        if entry["state"] == "does not compile":
            continue
        counted += 1
        caught += entry["state"] == "caught"
        print(f"{counted}. {name}\n   {entry['state']}{' by ' + entry['by'] if entry['by'] else ''}", flush=True)
    print(f"{counted} mutants, {caught} caught, of {len(all_mutations)} in {len(by_file)} files")


if __name__ == "__main__":
    sys.exit(main())
