"""Looks for secrets where none may be: in files, in the bytes of a disk, and in what processes are started with.

A mark stands for all secrets that begin with it. It is looked for as it is, in base64 at each of the three alignments and in both
alphabets, in hex, URL-encoded, and, as a key is base64 itself, decoded. Knows nothing of what is searched, and never prints a secret.

    canary.py search MARKS PATH…   files, folders below each other, or a disk image, whose finds are named by the files on it
    canary.py watch MARKS OUT      arguments and environments of all processes of the machine, until it is told to end

MARKS holds one mark a line. A find is a line: the number of the mark, what it was found in, its form, and where, with tabs between
them, and what stands before it. Memory is bounded by a block.
"""

import base64
import errno
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

BLOCK = 1 << 22
EXT4 = 4096  # the block of the file systems that the lab makes


def forms(mark):
    """Every form of a mark, by name. In base64 the characters at both ends depend on what stands beside it, and are left out."""
    found = {"plain": [mark], "hex": [mark.hex().encode(), mark.hex().upper().encode()]}
    found["url"] = ["".join(f"%{it:02{x}}" for it in mark).encode() for x in "xX"]
    found["base64"] = []
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + mark)
        inner = whole[-(-before * 8 // 6):len(mark) * 8 // 6 + before * 8 // 6 - 1]
        found["base64"] += {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    even = mark[:len(mark) // 4 * 4]
    if re.fullmatch(rb"[A-Za-z0-9_-]{12,}", even):
        found["decoded"] = [base64.urlsafe_b64decode(even)]
    return {name: [it for it in all_of_it if len(it) >= 9] for name, all_of_it in found.items()}


class Search:
    """What is looked for, and what was found."""

    def __init__(self, marks):
        lines = Path(marks).read_bytes().split()
        if not lines or any(len(it) < 12 for it in lines):
            sys.exit("a mark has 12 characters at least")
        self.needles = [(f"{number}", form, needle) for number, mark in enumerate(lines, 1)
                        for form, all_of_it in forms(mark).items() for needle in all_of_it]
        self.longest = max(len(needle) for *_, needle in self.needles)
        self.n_files = self.n_bytes = 0
        self.found = []

    def text(self, what, data, offset=0, skip=0):
        """Searches bytes; what ends within the first `skip` was searched before."""
        for mark, form, needle in self.needles:
            at = data.find(needle)
            while at >= 0:
                if at + len(needle) > skip:
                    before = re.sub(rb"[^ -~]+", b".", data[max(0, at - 60):at]).decode()
                    self.found.append((mark, what, form, offset + at, before))
                at = data.find(needle, at + 1)

    def stream(self, what, file):
        """Searches a file block by block, without its holes."""
        self.n_files += 1
        kept, offset = b"", 0
        is_sparse = file.seekable()
        while True:
            if is_sparse and not kept:
                try:
                    offset = os.lseek(file.fileno(), offset, os.SEEK_DATA)
                except OSError as error:
                    if error.errno == errno.ENXIO:
                        return  # Nothing but a hole up to the end.
                    raise
            block = file.read(BLOCK)
            if not block:
                return
            self.n_bytes += len(block)
            data = kept + block
            self.text(what, data, offset - len(kept), len(kept))
            offset += len(block)
            # A block of nothing ends what could go on: the next one begins at the next data.
            kept = b"" if is_sparse and not block.strip(b"\0") else data[-(self.longest - 1):]

    def path(self, path):
        """Searches a file, or a folder with all below it on the same file system: names, links, attributes and contents."""
        top = os.lstat(path)
        if not stat.S_ISDIR(top.st_mode):
            self.file(path)
            return
        for folder, folders, files in os.walk(path, onerror=self.gone):
            folders[:] = sorted(it for it in folders if self.is_on(os.path.join(folder, it), top.st_dev))
            for name in sorted(folders) + sorted(files):
                at = os.path.join(folder, name)
                self.text(f"{at} (its name)", os.fsencode(name))
            for name in sorted(files):
                self.file(os.path.join(folder, name))

    @staticmethod
    def is_on(path, device):
        try:
            return os.lstat(path).st_dev == device
        except OSError:
            return False

    @staticmethod
    def gone(error):
        if not isinstance(error, FileNotFoundError):
            raise error

    def file(self, path):
        try:
            kind = os.lstat(path).st_mode
            if stat.S_ISLNK(kind):
                self.text(f"{path} (its target)", os.fsencode(os.readlink(path)))
            elif stat.S_ISREG(kind):
                with open(path, "rb", buffering=0) as file:
                    self.stream(path, file)
        except FileNotFoundError:
            pass  # What is gone is not there.


def owners(image, offsets):
    """The files on an ext4 that bytes of it belong to, by offset; what belongs to none was deleted, or is of the file system itself."""
    blocks = sorted({it // EXT4 for it in offsets})
    inodes, names = {}, {}
    for line in debugfs(image, "icheck", blocks):
        fields = line.split()
        if len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit():
            inodes[int(fields[0])] = int(fields[1])
    for line in debugfs(image, "ncheck", sorted(set(inodes.values()))):
        number, _, name = line.strip().partition("\t")
        if number.isdigit():
            names[int(number)] = name.strip()
    return {it: names.get(inodes.get(it // EXT4), "a file without a name" if it // EXT4 in inodes else "no file") for it in offsets}


def debugfs(image, question, numbers):
    lines = []
    for at in range(0, len(numbers), 500):
        asked = f"{question} {' '.join(map(str, numbers[at:at + 500]))}"
        said = subprocess.run(["debugfs", "-R", asked, image], capture_output=True, text=True, check=True, errors="replace")
        lines += said.stdout.splitlines()
    return lines


def is_disk(path):
    """Whether a file is an ext4: by the number in its superblock."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        file.seek(1024 + 56)
        return file.read(2) == b"\x53\xef"


def search(marks, paths):
    looked = Search(marks)
    for path in paths:
        n_before = len(looked.found)
        looked.path(path)
        for image in sorted({it[1] for it in looked.found[n_before:] if is_disk(it[1])}):
            names = owners(image, [it[3] for it in looked.found if it[1] == image])
            looked.found = [(mark, f"{what}:{names[offset]}" if what == image else what, form, offset, before)
                            for mark, what, form, offset, before in looked.found]
    for find in looked.found:
        print(*find, sep="\t")
    print(f"searched {looked.n_files} files, {looked.n_bytes} bytes", file=sys.stderr)
    return 1 if looked.found else 0


def watch(marks, out):
    """Reads again and again what processes were started with; each find is written once, with the process's name."""
    looked, told, seen, passes = Search(marks), set(), set(), 0
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    with open(out, "w", encoding="utf-8") as file:
        print("watching", file=file, flush=True)
        while not ended:
            passes += 1
            for pid in filter(str.isdigit, os.listdir("/proc")):
                for what in ("cmdline", "environ"):
                    try:
                        data = Path("/proc", pid, what).read_bytes()
                    except OSError:
                        continue  # It ended, or is a thread of the kernel.
                    if (key := hash((pid, what, data))) in seen:
                        continue
                    seen.add(key)
                    looked.text(what, data)
                    for mark, _, form, offset, before in looked.found:
                        find = (mark, f"{what} of {read_name(pid)}", form)
                        if find not in told:
                            told.add(find)
                            print(*find, offset, before, sep="\t", file=file, flush=True)
                    looked.found.clear()
            time.sleep(0.005)
        print(f"watched {len(seen)} texts in {passes} passes", file=file)
    return 0


def read_name(pid):
    try:
        return Path("/proc", pid, "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a process that is gone"


def main():
    what, marks, *rest = sys.argv[1:]
    return {"search": search, "watch": lambda marks, rest: watch(marks, rest[0])}[what](marks, rest)


if __name__ == "__main__":
    sys.exit(main())
