"""Renders templates of kolla-ansible as Ansible does, with kolla-ansible's own defaults; `facts.py` runs it where Ansible is.

    render.py PACKAGE DATA      prints, as JSON, the containers of the roles, and by service and variant what its templates come to
"""
import json
import pathlib
import sys

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader
from ansible.template import Templar

SERVICES = ["keystone", "mariadb", "rabbitmq", "memcached", "haproxy", "keepalived", "kolla-toolbox", "cron", "fluentd",
            "barbican-api", "barbican-worker", "barbican-keystone-listener", "placement-api"]
SCRIPTS = {"keystone": "keystone-startup.sh.j2", "haproxy": "haproxy/haproxy_run.sh.j2"}
VARIANTS = {f"{distro}{suffix}": (distro, suffix != "") for distro in ["debian", "ubuntu", "rocky"] for suffix in ["", "-tls"]}
GROUPS = ["control", "network", "loadbalancer", "mariadb", "rabbitmq", "memcached", "keystone", "fluentd", "cron", "kolla-toolbox", "kolla_toolbox"]
# What kolla-ansible does where it renders a file: `ansible.builtin.template` has `trim_blocks`.
OVERRIDES = {"trim_blocks": True}


def site(package, distro, tls, hosts=("ctl01",)):
    """What an operator says and what the first of the hosts tells of itself."""
    yes = "yes" if tls else "no"
    told = [{"os_family": "RedHat" if distro == "rocky" else "Debian", "hostname": host, "eth0": {"ipv4": {"address": f"10.0.0.{number}"}}, "processor_vcpus": 4,
             "memtotal_mb": 8192} for number, host in enumerate(hosts, 11)]
    passwords = yaml.safe_load((package / "etc_examples/kolla/passwords.yml").read_text())
    own = {
        "kolla_base_distro": distro, "kolla_container_engine": "podman", "network_interface": "eth0", "kolla_internal_vip_address": "10.0.0.250",
        "kolla_enable_tls_internal": yes, "kolla_enable_tls_external": yes, "kolla_enable_tls_backend": yes, "rabbitmq_enable_tls": yes,
        "kolla_copy_ca_into_containers": yes, "openstack_service_workers": "4",
        # Without the collection that would compare them.
        "kolla_same_external_internal_vip": True,
        "ansible_facts": told[0], "inventory_hostname": hosts[0],
        "hostvars": {host: {"ansible_facts": facts, "api_interface": "eth0", "api_address_family": "ipv4", "inventory_hostname": host} for host, facts in zip(hosts, told)},
        "groups": {**{group: list(hosts) for group in GROUPS}, "glance-api": [], "neutron-server": []},
        # What its plays tell the role of RabbitMQ, and what tasks find out before these templates.
        "role_rabbitmq_groups": "rabbitmq", "role_rabbitmq_cluster_cookie": "SECRET", "role_rabbitmq_user": "openstack", "role_rabbitmq_password": "SECRET",
        "wsrep_notify_stat": {"stat": {"exists": False}},
    }
    return {**{name: "SECRET" for name in passwords}, **own}


def variables(package, *files, given):
    """Files of variables, the later ones over the earlier, and what is given over all."""
    found = {}
    for file in files:
        if file.exists():
            found.update(yaml.safe_load(file.read_text()) or {})
    found.update(given)
    return found


def group_files(package):
    """The variables of all hosts: a file, later a folder."""
    folder = package / "ansible/group_vars"
    return sorted((folder / "all").glob("*.yml")) or [folder / "all.yml"]


def find(package, service):
    """The template of a service's config.json, in the one role that has it."""
    roles = package / "ansible/roles"
    found = [it for it in roles.glob(f"*/templates/**/{service}.json.j2") if (roles / it.relative_to(roles).parts[0] / "defaults").exists()]
    if len(found) != 1:
        sys.exit(f"render.py: {len(found)} templates of {service}'s config.json, not one: {[str(it) for it in found]}")
    return found[0], roles / found[0].relative_to(roles).parts[0]


def uwsgi_of(role, service):
    """The variables by which a role asks for a configuration of uWSGI, or nothing."""
    for task in yaml.safe_load((role / "tasks/config.yml").read_text()):
        including = task.get("include_role") or task.get("ansible.builtin.include_role") or {}
        if including.get("name") == "service-uwsgi-config" and task["vars"].get("service_name") == service:
            return task["vars"]
    return None


def main():
    sys.path.insert(0, sys.argv[1])
    package = pathlib.Path(sys.argv[2])
    filter_loader.add_directory(str(package / "ansible/filter_plugins"))
    containers, services = {}, {}
    for service in SERVICES:
        template, role = find(package, service)
        for folder in role.glob("filter_plugins"):
            filter_loader.add_directory(str(folder))
        name = f"{role.name}_services"
        defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
        for container, it in defaults[name].items():
            containers.setdefault(container, None)
        for variant, (distro, tls) in VARIANTS.items():
            given = {**site(package, distro, tls), "ansible_parent_role_names": [role.name]}
            known = variables(package, *group_files(package), role / "defaults/main.yml", role / "vars/main.yml", given=given)
            templar = Templar(loader=DataLoader(), variables=known)
            rendered = lambda path: templar.template(path.read_text(), preserve_trailing_newlines=True, escape_backslashes=False, overrides=OVERRIDES, convert_data=False)
            it = {"config": json.loads(rendered(template)), "container": templar.template(defaults[name][service])}
            if service in SCRIPTS:
                it["script"] = rendered(role / "templates" / SCRIPTS[service])
            asked = uwsgi_of(role, service)
            if asked:
                uwsgi = role.parent / "service-uwsgi-config"
                templar.available_variables = {**variables(package, uwsgi / "defaults/main.yml", given={}), **known, **asked}
                it["uwsgi"] = rendered(uwsgi / "templates/uwsgi.ini.j2")
            services.setdefault(service, {})[variant] = it
            for container, entry in defaults[name].items():
                if distro == "debian" and not tls:
                    templar.available_variables = known
                    containers[container] = str(templar.template(entry["enabled"])).lower() in ("true", "yes")
    json.dump([containers, services], sys.stdout)


if __name__ == "__main__":
    main()
