"""Asks Keystone for a token every 100 ms, until a file appears; prints how many questions there were and which failed, in seconds since
`began`, which is a time of the clock.

Runs where clouds.yaml lies, with the password in it: `tokens.py STOP-FILE LONGEST-SECONDS [CLOUDS.JSON [TOKEN-FILE]]`. With the last, each token is also validated,
and so is that of the file, which the first one is kept in if there is none. While four wait for their answer
none is asked: a machine that is busy would fail for the questions, and not for what they ask about.
"""

import http.client
import json
import os
import sys
import threading
import time
from urllib.parse import urlsplit

stop_file, longest = sys.argv[1], float(sys.argv[2])
kept_file = sys.argv[4] if sys.argv[4:] else None
if sys.argv[3:]:
    with open(sys.argv[3], encoding="utf-8") as file:
        clouds = json.load(file)
else:
    import yaml

    with open(os.path.expanduser("~/.config/openstack/clouds.yaml"), encoding="utf-8") as file:
        clouds = yaml.safe_load(file)
auth = clouds["clouds"]["default"]["auth"]
url = urlsplit(auth["auth_url"])
user = {"name": auth["username"], "password": auth["password"], "domain": {"name": auth["user_domain_name"]}}
project = {"name": auth["project_name"], "domain": {"name": auth["project_domain_name"]}}
question = json.dumps({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": project}}})


def request(method, body=None, **headers):
    """One question on a connection of its own: the status of the answer, and the token that it has."""
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.request(method, url.path + "/auth/tokens", body, {"Content-Type": "application/json"} | headers)
    answer = connection.getresponse()
    status, token = answer.status, answer.getheader("X-Subject-Token")
    connection.close()
    return status, token


def ask():
    """The status of the answer to a question for a token, or what went wrong instead."""
    try:
        status, token = request("POST", question)
        if status == 201 and kept_file:
            if not os.path.exists(kept_file):
                with open(kept_file, "w", encoding="utf-8") as file:
                    file.write(token)
            with open(kept_file, encoding="utf-8") as file:
                kept = file.read()
            for name, it in (("new", token), ("former", kept or token)):
                validated, _ = request("GET", **{"X-Auth-Token": token, "X-Subject-Token": it})
                if validated != 200:
                    return f"{validated} of a {name} token"
        return str(status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


began, clock = time.monotonic(), time.time()
answers, waiting = [], threading.Semaphore(4)


def keep_answer():
    at = time.monotonic()
    status = ask()
    answers.append((round(at - began, 1), status, time.monotonic() - at))
    waiting.release()


threads = []
while time.monotonic() - began < longest and not os.path.exists(stop_file):
    if waiting.acquire(blocking=False):
        threads.append(threading.Thread(target=keep_answer))
        threads[-1].start()
    time.sleep(0.1)
for thread in threads:
    thread.join()
failed = sorted((at, status) for at, status, _ in answers if status != "201")
print(json.dumps({"began": round(clock, 1), "asked": len(answers), "failed": failed, "slowest_s": round(max(took for *_, took in answers), 1)}))
