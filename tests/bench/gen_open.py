#!/usr/bin/env python3
"""Writes a cloud as it lies open in an editor: gen_open.py outdir

About 2,000 lines in five files, over the modules of the library: 40 hosts in five racks, and 63 services of the site's own, each
on the hosts of one rack, about a dozen containers a host, as computes have. Half of the lines are in services.kl, the file that is edited.
"""

import os
import sys

N_HOSTS, N_RACKS, N_SERVICES = 40, 5, 63

CLOUD = """\
## One region: controllers with the library's services, computes with those of the site.
use openstack
use "./hosts.kl"
use "./services.kl"
use "./checks.kl"

cloud.name = "open"

vips.internal = { network = .mgmt, address = 10.0.0.250 }
vips.public   = { network = .public, address = 192.0.2.250, vrid = 52 }

host.enable      = true
logs.enable      = true
mariadb.enable   = true
memcached.enable = true
rabbitmq.enable  = true
haproxy.enable   = true
keystone.enable  = true
toolbox.enable   = true
"""

TYPES = """\
## What a service of the site is, and how it becomes a container.
use kernel

type Level = enum { debug, info, warning }

type Site = {
  port     : Port
  workers  : Int where it in 1..64 = 4
  memory   : Size = 512MiB
  level    : Level = .info
  rack     : key of roles
  peers    : [key of site] = []
  settings : {[Str]: Str} = {}
}
option site : {[Name]: Site} = {}

fn url(h: key of hosts, s: key of site) -> Str = "http://${api(h).at(site[s].port)}"

fn config(h: key of hosts, s: key of site) -> Tree = {
  DEFAULT = { bind_host = api(h), bind_port = site[s].port, workers = site[s].workers, debug = site[s].level == .debug }
  peers   = { urls = join([url(h, p) for p in site[s].peers], ",") }
  options = site[s].settings
}

for s, service in site, h in hosts_with(service.rack) {
  hosts[h].containers["${s}"] = {
    image   = "registry.example/cloud/${s}:1"
    command = ["${s}", "--config-file", "/etc/${s}/${s}.conf"]
    files   = { "/etc/${s}/${s}.conf" = ini(config(h, s)) }
    health  = { test = http(api(h), service.port, "/healthcheck") }
    limits.memory = service.memory
  }
}
"""


def hosts():
    lines = ["## The machines: one block each.", "use kernel", "",
             'networks.mgmt   = { cidr = 10.0.0.0/16, interface = "eth0", gateway = 10.0.0.1 }',
             'networks.public = { cidr = 192.0.2.0/24, interface = "eth1" }', ""]
    lines += [f"roles.rack{rack} = {{}}" for rack in range(1, N_RACKS + 1)] + [""]
    for i in range(N_HOSTS):
        name, role = (f"ctl{i + 1:02d}", "control") if i < 3 else (f"cmp{i - 2:02d}", f"rack{i // 8 + 1}")
        lines += [f"# Rack {i // 8 + 1}, height {i % 8 * 4 + 1}.",
                  f"hosts.{name} = {{",
                  f"  roles     = [.{role}]",
                  "  addresses = {",
                  f"    mgmt   = 10.0.1.{i + 10}",
                  f"    public = 192.0.2.{i + 10}",
                  "  }",
                  "}", ""]
    return lines


def services():
    lines = ["## The services of the site: one block each.", 'use "./types.kl"', ""]
    for i in range(N_SERVICES):
        lines += [f"## What team {i % 7} runs; it answers at port {9100 + i}.",
                  f"site.svc{i:02d} = {{",
                  f"  port    = {9100 + i}",
                  f"  workers = {i % 8 + 1}",
                  f"  memory  = {256 * (i % 6 + 1)}MiB",
                  f"  level   = .{['debug', 'info', 'warning'][i % 3]}",
                  f"  rack    = .rack{i % N_RACKS + 1}",
                  f"  peers   = [{', '.join(f'.svc{p:02d}' for p in range(max(0, i - 2), i))}]",
                  "  settings = {"]
        lines += [f'    option_{k} = "value ${{{i} + {k}}} of svc{i:02d}"' for k in range(7)]
        lines += ["  }", "}", ""]
    return lines


def checks():
    lines = ["## What has to hold of the services.", 'use "./types.kl"', "",
             'check "one port, one service" { require unique(it.port for s, it in site) else "two services listen at one port" }', ""]
    for i in range(N_SERVICES):
        lines += [f'check "svc{i:02d} fits its hosts" {{',
                  f"  let it = site.svc{i:02d}",
                  f'  require it.workers <= 64 else "svc{i:02d} has ${{it.workers}} workers"',
                  f'  require it.memory >= 128MiB else "svc{i:02d} has too little memory"',
                  "}", ""]
    return lines


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    files = {"cloud.kl": CLOUD, "types.kl": TYPES, "hosts.kl": "\n".join(hosts()),
             "services.kl": "\n".join(services()), "checks.kl": "\n".join(checks())}
    for name, text in files.items():
        with open(os.path.join(out, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
