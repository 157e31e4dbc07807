"""Reads what strace wrote: which system calls change files, links or units, what each is called, and where it stands.

Runs nothing. A call is named by what it does and how often that was done before, so that its name is the same in every run,
whatever temporary names are drawn and however often somebody asks how far a job is.
"""

import re
from collections import Counter
from dataclasses import dataclass

# What strace is asked to show, and so what can be stopped at; everything else neither changes nor asks anything.
OPENS = ("open", "openat", "openat2", "creat")
WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "fallocate", "copy_file_range", "sendfile",
          "fchmod", "fchown", "fsetxattr")
NAMES = ("mkdir", "mkdirat", "rmdir", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink",
         "unlinkat", "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "truncate", "utimensat", "mknod", "mknodat",
         "mount", "umount2", "setxattr", "lsetxattr")
SYNCS = ("fsync", "fdatasync", "syncfs", "sync", "sync_file_range", "msync")
LOCKS = ("flock",)
BUS = ("sendmsg", "sendto")
HELPERS = ("clone", "clone3", "vfork", "fork")
TRACED = OPENS + WRITES + NAMES + SYNCS + LOCKS + BUS + HELPERS

CHANGING = {"StartUnit", "StopUnit", "RestartUnit", "TryRestartUnit", "ReloadUnit", "ReloadOrRestartUnit", "Reload",
            "ResetFailedUnit", "StartTransientUnit", "KillUnit", "SetUnitProperties", "EnableUnitFiles", "AttachProcessesToUnit"}
CALL = re.compile(r"^(?:\d+ +)?([a-z0-9_]+)\((.*)$")
RESULT = re.compile(r"\) += (-?\d+|\?)(?:<[^>]*>)?(?: ([A-Z0-9]+) \([^)]*\))?(?: \(INJECTED[^)]*\))?(.*)$")
RANDOM = re.compile(r"\.tmp-[A-Za-z0-9]+|\b[0-9a-f]{12,64}\b|\b[0-9]{8,}(?:-[0-9a-z]+)*\b")


@dataclass
class Call:
    """A system call as strace saw it."""

    name: str           # of the system call
    number: int         # among the calls of this name, as strace counts for `when=`
    arguments: str
    result: int         # -1 for an error or if it did not return
    error: str
    injected: bool
    what: str = ""      # what it does, without what is random
    kind: str = ""      # its class, or nothing if it changes nothing
    reason: str = ""    # why it is none, if it is of a name that could be one
    point: str = ""     # its name: `what` and the how-manieth
    here: int = 0       # its number among the calls of this name on this file, if the file has the same name in every run

    @property
    def paths(self):
        """The paths it names, in order."""
        return re.findall(r'"((?:[^"\\]|\\.)*)"', self.arguments)

    @property
    def file(self):
        """The path behind the descriptor it works on."""
        found = re.match(r"-?\d+<([^>]*)>", self.arguments)
        return found.group(1) if found else ""


def plain(text):
    """Takes out what is drawn anew for every run: temporary names, digests, numbers of transactions."""
    return RANDOM.sub(lambda found: ".tmp-*" if found.group().startswith(".tmp-") else "*", text)


def read(text):
    """Reads a trace of one thread."""
    calls, counts, seen, here = [], Counter(), Counter(), Counter()
    for line in text.splitlines():
        found = CALL.match(line)
        if not found:
            continue
        name, rest = found.groups()
        counts[name] += 1
        ended = RESULT.search(rest)
        returned = ended and ended.group(1) != "?"
        call = Call(name, counts[name], rest[:ended.start()] if ended else rest, int(ended.group(1)) if returned else -1,
                    (ended.group(2) or "") if returned else "killed", "INJECTED" in line)
        describe(call)
        if call.file and plain(call.file) == call.file:
            here[name, call.file] += 1
            call.here = here[name, call.file]
        if call.what:
            seen[call.what] += 1
            call.point = f"{call.what} #{seen[call.what]}"
        calls.append(call)
    return calls


def describe(call):
    """Says what a call does, of which class it is, or why it counts nothing."""
    if call.name in OPENS:
        if not re.search(r"O_(CREAT|TRUNC|WRONLY|RDWR)", call.arguments):
            return
        path = call.paths[0] if call.paths else ""
        call.what = f"open {plain(path)}"
        classify(call, path, "file")
    elif call.name in WRITES:
        call.what = f"{call.name} {plain(call.file)}"
        classify(call, call.file, "file")
    elif call.name == "mount":
        # The kind of file system tells a second try from the first one.
        source, target, kind = (call.paths + ["", "", ""])[:3]
        call.what = f"mount {kind} at {plain(target)}"
        classify(call, target, "mount")
    elif call.name in NAMES:
        call.what = f"{call.name} {' -> '.join(plain(it) for it in call.paths)}"
        is_link = "symlink" in call.name or call.paths[-1:] == ["/run/kolla-lang/trial"] or call.paths[-1:] == ["/etc/kolla-lang/boot"]
        classify(call, call.paths[-1] if call.paths else "", "link" if is_link else "name")
    elif call.name in SYNCS:
        call.what = f"{call.name} {plain(call.file)}"
        classify(call, call.file, "sync")
    elif call.name in LOCKS:
        call.what, call.kind = f"flock {plain(call.file)}", "lock"
    elif call.name in HELPERS:
        if "CLONE_THREAD" in call.arguments:
            return
        call.what, call.kind = "run a program", "program"
    elif call.name in BUS:
        describe_message(call)


def classify(call, path, kind):
    if not path.startswith("/") or path.startswith(("/dev/", "/proc/self", "/out/", "/memfd:")):
        call.reason = "goes to the terminal, a pipe or the program itself: no file of the host"
    elif call.error and not call.injected and call.error != "killed":
        call.reason = "changed nothing: it was there, or was not"
    else:
        call.kind = "journal" if "/kolla-lang/journal" in path else kind


def describe_message(call):
    words = [word for word in re.findall(r"[A-Za-z0-9_.@:/\\-]{3,}", re.sub(r"\\[0-7]{1,3}|\\[tnrvf]", " ", call.arguments))]
    method = next((word for word in words if word in CHANGING), None)
    if method is None:
        call.what, call.reason = "ask over the bus", "asks systemd and changes nothing"
        return
    after = words[words.index(method) + 1:]
    units = [word for word in after if re.search(r"\.(service|timer|target|socket)$", word)]
    call.what, call.kind = f"{method} {plain(units[0]) if units else ''}".strip(), "unit"


def last(calls):
    """The call that did not return, if the trace ends in one."""
    return calls[-1] if calls and calls[-1].error == "killed" else None
