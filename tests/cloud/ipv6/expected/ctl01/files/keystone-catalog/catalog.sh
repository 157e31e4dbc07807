# Makes the service catalogue be what the cloud's endpoints say. Repeating it changes nothing. All is asked by one process: to start the
# command `openstack` for each question takes longer than everything else here.
set -o errexit -o pipefail -o nounset
export OS_CLIENT_CONFIG_FILE=/etc/kolla-task/clouds.yaml OS_CLOUD=default

# The interpreter is that of the image's own program.
read -r first < "$(command -v openstack)"
# The region; then of each service its name, its type, its internal and its public URL.
${first#\#!} - 'RegionOne' \
    'keystone' 'identity' 'http://[fd00:20::250]:5000' 'http://[fd00:20::250]:5000' \
    'barbican' 'key-manager' 'http://[fd00:20::250]:9311' 'http://[fd00:20::250]:9311' \
    'placement' 'placement' 'http://[fd00:20::250]:8780' 'http://[fd00:20::250]:8780' << 'PYTHON'
import sys

import openstack

region, *words = sys.argv[1:]
identity = openstack.connect().identity
services = {it.name: it for it in identity.services()}
endpoints = {(it.service_id, it.interface, it.region_id): it for it in identity.endpoints()}
for name, kind, internal, public in zip(*[iter(words)] * 4):
    service = services.get(name) or identity.create_service(name=name, type=kind)
    for interface, url in [('internal', internal), ('public', public)]:
        endpoint = endpoints.get((service.id, interface, region))
        if endpoint is None:
            identity.create_endpoint(service_id=service.id, interface=interface, region_id=region, url=url)
        elif endpoint.url != url:
            identity.update_endpoint(endpoint, url=url)

import json

from keystoneauth1.exceptions.http import Unauthorized
from keystoneauth1.identity import v3


def signs_in(user):
    auth = v3.Password(session.auth.auth_url, username=user['name'], password=user['password'], user_domain_id='default', unscoped=True)
    try:
        return bool(auth.get_access(session))
    except Unauthorized:
        return False


# The users that services sign in with. Who is given a password anew loses his tokens.
session = openstack.connect().session
project = next(identity.projects(name='service', domain_id='default'), None) or identity.create_project(name='service', domain_id='default')
roles = {it.name: it for it in identity.roles()}
with open('/etc/kolla-task/users.json') as file:
    users = json.load(file)
for user in users:
    for role in user['roles'] + user['made']:
        if role not in roles:
            roles[role] = identity.create_role(name=role)
    found = next(identity.users(name=user['name'], domain_id='default'), None)
    if found is None:
        found = identity.create_user(name=user['name'], password=user['password'], domain_id='default')
    elif not signs_in(user):
        identity.update_user(found, password=user['password'])
    for role in user['roles']:
        identity.assign_project_role_to_user(project, found, roles[role])
PYTHON
