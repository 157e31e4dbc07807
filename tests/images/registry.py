#!/usr/bin/env python3
"""A registry of images on loopback, as far as a question for a digest goes: registry.py FOLDER

FOLDER/tags.json says what tags mean, {"repository:tag": "text of the manifest"}, and is read at each question. It writes its port into
FOLDER/port and each question into FOLDER/asked. The first part of a repository says how it behaves:
open/ answers, bare/ without the header that names the digest, private/ wants a token that wants a login (ada:s3cret), basic/ wants the
login itself, silent/ says nothing, mad/ answers with what is no digest, elsewhere/ sends logins to where nothing is encrypted.
"""
import base64
import hashlib
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOLDER = sys.argv[1]
LOGIN = "Basic " + base64.b64encode(b"ada:s3cret").decode()
TOKEN = "Bearer token-of-the-tests"


class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        login = self.headers.get("Authorization", "")
        with open(os.path.join(FOLDER, "asked"), "a", encoding="utf-8") as asked:
            asked.write(f"{self.command} {self.path} {login.split(' ')[0]}\n")
        here = f"http://127.0.0.1:{self.server.server_port}"
        if self.path.startswith("/token?"):
            if login != LOGIN:
                return self.answer(401)
            return self.answer(200, [("Content-Type", "application/json")], b'{"token": "token-of-the-tests"}')
        if not self.path.startswith("/v2/") or "/manifests/" not in self.path:
            return self.answer(404)
        repository, tag = self.path[len("/v2/"):].split("/manifests/")
        kind = repository.split("/")[0]
        if kind == "silent":
            time.sleep(60)
            return None
        if kind == "private" and login != TOKEN:
            return self.answer(401, [("WWW-Authenticate", f'Bearer realm="{here}/token",service="tests"')])
        if kind == "basic" and login != LOGIN:
            return self.answer(401, [("WWW-Authenticate", 'Basic realm="tests"')])
        if kind == "elsewhere":
            return self.answer(401, [("WWW-Authenticate", 'Bearer realm="ftp://elsewhere.example/token"')])
        with open(os.path.join(FOLDER, "tags.json"), encoding="utf-8") as file:
            manifest = json.load(file).get(f"{repository}:{tag}")
        if manifest is None:
            return self.answer(404)
        body = manifest.encode()
        headers = [("Content-Type", "application/vnd.oci.image.manifest.v1+json")]
        if kind == "mad":
            headers.append(("Docker-Content-Digest", "md5:../../etc/passwd"))
        elif kind != "bare":
            headers.append(("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest()))
        return self.answer(200, headers, body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
server.daemon_threads = True
with open(os.path.join(FOLDER, "port.new"), "w", encoding="utf-8") as port:
    port.write(str(server.server_port))
os.rename(os.path.join(FOLDER, "port.new"), os.path.join(FOLDER, "port"))
server.serve_forever()
