"""What the commands of an operator leave on a disk under any umask, and that a link or a file of somebody else in their way stays.

Run as root, and acts as another user. Run by tests/show/7e.
"""

import argparse
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from prompts import CLOUD, KEYS, ROOT, point, wrong

NOBODY = 65534


class Operator:
    def __init__(self, program, folder):
        self.folder = Path(folder)
        self.program = self.folder / "kolla-lang"
        shutil.copy(program, self.program)
        self.home, self.site = self.folder / "home", self.folder / "site"
        for place in (self.home, self.site):
            place.mkdir()
        operator, host = ((KEYS / f"{name}.pub").read_text().strip() for name in ("operator", "host"))
        (self.site / "cloud.kl").write_text(CLOUD.format(operator=operator, host=host))
        shutil.copy(KEYS / "operator", self.folder / "operator")
        (self.folder / "operator").chmod(0o600)
        for place in (self.folder, self.home, self.site, self.site / "cloud.kl", self.folder / "operator"):
            os.chown(place, NOBODY, NOBODY)

    def run(self, *words, code=0, umask=0o022, given=None):
        def become():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.umask(umask)

        done = subprocess.run([self.program, *words], cwd=self.site, env={"HOME": str(self.home), "PATH": os.environ["PATH"]},
                              capture_output=True, text=True, preexec_fn=become, input=given)
        if done.returncode != code:
            wrong(f"umask {umask:03o}: `{' '.join(words)}` ended with {done.returncode}, not {code}: {done.stderr}")
        return done.stdout + done.stderr

    def show(self):
        return self.run("secrets", "show", "shop/one", "--identity", str(self.folder / "operator")).strip()


def under(program, umask):
    with tempfile.TemporaryDirectory(prefix="kolla-lang-modes.") as folder:
        operator = Operator(program, folder)
        run = lambda *words, **more: operator.run(*words, umask=umask, **more)
        run("secrets", "generate")
        identity = ("--identity", str(operator.folder / "operator"))
        run("secrets", "edit", "shop/one", *identity, given="another\n")
        run("secrets", "rotate", "shop/one")
        run("build")
        run("build", "--out", "plain")
        n_seen = n_sealed = 0
        for place in (operator.home, operator.site):
            for above, names, files in os.walk(place):
                for name in [*names, *files]:
                    path = Path(above, name)
                    is_ = path.lstat()
                    mode = stat.S_IMODE(is_.st_mode)
                    if stat.S_ISLNK(is_.st_mode):
                        continue
                    n_seen += 1
                    if mode & 0o022:
                        wrong(f"umask {umask:03o}: others may write {path.relative_to(folder)}: {mode:04o}")
                    if not mode & 0o400:
                        wrong(f"umask {umask:03o}: its owner may not read {path.relative_to(folder)}: {mode:04o}")
                    if name == "cloud.secrets" or not path.is_file() or b"BEGIN AGE" not in path.read_bytes():
                        continue
                    n_sealed += 1
                    if mode & 0o077:
                        wrong(f"umask {umask:03o}: ciphertext in {path.relative_to(folder)} has {mode:04o}")
        if not n_sealed:
            wrong("no ciphertext of a host was built, which this is about")
        mode = stat.S_IMODE((operator.site / "cloud.secrets").stat().st_mode)
        if mode != 0o644:
            wrong(f"umask {umask:03o}: cloud.secrets has {mode:04o}")
        point(f"umask {umask:03o}: none of {n_seen} files and folders of an operator can be written by others, and no ciphertext of a host read")


def links(program):
    with tempfile.TemporaryDirectory(prefix="kolla-lang-modes.") as folder:
        operator = Operator(program, folder)
        operator.run("secrets", "generate")
        site = operator.site

        (site / "result").write_text("years of work\n")
        said = operator.run("build", code=2)
        if "stays as it is" not in said or (site / "result").read_text() != "years of work\n":
            wrong(f"a file called result: {said}")
        (site / "result").unlink()
        (site / "result").mkdir()
        operator.run("build", code=2)
        (site / "result").rmdir()
        operator.run("build")
        operator.run("build")
        if not (site / "result").is_symlink():
            wrong("build made no link")
        point("a file and a folder called `result` stay, and the build says so")

        # Somebody keeps the secrets elsewhere, for his own reasons.
        (folder_of := operator.folder / "elsewhere").mkdir()
        os.chown(folder_of, NOBODY, NOBODY)
        shutil.move(site / "cloud.secrets", folder_of / "kept")
        os.chown(folder_of / "kept", NOBODY, NOBODY)
        (folder_of / "kept").chmod(0o600)
        (site / "cloud.secrets").symlink_to(folder_of / "kept")
        before = operator.show()
        operator.run("secrets", "rotate", "shop/one")
        if not (site / "cloud.secrets").is_symlink() or operator.show() == before:
            wrong("cloud.secrets as a link: it was replaced, or nothing was changed")
        if stat.S_IMODE((folder_of / "kept").stat().st_mode) != 0o600:
            wrong("cloud.secrets as a link: others may read now what they could not")
        point("a link called cloud.secrets stays, what it leads to is changed, and keeps its mode")

        # What is no file of secrets is not repeated, whatever a link leads to.
        (site / "cloud.secrets").unlink()
        (site / "cloud.secrets").symlink_to(operator.folder / "operator")
        said = operator.run("check", code=2)
        key = (KEYS / "operator").read_text().splitlines()
        if any(line in said for line in key[1:-1]):
            wrong("a private key was printed")
        if (operator.folder / "operator").read_text().splitlines() != key:
            wrong("a private key was written")
        point("cloud.secrets as a link to a private key: refused, and nothing of the key is printed")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--program", required=True, type=Path)
    args = args.parse_args()
    if os.geteuid() != 0:
        sys.exit("it needs root, to be another user")
    for umask in (0o000, 0o022, 0o077, 0o777):
        under(args.program, umask)
    links(args.program)


if __name__ == "__main__":
    main()
