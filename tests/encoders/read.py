"""Reads what was rendered of drawn texts by the programs that read it for a living: read.py FOLDER WORK

FOLDER is a draw with what tests/encoders.rs rendered of it, WORK a folder for a MariaDB and an HAProxy of this run alone. They listen on a
socket in WORK and on the loopback of the network namespace that this was started in. Prints how many texts each reader had back.
"""

import base64
import collections
import contextlib
import http.client
import json
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
import time
import types
import urllib.parse
import xml.etree.ElementTree

import pymysql
import pymysql.optionfile
import yaml
from oslo_config import cfg
from sqlalchemy.engine import make_url

MODES = ["STRICT_TRANS_TABLES", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES", ""]
read, wrong = collections.Counter(), []


def same(reader, number, found, wanted):
    read[reader] += 1
    if found != wanted:
        wrong.append(f"{reader}: text {number}, {found!r} and not {wanted!r}")


def run(*command, **options):
    return subprocess.run(command, check=False, capture_output=True, **options)


class Texts:
    """A draw, and what was rendered of it."""

    def __init__(self, folder):
        drawn = json.loads((folder / "texts.json").read_text())
        self.folder, self.texts, self.region = folder / "rendered", drawn["texts"], drawn["region"]
        self.plain, self.plain_lines = drawn["plain"], drawn["plain_lines"]
        self.forms = [json.loads((self.folder / str(n) / "forms.json").read_text()) for n in range(len(self.texts))]

    def __iter__(self):
        return iter(range(len(self.texts)))

    def secret(self, number, name):
        return self.texts[number][self.forms[number][name]]

    def file(self, number, unit, name):
        return self.folder / str(number) / f"{unit}.service" / name


def forms_are_right(texts):
    """Every reader takes what it is known to take, and nobody is asked for less."""
    wanted = {
        "mariadb/root": "any", "keystone/db": "ascii", "a_b/db": "ascii", "rabbitmq/password": "any", "rabbitmq/cookie": "ascii",
        "haproxy/stats": "any", "keystone/admin": "any", "fluentd/opensearch": "line", "test/any": "any", "test/line": "line",
    }
    order = ["ascii", "line", "any"]
    for number in texts:
        forms = texts.texts[number]
        for name, form in wanted.items():
            largest = next(it for it in reversed(order) if order.index(it) <= order.index(form) or fits(forms[it], form))
            same("what is refused", number, forms[texts.forms[number][name]], forms[largest])


def fits(text, form):
    """Whether a text of another form happens to be of this one."""
    return not re.search(r"[^ -~]" if form == "ascii" else r"[\x00-\x1f\x7f-\x9f]", text)


def config(path, *options, kind=cfg.StrOpt):
    conf = cfg.ConfigOpts()
    for group, name in options:
        conf.register_opt(kind(name), group=group)
    conf([], default_config_files=[str(path)])
    return [getattr(getattr(conf, group) if group else conf, name) for group, name in options]


def read_documents(texts):
    for number in texts:
        file, secret = (lambda unit, name, n=number: texts.file(n, unit, name)), (lambda name, n=number: texts.secret(n, name))
        users = json.loads(file("rabbitmq-users", "definitions.json").read_text())["users"]
        same("RabbitMQ's definitions", number, [it["password"] for it in users], [secret("rabbitmq/password"), secret("rabbitmq/monitoring")])
        cookie = file("rabbitmq", ".erlang.cookie").read_bytes()
        same("Erlang's cookie", number, cookie, secret("rabbitmq/cookie").encode("ascii"))
        clouds = yaml.safe_load(file("kolla-toolbox", "clouds.yaml").read_text())["clouds"]["default"]
        same("PyYAML", number, (clouds["auth"]["password"], clouds["region_name"]), (secret("keystone/admin"), texts.region))
        (url,) = config(file("keystone", "keystone.conf"), (None, "transport_url"))
        same("oslo.config", number, urllib.parse.unquote(urllib.parse.urlsplit(url).password), secret("rabbitmq/password"))
        (given,) = config(file("barbican-api", "barbican.conf"), ("keystone_authtoken", "password"))
        same("oslo.config", number, given, secret("barbican/keystone"))
        (given,) = config(file("barbican-api", "barbican.conf"), ("simple_crypto_plugin", "kek"), kind=cfg.MultiStrOpt)
        same("oslo.config", number, given, [secret("barbican/crypto")] * 4)
        catalog = json.loads(file("keystone-catalog", "catalog.json").read_text())
        found = catalog["region"], [it["password"] for it in catalog["users"]]
        same("users of Keystone", number, found, (texts.region, [secret("barbican/keystone"), secret("placement/keystone")]))
        (shell,) = config(file("reader", "nested.ini"), (None, "shell"))
        bash = run("bash", "-c", f"printf %s {shell}").stdout
        same("oslo.config, then bash", number, bash.decode(), secret("test/line"))
        password = re.search(r"^    password (.*)$", file("fluentd", "fluentd.conf").read_text(), re.M)[1]
        # Ruby's own rule for single quotes: a backslash before a quote or a backslash is dropped.
        same("Fluentd's single quotes", number, re.sub(r"\\(['\\])", r"\1", password[1:-1]), secret("fluentd/opensearch"))


def read_programs(texts):
    any_and_plain = lambda n: [texts.secret(n, "test/any"), *texts.plain]
    for number in texts:
        words = run("bash", texts.file(number, "reader", "texts.sh")).stdout.decode().split("\0")[:-1]
        same("bash", number, words, any_and_plain(number))
        words = run("bash", "-c", f'. "{texts.file(number, "reader", "texts.env")}"; printf %s "$SECRET"').stdout.decode()
        same("bash, a file of variables", number, words, texts.secret(number, "test/line"))
        found = runpy.run_path(str(texts.file(number, "reader", "texts.py")))
        same("Python", number, [found["secret"], *found["plain"]], any_and_plain(number))
        root = xml.etree.ElementTree.parse(texts.file(number, "reader", "texts.xml")).getroot()
        wanted = [(it, it) for it in [texts.secret(number, "test/line"), *texts.plain_lines]]
        same("ElementTree", number, [(it.text, it.get("value")) for it in root], wanted)
        nested = json.loads(texts.file(number, "reader", "nested.json").read_text())
        same("json, then Python", number, eval(nested["python"]), texts.secret(number, "test/any"))


def read_bootstrap(texts):
    """Keystone's bootstrap in this process, with a `keystone-manage` that looks at its environment."""
    seen = {}
    fake = types.ModuleType("keystone.cmd.manage")
    fake.main = lambda: seen.update(os.environ)
    sys.modules.update({"keystone": types.ModuleType("keystone"), "keystone.cmd": types.ModuleType("keystone.cmd"), fake.__name__: fake})
    arguments = sys.argv
    for number in texts:
        runpy.run_path(str(texts.file(number, "keystone-bootstrap", "bootstrap.py")))
        found = seen["OS_BOOTSTRAP_PASSWORD"], seen["OS_BOOTSTRAP_REGION_ID"]
        same("Keystone's bootstrap", number, found, (texts.secret(number, "keystone/admin"), texts.region))
    sys.argv = arguments


class MariaDB:
    """A server of this run, that listens on a socket alone."""

    def __init__(self, work, name, before=b""):
        self.data, self.socket, self.log = work / name, work / f"{name}.sock", work / f"{name}.log"
        shutil.copytree(new_data(work), self.data)
        if before:
            done = run("mariadbd", "--no-defaults", "--user=root", f"--datadir={self.data}", "--bootstrap", "--wsrep-on=OFF", input=before)
            if done.returncode:
                raise RuntimeError(done.stderr.decode())
        options = ["--no-defaults", "--user=root", f"--datadir={self.data}", f"--socket={self.socket}", "--skip-networking", "--innodb-flush-log-at-trx-commit=0"]
        self.process = subprocess.Popen(["mariadbd", *options, f"--pid-file={self.data}/pid"], stderr=open(self.log, "wb"))
        deadline = time.monotonic() + 60
        while not self.socket.exists() and time.monotonic() < deadline and self.process.poll() is None:
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)

    def client(self, defaults, script, *more):
        # The socket is the only way in.
        command = ["mariadb", f"--defaults-file={defaults}", "--host=localhost", "--protocol=socket", f"--socket={self.socket}", "--batch", "--skip-column-names", *more]
        return run(*command, input=script)

    def connect(self, **how):
        return pymysql.connect(unix_socket=str(self.socket), **how)


def new_data(work):
    data = work / "new"
    if not data.exists():
        made = run("mariadb-install-db", "--no-defaults", "--user=root", "--skip-test-db", f"--datadir={data}")
        if made.returncode:
            raise RuntimeError(made.stdout.decode() + made.stderr.decode())
        judge = b"FLUSH PRIVILEGES; \nDELETE FROM mysql.global_priv WHERE User = '';\nGRANT ALL PRIVILEGES ON *.* TO 'judge'@'localhost' IDENTIFIED BY 'judge' WITH GRANT OPTION;\n"
        run("mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", "--bootstrap", "--wsrep-on=OFF", input=judge)
        (work / "judge.cnf").write_text("[client]\nuser = judge\npassword = judge\n")
    return data


def read_databases(texts, work):
    for number in [0, len(texts.texts) // 2]:
        script = texts.file(number, "mariadb-bootstrap", "root.sql").read_bytes()
        with MariaDB(work, f"bootstrap-{number}", script) as server:
            of_text = f"PASSWORD(CONVERT(UNHEX('{texts.secret(number, 'mariadb/root').encode().hex()}') USING utf8mb4))"
            kept = f"SELECT COUNT(*) FROM mysql.global_priv WHERE User = 'root' AND JSON_VALUE(Priv, '$.authentication_string') = {of_text};"
            same("MariaDB's bootstrap", number, server.client(work / "judge.cnf", kept.encode()).stdout, b"2\n")
        shutil.rmtree(server.data)
    with MariaDB(work, "data") as server, server.connect(user="judge", password="judge", autocommit=True) as judge:
        ask = judge.cursor()
        ask.execute("CREATE DATABASE axb")
        for number in texts:
            # Clients that begin now have this mode, and no two the same characters.
            ask.execute("SET GLOBAL sql_mode = %s", (MODES[number % len(MODES)],))
            characters = f"--default-character-set={['latin1', 'utf8mb4'][number % 2]}"
            read_database(texts, number, server, ask, work, characters)
    shutil.rmtree(server.data)


def read_database(texts, number, server, ask, work, characters):
    made = server.client(work / "judge.cnf", texts.file(number, "mariadb-bootstrap", "root.sql").read_bytes(), characters)
    same("MariaDB, root's accounts", number, (made.returncode, made.stderr), (0, b""))
    made = server.client(work / "judge.cnf", texts.file(number, "mariadb-databases", "databases.sql").read_bytes())
    same("MariaDB, root and databases", number, (made.returncode, made.stderr), (0, b""))
    # What the server has is the hash of the text's bytes.
    for user, name in [("root", "mariadb/root"), ("keystone", "keystone/db"), ("a_b", "a_b/db")]:
        ask.execute("SELECT JSON_VALUE(Priv, '$.authentication_string') = PASSWORD(CONVERT(UNHEX(%s) USING utf8mb4)) FROM mysql.global_priv WHERE User = %s",
                    (texts.secret(number, name).encode().hex(), user))
        same("MariaDB, what it keeps", number, {it for (it,) in ask.fetchall()}, {1})
    (url,) = config(texts.file(number, "keystone", "keystone.conf"), ("database", "connection"))
    url = make_url(url)
    same("oslo.config, then SQLAlchemy", number, url.password, texts.secret(number, "keystone/db"))
    same("PyMySQL", number, signed_in(server, user=url.username, password=url.password, database=url.database), "keystone@%")
    options = texts.file(number, "keystone-db-sync", "database.cnf")
    same("PyMySQL's option files", number, signed_in(server, user="keystone", database="keystone", read_default_file=str(options)), "keystone@%")
    found = signed_in(server, ask="SHOW DATABASES", user="a_b", password=texts.secret(number, "a_b/db"))
    same("MariaDB, whose databases", number, found, "a_b, information_schema")
    script = b"SET NAMES utf8mb4;\nSET SESSION sql_mode = 'STRICT_TRANS_TABLES';\n" + texts.file(number, "reader", "texts.sql").read_bytes()
    found = server.client(work / "judge.cnf", script, characters).stdout.decode().split("\n")[:-1]
    same("MariaDB, texts", number, found, [it.encode().hex().upper() for it in [texts.secret(number, "test/any"), *texts.plain]])


def signed_in(server, ask="SELECT CURRENT_USER()", **how):
    try:
        with server.connect(**how) as connection, connection.cursor() as cursor:
            cursor.execute(ask)
            return ", ".join(it for (it,) in cursor.fetchall())
    except (pymysql.MySQLError, UnicodeError) as error:
        return str(error)


def read_haproxy(texts, work):
    """The line of each text in a listener of its own, of one HAProxy for all, and the first whole files as HAProxy checks them."""
    lines, first = {}, 20000
    for number in texts:
        whole = texts.file(number, "haproxy", "haproxy.cfg").read_text()
        # The line may hold anything but what ends it.
        lines[number] = re.search(r"^    stats auth [^\n]*$", whole, re.M)[0]
        if number < 10:
            path = work / "whole.cfg"
            # Users of the image, and a folder of it.
            path.write_text(re.sub(r"^    (user|group|stats socket) .*\n", "", whole, flags=re.M))
            checked = run("haproxy", "-c", "-f", path)
            same("HAProxy, whole files", number, checked.returncode, 0)
    path = work / "haproxy.cfg"
    head = "global\n    maxconn 100\ndefaults\n    mode http\n    timeout client 9s\n    timeout connect 9s\n    timeout server 9s\n"
    part = "listen l{n}\n    bind 127.0.0.1:{port}\n    stats enable\n    stats uri /\n{line}\n"
    path.write_text(head + "".join(part.format(n=n, port=first + n, line=line) for n, line in lines.items()))
    process = subprocess.Popen(["haproxy", "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=open(work / "haproxy.log", "wb"))
    try:
        wait_for(first, process)
        for number in texts:
            password = texts.secret(number, "haproxy/stats")
            same("HAProxy", number, [status(first + number, it) for it in (password, password + "x")], [200, 401])
    finally:
        process.terminate()
        process.wait(60)


def wait_for(port, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            status(port, "")
            return
        time.sleep(0.05)
    raise RuntimeError("HAProxy did not begin")


def status(port, password):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    word = base64.b64encode(f"kolla:{password}".encode()).decode()
    connection.request("GET", "/", headers={"Authorization": f"Basic {word}"})
    answer = connection.getresponse().status
    connection.close()
    return answer


def main():
    folder, work = map(pathlib.Path, sys.argv[1:])
    work.mkdir(exist_ok=True)
    texts = Texts(folder)
    forms_are_right(texts)
    read_documents(texts)
    read_programs(texts)
    read_bootstrap(texts)
    read_haproxy(texts, work)
    read_databases(texts, work)
    if wrong:
        print(f"{len(wrong)} wrong:", *wrong[:40], sep="\n  ")
        sys.exit(1)
    print(", ".join(f"{reader} {count}" for reader, count in sorted(read.items())))


main()
