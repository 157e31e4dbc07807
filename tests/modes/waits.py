"""A switch on a host whose bus daemon is stopped, and with --pull one whose podman gets nothing from a registry: each ends within its limit,
says what does not answer, and touches nothing. The host is a scratch one with a fake systemd (tests/crash). Run by tests/show/7e.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "crash"))
from crash import scratch_bench, switch_to  # noqa: E402
from prompts import point, wrong  # noqa: E402

# Twenty seconds for the bus, and two minutes for `systemctl` behind it.
LIMIT = 180
# What `podman pull` has, and what the switch takes beside it.
PULL_LIMIT = 1800 + 120


def bus_daemon(host):
    """The number of the host's bus daemon, as it is known here."""
    first = Path(f"/proc/{host.keeper}/task/{host.keeper}/children").read_text().split()[0]
    for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split():
        if Path(f"/proc/{pid}/comm").read_text().strip() == "dbus-daemon":
            return int(pid)
    return wrong("the host has no bus daemon")


def refused(host, what, limit, words):
    """A switch to `new` is refused within a limit, and nothing is touched; returns the seconds."""
    began = time.monotonic()
    code = host.wait(host.begin_command(switch_to("new")), limit)["code"]
    secs = time.monotonic() - began
    said = host.output("command")
    if code != 2 or words not in said or "nothing on this host was touched" not in said:
        wrong(f"{what}: ended with {code} after {secs:.0f} s: {said}")
    if os.readlink(host.root / "etc/kolla-lang/boot") != "generations/1":
        wrong(f"{what}: another generation is committed")
    return secs


def succeeds(host, what):
    code = host.command(switch_to("new"))
    if code != 0:
        wrong(f"a switch without {what} ended with {code}: {host.output('command')}")


def bus(host):
    daemon = bus_daemon(host)
    os.kill(daemon, signal.SIGSTOP)
    secs = refused(host, "a bus that is stopped", LIMIT, "cannot start kolla-lang-switch.service")
    os.kill(daemon, signal.SIGCONT)
    succeeds(host, "that")
    point(f"a bus daemon that is stopped: refused after {secs:.0f} s, and nothing was touched")


def is_pull(path):
    try:
        return path.read_bytes() == b"sleep\x009999\0"
    except OSError:
        return False


def pull(host, bench):
    podman = bench.work / "shared/opt/fake/podman"
    text = podman.read_text()
    podman.write_text(text.replace('"image exists") ;;', '"image exists") exit 1 ;;').replace('"pull "*) ;;', '"pull "*) exec sleep 9999 ;;'))
    secs = refused(host, "a registry that says nothing", PULL_LIMIT, "was not done within 1800 s")
    if any(is_pull(it) for it in Path("/proc").glob("[0-9]*/cmdline")):
        wrong("what pulled goes on")
    podman.write_text(text)
    succeeds(host, "that")
    point(f"a registry that says nothing: refused after {secs:.0f} s, and nothing was touched")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--program", required=True)
    args.add_argument("--pull", action="store_true", help="wait for the limit of a pull, too: half an hour")
    args = args.parse_args()
    with scratch_bench(args.program, "kolla-lang-waits.") as bench:
        host = bench.own_host()
        host.reset(bench.work / "disk")
        host.boot()
        bus(host)
        if args.pull:
            host.kill()
            host.reset(bench.work / "disk")
            host.boot()
            pull(host, bench)
        host.kill()


if __name__ == "__main__":
    main()
