#!/usr/bin/env python3
"""Draws random documents: draw.py SEED N_VALUES FOLDER

Writes FOLDER/cloud.kl, whose one host has a file for every format and style, and FOLDER/expected.json, what a reader of each
file must read; and FOLDER/refused.kl with FOLDER/refused.json: values that a format cannot carry, with the lines where `check`
must say so. The same seed draws the same.
"""
import json
import random
import sys

HEAD = """use kernel
cloud.name    = "documents"
networks.mgmt = { cidr = 10.0.0.0/24, interface = "eth0" }
hosts.web1    = { addresses = { mgmt = 10.0.0.11 } }
hosts.web1.containers.all = { image = "registry.local/all:1", contract = .direct, command = ["all"] }
"""

# What a reader of some format takes for something else than a text.
TRAPS = """yes no on off y n Y N true True TRUE false null Null NULL ~ = << - -- --- ... ? : , [] {} [a] {a: b} !tag !!str &a *a %TAG @at `tick | > |- >-
0 1 -1 +1 007 0755 0o17 0x1F 0b101 1_000 12:30:45 22:22 1e3 1E3 1.5 .5 5. -.5 .inf -.inf +.INF .nan .NaN inf NaN nan 1.10 2024-01-01
2024-01-01T00:00:00Z 10.0.0.1 1,2 a:b a#b #a ;a a;b $a ${a} $$ \\$ \\ \\\\ \\n \\x %s %(a)s %% ' " '' "" 'a' "a" 'a" a' =a a=b [a a] rem
export unset None undefined""".split() + [
    "", " ", "  ", "\t", " a", "a ", "\ta", "a\t", "a: b", "a #b", "- a", "? a", "a: ", ": a", "a b", "'a b'", '"a b"', '" a "', "a\\", "a\\ ",
    "\\\"", "it's", 'say "hi"', "`id`", "$(id)", "!history", "a\\tb", "a\\sb", "\\", '"', "'", "a\u00a0b", "\u00a0a", "a\u3000", "\u2028", "a\u2028b",
    "a\u0085b", "\u0085", "\ufeffa", "a\ufeff", "\ufffd", "\U0001f600", "Gr\u00fc\u00dfe", "e\u0301", "\u200b", "\x7f", "a\x7fb", "\x80", "\x9f", "\ue000", "\uffff",
    "\ufffe", "\x00", "\x01", "\x1b[31m", "\x0b", "\x0c", "a\rb", "a\r\nb", "a\nb", "\n", "a\n", "\na", "a\n\n", " a\nb", "a\n b\n", "a\n\tb", "- a\n- b", "a: 1\nb: 2",
]
MARKS = set(range(0xF5A0, 0xF5A6))  # what kl keeps for itself


def text(draw):
    kind = draw.random()
    if kind < 0.35:
        return draw.choice(TRAPS)
    if kind < 0.45:
        return draw.choice(TRAPS) + draw.choice(TRAPS)
    if kind < 0.75:
        return "".join(chr(draw.randint(32, 126)) for _ in range(draw.randint(1, 12)))
    alphabet = draw.choice([
        "ab\"'\\ $#;=:%`\t", "ab\n\r\t :-", "ab \x00\x01\x1f\x7f\x85\xa0", "\u2028\u2029\ufeff\u200d\u3000ab", "01234567890.-+eE_:xo",
    ])
    if kind < 0.95:
        return "".join(draw.choice(alphabet) for _ in range(draw.randint(1, 10)))
    out = ""
    while not out:
        points = [draw.randrange(0x110000) for _ in range(draw.randint(1, 6))]
        out = "".join(chr(p) for p in points if not 0xD800 <= p <= 0xDFFF and p not in MARKS)
    return out


def number(draw):
    if draw.random() < 0.5:
        return draw.choice([0, 1, -1, 2**31, 2**53, 2**63 - 1, -(2**63) + 1, draw.randint(-(10**6), 10**6), draw.randint(-(2**62), 2**62)])
    return draw.choice([0.1, -0.1, 1.0, 1e16, 1e-7, 5e-324, 1.7976931348623157e308, 1.2345678901234568e20, draw.random(), draw.uniform(-1, 1) * 10.0 ** draw.randint(-300, 300)])


def scalar(draw):
    kind = draw.random()
    return text(draw) if kind < 0.75 else number(draw) if kind < 0.92 else draw.random() < 0.5


def tree(draw, depth):
    if depth == 0 or draw.random() < 0.35:
        return scalar(draw)
    if draw.random() < 0.4:
        return [tree(draw, depth - 1) for _ in range(draw.randint(0, 4))]
    return {text(draw): tree(draw, depth - 1) for _ in range(draw.randint(0, 4))}


def size(value):
    if isinstance(value, dict):
        return sum(map(size, value.values())) or 1
    if isinstance(value, list):
        return sum(map(size, value)) or 1
    return 1


def kl_text(value):
    out = ""
    for c in value:
        if c in '"\\$':
            out += "\\" + c
        elif 32 <= ord(c) < 127:
            out += c
        else:
            out += "\\u{%x}" % ord(c)
    return '"' + out + '"'


def kl(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        from decimal import Decimal
        digits = format(Decimal(repr(value)), "f")
        return digits if "." in digits else digits + ".0"
    if isinstance(value, str):
        return kl_text(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(kl, value)) + "]"
    return "{ " + ", ".join(f"{kl_text(k)} = {kl(v)}" for k, v in value.items()) + " }"


def is_control(c):
    return ord(c) < 32 or 127 <= ord(c) < 160


# White_Space of Unicode, as readers and the writer know it.
SPACE = set("\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}


def carries(format, value):
    """Whether a file of a format can carry a scalar."""
    if not isinstance(value, str) or format in ("yaml", "json", "toml"):
        return True
    allowed = {"ini": "\t", "oslo": "\t", "pymysql": "\t", "option": "\t\n\r", "env": "\t"}[format]
    if any(is_control(c) and c not in allowed for c in value):
        return False
    return format != "ini" or not value or not (value[0] in SPACE or value[-1] in SPACE)


FILES = {
    "yaml": lambda it: f"yaml_file({it})",
    "json": lambda it: f"json_file({it})",
    "toml": lambda it: f"toml_file({it})",
    "env": lambda it: f"env_file({it})",
    "ini": lambda it: f"ini({it})",
    "pymysql": lambda it: f'ini({it}, style = {{ quotes = "" }})',
    "oslo": lambda it: f'ini({it}, style = {{ quotes = "", escapes = {{ "$" = "\\\\$" }} }})',
    "option": lambda it: f'ini({it}, style = {{ quotes = "#\\"\'\\\\", escapes = {{ "\\\\" = "\\\\\\\\", "\\"" = "\\\\\\"", "\\n" = "\\\\n", "\\u{{d}}" = "\\\\r", "\\t" = "\\\\t" }} }})',
}


def main():
    seed, n_values, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    draw = random.Random(seed)
    expected, lines, n, i = {}, [], 0, 0
    while n < n_values:
        for format, call in FILES.items():
            name = f"{format}-{i}"
            if format in ("yaml", "json", "toml"):
                value = {"k%d" % k: scalar(draw) for k in range(40)} if i % 2 else {text(draw): tree(draw, 4) for _ in range(12)}
            else:
                keys = {}
                while len(keys) < 40:
                    it = scalar(draw)
                    if carries(format, it):
                        keys["k%d" % len(keys)] = it
                value = keys if format == "env" else {"a section": keys}
            n += size(value)
            expected[name] = {"format": format, "value": value}
            lines.append(f'hosts.web1.containers.all.files."/{name}" = {call(kl(value))}')
        i += 1
    with open(f"{folder}/cloud.kl", "w", encoding="utf-8") as file:
        file.write(HEAD + "\n".join(lines) + "\n")
    with open(f"{folder}/expected.json", "w", encoding="utf-8") as file:
        json.dump(expected, file)

    lines, refused = [], []
    for format in ("env", "ini", "pymysql", "oslo", "option"):
        keys = []
        while len(keys) < 40:
            it = scalar(draw)
            if not carries(format, it):
                keys.append(it)
        body = "\n".join(f"  k{k} = {kl(it)}" for k, it in enumerate(keys))
        whole = "{\n" + body + "\n}" if format == "env" else '{ "a section" = {\n' + body + "\n} }"
        at = HEAD.count("\n") + sum(it.count("\n") + 1 for it in lines) + 2
        refused += [at + k for k in range(len(keys))]
        lines.append(f'hosts.web1.containers.all.files."/{format}" = {FILES[format](whole)}')
    with open(f"{folder}/refused.kl", "w", encoding="utf-8") as file:
        file.write(HEAD + "\n".join(lines) + "\n")
    with open(f"{folder}/refused.json", "w", encoding="utf-8") as file:
        json.dump(refused, file)
    print(n)


main()
