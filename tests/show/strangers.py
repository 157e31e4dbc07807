"""One who is no host of a group and speaks to its coordinators as if it were: `strangers.py KIND END POSITION PORT OWN OTHER…`.

OWN is HOST=ADDRESS, whom it speaks as and from; OTHER are the coordinators of other hosts, written likewise. Goes on until there is
a file END, and prints one line: how often it tried, and how often it was heard, which is an answer or a word that only the believed get.
"""

import hashlib
import hmac
import json
import os
import random
import socket
import sys
import time

kind, end, position, port, own, *others = sys.argv[1:]
port = int(port)
name, address = own.split("=")
others = [it.split("=") for it in others]
counts = {"kind": kind, "tried": 0, "heard": 0}
held = []
GREETING = "kolla-lang rejoin 2 "
FORGED = json.dumps({"hosts": sorted([name, *(it for it, _ in others)]), "state": "takes-part", "round": None, "promised": True})


def is_over():
    """Whether whoever began this says so, or is gone with the folder."""
    return os.path.exists(end) or not os.path.isdir(os.path.dirname(end))


def dial(to):
    """A connection from the own address, from a port of root's where that is possible."""
    stream = socket.socket()
    stream.settimeout(3)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for low in (*random.sample(range(700, 900), 8), 0):
        try:
            stream.bind((address, low))
            break
        except OSError:
            continue
    stream.connect((to, port))
    counts["tried"] += 1
    return stream


def line(stream):
    text = b""
    try:
        while not text.endswith(b"\n") and len(text) < 1 << 16:
            piece = stream.recv(4096)
            if not piece:
                break
            text += piece
    except OSError:
        pass
    return text.decode(errors="replace").strip()


def says(stream, text):
    """What comes back to a line, beside a greeting."""
    try:
        stream.sendall(text.encode() + b"\n")
    except OSError:
        return ""
    answer = line(stream)
    return line(stream) if answer.startswith(GREETING) else answer


def heard(answer):
    counts["heard"] += bool(answer)


def asked(ask):
    proof = "%064x" % random.getrandbits(256)
    return json.dumps({"from": name, "challenge": "%064x" % random.getrandbits(256), "ask": json.dumps(ask), "proof": proof})


def promise():
    return {"ask": "promise", "round": str(random.random()), "without": []}


def older(to):
    """Speaks the form of before there were keys."""
    heard(says(dial(to), "member " + position))
    heard(says(dial(to), json.dumps({"group": "galera", "to": name, **promise()})))
    heard(says(dial(to), json.dumps({"group": "galera", "ask": "step-back"})))


def forged(to):
    for ask in promise(), {"ask": "state"}, {"ask": "step-back"}:
        stream = dial(to)
        line(stream)
        heard(says(stream, asked(ask)))


def keyed(to, answers):
    """Has the group's key, from the environment: what is heard then is what the others lack."""
    stream = dial(to)
    theirs, mine, ask = line(stream).removeprefix(GREETING), "%064x" % random.getrandbits(256), json.dumps({"ask": "state"})
    said = [GREETING.rstrip(), "asks", "galera", name, answers, mine, theirs, ask]
    code = b"".join(len(it).to_bytes(8, "big") + it.encode() for it in said)
    proof = hmac.new(os.environ["KEY"].encode(), code, hashlib.sha256).hexdigest()
    heard(says(stream, json.dumps({"from": name, "challenge": mine, "ask": ask, "proof": proof})))


def garbage(to):
    stream = dial(to)
    line(stream)
    heard(says(stream, random.choice(["", "{}", "\0" * 999, "x" * 99999, "[" * 9999, asked({})[:-1]])))


def slow(to):
    held.insert(0, dial(to))
    for old in held[300:]:
        old.close()
    del held[300:]
    for stream in held:
        try:
            stream.send(b"{")
        except OSError:
            pass


def flood(to):
    for _ in range(200):
        dial(to).close()


def member(_):
    """Says at the socket of the member that this is the member."""
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(10)
    stream.connect("/run/kolla-lang/rejoin/galera/member")
    counts["tried"] += 1
    heard(says(stream, "member " + position))


def taker(_):
    """Takes the port whenever it is free."""
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    counts["tried"] += 1
    try:
        stream.bind((address, port))
        stream.listen()
        counts["heard"] += 1
        held.append(stream)
    except OSError:
        pass


def false_door():
    """Answers in place of the coordinator: with another one's challenge, with what it was just asked, with a made-up promise."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen()
    listener.settimeout(1)
    while not is_over():
        try:
            stream, _ = listener.accept()
        except OSError:
            continue
        try:
            stream.settimeout(3)
            to = dial(random.choice(others)[1])
            stream.sendall(line(to).encode() + b"\n")
            request = line(stream)
            if not request:
                continue
            handed_on = says(to, request)
            heard(handed_on)
            proof = json.loads(request)["proof"]
            stream.sendall(((handed_on or json.dumps({"answer": FORGED, "proof": proof})) + "\n").encode())
        except (OSError, ValueError):
            pass


if kind == "false-door":
    false_door()
deeds = {"older": older, "forged": forged, "garbage": garbage, "slow": slow, "flood": flood, "member": member, "taker": taker}
while not is_over():
    for host, to in others:
        try:
            if kind == "keyed":
                keyed(to, host)
            else:
                deeds[kind](to)
        except OSError:
            pass
        if is_over():
            break
        time.sleep({"flood": 0, "slow": 0.005}.get(kind, 0.1))
print(json.dumps(counts))
