#!/usr/bin/env python3
"""Writes the common workload in kl, as an operator would: gen_kl.py H outdir

Four files: service.kl (types, defaults, the service layer), roles.kl (the role layer), inventory.kl (plain data) and
cloud.kl (the host layer and the checks). The logic is the same for every H; only inventory.kl grows.
It does not write the expected answer: gen.py does, for all languages alike.
"""

import os
import sys

ROLES = ["controller", "compute", "storage"]

SERVICE = """\
## What runs on every host: the types with their defaults, and what each service says for itself.

type Name = Str where matches(it, '[a-z][a-z0-9-]*')
type Port = Int where it in 1..65535
type Many = Int where it >= 1

type Health = {
  interval : Many = 30
  retries  : Many = 3
  timeout  : Many = 10
}

type Service = {
  name        : Name = key
  tag         : Str = "2026.2"
  enabled     : Bool = true
  workers     : Many = 4
  memory_mb   : Many = 512
  cpu_shares  : Many = 1024
  restart     : enum { always, on-failure, no } = .always
  user        : Name = "kolla"
  group       : Name = self.user
  log_level   : enum { debug, info, warning } = .info
  network     : Name = "internal"
  healthcheck : Health = {}
  env         : {[Str]: Str} = { TZ = "UTC", LANG = "C.UTF-8" }
  deps        : [Str] = ["network-online.target", "chrony.service"]
  port        : Port
  host        : Name
  bind        : Ip
  image       : Str = "registry.local/kolla/${self.name}:${self.tag}"
  url         : Str = "http://${self.bind.at(self.port)}"
  log_dir     : Str = "/var/log/kolla/${self.name}"
  config_dir  : Str = "/etc/kolla/${self.name}"
}

type Host = {
  name     : Name = key
  ip       : Ip
  role     : enum { controller, compute, storage }
  services : {[key of catalog]: Service} = {}
}

## What a service asks for, whatever host it runs on.
type Entry = {
  port      : Port
  memory_mb : Many? = none
  retries   : Many? = none
}

option hosts   : {[Name]: Host} = {}
option catalog : {[Name]: Entry} = {}

for h, host in hosts, s, entry in catalog {
  hosts[h].services[s] = { port = entry.port, host = "${h}", bind = host.ip }
  for memory in entry.memory_mb { hosts[h].services[s].memory_mb ?= memory }
  for retries in entry.retries { hosts[h].services[s].healthcheck.retries ?= retries }
}
"""

ROLE_LAYER = """\
## What the role of a host says about the services on it.

use "./service.kl"

for h, host in hosts, s in catalog {
  if host.role == .controller { hosts[h].services[s].workers ?= 8 }
  if host.role == .compute {
    hosts[h].services[s].workers ?= 2
    hosts[h].services[s].network ?= "tenant"
  }
  if host.role == .storage { hosts[h].services[s].cpu_shares ?= 2048 }
}
"""

CLOUD = """\
## One cloud of one region: its inventory, its roles, and what single hosts have of their own.

use "./roles.kl"
use "./inventory.kl"

for h in debug_hosts, s in catalog { hosts[h].services[s].log_level = .debug }

check "no address twice" {
  require unique(host.ip for h, host in hosts) else "two hosts answer at one address"
}
check "one port, one service" {
  require unique(entry.port for s, entry in catalog) else "two services listen at one port"
}
check "no service needs a privileged port" {
  for s, entry in catalog { require entry.port > 1023 else "${s} asks for port ${entry.port}" }
}
"""


def inventory(n_hosts: int, n_services: int) -> str:
    """The data: one line per service and per host, and the hosts that are being debugged."""
    lines = ["## The machines and the services of this cloud: data only.", "", 'use "./service.kl"', ""]
    for s in range(n_services):
        entry = [f"port = {8000 + s}"]
        if s % 5 == 0:
            entry.append("memory_mb = 2048")
        if s % 7 == 0:
            entry.append("retries = 5")
        lines.append(f"catalog.svc{s:02d} = {{ {', '.join(entry)} }}")
    lines.append("")
    for i in range(n_hosts):
        lines.append(f"hosts.h{i:04d} = {{ ip = 10.{i // 250}.{i % 250}.10, role = .{ROLES[i % 3]} }}")
    lines += ["", "pub let debug_hosts : [key of hosts] = ["]
    lines += [f"  .h{i:04d}," for i in range(0, n_hosts, 10)]
    lines += ["]", ""]
    return "\n".join(lines)


def main() -> None:
    n_hosts, out = int(sys.argv[1]), sys.argv[2]
    n_services = int(os.environ.get("S", "40"))
    os.makedirs(out, exist_ok=True)
    files = {
        "service.kl": SERVICE,
        "roles.kl": ROLE_LAYER,
        "cloud.kl": CLOUD,
        "inventory.kl": inventory(n_hosts, n_services),
    }
    for name, text in files.items():
        with open(os.path.join(out, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
