"""Renders what kolla-ansible gives three controllers, as Ansible does and with its own defaults; `ask.py` runs it where Ansible is.

    kolla_ansible.py PACKAGE DATA      prints, as JSON, by variant: settings of containers, files of services, entries of the load balancer, checks before a
                                deployment, parameters of the kernel; and the templates of its roles that are none of these
"""
import json
import pathlib
import sys

import yaml

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "config_json"))
import render
from ask import OTHERS
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader, lookup_loader
from ansible.template import Templar

HOSTS = ("ctl01", "ctl02", "ctl03")
ROLES = ["keystone", "barbican", "placement", "mariadb", "rabbitmq", "memcached", "loadbalancer", "cron", "fluentd", "common", "kolla_toolbox"]
# By service: files that are rendered, each with the templates of which it may come, the first that a release has.
FILES = {
    "keystone": {"keystone.conf": ["keystone/keystone.conf.j2"], "wsgi-keystone.conf": ["keystone/wsgi-keystone.conf.j2"]},
    "barbican-api": {"barbican.conf": ["barbican/barbican.conf.j2"], "vassals/barbican-api.ini": ["barbican/barbican-api.ini.j2"]},
    "barbican-worker": {"barbican.conf": ["barbican/barbican.conf.j2"]},
    "barbican-keystone-listener": {"barbican.conf": ["barbican/barbican.conf.j2"]},
    "placement-api": {"placement.conf": ["placement/placement.conf.j2"]},
    "mariadb": {"galera.cnf": ["mariadb/galera.cnf.j2"]},
    "rabbitmq": {"rabbitmq.conf": ["rabbitmq/rabbitmq.conf.j2"], "rabbitmq-env.conf": ["rabbitmq/rabbitmq-env.conf.j2"], "definitions.json": ["rabbitmq/definitions.json.j2"],
                 "erl_inetrc": ["rabbitmq/erl_inetrc.j2"], "enabled_plugins": ["rabbitmq/enabled_plugins.j2"], "advanced.config": ["rabbitmq/advanced.config.j2"]},
    "haproxy": {"haproxy.cfg": ["loadbalancer/haproxy/haproxy_main.cfg.j2"]},
    "keepalived": {"keepalived.conf": ["loadbalancer/keepalived/keepalived.conf.j2"], "check_alive_haproxy.sh": ["loadbalancer/keepalived/check_alive_haproxy.sh.j2"]},
    "cron": {"logrotate.conf": ["cron/cron-logrotate-global.conf.j2", "common/cron-logrotate-global.conf.j2"]},
    "fluentd": {"fluentd.conf": ["fluentd/fluentd.conf.j2", "common/fluentd.conf.j2"]},
    "kolla-toolbox": {"clouds.yaml": ["kolla_toolbox/clouds.yaml.j2", "common/clouds.yaml.j2"]},
}
# The role that writes entries of the load balancer, by its name in one release or another.
ENTRIES = ["haproxy-config", "loadbalancer-config"]
# Files of services where another release has them served otherwise.
UNLESS = {"wsgi-keystone.conf": lambda known: known.get("keystone_wsgi_provider", "apache") == "uwsgi"}
SETTINGS = ["healthcheck", "dimensions", "cap_add", "cgroupns_mode", "tmpfs", "pid_mode", "ipc_mode", "security_opt", "user"]


def site(package, distro, tls):
    """The site of `config_json` with three hosts and a VIP for the outside, where HAProxy carries the databases too."""
    own = {
        "kolla_same_external_internal_vip": False, "kolla_external_vip_address": "10.0.0.251", "kolla_external_vip_interface": "eth0", "haproxy_enable_external_vip": True,
        "enable_proxysql": "no", "enable_barbican": "yes", "enable_placement": "yes", "openstack_service_workers": "4",
        # What tasks find out before these templates.
        "keystone_domain_directory": {"stat": {"exists": False}}, "find_custom_fluentd_inputs": {"files": []}, "find_custom_fluentd_filters": {"files": []},
        "find_custom_fluentd_formats": {"files": []}, "find_custom_fluentd_outputs": {"files": []}, "role_rabbitmq_monitoring_user": "openstack-monitoring",
        "openstack_cacert": "/etc/ssl/certs/ca-certificates.crt", "database_enable_tls_internal": "yes" if tls else "no", "role_rabbitmq_monitoring_password": "SECRET", "role_rabbitmq_port": "{{ rabbitmq_port }}", "role_rabbitmq_cluster_port": "{{ rabbitmq_cluster_port }}",
        "role_rabbitmq_epmd_port": "{{ rabbitmq_epmd_port }}", "role_rabbitmq_management_port": "{{ rabbitmq_management_port }}",
        "role_rabbitmq_prometheus_port": "{{ rabbitmq_prometheus_port }}", "rabbitmq_monitoring_user": "openstack-monitoring",
        **{f"enable_{name}": "no" for name in OTHERS},
    }
    given = {**render.site(package, distro, tls, HOSTS), **own}
    given["groups"].update({group: list(HOSTS) for group in ["mariadb_shard_0", "barbican-api", "barbican-worker", "barbican-keystone-listener", "placement-api", "baremetal"]})
    return given


def task_vars(role, *names):
    """What tasks of a role tell the templates that they render: the variables of the task that names one of the templates."""
    for file in sorted((role / "tasks").glob("config.yml")):
        for task in yaml.safe_load(file.read_text()) or []:
            if any(name in json.dumps({key: it for key, it in task.items() if key != "vars"}, default=str) for name in names):
                return task.get("vars", {})
    return {}


def templates(roles, ansible):
    """The templates of the roles that are none of `FILES`, none of a config.json and none of what another one includes."""
    used = {it for files in FILES.values() for ways in files.values() for it in ways}
    for name in roles:
        folder = ansible / "roles" / name / "templates"
        for path in sorted(folder.rglob("*")):
            it = f"{name}/{path.relative_to(folder)}"
            part = "conf/" in it or (path.name.startswith("cron-logrotate-") and "global" not in path.name)
            if path.is_file() and it not in used and not part and not path.name.endswith(".json.j2"):
                yield it


def prechecks(role, rendered):
    """What the role asks before a deployment: the names of its tasks that ask, with the port for those that want one to be free."""
    found = {}

    def walk(tasks):
        for task in tasks or []:
            conditions = task.get("when", [])
            conditions = conditions if isinstance(conditions, list) else [conditions]
            # Of services that are not there nothing is asked. What else a condition says is known on hosts only.
            plain = [it for it in conditions if isinstance(it, str) and it.startswith(("enable_", "not enable_")) and " or " not in it and " and " not in it]
            if not all(rendered("{{ " + it + " }}") in ("True", "true", True) for it in plain):
                continue
            if "block" in task:
                walk(task["block"])
            short = {key.split(".")[-1]: it for key, it in task.items()}
            if "wait_for" in short and short["wait_for"].get("state") == "stopped":
                found[task["name"]] = f"port {rendered(str(short['wait_for']['port']))} of {rendered(str(short['wait_for']['host']))} is free"
            elif {"assert", "fail", "getent"} & set(short) or task.get("failed_when") not in (None, False):
                found[task["name"]] = "asked"

    for file in sorted((role / "tasks").glob("*.yml")):
        if file.name == "precheck.yml" or role.name == "prechecks":
            walk(yaml.safe_load(file.read_text()))
    return found


def main():
    package = pathlib.Path(sys.argv[2])
    sys.path.insert(0, sys.argv[1])
    ansible = package / "ansible"
    filter_loader.add_directory(str(ansible / "filter_plugins"))
    roles = [name for name in ROLES if (ansible / "roles" / name / "defaults/main.yml").exists() or (ansible / "roles" / name / "templates").exists()]
    for folder in (ansible / "roles").glob("*/filter_plugins"):
        filter_loader.add_directory(str(folder))
    out = {"variants": {}, "templates": list(templates(roles, ansible))}
    for variant, (distro, tls) in render.VARIANTS.items():
        base = render.variables(package, *render.group_files(package), *(ansible / "roles" / name / "defaults/main.yml" for name in ENTRIES), given={})

        def known_of(role):
            folder = ansible / "roles" / role
            return {**base, **render.variables(package, folder / "defaults/main.yml", folder / "vars/main.yml", given=site(package, distro, tls)), "ansible_parent_role_names": [role],
                    "project_name": role if role != "kolla_toolbox" else "common", "role_path": str(folder)}

        def rendered(known, text, folder=None, **more):
            templar = Templar(loader=DataLoader(), variables={**known, **more})
            if folder:
                templar.environment.loader.searchpath = [str(folder)]
            return templar.template(text, preserve_trailing_newlines=True, escape_backslashes=False, overrides=render.OVERRIDES, convert_data=False)

        it = out["variants"][variant] = {"settings": {}, "files": {}, "entries": {}, "prechecks": {}, "host": {}}
        for service, wanted in FILES.items():
            for dest, ways in wanted.items():
                found = next((way for way in ways if (ansible / "roles" / way.split("/")[0] / "templates" / way.split("/", 1)[1]).exists()), None)
                if not found:
                    continue
                role, name = found.split("/", 1)
                known = known_of(role)
                if dest in UNLESS and UNLESS[dest]({name: rendered(known, value) for name, value in known.items() if name == "keystone_wsgi_provider"}):
                    continue
                folder = ansible / "roles" / role
                more = task_vars(folder, name, pathlib.Path(name).name)
                text = rendered(known, (folder / "templates" / name).read_text(), (folder / "templates" / name).parent, **{**more, "service_name": service})
                it["files"].setdefault(service, {})[dest] = text
        for role in roles:
            known = known_of(role)
            defaults = ansible / "roles" / role / "defaults/main.yml"
            described = yaml.safe_load(defaults.read_text()).get(f"{role}_services", {}) if defaults.exists() else {}
            for container, service in described.items():
                whole = Templar(loader=DataLoader(), variables=known).template({key: value for key, value in service.items() if key in [*SETTINGS, "enabled"]})
                if str(whole["enabled"]).lower() in ("true", "yes"):
                    it["settings"][container] = {name: whole[name] for name in SETTINGS if name in whole}
                    common = Templar(loader=DataLoader(), variables=known).template(known["docker_common_options"])
                    it["settings"][container].update({name: common[name] for name in ["restart_policy", "graceful_timeout"]})
                entries = service.get("haproxy")
                if entries:
                    template = next(path for name in ENTRIES for path in [ansible / "roles" / name / "templates/haproxy_single_service_split.cfg.j2"] if path.exists())
                    it["entries"][container] = rendered(known, template.read_text(), template.parent, service=service)
        for role in [*roles, "prechecks"]:
            known = known_of(role)
            for name, asked in prechecks(ansible / "roles" / role, lambda text: rendered(known, text)).items():
                it["prechecks"].setdefault(role, {})[name] = asked
        for role in roles:
            for file in (ansible / "roles" / role / "tasks").glob("*.yml"):
                for task in yaml.safe_load(file.read_text()) or []:
                    given = task.get("vars", {}) if isinstance(task, dict) else {}
                    for setting in given.get("settings", []):
                        value = str(rendered(known_of(role), str(setting["value"])))
                        # So it says that it leaves one as it is.
                        if value != "KOLLA_UNSET":
                            it["host"][f"sysctl {setting['name']}"] = value
                    for module in given.get("modules", []):
                        it["host"][f"module {module['name']}"] = "loaded"
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
