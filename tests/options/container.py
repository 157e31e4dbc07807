"""The container of a document's tables: all releases in one file, solid; tables first, helps behind all of them.

It knows nothing of where tables come from. The reader is src/options.
"""

import json
import lzma
from typing import Any

Table = dict[str, Any]


def line(release: str, value: Any) -> str:
    """Returns a line of a container."""
    return release + "\t" + json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"


def lines(tables: dict[str, Table]) -> str:
    """Returns the text of a container: what is compared, since two versions of a compressor may write other bytes for it."""
    plain, helps = [], []
    for release in sorted(tables):
        table = json.loads(json.dumps(tables[release]))
        help: dict[str, dict[str, str]] = {}
        for section, options in table["sections"].items():
            for key, option in options.items():
                text = option.pop("help", None)
                if text:
                    help.setdefault(section, {})[key] = text
        plain.append(line(release, table))
        helps.append(line(release, help))
    return "".join(plain + helps)


def pack(tables: dict[str, Table]) -> bytes:
    """Compresses the tables of a document, by release."""
    how = [{"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 23}]
    return lzma.compress(lines(tables).encode(), format=lzma.FORMAT_ALONE, filters=how)


def unpack(data: bytes) -> dict[str, Table]:
    """Returns the tables of a document, by release; the inverse of `pack`."""
    text = lzma.decompress(data, format=lzma.FORMAT_ALONE).decode()
    rows = [row.split("\t", 1) for row in text.split("\n") if row]
    half = len(rows) // 2
    tables = {release: json.loads(value) for release, value in rows[:half]}
    for release, value in rows[half:]:
        for section, helps in json.loads(value).items():
            for key, help in helps.items():
                tables[release]["sections"][section][key]["help"] = help
    return tables
