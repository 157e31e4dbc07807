"""Asks Keystone for a token every 100 ms and other APIs with it, until a file appears; prints how many questions there were and which failed, in
seconds since `began`, which is a time of the clock.

`apis.py STOP-FILE LONGEST-SECONDS ASKED.JSON`: the last has `auth`, as in clouds.yaml, `trust`, a file of authorities or null, and in `apis` the name and the URL of each
that is asked, with what its answer has within. Each question has a connection of its own. While four rounds wait for their answers none is asked: a machine that
is busy would fail for the questions, and not for what they ask about.
"""

import http.client
import json
import os
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

stop_file, longest = sys.argv[1], float(sys.argv[2])
with open(sys.argv[3], encoding="utf-8") as file:
    asked = json.load(file)
auth = asked["auth"]
user = {"name": auth["username"], "password": auth["password"], "domain": {"name": auth["user_domain_name"]}}
project = {"name": auth["project_name"], "domain": {"name": auth["project_domain_name"]}}
question = json.dumps({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": project}}})
context = ssl.create_default_context(cafile=asked["trust"]) if asked["trust"] else None


def request(method, url, body=None, **headers):
    """One question on a connection of its own: the status, the token that the answer has, and its text."""
    url = urlsplit(url)
    if url.scheme == "https":
        connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=60, context=context)
    else:
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.request(method, url.path, body, headers)
    answer = connection.getresponse()
    found = answer.status, answer.getheader("X-Subject-Token"), answer.read().decode(errors="replace")
    connection.close()
    return found


answers, waiting = [], threading.Semaphore(4)
began, clock = time.monotonic(), time.time()


def ask(name, want, within, *words, **headers):
    """Asks one question, keeps whether it was answered as it should be, and returns the token."""
    at, token = time.monotonic(), None
    try:
        status, token, text = request(*words, **headers)
        said = None if status == want and within in text else str(status) if status != want else "another answer"
    except (OSError, http.client.HTTPException) as error:
        said = type(error).__name__
    answers.append((round(at - began, 1), name, said, time.monotonic() - at))
    return token


def one_round():
    token = ask("keystone", 201, "", "POST", auth["auth_url"] + "/auth/tokens", question, **{"Content-Type": "application/json"})
    for name, it in asked["apis"].items() if token else ():
        ask(name, 200, it["within"], "GET", it["url"], **{"X-Auth-Token": token, "Accept": it["accept"]})
    waiting.release()


threads = []
while time.monotonic() - began < longest and not os.path.exists(stop_file):
    if waiting.acquire(blocking=False):
        threads.append(threading.Thread(target=one_round))
        threads[-1].start()
    time.sleep(0.1)
for thread in threads:
    thread.join()
failed = sorted((at, said if name == "keystone" else f"{name}: {said}") for at, name, said, _ in answers if said)
print(json.dumps({"began": round(clock, 1), "asked": len(answers), "failed": failed, "slowest_s": round(max(took for *_, took in answers), 1)}))
