"""Reads configuration files, each to one text for each key, so that two of them can be compared."""
import json
import re
import shlex


def plain(value):
    """A value in the form in which values are compared: without quotes, with one word for each truth, and without names of secrets."""
    value = re.sub(r"<secret [^>]*>", "SECRET", str(value)).strip()
    value = re.sub(r"^(['\"])(.*)\1$", r"\2", value)
    return {"True": "true", "False": "false", "yes": "true", "no": "false"}.get(value, value)


def ini(text, dashes=False):
    """Sections of keys. With `dashes`, a name is the same with dashes and with underscores, as for MariaDB."""
    found, section = {}, "-"
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line.strip("[]")
        elif line and line[0] not in "#;":
            name, _, value = line.partition("=")
            name = name.strip().replace("-", "_") if dashes else name.strip()
            # A folder is the same with a slash behind it.
            found[f"[{section}] {name}"] = re.sub(r"(?<=\w)/$", "", plain(value)) if dashes else plain(value)
    return found


def conf(text):
    """Lines `name = value`. Members of a list have numbers, which may begin at another one."""
    found = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, value = line.partition("=")
            name = re.sub(r"(nodes)\.\d+$", r"\1", name.strip())
            found[name] = ", ".join(filter(None, [found.get(name), plain(value)]))
    return found


def shell(text):
    """Assignments of a shell. What an Erlang machine is told is taken apart; parameters of its kernel are as if its configuration said them."""
    found = {}
    for line in text.splitlines():
        line = line.strip().removeprefix("export ")
        if not re.match(r"[A-Z_]+=", line):
            continue
        name, value = line.split("=", 1)
        if not name.endswith("ERL_ARGS"):
            found[name] = plain(value)
            continue
        words = shlex.split(plain(value))
        while words:
            flag, rest = words[0], []
            words = words[1:]
            while words and words[0][0] not in "+-":
                rest.append(words.pop(0))
            if flag == "-kernel":
                found[f"kernel {rest[0]}"] = " ".join(rest[1:])
            else:
                found[f"{name} {flag}"] = " ".join(rest)
    return found


def erlang(text):
    """Pairs of names and values, and parameters of the kernel."""
    text = re.sub(r"\s+", " ", text)
    kernel = re.search(r"\{kernel, \[(.*?)\] ?\}", text)
    return {f"kernel {name}": value for name, value in re.findall(r"\{(\w+), (\d+|\{[\d,]+\})\}", kernel[1])} if kernel else {}


def definitions(text):
    """What RabbitMQ imports: each user, permission and policy by its name."""
    found = {}
    for kind, entries in json.loads(text).items():
        for entry in entries:
            name = entry.get("name") or entry["user"]
            found.update({f"{kind} {name} {key}": plain(json.dumps(value, sort_keys=True)) for key, value in entry.items() if key not in ("name", "user")} or {f"{kind} {name}": "given"})
    return found


def yaml(text):
    """Leaves by their path, of records that end their names with a colon."""
    found, path = {}, []
    for line in text.splitlines():
        if not line.strip():
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        name, _, value = line.strip().partition(":")
        path = [*path[:depth], plain(name)]
        if value.strip():
            found[".".join(path)] = plain(value)
    return found


def apache(text):
    """Directives, with the sections that they are in."""
    found, within = {}, []
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("</"):
            within.pop()
        elif line.startswith("<"):
            within.append(plain(line.strip("<>").replace('"', "")))
        elif line and not line.startswith("#"):
            name, _, value = line.partition(" ")
            options = dict(word.split("=", 1) for word in value.split() if "=" in word) if name == "WSGIDaemonProcess" else {}
            where = " ".join([*within, name])
            found.update({f"{where} {option}": it for option, it in options.items()} or {where: plain(value if value.startswith('"%') else value.replace('"', ""))})
    return found


def blocks(text):
    """Blocks in braces: lines `name value` by the path of their blocks. A block without names is a list."""
    found, within = {}, []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith(("#", "!")):
            continue
        if line.endswith("{"):
            within.append(line[:-1].strip())
        elif line == "}":
            within.pop()
        else:
            name, _, value = line.partition(" ")
            is_list = bool(within) and within[-1] in LISTS
            name = " ".join([*within] if is_list else [*within, name])
            found[name] = ", ".join(filter(None, [found.get(name), plain(line if is_list else value or "given")]))
    return found


LISTS = ["virtual_ipaddress", "unicast_peer", "track_script", "track_file"]


def logrotate(text):
    """Options of all logs, and the logs."""
    found = {}
    for line in re.sub(r"[{}]", "\n", text).splitlines():
        line = line.strip()
        if line.startswith(("/", '"/')):
            found.update({f"log {plain(log)}": "rotated" for log in line.split()})
        elif line and not line.startswith("#"):
            name, _, value = line.partition(" ")
            # How often is one thing, said by a word of its own.
            found.update({"every": name} if name in ("hourly", "daily", "weekly", "monthly") else {name: value or "given"})
    return found


# Directives of HAProxy of which the next word belongs to the name.
LONG = ["option", "timeout", "stats", "http-request", "http-check", "tcp-check"]


def sections(text):
    """The sections of a configuration of HAProxy: the lines of each."""
    found, lines = {}, None
    for line in text.splitlines():
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        if not line.startswith(" "):
            lines = found.setdefault(words, [])
        else:
            lines.append(re.sub(r"\s+", " ", words))
    return found


def directives(lines):
    """Lines of a section of HAProxy by their names."""
    found = {}
    for line in lines:
        words = line.split(" ")
        n = 2 if words[0] in LONG else 1
        name, value = " ".join(words[:n]), plain(" ".join(words[n:]).replace('"', "")) or "given"
        found[name] = "; ".join(filter(None, [found.get(name), value]))
    return found


def haproxy(text):
    """The sections that are about HAProxy itself, not about what it carries."""
    own = {name: lines for name, lines in sections(text).items() if name in ("global", "defaults", "listen stats", "listen metrics", "frontend status")}
    return {f"{section.split(' ')[-1]} {name}": value for section, lines in own.items() for name, value in directives(lines).items()}


def entry(lines, vip):
    """What a load balancer does with an entry that is reached at a VIP: where it listens there, what passes, and how each server is asked."""
    found = {}
    for line in lines:
        words = line.split(" ")
        if words[0] == "bind":
            if words[1].startswith(f"{vip}:"):
                found["bind"] = words[1]
                if "ssl" in words:
                    found["bind tls"] = "given"
                if "alpn" in words:
                    found["bind alpn"] = words[words.index("alpn") + 1]
        elif words[0] == "server":
            name, rest = words[1], words[3:]
            found[f"server {name}"] = words[2] + (" backup" if "backup" in rest else "")
            found.update({f"server {word}": rest[rest.index(word) + 1] for word in ["inter", "rise", "fall", "port", "verify", "weight"] if word in rest})
            if "check-ssl" in rest or ("ssl" in rest and "check" in rest):
                found["server check by tls"] = "given"
        elif words[0] not in ("default_backend",):
            found.update({name: f"{found[name]}; {value}" if name in found and found[name] != value else value for name, value in directives([line]).items()})
    return found


def fluentd(text):
    """The logs that are read, each with the fields that are read of its lines; the journal; and what listens."""
    found = {}
    for tag, body in re.findall(r"<filter ([^>]+)>\s*@type record_transformer(.*?)</filter>", text, re.DOTALL):
        found.update({f"field {name}": "given" for name in re.findall(r"^\s+(\w+) \S", re.search(r"<record>(.*?)</record>", body, re.DOTALL)[1], re.MULTILINE)})
    parsed = [(tag, re.findall(r"\(\?<(\w+)>", body)) for tag, body in re.findall(r"<filter ([^>]+)>(.*?)</filter>", text, re.DOTALL) if "@type parser" in body]
    for body in re.findall(r"<source>(.*?)</source>", text, re.DOTALL):
        kind = re.search(r"@type (\S+)", body)[1]
        paths = re.search(r"^\s*path (\S+)", body, re.MULTILINE)
        tag = re.search(r"^\s*tag (\S+)", body, re.MULTILINE)
        if kind != "tail":
            found[f"{kind} {paths[1] if paths else ''}".strip()] = "read"
            continue
        for path in paths[1].split(","):
            fields = re.findall(r"\(\?<(\w+)>", body) + [field for pattern, names in parsed if is_about(pattern, tag[1]) for field in names]
            found[f"log {path}"] = "read"
            found.update({f"log {path} field {field}": "given" for field in fields})
    # A filter that is about a log by the tag that this has.
    for tag, names in parsed:
        if tag.startswith("kolla.var.log.kolla."):
            folder, _, name = tag.removeprefix("kolla.var.log.kolla.").partition(".")
            found.update({f"log /var/log/kolla/{folder}/{name} field {field}": "given" for field in names})
    return found


def is_about(pattern, tag):
    """Whether a filter is about records of a tag, which may have got more names behind it."""
    return pattern == "kolla.**" and tag == "kolla.*" or f"{pattern.rstrip('.*')}.".startswith(f"{tag}.")


READERS = {
    "keystone.conf": ini, "barbican.conf": ini, "placement.conf": ini, "galera.cnf": lambda text: ini(text, dashes=True), "vassals/barbican-api.ini": ini,
    "rabbitmq.conf": conf, "rabbitmq-env.conf": shell, "definitions.json": definitions, "erl_inetrc": lambda text: {line.strip(): "given" for line in text.splitlines() if line.strip()},
    "enabled_plugins": lambda text: {name: "given" for name in re.findall(r"\w+", text)}, "advanced.config": erlang, "wsgi-keystone.conf": apache,
    "keepalived.conf": blocks, "check_alive_haproxy.sh": lambda text: {"runs": text.strip().splitlines()[-1]}, "logrotate.conf": logrotate, "fluentd.conf": fluentd,
    "clouds.yaml": yaml, "haproxy.cfg": haproxy,
}
