#!/usr/bin/env python3
"""Writes a whole cloud for `build`: H hosts with 40 containers each, a unit and a configuration file per container.

gen_build.py H outdir writes cloud.kl (the logic) and inventory.kl (the data). What comes out is compared between builds and
with the time that `tar -x` needs for the same tree; there is no expected answer.
"""

import os
import sys

CLOUD = """\
## A cloud of containers that look like those of an OpenStack service: an image, one configuration file, a health check.

use kernel
use "./inventory.kl"

cloud.name = "bench"
networks.mgmt = { cidr = 10.0.0.0/8, interface = "eth0" }

type Service = {
  port    : Port
  workers : Int where it >= 1 = 4
  memory  : Size = 512MiB
}
option services : {[Name]: Service} = {}

fn config(h: key of hosts, s: key of services) -> Tree = {
  DEFAULT = { bind_host = api(h), bind_port = services[s].port, workers = services[s].workers, host = "${h}" }
  database.connection = "mysql+pymysql://${s}@10.0.0.250/${s}"
  keystone_authtoken = { www_authenticate_uri = "http://10.0.0.250:5000", username = "${s}", region_name = cloud.region }
  oslo_messaging_rabbit = { heartbeat_in_pthread = false, rabbit_quorum_queue = true }
}

for h in hosts { hosts[h].volumes.logs = {} }
for h in hosts, s, service in services {
  hosts[h].containers["${s}"] = {
    image   = "registry.example/cloud/${s}:1"
    command = ["${s}", "--config-file", "/etc/${s}/${s}.conf"]
    files   = { "/etc/${s}/${s}.conf" = ini(config(h, s)) }
    mounts  = { "/var/log/kolla" = volume("logs") }
    health  = { test = http(api(h), service.port, "/healthcheck") }
    limits.memory = service.memory
  }
}

check "one port, one service" { require unique(service.port for s, service in services) }
"""

ROLES = ["controller", "compute", "storage"]


def inventory(n_hosts: int, n_services: int) -> str:
    """The data: one line per service and per host."""
    lines = ["## The machines and the services of this cloud: data only.", "", "use kernel", ""]
    lines += [f"roles.{role} = {{}}" for role in ROLES]
    for s in range(n_services):
        memory = ", memory = 2GiB" if s % 5 == 0 else ""
        lines.append(f"services.svc{s:02d} = {{ port = {8000 + s}{memory} }}")
    for i in range(n_hosts):
        address = f"10.{1 + i // 250}.{i % 250}.10"
        lines.append(f"hosts.h{i:04d} = {{ roles = [.{ROLES[i % 3]}], addresses = {{ mgmt = {address} }} }}")
    return "\n".join(lines) + "\n"


def main() -> None:
    n_hosts, out = int(sys.argv[1]), sys.argv[2]
    os.makedirs(out, exist_ok=True)
    for name, text in {"cloud.kl": CLOUD, "inventory.kl": inventory(n_hosts, int(os.environ.get("S", "40")))}.items():
        with open(os.path.join(out, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
