"""Becomes root on a host by a sudo that wants a password, or none, or one for some commands: who is asked, how often, and that the
password is nowhere afterwards. The host is a scratch one with a fake systemd (tests/crash); what stands for `ssh` runs what it is asked
there, and what stands for `sudo` notes its arguments. Run by tests/show/7e.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "crash"))
from crash import scratch_bench  # noqa: E402
from prompts import Terminal, point, wrong  # noqa: E402

PASSWORD = "correct horse"
PROMPT = "BECOME password"
CLOUD = """use kernel
cloud.name = "crash"
networks.mgmt = { cidr = 10.0.0.0/24, interface = "eth0" }
hosts.ctl01 = { addresses = { mgmt = 10.0.0.11 }, ssh = { user = "ops" } }
"""
SSH = """#!/bin/sh
for last; do :; done
case "$last" in
"echo '"*)
  exec nsenter --target PID --mount --uts --ipc --net --pid --root --wdns=/ -- \\
    /usr/bin/env PATH=/etc/sudo-of-tests:/opt/fake:/usr/sbin:/usr/bin:/sbin:/bin /bin/sh -c "$last" ;;
esac
"""
SUDO = f"""#!/bin/sh
echo "$*" >>/out/sudo-calls
never=no
while :; do
  case "$1" in
  -k | -S) ;;
  -n) never=yes ;;
  -p) shift ;;
  --) shift; break ;;
  *) echo "usage" >&2; exit 1 ;;
  esac
  shift
done
for last; do :; done
mode=$(cat /etc/sudo-of-tests/mode)
case "$mode $last" in
"password "* | "some true")
  [ $never = no ] || {{ echo "sudo: a password is required" >&2; exit 1; }}
  IFS= read -r given
  [ "$given" = "{PASSWORD}" ] || {{ echo "sudo: 1 incorrect password attempt" >&2; exit 1; }} ;;
esac
exec "$@"
"""


class Site:
    def __init__(self, program, host, folder):
        self.program, self.host, self.folder = program, host, Path(folder)
        (self.folder / "bin").mkdir()
        (self.folder / "cloud.kl").write_text(CLOUD)
        pid = Path(f"/proc/{host.keeper}/task/{host.keeper}/children").read_text().split()[0]
        tools = host.root / "etc/sudo-of-tests"
        tools.mkdir()
        for path, text in ((self.folder / "bin/ssh", SSH.replace("PID", pid)), (tools / "sudo", SUDO)):
            path.write_text(text)
            path.chmod(0o755)
        self.environment = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "HOME": str(self.folder)}
        self.argv = [str(program), "generations", "--host", "ctl01", "--file", "cloud.kl"]

    def mode(self, mode):
        (self.host.root / "etc/sudo-of-tests/mode").write_text(mode)
        (self.host.root / "out/sudo-calls").unlink(missing_ok=True)

    def run(self, code, words, *more, given=None):
        """Runs the command without a terminal, and wants this end and these words."""
        done = subprocess.run([*self.argv, *more], cwd=self.folder, env=dict(os.environ, **self.environment), capture_output=True,
                              input=(given or "").encode(), start_new_session=True)
        said = (done.stdout + done.stderr).decode()
        if done.returncode != code or words not in said or PASSWORD in said:
            wrong(f"it ended with {done.returncode}, not {code}, or without `{words}`: {said}")

    def terminal(self):
        return Terminal(self.argv, self.folder, self.environment)

    def no_trace(self, what):
        """The password is in no argument that sudo was given, and in no file here or on the host but in what stands for sudo."""
        found = subprocess.run(["grep", "-rlF", "--exclude=sudo", PASSWORD, self.folder, self.host.root / "etc", self.host.root / "var",
                                self.host.root / "run", self.host.root / "out"], capture_output=True, text=True).stdout
        if found:
            wrong(f"{what}: the password is in {found}")
        calls = self.host.output("sudo-calls")
        if not calls:
            wrong(f"{what}: sudo was not asked")
        point(what)


def points(site):
    site.mode("free")
    site.run(0, "")
    site.no_trace("a sudo that wants no password: nobody is asked")

    site.mode("password")
    site.run(2, "ops cannot become root on ctl01: sudo wants a password there")
    site.no_trace("a password is wanted, and there is no terminal: refused")
    site.run(2, "cannot become root on ctl01", "--ask-become-pass", given="wrong horse\n")
    site.no_trace("a wrong password: refused")
    # The program is brought there once more, as input behind the password.
    for engine in site.host.root.glob("etc/kolla-lang/engine/*"):
        engine.unlink()
    site.run(0, "", "-K", given=f"{PASSWORD}\n")
    site.no_trace("a password from standard input, with the program behind it")

    at = site.terminal()
    at.expect(PROMPT)
    if at.shows_typed():
        wrong("what is typed at the prompt is shown")
    at.type(f"{PASSWORD}\n".encode())
    code = at.end()
    if code != 0 or at.said.count(PROMPT.encode()) != 1 or PASSWORD.encode() in at.said or not at.shows_typed():
        wrong(f"a password at the terminal: {code}, {at.said!r}")
    at.close()
    site.no_trace("a password at the terminal: asked once, not shown")

    at = site.terminal()
    at.expect(PROMPT)
    at.type(b"\x03")
    code = at.end()
    if code != -2 or not at.shows_typed():
        wrong(f"Ctrl-C at the prompt: {code}, {at.said!r}")
    at.close()
    site.no_trace("Ctrl-C at the prompt: the terminal shows what is typed again")

    site.mode("some")
    site.run(2, "sudo wants a password for some commands and not for others", "-K", given=f"{PASSWORD}\n")
    site.no_trace("a sudo that reads a password for some commands alone: no command reads it in its place")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--program", required=True)
    program = Path(args.parse_args().program).resolve()
    with scratch_bench(program, "kolla-lang-become.") as bench, tempfile.TemporaryDirectory() as folder:
        host = bench.own_host()
        host.reset(bench.work / "disk")
        host.boot()
        points(Site(program, host, folder))
        host.kill()


if __name__ == "__main__":
    main()
