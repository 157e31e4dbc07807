"""Draws texts that passwords and names may be: draw.py SEED COUNT FOLDER

Writes texts.json, which values secrets take, and texts.kl, a few of them for the places of the description that are no secrets.
Each text comes in three forms: `any` may have line breaks and tabs, `line` has none, `ascii` is of printable ASCII.
"""

import json
import random
import sys
import unicodedata

# What readers are known to stumble over.
AWKWARD = [
    "'", '"', "\\", "\\'", "\\\\", "''", '""', "'\\''", "a\\", "a'", "$HOME", "${HOME}", "$(id)", "`id`", "%41%s%%", "#{1}", "#x", "a # b",
    ";", "a;b", "--", "/* */", "*/", "&&", "||", "!", "!x", "~", "*", "?", "[a]", "{a,b}", "<a>", "&amp;", "]]>", "&", ":", "a:b", "@", "/",
    "a@b:c/d", "=", "a=b", " ", " a", "a ", "  a  b  ", ",", "|", "-e", "-", "0", "0x10", "1e3", "yes", "null", "none", "true", "{{ x }}",
    "{% x %}", "%(x)s", "$$", "\\$", "\\n", "\\0", "\\u0041", "\\x41", "a\\\\'b", "'; DROP USER 'root'@'%'; --", "' OR ''='", "\u00e9", "\u00df\u20ac",
    "\U0001f511", "\u2028", "\ufeffa", "\u00a0", "a\u0300", "\u202e",
]
BREAKS = ["\n", "\r", "\r\n", "\t", "a\nb", "a\\\nb", "'\n;\n", "\n\n"]
ASCII = [chr(c) for c in range(0x20, 0x7F)]
SPECIAL = list("'\"\\$`%#;&<>{}[]()*?!~|=:@/, ")


def printable():
    """A character that is printed, of any script."""
    while True:
        c = chr(random.choice([random.randrange(0xA1, 0x250), random.randrange(0x370, 0xD7FF), random.randrange(0x1F300, 0x1F700)]))
        # What marks of the compiler are made of, it refuses.
        if unicodedata.category(c)[0] not in "CZ" and not 0xF5A0 <= ord(c) <= 0xF5A5:
            return c


def drawn(alphabet):
    return "".join(random.choice(alphabet)() for _ in range(random.choice([1, 2, 3, 8, 20, 40, 64])))


def form(number):
    ascii_only, special = (lambda: random.choice(ASCII)), (lambda: random.choice(SPECIAL))
    line = AWKWARD[number] if number < len(AWKWARD) else drawn([ascii_only, special, random.choice([printable, ascii_only, special])])
    any_text = BREAKS[number] if number < len(BREAKS) else line
    if number >= len(BREAKS) and random.random() < 0.2:
        any_text += random.choice(BREAKS) + drawn([ascii_only, special])
    plain = line if all(" " <= c <= "~" for c in line) else drawn([ascii_only, special])
    return {"any": any_text, "line": line, "ascii": plain}


def literal(text):
    """A text of kl, in which every character is named."""
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\u{{{ord(c):x}}}" for c in text) + '"'


def main():
    seed, count, folder = sys.argv[1:]
    random.seed(int(seed))
    texts = [form(number) for number in range(int(count))]
    region = random.choice([it["line"] for it in texts]) + "'\"$\\"
    few = random.sample(texts, min(len(texts), 15))
    with open(f"{folder}/texts.json", "w", encoding="utf-8") as file:
        json.dump({"texts": texts, "region": region, "plain": [it["any"] for it in few], "plain_lines": [it["line"] for it in few]}, file)
    with open(f"{folder}/texts.kl", "w", encoding="utf-8") as file:
        print("# Texts in the places of a description that are no secrets.", file=file)
        print(f"pub let region : Str = {literal(region)}", file=file)
        print(f"pub let plain : [Str] = [{', '.join(literal(it['any']) for it in few)}]", file=file)
        print(f"pub let plain_lines : [Str] = [{', '.join(literal(it['line']) for it in few)}]", file=file)


main()
