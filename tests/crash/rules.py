"""What a kill cannot show: whether everything was on disk before what relied on it. Read from the trace alone.

SIGKILL leaves the page cache, so a sync that is missing breaks nothing in a test with kills. Here each trace is played through: what
is written and not yet synced is remembered, and at each deed that needs it on disk it must not be there any more.
"""

import json
import re

DURABLE = ("/etc/kolla-lang", "/var/lib/kolla-lang")
BOOT, TRIAL = "/etc/kolla-lang/boot", "/run/kolla-lang/trial"
JOURNALS = "/var/lib/kolla-lang/journal"
OPEN = f"{JOURNALS}/open.journal"
DONE = "/var/lib/kolla-lang/done"
RECORD = re.compile(r'\\"record\\":\\"([a-z-]+)\\"')
DEEDS = {"StartUnit": "acting", "RestartUnit": "acting", "TryRestartUnit": "acting", "ReloadUnit": "acting", "StopUnit": "stopping"}


def folder_of(path):
    return path.rsplit("/", 1)[0]


def is_temporary(path):
    return "/.tmp-" in path


class Disk:
    """What is written and not yet on disk: texts of files, and names in folders."""

    def __init__(self):
        self.texts, self.names = set(), {}

    def write(self, path):
        if path.startswith(DURABLE):
            self.texts.add(path)

    def name(self, path):
        if path.startswith(DURABLE):
            self.names[path] = folder_of(path)

    def forget(self, path):
        """A file or folder is removed, with all in it."""
        within = lambda it: it == path or it.startswith(path + "/")
        self.texts = {it for it in self.texts if not within(it)}
        self.names = {it: folder for it, folder in self.names.items() if not within(it)}

    def rename(self, old, new):
        moved = lambda it: new + it[len(old):] if it == old or it.startswith(old + "/") else it
        self.texts = {moved(it) for it in self.texts}
        self.names = {moved(it): moved(folder) if it != old else folder_of(new) for it, folder in self.names.items()}
        self.name(new)

    def sync(self, path):
        self.texts.discard(path)
        self.names = {it: folder for it, folder in self.names.items() if folder != path}

    def sync_all(self, path):
        """The file system of a path; /etc and /var may be two."""
        root = next((it for it in DURABLE if path.startswith(it)), path)
        self.texts = {it for it in self.texts if not it.startswith(root)}
        self.names = {it: folder for it, folder in self.names.items() if not it.startswith(root)}

    def unsynced(self, below):
        return sorted(it for it in {*self.texts, *self.names} if it.startswith(below) and not is_temporary(it))


class Player:
    """Plays a trace through and notes every rule that is broken."""

    def __init__(self):
        self.disk, self.problems, self.runs = Disk(), [], set()
        self.begin()

    def begin(self):
        """Forgets a switch that ended: a run may end one that was left open and then do its own."""
        self.has_journal = self.armed = self.committed = self.disarmed = False
        self.records, self.told = [], set()

    def want(self, holds, problem):
        if not holds:
            self.problems.append(f"order: {problem}")

    def play(self, call):
        if call.result < 0:
            return
        paths = call.paths
        if call.name in ("open", "openat", "creat") and "O_CREAT" in call.arguments:
            if paths[0] == OPEN:
                self.has_journal = True
            self.disk.name(paths[0])
        elif call.name in ("open", "openat") and paths[:1] == [OPEN]:
            self.has_journal = True
        elif call.name in ("write", "pwrite64", "writev", "ftruncate"):
            self.wrote(call)
        elif call.name in ("mkdir", "mkdirat", "symlink", "symlinkat", "link", "linkat"):
            self.disk.name(paths[-1])
            if paths[-1].startswith("/etc/") and not is_temporary(paths[-1]):
                self.changed_host(paths[-1])
        elif call.name in ("fsync", "fdatasync"):
            self.disk.sync(call.file)
        elif call.name == "syncfs":
            self.disk.sync_all(call.file)
        elif call.name.startswith("unlink") or call.name == "rmdir":
            self.removed(paths[-1] if paths else "")
        elif call.name.startswith("rename"):
            self.renamed(paths[0], paths[-1])
        elif call.kind == "unit":
            self.asked(call)

    def wrote(self, call):
        self.disk.write(call.file)
        if call.file.startswith("/proc/sys/"):
            key = call.file.removeprefix("/proc/sys/").replace("/", ".")
            self.deed(f"setting {key}", ("kernel", "reverting"))
        if call.file == OPEN:
            for kind in RECORD.findall(call.arguments)[:1]:
                unit = re.search(r'\\"unit\\":\\"([^"\\]+)\\"', call.arguments)
                self.records.append(kind)
                self.told.add((kind, unit.group(1) if unit else ""))

    def removed(self, path):
        self.disk.forget(path)
        if path == TRIAL and self.has_journal:
            if self.committed:
                self.want(not self.disk.unsynced(BOOT), "the trial ends before the folder of `boot` is synced")
            self.want(not self.disarmed, "the timer is disarmed while a trial is left")

    def renamed(self, old, new):
        if new == BOOT:
            self.want(not self.disk.unsynced("/etc/kolla-lang"), f"`boot` is renamed before {self.disk.unsynced('/etc/kolla-lang')[:3]} is synced")
            self.deed("the commit", ("committing",))
            self.committed = True
        elif new == TRIAL:
            self.want(self.armed or not self.has_journal, "the trial begins before the timer is armed")
            self.deed("the trial", ("trial",))
        elif old == OPEN:
            self.want(OPEN not in self.disk.texts, "the journal is closed before its end is synced")
            self.want(self.disarmed or not self.armed, "the journal is closed before the timer is disarmed")
            self.begin()
        elif folder_of(new) == DONE:
            self.want(old not in self.disk.texts, "a stamp is renamed before its text is synced")
            self.want(bool(self.runs), "a task is stamped before it ran")
        self.disk.rename(old, new)
        if new.startswith("/etc/") and not new.startswith("/etc/kolla-lang"):
            self.changed_host(new)

    def changed_host(self, path):
        if self.has_journal:
            self.want(self.committed or "recovering" in self.records or "reverting" in self.records, f"{path} changes before the commit")

    def deed(self, what, intents):
        """Something is done that the journal must tell of first."""
        if not self.has_journal:
            return
        self.want(any(it in self.records for it in intents), f"{what} comes before its record")
        self.on_disk(what)

    def on_disk(self, what):
        self.want(not self.disk.unsynced(JOURNALS), f"{what} comes before the journal is synced")
        if self.committed:
            self.want(not self.disk.unsynced(BOOT), f"{what} comes before the folder of `boot` is synced")

    def asked(self, call):
        method, _, unit = call.what.partition(" ")
        if method == "StartTransientUnit" and "revert" in unit:
            self.deed("arming the timer", ("arming",))
            self.armed = True
        elif method == "StopUnit" and "revert" in unit:
            self.disarmed = True
            back = {"reverting", "recovering"} & set(self.records)
            self.want(self.committed or back, "the timer is disarmed before the commit")
            self.want(not self.disk.unsynced(BOOT), "the timer is disarmed before the folder of `boot` is synced")
        elif method in DEEDS and not unit.startswith("kolla-lang"):
            if self.has_journal:
                self.want((DEEDS[method], unit) in self.told, f"{method} {unit} comes before its record")
                self.on_disk(f"{method} {unit}")
            if method == "StartUnit" and unit.startswith("seed"):
                self.runs.add(unit)
        elif method == "Reload":
            self.on_disk("a reload")


def check(calls):
    """Lists the rules that a trace breaks. After an injected error syncs are missing on purpose, and nothing is said."""
    if any(it.injected for it in calls):
        return []
    player = Player()
    for call in calls:
        player.play(call)
    return player.problems
