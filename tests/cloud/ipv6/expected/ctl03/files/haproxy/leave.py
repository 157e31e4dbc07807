"""HAProxy is about to end, and lets go of the VIPs first: leave.py VIP,… NAME:PORT…, the endpoints that answer requests

Nobody who has asked may be left without an answer, and nobody who asks may be refused. So the sockets that listen on
the VIPs close first: a filter drops whatever would begin a connection, and a client asks again a second later. What is open goes
on until it is answered. Then keepalived reads the file that says so, another host has the VIPs, and hears who asks again. What is
answered may itself need an endpoint that only passes connections on, so the sockets of those close last.

Nothing is opened again: the sockets end with this HAProxy, and the next one begins with its own.
"""

import array
import contextlib
import ctypes
import ipaddress
import json
import re
import socket
import struct
import subprocess
import sys
import time

FOLDER = "/var/lib/kolla/haproxy"
SO_ATTACH_FILTER = 26  # asm-generic/socket.h
# linux/filter.h: of the TCP header's byte 13 the flags SYN and ACK; SYN alone is dropped, everything else passes.
FILTER = [(0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)]


def ask(command):
    """A connection to HAProxy's own socket that has asked this."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5)
    connection.connect(f"{FOLDER}/haproxy.sock")
    connection.sendall(command.encode() + b"\n")
    return connection


def listening():
    """The sockets on which HAProxy listens, as it hands them to the one that is to follow it."""
    with ask("_getsocks") as connection:
        (count,) = struct.unpack("i", connection.recv(4, socket.MSG_WAITALL))
        numbers = array.array("i")
        while len(numbers) < count:
            data, messages, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(count * numbers.itemsize))
            if not data:
                break
            for level, kind, some in messages:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    numbers.frombytes(some)
            if len(numbers) < count:
                connection.sendall(struct.pack("i", len(numbers)))
    return [socket.socket(fileno=number) for number in numbers]


def close(sockets):
    """Nothing begins on these sockets any more; what has begun goes on. Linux 6.18 wants CAP_NET_ADMIN for it."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in FILTER))
    for one in sockets:
        one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(FILTER), ctypes.addressof(code)))


def answers(names):
    """Whether a request is being answered that began less than 5 s ago; one that takes longer is not waited for."""
    with ask("show sess") as connection, connection.makefile(errors="replace") as lines:
        return any(
            (at := re.search(r" fe=(\S+) ", line)) and at[1] in names and re.search(r" age=[0-4]s ", line) for line in lines
        )


def holds(vips):
    """Whether this host has one of the VIPs."""
    interfaces = json.loads(subprocess.run(["ip", "-json", "addr"], check=True, capture_output=True).stdout)
    return any(ipaddress.ip_address(it["local"]) in vips for one in interfaces for it in one.get("addr_info", []) if "local" in it)


@contextlib.contextmanager
def all_the_same():
    """What fails in here is said, and the VIPs are let go of all the same."""
    try:
        yield
    except (OSError, struct.error) as why:
        print(f"whoever comes in last may have no answer: {why}", file=sys.stderr)


def main():
    vips = {ipaddress.ip_address(vip) for vip in sys.argv[1].split(",")}
    ports = {name: int(port) for name, port in (it.rsplit(":", 1) for it in sys.argv[2:])}
    sockets = []
    with all_the_same():
        inet = [it for it in listening() if it.family in (socket.AF_INET, socket.AF_INET6)]
        sockets = [it for it in inet if ipaddress.ip_address(it.getsockname()[0]) in vips]
        close([it for it in sockets if it.getsockname()[1] in ports.values()])
    with all_the_same():
        deadline = time.monotonic() + 6  # who keeps a connection may go on asking by it
        time.sleep(0.2)  # who has just come in has asked by then
        while answers(ports) and time.monotonic() < deadline:
            time.sleep(0.1)
    with all_the_same():
        close(sockets)

    with open(f"{FOLDER}/leaving", "w", encoding="utf-8") as file:
        file.write("1\n")
    deadline = time.monotonic() + 5
    while holds(vips) and time.monotonic() < deadline:
        time.sleep(0.1)


main()
