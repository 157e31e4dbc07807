#!/usr/bin/env python3
"""Runs the cases of this folder: run.py PROGRAM [NAME…]

A case is a folder with descriptions and a file `expect`: a line on what it is about, then

    setup COMMAND    prepares its folder, a copy, with the shell
    $ WORDS          runs the program with these words in it
    exit N[|M]       its exit code
    code CODE        a report with that code
    says REGEX       a line of what it printed, or, where none has it, all of it without line breaks
    not REGEX        nothing that it printed
    at N             line N of a description is shown
    bytes N          it printed no more
    file PATH REGEX  a file in the folder has that
    nowhere PATH REGEX, bare PATH   no file below has that; no file below has a byte order mark or a carriage return

Each command has 20 s of processor time and 3 GB of memory.
"""
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))


def files(path):
    for folder, _, names in os.walk(path):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                yield os.path.relpath(os.path.join(folder, name), path), file.read()


def wrong(line, folder, seen):
    """Says what does not hold, or nothing."""
    word, _, rest = line.partition(" ")
    out, code = seen
    if word == "exit":
        return None if str(code) in rest.split("|") else f"exit {code}"
    if word == "code":
        return None if f"[{rest}]" in out else "no such code"
    if word == "says":
        joined = re.sub(r"\s*\n[ │]*", " ", out)
        return None if re.search(rest, out, re.M) or re.search(rest, joined) else "nothing like it"
    if word == "not":
        found = re.search(rest, out, re.M)
        return f"found {found[0]!r}" if found else None
    if word == "at":
        return None if re.search(rf"(?m)^ *{rest} │|\.kl:{rest}:", out) else "that line is not shown"
    if word == "bytes":
        return None if len(out.encode()) <= int(rest) else f"{len(out.encode())} bytes"
    path, _, pattern = rest.partition(" ")
    path = os.path.join(folder, path)
    if word == "file":
        try:
            text = open(path, encoding="utf-8").read()
        except OSError as error:
            return str(error)
        return None if re.search(pattern, text, re.M) else "no line like it"
    if word == "nowhere":
        return next((f"{name} has it" for name, bytes in files(path) if re.search(pattern.encode(), bytes)), None)
    if word == "bare":
        return next((f"{name} has one" for name, bytes in files(path) if b"\r" in bytes or b"\xef\xbb\xbf" in bytes), None)
    return "no such word"


def run(case, program):
    """Runs a case and returns what does not hold in it."""
    lines = open(os.path.join(HERE, case, "expect"), encoding="utf-8").read().splitlines()[1:]
    found, seen, command = [], ("", None), ""
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "case")
        shutil.copytree(os.path.join(HERE, case), folder)
        env = {"PATH": os.environ["PATH"], "HOME": scratch, "NO_COLOR": "1", "COLUMNS": "80"}
        for line in lines:
            if line.startswith("setup "):
                subprocess.run(line[6:], shell=True, cwd=folder, check=True)
            elif line.startswith("$ "):
                command = line[2:]
                try:
                    done = subprocess.run(
                        [program, *command.split()], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT, timeout=120, preexec_fn=limited)
                    seen = (done.stdout.decode(errors="replace"), done.returncode)
                except subprocess.TimeoutExpired:
                    seen = ("", "after 120 s")
                if seen[1] in (70, 101) or isinstance(seen[1], int) and seen[1] < 0:
                    found.append(f"`{command}`: ended with {seen[1]}: {seen[0][-300:]}")
            else:
                why = wrong(line, folder, seen)
                if why:
                    found.append(f"`{command}`: {line}: {why}")
    return found


def main():
    # FIXME: cases that do not hold yet; one that does must leave this list.
    with open(os.path.join(HERE, "known"), encoding="utf-8") as file:
        known = set(file.read().split())
    program, names = os.path.abspath(sys.argv[1]), sys.argv[2:]
    failed, table = 0, {}
    for kind in sorted(os.listdir(HERE)):
        if not os.path.isdir(os.path.join(HERE, kind)):
            continue
        for name in sorted(os.listdir(os.path.join(HERE, kind))):
            if names and name not in names:
                continue
            found = run(f"{kind}/{name}", program)
            if f"{kind}/{name}" in known:
                print(f"{kind}/{name}: " + ("does not hold yet" if found else "HOLDS NOW: take it out of tests/cases/known"))
                table.setdefault(kind, [0, 0])[1] += 1
                failed += not found
                continue
            row = table.setdefault(kind, [0, 0])
            row[1 if found else 0] += 1
            for it in found:
                print(f"{kind}/{name}: {it}")
            failed += bool(found)
    print(f"{'kind':12}{'hold':>6}{'do not':>8}")
    for kind, (hold, do_not) in table.items():
        print(f"{kind:12}{hold:>6}{do_not:>8}")
    sys.exit(1 if failed else 0)


main()
