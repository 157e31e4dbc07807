"""What hosts make of signatures: a scratch host (tests/crash/host.py) is asked to become what nobody signed, somebody else signed, or
was signed earlier, for another host, cloud or purpose; keys are rotated, brought by an agent, lost and forgotten. Then the same from
elsewhere, as one host of a fleet, with plans that were saved.

    signed.py --program kolla-lang --seed N --cases N     prints a line for each point, and how many there were
"""

import argparse
import hashlib
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
SITES = {"one": "ada", "two": "bob", "three": "bob", "four": "bob", "bad": "eve", "plain": "", "five": "ada", "six": "ada",
         "seven": "ada"}
# Stands for `ssh`: what is asked is run on the scratch host, and noted.
SSH = """#!/bin/sh
for last; do :; done
case "$last" in
"echo '"*) echo "$last" >>LOG; exec nsenter --target PID --mount --uts --ipc --net --pid --root --wdns=/ -- /bin/sh -c "$last" ;;
esac
"""


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


class Fleet:
    """An operator who switches the scratch host from elsewhere, as one of a cloud; what stands for `ssh` runs what it is asked on it."""

    def __init__(self, seen, work):
        self.seen, self.work, self.log = seen, work, work / "asked"
        for name in ("bin", "operator", "home"):
            (work / name).mkdir()
        keeper = seen.host.keeper
        pid = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()[0]
        ssh = work / "bin/ssh"
        ssh.write_text(SSH.replace("LOG", str(self.log)).replace("PID", pid))
        ssh.chmod(0o755)

    def run(self, what, name, how, code, words, reaches=True):
        """A switch of all hosts; one that is refused leaves the host as it was, and one that reaches no host asks it nothing."""
        before = self.seen.state()
        self.log.write_text("")
        environment = {"PATH": f"{self.work / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin:/opt/fake", "HOME": str(self.work / "home"),
                       "RECORDS": str(self.work / "operator")}
        # The records of root are the machine's.
        line = 'mkdir -p /var/lib/kolla-lang && mount --bind "$RECORDS" /var/lib/kolla-lang && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", line, "sh", Path(self.seen.args.program).resolve(), "switch",
                   self.work / name / "cloud.kl", *how]
        found = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=300)
        said = found.stdout.decode(errors="replace")
        if found.returncode != code or words not in said:
            sys.exit(f"{what}: exit {found.returncode}, not {code}, or no `{words}` in\n{said}")
        if code == 2 and self.seen.state() != before:
            sys.exit(f"{what}: it was refused, and something is not as before")
        if bool(self.log.read_text()) != reaches:
            sys.exit(f"{what}: the host was {'not ' if reaches else ''}reached")
        self.seen.n += 1
        print(f"{code}  {what}")


def fleet(seen, work):
    it = Fleet(seen, work)
    key = lambda who: ["--sign-with", work / "keys" / who]
    at = lambda name: work / f"{name}.json"
    it.run("a fleet: nobody here can sign", "five", [], 2, "no key of an operator")
    it.run("a fleet: signed by a stranger", "five", key("eve"), 2, "by nobody who is an operator")
    time.sleep(1.1)
    it.run("a fleet: each host takes what was signed for it", "five", key("ada"), 0, "")
    save = lambda name, who: ["--dry-run", "--save", at(name), *who]
    carry = lambda name: ["--plan", at(name), *key("ada")]
    it.run("a plan is saved: nobody here can sign it", "six", save("none", []), 2, "no key of an operator")
    if at("none").exists():
        sys.exit("a plan was saved that nobody signed")
    it.run("a plan is saved, and signed", "six", save("early", key("ada")), 0, "")
    time.sleep(1.1)
    it.run("a plan is saved again", "six", save("good", key("ada")), 0, "")
    it.run("a plan is saved by a stranger", "six", save("eve", key("eve")), 0, "")
    good = json.loads(at("good").read_text())
    edits = {
        "unsigned": lambda plan: plan.pop("signature"),
        "another-host": lambda plan: plan["hosts"].update(ctl02=plan["hosts"]["ctl01"]),
        "another-goal": lambda plan: plan["hosts"]["ctl01"].update(to=seen.digests["seven"]),
        "another-order": lambda plan: plan.update(plan="0" * 64),
        "another-counter": lambda plan: plan.update(signature=f"{int(time.time())}1:{plan['signature'].split(':')[1]}"),
    }
    for name, edit in edits.items():
        plan = json.loads(json.dumps(good))
        edit(plan)
        at(name).write_text(json.dumps(plan))
    refused = {"eve": "by nobody who is an operator", "unsigned": "is not signed"}
    for name in ("eve", *edits):
        it.run(f"a saved plan: {name}", "six", carry(name), 2, refused.get(name, "was changed after it was signed"), reaches=False)
    it.run("a saved plan: of another description", "seven", carry("good"), 2, "this is not what")
    it.run("a saved plan: signed and as it was", "six", carry("good"), 0, "")
    it.run("a saved plan: signed before the last one", "six", carry("early"), 2, "signed before the last plan", reaches=False)
    # What is signed can be read without kolla-lang.
    counter, body = good["signature"].split(":")
    signature = good.pop("signature") and f"-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"
    text = json.dumps(good, indent=2, ensure_ascii=False) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    (work / "signature").write_text(signature)
    (work / "signers").write_text("ada " + (work / "keys/ada.pub").read_text())
    subprocess.run(["ssh-keygen", "-Y", "verify", "-f", work / "signers", "-I", "ada", "-n", "plan@kolla-lang", "-s",
                    work / "signature"], input=f"kolla-lang plan 1\ncloud crash\nplan {digest}\ncounter {counter}\n".encode(),
                   check=True, stdout=subprocess.DEVNULL)
    print("0  a saved plan: verified by ssh-keygen")


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
            fleet(seen, work)
            print(f"{seen.n} points")
    finally:
        if host:
            host.kill()
        subprocess.run(["umount", "--recursive", "--lazy", hosts], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(hosts, ignore_errors=True)


if __name__ == "__main__":
    main()
