"""What hosts make of signatures: a scratch host (tests/crash/host.py) is asked to become what nobody signed, somebody else signed, or
was signed earlier, for another host, cloud or purpose; keys are rotated, brought by an agent, lost and forgotten.

    signed.py --program kolla-lang --seed N --cases N     prints a line for each point, and how many there were
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "crash"))
from crash import switch_to  # noqa: E402
from host import Host, prepare  # noqa: E402

COMMON = """use kernel
cloud.name = "crash"
networks.mgmt = { cidr = 10.0.0.0/24, interface = "eth0" }
hosts.ctl01 = { addresses.mgmt = 10.0.0.11 }
hosts.ctl01.files."/etc/crash.conf" = { content = "NAME\\n", mode = "0644" }
"""
WEB = """hosts.ctl01.containers.web = {
  image = "localhost/web:1", contract = .direct, command = ["COMMAND"], health = { test = ["check"] }, gate.soak = 0s
}
"""
# Who the operators of each description are; of `bad`, which does not come up, too.
SITES = {"one": "ada", "two": "bob", "three": "bob", "four": "bob", "bad": "eve", "plain": ""}


class Seen:
    def __init__(self, args, work, host, digests):
        self.args, self.work, self.host, self.digests = args, work, host, digests
        self.n = 0

    def signature(self, who, name, counter=None, host="ctl01", cloud="crash", purpose="closure@kolla-lang", closure=None):
        """What `ssh-keygen -Y sign` makes of a statement, as the word that brings it to a host."""
        counter = int(time.time()) if counter is None else counter
        text = f"kolla-lang closure 1\ncloud {cloud}\nhost {host}\nclosure {closure or self.digests[name]}\ncounter {counter}\n"
        made = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", purpose, "-f", self.work / "keys" / who],
                              input=text.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
        body = "".join(line for line in made.split("\n") if not line.startswith("-----"))
        return f"{counter}:{body}"

    def expect(self, what, argv, code, words):
        found = self.host.command(argv)
        said = self.host.output("command")
        if found != code or words not in said:
            sys.exit(f"{what}: exit {found}, not {code}, or no `{words}` in\n{said}")
        self.n += 1

    def switch(self, what, name, how, code, words):
        """A switch of the host; one that is refused leaves it as it was."""
        before = self.state()
        self.expect(what, [*switch_to(name), *how], code, words)
        if code == 2 and self.state() != before:
            sys.exit(f"{what}: it was refused, and something is not as before")
        print(f"{code}  {what}")

    def state(self):
        """Which generation boots, a file of it, and the last signature that counted. Whose keys count is noted by the next switch."""
        root = self.host.root
        boot, conf, record = root / "etc/kolla-lang/boot", root / "etc/crash.conf", root / "var/lib/kolla-lang/operators.json"
        known = json.loads(record.read_text())["record"] if record.exists() else {}
        text = conf.read_text() if conf.exists() else None
        return [boot.readlink() if boot.is_symlink() else None, text, known.get("counter"), known.get("closure")]

    def operators(self, names):
        self.expect("operators", ["/opt/kolla-lang", "operators", "list", "--json"], 0, "")
        found = sorted(json.loads(self.host.output("command"))["operators"])
        if found != names:
            sys.exit(f"the operators are {found}, not {names}")


def points(seen):
    key = lambda who: ["--sign-with", f"/etc/keys/{who}"]
    by = lambda *args, **more: ["--signature", seen.signature(*args, **more)]
    stranger, older = "by nobody who is an operator", "was signed before"
    seen.switch("the first one: nobody here can sign", "one", [], 2, "no key of an operator")
    seen.switch("the first one: its signature is of nobody whom it names", "one", key("eve"), 2, stranger)
    seen.operators([])
    seen.switch("the first one: it enrols its operators", "one", key("ada"), 0, "")
    seen.operators(["ada"])
    seen.switch("unsigned", "plain", [], 2, "is not signed")
    seen.switch("signed by a stranger", "two", key("eve"), 2, stranger)
    seen.switch("signed by whom it would enrol", "two", key("bob"), 2, stranger)
    seen.switch("signed for another host", "two", by("ada", "two", host="ctl02"), 2, stranger)
    seen.switch("signed for another cloud", "two", by("ada", "two", cloud="shop"), 2, stranger)
    seen.switch("signed as a file", "two", by("ada", "two", purpose="file"), 2, stranger)
    seen.switch("the signature of another closure", "two", by("ada", "one"), 2, stranger)
    seen.switch("signed earlier", "two", by("ada", "two", counter=1), 2, older)
    seen.switch("signed in two days", "two", by("ada", "two", counter=int(time.time()) + 2 * 86400), 2, "after now")
    damaged(seen)
    seen.switch("a rotation that does not come up", "bad", key("ada"), 3, "")
    seen.operators(["ada"])
    time.sleep(1.1)
    seen.switch("a rotation, by ssh-keygen", "two", by("ada", "two"), 0, "")
    seen.operators(["bob"])
    time.sleep(1.1)
    seen.switch("signed by a key that was rotated", "three", key("ada"), 2, stranger)
    seen.switch("signed by its successor", "three", key("bob"), 0, "")
    seen.expect("a rollback", ["/opt/kolla-lang", "rollback", "--local", "1"], 0, "")
    seen.operators(["bob"])
    time.sleep(1.1)
    seen.switch("signed by a key of the generation gone back to", "four", key("ada"), 2, stranger)
    seen.switch("signed before what went back", "four", by("bob", "four", counter=2), 2, older)
    agent = "eval $(ssh-agent) >/out/agent; ssh-add -q /etc/keys/bob; \"$@\"; code=$?; ssh-agent -k >/out/agent; exit $code"
    wrapped = ["/bin/sh", "-c", agent, "sh", *switch_to("four"), "--sign-with", "/etc/keys/bob.pub"]
    seen.expect("signed by an agent", wrapped, 0, "")
    print("0  signed by an agent")
    seen.switch("every key is lost", "one", key("ada"), 2, stranger)
    seen.expect("forget", ["/opt/kolla-lang", "operators", "forget"], 0, "enrols those of the description")
    seen.switch("and forgotten", "one", key("ada"), 0, "")
    seen.operators(["ada"])


def damaged(seen):
    """A signature with one letter changed, or cut."""
    draw = random.Random(seen.args.seed)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    good = seen.signature("ada", "two")
    begin = good.index(":") + 1
    for _ in range(seen.args.cases):
        at = draw.randrange(begin, len(good.rstrip("=")) - 1)
        word = good[:at] + draw.choice([it for it in letters if it != good[at]]) + good[at + 1:]
        if draw.random() < 0.2:
            word = good[:at]
        before = seen.state()
        code = seen.host.command([*switch_to("two"), "--signature", word])
        # 1: the command does not take it for a signature.
        if code not in (1, 2) or seen.state() != before:
            sys.exit(f"a damaged signature: exit {code}\n{word}\n{seen.host.output('command')}")
        seen.n += 1
    print(f"1, 2  {seen.args.cases} damaged signatures")


def build(args, work):
    for who in ("ada", "bob", "eve"):
        (work / "keys").mkdir(exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", who, "-f", work / "keys" / who], check=True)
    built, digests = {}, {}
    for name, who in SITES.items():
        text = COMMON.replace("NAME", name) + WEB.replace("COMMAND", "fail" if name == "bad" else "serve")
        if who:
            public = (work / "keys" / f"{who}.pub").read_text().strip()
            text += f'operators.{who} = "{public}"\ncloud.signed = true\n'
        (work / name).mkdir()
        (work / name / "cloud.kl").write_text(text)
        made = subprocess.run([args.program, "build", work / name / "cloud.kl", "--out", work / name / "out", "--json"],
                              check=True, stdout=subprocess.PIPE)
        digests[name] = json.loads(made.stdout)["hosts"]["ctl01"]["digest"]
        built[name] = work / name / "out/ctl01"
    return built, digests


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--program", required=True)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--cases", type=int, default=20)
    args = args.parse_args()
    hosts = tempfile.mkdtemp(prefix="kolla-lang-signed.")
    host = None
    try:
        with tempfile.TemporaryDirectory() as work:
            work = Path(work)
            built, digests = build(args, work)
            prepare(hosts, args.program, built)
            host = Host(hosts, "host")
            host.reset()
            shutil.copytree(work / "keys", host.root / "etc/keys")
            host.boot()
            seen = Seen(args, work, host, digests)
            points(seen)
            print(f"{seen.n} points")
    finally:
        if host:
            host.kill()
        subprocess.run(["umount", "--recursive", "--lazy", hosts], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(hosts, ignore_errors=True)


if __name__ == "__main__":
    main()
