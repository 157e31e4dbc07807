#!/usr/bin/env python3
"""Asks oslo-config-validator of a release's environment about a file: validate.py PYTHON DOCUMENT FILE [--exclude-group GROUP]...

PYTHON is the interpreter of the environment that `generate` made. Exits with the validator's code: 1 where a key is unknown to it. It sees
names alone, neither types nor ranges, and nothing of [keystone_authtoken].
"""

import json
import pathlib
import subprocess
import sys

INSIDE = "import sys; from oslo_config import validator; sys.exit(validator.main())"
NAMES = "from importlib.metadata import entry_points; print(*{point.name for point in entry_points(group='oslo.config.opts')})"


def main() -> int:
    python, document, file, *others = sys.argv[1:]
    stated = json.loads((pathlib.Path(__file__).parent / "documents.json").read_text(encoding="utf-8"))
    known = subprocess.run([python, "-c", NAMES], check=True, capture_output=True, text=True).stdout.split()
    names = [name.rstrip("?").rpartition(":")[2] for name in stated["documents"][document]["namespaces"]]
    asked = [f"--namespace={name}" for name in names if name in known]
    return subprocess.run([python, "-c", INSIDE, *asked, f"--input-file={file}", *others], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
