#!/usr/bin/env python3
"""Where the time of a switch of several hosts went: a picture of what began and was up when, and the chain that decided.

    timeline.py FOLDER SVG     draws FOLDER as an SVG and prints the chain, the last one first

FOLDER has `began` and `ended`, the seconds since 1970 between which it was, and of each host HOST.jsonl, what `journalctl -o json` of PID 1
prints, and HOST.journal, the journal of its switch.
"""
import html
import json
import pathlib
import sys

# systemd's catalogue: a job to start a unit began, and was done.
STARTING, STARTED = "7d4958e842da4a758f6c1cdc7b36dcc5", "39f53479d3a045ac8e11786248231fbf"
SWITCH = "kolla-lang-switch.service"
LABEL, WIDTH, RIGHT, ROW = 210, 780, 60, 16


def read_host(path, began):
    """What a switch waited for on a host: (begin, started, up, unit), seconds since the beginning, and when the switch itself began."""
    millis, starts, found, switch = {}, {}, [], None
    for line in path.with_suffix(".journal").read_text(encoding="utf-8").splitlines():
        record = json.loads(line.split(" ", 2)[2])
        if record["record"] == "up":
            millis[record["unit"]] = record["millis"] / 1000
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        at = int(entry["__REALTIME_TIMESTAMP"]) / 1e6 - began
        unit = entry.get("UNIT")
        if at < 0:
            continue
        if entry.get("MESSAGE_ID") == STARTING:
            if unit == SWITCH and switch is None:
                switch = at
            starts[unit] = at
        elif entry.get("MESSAGE_ID") == STARTED and unit in starts and unit in millis:
            begin = starts.pop(unit)
            found.append((begin, at, max(at, begin + millis.pop(unit)), unit))
    return sorted(found), switch


def chain_of(hosts, end):
    """From the last that was up back to the first, each time what was up last before it began. What took no second decides nothing."""
    everything = [(up, begin, host, unit) for host, (units, _) in hosts.items() for begin, _, up, unit in units if up - begin >= 1]
    chain, at = [], end
    while candidates := [it for it in everything if it[0] <= at + 0.5 and it[1] < at - 0.1]:
        up, begin, host, unit = max(candidates)
        chain.append((host, unit, begin, up))
        at = begin
    return chain


def bar(x0, x1, y, colour, title):
    title = f"<title>{html.escape(title)}</title>"
    return f'<rect x="{x0:.1f}" y="{y}" width="{max(x1 - x0, 1):.1f}" height="{ROW - 5}" fill="{colour}">{title}</rect>'


def text(x, y, words, more=""):
    return f'<text x="{x:.1f}" y="{y}" {more}>{html.escape(words)}</text>'


def draw(hosts, chain, end):
    """The picture, as SVG."""
    scale = WIDTH / end
    x = lambda seconds: LABEL + seconds * scale
    n_rows = sum(len(units) + 2 for units, _ in hosts.values())
    height, parts, y = 60 + n_rows * ROW, [], 34
    deciding = {(host, unit) for host, unit, _, _ in chain}
    step = next(it for it in (1, 2, 5, 10, 20, 50, 100, 1000) if end / it <= 16)
    for seconds in range(0, int(end) + 1, step):
        parts.append(f'<line x1="{x(seconds):.1f}" y1="28" x2="{x(seconds):.1f}" y2="{height - 6}" stroke="#ddd"/>')
        parts.append(text(x(seconds), 24, f"{seconds} s", 'text-anchor="middle" fill="#666"'))
    for host, (units, switch) in hosts.items():
        parts.append(text(4, y + 10, host, 'font-weight="bold"'))
        first = min((begin for begin, _, _, _ in units), default=end)
        parts.append(bar(x(0), x(switch or 0), y, "#bbb", "the leader reaches the host, asks it, sends what it lacks"))
        parts.append(bar(x(switch or 0), x(first), y, "#888", "the switch checks, writes and loads the generation"))
        y += ROW
        for begin, started, up, unit in units:
            decides = (host, unit) in deciding
            dark, light = ("#c0392b", "#e6a49c") if decides else ("#2c6fa6", "#a9c8e0")
            words = f"{unit} on {host}: begun at {begin:.1f} s, started at {started:.1f} s, up at {up:.1f} s"
            parts.append(text(16, y + 9, unit.removesuffix(".service"), 'font-weight="bold"' if decides else ""))
            parts.append(bar(x(begin), x(started), y, dark, words))
            if up - started > 0.05:
                parts.append(bar(x(started), x(up), y, light, words))
            parts.append(text(x(up) + 4, y + 9, f"{up - begin:.1f}", 'fill="#666"'))
            y += ROW
        y += ROW
    legend = [("#bbb", "leader"), ("#888", "checks"), ("#2c6fa6", "starts"), ("#a9c8e0", "until it works"), ("#c0392b", "decides how long all takes")]
    at = 4
    for colour, words in legend:
        parts.append(f'<rect x="{at}" y="4" width="10" height="10" fill="{colour}"/>' + text(at + 14, 13, words))
        at += 30 + 6.2 * len(words)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABEL + WIDTH + RIGHT} {height}" font-family="sans-serif" font-size="11">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"]) + "\n"


def main(folder, svg):
    folder = pathlib.Path(folder)
    began, ended = (float((folder / it).read_text()) for it in ("began", "ended"))
    hosts = {path.stem: read_host(path, began) for path in sorted(folder.glob("*.jsonl"))}
    last = max(up for units, _ in hosts.values() for _, _, up, _ in units)
    chain = chain_of(hosts, last)
    pathlib.Path(svg).write_text(draw(hosts, chain, ended - began), encoding="utf-8")
    for (host, unit, begin, up), before in zip(chain, [*chain[1:], None]):
        pause = f", {begin - before[3]:.1f} s after the one before" if before and begin - before[3] > 1 else ""
        print(f"{up - begin:6.1f} s  {unit} on {host}, from {begin:.1f} to {up:.1f} s{pause}")
    print(f"{chain[-1][2]:6.1f} s  before the first of these began; {ended - began - last:.1f} s after the last one was up")


if __name__ == "__main__":
    main(*sys.argv[1:])
