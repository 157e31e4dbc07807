"""Faults that were planted on purpose, and whether the crash tests catch each: a test that cannot fail shows nothing.

Each is a few words of the sources, replaced in a copy that is then built and tried; the copy's build is kept between runs.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ("src", "lang", "stdlib", "docs/errors", "tests", "Cargo.toml", "Cargo.lock")
TRACE_ONLY = ("--trace-only", "--scenario", "switch")


@dataclass
class Plant:
    """One fault: what is replaced by what, how the tests are asked, and what they must say."""

    name: str
    replace: list          # of (file, before, after)
    says: str
    ask: tuple = field(default=TRACE_ONLY)


GENERATION, SWITCH, TRANSACTION, JOURNAL, PERFORM, REVERT = (
    f"src/activate/{it}.rs" for it in (
        "records/generation", "switch/mod", "switch/transaction", "records/journal", "perform/mod", "switch/revert"))
PLANTS = [
    Plant("commit before the sync", [(GENERATION, "files::sync_file_system(&layout.generations())?;", "")],
          "`boot` is renamed before"),
    Plant("folder of the commit not synced", [(GENERATION, "match files::sync_folder(&layout.etc()).or_else(|_| files::sync_folder(&layout.etc())) {", "match Ok::<(), FileError>(()) {")],
          "before the folder of `boot` is synced"),
    Plant("timer disarmed before the commit", [(TRANSACTION, "let warnings = match generation::commit(layout, self.number) {", "revert_timer::disarm(host);\n        let warnings = match generation::commit(layout, self.number) {")],
          "the timer is disarmed before the commit"),
    Plant("timer armed after the trial", [(SWITCH, "match revert_timer::arm(host, &engine, secs).and_then(|()| switch.act(host, &engine)) {", "match switch.act(host, &engine).and_then(|()| revert_timer::arm(host, &engine, secs)) {")],
          "the trial begins before the timer is armed"),
    Plant("journal after the effect", [(TRANSACTION, "host.journal.tell(&Record::Trial { number: self.number })?;\n        generation::open_trial(host.layout, self.number)?;", "generation::open_trial(host.layout, self.number)?;\n        host.journal.tell(&Record::Trial { number: self.number })?;")],
          "the trial comes before its record"),
    Plant("journal not synced", [(JOURNAL, "file.sync_data().map_err(failed!(Sync, path))?;", "")],
          "comes before the journal is synced"),
    Plant("trial dropped after the timer", [
        (TRANSACTION, "if let Err(error) = generation::drop_trial(layout) {\n            warnings.push(error_chain(&error));\n        }\n", ""),
        (TRANSACTION, "warnings.extend(revert_timer::disarm(host).iter().map(|it| error_chain(it)));", "warnings.extend(revert_timer::disarm(host).iter().map(|it| error_chain(it)));\n        drop(generation::drop_trial(layout));")],
          "the timer is disarmed while a trial is left"),
    Plant("stamp before the task", [(PERFORM, "    let job = match &act.verb {\n        Verb::Start | Verb::Task", "    if let Verb::Task { task, .. } = &act.verb\n        && let Some(spec) = closure.manifest.tasks.get(task)\n    {\n        let volumes = host.tools.volumes()?;\n        completions::set_done(host.layout, task, spec, &volumes)?;\n    }\n    let job = match &act.verb {\n        Verb::Start | Verb::Task")],
          "the task ran although it was stamped"),
    Plant("recovery forgets what was stopped", [(REVERT, "let mut touched = switch.progress.touched.clone();", "let mut touched = BTreeSet::new();")],
          "containers run:", ("--scenario", "switch", "--only", "switch | Reload #1 | KILL | timer")),
    Plant("a generation removed in place", [(GENERATION, "files::rename(&path, &hidden)?;\n    files::sync_folder(&layout.generations())?;\n    files::remove_folder(&hidden)", "files::remove_folder(&path)")],
          "", ("--scenario", "revert", "--only", "unlinkat /etc/kolla-lang/generations/2 #1 | KILL")),
]


def copy_sources(to):
    """Copies what changed alone, so that a build of the copy goes on where it was; what is gone here goes there too."""
    to.mkdir(parents=True, exist_ok=True)
    there = set()
    for name in SOURCES:
        source = ROOT / name
        paths = [source] if source.is_file() else sorted(it for it in source.rglob("*") if it.is_file())
        there |= {it.relative_to(ROOT) for it in paths if "target" not in it.relative_to(ROOT).parts}
    for path in to.rglob("*"):
        if path.is_file() and path.relative_to(to) not in there:
            path.unlink()
    for path in sorted(there):
        write_if_changed(ROOT / path, to / path)


def write_if_changed(source, to):
    text = source.read_bytes()
    if not to.exists() or to.read_bytes() != text:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(text)


def plant(copy, replacements):
    for file, before, after in replacements:
        text = (copy / file).read_text()
        if text.count(before) != 1:
            sys.exit(f"   {file}: `{before}` is not there exactly once")
        (copy / file).write_text(text.replace(before, after))


def is_caught(program, plant):
    """Runs the crash tests on a planted program; they must fail and say why."""
    command = [sys.executable, ROOT / "tests/crash/crash.py", "--program", program, *plant.ask]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in ended.stdout.splitlines() if "NOT AS PROMISED" in line]
    told = next((line for line in said if plant.says in line), None)
    if ended.returncode == 0 or told is None:
        print(ended.stdout, ended.stderr, sep="\n", file=sys.stderr)
        return None
    return told.replace("NOT AS PROMISED:", "").strip()


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--target", type=lambda it: Path(it).resolve(), required=True, help="where the copy is built")
    args.add_argument("--sample", type=int)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--only")
    args.add_argument("--report", type=Path)
    args = args.parse_args()
    copy, chosen = args.target / "sources", PLANTS
    if args.sample:
        chosen = random.Random(args.seed).sample(PLANTS, args.sample)
    if args.only:
        chosen = [it for it in PLANTS if args.only in it.name]
    missed, caught = [], {}
    for each in chosen:
        copy_sources(copy)
        plant(copy, each.replace)
        environment = os.environ | {"CARGO_TARGET_DIR": str(args.target / "target"), "RUSTFLAGS": "-Awarnings"}
        # With a test, so that dependencies have the features that they have in tests, and what those compiled serves.
        subprocess.run(["cargo", "build", "--quiet", "--bin", "kolla-lang", "--test", "layers"], cwd=copy, env=environment, check=True)
        told = is_caught(args.target / "target/debug/kolla-lang", each)
        print(f"   planted: {each.name}\n      {told or 'NOT CAUGHT'}", flush=True)
        caught[each.name] = told
        if told is None:
            missed.append(each.name)
    if missed:
        sys.exit(f"   NOT AS PROMISED: not caught: {', '.join(missed)}")
    if args.report:
        args.report.write_text(json.dumps(caught))
    print(f"   {len(chosen)} planted faults of {len(PLANTS)}, each caught")


if __name__ == "__main__":
    main()
