"""What a host has on its disk after a switch under any umask, and what a switch makes of wrong modes and of links in place of files.

The modes are those of the book's table, docs/book/switch.md. The host is a scratch one with a fake systemd (tests/crash). Run by
tests/show/7e.
"""

import argparse
import os
import re
import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "crash"))
from crash import scratch_bench, switch_to  # noqa: E402
from prompts import ROOT, point, wrong  # noqa: E402

PLACES = ("etc/kolla-lang", "etc/systemd/system-generators", "etc/kolla", "var/lib/kolla-lang", "run/kolla-lang")


def table(book):
    """The book's rows: a pattern of a path, the mode of the folders below, the mode of the files."""
    rows = []
    for line in book.read_text().splitlines():
        found = re.fullmatch(r"\| `(/[^`]*)` \| `(\d{4})`(?:, `(\d{4})`)? \| .*", line)
        if found:
            path, first, second = found.groups()
            pattern = re.sub(r"<\w+>", "[^/]+", re.escape(path.rstrip("/")).replace(r"\<", "<").replace(r"\>", ">"))
            rows.append((re.compile(pattern + r"(/.*)?"), int(first, 8), int(second or first, 8), len(path)))
    if len(rows) < 12:
        wrong(f"the book has only {len(rows)} rows with modes")
    # The longest path says it.
    return sorted(rows, key=lambda it: -it[3])


def walk(root):
    for place in PLACES:
        for folder, names, files in os.walk(root / place):
            for name in [*names, *files]:
                path = Path(folder, name)
                yield "/" + str(path.relative_to(root)), path.lstat()


def check(root, rows, umask):
    n_seen = 0
    for path, is_ in walk(root):
        mode = stat.S_IMODE(is_.st_mode)
        if stat.S_ISLNK(is_.st_mode):
            continue
        n_seen += 1
        if mode & 0o022:
            wrong(f"umask {umask:03o}: others may write {path}: {mode:04o}")
        row = next((it for it in rows if it[0].fullmatch(path)), None)
        if row is None:
            if not path.startswith(("/run/kolla-lang/", "/etc/kolla")) and path != "/var/lib/kolla-lang":
                wrong(f"the book says nothing of {path} ({mode:04o})")
            continue
        wanted = row[1] if stat.S_ISDIR(is_.st_mode) else row[2]
        # What a service is given has the mode that its description says.
        if "/files/" in path or "/live/" in path or "/host/" in path:
            continue
        if path.endswith("/store/objects"):
            wanted = 0o700
        if mode != wanted:
            wrong(f"umask {umask:03o}: {path} has {mode:04o}, and the book says {wanted:04o}")
    return n_seen


def ends(host, argv, code):
    found = host.command(argv)
    said = host.output("command")
    if found != code:
        wrong(f"`{' '.join(argv)}` ended with {found}, not {code}: {said}")
    return said


def under_each_umask(bench, rows):
    for umask in (0o000, 0o022, 0o077, 0o777):
        host = bench.own_host()
        host.reset()
        before = os.umask(umask)
        try:
            host.boot()
        finally:
            os.umask(before)
        ends(host, switch_to("old"), 0)
        ends(host, switch_to("bad"), 3)
        ends(host, switch_to("new"), 0)
        n_seen = check(host.root, rows, umask)
        point(f"umask {umask:03o}: {n_seen} files and folders after three switches have the modes of the book")
        host.kill()


def wrong_modes(bench):
    """What others may write is refused by name, and nothing is touched; what it is told to do helps."""
    host = bench.own_host()
    engine = None
    for path, mode in (("etc/kolla-lang", 0o777), ("etc/kolla-lang/generations", 0o775), ("var/lib/kolla-lang/journal", 0o777),
                       ("etc/kolla-lang/engine/*", 0o757), ("etc/systemd/system-generators/kolla-lang", 0o766),
                       ("etc/kolla-lang/generations/1/manifest.json", 0o666), ("run/kolla-lang", 0o777)):
        host.reset(bench.work / "disk")
        host.boot()
        place = next(iter(sorted(host.root.glob(path))))
        place.chmod(mode)
        engine = "/" + str(place.relative_to(host.root))
        said = ends(host, switch_to("new"), 2)
        if f"{engine} is not root's alone" not in said or "nothing on this host was touched" not in said:
            wrong(f"{engine} with {mode:04o}: {said}")
        if os.readlink(host.root / "etc/kolla-lang/boot") != "generations/1":
            wrong(f"{engine} with {mode:04o}: another generation is committed")
        step = re.search(r"`(chmod go-w [^`]+)`", said).group(1)
        ends(host, step.split(), 0)
        ends(host, switch_to("new"), 0)
        point(f"{engine} with {mode:04o} is refused, and `chmod go-w` helps")
        host.kill()


def links(bench):
    """A link where a file of ours is to be written leads nobody's text away."""
    for path in ("var/lib/kolla-lang/journal/open.journal", "run/kolla-lang/lock", "run/kolla-lang/confirm",
                 "etc/sysctl.d/90-kolla-lang.conf", "etc/modules-load.d/kolla-lang.conf", "var/lib/kolla-lang/rollout"):
        host = bench.own_host()
        host.reset(bench.work / "disk")
        host.boot()
        victim = host.root / "etc/thesis"
        victim.write_text("years of work\n")
        victim.chmod(0o640)
        before = (victim.read_text(), victim.stat().st_mode, victim.stat().st_ino)
        place = host.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to("/etc/thesis")
        code = host.command(switch_to("new"))
        if code not in (0, 2, 4, 5):
            wrong(f"a link at /{path}: the switch ended with {code}: {host.output('command')}")
        if (victim.read_text(), victim.stat().st_mode, victim.stat().st_ino) != before:
            wrong(f"a link at /{path}: what it leads to was written")
        boot = os.readlink(host.root / "etc/kolla-lang/boot")
        if (boot == "generations/2") != (code in (0, 4)):
            wrong(f"a link at /{path}: {code}, and {boot} is committed: {host.output('command')}")
        point(f"a link at /{path}: ended with {code}, and what it leads to is as it was")
        host.kill()


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--program", required=True)
    args.add_argument("--book", type=Path, default=ROOT / "docs/book/switch.md", help="where the modes are said")
    args.add_argument("--list", action="store_true", help="print the modes and end")
    args = args.parse_args()
    rows = [] if args.list else table(args.book)
    with scratch_bench(args.program, "kolla-lang-modes.") as bench:
        if args.list:
            host = bench.own_host()
            host.reset(bench.work / "disk")
            host.boot()
            ends(host, switch_to("new"), 0)
            for path, is_ in walk(host.root):
                print(f"{stat.S_IMODE(is_.st_mode):04o} {stat.filemode(is_.st_mode)[0]} {path}")
            return
        under_each_umask(bench, rows)
        wrong_modes(bench)
        links(bench)


if __name__ == "__main__":
    main()
