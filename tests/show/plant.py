#!/usr/bin/env python3
"""Plants a fault of tests/show/faults.toml in a copy of the sources: plant.py NAME COPY

Changes nothing where what it replaces is not there exactly once.
"""
import pathlib
import sys
import tomllib


def faults():
    path = pathlib.Path(__file__).resolve().parent / "faults.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))["fault"]


def plant(fault, copy):
    path = pathlib.Path(copy) / fault["file"]
    text = path.read_text(encoding="utf-8")
    if text.count(fault["before"]) != 1:
        sys.exit(f"{fault['file']}: `{fault['before']}` is not there exactly once")
    path.write_text(text.replace(fault["before"], fault["after"]), encoding="utf-8")


def main():
    name, copy = sys.argv[1:]
    found = [fault for fault in faults() if fault["name"] == name]
    if not found:
        sys.exit(f"tests/show/faults.toml has no fault {name}")
    plant(found[0], copy)


if __name__ == "__main__":
    main()
