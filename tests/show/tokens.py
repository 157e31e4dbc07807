"""Asks Keystone for a token, one after the other and at most one per 100 ms, until a file appears; prints how many and which failed.

Runs where clouds.yaml lies, with the password in it: `tokens.py STOP-FILE LONGEST-SECONDS`.
"""

import http.client
import json
import os
import sys
import time
from urllib.parse import urlsplit

import yaml

stop_file, longest = sys.argv[1], float(sys.argv[2])
with open(os.path.expanduser("~/.config/openstack/clouds.yaml"), encoding="utf-8") as file:
    auth = yaml.safe_load(file)["clouds"]["default"]["auth"]
url = urlsplit(auth["auth_url"])
user = {"name": auth["username"], "password": auth["password"], "domain": {"name": auth["user_domain_name"]}}
project = {"name": auth["project_name"], "domain": {"name": auth["project_domain_name"]}}
question = json.dumps({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": project}}})


def ask():
    """One question on a connection of its own: the status of the answer, or what went wrong instead."""
    try:
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        connection.request("POST", url.path + "/auth/tokens", question, {"Content-Type": "application/json"})
        status = str(connection.getresponse().status)
        connection.close()
        return status
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


began = time.monotonic()
failed, slowest, n_asked = [], 0.0, 0
while time.monotonic() - began < longest and not os.path.exists(stop_file):
    at = time.monotonic()
    status = ask()
    took = time.monotonic() - at
    n_asked, slowest = n_asked + 1, max(slowest, took)
    if status != "201":
        failed.append((round(at - began, 1), status))
    time.sleep(max(0.0, 0.1 - took))
print(json.dumps({"asked": n_asked, "failed": failed, "slowest_s": round(slowest, 1)}))
