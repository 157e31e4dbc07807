#!/usr/bin/env python3
"""Reads written documents with the programs that read them for a living, and compares: read.py EXPECTED_JSON FOLDER

Prints how many values each reader read back, and ends with 1 at the first ones that differ.
"""
import configparser
import io
import json
import math
import os
import re
import subprocess
import sys
import tomllib

import yaml
from oslo_config import cfg
from pymysql.optionfile import Parser as PyMysqlParser
from ruamel.yaml import YAML

n_read, wrong = {}, []


def same(found, wanted):
    if isinstance(wanted, dict):
        return isinstance(found, dict) and list(map(str, sorted(found))) == sorted(wanted) and all(same(found[k], v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, float):
        return isinstance(found, (float, int)) and not isinstance(found, bool) and (found == wanted or math.isclose(found, wanted, rel_tol=1e-15))
    return type(found) is type(wanted) and found == wanted


def as_text(value):
    """A value as a reader of texts finds it: a number is compared as one."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def same_text(found, wanted):
    wanted = as_text(wanted)
    try:
        return found == wanted if isinstance(wanted, str) else type(wanted)(found) == wanted
    except (TypeError, ValueError):
        return False


def compare(reader, name, found, wanted, same=same):
    keys = wanted if isinstance(wanted, dict) else {"": wanted}
    for key, value in keys.items():
        n_read[reader] = n_read.get(reader, 0) + 1
        it = found.get(key) if isinstance(found, dict) else found
        if not same(it, value):
            wrong.append(f"{reader}: {name}, {key!r}: described {value!r}, read {it!r}")
    if isinstance(found, dict) and len(found) != len(keys):
        wrong.append(f"{reader}: {name}: {len(found)} keys, not {len(keys)}")


def ruamel(version):
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    return reader


def read_yaml(name, path, wanted):
    text = open(path, encoding="utf-8", newline="").read()
    for reader, load in {
        "PyYAML": yaml.safe_load, "PyYAML with libyaml": lambda it: yaml.load(it, Loader=yaml.CSafeLoader),
        "ruamel 1.1": ruamel((1, 1)).load, "ruamel 1.2": ruamel((1, 2)).load,
    }.items():
        try:
            found = load(text)
        except Exception as error:
            wrong.append(f"{reader}: {name}: {type(error).__name__}: {error}")
            continue
        compare(reader, name, found, wanted)


def read_oslo(name, path, wanted):
    conf = cfg.ConfigOpts()
    section = "a section"
    conf.register_opts([cfg.StrOpt(key) for key in wanted[section]], group=section)
    conf(args=[], default_config_files=[path], default_config_dirs=[])
    compare("oslo.config", name, {key: conf[section][key] for key in wanted[section]}, wanted[section], same_text)


def read_ini(name, path, wanted):
    for reader, parser in {
        "configparser": configparser.RawConfigParser(interpolation=None),
        "configparser, no inline comments": configparser.ConfigParser(interpolation=None, inline_comment_prefixes=None, strict=True),
    }.items():
        parser.read(path, encoding="utf-8")
        compare(reader, name, dict(parser["a section"]), wanted["a section"], same_text)


def read_pymysql(name, path, wanted):
    parser = PyMysqlParser()
    parser.read(path, encoding="utf-8")
    found = {key: parser.get("a section", key) for key in wanted["a section"]}
    compare("PyMySQL", name, found, wanted["a section"], same_text)


def read_option_file(name, path, wanted):
    out = subprocess.run(["my_print_defaults", f"--defaults-file={path}", "a section"], stdout=subprocess.PIPE, check=True).stdout.decode()
    found = dict(re.findall(r"^--(k\d+)=(.*?)\n(?=--k\d+=|\Z)", out, re.S | re.M))
    compare("my_print_defaults", name, found, wanted["a section"], same_text)


def read_env(name, path, wanted):
    script = 'set -a; . "$1"; env -0'
    out = subprocess.run(["bash", "-c", script, "bash", path], env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, check=True).stdout.decode()
    found = dict(it.split("=", 1) for it in out.split("\0") if re.match(r"k\d+=", it))
    compare("bash", name, found, wanted, same_text)


READERS = {
    "yaml": read_yaml, "oslo": read_oslo, "ini": read_ini, "pymysql": read_pymysql, "option": read_option_file, "env": read_env,
    "json": lambda name, path, wanted: compare("json", name, json.load(open(path, encoding="utf-8")), wanted),
    "toml": lambda name, path, wanted: compare("tomllib", name, tomllib.load(io.BytesIO(open(path, "rb").read())), wanted),
}


def main():
    expected, folder = json.load(open(sys.argv[1], encoding="utf-8")), sys.argv[2]
    for name, it in expected.items():
        READERS[it["format"]](name, os.path.join(folder, name), it["value"])
    if wrong:
        print("\n".join(wrong[:20]), file=sys.stderr)
        print(f"{len(wrong)} values were not read back as they were described", file=sys.stderr)
        sys.exit(1)
    print(json.dumps(n_read, sort_keys=True))


main()
